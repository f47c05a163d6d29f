"""Public sets of which several attributes of every item are known: texts, films and people."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from bench_data import CACHE, DATA, vectors
from semascope.core import generator

ROWS, FEWEST = 4000, 40


@dataclass(frozen=True)
class Known:
    """Vectors of items, and what is known of these."""

    x: npt.NDArray[np.float32]
    factors: pl.DataFrame


def some(table: pl.DataFrame, *kinds: str) -> pl.DataFrame:
    """At most 4,000 rows at random, of values that enough rows have."""
    for kind in kinds:
        common = table[kind].value_counts().filter(pl.col("count") >= FEWEST)[kind]
        table = table.filter(pl.col(kind).is_in(common.implode()))
    rows = generator(0, "rows").permutation(len(table))[:ROWS]
    return table[np.sort(rows)]


def embedded(texts: list[str]) -> npt.NDArray[np.float32]:
    from semascope.embed import embed_texts, load_encoder

    return embed_texts(texts, encoder=load_encoder(precision="fp32"), cache=CACHE / "factors")[0]


def phrases() -> Known:
    """Sentences made of a template, a word for people, and a kind or an unkind word."""
    path = DATA / "madlibs_identity" / "en_sentence_templates.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    words = {r["phrase"].split(" ", 1)[1] for r in rows if r["template"] == "verb_adj"}
    longest = "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))
    found = []
    for row in rows:
        word = re.search(rf"\b({longest})\b", row["phrase"])
        if word and row["template"] in {"verb_adj", "am_hate_adj", "being_adj", "you_are_adj"}:
            found.append((row["phrase"], row["template"], word[1], row["toxicity"]))
    table = some(
        pl.DataFrame(found, schema=["text", "template", "people", "toxicity"], orient="row"),
        "template", "people",
    )  # fmt: skip
    return Known(embedded(table["text"].to_list()), table.drop("text"))


def places() -> Known:
    """Names of places: country, kind, latitude and longitude."""
    table = pl.read_csv(DATA / "places_and_works" / "world_place.csv.gz")
    table = table.select("name", "country", "entity_type", "latitude", "longitude").drop_nulls()
    table = table.unique("name", keep="none", maintain_order=True)
    countries = [name for name, _ in Counter(table["country"]).most_common(10)]
    table = table.filter(pl.col("country").is_in(countries))
    order = generator(0, "places").permutation(len(table))
    # As many of each country and kind, so that neither tells the other.
    table = table[order].group_by("country", "entity_type", maintain_order=True).head(300)
    table = some(table, "country", "entity_type")
    return Known(embedded(table["name"].to_list()), table.drop("name"))


def statements() -> Known:
    """Statements that a city is in a country, or is not: country, negation, truth."""
    parts = [
        pl.read_csv(DATA / "truth_statements" / f"{name}.csv")
        .select("statement", "country", pl.col("label").alias("true"))
        .with_columns(pl.lit(negated).alias("negated"))
        for name, negated in (("cities", 0), ("neg_cities", 1))
    ]
    table = some(pl.concat(parts), "country")
    return Known(embedded(table["statement"].to_list()), table.drop("statement"))


def films() -> Known:
    """Plots of films: first genre and decade."""
    rows = []
    for path in sorted((DATA / "wikipedia_movies").glob("*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows += [
                (film["genres"][0] if film["genres"] else "none", path.name[7:12])
                for film in json.load(file)
                if film.get("extract")
            ]
    table = pl.DataFrame(rows, schema=["genre", "decade"], orient="row").with_row_index("row")
    genres = [name for name, _ in Counter(table["genre"]).most_common(9) if name != "none"]
    table = some(table.filter(pl.col("genre").is_in(genres)), "genre", "decade")
    return Known(vectors("movies")[table["row"].to_numpy()], table.drop("row"))


def people() -> Known:
    """Rows of a census as standardised numbers and yes-or-no columns; some of them as factors."""
    text = ["workclass", "education", "marital", "occupation", "relationship", "race", "sex",
            "country", "income"]  # fmt: skip
    names = ["age", "workclass", "weight", "education", "years", *text[2:7], "gain", "loss",
             "hours", *text[7:]]  # fmt: skip
    table = pl.read_csv(DATA / "adult_income" / "adult-train.csv.gz", has_header=False,
                        new_columns=names, infer_schema=False)  # fmt: skip
    table = table.with_columns(pl.all().str.strip_chars())
    table = table.filter(pl.all_horizontal(pl.col(text) != "?"))
    table = table.with_columns(pl.exclude(text).cast(pl.Float64))
    table = some(table, "race", "marital", "occupation")
    numbers = table.select(pl.col("age", "years", "hours"), pl.col("gain", "loss").log1p())
    numbers = numbers.select((pl.all() - pl.all().mean()) / pl.all().std())
    kinds = table.select("workclass", "education", "marital", "occupation", "race", "sex")
    x = np.concatenate([numbers.to_numpy(), kinds.to_dummies().to_numpy()], axis=1)
    factors = table.select("sex", "race", "marital", "occupation", "age", "hours")
    return Known(x.astype(np.float32), factors)


READERS: dict[str, Callable[[], Known]] = {
    "phrases": phrases,
    "places": places,
    "statements": statements,
    "films": films,
    "people": people,
}
