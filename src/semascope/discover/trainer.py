"""One trainer for every sparse autoencoder: schedule, dead latents, early stop, exact resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.optim.adam import adam

from semascope.core import ArtifactError, generator, load_tensors, save_tensors
from semascope.discover.recipe import Recipe
from semascope.kernels import (
    SparseRows,
    code_gradients,
    decode,
    scores,
    select_batch_topk,
    select_topk,
    weight_gradients,
)
from semascope.vectors import Shuffled

_NAMES = ("encoder", "encoder_bias", "atoms", "bias")


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

    @classmethod
    def start(cls, atoms: Tensor, bias: Tensor, scale: float = 1.0) -> State:
        """Begin from unit-norm atoms: the encoder is their transpose, scaled."""
        weights = {
            "encoder": atoms * scale,
            "encoder_bias": torch.zeros(len(atoms)),
            "atoms": atoms.clone(),
            "bias": bias.clone(),
        }
        zeros = {name: torch.zeros_like(w) for name, w in weights.items()}
        again = {name: torch.zeros_like(w) for name, w in weights.items()}
        best = {name: w.clone() for name, w in weights.items()}
        return cls(weights, zeros, again, best, torch.zeros(len(atoms), dtype=torch.int64))

    def save(self, path: Path, fingerprint: str) -> None:
        """Write a checkpoint from which training goes on exactly."""
        tensors = {"last_active": self.last_active.numpy()}
        for group in ("weights", "first", "second", "best"):
            for name, tensor in getattr(self, group).items():
                tensors[f"{group}.{name}"] = tensor.numpy()
        tensors["history"] = np.array(self.history, dtype=np.float64).reshape(-1, 2)
        tensors["best_fvu"] = np.array([self.best_fvu])
        counts = {"step": self.step, "rows_seen": self.rows_seen, "waiting": self.waiting}
        metadata = {"kind": "training", "fingerprint": fingerprint}
        save_tensors(path, tensors, metadata | {k: str(v) for k, v in counts.items()})

    @classmethod
    def load(cls, path: Path, fingerprint: str) -> State:
        """Read a checkpoint; it must come from the same recipe and data."""
        tensors, metadata = load_tensors(path)
        if metadata.get("fingerprint") != fingerprint:
            raise ArtifactError(
                f"the checkpoint {path} belongs to another run (other data, parameters or seed); "
                "remove it or restore the parameters"
            )
        groups: dict[str, dict[str, Tensor]] = {}
        for key in ("weights", "first", "second", "best"):
            groups[key] = {
                name: torch.from_numpy(np.array(tensors[f"{key}.{name}"])) for name in _NAMES
            }
        return cls(
            **groups,
            last_active=torch.from_numpy(np.array(tensors["last_active"])),
            step=int(metadata["step"]),
            rows_seen=int(metadata["rows_seen"]),
            waiting=int(metadata["waiting"]),
            best_fvu=float(tensors["best_fvu"][0]),
            history=[(int(a), float(b)) for a, b in tensors["history"]],
        )


def select(recipe: Recipe, pre: Tensor) -> SparseRows:
    """Select active latents by the recipe's rule, from pre-activations (b, m).

    Examples
    --------
    >>> import torch
    >>> from semascope.discover.recipe import Recipe
    >>> from semascope.discover.trainer import select
    >>> select(Recipe(2, 1), torch.tensor([[1.0, 2.0]])).latents
    tensor([1])
    """
    if recipe.batch_topk:
        return select_batch_topk(pre, recipe.n_active)[0]
    return select_topk(pre, recipe.n_active)


def fvu(recipe: Recipe, weights: dict[str, Tensor], x: Tensor) -> float:
    """Return the fraction of variance unexplained on rows (n, d) that have mean 0.

    Examples
    --------
    >>> import torch
    >>> from semascope.discover.recipe import Recipe
    >>> from semascope.discover.trainer import State, fvu
    >>> state = State.start(torch.eye(2), torch.zeros(2))
    >>> fvu(Recipe(2, 2), state.weights, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    0.0
    """
    error = 0.0
    for part in torch.split(x, recipe.batch_size):
        codes = select(recipe, scores(part, weights["encoder"], weights["encoder_bias"]))
        error += float((decode(codes, weights["atoms"]) + weights["bias"] - part).square().sum())
    return error / float(x.square().sum())


def train(
    recipe: Recipe,
    state: State,
    data: Shuffled,
    held_out: Tensor,
    prepare: Callable[[npt.NDArray[np.float32]], Tensor],
    *,
    checkpoint: Path | None = None,
    checkpoint_every: float = 60.0,
    fingerprint: str = "",
    on_step: Callable[[int, float], None] = lambda rows, fvu: None,
) -> State:
    """Train until the budget of rows is used up or the held-out FVU no longer falls.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    state : State
        Where to begin; changed in place.
    data : Shuffled
        Training rows.
    held_out : Tensor of shape (n, d)
        Prepared rows that training never sees.
    prepare : callable
        Centres and scales a batch.
    checkpoint : Path, optional
        Where to save the state, every `checkpoint_every` seconds and at the end.
    on_step : callable
        Told the rows of each step and the latest held-out FVU.

    Returns
    -------
    State
        The state, with the best weights in ``best``.
    """
    steps = max(1, math.ceil(recipe.max_rows / recipe.batch_size))
    # Evaluating costs about 1 % of the rows between two evaluations, but at least 40 are made.
    rows_between = max(recipe.max_rows // 40, 10 * len(held_out))
    every = max(1, min(rows_between, len(data.index) * 8) // recipe.batch_size)
    saved = time.monotonic()
    last = state.history[-1][1] if state.history else math.inf
    while state.step < steps and not _stopped(recipe, state):
        epoch, skip = divmod(state.step, len(data))
        for batch in data.epoch(epoch, skip):
            step(recipe, state, prepare(batch), _rate(recipe, state.step, steps))
            if state.step % every == 0 or state.step == steps:
                last = _evaluate(recipe, state, held_out)
            on_step(len(batch), last)
            if state.step >= steps or _stopped(recipe, state):
                break
            if checkpoint is not None and time.monotonic() - saved > checkpoint_every:
                state.save(checkpoint, fingerprint)
                saved = time.monotonic()
    if checkpoint is not None:
        state.save(checkpoint, fingerprint)
    return state


def _stopped(recipe: Recipe, state: State) -> bool:
    return recipe.patience > 0 and state.waiting >= recipe.patience


def _rate(recipe: Recipe, step: int, steps: int) -> float:
    warm = max(1, min(100, steps // 20))
    return recipe.learning_rate * min((step + 1) / warm, (steps - step) / max(1, steps - warm), 1.0)


def _evaluate(recipe: Recipe, state: State, held_out: Tensor) -> float:
    now = fvu(recipe, state.weights, held_out)
    state.history.append((state.rows_seen, now))
    # A plateau is no reason to stop, it ends when the learning rate falls. Overfitting is one.
    state.waiting = 0 if now < state.best_fvu * 1.01 else state.waiting + 1
    if now < state.best_fvu:
        state.best_fvu = now
        state.best = {name: w.clone() for name, w in state.weights.items()}
    return now


def step(recipe: Recipe, state: State, x: Tensor, rate: float) -> None:
    """Take one step of gradient descent on a prepared batch (b, d), in place.

    Examples
    --------
    >>> import torch
    >>> from semascope.discover.recipe import Recipe
    >>> from semascope.discover.trainer import State, step
    >>> state = State.start(torch.eye(2), torch.zeros(2))
    >>> step(Recipe(2, 1), state, torch.tensor([[1.0, 0.5]]), rate=1e-3)
    >>> state.step, state.rows_seen
    (1, 1)
    """
    w = state.weights
    seen = _noisy(recipe, state.step, x)
    pre = scores(seen, w["encoder"], w["encoder_bias"])
    codes = select(recipe, pre)
    error = decode(codes, w["atoms"]) + w["bias"] - x
    gradient = error * (2 / len(x))
    gradients = _backward(codes, gradient, seen, w["atoms"])
    state.rows_seen += len(x)
    active = codes.latents[codes.values > 0]
    state.last_active[active] = state.rows_seen
    if recipe.lead_coefficient > 0:
        lead = select_topk(pre, 1)
        left = decode(lead, w["atoms"]) + w["bias"] - x
        weighted = left * (2 * recipe.lead_coefficient / len(x))
        for name, part in _backward(lead, weighted, seen, w["atoms"]).items():
            gradients[name].add_(part)
    if recipe.aux_coefficient > 0:
        _add_auxiliary(recipe, state, pre, seen, error, gradients)
    _project(gradients["atoms"], w["atoms"])
    state.step += 1
    _adam(state, gradients, rate)
    w["atoms"].div_(w["atoms"].norm(dim=1, keepdim=True).clamp_(min=1e-12))


def _noisy(recipe: Recipe, step: int, x: Tensor) -> Tensor:
    if recipe.noise == 0:
        return x
    # Seeded by the step, so that a resumed run draws what it would have drawn.
    random = torch.Generator().manual_seed(
        int(generator(recipe.seed, "noise", step).integers(2**62))
    )
    return x + torch.randn(x.shape, generator=random) * (recipe.noise / math.sqrt(x.shape[1]))


def _backward(codes: SparseRows, gradient: Tensor, x: Tensor, atoms: Tensor) -> dict[str, Tensor]:
    m = len(atoms)
    slope = code_gradients(codes, gradient, atoms) * (codes.values > 0)
    return {
        "atoms": weight_gradients(codes, codes.values, gradient, m),
        "encoder": weight_gradients(codes, slope, x, m),
        "encoder_bias": torch.bincount(codes.latents, slope, minlength=m).to(x.dtype),
        "bias": gradient.sum(0),
    }


def _add_auxiliary(
    recipe: Recipe, state: State, pre: Tensor, x: Tensor, error: Tensor, into: dict[str, Tensor]
) -> None:
    """Add the gradient of Gao et al.'s loss: dead latents reconstruct the remaining error."""
    dead = (state.rows_seen - state.last_active > recipe.dead_after).nonzero()[:, 0]
    if len(dead) == 0:
        return
    atoms = state.weights["atoms"][dead]
    codes = select_topk(pre[:, dead], min(len(dead), max(1, x.shape[1] // 2)))
    left = decode(codes, atoms) + error
    part = _backward(codes, left * (2 * recipe.aux_coefficient / len(x)), x, atoms)
    for name in ("atoms", "encoder", "encoder_bias"):
        into[name].index_add_(0, dead, part[name])


def _project(gradient: Tensor, atoms: Tensor) -> None:
    """Drop the part of the gradient that only changes an atom's length."""
    gradient.sub_(torch.linalg.vecdot(gradient, atoms)[:, None] * atoms)


def _adam(state: State, gradients: dict[str, Tensor], rate: float) -> None:
    # torch.optim.Adam's fused step as a function: its state then is ours to save and restore.
    adam(
        [state.weights[n] for n in _NAMES],
        [gradients[n] for n in _NAMES],
        [state.first[n] for n in _NAMES],
        [state.second[n] for n in _NAMES],
        [],
        # Counts steps taken so far; the call adds one.
        [torch.tensor(state.step - 1.0) for _ in _NAMES],
        fused=True,
        amsgrad=False,
        beta1=0.9,
        beta2=0.999,
        lr=rate,
        weight_decay=0.0,
        eps=1e-8,
        maximize=False,
    )
