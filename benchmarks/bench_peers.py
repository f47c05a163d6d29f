"""The packages compared: how each is installed, run and configured.

Every package lives in its own virtual environment under ``.bench/``. ``default`` is what the
package's documentation or trainer uses when told nothing else; the other entries are the best of
a sweep over learning rate, schedule, initialisation, batch size and auxiliary loss. All entries
are run, and the best counts, so that no package loses for want of tuning.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench_data import CACHE, ROOT

RUNNERS = Path(__file__).resolve().parent / "peers"
TORCH = "torch==2.13.0"


@dataclass(frozen=True)
class Peer:
    """One package: its runner, the pip calls that install it, and its named settings."""

    runner: str
    installs: tuple[tuple[str, ...], ...] = ()
    configs: dict[str, dict[str, Any]] = field(default_factory=lambda: {"default": {}})


PEERS: dict[str, Peer] = {}


def _prepare(name: str) -> Path:
    """Return the interpreter of a package, building its environment when it is missing."""
    peer = PEERS[name]
    if not peer.installs:
        return Path(sys.executable)
    home = CACHE / name
    python = home / "bin" / "python"
    stamp = home / "installed.json"
    wanted = json.dumps(peer.installs)
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"building the environment of {name}", file=sys.stderr)
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    for arguments in peer.installs:
        subprocess.run([str(python), "-m", "pip", "install", "-q", *arguments], check=True)
    stamp.write_text(wanted)
    return python


def train(
    name: str,
    config: dict[str, Any],
    sizes: tuple[int, int, int],
    files: tuple[Path, Path],
    out: Path,
    *,
    seed: int,
    threads: int,
) -> dict[str, Any]:
    """Run one package on one setting and return what its runner reports."""
    m, k, budget = sizes
    command = [str(_prepare(name)), str(RUNNERS / PEERS[name].runner)]
    options = {
        "train": files[0],
        "test": files[1],
        "out": out,
        "m": m,
        "k": k,
        "budget": budget,
        "seed": seed,
        "threads": threads,
        "config": json.dumps(config),
    }
    for key, value in options.items():
        command += [f"--{key}", str(value)]
    environment = {
        **os.environ,
        # Threads that wait by spinning slow every process down on a machine in shared use.
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        "WANDB_MODE": "disabled",
    }
    if not PEERS[name].installs:
        environment["PYTHONPATH"] = str(ROOT / "src")
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed on {config}:\n{done.stderr[-2000:]}")
    return dict(json.loads((out / "info.json").read_text()))
