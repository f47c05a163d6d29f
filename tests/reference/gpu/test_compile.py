"""Kernels compiled for Hopper without a GPU: what the interpreter accepts, the compiler may not."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

# The interpreter is chosen when Triton is imported, so the compiler has a process of its own.
SCRIPT = """
import json, sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from semascope.kernels.gpu import candidates, lower, peaks, rows, training

KINDS = ("fp32", "bf16", "i8", "fp8e4nv")
LONG = {"latents", "rows", "ends", "counts", "pairs", "chosen", "scratch", "prefix",
        "last_active"}
WHOLE = {"b", "m", "d", "k", "n", "groups", "room", "stride", "depth", "rows_seen", "terms",
         "moving", "seed"}
REAL = {"rounding", "keep1", "take1", "keep2", "take2", "size", "correct", "epsilon"}

def build(kernel, warps, stages=3, other=(), **constants):
    types = {}
    for name in kernel.arg_names:
        if name in constants:
            types[name] = "constexpr"
        elif name in WHOLE:
            types[name] = "i32"
        elif name in REAL:
            types[name] = "fp32"
        else:
            starts = name == "first" and kernel.fn.__module__.split(".")[-1] in ("rows", "training")
            types[name] = "*i64" if name in LONG or starts else "*fp32"
    types.update(other)
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    source = ASTSource(kernel, types, places)
    target = GPUTarget("cuda", 90, 32)
    built = triton.compile(source, target, {"num_warps": warps, "num_stages": stages})
    shared[kernel.__name__] = max(shared.get(kernel.__name__, 0), built.metadata.shared)
    return built.asm["ptx"]

shared, multiplied = {}, []
for kind, d in (("bfloat16", 4096), ("int8", 384), ("float8", 384)):
    form = lower.FORMATS[kind]
    how = peaks.tiling(16384, d, 32, form)
    x, w = (f"tensordesc<{KINDS[form.mode]}[{n},{form.block}]>" for n in (how.rows, how.columns))
    ptx = build(peaks.peaks_kernel, how.warps, how.stages, {"x": x, "weight": w}, MODE=form.mode,
                ROWS=how.rows, COLUMNS=how.columns, DEPTH=form.block, GROUP=how.group, WIDEN=False)
    multiplied.append("wgmma.mma_async" in ptx and "cp.async.bulk.tensor" in ptx)
build(lower.lower_kernel, 2, 3, {"low": "*fp8e4nv"}, MODE=3, WIDTH=512)
short = {"candidates": "*i32", "counts": "*i32"}
for width in (1024, 16384):
    build(candidates.candidates_kernel, 8, 3, short, GROUP=16, STRIDE=8, WIDTH=width, CHUNK=1024)
build(candidates.best_kernel, 4, 3, short, WIDTH=256, BLOCK=64, DEPTH=64, BY_LATENT=True)
build(candidates.collect_kernel, 4, GROUP=4, STRIDE=32, CHUNK=1024, COUNT=False)
build(candidates.score_kernel, 4, BLOCK=64, DEPTH=32)
build(candidates.histogram_kernel, 4, 3, {"bins": "*i32"}, SHIFT=20, BLOCK=4096)
shape = lower.gathered(384)
warps = shape.pop("num_warps")
build(rows.noise_kernel, 4, other={"scale": "fp32"}, BLOCK=1024)
build(rows.residual_kernel, warps, 3, {"scale": "fp32"}, COMPARE=True, **shape)
build(rows.slopes_kernel, warps, **shape)
build(training.runs_kernel, warps, 3, {"latents": "*i32"}, RUN=128, **shape)
build(training.sums_kernel, warps, RUN=128, **shape)
build(training.update_kernel, warps, 3, {"low": "*bf16"}, MODE=1, RUN=128, **shape)
build(training.bias_kernel, 4, ROWS=128, WIDTH=32)
print(json.dumps([shared, multiplied]))
"""


@pytest.mark.slow
def test_kernels_compile_for_hopper(tmp_path) -> None:
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    shared, multiplied = json.loads(done.stdout.splitlines()[-1])
    # Matrix units fed by bulk copies, in the shared memory that a block may have.
    assert all(multiplied)
    assert max(shared.values()) <= 227 * 1024
