"""One trainer for every sparse autoencoder: schedule, dead latents, early stop, exact resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from semascope.core import ArtifactError, generator, load_tensors, save_tensors
from semascope.discover.recipe import Recipe
from semascope.kernels import LinearEncoder, SparseRows, Term, adam_step, add_noise, residual
from semascope.kernels.training import NAMES
from semascope.vectors import Shuffled


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

    def save(self, path: Path, fingerprint: str) -> None:
        """Write a checkpoint from which training goes on exactly."""
        tensors = {"last_active": self.last_active.cpu().numpy()}
        for group in ("weights", "first", "second", "best"):
            for name, tensor in getattr(self, group).items():
                tensors[f"{group}.{name}"] = tensor.cpu().numpy()
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
                name: torch.from_numpy(np.array(tensors[f"{key}.{name}"])) for name in NAMES
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


def select(recipe: Recipe, encoder: LinearEncoder, x: Tensor) -> SparseRows:
    """Select the active latents of rows (b, d) by the recipe's rule.

    Examples
    --------
    >>> import torch
    >>> from semascope.discover.recipe import Recipe
    >>> from semascope.discover.trainer import select
    >>> from semascope.kernels import LinearEncoder
    >>> encoder = LinearEncoder(torch.eye(2), torch.zeros(2))
    >>> select(Recipe(2, 1), encoder, torch.tensor([[1.0, 2.0]])).latents
    tensor([1])
    """
    if recipe.batch_topk:
        return encoder.batch_topk(x, recipe.n_active)[0]
    return encoder.topk(x, recipe.n_active)


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
    encoder = LinearEncoder(weights["encoder"], weights["encoder_bias"])
    error: float | Tensor = 0.0
    for part in torch.split(x, recipe.batch_size):
        codes = select(recipe, encoder, part)
        error += residual(codes, weights["atoms"], weights["bias"], part)[2]
    return float(error) / float(x.square().sum())


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
    # Some 40 evaluations, but so far apart that they cost few per cent of the time.
    rows_between = max(recipe.max_rows // 40, 20 * len(held_out))
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
    codes = select(recipe, state.linear, seen)
    gradient, slopes, _ = residual(codes, w["atoms"], w["bias"], x, 2 / len(x))
    terms = [Term(codes, slopes, gradient)]
    state.rows_seen += len(x)
    if recipe.lead_coefficient > 0:
        lead = state.linear.topk(seen, 1)
        scale = 2 * recipe.lead_coefficient / len(x)
        weighted, lead_slopes, _ = residual(lead, w["atoms"], w["bias"], x, scale)
        terms.append(Term(lead, lead_slopes, weighted))
    if recipe.aux_coefficient > 0:
        terms += _auxiliary(recipe, state, terms[0], seen)
    state.step += 1
    adam_step(
        state.linear,
        w,
        (state.first, state.second),
        terms,
        seen,
        rate=rate,
        step=state.step,
        last_active=state.last_active,
        rows_seen=state.rows_seen,
    )


def _noisy(recipe: Recipe, step: int, x: Tensor) -> Tensor:
    if recipe.noise == 0:
        return x
    # Seeded by the step, so that a resumed run draws what it would have drawn.
    seed = int(generator(recipe.seed, "noise", step).integers(2**32))
    return add_noise(x, recipe.noise / math.sqrt(x.shape[1]), seed)


def _auxiliary(recipe: Recipe, state: State, main: Term, x: Tensor) -> list[Term]:
    """Return Gao et al.'s loss, in which dead latents reconstruct the remaining error."""
    if state.rows_seen - int(state.last_active.min()) <= recipe.dead_after:
        return []
    last_active = state.last_active.clone()
    last_active[main.codes.latents[main.codes.values > 0]] = state.rows_seen
    dead = (state.rows_seen - last_active > recipe.dead_after).nonzero()[:, 0]
    if len(dead) == 0:
        return []
    w = state.weights
    encoder = LinearEncoder(w["encoder"][dead], w["encoder_bias"][dead])
    own = encoder.topk(x, min(len(dead), max(1, x.shape[1] // 2)))
    none = torch.zeros_like(w["bias"])
    scale = 2 * recipe.aux_coefficient / len(x)
    left = main.gradient * (-len(x) / 2)
    gradient, slopes, _ = residual(own, w["atoms"][dead], none, left, scale)
    codes = SparseRows(own.offsets, dead[own.latents], own.values)
    return [Term(codes, slopes, gradient, moves_bias=False)]
