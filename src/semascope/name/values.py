"""Over-represented metadata: values of columns that go with a concept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from semascope.lexicon import Contrast

_MOST_VALUES = 200


@dataclass(frozen=True)
class Association:
    """A column's value and how much more often active rows have it than random inactive ones.

    Parameters
    ----------
    rule : str
        ``column = value``.
    odds_ratio, low, high : float
        Odds ratio with its 95 % interval (Haldane-Anscombe correction, Woolf's standard error).
    active_share, inactive_share : float
        Share of rows with the value on either side.

    Examples
    --------
    >>> from semascope.name import Association
    >>> print(Association("genre = Horror", 9.0, 4.0, 20.0, 0.6, 0.1))
    genre = Horror (odds ratio 9.0 [4.0, 20.0], 60 % against 10 %)
    """

    rule: str
    odds_ratio: float
    low: float
    high: float
    active_share: float
    inactive_share: float

    def __str__(self) -> str:
        return (
            f"{self.rule} (odds ratio {self.odds_ratio:.1f} [{self.low:.1f}, {self.high:.1f}], "
            f"{100 * self.active_share:.0f} % against {100 * self.inactive_share:.0f} %)"
        )


def describing_columns(items: pl.DataFrame, leave_out: Sequence[str]) -> list[str]:
    """Return the columns whose values can describe a row: few distinct values, or lists of such.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.name import describing_columns
    >>> frame = pl.DataFrame({"id": ["a", "b", "c"], "genre": ["x", "y", "x"], "one": [1, 1, 1]})
    >>> describing_columns(frame, leave_out=["id"])
    ['genre']
    """
    out = []
    for name in items.columns:
        column = items[name]
        if name in leave_out or column.dtype.is_float() or column.dtype.is_temporal():
            continue
        if column.dtype == pl.List:
            if column.dtype.inner.is_nested():  # type: ignore[attr-defined]
                continue
            column = column.explode().drop_nulls()
        elif column.dtype.is_nested():
            continue
        distinct = column.n_unique()
        # A value for every second row names rows, not groups.
        if 2 <= distinct <= min(_MOST_VALUES, max(2, len(items) // 2)):
            out.append(name)
    return out


def associations(
    items: pl.DataFrame, columns: Sequence[str], contrast: Contrast, *, most: int = 3
) -> list[Association]:
    """Find the values that active rows have more often than random inactive rows.

    Only values whose interval lies above 1 are returned, strongest lower end first.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import associations
    >>> items = pl.DataFrame({"genre": ["Horror"] * 20 + ["Drama"] * 20})
    >>> one, none = np.ones(20, dtype=np.float32), np.arange(0)
    >>> some = Contrast(np.arange(20), one, none, np.arange(20, 40))
    >>> associations(items, ["genre"], some)[0].rule
    'genre = Horror'
    """
    found = []
    n_in, n_out = len(contrast.active), len(contrast.other)
    if n_in == 0 or n_out == 0:
        return []
    for name in columns:
        inside, outside = (
            _counts(items[name], contrast.active),
            _counts(items[name], contrast.other),
        )
        for value, a in inside.items():
            b = outside.get(value, 0)
            parts = np.array([a, n_in - a, b, n_out - b]) + 0.5
            odds = float(np.log(parts[0] * parts[3] / (parts[1] * parts[2])))
            error = 1.96 * float(np.sqrt((1 / parts).sum()))
            if odds - error > 0:
                ends = np.exp([odds, odds - error, odds + error]).tolist()
                shares = (a / n_in, b / n_out)
                found.append(Association(f"{name} = {value}", ends[0], ends[1], ends[2], *shares))
    found.sort(key=lambda f: (-f.low, f.rule))
    return found[:most]


def _counts(column: pl.Series, rows: np.ndarray) -> dict[str, int]:
    part = column.gather(rows)
    if part.dtype == pl.List:
        part = part.list.unique().explode()
    part = part.drop_nulls().cast(pl.String)
    counted = part.value_counts(name="n")
    return dict(zip(counted[part.name], counted["n"], strict=True))
