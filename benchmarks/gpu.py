"""Training on a GPU: a step, its parts, and the share of the card's rate for bfloat16 products.

For each size: microseconds of a step and its parts, the encoder's product against the card's own
rate for a large product of the same kind, and, where the environment of eai-sparsify exists or can
be built (see bench_peers.py; its torch must be a CUDA build), that package's step on the same rows.

Usage: ``python benchmarks/gpu.py [--sizes 384x4096x32 ...] [--rows 4096] [--precision bfloat16]
[--peer]``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
from collections.abc import Callable

import torch

from bench_peers import RUNNERS, _prepare
from semascope.kernels import LinearEncoder, Term, adam_step, residual

SIZES = ("384x4096x32", "384x16384x32", "384x131072x32", "4096x131072x64")


def microseconds(run: Callable[[], object], repeats: int = 20) -> float:
    """Return the median time of a call on the GPU."""
    for _ in range(3):
        run()
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
    marks[0].record()
    for mark in marks[1:]:
        run()
        mark.record()
    torch.cuda.synchronize()
    times = sorted(a.elapsed_time(b) for a, b in itertools.pairwise(marks))
    return 1e3 * times[repeats // 2]


def ceiling() -> float:
    """Return operations a second of a large product in bfloat16."""
    a, b = torch.randn(2, 8192, 8192, device="cuda", dtype=torch.bfloat16)
    return 2 * 8192**3 / microseconds(lambda: a @ b.T) * 1e6


def parts(d: int, m: int, k: int, rows: int, precision: str) -> dict[str, float]:
    """Return microseconds of a step and of its parts, on rows made of the atoms."""
    g = torch.Generator("cuda").manual_seed(0)
    atoms = torch.randn(m, d, device="cuda", generator=g)
    atoms /= atoms.norm(dim=1, keepdim=True)
    chosen = torch.randint(m, (rows, k), device="cuda", generator=g)
    x = torch.nn.functional.embedding_bag(chosen, atoms, mode="sum") / k**0.5
    x += 0.5 * torch.randn(rows, d, device="cuda", generator=g) / d**0.5
    w = {"encoder": atoms.clone(), "encoder_bias": torch.zeros(m, device="cuda")}
    w |= {"atoms": atoms, "bias": torch.zeros(d, device="cuda")}
    moments = tuple({name: torch.zeros_like(t) for name, t in w.items()} for _ in range(2))
    active = torch.zeros(m, dtype=torch.int64, device="cuda")
    linear = LinearEncoder(w["encoder"], w["encoder_bias"], precision=precision)
    codes = linear.topk(x, k)
    gradient, slopes, _ = residual(codes, w["atoms"], w["bias"], x, 2 / rows)

    def update(term: Term) -> None:
        adam_step(
            linear, w, moments, [term], x, rate=1e-9, step=1, last_active=active, rows_seen=rows
        )

    def step() -> None:
        own = linear.topk(x, k)
        out, slopes, _ = residual(own, w["atoms"], w["bias"], x, 2 / rows)
        update(Term(own, slopes, out))

    return {
        "step": microseconds(step),
        "product": microseconds(lambda: linear.lowered()._peaks(x, k)),
        "select": microseconds(lambda: linear.topk(x, k)),
        "batch top-k": microseconds(lambda: linear.batch_topk(x, k)),
        "residual": microseconds(lambda: residual(codes, w["atoms"], w["bias"], x)),
        "update": microseconds(lambda: update(Term(codes, slopes, gradient))),
        "encode by torch": microseconds(lambda: torch.topk(x @ w["encoder"].T, k)),
    }


def peer(d: int, m: int, k: int, rows: int) -> float:
    """Return microseconds of eai-sparsify's step: forward, backward, and Adam."""
    command = [str(_prepare("eai-sparsify")), str(RUNNERS / "step_sparsify.py")]
    done = subprocess.run(
        [*command, *map(str, (d, m, k, rows))],
        capture_output=True, text=True, check=True, env=os.environ | {"WANDB_MODE": "disabled"},
    )  # fmt: skip
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print one line for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="d x m x k")
    parser.add_argument("--rows", type=int, default=4096, help="rows in a batch")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--peer", action="store_true", help="eai-sparsify's step as well")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print(f"no GPU: torch {torch.__version__} sees none, so there is nothing to measure")
        return
    rate = ceiling()
    print(f"{torch.cuda.get_device_name()}: bfloat16 {rate / 1e12:.0f} TFLOP/s, {args.rows} rows")
    for size in args.sizes:
        d, m, k = (int(part) for part in size.split("x"))
        spent = parts(d, m, k, args.rows, args.precision)
        share = 2 * args.rows * d * m / (spent["product"] * 1e-6) / rate
        text = ", ".join(f"{name} {value:,.0f}" for name, value in spent.items())
        print(f"d={d}, m={m}, k={k}, microseconds: {text}; product at {share:.0%} of that rate")
        if args.peer:
            other = peer(d, m, k, args.rows)
            print(f"    eai-sparsify's step {other:,.0f}, {other / spent['step']:.1f} times ours")


if __name__ == "__main__":
    main()
