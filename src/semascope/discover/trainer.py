"""One trainer for every sparse autoencoder: schedule, dead latents, early stop, refined codes."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from semascope.core import InputError, generator, interruptible
from semascope.discover.recipe import Recipe
from semascope.discover.state import State, save_states
from semascope.kernels import (
    LinearEncoder,
    SparseRows,
    Term,
    adam_step,
    add_noise,
    default_rounds,
    pursue,
    residual,
)
from semascope.vectors import Shuffled

# Rounds of pursuit while training: two teach the atoms as much as more do, at half the time.
_ROUNDS = 2
# Dead latents learn from one row in so many of a batch: held-out FVU and revival are those of all
# rows, and the loss no longer costs more than the rest of the step.
_DEAD_SHARE = 8


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

    Codes are the encoder's own, or pursued ones if training knows of these.

    Examples
    --------
    >>> import torch
    >>> from semascope.discover.recipe import Recipe
    >>> from semascope.discover.trainer import State, fvu
    >>> state = State.start(torch.eye(2), torch.zeros(2))
    >>> fvu(Recipe(2, 2), state.weights, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    0.0
    """
    atoms, bias = weights["atoms"], weights["bias"]
    error: float | Tensor = 0.0
    k = recipe.n_active
    pursued = recipe.pursuit_share > 0
    encoder = (
        LinearEncoder(atoms, atoms.new_zeros(len(atoms)))
        if pursued
        else LinearEncoder(weights["encoder"], weights["encoder_bias"])
    )
    for part in torch.split(x, recipe.batch_size):
        codes = (
            pursue(encoder, bias, part, k, *default_rounds(k))
            if pursued
            else select(recipe, encoder, part)
        )
        error += residual(codes, atoms, bias, part)[2]
    return float(error) / float(x.square().sum())


def train(
    runs: Sequence[tuple[Recipe, State]],
    data: Shuffled,
    held_out: Tensor,
    prepare: Callable[[npt.NDArray[np.float32]], Tensor],
    *,
    checkpoint: Path | None = None,
    checkpoint_every: float = 60.0,
    fingerprint: str = "",
    on_step: Callable[[int, float], None] = lambda rows, fvu: None,
) -> None:
    """Train until the budgets of rows are used up or the held-out FVU no longer falls.

    Parameters
    ----------
    runs : sequence of (Recipe, State)
        Dictionaries that learn from the same batches: what to do, and where to begin; the states
        are changed in place and end with the best weights in ``best``.
    data : Shuffled
        Training rows.
    held_out : Tensor of shape (n, d)
        Prepared rows that training never sees.
    prepare : callable
        Centres and scales a batch.
    checkpoint : Path, optional
        Where to save the states, every `checkpoint_every` seconds, on Ctrl-C and at the end.
    on_step : callable
        Told the rows of each step and the lowest of the latest held-out FVUs.

    Raises
    ------
    KeyboardInterrupt
        After the step in which Ctrl-C was pressed, and its checkpoint.
    """
    saved, states = time.monotonic(), [state for _, state in runs]
    done = max(state.step for state in states)
    left = [_steps(recipe) for recipe, state in runs if _goes_on(recipe, state)]
    batches = data.batches(done, max(left, default=done))
    with interruptible() as asked, closing(batches):
        for batch in batches:
            x = prepare(batch)
            for recipe, state in runs:
                if _goes_on(recipe, state):
                    _advance(recipe, state, x, held_out, len(data.index))
            latest = [state.history[-1][1] for state in states if state.history]
            on_step(len(batch), min(latest, default=math.inf))
            stop = asked()
            due = time.monotonic() - saved > checkpoint_every
            if checkpoint is not None and (stop or due):
                _save(checkpoint, states, fingerprint)
                saved = time.monotonic()
            if stop:
                raise KeyboardInterrupt
            if not any(_goes_on(recipe, state) for recipe, state in runs):
                break
        if checkpoint is not None:
            _save(checkpoint, states, fingerprint)


def _save(path: Path, states: Sequence[State], fingerprint: str) -> None:
    """Write a checkpoint; a disc that is full must not cost what is in memory."""
    try:
        save_states(path, states, fingerprint)
    except InputError as err:
        warnings.warn(
            f"no checkpoint at step {states[0].step}: {err}", RuntimeWarning, stacklevel=2
        )


def _steps(recipe: Recipe) -> int:
    return max(1, math.ceil(recipe.max_rows / recipe.batch_size))


def _goes_on(recipe: Recipe, state: State) -> bool:
    waiting = recipe.patience == 0 or state.waiting < recipe.patience
    return waiting and state.step < _steps(recipe)


def _advance(recipe: Recipe, state: State, x: Tensor, held_out: Tensor, n: int) -> None:
    """Take the next step of the schedule, and evaluate if it is time to."""
    steps = _steps(recipe)
    pursued = state.step >= steps * (1 - recipe.pursuit_share)
    step(recipe, state, x, _rate(recipe, state.step, steps), pursued=pursued)
    # Some 40 evaluations, but so far apart that they cost few per cent of the time.
    rows_between = max(recipe.max_rows // 40, 20 * len(held_out))
    every = max(1, min(rows_between, n * 8) // recipe.batch_size)
    if state.step % every == 0 or state.step == steps:
        _evaluate(recipe, state, held_out)


def _rate(recipe: Recipe, step: int, steps: int) -> float:
    warm = max(1, min(100, steps // 20))
    return recipe.learning_rate * min((step + 1) / warm, (steps - step) / max(1, steps - warm), 1.0)


def _evaluate(recipe: Recipe, state: State, held_out: Tensor) -> None:
    now = fvu(recipe, state.weights, held_out)
    state.history.append((state.rows_seen, now))
    # A plateau is no reason to stop, it ends when the learning rate falls. Overfitting is one.
    state.waiting = 0 if now < state.best_fvu * 1.01 else state.waiting + 1
    if now < state.best_fvu:
        state.best_fvu = now
        for name, w in state.weights.items():
            state.best[name].copy_(w)


def step(recipe: Recipe, state: State, x: Tensor, rate: float, *, pursued: bool = False) -> None:
    """Take one step of gradient descent on a prepared batch (b, d), in place.

    With `pursued`, the atoms also learn from pursued codes: at the best codes, the gradient of the
    error by the atoms is the one with these codes held fixed (Mairal et al., "Online learning for
    matrix factorization and sparse coding", 2010). The encoder learns from its own codes alone.

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
    if pursued:
        k, plain = recipe.n_active, LinearEncoder(w["atoms"], w["atoms"].new_zeros(len(w["atoms"])))
        better = pursue(plain, w["bias"], seen, k, min(k, _ROUNDS))
        gradient, slopes, _ = residual(better, w["atoms"], w["bias"], x, 2 / len(x))
        terms.append(Term(better, torch.zeros_like(slopes), gradient))
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
    """Return Gao et al.'s loss, in which dead latents reconstruct the remaining error.

    It is estimated from the batch's first rows, which are as random as any.
    """
    if state.rows_seen - int(state.last_active.min()) <= recipe.dead_after:
        return []
    last_active = state.last_active.clone()
    last_active[main.codes.latents[main.codes.values > 0]] = state.rows_seen
    dead = (state.rows_seen - last_active > recipe.dead_after).nonzero()[:, 0]
    if len(dead) == 0:
        return []
    w, n = state.weights, -(-len(x) // _DEAD_SHARE)
    encoder = LinearEncoder(w["encoder"][dead], w["encoder_bias"][dead])
    own = encoder.topk(x[:n], min(len(dead), max(1, x.shape[1] // 2)))
    left = main.gradient[:n] * (-len(x) / 2)
    scale = 2 * recipe.aux_coefficient / n
    part, slopes, _ = residual(own, w["atoms"][dead], torch.zeros_like(w["bias"]), left, scale)
    gradient = torch.zeros_like(x)
    gradient[:n] = part
    ends = own.offsets.new_full((len(x) - n,), len(own.latents))
    codes = SparseRows(torch.cat([own.offsets, ends]), dead[own.latents], own.values)
    return [Term(codes, slopes, gradient, moves_bias=False)]
