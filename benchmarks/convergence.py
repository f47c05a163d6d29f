"""Seconds to a held-out FVU, and planted atoms found: semascope and a tuned eai-sparsify.

Each budget of rows is a training of its own with its whole schedule, so what it reaches is what
a user gets for these seconds. The time to an FVU is that of the smallest budget that reaches it.
eai-sparsify, the fastest of the others, runs with Adam at 2e-3 in batches of 1,024.

Planted rows are sums of k of m random unit atoms with weights drawn uniformly from 0.5 to 1.5; a
planted atom is found as well as its cosine to the nearest learned one.

Usage: ``python benchmarks/convergence.py [--size 4096x32] [--levels 0.30 0.25] [--planted 4096x8]
[--threads 2] [--peers ...]``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench_data import CACHE, Floats
from bench_peers import train
from quality import fvu
from training import data

TUNED: dict[str, dict[str, Any]] = {
    "semascope": {},
    "eai-sparsify": {"optimizer": "adam", "lr": 2e-3},
}
BUDGETS = (32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576, 2_097_152, 4_194_304)


def planted(n: int, d: int, m: int, k: int, seed: int) -> tuple[Floats, Floats]:
    """Return rows that are sums of k of m random unit atoms, and these atoms."""
    random = np.random.default_rng(seed)
    atoms = random.standard_normal((m, d)).astype(np.float32)
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    rows = np.empty((n, d), dtype=np.float32)
    for row in rows:
        chosen = random.choice(m, k, replace=False)
        row[:] = random.uniform(0.5, 1.5, k).astype(np.float32) @ atoms[chosen]
    return rows, atoms


def main() -> None:
    """Run both comparisons, print their tables and write ``.bench/results/convergence.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="4096x32")
    parser.add_argument("--levels", nargs="+", type=float, default=[0.30, 0.25])
    parser.add_argument("--planted", default="4096x8")
    parser.add_argument("--seconds", type=float, default=20, help="of training on planted rows")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", nargs="+", default=list(TUNED), choices=list(TUNED))
    args = parser.parse_args()
    results: dict[str, Any] = {"levels": {}, "planted": {}}
    with tempfile.TemporaryDirectory() as folder:
        x = data()
        cut = len(x) // 5
        for name in args.peers:
            runs = descend(name, x[cut:], x[:cut], args, Path(folder))
            results["levels"][name] = runs
        m, k = (int(part) for part in args.planted.split("x"))
        rows, atoms = planted(200_000, x.shape[1], m, k, seed=0)
        for name in args.peers:
            results["planted"][name] = find(name, rows, atoms, (m, k), args, Path(folder))
    target = CACHE / "results" / "convergence.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(results, indent=1))
    print("\n" + table(results, args.levels))


def descend(
    name: str, rows: Floats, held: Floats, args: argparse.Namespace, folder: Path
) -> list[dict[str, float]]:
    """Train with growing budgets until the lowest level is reached."""
    m, k = (int(part) for part in args.size.split("x"))
    files = _saved(folder, rows, held)
    runs = []
    for budget in BUDGETS:
        out = folder / f"{name}-{budget}"
        info = train(name, TUNED[name], (m, k, budget), files, out, seed=0, threads=args.threads)
        reached = fvu(held, np.load(out / "recon.npy"), rows.mean(axis=0, dtype=np.float64))
        runs.append({"rows": info["rows_seen"], "seconds": info["seconds"], "fvu": reached})
        print(name, runs[-1], flush=True)
        if reached <= min(args.levels):
            break
    return runs


def find(
    name: str,
    rows: Floats,
    atoms: Floats,
    size: tuple[int, int],
    args: argparse.Namespace,
    folder: Path,
) -> list[dict[str, float]]:
    """Train on planted rows with growing budgets, for as long as is asked."""
    files = _saved(folder, rows, rows[:1024])
    runs = []
    for budget in BUDGETS:
        out = folder / f"{name}-planted-{budget}"
        config = TUNED[name] | {"save_atoms": True}
        info = train(name, config, (*size, budget), files, out, seed=0, threads=args.threads)
        learned = np.load(out / "atoms.npy")
        found = float((atoms @ learned.T).max(axis=1).mean())
        runs.append({"rows": info["rows_seen"], "seconds": info["seconds"], "cosine": found})
        print(name, runs[-1], flush=True)
        if info["seconds"] > args.seconds:
            break
    return runs


def _saved(folder: Path, rows: Floats, held: Floats) -> tuple[Path, Path]:
    files = folder / "train.npy", folder / "test.npy"
    for path, part in zip(files, (rows, held), strict=True):
        np.save(path, part)
    return files


def table(results: dict[str, Any], levels: list[float]) -> str:
    """Return the times to each level, and what was found of planted atoms, as Markdown."""
    lines = ["| package | " + " | ".join(f"seconds to FVU {level:.2f}" for level in levels) + " |"]
    lines.append("|" + " --- |" * (1 + len(levels)))
    for name, runs in results["levels"].items():
        times = [
            min((r["seconds"] for r in runs if r["fvu"] <= level), default=float("nan"))
            for level in levels
        ]
        lines.append(f"| {name} | " + " | ".join(f"{t:.1f}" for t in times) + " |")
    lines += ["", "| package | rows seen | seconds | mean cosine to planted atoms |"]
    lines.append("|" + " --- |" * 4)
    for name, runs in results["planted"].items():
        for run in runs:
            cells = f"{run['rows']:,} | {run['seconds']:.1f} | {run['cosine']:.3f}"
            lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
