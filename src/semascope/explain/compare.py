"""Which concepts differ between two sets of items: drift, before and after, real and generated."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import SPLITS, InputError, as_series
from semascope.explain.design import read_column
from semascope.explain.effects import effects
from semascope.explain.findings import save_result
from semascope.explain.forest import forest
from semascope.explain.given import read_concepts, read_keys, read_weights
from semascope.explain.kinds import Outcome
from semascope.explain.problem import check_groups, scaled
from semascope.explain.sentences import ends_text
from semascope.explain.tested import FEWEST, adjusted, as_strengths
from semascope.lexicon import Lexicon

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = npt.NDArray[np.int64]
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Comparison:
    """How two sets of items differ.

    Parameters
    ----------
    table : polars.DataFrame
        A row for each concept; see `compare`.
    names : (str, str)
        What the sets are called.
    level : float
        Concepts with a q up to this differ.
    how : dict
        How it was made.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> random = np.random.default_rng(0)
    >>> before, after = random.random((300, 2)) < 0.2, random.random((300, 2)) < [0.2, 0.5]
    >>> sc.explain.compare(after, before, called=("after", "before")).sentences
    ['concept c1 is 33 points more frequent in after than in before [25, 40]']
    """

    table: pl.DataFrame
    names: tuple[str, str]
    level: float = 0.05
    how: dict[str, Any] = field(default_factory=dict)

    @property
    def findings(self) -> pl.DataFrame:
        """Concepts that differ in prevalence or strength, surest first."""
        least = pl.min_horizontal("q", "strength_q")
        return self.table.filter(least <= self.level).sort(least, maintain_order=True)

    @property
    def sentences(self) -> list[str]:
        """One sentence a concept that differs."""
        return [self._said(row) for row in self.findings.iter_rows(named=True)]

    @property
    def headline(self) -> str:
        """How many concepts were tested, and how many of them differ."""
        tested = self.table["p"].is_not_null().sum()
        return (
            f"{len(self.findings)} of {tested} tested concepts differ between {self.names[0]} and "
            f"{self.names[1]} at a false-discovery rate of {self.level:g}"
        )

    def plot(self, *, most: int = 20) -> Figure:
        """Draw a forest plot of the differences in prevalence; see `Findings.plot`."""
        what = f"prevalence in {self.names[0]} less that in {self.names[1]}"
        shown = Outcome(what, "binary", np.zeros(0), "points")
        return forest(self.table, shown, level=self.level, most=most)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the comparison; see `Findings.save`."""
        save_result(
            path, {"findings": self.table}, self.sentences, self.as_data(), overwrite=overwrite
        )

    def as_data(self) -> dict[str, Any]:
        """Return everything as plain data for JSON."""
        return {"sentences": self.sentences, "table": self.table.to_dicts(), "how": self.how}

    def __repr__(self) -> str:
        return "\n".join([self.headline, *(f"  {line}" for line in self.sentences[:10])])

    def _said(self, row: dict[str, Any]) -> str:
        who = f"“{row['name']}”" if row["name"] is not None else f"concept {row['concept']}"
        first, second = self.names
        parts = []
        if row["q"] is not None and row["q"] <= self.level:
            size, ends = ends_text(row["effect"], row["low"], row["high"])
            more = "more" if row["effect"] > 0 else "less"
            parts.append(f"{size} points {more} frequent in {first} than in {second} {ends}")
        if row["strength_q"] is not None and row["strength_q"] <= self.level:
            size, ends = ends_text(row["strength"], row["strength_low"], row["strength_high"])
            more = "stronger" if row["strength"] > 0 else "weaker"
            parts.append(f"{size} {more} where it is shown {ends}")
        return f"{who} is {' and '.join(parts)}"


def compare(
    a: Any,
    b: Any,
    *,
    lexicon: Lexicon | None = None,
    names: Any = None,
    called: tuple[str, str] = ("A", "B"),
    groups: str | tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    weights: str | tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    level: float = 0.05,
    fewest: int = FEWEST,
) -> Comparison:
    """Tell which concepts differ between two sets of items, in prevalence and in strength.

    Nothing is chosen by which set an item belongs to, so all items of either set are used, but of
    rows of the lexicon only *verify* rows: the dictionary knows the others. No item may be in both
    sets, or twice in one: it would count as several.

    Parameters
    ----------
    a, b : Codes, arrays or scipy.sparse of shape (n, m)
        Or, with a lexicon, its rows (numbers or a mask), texts, or vectors to be encoded.
    lexicon : Lexicon, optional
        What encodes, and names concepts.
    names : sequence of str, optional
        Without a lexicon: names of concepts.
    called : (str, str)
        What the sets are called in sentences.
    groups, weights : (array-like, array-like) or str, optional
        For the items of either set; as in `outcome`. Of rows of a lexicon also the name of a column
        of its items, or values of all its rows.
    level : float, default 0.05
        False-discovery rate.
    fewest : int, default 20
        Concepts that fewer items show, in both sets together, are not tested.

    Returns
    -------
    Comparison
        Its ``table``: ``concept``, ``name``, ``effect`` with ``low``, ``high``, ``p``, ``q``
        (difference in prevalence, percentage points), ``a`` and ``b`` (prevalences, weighted like
        the effect), ``n_a``, ``n_b``, ``strength`` with ``strength_low``, ``strength_high``,
        ``strength_p``, ``strength_q`` (difference of mean activation where active). ``q`` and
        ``strength_q`` are Benjamini and Hochberg's over both kinds of tests together, so that the
        rate holds for all that the sentences say.

    Raises
    ------
    InputError
        If sets do not fit each other or the lexicon, share items, or have weights below 0.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> random = np.random.default_rng(0)
    >>> a, b = random.random((300, 2)) < [0.2, 0.5], random.random((300, 2)) < 0.2
    >>> sc.explain.compare(a, b, names=["tea", "train"]).findings["name"].to_list()
    ['train']
    """
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level}")
    if fewest < 2:
        raise InputError(f"fewest must be at least 2, got {fewest}")
    if isinstance(called, str) or len(called) != 2:
        raise InputError(f"called is what either set is called: two names, got {called!r}")
    if any(isinstance(one, Lexicon) for one in (a, b)):
        raise InputError("a lexicon is no set of items; pass rows of it, and lexicon=")
    called = (str(called[0]), str(called[1]))
    first, second = _side(a, lexicon, called[0]), _side(b, lexicon, called[1])
    _require_apart(first, second, called)
    parts = [first.codes, second.codes]
    if parts[0].shape[1] != parts[1].shape[1]:
        raise InputError(
            f"{called[0]} has {parts[0].shape[1]} concepts, {called[1]} {parts[1].shape[1]}"
        )
    if min(p.shape[0] for p in parts) < 2:
        sizes = " and ".join(str(p.shape[0]) for p in parts)
        raise InputError(f"two items of either set are needed, there are {sizes} that can be used")
    from scipy.sparse import vstack

    whole = vstack(parts).tocsr()
    ids, told, alive = read_concepts(whole if lexicon is None else lexicon, names)[1:]
    member = np.repeat([1.0, 0.0], [p.shape[0] for p in parts])[:, None]
    keys, masses = (
        _of_both(given, first, second, lexicon, what)
        for given, what in ((groups, "groups"), (weights, "weights"))
    )
    group = read_keys(keys, None, len(member), "groups")
    weight = read_weights(masses, None, len(member))
    if group is not None:
        check_groups(group)
    if weight is not None and min(weight[member[:, 0] == side].sum() for side in (0, 1)) <= 0:
        raise InputError("weights are 0 in all items of a set")
    columns = _columns(whole, member, group, weight, fewest, alive)
    n_a = parts[0].shape[0]
    table = pl.DataFrame({"concept": ids, "name": told} | columns).with_columns(
        pl.selectors.float().fill_nan(None), n_a=n_a, n_b=len(member) - n_a
    )
    table = table.filter(pl.Series(alive)).sort("p", nulls_last=True, maintain_order=True)
    how = {
        "made_by": f"semascope {version('semascope')}",
        "lexicon": None if lexicon is None else str(lexicon.path or "in memory"),
        "sets": {called[0]: n_a, called[1]: len(member) - n_a},
        "level": level,
        "fewest": fewest,
    }
    return Comparison(table, called, level, how)


def _columns(
    codes: Any, member: Any, groups: Any, weights: Any, fewest: int, alive: Any
) -> dict[str, Any]:
    m = codes.shape[1]
    active = codes.copy()
    active.data = np.ones_like(active.data)
    shown = np.asarray(active.sum(axis=0)).ravel()
    tested = np.flatnonzero((np.minimum(shown, len(member) - shown) >= fewest) & alive)
    first = member[:, 0] == 1
    mass = np.ones(len(member)) if weights is None else weights
    out = {
        name: np.asarray(active[side].T @ (mass[side] / mass[side].sum())).ravel()
        for name, side in (("a", first), ("b", ~first))
    }
    keys = ("effect", "low", "high", "p")
    wide = {key: np.full(m, np.nan) for key in keys}
    strong = {key: np.full(m, np.nan) for key in keys}
    options = {"groups": groups, "weights": weights}
    for start in range(0, len(tested), _BLOCK):
        some = tested[start : start + _BLOCK]
        found = scaled(effects(member, active[:, some].toarray(), binary=True, **options), 100.0)
        for key in keys:
            wide[key][some] = getattr(found, key)[0]
    columns = codes.tocsc()
    for j in tested:
        here = slice(columns.indptr[j], columns.indptr[j + 1])
        rows, values = columns.indices[here], columns.data[here]
        sides = member[rows, 0].sum()
        if min(sides, len(rows) - sides) < fewest / 2 or np.ptp(values) == 0:
            continue
        some_groups = None if groups is None else groups[rows]
        if some_groups is not None and len(np.unique(some_groups)) < 5:
            continue
        found = effects(
            member[rows], values, groups=some_groups,
            weights=None if weights is None else weights[rows],
        )  # fmt: skip
        for key in keys:
            strong[key][j] = getattr(found, key)[0]
    # One rate for both kinds of tests: either makes a finding.
    q, strength_q = adjusted(np.stack([wide["p"], strong["p"]]))
    out = wide | {"q": q} | out
    named = {"strength" if key == "effect" else f"strength_{key}": strong[key] for key in keys}
    return out | named | {"strength_q": strength_q}


@dataclass(frozen=True, eq=False)
class _Side:
    """Codes of those items of a set that can be used; which of those given these are."""

    codes: Any
    kept: Rows
    given: int
    rows: Rows | None = None


def _side(given: Any, lexicon: Lexicon | None, which: str) -> _Side:
    if lexicon is None:
        codes = read_concepts(given, None)[0]
        return _Side(codes, np.arange(codes.shape[0]), codes.shape[0])
    array = None if _texts(given) else np.asarray(given) if not hasattr(given, "shape") else given
    if array is not None and len(array.shape) == 1 and np.asarray(array).dtype.kind in "biu":
        rows = np.asarray(array)
        n = len(lexicon.items)
        if rows.dtype == bool:
            if len(rows) != n:
                raise InputError(
                    f"the mask of {which} has {len(rows)} values, the lexicon {n} rows"
                )
            rows = np.flatnonzero(rows)
        if len(rows) and not 0 <= rows.min() <= rows.max() < n:
            raise InputError(f"{which} holds rows outside 0..{n - 1}")
        kept = np.flatnonzero(lexicon.splits[rows] == SPLITS.index("verify"))
        return _Side(as_strengths(lexicon.codes)[rows[kept]], kept, len(rows), rows)
    codes = as_strengths(lexicon.encode(given))
    return _Side(codes, np.arange(codes.shape[0]), codes.shape[0])


def _require_apart(first: _Side, second: _Side, called: tuple[str, str]) -> None:
    for side, which in ((first, called[0]), (second, called[1])):
        if side.rows is not None and len(np.unique(side.rows)) < len(side.rows):
            raise InputError(f"{which} holds a row twice; it would count as two")
    if first.rows is not None and second.rows is not None:
        both = np.intersect1d(first.rows, second.rows)
        if len(both):
            raise InputError(
                f"{len(both)} rows are in {called[0]} and in {called[1]}, first {both[0]}; compare "
                "a part with the rest of the whole"
            )


def _texts(given: Any) -> bool:
    if isinstance(given, pl.Series):
        return given.dtype == pl.String
    return isinstance(given, list | tuple) and bool(given) and isinstance(given[0], str)


def _of_both(
    given: Any, first: _Side, second: _Side, lexicon: Lexicon | None, what: str
) -> pl.Series | None:
    """Return what belongs to the items of either set that can be used, the first set's first."""
    if given is None:
        return None
    if isinstance(given, str):
        if lexicon is None or first.rows is None or second.rows is None:
            raise InputError(
                f"{what}: '{given}' is a name, and there are no rows of a lexicon; pass values for "
                "the items of either set"
            )
        given = [read_column(given, lexicon.items, len(lexicon.items), what)] * 2
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise InputError(f"{what} are two: values for the items of one set and for the other's")
    values: list[Any] = []
    for one, side in zip(given, (first, second), strict=True):
        column = as_series(one, what)
        whole = 0 if lexicon is None else len(lexicon.items)
        if side.rows is not None and len(column) == whole != side.given:
            column = column.gather(side.rows)
        if len(column) != side.given:
            raise InputError(
                f"{what} must have a value for each item of either set: {len(column)} for "
                f"{side.given}"
            )
        values += column.gather(side.kept).to_list()
    return as_series(values, what)
