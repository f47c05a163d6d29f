"""Outcomes, covariates, groups and sets in the forms people have them, and what fails in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy.stats import false_discovery_control

from semascope.core import InputError, as_frame, as_series
from semascope.explain import Findings, compare, outcome, prediction, read_losses, read_outcome

N, M = 400, 6


@pytest.fixture(scope="module")
def shown() -> np.ndarray:
    return np.random.default_rng(3).random((N, M)) < 0.3


@pytest.fixture(scope="module")
def rating(shown: np.ndarray) -> np.ndarray:
    return 3.0 * shown[:, 1] + np.random.default_rng(4).standard_normal(N)


def explained(shown: np.ndarray, y: Any, **options: Any) -> Findings:
    return outcome(shown, y, baselines=False, fewest=10, **options)


VALUES = [1.0, 2.5, None]


@pytest.mark.parametrize(
    "given",
    [
        VALUES,
        (1, 2.5, None),
        [1, 2.5, float("nan")],
        [np.float32(1), np.float32(2.5), np.float32("nan")],
        np.array([1, 2.5, np.nan], dtype=np.float32),
        np.array(VALUES, dtype=object),
        np.ma.masked_array([1, 2.5, 7], mask=[False, False, True]),
        torch.tensor([1, 2.5, float("nan")], requires_grad=True),
        torch.tensor([1, 2.5, float("nan")], dtype=torch.bfloat16),
        pa.array(VALUES),
        pa.chunked_array([[1.0], [2.5, None]]),
        pd.Series([1, 2.5, None], index=[5, 3, 1]),
        pd.Series([1, 2.5, pd.NA], dtype="Float64"),
        pl.Series([1.0, 2.5, float("nan")]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_values_come_in_many_forms(given: Any) -> None:
    assert as_series(given, "y").cast(pl.Float64).to_list() == VALUES


def test_words_keep_what_is_missing_and_an_order() -> None:
    assert as_series(["a", float("nan"), None], "y").to_list() == ["a", None, None]
    grades = pd.Categorical(["mid", "low", None], ["low", "mid", "high"], ordered=True)
    for given in (grades, pd.Series(grades)):
        found = read_outcome([*given, "high"], order=["low", "mid", "high"])
        assert read_outcome(pd.Series([*given])).kind == "binary"
        assert as_series(given, "y").dtype == pl.Enum(["low", "mid", "high"])
        assert (found.kind, found.levels) == ("ordinal", ("low", "mid", "high"))
    assert as_series(pd.Series(["a", "b"], dtype="category"), "y").dtype == pl.String


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([1, "a"], "numbers and words are mixed: 'a' at row 1"),
        (np.zeros((3, 2)), r"one value for each row; found shape \(3, 2\)"),
        (None, r"one value for each row; found shape \(\)"),
        (pl.DataFrame({"a": [1]}), "found a table; pass one of its columns"),
    ],
)
def test_what_is_no_column_is_said(given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        as_series(given, "y")


@pytest.mark.parametrize(
    "given",
    [
        {"year": [1, 2], "side": ["a", None]},
        pa.table({"year": [1, 2], "side": ["a", None]}),
        pd.DataFrame({"year": [1, 2], "side": ["a", None]}, index=[9, 4]),
        pl.LazyFrame({"year": [1, 2], "side": ["a", None]}),
    ],
    ids=lambda given: type(given).__name__,
)
def test_tables_come_in_many_forms(given: Any) -> None:
    found = as_frame(given, "covariates")
    assert found.to_dict(as_series=False) == {"year": [1, 2], "side": ["a", None]}


def test_an_order_makes_words_ordinal_and_says_which_of_two_counts(
    shown: np.ndarray, rating: np.ndarray
) -> None:
    grade = np.array(["low", "mid", "high"])[np.digitize(rating, [0, 2])]
    found = explained(shown, grade, order=["low", "mid", "high"])
    assert found.outcome.kind == "ordinal"
    assert found.findings["concept"][0] == "c1"
    assert found.findings["effect"][0] > 20
    lost = explained(shown, np.where(rating > 1, "won", "lost"), order=["won", "lost"])
    assert "points less often lost" in lost.sentences[0]
    with pytest.raises(InputError, match=r"names each value of 'outcome' once; it lacks 'high'"):
        read_outcome(grade, order=["low", "mid"])
    with pytest.raises(InputError, match="holds Float64, whose order is known"):
        read_outcome(rating, order=["1", "2"])
    with pytest.raises(InputError, match=r"tell it with order= \(--order\)"):
        read_outcome(grade, "ordinal")


def test_survival_of_which_all_have_died(shown: np.ndarray) -> None:
    age = np.random.default_rng(5).exponential(np.where(shown[:, 1], 1.0, 6.0))
    found = explained(shown, np.ones(N), kind="survival", time=age)
    assert found.findings["concept"][0] == "c1"
    assert found.findings["effect"][0] > 3
    days = pl.Series("seen", (age * 1e6).astype(int) + 1).cast(pl.Duration("us"))
    same = explained(shown, np.ones(N), kind="survival", time=days)
    assert same.findings["effect"][0] == pytest.approx(found.findings["effect"][0], rel=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"y": np.zeros(N), "kind": "survival", "time": np.ones(N)}, "survival is 1 where it"),
        ({"y": np.arange(N) % 2, "kind": "survival", "time": ["long"] * N}, "'time' is String"),
        (
            {"y": np.arange(N) % 2, "kind": "survival",
             "time": pl.Series("died", [19000] * N).cast(pl.Date)},
            "'died' is Date; pass the end less the start",
        ),
        ({"groups": "author"}, "groups: 'author' is a name; pass values"),
        ({"covariates": ["year"]}, "covariates: 'year' is a name; pass values"),
        ({"groups": np.r_[np.nan, np.arange(N - 1) % 9]}, "'group' is missing at row 0"),
        ({"groups": {"a": [1] * N, "b": [2] * N}}, "one column is needed, found a, b"),
        ({"covariates": pl.DataFrame({"tags": [[1, 2]] * N})}, "'tags' has the type List"),
        (
            {"covariates": {"a": [None, *range(N - 1)]}, "splits": np.r_[0, np.arange(N - 1) % 3]},
            "column 'a' is missing in 1 rows, first at row 0",
        ),
        ({"most": 3, "splits": np.r_[0, np.full(N - 1, 2)]}, "cannot tell which concepts to test"),
    ],
)  # fmt: skip
def test_columns_that_do_not_serve_are_named(
    options: dict[str, Any], said: str, shown: np.ndarray, rating: np.ndarray
) -> None:
    options = {"y": rating} | options
    with pytest.raises(InputError, match=said):
        explained(shown, options.pop("y"), **options)


def test_the_outcome_is_no_covariate_under_another_name(
    shown: np.ndarray, rating: np.ndarray
) -> None:
    with pytest.raises(InputError, match="cannot be a covariate as well; 'stars' holds its values"):
        explained(shown, rating, covariates={"stars": rating})


def test_rows_without_a_subgroup_are_in_none(shown: np.ndarray, rating: np.ndarray) -> None:
    year = np.where(np.arange(N) < 100, np.nan, np.arange(N) % 97)
    found = explained(shown, rating, by=pl.Series("year", year), splits=np.arange(N) % 3)
    known = explained(
        shown[100:], rating[100:], by=pl.Series("year", year[100:]), splits=np.arange(100, N) % 3
    )
    assert found.subgroups["subgroup"].n_unique() == 3
    columns = ["concept", "subgroup", "effect"]
    assert found.subgroups.select(columns).equals(known.subgroups.select(columns))


def test_a_subgroup_of_one_outcome_does_not_stop_the_others(shown: np.ndarray) -> None:
    side = np.where(np.arange(N) < 4, "rare", np.where(np.arange(N) % 2, "left", "right"))
    won = (np.arange(N) >= 4) & (np.random.default_rng(6).random(N) < 0.3 + 0.4 * shown[:, 1])
    found = explained(shown, won, by=side, splits=np.tile([0, 0, 2, 2], N // 4))
    assert found.subgroups["subgroup"].unique().sort().to_list() == ["left", "right"]


def test_predictions_and_truth_may_differ_in_type() -> None:
    truth = pl.Series([True, False, True])
    assert read_losses(truth, [1, 1, 1]).values.tolist() == [0, 1, 0]
    assert read_losses(truth, torch.tensor([0.9, 0.2, 0.8], requires_grad=True)).kind == "log"
    with pytest.raises(InputError, match=r"row 1 of y_pred add up to 1\.3"):
        read_losses(pl.Series(["a", "b"]), [[0.5, 0.5], [0.6, 0.7]])


# Two sets -------------------------------------------------------------------------------------


def test_both_kinds_of_differences_share_one_rate() -> None:
    random = np.random.default_rng(0)
    a, b = ((random.random((300, 8)) < 0.4) * random.random((300, 8)) for _ in range(2))
    table = compare(a, b).table
    p = np.concatenate([table["p"].to_numpy(), table["strength_p"].to_numpy()])
    q = np.concatenate([table["q"].to_numpy(), table["strength_q"].to_numpy()])
    assert q == pytest.approx(false_discovery_control(p))


def test_weighted_prevalences_differ_by_the_effect(shown: np.ndarray) -> None:
    a, b = shown[:200], shown[200:]
    found = compare(a, b, weights=(1 + 4.0 * a[:, 2], np.ones(200)))
    one = found.table.row(by_predicate=pl.col("concept") == "c2", named=True)
    assert one["effect"] == pytest.approx(100 * (one["a"] - one["b"]))
    assert repr(found).startswith("1 of 6 tested concepts differ between A and B")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weights": (np.full(200, -1.0), np.ones(200))}, "weights must be 0 or more"),
        ({"weights": (np.full(200, np.nan), np.ones(200))}, "they are missing at row 0"),
        ({"weights": (np.zeros(200), np.ones(200))}, "weights are 0 in all items of a set"),
        ({"weights": (["a"] * 200, ["b"] * 200)}, "weights are numbers"),
        ({"groups": np.arange(400) // 4}, "groups are two"),
        ({"groups": "author"}, "'author' is a name"),
        ({"groups": (np.arange(300) // 4, np.arange(200) // 4)}, "300 for 200"),
        ({"called": ("live",)}, "two names"),
        ({"fewest": -1}, "fewest must be at least 2"),
    ],
)
def test_what_belongs_to_two_sets_is_checked(
    options: dict[str, Any], said: str, shown: np.ndarray
) -> None:
    with pytest.raises(InputError, match=said):
        compare(shown[:200], shown[200:], **options)


# Models ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dictionary() -> Any:
    from semascope.discover import Dictionary

    eye, zero = np.eye(5, dtype=np.float32), np.zeros(5, dtype=np.float32)
    return Dictionary(eye, zero, eye, zero, n_active=2)


def used(dictionary: Any, predict: Any, **options: Any) -> Any:
    x = np.random.default_rng(1).random((40, 5))
    return prediction(dictionary, predict, x, most_items=20, tests=(), **options)


def test_a_model_that_does_not_repeat_itself_is_not_believed(dictionary: Any) -> None:
    noise = np.random.default_rng(2)
    unsure = used(dictionary, lambda v: v[:, 0] + noise.random(len(v)))
    assert any("predict does not repeat itself" in note for note in unsure.notes)
    assert not any("repeat" in note for note in used(dictionary, lambda v: v[:, 0]).notes)
    flat = used(dictionary, lambda v: np.zeros(len(v)))
    assert "predict returned 0 for each of the explained items" in flat.notes


def test_a_model_that_works_in_place_changes_nothing(dictionary: Any) -> None:
    def scaled(v: np.ndarray) -> np.ndarray:
        v -= 0.5
        return np.abs(v[:, 0])

    first = used(dictionary, scaled, methods="occlusion")
    second = used(dictionary, lambda v: scaled(v.copy()), methods=["occlusion"])
    assert first.table.equals(second.table)
    with pytest.raises(InputError, match="target is the number of a column, got 'yes'"):
        used(dictionary, lambda v: v, target="yes")


def test_rows_that_are_asked_for_are_explained(dictionary: Any) -> None:
    x = np.random.default_rng(1).random((500, 5))
    x[7] = 0
    found = prediction(dictionary, lambda v: v[:, 0] + 1, x, most_items=3, most_rows=20, tests=(),
                       rows=[499, 7])  # fmt: skip
    assert {7, 499} < set(found.split["item"])
    assert len(found.split) == 3
    assert found.item_sentences(499)[0].startswith("the prediction is ")
    # It shows no concept: all that it has is the base.
    assert found.item_sentences(7)[0].startswith("the prediction is 1.00 = 1.00 base")
    assert "but for 2 asked for" in found.notes[0]
    with pytest.raises(InputError, match=r"ask for it with rows=\[\d+\]"):
        found.item_sentences(next(i for i in range(500) if i not in set(found.split["item"])))
    with pytest.raises(InputError, match="there is no row 500; rows are 0 to 499"):
        prediction(dictionary, lambda v: v[:, 0], x, rows=[500])
