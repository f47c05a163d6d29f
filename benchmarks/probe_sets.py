"""Do probes on codes add to probes on vectors? Binary tasks of many kinds, under four regimes.

The protocol of Kantamneni et al. (2025) on the files of ``probe_sets``: a task for each value of a
target (one for two values, and one for the upper half of numbers), 1,024 balanced rows to train on
and all others to test on; then fewer rows, rarer labels and wrong labels. The kind of probe is
chosen on train rows left out of the fit, with probes on codes among the candidates or without.

The dictionary is learned from the vectors of all texts, without labels. What a file gave is kept in
``.bench/probe_sets``, so that a run that was stopped goes on; remove it to measure again.

Run: python benchmarks/probe_sets.py [--most 1500] [--sets NAME ...] [--paper] [--nonlinear]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from bench_data import CACHE
from bench_probes import files, read, vectors
from semascope.core import generator
from semascope.discover import TopKSAE
from semascope.measure.yardsticks import PAPER_LEVELS, probe_regimes

LATENTS, ACTIVE, TRAINED = 1024, 16, 500_000
# Of the paper's levels those that tell; all with --paper.
LEVELS: dict[str, tuple[float, ...]] = {
    "standard": (1024,),
    "scarce": (4, 16, 64, 256),
    "imbalanced": (0.05, 0.25, 0.95),
    "noisy": (0.1, 0.2, 0.4),
}


def dictionary(names: list[str], most: int) -> TopKSAE:
    x = np.concatenate([vectors(read(name)[0][:most]) for name in names])
    print(f"# {len(x):,} texts of {len(names)} files", flush=True)
    return TopKSAE(LATENTS, ACTIVE, max_rows=TRAINED, random_state=0).fit(x)


def measured(
    name: str, sae: TopKSAE, most: int, levels: Mapping[str, Sequence[float]], nonlinear: bool
) -> pl.DataFrame:
    kind = f"{most}-{sum(len(v) for v in levels.values())}{'-all' if nonlinear else ''}"
    path = CACHE / "probe_sets" / f"{name}-{kind}.parquet"
    if not path.exists():
        began, (texts, tasks) = time.perf_counter(), read(name)
        x = vectors(texts[:most])
        table = probe_regimes(
            sae.transform(x),
            x,
            np.stack([task.y[:most] for task in tasks], axis=1),
            names=[task.name for task in tasks],
            regimes=levels,  # type: ignore[arg-type]
            nonlinear=nonlinear,
        )
        table.write_parquet(path)
        print(f"# {name}: {time.perf_counter() - began:.0f} s", flush=True)
    return pl.read_parquet(path)


def show(table: pl.DataFrame) -> None:
    done = table.drop_nulls("auroc")
    print("| regime | level | tasks | train rows | without codes | with codes | gain [95 %] | "
          "codes chosen |")  # fmt: skip
    print("|" + " --- |" * 8)
    for (regime, level), part in done.group_by("regime", "level", maintain_order=True):
        gain = part["gain"].to_numpy()
        random = generator(0, "bootstrap")
        draws = gain[random.integers(len(gain), size=(2000, len(gain)))].mean(axis=1)
        low, high = np.quantile(draws, [0.025, 0.975])
        chosen = part["chosen"].str.ends_with("codes").sum()
        print(
            f"| {regime} | {level:g} | {len(part)} | {part['n_train'].median():.0f} | "
            f"{part['auroc_without'].mean():.3f} | {part['auroc'].mean():.3f} | "
            f"{gain.mean():+.4f} [{low:+.4f}, {high:+.4f}] | {chosen} |"
        )
    standard = done.filter(regime="standard")
    kinds = table.columns[table.columns.index("chosen_without") + 1 :]
    print("\n| probe, standard | mean AUROC | best of all | chosen |\n|" + " --- |" * 4)
    best = standard.select(kinds).to_numpy().argmax(axis=1)
    for k, kind in enumerate(kinds):
        mean, chosen = standard[kind].mean(), (standard["chosen"] == kind).sum()
        print(f"| {kind} | {mean:.3f} | {(best == k).sum()} | {chosen} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1500, help="Texts of a file.")
    parser.add_argument("--sets", nargs="+", default=files())
    parser.add_argument("--paper", action="store_true", help="All levels of the paper.")
    parser.add_argument("--nonlinear", action="store_true", help="Boosted trees, a network.")
    given = parser.parse_args()
    levels = PAPER_LEVELS if given.paper else LEVELS
    sae = dictionary(given.sets, given.most)
    show(pl.concat(
        [measured(name, sae, given.most, levels, given.nonlinear) for name in given.sets],
        how="diagonal",
    ))  # fmt: skip
