"""Forest plot: effects with their intervals, one under the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from semascope.core import MissingExtraError
from semascope.explain.kinds import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FOUND, _OTHER = "#1b6ca8", "#9aa5b1"


def forest(table: pl.DataFrame, outcome: Outcome, *, level: float, most: int = 20) -> Figure:
    """Draw effects with 95 % intervals; findings in colour.

    Parameters
    ----------
    table : polars.DataFrame
        ``concept``, ``name``, ``effect``, ``low``, ``high``, ``p``, ``q``.
    outcome : Outcome
        Its unit and name label the axis.
    level : float
        q of a finding.
    most : int, default 20
        The surest rows that are drawn.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain import read_outcome
    >>> from semascope.explain.forest import forest
    >>> row = {"concept": "c0", "name": "tea", "effect": 1.0, "low": 0.5, "high": 1.5}
    >>> table = pl.DataFrame([row | {"p": 0.01, "q": 0.02}])
    >>> len(forest(table, read_outcome([0.5, 1.0, 2.5]), level=0.05).axes)
    1
    """
    rows = table.filter(pl.col("p").is_not_null()).sort("p", maintain_order=True).head(most)
    rows = rows.sort("effect", maintain_order=True)
    figure = intervals(
        [short(row) for row in rows.iter_rows(named=True)],
        rows,
        level=level,
        origin=1 if outcome.is_ratio else 0,
    )
    (axes,) = figure.axes
    if outcome.is_ratio:
        axes.set_xscale("log")
    axes.set_xlabel(f"{outcome.name}: {_axis(outcome)} (95 % interval)", parse_math=False)
    return figure


def intervals(labels: list[str], rows: pl.DataFrame, *, level: float, origin: float = 0) -> Figure:
    """Draw ``effect``, ``low`` and ``high`` of rows, the first at the bottom, findings in colour.

    Parameters
    ----------
    labels : list of str
        Of rows.
    rows : polars.DataFrame
        ``effect``, ``low``, ``high``, ``q``.
    level : float
        q of a finding.
    origin : float, default 0
        No effect.

    Raises
    ------
    MissingExtraError
        Without ``semascope[plots]``.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.forest import intervals
    >>> rows = pl.DataFrame({"effect": [1.0], "low": [0.5], "high": [1.5], "q": [0.01]})
    >>> len(intervals(["tea"], rows, level=0.05).axes)
    1
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as err:
        raise MissingExtraError.of("matplotlib", "plots", "a forest plot") from err
    lines = sum(0.32 + 0.16 * label.count("\n") for label in labels)
    figure = Figure(figsize=(8, 1.2 + max(0.32, lines)), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(rows))
    effect, low, high = (rows[c].to_numpy() for c in ("effect", "low", "high"))
    colours = [_FOUND if q is not None and q <= level else _OTHER for q in rows["q"]]
    axes.hlines(places, low, high, colors=colours, linewidth=2)
    axes.scatter(effect, places, c=colours, s=28, zorder=3)
    axes.axvline(origin, color="black", linewidth=0.8)
    axes.set_yticks(places, labels, parse_math=False)
    bare(axes)
    return figure


def bare(axes: Axes, *, left: bool = False) -> None:
    """Take away the frame but its foot, and its left side unless asked for.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from semascope.explain.forest import bare
    >>> axes = Figure().add_subplot()
    >>> bare(axes)
    >>> axes.spines["top"].get_visible()
    False
    """
    axes.spines[["top", "right"] if left else ["top", "right", "left"]].set_visible(False)
    if not left:
        axes.tick_params(axis="y", length=0)


def short(row: dict[str, object], width: int = 48) -> str:
    """Return the name of a concept, or its id, cut to `width`.

    Examples
    --------
    >>> from semascope.explain.forest import short
    >>> short({"concept": "c1", "name": "a long name"}, 7)
    'a long…'
    """
    name = str(row["name"] if row["name"] is not None else row["concept"])
    name = f"{name} → {row['level']}" if "level" in row else name
    return name if len(name) <= width else name[: width - 1] + "…"


def _axis(outcome: Outcome) -> str:
    if outcome.kind == "paired":
        return "points won above even"
    if outcome.is_ratio:
        return "ratio of rates"
    return "percentage points" if outcome.unit == "points" else f"difference in {outcome.unit}"
