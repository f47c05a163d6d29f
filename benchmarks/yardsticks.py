"""The yardsticks laid on a learned dictionary, with baselines beside every number.

(a) banking77: 4,000 texts (MiniLM), 60 % to learn and choose on, 40 % to measure; its intents are
labels, and factors of yes and no. A second seed is what stability and UDR compare with.

(b) Sets of which several attributes are known (``bench_factors.py``): phrases made of templates,
places, statements about cities, films, rows of a census. Attributes are factors, their values
labels. Do latents keep attributes apart?

Probes on codes against probes on vectors have a benchmark of their own, ``probe_sets.py``.

Run: python benchmarks/yardsticks.py [--banking] [--known [NAME ...]] [--metrics NAME ...]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import polars as pl
import polars.selectors as cs

import bench_factors
from bench_data import vectors
from bench_labels import banking77
from semascope.core import generator
from semascope.discover import TopKSAE
from semascope.measure import evaluate

ROWS, LATENTS, ACTIVE, TRAINED = 4000, 512, 4, 200_000
FEW_LATENTS, FEW_ACTIVE = 256, 8
OF_LABELS = (
    "best concept f1", "splitting", "absorption", "scr", "tpp", "cause", "isolation",
    "approximation", "control", "occlusion", "over-splitting",
)  # fmt: skip


def banking(metrics: list[str] | None) -> None:
    labels = [found[0] for _, found in banking77()]
    rows = np.sort(generator(0, "rows").permutation(len(labels))[:ROWS])
    x, truth = vectors("banking77")[rows], np.array(labels)[rows]
    order = generator(0, "sides").permutation(ROWS)
    choose, test = np.sort(order[: ROWS * 6 // 10]), np.sort(order[ROWS * 6 // 10 :])
    fits = [
        TopKSAE(LATENTS, ACTIVE, max_rows=TRAINED, random_state=seed).fit(x[choose])
        for seed in (0, 1)
    ]
    intents = truth[:, None] == np.unique(truth)
    varied = np.stack([intents[choose].any(axis=0), intents[test].any(axis=0)]).all(axis=0)
    table = evaluate(
        fits[0].transform(x),
        vectors=x,
        atoms=fits[0].atoms_,
        bias=fits[0].dictionary_.bias,
        labels=truth,
        factors=intents[:, varied],
        outcome=truth,
        runs=[fits[1].transform(x)],
        others=[fits[1].atoms_],
        metrics=metrics,
        choose=choose,
        test=test,
        on_step=Steps(),
    )
    show(table)


def show(table: pl.DataFrame) -> None:
    kinds = list(dict.fromkeys(table["of"]))
    print("| metric | value [95 %] | chance | " + " | ".join(kinds[1:]) + " |")
    print("|" + " --- |" * (len(kinds) + 2))
    for name in dict.fromkeys(table["metric"]):
        rows = {r["of"]: r for r in table.filter(metric=name).iter_rows(named=True)}
        ours = rows["codes"]
        interval = "" if ours["low"] is None else f" [{ours['low']:.3f}, {ours['high']:.3f}]"
        beside = [short(rows[k]["value"]) if k in rows else "" for k in kinds[1:]]
        cells = [f"{short(ours['value'])}{interval}", short(ours["null"]), *beside]
        print(f"| {name} | " + " | ".join(cells) + " |")
    for row in table.filter(pl.col("of") == "codes", pl.col("note") != "").iter_rows(named=True):
        print(f"# {row['metric']}: {row['note']}")


def short(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def known(name: str, metrics: list[str] | None) -> None:
    """Sets with several known attributes: disentanglement, swaps, edits."""
    found = bench_factors.READERS[name]()
    x, n = found.x, len(found.x)
    order = generator(0, "sides").permutation(n)
    choose, test = np.sort(order[: n * 6 // 10]), np.sort(order[n * 6 // 10 :])
    fits = [
        TopKSAE(FEW_LATENTS, FEW_ACTIVE, max_rows=TRAINED, random_state=seed).fit(x[choose])
        for seed in (0, 1)
    ]
    kinds = found.factors.select(~cs.float())
    dummies = kinds.to_dummies(separator=" = ")
    print(f"\n## {name}: {n:,} rows; " + ", ".join(
        f"{c.name} ({c.n_unique()})" if c.name in kinds.columns else c.name for c in found.factors
    ))  # fmt: skip
    table = evaluate(
        fits[0].transform(x),
        vectors=x,
        atoms=fits[0].atoms_,
        bias=fits[0].dictionary_.bias,
        labels=dummies,
        factors=found.factors,
        runs=[fits[1].transform(x)],
        metrics=metrics or ["disentanglement", *OF_LABELS],
        choose=choose,
        test=test,
        on_step=Steps(),
    )
    show(table)


class Steps:
    """Prints how long each metric takes."""

    def __init__(self) -> None:
        self._began, self._name = time.process_time(), ""

    def __call__(self, name: str) -> None:
        now = time.process_time()
        print(f"# {self._name} {now - self._began:.1f} s of CPU", flush=True)
        self._began, self._name = now, name


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--banking", action="store_true")
    parser.add_argument("--known", nargs="*", choices=[*bench_factors.READERS])
    parser.add_argument("--metrics", nargs="+")
    asked = parser.parse_args()
    if asked.banking or asked.known is None:
        banking(asked.metrics)
    if asked.known is not None or not asked.banking:
        for name in asked.known or bench_factors.READERS:
            known(name, asked.metrics)
