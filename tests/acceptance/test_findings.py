"""Findings about real outcomes: known ones are found, and none in an outcome that was shuffled."""

import csv
import gzip
import io
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import semascope as sc
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
    assert any("“INLAND” have a median_house_value that is $1" in s for s in found.sentences)
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


@pytest.fixture(scope="module")
def tweets() -> tuple[sc.Lexicon, np.ndarray]:
    """Tweets that people judged, with concepts of what words they share."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    with gzip.open(DATA / "hate_offensive_tweets" / "labeled_data.csv.gz") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
    chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[:2500])
    items = pl.DataFrame(
        [
            {"key": str(i), "tweet": rows[i]["tweet"], "harmless": rows[i]["class"] == "2"}
            for i in chosen
        ]
    )
    words = TfidfVectorizer(min_df=5, sublinear_tf=True).fit_transform(items["tweet"].to_list())
    x = TruncatedSVD(64, random_state=0).fit_transform(words)
    x = (x / np.maximum(1e-9, np.linalg.norm(x, axis=1, keepdims=True))).astype(np.float32)
    lex = sc.learn(items, text="tweet", vectors=x, id="key", components=40, active=3,
                   leave_out=["harmless"], baseline=False, progress=False)  # fmt: skip
    return lex, x


def test_what_makes_tweets_harmless(tweets: tuple[sc.Lexicon, np.ndarray]) -> None:
    """People write of trash and birds without harm; insults are what was judged offensive."""
    lex, x = tweets
    found = outcome(lex, "harmless", vectors=x, texts=None, items="tweets")
    verified = {row["name"]: row for row in found.verified.iter_rows(named=True)}
    insults = [row for name, row in verified.items() if set(name.split()) & {"bitch", "bitches",
               "fuck", "hoe", "hoes", "pussy"}]  # fmt: skip
    assert len(insults) >= 2
    assert all(row["high"] < 0 and row["name_high"] < 0 for row in insults)
    assert verified["trash"]["low"] > 20
    assert "tweets with “trash” are" in "".join(found.sentences)
    score = {row["features"]: row for row in found.carried.iter_rows(named=True)}
    assert score["named concepts"]["low"] > score["random atoms"]["high"]
    assert score["names alone"]["low"] > 0.7
    assert score["named concepts"]["kept_low"] > 0.5


def test_nothing_makes_a_shuffled_judgement(tweets: tuple[sc.Lexicon, np.ndarray]) -> None:
    lex, x = tweets
    random = np.random.default_rng(1)
    judged = lex.items["harmless"].to_numpy()
    found = [outcome(lex, random.permutation(judged), vectors=x, baselines=False) for _ in range(4)]
    assert sum(len(one.findings) > 0 for one in found) <= 1
    assert sum(len(one.verified) for one in found) == 0
