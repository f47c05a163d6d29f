"""Held-out quality of sparse dictionaries: semascope and four other packages.

Every package sees the same rows, number of latents m, active latents k and number of training
rows (epochs times rows). It is graded here, by one function, on rows it never saw:

    FVU = sum ||x - reconstruction||^2 / sum ||x - training mean||^2

Usage: ``python benchmarks/quality.py [--sets banking77] [--sizes 512x8] [--budget 1000000]
[--peers semascope overcomplete]``. Results of the other packages are kept under ``.bench/`` and
used again; ``--fresh`` measures them anew. semascope is always measured anew.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench_data import CACHE, READERS, Floats, split, vectors
from bench_peers import PEERS, train

SIZES = ("512x8", "1024x16", "2048x32")
BUDGET = 1_000_000
LONG = ("banking77", "1024x16", 3_000_000)
"""The one setting that is also measured with a longer budget."""

Result = dict[str, Any]


def fvu(x: Floats, reconstruction: Floats, mean: npt.NDArray[np.float64]) -> float:
    """Return the fraction of the variance of `x` around `mean` that is left unexplained."""
    if reconstruction.shape != x.shape or not np.isfinite(reconstruction).all():
        raise ValueError("the reconstruction must be finite and have the shape of the rows")
    rows = x.astype(np.float64)
    return float(((rows - reconstruction) ** 2).sum() / ((rows - mean) ** 2).sum())


def measure(
    name: str, config: dict[str, Any], data: tuple[Floats, Floats], args: argparse.Namespace
) -> Result:
    """Train one package with one setting, check its codes and grade its reconstruction."""
    fit, held = data
    m, k, budget = args.size
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "train.npy", Path(folder) / "test.npy"
        for path, rows in zip(files, data, strict=True):
            np.save(path, rows)
        out = Path(folder) / "out"
        info = train(name, config, (m, k, budget), files, out, seed=args.seed, threads=args.threads)
        reconstruction = np.load(out / "recon.npy")
    if info["max_l0"] > k:
        raise RuntimeError(f"{name} used {info['max_l0']} active latents in a row, not {k}")
    if info["rows_seen"] > budget:
        raise RuntimeError(f"{name} saw {info['rows_seen']} rows, more than {budget}")
    return {"fvu": fvu(held, reconstruction, fit.mean(axis=0, dtype=np.float64)), **info}


def compare(name: str, data: tuple[Floats, Floats], args: argparse.Namespace) -> list[Result]:
    """Return the results of all settings of one package, best first."""
    m, k, budget = args.size
    results = []
    for label, config in PEERS[name].configs.items():
        if args.configs and label not in args.configs:
            continue
        kept = CACHE / "runs" / f"{Path(args.set).stem}-{m}x{k}-{budget}-{name}-{label}.json"
        result = json.loads(kept.read_text()) if kept.exists() else None
        stale = result is None or result["config"] != config or result["seed"] != args.seed
        if stale or args.fresh or name == "semascope":
            result = {"label": label, "seed": args.seed, **measure(name, config, data, args)}
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(result, indent=1))
        line = f"{args.set} {m}x{k} {budget} {name} {label}: FVU {result['fvu']:.4f}"
        print(f"{line}, {result['cpu_seconds']:.0f} s, {result['dead']:.1%} dead", flush=True)
        results.append(result)
    return sorted(results, key=lambda result: float(result["fvu"]))


def table(cells: list[Result], peers: list[str], *, label: str | None = None) -> str:
    """Return the results as a Markdown table, the best FVU of each row in bold.

    With `label`, each package shows its setting of that name instead of its best one. Times are
    processor seconds of training, which other work on the machine changes little.
    """
    lines = [
        "| set | m x k | rows seen | " + " | ".join(peers) + " |",
        "|" + " --- |" * (3 + len(peers)),
    ]
    for cell in cells:
        shown: dict[str, Result] = {}
        for name in peers:
            runs = [r for r in cell["results"].get(name, []) if label in (None, r["label"])]
            if runs:
                shown[name] = runs[0]
        lowest = min((r["fvu"] for r in shown.values()), default=0.0)
        row = [cell["set"], f"{cell['m']} x {cell['k']}", f"{cell['budget']:,}"]
        for name in peers:
            if name not in shown:
                row.append("")
                continue
            r = shown[name]
            value = f"{r['fvu']:.4f}"
            value = f"**{value}**" if r["fvu"] == lowest else value
            row.append(f"{value}, {r['cpu_seconds']:.0f} s, {r['dead']:.0%} dead")
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(READERS), help="names or .npy files")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES))
    parser.add_argument("--budget", type=int, help=f"rows seen; {BUDGET:,} by default")
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--configs", nargs="+", help="names of settings; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true", help="measure the other packages anew")
    return parser.parse_args()


def main() -> None:
    """Run the comparison, print its tables and write ``.bench/results/quality.json``."""
    args = arguments()
    plan = [(name, size, args.budget or BUDGET) for name in args.sets for size in args.sizes]
    if args.budget is None and LONG[0] in args.sets and LONG[1] in args.sizes:
        plan.append(LONG)
    cells: list[Result] = []
    target = CACHE / "results" / "quality.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    for name, size, budget in plan:
        m, k = (int(part) for part in size.split("x"))
        args.set, args.size = name, (m, k, budget)
        data = split(vectors(name), args.seed)
        results = {peer: compare(peer, data, args) for peer in args.peers}
        label = Path(name).stem
        cells.append({"set": label, "m": m, "k": k, "budget": budget, "results": results})
        target.write_text(json.dumps(cells, indent=1))
    print("\nBest setting of each package: FVU on held-out rows, processor time, dead latents\n")
    print(table(cells, args.peers))
    print("\nDefault setting of each package\n")
    print(table(cells, args.peers, label="default"))


if __name__ == "__main__":
    main()
