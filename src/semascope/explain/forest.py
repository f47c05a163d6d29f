"""Forest plot: effects with their intervals, one under the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from semascope.core import MissingExtraError
from semascope.explain.kinds import Outcome

if TYPE_CHECKING:
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
    try:
        from matplotlib.figure import Figure
    except ImportError as err:
        raise MissingExtraError.of("matplotlib", "plots", "a forest plot") from err
    rows = table.filter(pl.col("p").is_not_null()).sort("p", maintain_order=True).head(most)
    rows = rows.sort("effect", maintain_order=True)
    figure = Figure(figsize=(8, 1.2 + 0.32 * max(1, len(rows))), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(rows))
    effect, low, high = (rows[c].to_numpy() for c in ("effect", "low", "high"))
    colours = [_FOUND if q <= level else _OTHER for q in rows["q"]]
    axes.hlines(places, low, high, colors=colours, linewidth=2)
    axes.scatter(effect, places, c=colours, s=28, zorder=3)
    axes.axvline(1 if outcome.is_ratio else 0, color="black", linewidth=0.8)
    if outcome.is_ratio:
        axes.set_xscale("log")
    names = [_short(row) for row in rows.iter_rows(named=True)]
    axes.set_yticks(places, names, parse_math=False)
    axes.set_xlabel(f"{outcome.name}: {_axis(outcome)} (95 % interval)", parse_math=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def _short(row: dict[str, object], width: int = 48) -> str:
    name = str(row["name"] if row["name"] is not None else row["concept"])
    name = f"{name} → {row['level']}" if "level" in row else name
    return name if len(name) <= width else name[: width - 1] + "…"


def _axis(outcome: Outcome) -> str:
    if outcome.kind == "paired":
        return "points won above even"
    if outcome.is_ratio:
        return "ratio of rates"
    return "percentage points" if outcome.unit == "points" else f"difference in {outcome.unit}"
