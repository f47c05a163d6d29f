"""What training carries from one step to the next, in memory and on disk."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from semascope.core import (
    ArtifactError,
    InputError,
    held,
    load_tensors,
    require_writable,
    save_tensors,
)
from semascope.kernels import LinearEncoder
from semascope.kernels.training import NAMES

_GROUPS = ("weights", "first", "second", "best")


@dataclass
class State:
    """Everything that training carries from one step to the next.

    Parameters
    ----------
    weights : dict of str to Tensor
        ``encoder`` (m, d), ``encoder_bias`` (m,), ``atoms`` (m, d), ``bias`` (d,).
    first, second : dict of str to Tensor
        Adam's moments.
    best : dict of str to Tensor
        The weights with the lowest held-out FVU so far.
    last_active : int64 Tensor of shape (m,)
        Rows seen when each latent was last active.
    step, rows_seen : int
        Progress.
    best_fvu : float
        Held-out FVU of `best`.
    waiting : int
        Evaluations in a row that were worse than the best.

    Examples
    --------
    >>> import torch
    >>> from semascope.discover import State
    >>> State.start(torch.eye(2), torch.zeros(2)).step
    0
    """

    weights: dict[str, Tensor]
    first: dict[str, Tensor]
    second: dict[str, Tensor]
    best: dict[str, Tensor]
    last_active: Tensor
    step: int = 0
    rows_seen: int = 0
    best_fvu: float = math.inf
    waiting: int = 0
    history: list[tuple[int, float]] = field(default_factory=list)

    @cached_property
    def linear(self) -> LinearEncoder:
        """The encoder's weights, laid out for selection; follows them."""
        return LinearEncoder(self.weights["encoder"], self.weights["encoder_bias"])

    @classmethod
    def start(cls, atoms: Tensor, bias: Tensor, scale: float = 1.0) -> State:
        """Begin from unit-norm atoms, which training then changes: the encoder is them, scaled."""
        weights = {
            "encoder": atoms * scale,
            "encoder_bias": torch.zeros(len(atoms)),
            "atoms": atoms,
            "bias": bias.clone(),
        }
        zeros = {name: torch.zeros_like(w) for name, w in weights.items()}
        again = {name: torch.zeros_like(w) for name, w in weights.items()}
        best = {name: w.clone() for name, w in weights.items()}
        return cls(weights, zeros, again, best, torch.zeros(len(atoms), dtype=torch.int64))

    def to(self, device: torch.device) -> State:
        """Return the state on a device; checkpoints do not know where they were made."""

        def moved(group: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: tensor.to(device) for name, tensor in group.items()}

        return replace(
            self,
            weights=moved(self.weights),
            first=moved(self.first),
            second=moved(self.second),
            best=moved(self.best),
            last_active=self.last_active.to(device),
        )


def save_states(path: Path, states: Sequence[State], fingerprint: str) -> None:
    """Write one checkpoint of all dictionaries in training, from which it goes on exactly.

    Examples
    --------
    >>> from pathlib import Path
    >>> import torch
    >>> from semascope.discover.state import State, load_states, save_states
    >>> save_states(Path("a.safetensors"), [State.start(torch.eye(2), torch.zeros(2))], "this run")
    >>> load_states(Path("a.safetensors"), "this run")[0].step
    0
    """
    tensors: dict[str, npt.NDArray[np.generic]] = {}
    for number, state in enumerate(states):
        for group in _GROUPS:
            for name, tensor in getattr(state, group).items():
                tensors[f"{number}.{group}.{name}"] = tensor.cpu().numpy()
        tensors[f"{number}.last_active"] = state.last_active.cpu().numpy()
        tensors[f"{number}.history"] = np.array(state.history, dtype=np.float64).reshape(-1, 2)
        tensors[f"{number}.best_fvu"] = np.array([state.best_fvu])
        tensors[f"{number}.counts"] = np.array([state.step, state.rows_seen, state.waiting])
    metadata = {"kind": "training", "fingerprint": fingerprint, "states": str(len(states))}
    save_tensors(path, tensors, metadata | {"crc32": str(_checksum(tensors))})


def load_states(path: Path, fingerprint: str) -> list[State]:
    """Read a checkpoint; it must come from the same recipes and data.

    Raises
    ------
    ArtifactError
        If it comes from others, or is damaged.
    """
    tensors, metadata = load_tensors(path)
    if metadata.get("kind") != "training":
        raise ArtifactError(f"{path} is no checkpoint of training; choose another file")
    if metadata.get("fingerprint") != fingerprint:
        raise ArtifactError(
            f"the checkpoint {path} belongs to another run (other data, parameters or seed); "
            "remove it or restore the parameters"
        )
    # Checkpoints written before there were checksums have none.
    if metadata.get("crc32", str(_checksum(tensors))) != str(_checksum(tensors)):
        raise ArtifactError(
            f"the checkpoint {path} was changed after it was written (checksum differs); restore "
            "it from a copy, or remove it to start again"
        )
    try:
        return [_restored(tensors, number) for number in range(int(metadata["states"]))]
    except (KeyError, ValueError, TypeError) as err:
        raise ArtifactError(
            f"the checkpoint {path} is damaged ({err}); restore it from a copy, or remove it to "
            "start again"
        ) from err


def _restored(tensors: dict[str, npt.NDArray[np.generic]], number: int) -> State:
    def read(name: str) -> Tensor:
        return torch.from_numpy(np.array(tensors[f"{number}.{name}"]))

    step, rows_seen, waiting = tensors[f"{number}.counts"].tolist()
    return State(
        **{g: {name: read(f"{g}.{name}") for name in NAMES} for g in _GROUPS},
        last_active=read("last_active"),
        step=step,
        rows_seen=rows_seen,
        best_fvu=float(read("best_fvu")[0]),
        waiting=waiting,
        history=[(int(a), float(b)) for a, b in tensors[f"{number}.history"].tolist()],
    )


def _checksum(tensors: dict[str, npt.NDArray[np.generic]]) -> int:
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(
            np.ascontiguousarray(tensors[name]).data, zlib.crc32(name.encode(), value)
        )
    return value


@contextmanager
def owned(path: Path | None) -> Iterator[None]:
    """Hold a checkpoint, or none, alone, and drop what a killed process left half-written of it.

    Raises
    ------
    InputError
        If it could not be written.
    ArtifactError
        If another process trains with it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.discover.state import owned
    >>> with owned(Path("a.safetensors")):
    ...     [path.name for path in Path().iterdir()]
    ['.a.safetensors.lock']
    """
    if path is None:
        yield
        return
    if path.is_dir():
        raise InputError(f"the checkpoint {path} is a folder; give the name of a file")
    require_writable(path)
    lock = path.with_name(f".{path.name}.lock")
    taken = (
        f"another process is training with the checkpoint {path}; wait for it, or choose another"
    )
    with held(lock, taken):
        half = re.compile(re.escape(f".{path.name}.") + r"[a-z0-9_]{8}")
        for other in path.parent.iterdir():
            if half.fullmatch(other.name):
                other.unlink(missing_ok=True)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
