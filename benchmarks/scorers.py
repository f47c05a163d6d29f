"""Puzzles for the scorers of names: which of ten names belongs to these rows?

A puzzle is one class of a labelled set. Rows of the class are active, rows of other classes are not
(half of them the nearest). The names are the class's own label and the nine labels nearest to it by
their embedding: near-misses, not strangers. The planted latent, thresholds and judges come from
other rows or other classes. A scorer that knows nothing puts the right name first in one of ten
puzzles, at rank 5.5 on average. The same puzzles with the rows of another class (shuffled) come out
a little below that: the right name lies in the middle of its near-misses, and fits strangers least.

Usage: ``python benchmarks/scorers.py [--sets banking77 battig] [--each 40] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import rankdata

from bench_labels import READERS, Labelled, labelled
from semascope import embed
from semascope.lexicon import ByEncoder, Contrast, unit
from semascope.measure import (
    Judge,
    agreement,
    intruder,
    predicted_strength,
    rank_correlations,
    ranking,
    rule_scores,
    steering,
    train_judge,
)
from semascope.measure.interval import share_interval
from semascope.vectors import as_source

CHOICES = 10
SIDE = 30
FOLDS = 5

Rows = npt.NDArray[np.int64]


@dataclass
class Planted:
    """A latent that fires for one class, and the rows on which names are tested."""

    label: int
    atom: npt.NDArray[np.float32]
    contrast: Contrast
    threshold: dict[int, float]
    n_active: int


@dataclass
class Room:
    """One set, with everything that its puzzles share."""

    data: Labelled
    vectors: npt.NDArray[np.float32]
    names: npt.NDArray[np.float32]
    relevance: ByEncoder
    fit: Rows
    verify: Rows
    planted: list[Planted]
    judges: list[Judge]


def prepare(name: str, each: int, seed: int) -> Room:
    """Embed a set, plant a latent for each class, and teach the judges."""
    data = labelled(name, each=each, seed=seed)
    x = unit(np.asarray(embed.texts(data.texts)))
    names = unit(np.asarray(embed.texts(data.labels)))
    random = np.random.default_rng([seed, 1])
    side = random.random(len(x)) < 0.5
    fit, verify = np.flatnonzero(side), np.flatnonzero(~side)
    known = dict(zip(data.labels, names, strict=True))
    relevance = ByEncoder(lambda asked: np.stack([known[n] for n in asked]), as_source(x))
    planted = [plant(data, x, names, c, fit, verify, random) for c in range(len(data.labels))]
    planted = [p for p in planted if len(p.contrast.active) >= 4]
    texts = pl.Series(data.texts)
    fold = random.permutation(len(planted)) % FOLDS
    taught = [
        train_judge(
            [data.labels[p.label] for p, f in zip(planted, fold, strict=True) if f != part],
            [p.contrast for p, f in zip(planted, fold, strict=True) if f != part],
            relevance,
            references=data.labels,
            texts=texts,
            seed=seed,
        )
        for part in range(FOLDS)
    ]
    judges = [taught[f] for f in fold]
    return Room(data, x, names, relevance, fit, verify, planted, judges)


def plant(
    data: Labelled,
    x: npt.NDArray[np.float32],
    names: npt.NDArray[np.float32],
    label: int,
    fit: Rows,
    verify: Rows,
    random: np.random.Generator,
) -> Planted:
    """Point a latent from the other classes to this one; draw rows for and against it."""
    inside = data.truth[:, label]
    atom = x[fit[inside[fit]]].mean(axis=0) - x[fit[~inside[fit]]].mean(axis=0)
    atom = atom / np.linalg.norm(atom)
    along = x @ atom
    active, silent = verify[inside[verify]], verify[~inside[verify]]
    active = active[np.argsort(-along[active], kind="stable")]
    picked = active[np.unique(np.linspace(0, len(active) - 1, SIDE).round().astype(int))]
    near = silent[np.argsort(-along[silent], kind="stable")[:SIDE]]
    other = np.sort(random.choice(np.setdiff1d(silent, near), SIDE, replace=False))
    strength = np.maximum(along[picked] - np.median(along[silent]), 1e-3).astype(np.float32)
    return Planted(
        label,
        atom.astype(np.float32),
        Contrast(picked, strength, near, other),
        {c: usual(x[fit] @ names[c], inside[fit]) for c in range(len(names))},
        len(active),
    )


def usual(scores: npt.NDArray[np.float32], truth: npt.NDArray[np.bool_]) -> float:
    """Return the threshold with the best F1 on the rows for fitting."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(truth[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + truth.sum())
    return float(scores[order][f1.argmax()])


def values(room: Room, which: int, candidates: Sequence[int], rows: int) -> dict[str, list[float]]:
    """Score every candidate name on the rows of one planted latent, by every scorer."""
    planted, judge = room.planted[rows], room.judges[which]
    contrast, n_rows = planted.contrast, len(room.verify)
    source = room.relevance.source
    scorers: dict[str, Callable[[str, int], Any]] = {
        "ranking": lambda name, c: ranking(name, contrast, room.relevance),
        "F1 at a threshold": lambda name, c: rule_scores(
            name, contrast, room.relevance, threshold=planted.threshold[c],
            n_active=planted.n_active, n_rows=n_rows,
        ).f1,
        "intruder, k = 4": lambda name, c: intruder(name, contrast, room.relevance),
        "predicted strength": lambda name, c: predicted_strength(
            name, contrast, room.relevance, n_active=planted.n_active, n_rows=n_rows
        ),
        "trained judge": lambda name, c: ranking(name, contrast, judge),
        "steering, add": lambda name, c: steering(
            name, contrast, room.relevance, source=source, atom=planted.atom, pool=room.verify
        ),
        "steering, ablate": lambda name, c: steering(
            name, contrast, room.relevance, source=source, atom=planted.atom, pool=room.verify,
            how="ablate",
        ),
    }  # fmt: skip
    return {
        kind: [score(room.data.labels[c], c).value for c in candidates]
        for kind, score in scorers.items()
    }


def puzzles(room: Room, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pose the puzzles of one set: ranks of the right name, and what it scored."""
    random = np.random.default_rng([seed, 2])
    likeness = room.names @ room.names.T
    ranks, reached = [], []
    for which, planted in enumerate(room.planted):
        near = [int(c) for c in np.argsort(-likeness[planted.label], kind="stable")]
        candidates = [planted.label, *[c for c in near if c != planted.label][: CHOICES - 1]]
        strangers = [i for i, p in enumerate(room.planted) if p.label not in candidates]
        found = values(room, which, candidates, which)
        shuffled = values(room, which, candidates, int(random.choice(strangers)))
        reached.append({kind: v[0] for kind, v in found.items()})
        for kind, scores in (found | {"all together": together(found)}).items():
            ranks.append(place(kind, "right", scores))
        for kind, scores in (shuffled | {"all together": together(shuffled)}).items():
            ranks.append(place(kind, "shuffled", scores))
    return pl.DataFrame(ranks), pl.DataFrame(reached)


def together(found: dict[str, list[float]]) -> list[float]:
    """Return minus the mean rank that the scorers give each name."""
    return list(-np.mean([rankdata(-np.array(v)) for v in found.values()], axis=0))


def place(kind: str, rows: str, scores: list[float]) -> dict[str, Any]:
    """Rank the first name among all; ties share their ranks, and the first place."""
    ranks = rankdata(-np.array(scores))
    best = np.array(scores) == max(scores)
    first = float(best[0]) / best.sum()
    return {"scorer": kind, "rows": rows, "rank": float(ranks[0]), "first": first}


def summary(ranks: pl.DataFrame, seed: int = 0) -> list[dict[str, Any]]:
    """Top-1 and mean rank of each scorer, with intervals, beside the shuffled rows."""
    random = np.random.default_rng([seed, 3])
    out = []
    for kind in ranks["scorer"].unique(maintain_order=True):
        part = ranks.filter(pl.col("scorer") == kind)
        right, other = (part.filter(pl.col("rows") == r) for r in ("right", "shuffled"))
        n, first = len(right), float(right["first"].sum())
        values = right["rank"].to_numpy()
        draws = values[random.integers(n, size=(2000, n))].mean(axis=1)
        out.append(
            {
                "scorer": kind,
                "puzzles": n,
                "top1": first / n,
                "top1_interval": share_interval(first, n),
                "mean_rank": float(values.mean()),
                "mean_rank_interval": tuple(np.quantile(draws, [0.025, 0.975]).tolist()),
                "top1_shuffled": float(other["first"].mean()),
                "mean_rank_shuffled": float(other["rank"].mean()),
            }
        )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=list(READERS), default=list(READERS))
    parser.add_argument("--each", type=int, default=60, help="texts of each label")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    args = parser.parse_args()
    ranks, reached = [], []
    for name in args.sets:
        found, scores = puzzles(prepare(name, args.each, args.seed), args.seed)
        ranks.append(found.with_columns(pl.lit(name).alias("set")))
        reached.append(scores)
        n = len(scores)
        print(f"{name}: {n} puzzles", flush=True)
    table = pl.concat(ranks)
    lines = summary(table)
    chance = 1 / CHOICES
    print(f"\n| scorer | top-1 of {CHOICES} | mean rank | top-1, shuffled | mean rank, shuffled |")
    print("| --- | --- | --- | --- | --- |")
    for line in lines:
        top, rank = line["top1_interval"], line["mean_rank_interval"]
        print(
            f"| {line['scorer']} | {line['top1']:.3f} [{top[0]:.3f}, {top[1]:.3f}] | "
            f"{line['mean_rank']:.2f} [{rank[0]:.2f}, {rank[1]:.2f}] | "
            f"{line['top1_shuffled']:.3f} | {line['mean_rank_shuffled']:.2f} |"
        )
    print(f"| a guess | {chance:.3f} | {(CHOICES + 1) / 2:.2f} | {chance:.3f} | "
          f"{(CHOICES + 1) / 2:.2f} |")  # fmt: skip
    by_set = (
        table.filter(pl.col("rows") == "right")
        .group_by("set", "scorer", maintain_order=True)
        .agg(pl.col("first").mean())
        .pivot("set", index="scorer", values="first")
    )
    print("\nTop-1 by set:")
    with pl.Config(tbl_rows=20, tbl_cols=20, tbl_hide_dataframe_shape=True, float_precision=2):
        print(by_set)
    scores = pl.concat(reached)
    agreed = agreement(scores)
    print(f"\nOn the right names the scorers agree: {agreed} (unrelated ones: {agreed.null:.2f})")
    with pl.Config(tbl_rows=30, tbl_hide_dataframe_shape=True, float_precision=2):
        print(rank_correlations(scores))
    if args.json:
        record = {"scorers": lines, "agreement": agreed.as_dict(), "sets": args.sets}
        args.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
