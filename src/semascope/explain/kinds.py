"""What was measured of each row: its kind, its numbers, and the unit that effects are told in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, did_you_mean, listed

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
) -> Outcome:
    """Check an outcome and turn it into numbers.

    Parameters
    ----------
    y : array-like of shape (n,)
        Numbers, booleans or words. Paired outcomes: the higher value of a pair wins.
    kind : str, default "auto"
        "auto" takes two values as binary, words as multiclass (an Enum as ordinal), up to ten
        whole numbers from 0 or 1 on as ordinal, other numbers as continuous. Counts, survival and
        pairs have to be asked for.
    name : str, optional
        By default the name of the series, or "outcome".
    unit : str, optional
        Of a continuous outcome, for sentences; by default its name.
    duration : array-like of shape (n,), optional
        Survival: how long each row was seen.

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
    if there.n_unique() == 1:
        raise InputError(
            f"outcome '{name}' is {there[0]!r} in all {len(there)} rows that have it; there is "
            "nothing to explain"
        )
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
    seen = _durations(duration, name, len(values)) if found == "survival" else None
    return Outcome(name, found, values, told, levels, seen)


def _series(y: Any, name: str | None) -> pl.Series:
    try:
        if isinstance(y, pl.DataFrame):
            raise TypeError("found a table; pass one of its columns")
        if not isinstance(y, pl.Series) and type(y).__module__.split(".")[0] == "pandas":
            y = pl.from_pandas(y)
        if isinstance(y, pl.Series):
            series = y
        else:
            array = np.asarray(y)
            if array.ndim != 1:
                raise TypeError(f"found shape {array.shape}")
            given = y if array.dtype == object else array
            series = pl.Series("outcome", given, nan_to_null=True)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as err:
        raise InputError(f"an outcome is one value for each row; {err}") from err
    series = series.alias(name or series.name or "outcome")
    if series.dtype.is_numeric():
        series = series.cast(pl.Float64).fill_nan(None)
        endless = series.is_infinite().fill_null(False).arg_true()
        if len(endless):
            raise InputError(f"outcome '{series.name}' is infinite at row {int(endless[0])}")
    elif series.dtype not in (pl.Boolean, pl.Enum, pl.Categorical, pl.String):
        raise InputError(
            f"outcome '{series.name}' has the type {series.dtype}; numbers, booleans or words can "
            "be explained"
        )
    return series


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
                f"outcome '{series.name}' holds words, whose order is not known; pass numbers or a "
                "polars Enum"
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
    if len(known) != 2:
        raise InputError(
            f"a {kind} outcome has two values; '{name}' has {len(known)}"
            + (f" ({listed(levels)})" if levels else "")
        )
    told = levels or tuple(f"{v:g}" for v in known)
    return told, np.where(np.isnan(values), np.nan, (values == known[1]).astype(np.float64))


def _durations(duration: Any, name: str, n: int) -> Floats:
    if duration is None:
        raise InputError(
            f"survival needs to know how long each row was seen; pass time= beside '{name}'"
        )
    found = np.asarray(duration, dtype=np.float64)
    if found.shape != (n,):
        raise InputError(f"time has the shape {found.shape}, the outcome {n} rows")
    bad = np.flatnonzero(~(found > 0))
    if len(bad):
        raise InputError(
            f"time must be above 0 in every row; it is {found[bad[0]]:g} at row {bad[0]}"
            + (f" and in {len(bad) - 1} more" if len(bad) > 1 else "")
        )
    return found
