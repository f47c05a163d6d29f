"""What a model uses as a figure: concepts with intervals, curves, the split; the map of reasons."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from semascope.core import MissingExtraError
from semascope.explain.forest import bare, short
from semascope.explain.prediction_words import CALLED, shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_UP, _DOWN, _NONE = "#1b6ca8", "#c8553d", "#9aa5b1"
_LINES = ("#1b6ca8", "#e09f3e", "#5f8d4e", "#7d5ba6", "#c8553d")


def prediction_figure(
    table: pl.DataFrame,
    curves: pl.DataFrame,
    split: pl.DataFrame,
    checks: pl.DataFrame,
    *,
    method: str,
    items: str = "items",
    called: str = "the prediction",
    most: int = 15,
) -> Figure:
    """Draw effects of the most important concepts, insertion and deletion curves, and the split.

    Parameters
    ----------
    table, curves, split, checks
        Of `Prediction`.
    method : str
        Whose effects are drawn.
    items, called : str
        What rows, and what is predicted, are called.
    most : int, default 15
        Concepts.

    Raises
    ------
    MissingExtraError
        Without matplotlib.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.discover import Dictionary
    >>> eye, zero = np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32)
    >>> dictionary = Dictionary(eye, zero, eye, zero, n_active=2)
    >>> x = np.random.default_rng(0).random((60, 3))
    >>> found = sc.explain.prediction(dictionary, lambda v: v[:, 1], x, methods=["occlusion"])
    >>> len(found.plot().axes)
    4
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as err:
        raise MissingExtraError.of("matplotlib", "plots", "a figure") from err
    rows = table.head(most).sort("effect", maintain_order=True)
    spaced = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)
    figure = Figure(figsize=(13, max(5.0, 1.8 + 0.32 * len(rows))), layout=spaced)
    grid = figure.add_gridspec(3, 2, width_ratios=[1.15, 1], height_ratios=[1, 1, 0.32])
    _effects(figure.add_subplot(grid[:, 0]), rows, method, items, called)
    first: Any = None
    for place, curve in enumerate(("insertion", "deletion")):
        axes = figure.add_subplot(grid[place, 1], sharey=first)
        first = first or axes
        _curves(axes, curves.filter(pl.col("curve") == curve), curve, checks, called)
    _split(figure.add_subplot(grid[2, 1]), split)
    return figure


def strategies_figure(groups: pl.DataFrame, items: str = "items") -> Figure:
    """Draw the map of items with a colour for each strategy, and its reasons.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.prediction_plot import strategies_figure
    >>> groups = pl.DataFrame({"item": [0, 1], "strategy": [0, 1], "x": [0.1, 0.9],
    ...                        "y": [0.0, 0.4], "reasons": [["tea"], ["late", "dog"]]})
    >>> len(strategies_figure(groups).axes)
    1
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as err:
        raise MissingExtraError.of("matplotlib", "plots", "a figure") from err
    figure = Figure(figsize=(8.5, 5), layout="constrained")
    axes = figure.add_subplot()
    for one in sorted(groups["strategy"].unique()):
        own = groups.filter(pl.col("strategy") == one)
        reasons = ", ".join(own["reasons"][0]) or "no concept"
        axes.scatter(own["x"], own["y"], s=26, alpha=0.75, linewidth=0,
                     color=_LINES[one % len(_LINES)],
                     label=f"{len(own)} {items}: {textwrap.shorten(reasons, 70)}")  # fmt: skip
    bare(axes)
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"{items} decided for the same reasons lie together", loc="left", fontsize=11)
    legend = axes.legend(loc="upper left", bbox_to_anchor=(0, -0.02), frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def _effects(axes: Axes, rows: pl.DataFrame, method: str, items: str, called: str) -> None:
    places = np.arange(len(rows))
    effect = rows["effect"].to_numpy()
    ends = (rows[c].fill_null(rows["effect"]) for c in ("effect_low", "effect_high"))
    low, high = (one.to_numpy() for one in ends)
    # One item has no interval, and is not sure.
    sure = rows["effect_low"].is_not_null().to_numpy() & ((low > 0) | (high < 0))
    colours = np.where(sure, np.where(effect > 0, _UP, _DOWN), _NONE)
    axes.hlines(places, low, high, colors=colours, linewidth=2)
    axes.scatter(effect, places, c=colours, s=32, zorder=3)
    axes.axvline(0, color="black", linewidth=0.8)
    names = [f"{short(row, 36)}  ·  {100 * row['prevalence']:.2g} %"
             for row in rows.iter_rows(named=True)]  # fmt: skip
    axes.set_yticks(places, names, parse_math=False)
    axes.set_xlabel(
        f"change of {called} where shown ({CALLED[method]}, 95 % interval)\n"
        "grey: the interval holds 0, or only one item shows it",
        parse_math=False,
    )
    axes.set_title(
        f"What matters most  ·  share of {items} that show it", loc="left", fontsize=11,
        parse_math=False,
    )  # fmt: skip
    axes.grid(axis="x", color="#e6e9ec", linewidth=0.8)
    axes.set_axisbelow(True)
    bare(axes)


def _curves(
    axes: Axes, curves: pl.DataFrame, curve: str, checks: pl.DataFrame, called: str
) -> None:
    gains = dict(checks.select("method", f"{curve}_gain").iter_rows())
    for i, method in enumerate(m for m in curves["method"].unique(maintain_order=True)):
        own = curves.filter(pl.col("method") == method)
        if method == "random":
            axes.plot(own["share"], own["value"], color=_NONE, linestyle="--", linewidth=1.6,
                      label="random order", zorder=1)  # fmt: skip
            continue
        gain = gains.get(method)
        label = CALLED[method] + ("" if gain is None else f"  {gain:+.3g}")
        axes.plot(own["share"], own["value"], color=_LINES[i % len(_LINES)], linewidth=1.6,
                  label=label, alpha=0.9)  # fmt: skip
    way = "put back" if curve == "insertion" else "taken away"
    axes.set_title(f"{curve.capitalize()}: concepts {way}, highest first", loc="left", fontsize=11)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["none", "half", "all"])
    axes.set_ylabel(f"mean of {called}", parse_math=False, fontsize=9)
    axes.tick_params(labelsize=9)
    axes.grid(axis="y", color="#e6e9ec", linewidth=0.8)
    bare(axes, left=True)
    # Beside the curves, never on them.
    legend = axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5),
                         title="area beyond random", alignment="left")  # fmt: skip
    legend.get_title().set_fontsize(8)


def _split(axes: Axes, split: pl.DataFrame) -> None:
    left = 0.0
    for (name, (share, _, _)), colour in zip(
        shares(split).items(), (_UP, "#8fb8d9", "#d5dbe0"), strict=True
    ):
        axes.barh(0, share, left=left, color=colour, height=0.7)
        if share > 0.08:
            axes.text(left + share / 2, 0, f"{name}\n{100 * share:.0f} %", ha="center",
                      va="center", fontsize=8,
                      color="white" if colour == _UP else "black")  # fmt: skip
        left += share
    axes.set_xlim(0, 1)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_title("What moves predictions away from their base", loc="left", fontsize=11)
