"""What reading from disc costs: training and encoding from memory, warm and cold files.

One dictionary is trained for the same number of steps on rows in memory, on a mapped ``.npy`` that
the page cache holds, and on a mapped ``.npy`` and a `VectorStore` of many shards that it does not:
their pages are dropped before each run, and no run reads a row twice, as with data that is larger
than memory. The ways take turns in one process; medians are shown. Rows are real vectors, repeated
with a little noise until the file has its size. Peak memory is that of a process of its own.

Usage: ``python benchmarks/streaming.py [--rows 1000000] [--steps 100] [--repeats 5] [--threads 2]
[--folder DIR]``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from semascope.core import CodeStore
from semascope.discover import Dictionary, Recipe
from semascope.discover.fit import _prepare
from semascope.discover.trainer import State, step
from semascope.vectors import ArraySource, Shuffled, VectorSource, VectorStore
from training import BATCH, data

WAYS = ("memory", "npy, warm", "npy, cold", "store, cold")
RECIPE = Recipe(4096, 32, batch_size=BATCH, aux_coefficient=0)


def make(folder: Path, rows: int) -> None:
    """Write the rows as ``x.npy`` and as a store of shards of 256 MB."""
    real, draw = data(), np.random.default_rng(0)
    out = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (rows, real.shape[1]))
    for start in range(0, rows, 1 << 15):
        part = out[start : start + (1 << 15)]
        part[:] = real[draw.integers(0, len(real), len(part))]
        part += 0.01 * draw.standard_normal(part.shape, dtype=np.float32)
    out.flush()
    VectorStore.create(folder / "x.store", dimensions=real.shape[1]).append(folder / "x.npy")


def evict(folder: Path) -> None:
    """Drop the pages of all files from the page cache."""
    for path in folder.rglob("*.npy"):
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def opened(way: str, folder: Path) -> VectorSource:
    """Return the rows as one way has them."""
    if way == "store, cold":
        return VectorStore.open(folder / "x.store")
    mapped = np.load(folder / "x.npy", mmap_mode="r")
    return ArraySource(np.array(mapped) if way == "memory" else mapped)


def trained(source: VectorSource, steps: int) -> float:
    """Train from the same start; return rows a second."""
    first = source.rows(0, BATCH)
    centre = torch.from_numpy(first.mean(axis=0))
    scale = float(np.sqrt(np.square(first - first.mean(axis=0)).sum(axis=1).mean()))
    rows = _prepare(first, centre, scale)
    state = State.start(rows / rows.norm(dim=1, keepdim=True), torch.zeros(rows.shape[1]))
    # As in a fit: some rows are held out, so that runs have gaps.
    kept = np.flatnonzero(np.random.default_rng(0).random(source.shape[0]) < 0.95)
    batches = Shuffled(source, kept, BATCH, 0).batches(0, steps)
    start = time.perf_counter()
    with closing(batches):
        for batch in batches:
            step(RECIPE, state, _prepare(batch, centre, scale), 1e-3)
    return steps * BATCH / (time.perf_counter() - start)


def encoder(folder: Path) -> Dictionary:
    """Return a dictionary whose atoms are rows."""
    first = np.array(np.load(folder / "x.npy", mmap_mode="r")[:BATCH])
    atoms = first / np.linalg.norm(first, axis=1, keepdims=True)
    zeros = np.zeros(len(atoms), np.float32), np.zeros(atoms.shape[1], np.float32)
    return Dictionary(atoms, zeros[0] - 0.3, atoms, zeros[1], n_active=32)


def encoded(source: VectorSource, folder: Path, rows: int) -> float:
    """Encode the first rows into a folder of shards; return rows a second."""
    part = _Head(source, rows)
    dictionary, out = encoder(folder), folder / "x.codes"
    start = time.perf_counter()
    dictionary.encode_to(out, part, overwrite=True)
    took = time.perf_counter() - start
    if len(CodeStore(out)) != rows:
        raise RuntimeError("rows are missing")
    return rows / took


class _Head:
    """The first rows of a source."""

    def __init__(self, source: VectorSource, rows: int) -> None:
        self.source, self.shape = source, (rows, source.shape[1])
        self.rows, self.take = source.rows, source.take


def peak(way: str, what: str, folder: Path, steps: int, threads: int) -> float:
    """Return the peak resident memory, MB, of a process that does one thing in one way."""
    command = [sys.executable, __file__, "--folder", str(folder), "--only", way, what]
    command += ["--steps", str(steps), "--threads", str(threads)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Run the comparison and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the files")
    parser.add_argument("--steps", type=int, default=100, help="batches of 4,096 in a run")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where x.npy and x.store are, or are made")
    parser.add_argument("--only", nargs=2, metavar=("WAY", "WHAT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    def run(way: str, what: str, source: VectorSource, folder: Path) -> float:
        if way.endswith("cold"):
            evict(folder)
        if what == "train":
            return trained(source, args.steps)
        return encoded(source, folder, args.steps * BATCH)

    if args.only:
        way, what = args.only
        run(way, what, opened(way, args.folder), args.folder)
        # Not ru_maxrss, which begins with that of the process that started this one.
        status = Path("/proc/self/status").read_text().splitlines()
        print(int(next(line.split()[1] for line in status if line.startswith("VmHWM"))) / 1024)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        if not (folder / "x.store").exists():
            make(folder, args.rows)
        if args.steps * BATCH > 0.9 * np.load(folder / "x.npy", mmap_mode="r").shape[0]:
            parser.error("more steps than rows: rows would be read twice, from the page cache")
        sources = {way: opened(way, folder) for way in WAYS}
        print("| task | rows from | rows/s | of memory | peak memory, MB |")
        print("| --- | --- | --- | --- | --- |")
        for what in ("train", "encode"):
            speeds: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(args.repeats):
                for way in WAYS:
                    speeds[way].append(run(way, what, sources[way], folder))
            # Ratios within a round, so that what else the machine does weighs on both.
            for way in WAYS:
                ratio = statistics.median(
                    a / b for a, b in zip(speeds[way], speeds["memory"], strict=True)
                )
                cells = f"{statistics.median(speeds[way]):,.0f} | {ratio:.3f}"
                memory = peak(way, what, folder, args.steps, args.threads)
                print(f"| {what} | {way} | {cells} | {memory:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
