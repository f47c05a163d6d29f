"""What can be said of a row in one condition on one column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError
from semascope.lexicon.by_rule import holds
from semascope.lexicon.cuts import date_cuts, number_cuts
from semascope.lexicon.rows import Rows
from semascope.lexicon.rules import Clause, Negation, Rule, clauses

_MOST_VALUES = 100
_FEW = 13
# A negation, or a missing value, says less to a reader than a value does.
_PLAIN, _ODD = 1.0, 1.5


@dataclass(frozen=True)
class Conditions:
    """Conditions on columns, and for which rows each holds.

    Parameters
    ----------
    rows : ndarray of int64
        Rows they were made from, ascending.
    rules : list of Rule
        The conditions.
    held : ndarray of bool, shape (rows, conditions)
        Where they hold.
    costs : ndarray of float
        How much each takes to read; a plain condition takes 1.
    sets : list of ndarray of int64
        Conditions that exclude each other: values of one column.
    left_out : dict of str to int
        By column, how many values were too rare, or too many, to become conditions.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import conditions
    >>> items = pl.DataFrame({"genre": ["Horror"] * 6 + ["Drama"] * 6, "year": [1970, 1990] * 6})
    >>> [str(rule) for rule in conditions(items, np.arange(12)).rules]
    ['genre = Drama', 'genre = Horror', 'year < 1990', 'year >= 1990']
    """

    rows: Rows
    rules: list[Rule]
    held: npt.NDArray[np.bool_]
    costs: npt.NDArray[np.float64]
    sets: list[npt.NDArray[np.int64]] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    def at(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Return which conditions hold for some of the rows, shape (rows, conditions)."""
        where = np.searchsorted(self.rows, rows)
        if len(rows) and (
            where.max() >= len(self.rows) or not np.array_equal(self.rows[where], rows)
        ):
            raise InputError(
                "the concept's rows are not among those that the conditions were made from: "
                "make both from the rows of one split"
            )
        return np.asarray(self.held[where])


def conditions(items: pl.DataFrame, rows: Rows, *, leave_out: Sequence[str] = ()) -> Conditions:
    """Collect the conditions that rules are made of; once for all concepts.

    Numbers and dates are cut at readable points near their quantiles; of text, categories, truth
    values, lists, and numbers with few values, each value that is not rare makes a condition; and
    so does a missing value. Conditions that hold for the same rows are kept once.

    Parameters
    ----------
    items : polars.DataFrame
        All rows.
    rows : ndarray of int64
        Rows of the *name* split: values and cuts are taken from these.
    leave_out : sequence of str
        Columns that must not become names, such as the id, the text and the outcome.

    Returns
    -------
    Conditions

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import conditions
    >>> items = pl.DataFrame({"tags": [["a", "b"], ["b"], [], ["a"]] * 3})
    >>> [str(rule) for rule in conditions(items, np.arange(12)).rules]
    ['tags contains a', 'tags contains b', 'not tags contains a', 'not tags contains b']
    """
    rows = np.unique(np.asarray(rows, dtype=np.int64))
    frame = items.drop(leave_out, strict=False)[rows]
    options: list[tuple[Rule, float]] = []
    left_out: dict[str, int] = {}
    for name in frame.columns:
        found, missed = _of_column(frame[name])
        options += found
        if missed:
            left_out[name] = missed
    alone = {name: frame[name].to_frame() for name in frame.columns}
    # Of two conditions that say the same of all rows, the plain one stays.
    options.sort(key=lambda option: option[1])
    rules: list[Rule] = []
    costs: list[float] = []
    held: list[npt.NDArray[np.bool_]] = []
    values: dict[str, list[int]] = {}
    known: set[bytes] = set()
    for rule, cost in options:
        where = holds(rule, alone[next(clauses(rule)).column])
        packed = np.packbits(where).tobytes()
        if not where.any() or where.all() or packed in known:
            continue
        known.add(packed)
        if isinstance(rule, Clause) and rule.operator == "=":
            values.setdefault(rule.column, []).append(len(rules))
        rules.append(rule)
        costs.append(cost)
        held.append(where)
    sets = [np.array(own) for own in values.values() if len(own) > 2]
    matrix = np.stack(held, axis=1) if held else np.zeros((len(rows), 0), dtype=np.bool_)
    return Conditions(rows, rules, matrix, np.array(costs), sets, left_out)


def _of_column(column: pl.Series) -> tuple[list[tuple[Rule, float]], int]:
    name, dtype = column.name, column.dtype
    if dtype.is_float():
        column = column.fill_nan(None)
    missing: list[tuple[Rule, float]] = [(Clause(name, "is missing"), _ODD)]
    present = column.drop_nulls()
    if dtype == pl.List or dtype == pl.Array:
        lists = present.cast(pl.List(dtype.inner))  # type: ignore[attr-defined]
        if dtype.inner.is_nested():  # type: ignore[attr-defined]
            return [], 0
        inside = lists.list.unique().explode().drop_nulls()
        values, left = _values(inside, len(column))
        return [*_valued(name, "contains", values, len(column)), *missing], left
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object, pl.Duration, pl.Time, pl.Null):
        return [], 0
    if dtype == pl.Boolean:
        truths = [Clause(name, "=", (value,)) for value in ("true", "false")]
        return [*((truth, _PLAIN) for truth in truths), *missing], 0
    if dtype == pl.Date or dtype == pl.Datetime:
        days = present.dt.date().cast(pl.Int32).to_numpy()
        return [*_cut(name, date_cuts(days)), *missing], 0
    if dtype.is_numeric():
        numbers = present.cast(pl.Float64) if dtype.is_decimal() else present
        equal: list[tuple[Rule, float]] = []
        if 2 < numbers.n_unique() <= _FEW:
            values, _ = _values(numbers, len(column))
            equal = [(Clause(name, "=", (value,)), _PLAIN) for value, _ in values]
        return [*_cut(name, number_cuts(numbers.to_numpy())), *equal, *missing], 0
    values, left = _values(present, len(column))
    return [*_valued(name, "=", values, len(column)), *missing], left


def _cut(name: str, cuts: Sequence[str]) -> list[tuple[Rule, float]]:
    out: list[tuple[Rule, float]] = []
    for cut in cuts:
        out += [(Clause(name, "<", (cut,)), _PLAIN), (Clause(name, ">=", (cut,)), _PLAIN)]
    return out


def _valued(
    name: str, operator: str, values: list[tuple[str, int]], n: int
) -> list[tuple[Rule, float]]:
    out: list[tuple[Rule, float]] = []
    for value, count in values:
        if operator == "=":
            out.append((Clause(name, "=", (value,)), _PLAIN))
            opposite: Rule = Clause(name, "!=", (value,))
        else:
            out.append((Clause(name, "contains", (value,)), _PLAIN))
            opposite = Negation(Clause(name, "contains", (value,)))
        # Without a rare value are nearly all rows, which tells nothing.
        if 10 * count >= n:
            out.append((opposite, _ODD))
    return out


def _values(present: pl.Series, n: int) -> tuple[list[tuple[str, int]], int]:
    """Return values as text, most frequent first, and how many there are more."""
    texts = present.cast(pl.String)
    counted = texts.value_counts(name="n").sort(["n", texts.name], descending=[True, False])
    frequent = counted.filter(pl.col("n") >= max(3, n // 500)).head(_MOST_VALUES)
    pairs = zip(frequent[texts.name].to_list(), frequent["n"].to_list(), strict=True)
    return list(pairs), len(counted) - len(frequent)
