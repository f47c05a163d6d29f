"""Microseconds of one step of eai-sparsify on a GPU; runs in that package's environment.

Usage: ``python step_sparsify.py D M K ROWS``.
"""

from __future__ import annotations

import itertools
import sys

import torch
from sparsify import SparseCoder, SparseCoderConfig


def main() -> None:
    """Print the median of twenty steps: forward, backward, and fused Adam."""
    d, m, k, rows = (int(part) for part in sys.argv[1:])
    sae = SparseCoder(d, SparseCoderConfig(num_latents=m, k=k), device="cuda")
    adam = torch.optim.Adam(sae.parameters(), lr=1e-9, fused=True)
    x = torch.randn(rows, d, device="cuda")

    def step() -> None:
        # As its trainer does; the forward pass chooses bfloat16 itself.
        sae(x).fvu.backward()
        sae.remove_gradient_parallel_to_decoder_directions()
        adam.step()
        adam.zero_grad()
        sae.set_decoder_norm_to_unit_norm()

    for _ in range(3):
        step()
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(21)]
    marks[0].record()
    for mark in marks[1:]:
        step()
        mark.record()
    torch.cuda.synchronize()
    times = sorted(a.elapsed_time(b) for a, b in itertools.pairwise(marks))
    print(1e3 * times[10])


if __name__ == "__main__":
    main()
