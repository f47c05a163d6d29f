"""What the names alone say: whether the words, without the codes, go with the outcome."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError
from semascope.explain.problem import Problem, marginal
from semascope.explain.tested import adjusted
from semascope.lexicon import (
    AnyName,
    Lexicon,
    Relevance,
    clauses,
    parse_rule,
    phrase_relevance,
    split_rows,
)

NAME_COLUMNS = ("name_effect", "name_low", "name_high", "name_p", "name_q")


def said_by_names(
    lexicon: Lexicon, relevance: Relevance | None, rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Return on which rows each name says yes, and which concepts have a name that can say so.

    A name says yes where its relevance reaches the threshold that was chosen on *name* rows.

    Parameters
    ----------
    lexicon : Lexicon
        Whose names; those without a threshold were never measured.
    relevance : Relevance, optional
        How phrases score rows; None without texts.
    rows : ndarray of int64
        Rows to score.

    Returns
    -------
    (ndarray of bool, shape (rows, k), ndarray of int64, shape (k,))

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.explain.named import said_by_names
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> said_by_names(lex, None, np.arange(4))[0].shape
    (4, 0)
    """
    name_rows = split_rows(lexicon.splits, "name", seed=int(lexicon.info.get("seed") or 0))
    any_name = AnyName.of(lexicon, relevance, name_rows)
    table = lexicon.concepts
    usable = table["name"].is_not_null() & table["threshold"].is_not_null()
    usable &= table["became"].list.len() == 0
    which = np.array(
        [j for j in usable.arg_true() if any_name.relevance(table["name"][int(j)]) is not None],
        dtype=np.int64,
    )
    if not len(which):
        return np.zeros((len(rows), 0), dtype=bool), which
    scores = any_name(table["name"].gather(which).to_list(), rows)
    cuts = table["threshold"].gather(which).to_numpy()
    # A relevance that never reaches above nothing says no everywhere, not yes.
    yes = (scores >= cuts[:, None].astype(np.float32)) & (scores > scores.min(axis=1)[:, None])
    return yes.T, which


def read_names(
    lex: Any, source: Any, relevance: Relevance | None, outcome: str, rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], int]:
    """Return what `said_by_names` does, without names that state the outcome, and count those.

    Parameters
    ----------
    lex : Lexicon or codes
        Codes have no names that could be read.
    source : pair of VectorSource and str, or None
        What `stored_vectors` returned.
    relevance : Relevance, optional
        How names score rows; by default the lexicon's encoder, or words.
    outcome : str
        Its column.
    rows : ndarray of int64
        Rows to score.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.named import read_names
    >>> read_names(np.eye(4), None, None, "stars", np.arange(4))[0].shape
    (4, 0)
    """
    if not isinstance(lex, Lexicon) or source is None:
        return np.zeros((len(rows), 0), dtype=bool), np.zeros(0, dtype=np.int64), 0
    if relevance is None:
        relevance = phrase_relevance(lex, source[0])
    yes, which = said_by_names(lex, relevance, rows)
    names = lex.concepts["name"].gather(which).to_list()
    states = np.array([states_column(name, outcome) for name in names], dtype=bool)
    return yes[:, ~states], which[~states], int(states.sum())


def with_both(table: pl.DataFrame, said: pl.DataFrame, ratio: bool) -> pl.DataFrame:
    """Add the test that concept and name both go with the outcome, in the same direction.

    Its p is the larger of the two (an intersection-union test), 1 where directions differ; its q
    is over all concepts of which both were tested.

    Parameters
    ----------
    table, said : polars.DataFrame
        Effects of concepts, and of names, row by row.
    ratio : bool
        No effect is 1, else 0.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.named import with_both
    >>> table = pl.DataFrame({"effect": [2.0, 2.0], "p": [0.01, 0.01]})
    >>> said = pl.DataFrame({"name_effect": [1.0, -1.0], "name_p": [0.03, 0.03]})
    >>> with_both(table, said, False)["both_p"].to_list()
    [0.03, 1.0]
    """
    none = 1.0 if ratio else 0.0
    apart = [frame[c].to_numpy() - none for frame, c in ((table, "effect"), (said, "name_effect"))]
    p = np.maximum(table["p"].cast(pl.Float64).to_numpy(), said["name_p"].to_numpy())
    p = np.where((apart[0] * apart[1] <= 0) & ~np.isnan(p), 1.0, p)
    both = pl.DataFrame({"both_p": p, "both_q": adjusted(p)}).fill_nan(None)
    return pl.concat([said, both], how="horizontal")


def states_column(name: str, column: str) -> bool:
    """Tell whether a name is a rule over a column, so that its test would go in a circle.

    Examples
    --------
    >>> from semascope.explain.named import states_column
    >>> states_column("stars >= 4 and genre = Horror", "stars"), states_column("stars", "stars")
    (True, False)
    """
    try:
        return any(clause.column == column for clause in clauses(parse_rule(name)))
    except InputError:
        return False


def name_effects(
    problem: Problem, yes: Any, which: npt.NDArray[np.int64], m: int, fewest: int
) -> pl.DataFrame:
    """Return effects of what names say, for all concepts (and levels); null where not tested.

    Parameters
    ----------
    problem : Problem
        The question.
    yes : array of shape (rows, k)
        What `said_by_names` returned for the problem's rows.
    which : ndarray of int64, shape (k,)
        Concepts of the columns.
    m : int
        All concepts.
    fewest : int
        Rows that must be on either side.

    Returns
    -------
    polars.DataFrame
        ``name_effect``, ``name_low``, ``name_high``, ``name_p``, ``name_q``.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Setting, read_outcome
    >>> from semascope.explain.named import name_effects
    >>> problem = Setting(read_outcome([1.5, 2.0, 4.0, 5.5])).problem(np.arange(4))
    >>> yes = np.array([[False], [False], [True], [True]])
    >>> name_effects(problem, yes, np.array([1]), 2, 2)["name_effect"].to_list()
    [None, 3.0]
    """
    r = problem.y.reshape(len(problem.y), -1).shape[1]
    columns = {name: np.full((m, r), np.nan) for name in NAME_COLUMNS}
    x = np.asarray(yes, dtype=np.float64)
    units = np.asarray(problem.units(x))
    sizes = np.abs(units).sum(axis=0)
    enough = sizes >= fewest
    if problem.pairs is None:
        enough &= len(problem) - sizes >= fewest
    if enough.any():
        found = marginal(problem, x[:, enough])
        for part in ("effect", "low", "high", "p"):
            values = getattr(found, part).reshape(int(enough.sum()), r)
            columns[f"name_{part}"][which[enough]] = values
        columns["name_q"] = adjusted(columns["name_p"])
    return pl.DataFrame({k: v.ravel() for k, v in columns.items()}).with_columns(
        pl.all().fill_nan(None)
    )
