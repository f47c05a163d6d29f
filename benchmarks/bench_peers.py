"""The packages compared: how each is installed, run and configured.

Every package lives in its own virtual environment under ``.bench/``. ``default`` is what the
package's documentation or trainer uses when told nothing else; the other entries are the best of
a sweep over learning rate, schedule, initialisation, batch size and auxiliary loss. All entries
are run, and the best counts, so that no package loses for want of tuning.
"""

from __future__ import annotations

import hashlib
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


# Activations of large models, for which the default rates are made, have about this norm; sae-lens
# and dictionary-learning scale their inputs themselves.
_SCALED = {"scale": "sqrt_d"}
# overcomplete starts its encoder at random unless told otherwise; from the dictionary is better.
_OVERCOMPLETE = {**_SCALED, "center": True, "tied_init": True}
_SAE_LENS = {"center": True, "warmup": 0.1, "decay": 0.8, "dead_window": 20}

PEERS: dict[str, Peer] = {
    "semascope": Peer(
        "run_semascope.py",
        ((TORCH, str(ROOT)),),
        configs={"default": {}, "refit": {"refine": "refit"}, "pursuit": {"refine": "pursuit"}},
    ),
    "sae-lens": Peer(
        "run_sae_lens.py",
        # Later releases of wandb, which the trainer imports without need, pull in many more.
        ((TORCH, "sae-lens==6.54.12", "wandb<0.29"),),
        {
            "default": {},
            "adam-3e-3": {**_SAE_LENS, "lr": 3e-3},
            "adam-8e-3": {**_SAE_LENS, "lr": 8e-3},
        },
    ),
    "dictionary-learning": Peer(
        "run_dictionary_learning.py",
        # Its language-model stack asks for torchvision, which has no build for this torch, so the
        # stack is installed without its requirements and the needed ones are named.
        (
            (
                *(TORCH, "transformers<5", "accelerate", "einops", "pydantic", "sentencepiece"),
                *("python-socketio[client]", "protobuf", "tqdm", "datasets", "zstandard"),
                *("requests", "pillow", "wandb<0.29"),
            ),
            ("--no-deps", "dictionary-learning==0.1.0", "nnsight==0.3.7"),
        ),
        {
            "default": {},
            "adam-4e-3": {"lr": 4e-3},
            "adam-8e-3": {"lr": 8e-3},
        },
    ),
    "eai-sparsify": Peer(
        "run_sparsify.py",
        ((TORCH, "eai-sparsify==1.3.3"),),
        {
            "default": _SCALED,
            "adam-2e-3": {"optimizer": "adam", "lr": 2e-3},
            "adam-8e-3": {"optimizer": "adam", "lr": 8e-3},
            "adam-16e-3": {**_SCALED, "center": True, "optimizer": "adam", "lr": 1.6e-2},
        },
    ),
    "overcomplete": Peer(
        "run_overcomplete.py",
        # Its image side asks for torchvision, timm and OpenCV with a screen; the SAE needs none.
        # Its colour maps use a function that left matplotlib in 3.9.
        (
            (
                *(TORCH, "numpy", "einops", "scipy", "scikit-learn", "scikit-image", "tqdm"),
                *("matplotlib==3.8.4", "opencv-python-headless"),
            ),
            ("--no-deps", "overcomplete==0.3.0"),
        ),
        {
            "default": _SCALED,
            "constant-5e-3": {**_OVERCOMPLETE, "lr": 5e-3},
            "cosine-8e-3": {**_OVERCOMPLETE, "lr": 8e-3, "cosine": True},
        },
    ),
    "hypothesaes": Peer(
        "run_hypothesaes.py",
        # Its naming and notebooks need much more; the SAE needs none of it.
        (
            (TORCH, "numpy", "pandas", "scikit-learn", "scipy", "tqdm", "statsmodels", "tiktoken"),
            ("openai", "jmespath", "matplotlib", "sentence-transformers"),
            ("--no-deps", "hypothesaes==2.0.1"),
        ),
        {
            "default": {},
            "adam-2e-3": {"lr": 2e-3},
            "adam-5e-3": {"lr": 5e-3},
        },
    ),
}


def _prepare(name: str) -> Path:
    """Return the interpreter of a package, building its environment when it is missing."""
    peer = PEERS[name]
    home = CACHE / name
    python = home / "bin" / "python"
    stamp = home / "installed.json"
    wanted = json.dumps(peer.installs)
    if name == "semascope":
        wanted += _fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"building the environment of {name}", file=sys.stderr)
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    for arguments in peer.installs:
        command = [str(python), "-m", "pip", "install", "-q", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{name} could not be installed:\n{done.stderr[-2000:]}")
    stamp.write_text(wanted)
    return python


def _fingerprint() -> str:
    """Return a checksum of this package's source, so that a change is installed anew."""
    files = [ROOT / "pyproject.toml", ROOT / "CMakeLists.txt", *sorted((ROOT / "src").rglob("*"))]
    digest = hashlib.sha256()
    for file in files:
        if file.is_file() and file.suffix in {".py", ".cpp", ".hpp", ".inl", ".toml", ".txt"}:
            digest.update(file.read_bytes())
    return digest.hexdigest()


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
    if "kernels" in config:
        environment["SEMASCOPE_KERNELS"] = config["kernels"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed on {config}:\n{done.stderr[-2000:]}")
    return dict(json.loads((out / "info.json").read_text()))
