"""Where a model fails: slices of the items, in words, found on some rows and tested on others."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import SPLITS, InputError
from semascope.explain.design import read_column, read_columns
from semascope.explain.effects import effects
from semascope.explain.given import read_concepts, read_keys, read_splits
from semascope.explain.literals import Literals, Rows, literals
from semascope.explain.losses import Losses, as_column, read_losses
from semascope.explain.problem import check_groups
from semascope.explain.slice_search import Candidate, search
from semascope.explain.sliced import Slices
from semascope.explain.tested import FEWEST, adjusted
from semascope.lexicon import Lexicon, Rule


def slices(
    lex: Any,
    y_true: Any,
    y_pred: Any,
    *,
    columns: Any = None,
    loss: str = "auto",
    groups: Any = None,
    missing: Literal["error", "drop"] = "error",
    splits: npt.ArrayLike | None = None,
    names: Any = None,
    depth: int = 3,
    width: int = 20,
    most: int = 20,
    fewest: int = FEWEST,
    overlap: float = 0.5,
    level: float = 0.05,
    items: str = "items",
) -> Slices:
    """Find the smallest combinations of concepts and columns in which a model is worse.

    Slices are searched on *discover* and *name* rows and tested on *verify* rows: the mean loss of
    a slice less that of all other rows. Predictions should be held out on all rows, as by
    cross-validation: a model that was trained on some of them errs less there, and what the search
    sees is then not what the test sees.

    Parameters
    ----------
    lex : Lexicon, Codes, or array or scipy.sparse of shape (n, m)
        What the rows show.
    y_true, y_pred : str or array-like of shape (n,)
        Truth and prediction, or columns of the lexicon's items that hold them; probabilities may
        have the shape (n, classes). See `read_losses`.
    columns : names of columns or frame of n rows, optional
        What conditions such as ``year < 1980`` are made of. By default all columns of a lexicon's
        items but ids, texts, truth and prediction; pass ``[]`` for concepts alone.
    loss : {"auto", "error", "log", "absolute", "squared"}
        See `read_losses`.
    groups : name of a column or array (n,), optional
        Rows that are not independent: errors allow for that.
    missing : {"error", "drop"}, default "error"
        Rows without truth or prediction: refuse, or leave out and count.
    splits, names
        Without a lexicon; as in `outcome`.
    depth : int, default 3
        Parts of a slice at most; people do not read more.
    width : int, default 20
        Slices that the search follows up at a time.
    most : int, default 20
        Slices to test at most. Fewer tests find more.
    fewest : int, default 20
        *Verify* rows that a slice, and the rest, must have.
    overlap : float, default 0.5
        Of two slices with a larger Jaccard index of their rows, the less sure is left out.
    level : float, default 0.05
        False-discovery rate.
    items : str, default "items"
        What rows are called in sentences.

    Returns
    -------
    Slices
        Its ``table`` has a row for each tested slice, surest first:

        - ``slice`` (words), ``shown`` and ``absent`` (concepts), ``rule`` (over columns),
          ``parts`` (how many).
        - ``effect``, ``low``, ``high``, ``p``: by how much losses are larger than elsewhere; for
          error rates in percentage points. ``inside`` and ``outside``: the two means, in percent.
        - ``adds``, ``adds_p``: of a slice of several parts, how much the part that adds least adds:
          losses against the rows that have all other parts but not this one.
        - ``q``: Benjamini and Hochberg over the larger of ``p`` and ``adds_p``, so that a finding
          is a slice that is worse and of which no part can be left out.
        - ``n`` (tested rows in the slice), ``support`` (their share), ``searched`` (the effect on
          the rows it was found on, which is too large), ``unit``.

    Raises
    ------
    InputError
        If lengths differ, losses are constant, columns are unknown, or rows are too few.

    Notes
    -----
    A combination none of whose parts has larger losses by itself (exclusive or) is found only if
    one of them is among the `width` followed up.

    References
    ----------
    Chung, Kraska, Polyzotis, Tae and Whang, "Automated data slicing for model validation", 2019.
    Berger, "Multiparameter hypothesis testing and acceptance sampling", 1982 (the larger of
    several p-values).

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> import semascope as sc
    >>> random = np.random.default_rng(0)
    >>> x, year = random.random((1500, 3)) < 0.4, np.arange(1500) % 70 + 1950
    >>> price = random.random(1500)
    >>> told = price + np.where(x[:, 2] & (year < 1980), 3, 0.1)
    >>> table = pl.DataFrame({"year": year})
    >>> found = sc.explain.slices(x, price, told, columns=table, names=["a", "b", "c"])
    >>> found.findings.select("slice", "parts").row(0)
    ('with “c” where year < 1980', 2)
    """
    _check(depth, width, most, fewest, overlap, level, missing)
    table_of_items = lex.items if isinstance(lex, Lexicon) else None
    codes, ids, told, alive = read_concepts(lex, names)
    n = codes.shape[0]
    truth, given = (
        read_column(one, table_of_items, n, what) if isinstance(one, str) else as_column(one, what)
        for one, what in ((y_true, "y_true"), (y_pred, "y_pred"))
    )
    if not isinstance(truth, pl.Series) or len(truth) != n:
        raise InputError(
            f"y_true has {len(truth)} rows, the codes {n}; they must match, row by row"
        )
    losses = read_losses(truth, given, loss)
    known = ~np.isnan(losses.values)
    if not known.all() and missing == "error":
        raise InputError(
            f"truth or prediction is missing in {int((~known).sum())} of {n} rows, first at row "
            f"{int(np.argmin(known))}; leave them out with missing='drop' (--drop-missing)"
        )
    columns = _columns(lex, columns, table_of_items, n, [y_true, y_pred])
    group = read_keys(groups, table_of_items, n, "groups")
    if group is not None:
        check_groups(group)
    side = read_splits(lex, splits, n, group)
    verify = np.flatnonzero(known & (side == SPLITS.index("verify")))
    searched = np.flatnonzero(known & (side != SPLITS.index("verify")))
    if min(len(verify), len(searched)) < 2 * fewest:
        raise InputError(
            f"there are {len(verify)} verify rows to test on and {len(searched)} to search; either "
            f"must be {2 * fewest} or more: pass more rows, or a smaller fewest="
        )
    active = codes.copy()
    active.data = np.ones_like(active.data)
    # In proportion, so that what is found has rows enough to be tested.
    least = max(2, round(fewest * len(searched) / len(verify)))
    options = literals(active, alive, columns, searched, least)
    found = search(
        options, searched, losses.values[searched],
        depth=depth, width=width, fewest=least, most=most, overlap=overlap,
    )  # fmt: skip
    masks = [options.all_hold(one.parts) for one in found]
    enough = [min(m[verify].sum(), (~m[verify]).sum()) >= fewest for m in masks]
    found = [one for one, yes in zip(found, enough, strict=True) if yes]
    tested = _tested(options, found, losses, verify, searched, group)
    words = [_words(options.parts(one.parts), ids, told) for one in found]
    schema: Any = {"slice": pl.String, "shown": pl.List(pl.String), "absent": pl.List(pl.String),
              "rule": pl.String, "parts": pl.Int64}  # fmt: skip
    table = pl.concat([pl.DataFrame(words, schema=schema, orient="row"), tested], how="horizontal")
    order = table.with_row_index("at").sort("q", "p", "at", nulls_last=True)["at"].to_list()
    members = tuple(np.flatnonzero(options.all_hold(found[i].parts)) for i in order)
    left_out = {} if known.all() else {"rows without truth or prediction": int((~known).sum())}
    how = {
        "made_by": f"semascope {version('semascope')}",
        "lexicon": None if not isinstance(lex, Lexicon) else str(lex.path or "in memory"),
        "loss": losses.kind,
        "rows": {"searched": len(searched), "tested": len(verify)},
        "made_of": {"concepts": len(options.concepts), "conditions": len(options.rules)},
        "options": {"depth": depth, "width": width, "most": most, "fewest": fewest,
                    "overlap": overlap, "level": level},
        "groups": group is not None,
        "interval": 0.95,
    }  # fmt: skip
    return Slices(table[order], members, losses, items, level, left_out, how)


def _check(
    depth: int, width: int, most: int, fewest: int, overlap: float, level: float, missing: str
) -> None:
    if missing not in ("error", "drop"):
        raise InputError(f"missing must be 'error' or 'drop', got '{missing}'")
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level}")
    if not 0 <= overlap <= 1:
        raise InputError(f"overlap must lie between 0 and 1, got {overlap}")
    if min(depth, width, most) < 1 or fewest < 2:
        raise InputError(
            "depth, width and most must be at least 1 and fewest at least 2, got "
            f"{depth}, {width}, {most} and {fewest}"
        )


def _columns(
    lex: Any, columns: Any, items: pl.DataFrame | None, n: int, answers: list[Any]
) -> pl.DataFrame | None:
    if columns is None and isinstance(lex, Lexicon):
        hidden = {lex.info.get("id", "id"), lex.text, lex.events, lex.images}
        hidden |= {one for one in answers if isinstance(one, str)}
        hidden |= {one.name for one in answers if isinstance(one, pl.Series)}
        return lex.items.select(c for c in lex.items.columns if c not in hidden)
    if columns is None or (not isinstance(columns, pl.DataFrame) and not len(columns)):
        return None
    found = read_columns(columns, items, n, "columns")
    stated = [one for one in answers if isinstance(one, str) and one in found.columns]
    if stated:
        raise InputError(
            f"column '{stated[0]}' is what slices are to tell; leave it out of columns"
        )
    return found


def _tested(
    options: Literals,
    found: list[Candidate],
    losses: Losses,
    verify: Rows,
    searched: Rows,
    groups: Any,
) -> pl.DataFrame:
    binary = losses.kind == "error"
    unit = 100.0 if binary else 1.0
    y = losses.values[verify]
    group = None if groups is None else groups[verify]
    x = np.zeros((len(verify), len(found)))
    for j, one in enumerate(found):
        x[:, j] = options.all_hold(one.parts)[verify]
    whole = effects(x, y, groups=group, binary=binary)
    sizes = x.sum(axis=0)
    inside = x.T @ y / np.maximum(sizes, 1)
    outside = (y.sum() - x.T @ y) / np.maximum(len(y) - sizes, 1)
    adds = np.full((2, len(found)), np.nan)
    before = np.full(len(found), np.nan)
    for j, one in enumerate(found):
        at_search = losses.values[searched]
        before[j] = at_search[one.rows].mean() - at_search[~one.rows].mean()
        if len(one.parts) > 1:
            adds[:, j] = _adds(options, one.parts, x[:, j], y, verify, group, binary)
    several = np.array([len(one.parts) > 1 for one in found], dtype=bool)
    larger = np.where(several, np.fmax(whole.p, np.nan_to_num(adds[1], nan=1.0)), whole.p)
    return pl.DataFrame(
        {
            "effect": unit * whole.effect,
            "low": unit * whole.low,
            "high": unit * whole.high,
            "p": whole.p,
            "q": adjusted(larger),
            "inside": unit * inside,
            "outside": unit * outside,
            "adds": unit * adds[0],
            "adds_p": adds[1],
            "n": sizes.astype(np.int64),
            "support": sizes / max(1, len(y)),
            "searched": unit * before,
            "unit": [losses.unit] * len(found),
        },
        schema_overrides={"unit": pl.String},
    ).with_columns(pl.selectors.float().fill_nan(None))


def _adds(
    options: Literals, parts: Any, inside: Any, y: Any, verify: Rows, group: Any, binary: bool
) -> tuple[float, float]:
    """Return effect and p of the part that adds least."""
    least = (np.inf, -1.0)
    for left in parts:
        without = tuple(one for one in parts if one != left)
        rows = np.flatnonzero(options.all_hold(without)[verify])
        others = None if group is None else group[rows]
        if others is not None and len(np.unique(others)) < 2:
            return np.nan, 1.0
        one = effects(inside[rows][:, None], y[rows], groups=others, binary=binary)
        p = one.p[0] if one.effect[0] > 0 else 1.0
        if np.isnan(p) or p > least[1]:
            least = (float(one.effect[0]), 1.0 if np.isnan(p) else float(p))
    return least


def _words(
    parts: tuple[list[int], list[int], Rule | None], ids: pl.Series, names: pl.Series
) -> tuple[str, list[str], list[str], str | None, int]:
    shown, absent, rule = parts

    def called(latents: list[int]) -> str:
        said = [f"“{names[j]}”" if names[j] is not None else f"concept {ids[j]}" for j in latents]
        return " and ".join(said)

    words = [f"with {called(shown)}"] if shown else []
    words += [f"without {called([j])}" for j in absent]
    words += [f"where {rule}"] if rule is not None else []
    count = len(shown) + len(absent)
    if rule is not None:
        count += len(getattr(rule, "rules", (rule,)))
    return (
        " ".join(words),
        [ids[j] for j in shown],
        [ids[j] for j in absent],
        (None if rule is None else str(rule)),
        count,
    )
