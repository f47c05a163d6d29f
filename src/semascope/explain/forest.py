"""Forest plot: effects with their intervals, one under the other."""

from __future__ import annotations

import textwrap
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
        _ratios(axes)
    label_foot(axes, f"{_axis(outcome)} (95 % interval)", rows, level)
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
    axes.set_ylim(-0.6, max(1, len(rows)) - 0.4)
    bare(axes)
    return figure


def label_foot(axes: Axes, text: str, rows: pl.DataFrame, level: float) -> None:
    """Write below the axis what it measures and, where both are there, what the colours mean.

    Examples
    --------
    >>> import polars as pl
    >>> from matplotlib.figure import Figure
    >>> from semascope.explain.forest import label_foot
    >>> axes = Figure().add_subplot()
    >>> label_foot(axes, "difference in price", pl.DataFrame({"q": [0.01, 0.4]}), 0.05)
    >>> axes.get_xlabel().splitlines()
    ['difference in price', 'blue: found at a false-discovery rate of 0.05']
    """
    found = (rows["q"] <= level).fill_null(False)
    # Beside long names the axis takes half of the figure.
    lines = textwrap.wrap(text, 46)
    if not len(rows):
        lines.append("nothing could be tested")
    elif not found.any():
        lines.append(f"none found at a false-discovery rate of {level:g}")
    elif not found.all():
        lines.append(f"blue: found at a false-discovery rate of {level:g}")
    axes.set_xlabel("\n".join(lines), parse_math=False)


def _ratios(axes: Axes) -> None:
    """Scale by ratios, with ticks that are read without powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    # Within one decade steps of 1, 2, 5; beyond, powers of ten alone.
    steps = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


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
    >>> short({"concept": "c1", "name": "a long name", "level": "won"}, 12)
    'a lon… → won'
    """
    name = str(row["name"] if row["name"] is not None else row["concept"])
    level = f" → {row['level']}" if "level" in row else ""
    room = max(1, width - len(level))
    return (name if len(name) <= room else name[: room - 1] + "…") + level


def _axis(outcome: Outcome) -> str:
    if outcome.kind == "paired":
        return f"{outcome.name}: points won above even"
    if outcome.kind == "ordinal":
        return f"{outcome.name}: percentile points"
    if outcome.is_ratio:
        what = "hazards" if outcome.kind == "survival" else "rates"
        return f"{outcome.name}: ratio of {what}"
    if outcome.unit == "points":
        return f"{outcome.name}: percentage points"
    unit = "" if outcome.unit == outcome.name else f", {outcome.unit}"
    return f"difference in {outcome.name}{unit}"
