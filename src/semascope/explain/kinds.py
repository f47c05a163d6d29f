"""What was measured of each row: its kind, its numbers, and the unit that effects are told in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, as_series, did_you_mean, listed

Kind = Literal["continuous", "binary", "multiclass", "ordinal", "count", "survival", "paired"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Floats = npt.NDArray[np.float64]

_MOST_LEVELS = 20
_ORDINAL_LEVELS = 10


@dataclass(frozen=True, eq=False)
class Outcome:
    """An outcome, checked.

    Parameters
    ----------
    name : str
        What it is called in messages and sentences.
    kind : str
        One of ``KINDS``.
    values : ndarray of float64, shape (n,)
        Numbers; 0 or 1 for binary and survival (1: it happened), the place among `levels` for
        multiclass and ordinal; NaN where missing.
    unit : str
        Of effects: ``points`` (percentage points), ``times`` (a ratio) or the outcome's own.
    levels : tuple of str
        Of multiclass and ordinal outcomes; of binary ones what 0 and 1 stand for.
    duration : ndarray of float64, shape (n,), optional
        Survival: until it happened, or until the row was last seen.

    Examples
    --------
    >>> from semascope.explain import read_outcome
    >>> read_outcome(["won", "lost", "won"]).levels
    ('lost', 'won')
    """

    name: str
    kind: Kind
    values: Floats
    unit: str
    levels: tuple[str, ...] = ()
    duration: Floats | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: npt.NDArray[np.int64]) -> Outcome:
        """Return the outcome of some rows."""
        duration = None if self.duration is None else self.duration[rows]
        return replace(self, values=self.values[rows], duration=duration)

    @property
    def is_ratio(self) -> bool:
        """Effects are ratios; no effect is 1."""
        return self.unit == "times"


def read_outcome(
    y: Any,
    kind: str = "auto",
    *,
    name: str | None = None,
    unit: str | None = None,
    duration: Any = None,
    order: Sequence[str] | None = None,
) -> Outcome:
    """Check an outcome and turn it into numbers.

    Parameters
    ----------
    y : array-like of shape (n,)
        Numbers, booleans or words. Paired outcomes: the higher value of a pair wins.
    kind : str, default "auto"
        "auto" takes two values as binary, words as multiclass, words whose order is known (by
        `order`, a polars Enum or an ordered pandas Categorical) as ordinal, up to ten whole numbers
        from 0 or 1 on as ordinal, other numbers as continuous. Counts, survival and pairs have to
        be asked for.
    name : str, optional
        By default the name of the series, or "outcome".
    unit : str, optional
        Of a continuous outcome, for sentences; by default its name.
    duration : array-like of shape (n,), optional
        Survival: how long each row was seen, as numbers or durations (counted in days). It may
        have happened to all rows.
    order : sequence of str, optional
        All values from low to high, where they are words; of two the second is the one that is
        counted.

    Raises
    ------
    InputError
        If the outcome is constant, all missing, or does not fit the kind.

    Examples
    --------
    >>> from semascope.explain import read_outcome
    >>> read_outcome([1.5, 2.0, 7.25]).kind, read_outcome([3, 1, 2, 2]).kind
    ('continuous', 'ordinal')
    """
    if kind not in ("auto", *KINDS):
        raise InputError(
            f"no kind of outcome is called '{kind}'; kinds: auto, {listed(KINDS)}"
            f"{did_you_mean(kind, KINDS)}"
        )
    series = _series(y, name)
    name = series.name
    if len(series) == 0:
        raise InputError(f"outcome '{name}' has no rows")
    there = series.drop_nulls()
    if len(there) == 0:
        raise InputError(f"outcome '{name}' is missing in all {len(series)} rows")
    if there.n_unique() == 1 and not (kind == "survival" and there[0] in (1, True)):
        only = f"{there[0]:g}" if there.dtype.is_float() else repr(there[0])
        hint = "; survival is 1 where it happened, else 0" if kind == "survival" else ""
        raise InputError(
            f"outcome '{name}' is {only} in all {len(there)} rows that have it; there is "
            f"nothing to explain{hint}"
        )
    if order is not None:
        series = _ordered(series, order)
        there = series.drop_nulls()
    words = series.dtype not in (pl.Boolean, pl.Float64)
    found: Kind = _told(series, there, words) if kind == "auto" else kind  # type: ignore[assignment]
    levels: tuple[str, ...] = ()
    if words or found in ("multiclass", "ordinal"):
        levels, series = _levels(series, there, found)
    values = series.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
    if found in ("binary", "survival"):
        levels, values = _two(name, values, levels, found)
    if found in ("continuous", "count", "paired") and words:
        raise InputError(f"a {found} outcome is numbers; '{name}' holds words such as {there[0]!r}")
    if found == "count" and ((values < 0) | (values % 1 > 0)).any():
        row = int(np.flatnonzero((values < 0) | (values % 1 > 0))[0])
        raise InputError(
            f"counts are whole numbers from 0 on; '{name}' is {values[row]:g} at row {row}"
        )
    units: dict[str, str] = {"continuous": unit or name, "count": "times", "survival": "times"}
    told = units.get(found, "points")
    seen = _durations(duration, name, values) if found == "survival" else None
    return Outcome(name, found, values, told, levels, seen)


def _series(y: Any, name: str | None) -> pl.Series:
    series = as_series(y, "outcome")
    series = series.alias(name or series.name)
    if series.dtype.is_numeric():
        series = series.cast(pl.Float64)
        endless = series.is_infinite().fill_null(False).arg_true()
        if len(endless):
            raise InputError(f"outcome '{series.name}' is infinite at row {int(endless[0])}")
    elif series.dtype == pl.Null:
        series = series.cast(pl.Float64)
    elif series.dtype not in (pl.Boolean, pl.Enum, pl.Categorical, pl.String):
        raise InputError(
            f"outcome '{series.name}' has the type {series.dtype}; numbers, booleans or words can "
            "be explained"
        )
    return series


def _ordered(series: pl.Series, order: Sequence[str]) -> pl.Series:
    if series.dtype in (pl.Boolean, pl.Float64):
        raise InputError(
            f"order= is for words; '{series.name}' holds {series.dtype}, whose order is known"
        )
    given = [order] if isinstance(order, str) else [str(one) for one in order]
    words = series.cast(pl.String)
    missing = sorted(set(words.drop_nulls()) - set(given))
    if missing or len(set(given)) < len(given):
        why = f"lacks {listed(map(repr, missing))}" if missing else "names a value twice"
        raise InputError(f"order= names each value of '{series.name}' once; it {why}")
    return words.cast(pl.Enum(given))


def _told(series: pl.Series, there: pl.Series, words: bool) -> Kind:
    distinct = there.n_unique()
    if distinct == 2:
        return "binary"
    if isinstance(series.dtype, pl.Enum):
        return "ordinal"
    if words:
        if distinct > _MOST_LEVELS:
            raise InputError(
                f"outcome '{series.name}' has {distinct} different words; at most {_MOST_LEVELS} "
                "classes are told apart"
            )
        return "multiclass"
    whole = bool((there % 1 == 0).all())
    small = whole and there.min() in (0, 1) and distinct <= _ORDINAL_LEVELS
    return "ordinal" if small else "continuous"


def _levels(series: pl.Series, there: pl.Series, kind: str) -> tuple[tuple[str, ...], pl.Series]:
    if isinstance(series.dtype, pl.Enum):
        used = set(there.unique().to_list())
        order = [level for level in series.dtype.categories.to_list() if level in used]
    elif series.dtype == pl.String or series.dtype == pl.Categorical:
        if kind == "ordinal":
            raise InputError(
                f"outcome '{series.name}' holds words, whose order is not known; tell it with "
                f"order= (--order), such as {list(there.unique().sort()[:3])}, from low to high"
            )
        series = series.cast(pl.String)
        order = sorted(there.cast(pl.String).unique().to_list())
    else:
        order = sorted(there.unique().to_list())
    if kind == "multiclass" and len(order) > _MOST_LEVELS:
        raise InputError(
            f"outcome '{series.name}' has {len(order)} classes; at most {_MOST_LEVELS} are told "
            "apart"
        )
    names = tuple(f"{v:g}" if isinstance(v, float) else str(v) for v in order)
    places = series.replace_strict(order, range(len(order)), default=None, return_dtype=pl.Float64)
    return names, places.alias(series.name)


def _two(
    name: str, values: Floats, levels: tuple[str, ...], kind: str
) -> tuple[tuple[str, ...], Floats]:
    known = np.unique(values[~np.isnan(values)])
    if kind == "survival" and np.array_equal(known, [1.0]) and not levels:
        return ("0", "1"), values
    if len(known) != 2:
        raise InputError(
            f"a {kind} outcome has two values; '{name}' has {len(known)}"
            + (f" ({listed(levels)})" if levels else "")
        )
    told = levels or tuple(f"{v:g}" for v in known)
    return told, np.where(np.isnan(values), np.nan, (values == known[1]).astype(np.float64))


def _durations(duration: Any, name: str, values: Floats) -> Floats:
    if duration is None:
        raise InputError(
            f"survival needs to know how long each row was seen; pass time= beside '{name}'"
        )
    series = as_series(duration, "time")
    if isinstance(series.dtype, pl.Duration):
        series = series.dt.total_microseconds() / (24 * 3600 * 1e6)
    if not series.dtype.is_numeric():
        raise InputError(
            f"time tells how long each row was seen, as a number; '{series.name}' is {series.dtype}"
            + ("; pass the end less the start" if series.dtype.is_temporal() else "")
        )
    found = series.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
    if len(found) != len(values):
        raise InputError(f"time has {len(found)} rows, the outcome {len(values)}")
    bad = np.flatnonzero(~((found > 0) & np.isfinite(found)) & ~np.isnan(values))
    if len(bad):
        at = "missing" if np.isnan(found[bad[0]]) else f"{found[bad[0]]:g}"
        raise InputError(
            f"time must be above 0 in every row; it is {at} at row {bad[0]}"
            + (f" and in {len(bad) - 1} more" if len(bad) > 1 else "")
        )
    return found
