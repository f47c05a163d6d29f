"""What every peer runner shares: arguments, the stream of rows, and what is written back.

A runner only says how its package is trained. Rows, budget, timing, scaling, the count of active
codes and the files written are handled here, alike for all packages. The file runs inside each
package's own environment, so it needs NumPy and PyTorch only.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

Encode = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Maps rows to (codes, reconstruction), both dense."""

Sparse = Callable[[torch.Tensor], object]
"""Maps rows to codes in whatever sparse form the package is fastest at."""

Atoms = Callable[[], np.ndarray]
"""Returns the learned atoms (m, d)."""

BLOCK = 2048


@dataclass
class Job:
    """One training run: the sizes, the row budget and the settings of the package."""

    m: int
    k: int
    budget: int
    seed: int
    batch: int
    config: dict[str, Any]
    served: int = field(default=0)
    atoms: Atoms | None = None

    @property
    def steps(self) -> int:
        """Full batches that fit in the budget."""
        return self.budget // self.batch

    def get(self, name: str, default: Any) -> Any:
        """Return a setting of the package, or the default given by the runner."""
        return self.config.get(name, default)

    def order(self, n: int) -> np.ndarray:
        """Row numbers of all batches, shuffled anew in every epoch; shape (steps, batch)."""
        rng = np.random.default_rng(self.seed)
        wanted = self.steps * self.batch
        epochs = -(-wanted // n)
        rows = np.concatenate([rng.permutation(n) for _ in range(epochs)])[:wanted]
        self.served += wanted
        return rows.reshape(self.steps, self.batch)

    def stream(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the batches of the whole budget."""
        for rows in self.order(len(x)):
            yield x[torch.from_numpy(rows)]


def scaling(x: np.ndarray, config: dict[str, Any]) -> tuple[np.ndarray | float, float]:
    """Return (shift, scale) for the input treatment named in the settings.

    ``center`` subtracts the training mean. ``scale`` is "none", "unit" (mean squared norm 1) or
    "sqrt_d" (mean norm equal to the square root of the width), the two norms that the packages
    tune their learning rates for.
    """
    shift: np.ndarray | float = x.mean(axis=0) if config.get("center", False) else 0.0
    rows = x - shift
    kind = config.get("scale", "none")
    if kind == "unit":
        return shift, float(1.0 / np.sqrt((rows**2).sum(axis=1).mean()))
    if kind == "sqrt_d":
        return shift, float(np.sqrt(x.shape[1]) / np.linalg.norm(rows, axis=1).mean())
    if kind != "none":
        raise ValueError(f"scale is none, unit or sqrt_d, not {kind!r}")
    return shift, 1.0


@torch.no_grad()
def apply(encode: Encode, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the reconstruction, the active codes per row and the rows in which each code fires."""
    parts, l0 = [], []
    fired: np.ndarray | None = None
    for start in range(0, len(x), BLOCK):
        codes, back = encode(x[start : start + BLOCK])
        active = (codes != 0).cpu().numpy()
        parts.append(back.cpu().numpy().astype(np.float32))
        l0.append(active.sum(axis=1))
        fired = active.sum(axis=0) if fired is None else fired + active.sum(axis=0)
    assert fired is not None
    return np.concatenate(parts), np.concatenate(l0), fired


def run(fit: Callable[[torch.Tensor, Job], tuple[Encode, Sparse]]) -> None:
    """Train as the command line says and write ``recon.npy`` and ``info.json``."""
    parser = argparse.ArgumentParser()
    for name in ("train", "test", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("m", "k", "budget"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--config", type=json.loads, default={})
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    train, test = np.load(args.train), np.load(args.test)
    shift, scale = scaling(train, args.config)
    x = torch.from_numpy(((train - shift) * scale).astype(np.float32))
    held = torch.from_numpy(((test - shift) * scale).astype(np.float32))
    batch = int(args.config.get("batch", 1024))
    job = Job(args.m, args.k, args.budget, args.seed, batch, args.config)

    start, used = time.perf_counter(), time.process_time()
    encode, sparse = fit(x, job)
    seconds, used = time.perf_counter() - start, time.process_time() - used

    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    recon, l0, _ = apply(encode, held)
    reading = time.perf_counter()
    encoded, until = 0, reading + 2
    while time.perf_counter() < until:
        sparse(held)
        encoded += len(held)
    reading = time.perf_counter() - reading
    _, l0_train, fired = apply(encode, x)
    info = {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(used, 2),
        "encoded": encoded,
        "encode_seconds": reading,
        "peak_megabytes": memory,
        "steps": job.steps,
        "rows_seen": job.served,
        "max_l0": int(max(l0.max(), l0_train.max())),
        "mean_l0": round(float(l0.mean()), 3),
        # A latent counts as dead when no training row makes it fire after training.
        "dead": round(float((fired == 0).mean()), 4),
        "config": args.config,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    np.save(args.out / "recon.npy", recon / scale + shift)
    if args.config.get("save_atoms", False):
        assert job.atoms is not None
        np.save(args.out / "atoms.npy", job.atoms())
    (args.out / "info.json").write_text(json.dumps(info, indent=1))
