"""The questions of `findings.py`: items of public sets, how to learn them, what to explain."""

from __future__ import annotations

import csv
import gzip
import html
import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bench_data import DATA
from semascope.core import generator
from semascope.vectors import within

SEED = 0
_ADULT = [
    "age", "workclass", "weight", "education", "years of education", "marital status",
    "occupation", "relationship", "race", "sex", "capital gain", "capital loss", "hours a week",
    "native country", "income",
]  # fmt: skip
_FEWEST_RATINGS = 5


@dataclass(frozen=True)
class Question:
    """Items, how to learn them, and what to explain."""

    items: pl.DataFrame
    y: str
    items_called: str
    learn: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    # The outcome as it is explained, of the items; by default the column as it is.
    values: Callable[[pl.DataFrame], pl.Series] | None = None


def _some(table: pl.DataFrame, limit: int) -> pl.DataFrame:
    rows = generator(SEED, "limit").permutation(len(table))[:limit]
    return table[np.sort(rows)]


def _numbered(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_row_index("key").with_columns(pl.col("key").cast(pl.String))


def _scaled(table: pl.DataFrame) -> npt.NDArray[np.float32]:
    x = table.to_numpy().astype(np.float64)
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


def _pairs(pairs: list[tuple[str, str, bool]], text: str, limit: int) -> pl.DataFrame:
    """Two rows a pair, of at most `limit` pairs; `won` tells which did better.

    A text that was compared several times counts once: such pairs are not independent.
    """
    seen: set[str] = set()
    once = []
    for pair in pairs:
        texts = {pair[0].lower(), pair[1].lower()}
        if len(texts) == 2 and not texts & seen:
            once.append(pair)
        seen |= texts
    pairs = once
    rows = np.sort(generator(SEED, "limit").permutation(len(pairs))[:limit])
    table = []
    for i in rows:
        first, second, won = pairs[i]
        table += [(f"p{i}a", f"p{i}", first, int(won)), (f"p{i}b", f"p{i}", second, int(not won))]
    return pl.DataFrame(table, schema=["key", "pair", text, "won"], orient="row")


def upworthy(limit: int) -> Question:
    found = []
    for part in ("train", "val", "test"):
        path = DATA / "upworthy_headlines" / f"headline_binary_{part}.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        columns = (data[k] for k in ("headline_1", "headline_2", "label"))
        found += [(a, b, c.startswith("Headline 1")) for a, b, c in zip(*columns, strict=True)]
    table = _pairs(found, "headline", limit)
    return Question(
        table, "won", "headlines", {"text": "headline", "together": "pair"}, {"pairs": "pair"}
    )


def retweets(limit: int) -> Question:
    found = []
    for part in ("train", "val", "test"):
        with gzip.open(DATA / "retweet_pairs" / f"retweet_{part}.json.gz", "rt") as file:
            data = json.load(file)
        columns = (data[k] for k in ("first_tweet", "second_tweet", "label"))
        # Both tweets of a pair hold the same link, whose letters mean nothing.
        found += [
            (*(re.sub(r"https?://\S+", "", html.unescape(s)).strip() for s in (a, b)), c == "first")
            for a, b, c in zip(*columns, strict=True)
        ]
    found = [(a, b, won) for a, b, won in found if a and b]
    table = _pairs(found, "tweet", limit)
    return Question(
        table, "won", "tweets", {"text": "tweet", "together": "pair"}, {"pairs": "pair"}
    )


def _within(asked: Question) -> Question:
    """The same pairs by how their two vectors differ, not by what they share."""
    from semascope.embed import load_encoder, texts

    encoder, column = load_encoder(), asked.learn["text"]
    vectors = within(texts(asked.items[column], encoder=encoder), asked.items["pair"])
    return replace(
        asked,
        learn=asked.learn | {"vectors": vectors, "encoder": encoder},
        options=asked.options | {"vectors": vectors},
    )


def upworthy_within(limit: int) -> Question:
    return _within(upworthy(limit))


def retweets_within(limit: int) -> Question:
    return _within(retweets(limit))


def tweets(limit: int) -> Question:
    with gzip.open(DATA / "hate_offensive_tweets" / "labeled_data.csv.gz") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
    table = pl.DataFrame(
        {
            "tweet": [html.unescape(row["tweet"]) for row in rows],
            "judged": [("hateful", "offensive", "harmless")[int(row["class"])] for row in rows],
        }
    )
    return Question(_some(_numbered(table), limit), "judged", "tweets", {"text": "tweet"})


def polarity(limit: int) -> Question:
    rows = []
    with zipfile.ZipFile(DATA / "movie_sentence_polarity" / "sentence_polarity.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.endswith((".pos", ".neg")):
                judged = "positive" if name.endswith(".pos") else "negative"
                lines = archive.read(name).decode("latin-1").splitlines()
                rows += [(line.strip(), judged) for line in lines if line.strip()]
    table = pl.DataFrame(rows, schema=["sentence", "judged"], orient="row")
    return Question(_some(_numbered(table), limit), "judged", "sentences", {"text": "sentence"})


def congress(limit: int) -> Question:
    with gzip.open(DATA / "congress_contexts" / "congress_contexts.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    table = pl.DataFrame(rows).with_columns(
        pl.col("text").str.replace_all(r"\s+", " "),
        party=pl.col("party").replace_strict({"D": "Democratic", "R": "Republican"}),
    )
    return Question(
        _some(_numbered(table), limit),
        "party",
        "speeches",
        {"text": "text", "leave_out": ["gender", "nominate_dim1"]},
        {"fewest": 8},
    )


def citations(limit: int) -> Question:
    with gzip.open(DATA / "arxiv_ml_topics" / "arxiv_ml_topics.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    table = pl.DataFrame(
        [
            {"title": r["title"], "text": f"{r['title']}. {r['abstract']}"[:600], "year": r["year"],
             "citations": r["citation"]}
            for r in rows if r["citation"] is not None and r["year"] is not None
        ]
    ).unique("title", keep="first", maintain_order=True)  # fmt: skip
    return Question(
        _some(_numbered(table), limit),
        "citations",
        "papers",
        {"text": "text", "leave_out": ["year", "title"]},
        {"time": "year"},
        # One paper has a fifth of all citations of its split: means of counts would be about it.
        lambda items: (items["citations"] + 1).log10().alias("log10 of citations"),
    )


def housing(limit: int) -> Question:
    table = pl.read_csv(DATA / "california_housing" / "housing.csv.gz")
    table = _some(_numbered(table), limit)
    rooms = pl.col("total_bedrooms").fill_null(pl.col("total_bedrooms").median())
    x = table.select(
        "housing_median_age",
        "median_income",
        *(pl.col(c).log1p() for c in ("total_rooms", "population", "households")),
        rooms.log1p().alias("bedrooms"),
        (pl.col("total_rooms") / pl.col("households")).log1p().alias("rooms each"),
        (pl.col("population") / pl.col("households")).log1p().alias("people each"),
        *((pl.col("ocean_proximity") == v).cast(pl.Float64).alias(v)
          for v in ("INLAND", "NEAR BAY", "NEAR OCEAN")),
    )  # fmt: skip
    # Districts of one degree share a market.
    place = pl.concat_str([pl.col(c).round(0) for c in ("longitude", "latitude")], separator="/")
    vectors = _scaled(x)
    return Question(
        table.with_columns(place=place),
        "median_house_value",
        "districts",
        {"vectors": vectors, "components": 48, "active": 4, "leave_out": ["place"]},
        {"unit": "$", "groups": "place", "vectors": vectors},
    )


def adult(limit: int) -> Question:
    path = DATA / "adult_income" / "adult-train.csv.gz"
    table = pl.read_csv(path, has_header=False, new_columns=_ADULT, null_values=["?", " ?"])
    numbers = ["age", "years of education", "capital gain", "capital loss", "hours a week"]
    table = table.with_columns(pl.col(pl.String).str.strip_chars()).drop("weight")
    table = table.with_columns(pl.col(numbers).cast(pl.Int64)).drop_nulls("age")
    table = _some(_numbered(table), limit)
    kinds = ["workclass", "marital status", "occupation", "relationship", "race", "sex"]
    x = table.select(
        *(pl.col(c).log1p() if c.startswith("capital") else pl.col(c) for c in numbers),
        *(
            (pl.col(c) == v).fill_null(False).cast(pl.Float64).alias(f"{c} {v}")
            for c in kinds
            for v, count in table[c].drop_nulls().value_counts().sort(c).iter_rows()
            if count >= 20
        ),
    )
    vectors = _scaled(x)
    return Question(
        table,
        "income",
        "people",
        {"vectors": vectors, "components": 48, "active": 4},
        {"vectors": vectors},
    )


def films(limit: int) -> Question:
    """Vectors say who rated a film, not how: the outcome is not in them."""
    from scipy.sparse import csr_array
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    folder = DATA / "movielens_small"
    ratings = pl.read_csv(folder / "ratings.csv.gz").rename({"userid": "user", "movieid": "film"})
    tags = pl.read_csv(folder / "tags.csv").select(
        pl.col("movieId").alias("film"), pl.col("tag").str.to_lowercase()
    )
    each = ratings.group_by("film").agg(
        pl.len().alias("ratings"), pl.col("rating").mean().alias("mean rating")
    )
    genres = pl.col("genres").str.split("|").list.set_difference(["(no genres listed)"])
    table = (
        pl.read_csv(folder / "movies.csv.gz")
        .select(
            pl.col("movieId").alias("film"),
            "title",
            pl.col("title").str.extract(r"\((\d{4})\)\s*$").cast(pl.Int64).alias("year"),
            genres.alias("genre"),
        )
        .join(tags.group_by("film").agg(pl.col("tag").unique().sort()), on="film", how="left")
        .join(each, on="film")
        .filter(pl.col("ratings") >= _FEWEST_RATINGS)
        .sort("film")
    )
    table = _some(table, limit)
    rated = ratings.join(table.select("film").with_row_index("row"), on="film")
    shape = (len(table), rated["user"].max() + 1)
    matrix = csr_array((np.ones(len(rated)), (rated["row"], rated["user"])), shape=shape)
    per_film, per_user = (np.maximum(matrix.sum(axis=axis), 1) for axis in (1, 0))
    matrix = matrix.multiply(per_film[:, None] ** -0.5).multiply(per_user[None] ** -0.5)
    axes = TruncatedSVD(33, random_state=SEED).fit_transform(csr_array(matrix))
    # The first direction is popularity.
    vectors = np.ascontiguousarray(normalize(axes[:, 1:]), dtype=np.float32)
    return Question(
        table.with_columns(key=pl.col("film").cast(pl.String)).drop("film"),
        "mean rating",
        "films",
        {"vectors": vectors, "components": 48, "active": 4, "leave_out": ["title", "ratings"]},
        {"vectors": vectors, "unit": "stars"},
    )


SETS: dict[str, Callable[[int], Question]] = {
    "upworthy": upworthy,
    "upworthy-within": upworthy_within,
    "retweets": retweets,
    "retweets-within": retweets_within,
    "tweets": tweets,
    "polarity": polarity,
    "congress": congress,
    "citations": citations,
    "housing": housing,
    "adult": adult,
    "films": films,
}
