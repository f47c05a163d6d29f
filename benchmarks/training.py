"""Rows a second of training and encoding: semascope's trainer and four other packages.

Each package trains on the same real vectors with the same number of latents m, active latents k
and rows in a batch, in a process and an environment of its own, one after the other; the table
shows medians of repeats from one run and ratios to the best of the others.

A size with ``-batch`` selects over the whole batch; eai-sparsify, which cannot, then keeps the
strongest of each of k groups. "semascope, float32" runs without bfloat16 and int8.

Usage: ``python benchmarks/training.py [--sizes 4096x32 16384x32 4096x32-batch] [--rows 131072]
[--repeats 3] [--threads 2] [--peers ...]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench_data import CACHE, READERS, Floats, vectors
from bench_peers import train

BATCH = 4096
_OWN = {"batch_size": BATCH, "batch": BATCH, "patience": 0, "noise": 0.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "semascope": _OWN,
    "semascope, float32": {**_OWN, "kernels": "avx512"},
    "eai-sparsify": {"batch": BATCH, "optimizer": "adam", "lr": 2e-3},
    "overcomplete": {"batch": BATCH},
    "dictionary-learning": {"batch": BATCH},
    "sae-lens": {"batch": BATCH, "autocast": True},
    "hypothesaes": {"batch": BATCH},
}


def data() -> Floats:
    """Return the vectors of all sets together, in one random order."""
    x = np.concatenate([vectors(name) for name in READERS])
    return np.ascontiguousarray(x[np.random.default_rng(0).permutation(len(x))])


def main() -> None:
    """Run the comparison, print its table and write ``.bench/results/training.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["4096x32", "16384x32", "4096x32-batch"])
    parser.add_argument("--rows", type=int, default=131_072, help="rows trained on")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    args = parser.parse_args()
    # Enough to feed every batch with other rows; what they are does not change the speed.
    x = data()[: 6 * BATCH]
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "train.npy", Path(folder) / "test.npy"
        np.save(files[0], x[4096:])
        np.save(files[1], x[:4096])
        for size in args.sizes:
            m, k = (int(part) for part in size.removesuffix("-batch").split("x"))
            extra = {"batch_topk": True} if size.endswith("-batch") else {}
            for repeat in range(args.repeats):
                for name in args.peers:
                    out = Path(folder) / f"{name}-{size}-{repeat}"
                    sizes = (m, k, args.rows)
                    package, config = name.split(",")[0], SETTINGS[name] | extra
                    info = train(
                        package, config, sizes, files, out, seed=repeat, threads=args.threads
                    )
                    speed = {
                        "train": info["rows_seen"] / info["seconds"],
                        "encode": info["encoded"] / info["encode_seconds"],
                        "megabytes": info["peak_megabytes"],
                    }
                    results.setdefault(size, {}).setdefault(name, []).append(speed)
                    print(size, name, {key: round(value) for key, value in speed.items()})
    target = CACHE / "results" / "training.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(results, indent=1))
    print("\n" + table(results))


def table(results: dict[str, dict[str, list[dict[str, float]]]]) -> str:
    """Return medians and, for semascope, ratios to the best of the others, as Markdown."""
    lines = [
        "| m x k | package | training, rows/s | encoding, rows/s | peak memory, MB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for size, packages in results.items():
        middle = {
            name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            for name, runs in packages.items()
        }
        others = [values for name, values in middle.items() if "semascope" not in name]
        for name, values in middle.items():
            cells = []
            for key, better in (("train", max), ("encode", max), ("megabytes", min)):
                cell = f"{values[key]:,.0f}"
                if "semascope" in name and others:
                    cell += f" ({values[key] / better(o[key] for o in others):.2f}x)"
                cells.append(cell)
            lines.append(f"| {size} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
