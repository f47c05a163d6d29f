"""Explain the outcomes of public sets: top findings, what the concepts carry, and baselines.

For each set a lexicon is learned without its outcome, and explained on *verify* rows. Printed are
the surest findings with effect and interval, held-out R2 or AUC of concepts, raw embedding, words,
topics and PCA with the share of the raw embedding's predictive power that the named concepts keep,
and how many findings there are (BH, knockoffs, and by the name alone) against as many random atoms
and PCA axes, active on their top tenth of rows.

Lexicons are kept in ``.bench/findings``; remove one to learn it again.

Run: python benchmarks/findings.py [--sets upworthy housing tweets citations] [--limit 4000]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

import semascope as sc
from bench_data import CACHE, DATA
from semascope.core import generator
from semascope.explain import Findings, outcome
from semascope.explain.baselines import vector_columns
from semascope.lexicon import stored_vectors

SEED = 0


@dataclass(frozen=True)
class Question:
    """Items, how to learn them, and what to explain."""

    items: pl.DataFrame
    y: str
    items_called: str
    learn: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)


def some(table: pl.DataFrame, limit: int) -> pl.DataFrame:
    rows = generator(SEED, "limit").permutation(len(table))[:limit]
    return table[np.sort(rows)]


def upworthy(limit: int) -> Question:
    rows = []
    for part in ("train", "val", "test"):
        path = DATA / "upworthy_headlines" / f"headline_binary_{part}.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        for first, second, label in zip(*(data[k] for k in ("headline_1", "headline_2", "label")),
                                        strict=True):  # fmt: skip
            pair, won = f"p{len(rows) // 2}", label.startswith("Headline 1")
            rows += [(f"{pair}a", pair, first, int(won)), (f"{pair}b", pair, second, int(not won))]
    table = pl.DataFrame(rows, schema=["key", "pair", "headline", "won"], orient="row")
    return Question(
        table, "won", "headlines", {"text": "headline", "together": "pair"}, {"pairs": "pair"}
    )


def housing(limit: int) -> Question:
    table = pl.read_csv(DATA / "california_housing" / "housing.csv.gz")
    table = table.with_row_index("key").with_columns(pl.col("key").cast(pl.String))
    table = some(table, limit)
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
    ).to_numpy()  # fmt: skip
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    # Districts of one degree share a market.
    place = pl.concat_str([pl.col(c).round(0) for c in ("longitude", "latitude")], separator="/")
    table = table.with_columns(place=place)
    return Question(
        table,
        "median_house_value",
        "districts",
        {"vectors": x, "components": 48, "active": 4, "leave_out": ["place"]},
        {"unit": "$", "groups": "place", "vectors": x},
    )


def tweets(limit: int) -> Question:
    with gzip.open(DATA / "hate_offensive_tweets" / "labeled_data.csv.gz") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
    table = pl.DataFrame(
        {
            "key": [f"t{i}" for i in range(len(rows))],
            "tweet": [row["tweet"] for row in rows],
            "neither": [int(row["class"] == "2") for row in rows],
        }
    )
    return Question(
        some(table, limit), "neither", "tweets", {"text": "tweet"}, {"name": "harmless"}
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
    table = table.with_row_index("key").with_columns(pl.col("key").cast(pl.String))
    return Question(
        some(table, limit),
        "citations",
        "papers",
        {"text": "text", "leave_out": ["year", "title"]},
        {"kind": "count", "time": "year"},
    )


SETS: dict[str, Callable[[int], Question]] = {
    "upworthy": upworthy,
    "housing": housing,
    "tweets": tweets,
    "citations": citations,
}


def lexicon_of(name: str, asked: Question, limit: int) -> sc.Lexicon:
    path = CACHE / "findings" / f"{name}-{limit}.lexicon"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        how = dict(asked.learn)
        left_out = [asked.y, *how.pop("leave_out", [])]
        left_out += [how["together"]] if "together" in how else []
        sc.learn(asked.items, id="key", leave_out=left_out, out=path, baseline=False,
                 seed=SEED, **how)  # fmt: skip
    return sc.load(path)


def report(name: str, limit: int, show: int) -> None:
    asked = SETS[name](limit)
    lexicon = lexicon_of(name, asked, limit)
    options = asked.options | {"seed": SEED}
    found = outcome(lexicon, asked.y, items=asked.items_called, **options)
    tested = found.table["p"].is_not_null().sum()
    print(
        f"\n## {name}: {found.outcome.kind}, {found.how['tested']['units']} tested units",
        flush=True,
    )
    for line in found.sentences[:show]:
        print(f"  {line}")
    print(f"\n  {'predicted from':18s} {'columns':>7s}  {found.carried['metric'][0]}")
    for row in found.carried.iter_rows(named=True):
        kept = "" if row["kept"] is None else (
            f"  kept {100 * row['kept']:.0f} % [{100 * row['kept_low']:.0f}, "
            f"{100 * row['kept_high']:.0f}]"
        )  # fmt: skip
        print(
            f"  {row['features']:18s} {row['columns']:7d}  {row['value']:.3f} "
            f"[{row['low']:.3f}, {row['high']:.3f}]{kept}"
        )
    by_name = found.table.filter(pl.col("name_q") <= found.level)
    also = found.findings.filter(pl.col("name_q") <= found.level)
    print(
        f"\n  concepts: {len(found.findings)} findings of {tested} tested, "
        f"{found.table['knockoff'].sum()} by knockoffs at 0.1; names alone: {len(by_name)}, "
        f"of the findings {len(also)}"
    )
    baselines(lexicon, found, asked, options, int(tested))


def baselines(
    lexicon: sc.Lexicon, found: Findings, asked: Question, options: dict[str, Any], tested: int
) -> None:
    source, _ = stored_vectors(lexicon, options.get("vectors"))
    x = source.take(np.arange(len(lexicon.items)))
    fit = np.flatnonzero(lexicon.splits != 2)
    items = lexicon.items
    columns = {
        key: items[value] if isinstance(value, str) and value in items.columns else value
        for key, value in options.items()
        if key != "vectors"
    }
    for kind, values in vector_columns(x, fit, tested, seed=SEED).items():
        if kind == "raw embedding":
            continue
        values = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
        if kind == "PCA":
            # Both ends of an axis.
            values = np.hstack([values, -values])[:, : max(tested, values.shape[1])]
        over = values > np.maximum(0, np.quantile(values[fit], 0.9, axis=0))
        other = outcome(over, items[asked.y], splits=lexicon.splits, baselines=False, **columns)
        print(
            f"  {kind}: {len(other.findings)} findings of "
            f"{other.table['p'].is_not_null().sum()} tested, {other.table['knockoff'].sum()} by "
            "knockoffs at 0.1",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--limit", type=int, default=4000, help="rows of each set")
    parser.add_argument("--show", type=int, default=8, help="findings to print")
    asked = parser.parse_args()
    for name in asked.sets:
        report(name, asked.limit, asked.show)


if __name__ == "__main__":
    main()
