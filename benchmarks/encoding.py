"""What better codes cost: fraction of variance unexplained against microseconds a row.

One dictionary is trained on the vectors of all sets but 4,096 held-out rows, which are then encoded
in each way; pursuit also with other numbers of rounds than the default.

Usage: ``python benchmarks/encoding.py [--size 4096x32] [--rows 3000000] [--threads 2]``.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from limits import best
from semascope.discover import TopKSAE
from semascope.kernels import LinearEncoder, pursue
from training import BATCH, data


def main() -> None:
    """Train once, encode in each way, print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="4096x32")
    parser.add_argument("--rows", type=int, default=3_000_000, help="rows trained on")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    m, k = (int(part) for part in args.size.split("x"))
    x = data()
    held, fit = x[:BATCH], x[BATCH:]
    model = TopKSAE(m, k, max_rows=args.rows, batch_size=BATCH, patience=0, random_state=0)
    d = model.fit(fit).dictionary_
    total = np.square(held - fit.mean(axis=0)).sum()

    def fvu(codes: object) -> float:
        return float(np.square(held - d.decode(codes)).sum() / total)

    print("| codes | FVU | microseconds a row |\n| --- | --- | --- |")
    for how in ("none", "refit", "pursuit"):
        seconds = best(lambda how=how: d.encode(held, refine=how), repeats=3)
        print(f"| {how} | {fvu(d.encode(held, refine=how)):.4f} | {1e6 * seconds / BATCH:.1f} |")
    atoms, rows = LinearEncoder(torch.from_numpy(d.atoms), torch.zeros(m)), torch.from_numpy(held)
    bias = torch.from_numpy(d.bias)
    for rounds in (1, 2, 8, 16, 32):
        codes = pursue(atoms, bias, rows, k, rounds)
        dense = torch.zeros(BATCH, m).scatter_(
            1, codes.latents.reshape(-1, k), codes.values.reshape(-1, k)
        )
        seconds = best(lambda rounds=rounds: pursue(atoms, bias, rows, k, rounds), repeats=2)
        cells = f"{fvu(dense.numpy()):.4f} | {1e6 * seconds / BATCH:.1f}"
        print(f"| pursuit, {rounds} rounds | {cells} |")


if __name__ == "__main__":
    main()
