"""What a step of training does on a GPU after selection, without a sum whose order may vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from semascope.kernels.gpu.lower import Lowered, gathered, lower, placed
from semascope.kernels.ops import SparseRows

# Pairs of one latent that a program sums before another one adds the sums up.
_RUN = 128


@dataclass(frozen=True)
class Rates:
    """The numbers of one step of Adam."""

    beta1: float
    beta2: float
    rate: float
    epsilon: float
    step: int

    def arguments(self) -> tuple[float, ...]:
        """Return what the kernels take: the step's size and both corrections worked in."""
        size = self.rate / (1 - self.beta1**self.step)
        correct = (1 - self.beta2**self.step) ** -0.5
        moments = (self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2)
        return (*moments, size, correct, self.epsilon)


@dataclass(frozen=True)
class Columns:
    """Active pairs by latent, rows ascending.

    Parameters
    ----------
    first : int64 Tensor of shape (m + 1,)
        Where each latent's pairs start.
    latents, rows : Tensor of shape (nnz,)
    values, slopes : float32 Tensor of shape (nnz,)
        What multiplies the rows of two dense matrices.
    """

    first: Tensor
    latents: Tensor
    rows: Tensor
    values: Tensor
    slopes: Tensor

    @classmethod
    def of(cls, parts: Sequence[tuple[SparseRows, Tensor, Tensor]], b: int, m: int) -> Columns:
        """Sort codes with what multiplies; the rows of the parts are numbered through."""
        latents = torch.cat([codes.latents for codes, _, _ in parts]).to(torch.int32)
        rows = torch.cat([codes.rows + b * i for i, (codes, _, _) in enumerate(parts)])
        values = torch.cat([values for _, values, _ in parts])
        slopes = torch.cat([slopes for _, _, slopes in parts])
        latents, order = torch.sort(latents, stable=True)
        ends = torch.arange(m + 1, dtype=torch.int32, device=latents.device)
        first = torch.searchsorted(latents, ends)
        return cls(first, latents, rows[order], values[order], slopes[order])

    def runs(self, gradient: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Sum whole runs of one latent's pairs, so that a latent of every row is no bottleneck."""
        count, d = len(self.latents) // _RUN, x.shape[1]
        atom, encoder = torch.empty(2, max(1, count), d, device=x.device)
        if count:
            with placed(x):
                runs_kernel[(count,)](
                    self.latents, self.rows, self.values, self.slopes, gradient, x, atom, encoder,
                    d, len(x), RUN=_RUN, **gathered(d),
                )  # fmt: skip
        return atom, encoder


def weight_gradients(codes: SparseRows, values: Tensor, dense: Tensor, m: int) -> Tensor:
    """Return ``transpose(values) @ dense``, shape (m, d)."""
    columns = Columns.of([(codes, values, values)], len(dense), m)
    out = torch.empty(m, dense.shape[1], device=dense.device)
    atom, _ = columns.runs(dense, dense)
    with placed(dense):
        sums_kernel[(m,)](
            columns.first, columns.rows, columns.values, dense, atom, out, dense.shape[1],
            RUN=_RUN, **gathered(dense.shape[1]),
        )  # fmt: skip
    return out


def update(
    terms: Sequence[tuple[SparseRows, Tensor, Tensor, bool]],
    x: Tensor,
    weights: Mapping[str, tuple[Tensor, Tensor, Tensor]],
    low: Lowered,
    mode: int,
    rates: Rates,
    last_active: Tensor,
    rows_seen: int,
) -> None:
    """Take one step of Adam on all weights, in place.

    Parameters
    ----------
    terms : sequence of (codes, slopes, gradient, moves_bias)
    x : Tensor of shape (b, d)
    weights : mapping of name to (weights, first moments, second moments)
    low : Lowered
        The encoder in lower precision, which follows.
    mode : int
        Its format.
    """
    b, d = x.shape
    m = len(last_active)
    columns = Columns.of([(codes, codes.values, slopes) for codes, slopes, _, _ in terms], b, m)
    gradient = torch.cat([part for _, _, part, _ in terms]) if len(terms) > 1 else terms[0][2]
    moving = sum(1 << i for i, term in enumerate(terms) if term[3])
    sums = columns.runs(gradient, x)
    numbers = rates.arguments()
    shape = gathered(low.low.shape[1])
    with placed(x):
        update_kernel[(m,)](
            columns.first, columns.rows, columns.values, columns.slopes, gradient, x, *sums,
            *weights["atoms"], *weights["encoder"], *weights["encoder_bias"],
            low.low, low.scale, low.whole, low.gone, last_active, rows_seen, b, d,
            low.low.shape[1], *numbers, MODE=mode, RUN=_RUN, **shape,
        )  # fmt: skip
        bias_kernel[(-(-d // 32),)](
            gradient, *weights["bias"], b, d, len(terms), moving, *numbers, ROWS=128, WIDTH=32,
        )  # fmt: skip


@triton.jit
def _add(acc, dense, rows, factors, start, end, i, d, modulus, MANY: tl.constexpr):
    """Add multiples of some rows of a matrix; row numbers count on from term to term."""
    for p in range(start, end, MANY):
        at = p + tl.arange(0, MANY)
        row = tl.load(rows + at, mask=at < end, other=0) % modulus
        factor = tl.load(factors + at, mask=at < end, other=0.0)
        mask = (at < end)[:, None] & (i < d)[None, :]
        part = tl.load(dense + row[:, None] * d + i[None, :], mask=mask, other=0.0)
        acc += tl.sum(part * factor[:, None], axis=0)
    return acc


@triton.jit
def _total(dense, runs, rows, factors, start, end, i, d, modulus, RUN: tl.constexpr,
           MANY: tl.constexpr):  # fmt: skip
    """Sum one latent's pairs: those before and after its whole runs, and the sums of these."""
    one = tl.cdiv(start, RUN)
    last = end // RUN
    whole = last > one
    head = tl.where(whole, one * RUN, end)
    acc = tl.zeros(i.shape, tl.float32)
    acc = _add(acc, dense, rows, factors, start, head, i, d, modulus, MANY)
    for run in range(one, last):
        acc += tl.load(runs + run * d + i, mask=i < d, other=0.0)
    tail = tl.where(whole, last * RUN, end)
    return _add(acc, dense, rows, factors, tail, end, i, d, modulus, MANY)


@triton.jit
def runs_kernel(
    latents, rows, values, slopes, gradient, x, atom, encoder, d, b,
    RUN: tl.constexpr, WIDTH: tl.constexpr, MANY: tl.constexpr,
):  # fmt: skip
    """Sum one run of pairs, if all are of one latent."""
    run = tl.program_id(0).to(tl.int64)
    start = run * RUN
    if tl.load(latents + start) == tl.load(latents + start + RUN - 1):
        i = tl.arange(0, WIDTH)
        none = tl.zeros((WIDTH,), tl.float32)
        every: tl.constexpr = 0x7FFFFFFFFFFFFFFF
        sums = _add(none, gradient, rows, values, start, start + RUN, i, d, every, MANY)
        tl.store(atom + run * d + i, sums, mask=i < d)
        sums = _add(none, x, rows, slopes, start, start + RUN, i, d, b, MANY)
        tl.store(encoder + run * d + i, sums, mask=i < d)


@triton.jit
def sums_kernel(
    first, rows, values, dense, runs, out, d,
    RUN: tl.constexpr, WIDTH: tl.constexpr, MANY: tl.constexpr,
):  # fmt: skip
    """Sum the rows of one latent."""
    j = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, WIDTH)
    every: tl.constexpr = 0x7FFFFFFFFFFFFFFF
    total = _total(dense, runs, rows, values, tl.load(first + j), tl.load(first + j + 1), i, d,
                   every, RUN, MANY)  # fmt: skip
    tl.store(out + j * d + i, total, mask=i < d)


@triton.jit
def _adam(weight, one, two, g, at, mask, keep1, take1, keep2, take2, size, correct, epsilon):
    """Move weights, and write their moments."""
    m = tl.load(one + at, mask=mask, other=0.0) * keep1 + g * take1
    v = tl.load(two + at, mask=mask, other=0.0) * keep2 + g * g * take2
    tl.store(one + at, m, mask=mask)
    tl.store(two + at, v, mask=mask)
    return weight - size * m / (tl.sqrt(v) * correct + epsilon)


@triton.jit(do_not_specialize=["rows_seen"])
def update_kernel(
    first, rows, values, slopes, gradient, x, atom_runs, encoder_runs,
    atoms, atoms1, atoms2, encoder, encoder1, encoder2, bias, bias1, bias2,
    low, scale, whole, gone, last_active, rows_seen, b, d, stride,
    keep1, take1, keep2, take2, size, correct, epsilon,
    MODE: tl.constexpr, RUN: tl.constexpr, WIDTH: tl.constexpr, MANY: tl.constexpr,
):  # fmt: skip
    """Take one latent's step: atom, encoder, its bias, and its low form."""
    j = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, WIDTH)
    inside = i < d
    start = tl.load(first + j)
    end = tl.load(first + j + 1)
    every: tl.constexpr = 0x7FFFFFFFFFFFFFFF

    g = _total(gradient, atom_runs, rows, values, start, end, i, d, every, RUN, MANY)
    atom = tl.load(atoms + j * d + i, mask=inside, other=0.0)
    g -= tl.sum(g * atom, axis=0) * atom
    atom = _adam(
        atom,
        atoms1,
        atoms2,
        g,
        j * d + i,
        inside,
        keep1,
        take1,
        keep2,
        take2,
        size,
        correct,
        epsilon,
    )
    norm = tl.sqrt(tl.sum(tl.where(inside, atom * atom, 0.0), axis=0))
    tl.store(atoms + j * d + i, atom / tl.maximum(norm, 1e-12), mask=inside)

    g = _total(x, encoder_runs, rows, slopes, start, end, i, d, b, RUN, MANY)
    row = tl.load(encoder + j * d + i, mask=inside, other=0.0)
    row = _adam(
        row,
        encoder1,
        encoder2,
        g,
        j * d + i,
        inside,
        keep1,
        take1,
        keep2,
        take2,
        size,
        correct,
        epsilon,
    )
    row = tl.where(inside, row, 0.0)
    tl.store(encoder + j * d + i, row, mask=inside)
    part, step, length, lost = lower(row, MODE)
    tl.store(low + j * stride + i, part, mask=i < stride)
    tl.store(scale + j, step)
    tl.store(whole + j, length)
    tl.store(gone + j, lost)

    slope = 0.0
    active = 0
    for p in range(start, end, RUN):
        at = p + tl.arange(0, RUN)
        slope += tl.sum(tl.load(slopes + at, mask=at < end, other=0.0), axis=0)
        value = tl.load(values + at, mask=at < end, other=0.0)
        main = tl.load(rows + at, mask=at < end, other=0) < b
        active += tl.sum(((value > 0) & main).to(tl.int32), axis=0)
    own = tl.load(bias + j)
    own = _adam(
        own, bias1, bias2, slope, j, True, keep1, take1, keep2, take2, size, correct, epsilon
    )
    tl.store(bias + j, own)
    if active > 0:
        tl.store(last_active + j, rows_seen)


@triton.jit
def bias_kernel(
    gradient, bias, bias1, bias2, b, d, terms, moving,
    keep1, take1, keep2, take2, size, correct, epsilon,
    ROWS: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Take the step of some columns of the output's bias."""
    i = tl.program_id(0) * WIDTH + tl.arange(0, WIDTH)
    inside = i < d
    acc = tl.zeros((ROWS, WIDTH), tl.float32)
    for term in range(terms):
        if (moving >> term) & 1:
            for start in range(0, b, ROWS):
                r = start + tl.arange(0, ROWS)
                at = (term * b + r).to(tl.int64)[:, None] * d + i[None, :]
                mask = (r < b)[:, None] & inside[None, :]
                acc += tl.load(gradient + at, mask=mask, other=0.0)
    g = tl.sum(acc, axis=0)
    own = tl.load(bias + i, mask=inside, other=0.0)
    own = _adam(own, bias1, bias2, g, i, inside, keep1, take1, keep2, take2, size, correct, epsilon)
    tl.store(bias + i, own, mask=inside)
