"""What this machine can do at most, the floor of a training step, and where semascope's step goes.

The floor counts what no exact method avoids: the encoder's product with all latents (2 d m
operations a row, at the best rate measured here), 8 d k for the active ones, and Adam's traffic.

Usage: ``python benchmarks/limits.py [--sizes 4096x32 16384x32] [--threads 2]``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from semascope.kernels import LinearEncoder, Term, adam_step, native, residual
from training import BATCH, data


def best(run: Callable[[], object], repeats: int = 7) -> float:
    """Return the shortest of several times, in seconds; the first call is not counted."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def ceilings() -> dict[str, float]:
    """Return operations a second of large products, and bytes a second of a large copy."""
    n = 4096
    a, b = torch.randn(n, 1024), torch.randn(n, 1024)
    source, target = np.zeros(1 << 27, np.uint8), np.zeros(1 << 27, np.uint8)
    found = {"fp32": 2 * n * n * 1024 / best(lambda: a @ b.T)}
    a16, b16 = a.bfloat16(), b.bfloat16()
    found["bf16"] = 2 * n * n * 1024 / best(lambda: a16 @ b16.T)
    found["bytes"] = 2 * source.nbytes / best(lambda: np.copyto(target, source))
    return found


def parts(x: torch.Tensor, m: int, k: int) -> dict[str, float]:
    """Return seconds of the parts of one step."""
    g = torch.Generator().manual_seed(0)
    atoms = x[torch.randperm(len(x), generator=g)[:m]]
    atoms = atoms / atoms.norm(dim=1, keepdim=True)
    w = {"encoder": atoms.clone(), "encoder_bias": torch.zeros(m)}
    w |= {"atoms": atoms, "bias": torch.zeros(x.shape[1])}
    moments = tuple({name: torch.zeros_like(t) for name, t in w.items()} for _ in range(2))
    linear, batch = LinearEncoder(w["encoder"], w["encoder_bias"]), x[:BATCH].contiguous()
    codes = linear.topk(batch, k)
    gradient, slopes, _ = residual(codes, w["atoms"], w["bias"], batch, 2 / BATCH)
    term, active = Term(codes, slopes, gradient), torch.zeros(m, dtype=torch.int64)
    return {
        "select, top-k": best(lambda: linear.topk(batch, k)),
        "select, batch top-k": best(lambda: linear.batch_topk(batch, k)),
        "residual": best(lambda: residual(codes, w["atoms"], w["bias"], batch)),
        "update": best(
            lambda: adam_step(
                linear, w, moments, [term], batch,
                rate=1e-9, step=1, last_active=active, rows_seen=1,
            )
        ),
    }  # fmt: skip


def main() -> None:
    """Print ceilings, floors and parts, in microseconds a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["4096x32", "16384x32"])
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    found = ceilings()
    print(f"kernels {native.chosen()}, {args.threads} threads")
    print(f"fp32 {found['fp32'] / 1e9:.0f} GFLOP/s, bf16 {found['bf16'] / 1e9:.0f} GFLOP/s", end="")
    print(f", copy {found['bytes'] / 1e9:.0f} GB/s")
    x = torch.from_numpy(data())
    x = x - x.mean(0)
    x = x / x.square().sum(1).mean().sqrt()
    d = x.shape[1]
    for size in args.sizes:
        m, k = (int(part) for part in size.split("x"))
        # Weights and two moments of encoder and atoms are read and written once a batch.
        adam = 2 * 3 * 2 * 4 * d * m / found["bytes"] / BATCH
        floor = 2 * d * m / max(found["bf16"], found["fp32"]) + 8 * d * k / found["fp32"] + adam
        spent = {name: 1e6 * seconds / BATCH for name, seconds in parts(x, m, k).items()}
        step = spent["select, top-k"] + spent["residual"] + spent["update"]
        text = ", ".join(f"{name} {value:.2f}" for name, value in spent.items())
        print(f"m={m}, k={k}: floor {1e6 * floor:.2f} us a row; {text}; ", end="")
        print(f"top-k step {step:.2f}, {step / (1e6 * floor):.2f} times the floor")


if __name__ == "__main__":
    main()
