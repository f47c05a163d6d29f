"""Figures say what they measure, in words that are not cut off, and colour only what was found."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from semascope.discover import Dictionary
from semascope.explain import compare, outcome, prediction

LONG = "a name that says much more than anybody would ever want to read in one line of a figure"


def drawn(figure: Figure) -> tuple[list[str], str, list[str]]:
    """Return names, foot and ticks as they are drawn; whatever leaves the figure fails."""
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    whole = figure.bbox
    texts = [*axes.get_yticklabels(), axes.xaxis.label]
    for text in texts:
        box = text.get_window_extent()
        assert box.x0 >= whole.x0 - 1, text.get_text()
        assert box.x1 <= whole.x1 + 1, text.get_text()
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    return [t.get_text() for t in axes.get_yticklabels()], axes.get_xlabel(), ticks


@pytest.fixture(scope="module")
def shown() -> np.ndarray:
    return np.random.default_rng(0).random((600, 3)) < 0.4


def kinds(shown: np.ndarray) -> dict[str, tuple[Any, dict[str, Any], str]]:
    random = np.random.default_rng(1)
    rating = 2.0 * shown[:, 0] + random.standard_normal(600)
    age = random.exponential(np.where(shown[:, 0], 0.4, 2.0))
    return {
        "continuous": (rating, {"unit": "stars"}, "difference in rating, stars"),
        "binary": (rating > 1, {}, "rating: percentage points"),
        "ordinal": (np.digitize(rating, [0, 1, 2]), {}, "rating: percentile points"),
        "survival": (age < 2, {"time": np.minimum(age, 2)}, "rating: ratio of hazards"),
    }


@pytest.mark.parametrize("kind", ["continuous", "binary", "ordinal", "survival"])
def test_the_axis_says_what_an_effect_is(kind: str, shown: np.ndarray) -> None:
    y, options, said = kinds(shown)[kind]
    found = outcome(shown, y, kind=kind, name="rating", baselines=False,
                    names=[LONG, "tea", "$x$"], **options)  # fmt: skip
    names, foot, ticks = drawn(found.plot())
    assert foot.split("\n")[0].startswith(said)
    assert foot.endswith("blue: found at a false-discovery rate of 0.05")
    assert sorted(names)[0] == "$x$"
    assert not any("10^" in tick for tick in ticks)


def test_of_classes_the_name_is_cut_and_not_the_class(shown: np.ndarray) -> None:
    rating = 2.0 * shown[:, 0] + np.random.default_rng(1).standard_normal(600)
    y = np.array(["low", "middle", "high"])[np.digitize(rating, [0, 2])]
    found = outcome(shown, y, names=[LONG] * 3, baselines=False)
    names, _, _ = drawn(found.plot())
    assert {name.split(" → ")[1] for name in names} == {"low", "middle", "high"}


def test_long_names_of_two_sets_and_nothing_to_test(shown: np.ndarray) -> None:
    called = (f"A, {LONG}", f"B, {LONG}")
    drawn(compare(shown[:300], shown[300:], names=[LONG] * 3, called=called).plot())
    _, foot, _ = drawn(compare(shown[:9], shown[9:18]).plot())
    assert foot.endswith("nothing could be tested")


def test_one_item_is_not_sure() -> None:
    eye, zero = np.eye(4, dtype=np.float32), np.zeros(4, dtype=np.float32)
    x = np.eye(4)[[0, 0, 0, 1, 2, 3]] * np.array([[1.0], [1.1], [1.2], [1.0], [1.0], [1.0]])
    used = prediction(Dictionary(eye, zero, eye, zero, n_active=1), lambda v: v[:, 0] + v[:, 1], x,
                      methods="occlusion", tests=())  # fmt: skip
    axes = used.plot().axes[0]
    alone = used.table.filter(pl.col("n_items") == 1)["concept"].to_list()
    names = [text.get_text().split("  ")[0] for text in axes.get_yticklabels()]
    colours = dict(zip(names, axes.collections[1].get_facecolor().round(2).tolist(), strict=True))
    assert colours["c0"] not in [colours[one] for one in alone]
    assert len(alone) == 3
