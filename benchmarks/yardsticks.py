"""The yardsticks laid on a learned dictionary, with baselines beside every number.

(a) banking77: 4,000 texts (MiniLM), 60 % to learn and choose on, 40 % to measure; its intents are
labels, and factors of yes and no. A second seed is what stability and UDR compare with.

(b) ``probe_sets``: the protocol of Kantamneni et al. (2025) on binary tasks made of its files: a
task for each binary target, and one for each of the three commonest values of the others. Does a
probe on codes, chosen by cross-validation among probes on the vectors, add to these?

Run: python benchmarks/yardsticks.py [--banking] [--probes] [--metrics NAME ...]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import time
from collections import Counter

import numpy as np
import polars as pl

from bench_data import DATA, vectors
from bench_labels import banking77
from semascope.core import generator
from semascope.discover import TopKSAE
from semascope.embed import embed_texts
from semascope.measure import evaluate
from semascope.measure.yardsticks import quiver

ROWS, LATENTS, ACTIVE, TRAINED = 4000, 512, 4, 200_000
EACH, TRAIN, FEWEST, VALUES = 200, 130, 24, 3


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
    began = [time.perf_counter(), ""]

    def on_step(name: str) -> None:
        now = time.perf_counter()
        print(f"# {began[1]} {now - began[0]:.1f} s", flush=True)
        began[:] = [now, name]

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
        on_step=on_step,
    )
    on_step("")
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


def probe_tasks() -> tuple[list[str], list[tuple[str, np.ndarray, np.ndarray]]]:
    """Texts, and for each task its name, its rows and the answers on them."""
    texts: list[str] = []
    tasks = []
    for path in sorted((DATA / "probe_sets").glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        counts = Counter(row["target"] for row in found)
        if len(counts) > 50:
            continue  # a number, such as a year
        common = [value for value, _ in counts.most_common(2 if len(counts) == 2 else VALUES)]
        random = generator(0, path.name)
        picked = random.permutation(len(found))[:EACH]
        rows = np.arange(len(texts), len(texts) + len(picked))
        texts += [found[i]["prompt"] for i in picked]
        target = np.array([found[i]["target"] for i in picked])
        for value in common[:1] if len(counts) == 2 else common:
            y = target == value
            sides = y[:TRAIN], y[TRAIN:]
            if min(min(s.sum(), (~s).sum()) for s in sides) >= FEWEST // 3:
                tasks.append((f"{path.name.split('.')[0]} = {value}", rows, y))
    return texts, tasks


def probes() -> None:
    texts, tasks = probe_tasks()
    x, _ = embed_texts(texts)
    train = np.concatenate([rows[:TRAIN] for rows in {r[0]: r for _, r, _ in tasks}.values()])
    sae = TopKSAE(LATENTS, ACTIVE * 2, max_rows=TRAINED, random_state=0).fit(x[np.sort(train)])
    codes = sae.transform(x)
    found = []
    for _, rows, y in tasks:
        inside = np.arange(len(rows))
        found.append(quiver(codes[rows], x[rows], y, train=inside[:TRAIN], test=inside[TRAIN:]))
    print(f"# {len(tasks)} tasks of {len(texts):,} texts")
    print("| probe | mean AUROC on test rows | chosen |\n| --- | --- | --- |")
    for kind in found[0].by_kind:
        mean = np.mean([f.by_kind[kind] for f in found])
        print(f"| {kind} | {mean:.3f} | {sum(f.chosen == kind for f in found)} |")
    gains = np.array([f.gain for f in found])
    random = generator(0, "bootstrap")
    draws = gains[random.integers(len(gains), size=(2000, len(gains)))].mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    print(f"| chosen, without codes | {np.mean([f.auroc_without for f in found]):.3f} | |")
    print(f"| chosen, with codes | {np.mean([f.auroc for f in found]):.3f} | |")
    print(f"# gain by codes {gains.mean():+.4f} [{low:+.4f}, {high:+.4f}]")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--banking", action="store_true")
    parser.add_argument("--probes", action="store_true")
    parser.add_argument("--metrics", nargs="+")
    asked = parser.parse_args()
    both = not (asked.banking or asked.probes)
    if asked.banking or both:
        banking(asked.metrics)
    if asked.probes or both:
        probes()
