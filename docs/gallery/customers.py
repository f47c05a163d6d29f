"""Customers: concepts of what people bought when, named by frequency, recency and amount.

Run: SEMASCOPE_DATA=... python docs/gallery/customers.py
"""

import gzip

import numpy as np
import polars as pl
from rules import data, learn_and_name
from sklearn.preprocessing import StandardScaler

from semascope.lexicon import ByPattern, Events
from semascope.measure import verify_name
from semascope.name import find_patterns

path = data("cdnow_transactions", "CDNOW_master.txt.gz")
with gzip.open(path, "rt") as file:
    lines = [line.split() for line in file.readlines()[1:] if line.strip()]
orders = pl.DataFrame(
    {
        "customer": [line[0] for line in lines],
        "day": [line[1] for line in lines],
        "discs": [int(line[2]) for line in lines],
        "dollars": [float(line[3]) for line in lines],
    }
).with_columns(pl.col("day").str.to_date("%Y%m%d"))
customers = (
    orders.sort("day")
    .group_by("customer")
    .agg(
        pl.len().alias("orders"),
        pl.col("discs").sum(),
        pl.col("dollars").sum().round(2),
        (pl.col("dollars").sum() / pl.len()).round(2).alias("dollars per order"),
        pl.col("day").min().alias("first order"),
        pl.col("day").max().alias("last order"),
        pl.when(pl.len() > 1)
        .then((pl.col("day").max() - pl.col("day").min()).dt.total_days() / (pl.len() - 1))
        .round(0)
        .alias("days between orders"),
        # A history of events, for patterns: how large each order was.
        pl.when(pl.col("dollars") < 20)
        .then(pl.lit("small"))
        .when(pl.col("dollars") < 60)
        .then(pl.lit("medium"))
        .otherwise(pl.lit("large"))
        .alias("history"),
    )
    .sort("customer")
)

# Counts of events in each quarter, and of small, medium and large orders, evened out by logarithms.
quarters = orders.with_columns(pl.col("day").dt.truncate("1q").cast(pl.String).alias("quarter"))
counts = (
    quarters.pivot("quarter", index="customer", values="dollars", aggregate_function="len")
    .sort("customer")
    .drop("customer")
    .fill_null(0)
)
sizes = np.stack(
    [customers["history"].list.count_matches(kind) for kind in ("small", "medium", "large")], axis=1
)
vectors = StandardScaler().fit_transform(np.log1p(np.hstack([counts.to_numpy(), sizes])))
concepts = learn_and_name(
    vectors, customers, id="customer", leave_out=("history",), components=16, active=2
)

print("\nOrders small (< 20 dollars), medium and large (>= 60) that followed each other:\n")
events, follows = Events.of(customers["history"]), ByPattern(customers["history"])
found = {c.id: find_patterns(events, c.contrast, seed=c.latent) for c in concepts}
names = {id: patterns[0].name for id, patterns in found.items() if patterns}
for concept in concepts:
    name = names.get(concept.id)
    if name is not None:
        others = sorted(set(names.values()) - {name})
        verdict = verify_name(name, concept.tested, follows, others, threshold=0.5)
        print(f"{concept.id:>5}  {name}\n       {verdict.trust if verdict else 'too few rows'}")
