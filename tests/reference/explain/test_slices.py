"""Slices: a planted failure is found by name, random errors give none, and bad input is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest

import semascope as sc
from semascope.core import InputError, split_of
from semascope.explain import Slices, read_losses, slices

NAMES = ["tea", "train", "dog", "rain", "late", "card"]


def rows(n: int, seed: int = 0) -> tuple[np.ndarray, pl.DataFrame]:
    random = np.random.default_rng(seed)
    codes = np.where(random.random((n, 6)) < 0.35, random.random((n, 6)) + 0.1, 0)
    kind = np.array(["new", "old", "used"])[random.integers(3, size=n)]
    return codes, pl.DataFrame({"kind": kind, "year": random.integers(1950, 2020, n)})


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, pl.DataFrame, np.ndarray, np.ndarray]:
    """A classifier that fails where tea is shown and the kind is old."""
    codes, items = rows(3000)
    random = np.random.default_rng(1)
    truth = random.integers(3, size=3000)
    fails = (codes[:, 0] > 0) & (items["kind"] == "old").to_numpy()
    wrong = random.random(3000) < np.where(fails, 0.5, 0.08)
    return codes, items, truth, np.where(wrong, (truth + 1) % 3, truth)


def test_a_planted_failure_is_found_by_name(planted: Any) -> None:
    codes, items, truth, told = planted
    found = slices(codes, truth, told, columns=items, names=NAMES, items="reviews")
    assert found.findings["slice"].to_list() == ["with “tea” where kind = old"]
    row = found.findings.row(0, named=True)
    assert (row["shown"], row["absent"], row["rule"]) == (["c0"], [], "kind = old")
    assert row["parts"] == 2
    inside = np.zeros(3000, dtype=bool)
    inside[found.members[0]] = True
    verify = split_of(f"row-{i}" for i in range(3000)) == 2
    wrong = (truth != told)[verify]
    effect = wrong[inside[verify]].mean() - wrong[~inside[verify]].mean()
    assert row["effect"] == pytest.approx(100 * effect)
    assert row["low"] < 42 < row["high"]
    assert row["n"] == inside[verify].sum()
    assert row["support"] == pytest.approx(inside[verify].mean())
    assert row["adds_p"] < 0.01
    assert "points higher for reviews with “tea” where kind = old" in found.sentences[0]
    (axes,) = found.plot().axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert f"with “tea” where kind = old  ·  {row['n']}" in labels
    assert len(labels) == len(found.table)


def test_what_is_absent_and_numbers_are_found(planted: Any) -> None:
    """A regression that fails without rain, before 1970."""
    codes, items, _, _ = planted
    random = np.random.default_rng(2)
    fails = (codes[:, 3] == 0) & (items["year"] < 1970).to_numpy()
    truth = random.standard_normal(3000)
    told = truth + random.standard_normal(3000) * np.where(fails, 3, 1)
    for loss in ("absolute", "squared"):
        found = slices(codes, truth, told, columns=items, names=NAMES, loss=loss)
        row = found.findings.row(0, named=True)
        assert row["absent"] == ["c3"]
        assert row["rule"].startswith("year < 19")
        assert row["unit"] == f"{loss} error"
        assert len(found.findings) == 1


def test_rows_tested_are_not_searched(planted: Any) -> None:
    """Whatever the losses of verify rows are, the same slices are tested."""
    codes, items, truth, told = planted
    verify = split_of(f"row-{i}" for i in range(3000)) == 2
    other = np.where(verify, np.roll(told, 1), told)
    one, two = (slices(codes, truth, v, columns=items).table for v in (told, other))
    assert set(one["slice"]) == set(two["slice"])
    assert one["effect"].to_list() != two["effect"].to_list()


def test_random_errors_give_no_slice() -> None:
    """Of 200 draws with random errors at most the stated share finds anything."""
    codes, items = rows(600, seed=3)
    draws = np.random.default_rng(4).random((200, 600)) < 0.2
    any_found = [
        len(slices(codes, one, np.zeros(600, bool), columns=items[["kind"]], depth=2, width=5,
                   fewest=12).findings) > 0
        for one in draws
    ]  # fmt: skip
    assert binomtest(sum(any_found), 200, 0.05, alternative="greater").pvalue > 0.01


def test_losses_are_what_they_are_called() -> None:
    truth = pl.Series(["a", "b", "a"])
    log = read_losses(truth, [0.1, 0.5, 0.4])
    assert log.kind == "log"
    assert log.values == pytest.approx(-np.log([0.9, 0.5, 0.6]))
    same = read_losses(truth, np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]]))
    assert same.values == pytest.approx(log.values)
    assert read_losses(pl.Series([1, 2, 3]), [1, 2, 2]).kind == "error"
    numbers = read_losses(pl.Series([1.0, 2.5, None]), [2.0, 4.0, 1.0], "squared")
    assert numbers.values[:2].tolist() == [1.0, 2.25]
    assert np.isnan(numbers.values[2])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"y_pred": "same"}, "is 0 in all 3000 rows"),
        ({"y_pred": np.zeros(5)}, "y_pred has 5 rows, y_true 3000"),
        ({"y_true": np.zeros(5)}, "y_true has 5 rows, the codes 3000"),
        ({"columns": ["kinds"]}, "columns: .kinds. is a name; pass values"),
        ({"loss": "hinge"}, "loss must be auto"),
        ({"loss": "log"}, "one probability a row is for two classes"),
        ({"fewest": 400}, "pass more rows, or a smaller fewest="),
        ({"depth": 0}, "depth, width and most"),
        ({"level": 2}, "level must lie between 0 and 1"),
        ({"missing": "ignore"}, "missing must be"),
        ({"groups": np.arange(3000) % 3}, "fall into 3 groups"),
    ],
)
def test_bad_input_is_named(planted: Any, options: dict[str, Any], said: str) -> None:
    codes, _, truth, told = planted
    given = {"y_true": truth, "y_pred": told} | options
    if isinstance(given["y_pred"], str):
        given["y_pred"] = truth
    with pytest.raises(InputError, match=said):
        slices(codes, **given)


def test_missing_predictions_are_refused_or_counted(planted: Any, tmp_path: Any) -> None:
    codes, items, truth, told = planted
    gaps = told.astype(float)
    gaps[7] = np.nan
    with pytest.raises(InputError, match="missing in 1 of 3000 rows, first at row 7"):
        slices(codes, truth, gaps, columns=items)
    groups = np.arange(3000) // 3
    found = slices(codes, truth, gaps, columns=items, missing="drop", groups=groups)
    assert found.left_out == {"rows without truth or prediction": 1}
    assert isinstance(found, Slices)
    found.save(tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out/slices.parquet").equals(found.table)


def test_duplicates_and_what_leaks() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((3000, 24)).astype(np.float32)
    # Twelve rows of the test set are copies, eight of them of rows of the train set.
    sets = np.array(["train"] * 2000 + ["test"] * 1000)
    x[2000:2008] = 3 * x[:8] + 0.001 * random.standard_normal((8, 24))
    x[2100:2104] = x[2200:2204]
    x[50] = 0
    found = sc.explain.duplicates(x, sets=sets)
    pairs = {tuple(one) for one in found.table["rows"].to_list()}
    assert pairs == {(i, 2000 + i) for i in range(8)} | {(2100 + i, 2200 + i) for i in range(4)}
    assert found.table["exact"].sum() == 4
    assert len(found.straddling) == 8
    assert found.between.row(0) == ("test", "train", 8, 8, 8, 1000, 2000)
    assert "8 of 1,000 items of test (0.8 %) have a near-duplicate in train" in found.sentences
    assert found.how["left_out"] == {"vectors of length 0": 1}
    cosine = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)).astype(np.float64)
    joined = np.triu(cosine @ cosine.T > 0.98, 1)
    assert {tuple(map(int, one)) for one in np.argwhere(joined)} == pairs
    with pytest.raises(InputError, match="sets have 2 values"):
        sc.explain.duplicates(x, sets=["a", "b"])
    with pytest.raises(InputError, match="similarity is a cosine"):
        sc.explain.duplicates(x, similarity=1.5)


def test_hashing_finds_the_groups_that_comparing_all_finds() -> None:
    """Clusters, a clump of rows that are alike but not near enough, and pairs just near enough."""
    random = np.random.default_rng(3)
    centres = random.standard_normal((40, 32))
    x = centres[random.integers(40, size=3000)] + 0.7 * random.standard_normal((3000, 32))
    x[:200] = centres[0] + 0.25 * random.standard_normal((200, 32))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    aside = random.standard_normal((300, 32))
    aside -= (aside * x[300:600]).sum(axis=1, keepdims=True) * x[300:600]
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    x[600:900] = 0.981 * x[300:600] + np.sqrt(1 - 0.981**2) * aside
    hashed, compared = (sc.explain.duplicates(x, exact=exact) for exact in (False, True))
    assert hashed.how["missed"] <= 0.001 < 1 - compared.how["missed"]
    missed = set(map(tuple, compared.table["rows"])) - set(map(tuple, hashed.table["rows"]))
    assert len(compared.table) >= 250
    assert len(missed) <= 3
    unlike = sc.explain.duplicates(x[:200], exact=False, similarity=0.9999)
    assert len(unlike.table) == 0
