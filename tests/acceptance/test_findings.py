"""Findings about real outcomes: known ones are found, and none in an outcome that was shuffled."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from semascope.explain import outcome

DATA = Path(os.environ.get("SEMASCOPE_DATA", "missing")).resolve()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="SEMASCOPE_DATA names no folder"),
]


@pytest.fixture(scope="module")
def districts() -> pl.DataFrame:
    table = pl.read_csv(DATA / "california_housing" / "housing.csv.gz")
    rows = np.random.default_rng(0).permutation(len(table))[:4000]
    return table[np.sort(rows)]


def shown(districts: pl.DataFrame) -> pl.DataFrame:
    """Concepts that need no learning: places, and quarters of what describes a district."""
    places = ["INLAND", "NEAR BAY", "NEAR OCEAN"]
    columns = [(pl.col("ocean_proximity") == p).cast(pl.Float64).alias(p) for p in places]
    for name in ("median_income", "housing_median_age", "population", "total_rooms"):
        high = pl.col(name) > pl.col(name).quantile(0.75)
        columns.append(high.cast(pl.Float64).alias(f"high {name}"))
    return districts.select(columns)


def test_what_makes_districts_dear(districts: pl.DataFrame) -> None:
    x = shown(districts)
    vectors = districts.select(
        pl.col(pl.Float64, pl.Int64).exclude("median_house_value").fill_null(0).cast(pl.Float64)
    )
    vectors = vectors.select((pl.all() - pl.all().mean()) / pl.all().std()).to_numpy()
    found = outcome(x.to_numpy(), districts["median_house_value"], names=x.columns,
                    items="districts", unit="$", vectors=vectors)  # fmt: skip
    effects = {row["name"]: row for row in found.findings.iter_rows(named=True)}
    assert effects["INLAND"]["high"] < -90_000
    assert effects["high median_income"]["low"] > 100_000
    assert any("“INLAND” have a median_house_value that is 1" in s for s in found.sentences)
    scores = {row["features"]: row for row in found.carried.iter_rows(named=True)}
    assert 0.45 < scores["named concepts"]["value"] < 0.7
    # A handful of rough concepts keep most of what all numbers tell.
    assert 0.6 < scores["named concepts"]["kept"] < 1.1


def test_nothing_makes_a_shuffled_price(districts: pl.DataFrame) -> None:
    x = shown(districts)
    random = np.random.default_rng(1)
    counts = [
        len(outcome(x.to_numpy(), random.permutation(districts["median_house_value"].to_numpy()),
                    baselines=False).findings)
        for _ in range(10)
    ]  # fmt: skip
    assert sum(count > 0 for count in counts) <= 2
