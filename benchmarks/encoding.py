"""What better codes cost: fraction of variance unexplained against microseconds a row.

Two dictionaries are trained on the vectors of all sets but 4,096 held-out rows, which are then
encoded in each way: one whose atoms learned from the encoder's codes alone, and one whose atoms
learned from pursued codes too.

Usage: ``python benchmarks/encoding.py [--size 4096x32] [--rows 2000000] [--threads 2]``.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from limits import best
from semascope.discover import TopKSAE, fit_many
from semascope.kernels import LinearEncoder, pursue
from training import BATCH, data


def main() -> None:
    """Train, encode in each way, print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="4096x32")
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows trained on")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    m, k = (int(part) for part in args.size.split("x"))
    x = data()
    held, fit = x[:BATCH], x[BATCH:]
    total = np.square(held - fit.mean(axis=0)).sum()
    common = {"max_rows": args.rows, "batch_size": BATCH, "patience": 0, "random_state": 0}
    models = [TopKSAE(m, k, refine=how, **common) for how in ("refit", "pursuit")]
    blind, knowing = (model.dictionary_ for model in fit_many(fit, models))

    def shares(codes: object, dictionary: object = blind) -> str:
        return f"{float(np.square(held - dictionary.decode(codes)).sum() / total):.4f}"

    print("| codes | FVU | FVU, atoms that know of pursuit | microseconds a row |")
    print("| --- | --- | --- | --- |")
    for how in ("none", "refit", "pursuit"):
        seconds = best(lambda how=how: blind.encode(held, refine=how), repeats=3)
        cells = [shares(d.encode(held, refine=how), d) for d in (blind, knowing)]
        print(f"| {how} | {' | '.join(cells)} | {1e6 * seconds / BATCH:.1f} |")
    zeros, rows = torch.zeros(m), torch.from_numpy(held)
    for rounds, swaps in ((1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (32, 0), (2, 4), (4, 4)):
        cells = []
        for d in (blind, knowing):
            atoms = LinearEncoder(torch.from_numpy(np.array(d.atoms)), zeros)
            bias = torch.from_numpy(np.array(d.bias))

            def run(atoms=atoms, bias=bias, rounds=rounds, swaps=swaps):
                return pursue(atoms, bias, rows, k, rounds, swaps)

            dense = torch.zeros(BATCH, m).scatter_(
                1, run().latents.reshape(-1, k), run().values.reshape(-1, k)
            )
            cells.append(shares(dense.numpy(), d))
            seconds = best(run, repeats=2)
        label = f"pursuit, {rounds} round{'' if rounds == 1 else 's'}"
        label += f" and {swaps} swaps" if swaps else ""
        print(f"| {label} | {' | '.join(cells)} | {1e6 * seconds / BATCH:.1f} |")


if __name__ == "__main__":
    main()
