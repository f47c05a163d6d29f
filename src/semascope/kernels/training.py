"""What a step of training does after selection: residual, gradients, and the optimiser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

from semascope.kernels import native
from semascope.kernels.devices import on_triton
from semascope.kernels.encoder import LinearEncoder
from semascope.kernels.ops import SparseRows, code_gradients, decode, weight_gradients

BETAS = (0.9, 0.999)
EPSILON = 1e-8
NAMES = ("encoder", "encoder_bias", "atoms", "bias")


@dataclass(frozen=True)
class Term:
    """A part of the loss, as far as the gradients of the weights need it.

    Parameters
    ----------
    codes : SparseRows
        Active pairs of the batch.
    slopes : Tensor of shape (nnz,)
        Gradient with respect to each pre-activation.
    gradient : Tensor of shape (b, d)
        Gradient with respect to the reconstruction.
    moves_bias : bool
        Whether the output's bias is part of this reconstruction.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import LinearEncoder, Term, residual
    >>> codes = LinearEncoder(torch.eye(2), torch.zeros(2)).topk(torch.ones(1, 2), k=1)
    >>> gradient, slopes, _ = residual(codes, torch.eye(2), torch.zeros(2), torch.ones(1, 2))
    >>> Term(codes, slopes, gradient).moves_bias
    True
    """

    codes: SparseRows
    slopes: Tensor
    gradient: Tensor
    moves_bias: bool = True


def add_noise(x: Tensor, deviation: float, seed: int) -> Tensor:
    """Add uniform noise of a standard deviation; the same seed adds the same noise.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import add_noise
    >>> noise = add_noise(torch.zeros(100, 100), 0.5, seed=1)
    >>> round(float(noise.std()), 2)
    0.5
    """
    seed &= 0xFFFFFFFF
    if native.serves(x):
        out = torch.empty_like(x)
        source, target = native.plain(x, out)
        native.compiled().add_noise(source, deviation, seed, target, torch.get_num_threads())
        return out
    if on_triton(x):
        from semascope.kernels.gpu import rows

        return rows.add_noise(x, deviation, seed)
    places = np.arange(x.numel(), dtype=np.uint32)
    mixed = _mix(_mix(places + np.uint32(seed)) + np.uint32(seed)).view(np.int32)
    scale = np.float32(deviation) * np.float32(math.sqrt(3)) * np.float32(2**-31)
    noise = torch.from_numpy(mixed.astype(np.float32) * scale).reshape(x.shape)
    return x + noise.to(x.device, x.dtype)


def _mix(h: np.ndarray) -> np.ndarray:
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return np.asarray(h ^ (h >> np.uint32(16)))


def residual(
    codes: SparseRows, atoms: Tensor, bias: Tensor, x: Tensor, scale: float = 1.0
) -> tuple[Tensor, Tensor, float | Tensor]:
    """Compare reconstructions with their rows.

    Parameters
    ----------
    codes : SparseRows
        Codes of b rows.
    atoms : Tensor of shape (m, d)
    bias : Tensor of shape (d,)
    x : Tensor of shape (b, d)
    scale : float
        Factor of the gradients.

    Returns
    -------
    (Tensor of shape (b, d), Tensor of shape (nnz,), float or Tensor of shape ())
        ``scale * (codes @ atoms + bias - x)``; its gradient with respect to the pre-activation of
        each active pair, zero where the activation is zero; and the sum of squared errors, on a
        GPU as a tensor, so that nobody waits for what is not looked at.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import LinearEncoder, residual
    >>> x = torch.tensor([[1.0, 3.0]])
    >>> codes = LinearEncoder(torch.eye(2), torch.zeros(2)).topk(x, k=1)
    >>> residual(codes, torch.eye(2), torch.zeros(2), x)[0].tolist()
    [[-1.0, 0.0]]
    """
    if native.serves(atoms, bias, x, codes.values):
        gradient, slopes = torch.empty_like(x), torch.empty_like(codes.values)
        squares = native.compiled().residual(
            *native.plain(codes.first, codes.latents, codes.values, atoms, bias, x),
            scale,
            *native.plain(gradient, slopes),
            torch.get_num_threads(),
        )
        return gradient, slopes, squares
    if on_triton(atoms, bias, x, codes.values):
        from semascope.kernels.gpu import rows

        return rows.residual(codes, atoms, bias, x, scale)
    error = decode(codes, atoms) + bias - x
    gradient = error * scale
    slopes = code_gradients(codes, gradient, atoms) * (codes.values > 0)
    return gradient, slopes, float(error.square().sum())


def adam_step(
    linear: LinearEncoder,
    weights: dict[str, Tensor],
    moments: tuple[dict[str, Tensor], dict[str, Tensor]],
    terms: Sequence[Term],
    x: Tensor,
    *,
    rate: float,
    step: int,
    last_active: Tensor,
    rows_seen: int,
) -> None:
    """Take one step of Adam (Kingma and Ba, 2015) on all weights, in place.

    The gradient of an atom loses the part that would only change its length, and atoms are scaled
    back to length 1. Latents that are active in the first term are marked as active now.

    Parameters
    ----------
    linear : LinearEncoder
        Made from ``weights["encoder"]`` and ``weights["encoder_bias"]``.
    weights : dict of str to Tensor
        ``encoder`` (m, d), ``encoder_bias`` (m,), ``atoms`` (m, d), ``bias`` (d,).
    moments : (dict, dict)
        First and second moments, like `weights`.
    terms : sequence of Term
        Parts of the loss.
    x : Tensor of shape (b, d)
        What the encoder saw.
    rate : float
        Learning rate.
    step : int
        1 for the first step.
    last_active : int64 Tensor of shape (m,)
        Rows seen when each latent was last active.
    rows_seen : int
        Rows seen now.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import LinearEncoder, Term, adam_step, residual
    >>> w = {"encoder": torch.eye(2), "encoder_bias": torch.zeros(2)}
    >>> w |= {"atoms": torch.eye(2), "bias": torch.zeros(2)}
    >>> moments = tuple({n: torch.zeros_like(t) for n, t in w.items()} for _ in "12")
    >>> linear, x = LinearEncoder(w["encoder"], w["encoder_bias"]), torch.tensor([[1.0, 3.0]])
    >>> codes = linear.topk(x, k=1)
    >>> gradient, slopes, _ = residual(codes, w["atoms"], w["bias"], x)
    >>> active = torch.zeros(2, dtype=torch.int64)
    >>> adam_step(linear, w, moments, [Term(codes, slopes, gradient)], x, rate=0.1, step=1,
    ...     last_active=active, rows_seen=1)
    >>> active.tolist(), round(w["bias"][0].item(), 2)
    ([0, 1], 0.1)
    """
    packed = linear.packed(x, *weights.values())
    if packed is not None:
        packed.update(
            [_plain(term) for term in terms],
            *native.plain(x),
            *(native.plain(weights[n], moments[0][n], moments[1][n]) for n in NAMES),
            *native.plain(last_active),
            rows_seen,
            rate,
            step,
            *BETAS,
            EPSILON,
            torch.get_num_threads(),
        )
        return
    lowered = linear.lowered(x, *weights.values())
    if lowered is not None:
        from semascope.kernels.gpu import training

        training.update(
            [(t.codes, t.slopes, t.gradient, t.moves_bias) for t in terms],
            x,
            {n: (weights[n], moments[0][n], moments[1][n]) for n in NAMES},
            lowered.low,
            lowered.form.mode,
            training.Rates(*BETAS, rate, EPSILON, step),
            last_active,
            rows_seen,
        )
        return
    first = terms[0].codes
    last_active[first.latents[first.values > 0]] = rows_seen
    gradients = _gradients(terms, x, weights)
    atoms = weights["atoms"]
    along = torch.linalg.vecdot(gradients["atoms"], atoms)[:, None]
    gradients["atoms"].sub_(along * atoms)
    # torch.optim.Adam's fused step as a function: its state then is ours to save and restore.
    adam(
        [weights[n] for n in NAMES],
        [gradients[n] for n in NAMES],
        [moments[0][n] for n in NAMES],
        [moments[1][n] for n in NAMES],
        [],
        # Counts steps taken so far; the call adds one.
        [torch.tensor(step - 1.0, device=x.device) for _ in NAMES],
        fused=True,
        amsgrad=False,
        beta1=BETAS[0],
        beta2=BETAS[1],
        lr=rate,
        weight_decay=0.0,
        eps=EPSILON,
        maximize=False,
    )
    atoms.div_(atoms.norm(dim=1, keepdim=True).clamp_(min=1e-12))


def _gradients(terms: Sequence[Term], x: Tensor, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    m = len(weights["atoms"])
    sums = {name: torch.zeros_like(weights[name]) for name in NAMES}
    for term in terms:
        codes = term.codes
        sums["atoms"] += weight_gradients(codes, codes.values, term.gradient, m)
        sums["encoder"] += weight_gradients(codes, term.slopes, x, m)
        sums["encoder_bias"] += torch.bincount(codes.latents, term.slopes, minlength=m)
        if term.moves_bias:
            sums["bias"] += term.gradient.sum(0)
    return sums


def _plain(term: Term) -> tuple[Any, ...]:
    codes = term.codes
    arrays = native.plain(codes.first, codes.latents, codes.values, term.slopes, term.gradient)
    return (*arrays, term.moves_bias)
