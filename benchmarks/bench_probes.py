"""Binary tasks of the folder ``probe_sets``, and the vectors of their texts, made once and kept.

Run: python benchmarks/bench_probes.py [--most 1500] [--sets NAME ...]   to embed ahead; what is
embedded is kept, so that a run that was stopped, or a larger one, goes on from there.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench_data import CACHE, DATA
from semascope.core import generator

MOST_CHARACTERS = 512
# Of numbers with more values than this, the task is which half.
KINDS = 10

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Task:
    """Which rows of a file have one value, or lie in the upper half of a number."""

    name: str
    file: str
    y: Bools


def files() -> list[str]:
    return [path.name.removesuffix(".csv.gz") for path in sorted(DATA.glob("probe_sets/*.csv.gz"))]


def read(name: str) -> tuple[list[str], list[Task]]:
    """Different texts of a file, values taking turns, and the tasks it holds.

    Of long texts the end is kept, where the entity stands that the target is about; texts that have
    two targets are left out.
    """
    with gzip.open(
        DATA / "probe_sets" / f"{name}.csv.gz", "rt", encoding="utf-8", newline=""
    ) as file:
        found = [(row["prompt"][-MOST_CHARACTERS:], row["target"]) for row in csv.DictReader(file)]
    targets: dict[str, set[str]] = {}
    for text, target in found:
        targets.setdefault(text, set()).add(target)
    texts = [text for text, said in targets.items() if len(said) == 1]
    said = np.array([next(iter(targets[text])) for text in texts])
    values = np.unique(said)
    if len(values) > KINDS:
        number = said.astype(float)
        middle = np.median(number)
        said = number > middle
        asked = [(f"{name} > {middle:g}", True)]
    else:
        # Of two values one task: the other is the same.
        shown = values[1:] if len(values) == 2 else values
        asked = [(f"{name} = {value}", value) for value in shown]
    order = in_turn(said, name)
    said = said[order]
    return [texts[i] for i in order], [Task(task, name, said == value) for task, value in asked]


def in_turn(said: npt.NDArray[np.generic], name: str) -> npt.NDArray[np.int64]:
    """Rows at random, so that any first part holds as many of each value as there are."""
    order = generator(0, name).permutation(len(said))
    place = np.empty(len(said), dtype=np.int64)
    for value in np.unique(said):
        rows = order[said[order] == value]
        place[rows] = np.arange(len(rows))
    return order[np.argsort(place[order], kind="stable")]


def vectors(texts: list[str]) -> npt.NDArray[np.float32]:
    from semascope.embed import embed_texts, load_encoder

    encoder = load_encoder(precision="fp32")
    return embed_texts(texts, encoder=encoder, cache=CACHE / "probe_sets")[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1500)
    parser.add_argument("--sets", nargs="+", default=files())
    given = parser.parse_args()
    for name in given.sets:
        began, texts = time.perf_counter(), read(name)[0][: given.most]
        vectors(texts)
        print(f"{name}: {len(texts):,} texts, {time.perf_counter() - began:.0f} s", flush=True)
