"""Public sets with an outcome, and lexicons learned from them without it; for the benchmarks.

Lexicons are kept in ``.bench/questions``; remove one to learn it again.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

import semascope as sc
from bench_data import CACHE, DATA
from semascope.core import generator

SEED = 0
ADULT = (
    "age", "workclass", "fnlwgt", "education", "education_years", "marital_status", "occupation",
    "relationship", "race", "sex", "capital_gain", "capital_loss", "hours", "country", "income",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """Items with an outcome, which of its values is explained, and vectors if there is no text."""

    items: pl.DataFrame
    y: str
    hit: str
    called: str
    vectors: npt.NDArray[np.float32] | None = None


def _some(table: pl.DataFrame, limit: int) -> pl.DataFrame:
    rows = generator(SEED, "limit").permutation(len(table))[:limit]
    return table[np.sort(rows)].with_row_index("key").with_columns(pl.col("key").cast(pl.String))


def _polarity(limit: int) -> Asked:
    rows = []
    with zipfile.ZipFile(DATA / "movie_sentence_polarity" / "sentence_polarity.zip") as archive:
        for sign in ("neg", "pos"):
            lines = archive.read(f"sentence_polarity/rt-polarity.{sign}").decode("latin-1")
            rows += [(line.strip(), sign) for line in lines.splitlines() if line.strip()]
    table = pl.DataFrame(rows, schema=["text", "polarity"], orient="row")
    return Asked(_some(table, limit), "polarity", "pos", "sentences")


def _tweets(limit: int) -> Asked:
    with gzip.open(DATA / "hate_offensive_tweets" / "labeled_data.csv.gz") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
    kinds = {"0": "hate", "1": "offensive", "2": "neither"}
    table = pl.DataFrame(
        {"text": [r["tweet"] for r in rows], "kind": [kinds[r["class"]] for r in rows]}
    )
    return Asked(_some(table, limit), "kind", "neither", "tweets")


def _trec(limit: int) -> Asked:
    rows = []
    with zipfile.ZipFile(DATA / "trec_questions" / "qc.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".txt"):
                for line in archive.read(name).decode("latin-1").splitlines():
                    label, _, text = line.partition(" ")
                    if ":" in label:
                        rows.append((text, label.split(":")[0]))
    table = pl.DataFrame(rows, schema=["text", "asks_for"], orient="row")
    return Asked(_some(table, limit), "asks_for", "HUM", "questions")


def _adult(limit: int) -> Asked:
    with gzip.open(DATA / "adult_income" / "adult-train.csv.gz", "rt", encoding="utf-8") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if len(row) == 15]
    table = pl.DataFrame(rows, schema=list(ADULT), orient="row").drop("fnlwgt")
    numbers = ["age", "education_years", "capital_gain", "capital_loss", "hours"]
    table = _some(table.with_columns(pl.col(numbers).cast(pl.Int64)), limit)
    columns = [table[c].cast(pl.Float64).to_numpy() for c in ("age", "education_years", "hours")]
    columns += [np.log1p(table[c].to_numpy()) for c in ("capital_gain", "capital_loss")]
    for name in ("workclass", "marital_status", "occupation", "relationship", "race", "sex"):
        values = table[name]
        columns += [(values == v).cast(pl.Float64).to_numpy()
                    for v in sorted(values.unique()) if (values == v).sum() >= 40]  # fmt: skip
    x = np.stack(columns, axis=1)
    # Rare values count less than common ones, or a dictionary spends its atoms on them.
    x = (x - x.mean(axis=0)) / np.sqrt(x.std(axis=0) * np.maximum(x.std(axis=0), 0.3))
    return Asked(table, "income", ">50K", "people", x.astype(np.float32))


QUESTIONS: dict[str, Callable[[int], Asked]] = {
    "polarity": _polarity,
    "tweets": _tweets,
    "trec": _trec,
    "adult": _adult,
}


def lexicon_of(name: str, limit: int) -> tuple[sc.Lexicon, Asked, npt.NDArray[np.float32]]:
    """Return a lexicon learned without the outcome, the question, and the vectors of its rows."""
    from semascope.lexicon import stored_vectors

    asked = QUESTIONS[name](limit)
    path = CACHE / "questions" / f"{name}-{limit}.lexicon"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        how = {"text": "text"} if asked.vectors is None else {
            "vectors": asked.vectors, "components": 64, "active": 6}  # fmt: skip
        sc.learn(asked.items, id="key", leave_out=[asked.y], out=path, baseline=False, seed=SEED,
                 **how)  # fmt: skip
    lexicon = sc.load(path)
    x = asked.vectors if asked.vectors is not None else np.asarray(
        stored_vectors(lexicon)[0].take(np.arange(len(lexicon.items)))
    )  # fmt: skip
    # Rows without text were left out, and kept their order.
    kept = lexicon.items.select("key").join(
        asked.items, on="key", how="left", maintain_order="left"
    )
    return lexicon, replace(asked, items=kept), x
