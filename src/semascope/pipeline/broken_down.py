"""Trust of a lexicon's names by values of a column of its items, or by strength of activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from semascope.core import InputError, did_you_mean, listed
from semascope.lexicon import Clause, Lexicon, date_cuts, holds, number_cuts
from semascope.measure import trust_by_band, trust_by_group
from semascope.pipeline.tested import NOTHING, open_names

MOST_GROUPS = 12
_EACH, _MOST_ROWS = 100, 1000
_QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class BrokenDown:
    """Trust of names, group by group.

    Parameters
    ----------
    scores : polars.DataFrame
        ``concept``, ``name``, ``group``, ``value`` (AUROC), ``low``, ``high``, ``null``, ``p``,
        ``n_active``, ``n_inactive``, ``failures``; null numbers where a side has fewer than two
        rows.
    groups : list of str
        In their order.
    n_without : int
        Rows of the lexicon that are in no group.
    left_out : dict of str to str
        Concepts that could not be scored, and why.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.pipeline import BrokenDown
    >>> BrokenDown(pl.DataFrame(), ["en", "fr"]).n_without
    0
    """

    scores: pl.DataFrame
    groups: list[str]
    n_without: int = 0
    left_out: dict[str, str] | None = None


def trust_by(
    lexicon: Lexicon,
    column: str | None,
    *,
    concepts: Sequence[str] | None = None,
    vectors: Any = None,
) -> BrokenDown:
    """Measure the trust of names on *verify* rows, within each group of the items.

    A name that holds in one language, year or class of customers may not hold in another.

    Parameters
    ----------
    lexicon : Lexicon
        With texts and an encoder, unless vectors are passed.
    column : str or None
        Column of the items: its values are the groups (the 12 most frequent ones), and of numbers
        and dates with more values than that, quarters. None takes quarters of the activation, the
        strongest first, each against all inactive rows.
    concepts : sequence of str, optional
        Ids or names; by default all that have a name.
    vectors : anything that holds a matrix, optional
        The vectors that it was learned from.

    Returns
    -------
    BrokenDown

    Raises
    ------
    InputError
        If there is no such column, it holds lists, or has a single value.

    Examples
    --------
    >>> import polars as pl
    >>> import semascope as sc
    >>> from semascope.pipeline import trust_by
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> items = pl.DataFrame({"text": texts, "shop": ["north", "south", "south"] * 40})
    >>> lexicon = sc.learn(items, text="text", components=8, active=2, progress=False)
    >>> trust_by(lexicon, "shop").groups
    ['south', 'north']
    """
    if column is None:
        tested = open_names(lexicon, concepts, vectors=vectors)
    else:
        groups, values = groups_of(lexicon, column)
        most = min(_MOST_ROWS, _EACH * len(values))
        tested = open_names(lexicon, concepts, vectors=vectors, most=most)
    drawn = [c if j in tested.picked else NOTHING for j, c in enumerate(tested.drawn)]
    ids = lexicon.concepts["id"].to_list()
    seed = tested.material.seed
    if column is None:
        scores = trust_by_band(tested.names, drawn, tested.relevance, ids=ids, seed=seed)
        values, without = scores["group"].unique(maintain_order=True).to_list(), 0
    else:
        scores = trust_by_group(tested.names, drawn, tested.relevance, groups, ids=ids, seed=seed)
        without = groups.null_count()
    own = pl.col("concept").is_in([ids[j] for j in tested.picked])
    place = pl.col("group").replace_strict(values, list(range(len(values))), return_dtype=pl.Int64)
    number = pl.col("concept").replace_strict(ids, list(range(len(ids))), return_dtype=pl.Int64)
    scores = scores.filter(own).sort(number, place)
    return BrokenDown(scores, values, without, tested.left_out)


def groups_of(lexicon: Lexicon, column: str) -> tuple[pl.Series, list[str]]:
    """Return the group of each item, null where it has none, and the groups in their order.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> import semascope as sc
    >>> from semascope.pipeline.broken_down import groups_of
    >>> items = pl.DataFrame({"age": np.arange(400) % 80})
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(items, vectors=x, components=12, active=2, progress=False)
    >>> groups_of(lex, "age")[1]
    ['age < 20', '20 <= age < 40', '40 <= age < 60', 'age >= 60']
    """
    items = lexicon.items
    known = [name for name in items.columns if name not in (lexicon.info.get("id"), lexicon.text)]
    if column not in items.columns:
        raise InputError(
            f"no column '{column}'{did_you_mean(column, known)}; columns: "
            f"{listed(known) or 'none but ids and texts'}"
        )
    values = items[column]
    if values.dtype.is_nested():
        raise InputError(f"column '{column}' holds {values.dtype}; groups need one value a row")
    n_values = values.drop_nulls().n_unique()
    if n_values < 2:
        raise InputError(f"column '{column}' has {n_values} value(s); groups need two or more")
    many = n_values > MOST_GROUPS
    if many and (values.dtype.is_numeric() or values.dtype in (pl.Date, pl.Datetime)):
        found = _quarters(items, column)
    else:
        labels = values.cast(pl.String)
        counts = labels.drop_nulls().value_counts(sort=True).sort(
            "count", column, descending=[True, False]
        )  # fmt: skip
        kept = counts[column].head(MOST_GROUPS).to_list()
        found = pl.select(pl.when(labels.is_in(kept)).then(labels)).to_series(), kept
        if many and counts["count"][0] < 2:
            raise InputError(f"column '{column}' has another value in each row; there is no group")
    return found


def _quarters(items: pl.DataFrame, column: str) -> tuple[pl.Series, list[str]]:
    """Cut numbers or dates near their quartiles, at values that people would write."""
    known = items[column].drop_nulls()
    if known.dtype.is_numeric():
        cuts = number_cuts(known.to_numpy())
    else:
        cuts = date_cuts(known.cast(pl.Date).to_physical().to_numpy())
    below = np.stack([holds(Clause(column, "<", (cut,)), items) for cut in cuts])
    values = items[column]
    finite = values.is_finite() if values.dtype.is_float() else values.is_not_null()
    has = finite.fill_null(False).to_numpy()
    shares = below[:, has].mean(axis=1)
    chosen = sorted({int(np.abs(shares - quarter).argmin()) for quarter in _QUARTERS})
    ends = [cuts[i] for i in chosen]
    place = (~below[chosen]).sum(axis=0)
    labels = [f"{column} < {ends[0]}"]
    labels += [f"{a} <= {column} < {b}" for a, b in pairwise(ends)]
    labels.append(f"{column} >= {ends[-1]}")
    group = pl.Series(np.array(labels, dtype=object)[place].tolist(), dtype=pl.String)
    return pl.select(pl.when(pl.Series(has)).then(group)).to_series(), labels
