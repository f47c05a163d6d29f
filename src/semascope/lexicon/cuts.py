"""Where to cut a column of numbers or dates: near its quantiles, at values people would write."""

from __future__ import annotations

from datetime import date, timedelta
from math import ceil, floor, log10
from typing import Any

import numpy as np
import numpy.typing as npt

_LEVELS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
_FEW = 13


def number_cuts(values: npt.ArrayLike) -> list[str]:
    """Return cut points, ascending, as text; rows fall below a cut or not.

    A column of few distinct values is cut between any two of them; others near their quantiles,
    at the number with the fewest digits that is not nearer to the next quantile.

    Parameters
    ----------
    values : array-like of shape (n,)
        Numbers without missing values.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon.cuts import number_cuts
    >>> number_cuts([1, 2, 2, 5])
    ['2', '5']
    >>> number_cuts(np.random.default_rng(0).normal(50_000, 12_345, 1000))[5:8]
    ['46000', '50000', '52000']
    """
    numbers = np.asarray(values)
    whole = bool(np.issubdtype(numbers.dtype, np.integer))
    numbers = numbers[np.isfinite(numbers)]
    distinct = np.unique(numbers)
    if len(distinct) <= _FEW:
        return [_number(value, whole) for value in distinct[1:]]
    found = [_number(roundest(*window, whole=whole), whole) for window in _windows(numbers)]
    lowest = distinct[0]
    if np.mean(numbers == lowest) > _LEVELS[1]:
        # Many columns are mostly zero: what is above zero has quantiles of its own.
        rest = numbers[numbers > lowest]
        found += [_number(roundest(*window, whole=whole), whole) for window in _windows(rest)]
        found += [_number(distinct[1], whole)]
    return sorted({cut for cut in found if float(cut) > lowest}, key=float)


def date_cuts(days: npt.ArrayLike) -> list[str]:
    """Return cut points for days since 1970, as years, months or days.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon.cuts import date_cuts
    >>> date_cuts(np.arange(0, 365 * 40))[5:8]
    ['1985', '1990', '1995']
    """
    numbers = np.asarray(days)
    distinct = np.unique(numbers)
    if len(distinct) <= _FEW:
        return [str(_day(value)) for value in distinct[1:]]
    found = {roundest_date(*window) for window in _windows(numbers)}
    # As text a year or month stands before its first day, so this leaves out what divides nothing.
    return sorted(cut for cut in found if cut > str(_day(distinct[0])))


def roundest(low: float, high: float, *, whole: bool = False) -> float:
    """Return the number from low to high that is a multiple of the largest 1, 2 or 5 times 10**k.

    Of several it is the one nearest to the middle.

    Examples
    --------
    >>> from semascope.lexicon.cuts import roundest
    >>> roundest(1976, 1984), roundest(0.121, 0.137), roundest(-3, 40)
    (1980.0, 0.13, 0.0)
    """
    largest = max(abs(low), abs(high))
    if low <= 0 <= high or largest == 0:
        return 0.0
    if low == high:
        return float(low)
    middle = (low + high) / 2
    top = ceil(log10(largest))
    for power in range(top, top - 17, -1):
        for factor in (1.0, 0.5, 0.2):
            step = factor * 10.0**power
            if whole and step < 1:
                break
            first, last = ceil(low / step), floor(high / step)
            if first <= last:
                count = min(max(round(middle / step), first), last)
                # Without the error of the product; what that moves out of the span is moved back.
                return min(max(float(f"{count * step:.15g}"), low), high)
    return float(low)


def roundest_date(low: float, high: float) -> str:
    """Return the first year, month or day that begins in a span of days since 1970.

    Examples
    --------
    >>> from semascope.lexicon.cuts import roundest_date
    >>> roundest_date(360, 370), roundest_date(370, 400), roundest_date(400, 402)
    ('1971', '1971-02', '1971-02-05')
    """
    first, last = _day(ceil(low)), _day(max(ceil(low), floor(high)))
    begun = first.year if first.month == first.day == 1 else first.year + 1
    if begun <= last.year:
        return f"{int(roundest(begun, last.year, whole=True)):04d}"
    if first.day == 1 or first.month < last.month:
        month = first.month if first.day == 1 else first.month + 1
        return f"{first.year:04d}-{month:02d}"
    return str(first)


def _day(number: float) -> date:
    return date(1970, 1, 1) + timedelta(days=int(number))


def _windows(numbers: npt.NDArray[Any]) -> list[tuple[float, float]]:
    """Return for each quantile the span in which a cut may lie instead of at it."""
    if len(numbers) == 0:
        return []
    levels = np.array([0.0, *_LEVELS, 1.0])
    gap = np.minimum(np.diff(levels)[:-1], np.diff(levels)[1:])
    ends = np.stack([levels[1:-1] - 0.4 * gap, levels[1:-1] + 0.4 * gap])
    low, high = np.quantile(numbers, ends)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _number(value: float, whole: bool) -> str:
    if whole:
        return str(int(value))
    # The shortest text that reads as this number; never in powers of ten where that is unusual.
    return np.format_float_positional(float(value), trim="-") if value else "0"
