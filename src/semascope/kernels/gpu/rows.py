"""What is done row by row on a GPU: noise, reconstructions, and slopes of active pairs."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from semascope.kernels.gpu.lower import gathered, placed
from semascope.kernels.ops import SparseRows


def _pairs(codes: SparseRows) -> tuple[Tensor, Tensor, Tensor]:
    """Where rows start, latents and values, as the kernels walk through them."""
    return codes.first, codes.latents.contiguous(), codes.values.contiguous()


def add_noise(x: Tensor, deviation: float, seed: int) -> Tensor:
    """Add uniform noise, the same as on the CPU."""
    out, block = torch.empty_like(x), 1024
    if x.numel():
        with placed(x):
            noise_kernel[(-(-x.numel() // block),)](
                x, out, x.numel(), deviation * 3**0.5 * 2.0**-31, seed - (seed >> 31 << 32),
                BLOCK=block,
            )  # fmt: skip
    return out


def decode(codes: SparseRows, atoms: Tensor) -> Tensor:
    """Return ``codes @ atoms``, shape (b, d)."""
    b, d = len(codes.offsets), atoms.shape[1]
    out = torch.empty(b, d, device=atoms.device)
    if b:
        with placed(atoms):
            residual_kernel[(b,)](
                *_pairs(codes), atoms, atoms, atoms, out, out, out, d,
                1.0, COMPARE=False, **gathered(d),
            )  # fmt: skip
    return out


def residual(
    codes: SparseRows, atoms: Tensor, bias: Tensor, x: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the output's gradient (b, d), slopes (nnz,) and the sum of squared errors."""
    b, d = x.shape
    gradient, slopes = torch.empty_like(x), torch.empty_like(codes.values)
    squares = torch.empty(b, device=x.device)
    if b:
        with placed(x):
            residual_kernel[(b,)](
                *_pairs(codes), atoms, bias, x, gradient, slopes,
                squares, d, scale, COMPARE=True, **gathered(d),
            )  # fmt: skip
    return gradient, slopes, squares.sum(dtype=torch.float64)


def code_gradients(codes: SparseRows, output_gradient: Tensor, atoms: Tensor) -> Tensor:
    """Return the gradient with respect to the active activations, shape (nnz,)."""
    b, d = output_gradient.shape
    slopes = torch.empty_like(codes.values)
    if b:
        with placed(atoms):
            slopes_kernel[(b,)](
                *_pairs(codes)[:2], output_gradient, atoms, slopes, d, **gathered(d)
            )
    return slopes


@triton.jit
def _mix(h):
    h = (h ^ (h >> 16)) * 0x85EBCA6B
    h = (h ^ (h >> 13)) * 0xC2B2AE35
    return h ^ (h >> 16)


@triton.jit(do_not_specialize=["seed"])
def noise_kernel(x, out, n, scale, seed, BLOCK: tl.constexpr):
    """Add a number made from seed and place."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    own = seed.to(tl.uint32, bitcast=True)
    mixed = _mix(_mix(at.to(tl.uint32) + own) + own).to(tl.int32, bitcast=True)
    value = tl.load(x + at, mask=at < n, other=0.0) + mixed.to(tl.float32) * scale
    tl.store(out + at, value, mask=at < n)


@triton.jit
def residual_kernel(
    first, latents, values, atoms, bias, x, gradient, slopes, squares, d, scale,
    COMPARE: tl.constexpr, WIDTH: tl.constexpr, MANY: tl.constexpr,
):  # fmt: skip
    """Decode one row; compare it with its vector and take the slopes of its pairs."""
    r = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, WIDTH)
    inside = i < d
    start = tl.load(first + r)
    end = tl.load(first + r + 1)
    out = tl.zeros((WIDTH,), tl.float32)
    if COMPARE:
        out += tl.load(bias + i, mask=inside, other=0.0)
    for p in range(start, end, MANY):
        at = p + tl.arange(0, MANY)
        latent = tl.load(latents + at, mask=at < end, other=0)
        value = tl.load(values + at, mask=at < end, other=0.0)
        mask = (at < end)[:, None] & inside[None, :]
        rows = tl.load(atoms + latent[:, None] * d + i[None, :], mask=mask, other=0.0)
        out += tl.sum(rows * value[:, None], axis=0)
    if COMPARE:
        out -= tl.load(x + r * d + i, mask=inside, other=0.0)
        tl.store(squares + r, tl.sum(tl.where(inside, out * out, 0.0), axis=0))
        out *= scale
    tl.store(gradient + r * d + i, out, mask=inside)
    if COMPARE:
        for p in range(start, end, MANY):
            at = p + tl.arange(0, MANY)
            slope = _slopes(latents, atoms, out, at, end, i, d)
            value = tl.load(values + at, mask=at < end, other=0.0)
            tl.store(slopes + at, tl.where(value > 0, slope, 0.0), mask=at < end)


@triton.jit
def _slopes(latents, atoms, gradient, at, end, i, d):
    latent = tl.load(latents + at, mask=at < end, other=0)
    mask = (at < end)[:, None] & (i < d)[None, :]
    rows = tl.load(atoms + latent[:, None] * d + i[None, :], mask=mask, other=0.0)
    return tl.sum(rows * gradient[None, :], axis=1)


@triton.jit
def slopes_kernel(
    first, latents, gradient, atoms, slopes, d, WIDTH: tl.constexpr, MANY: tl.constexpr
):  # fmt: skip
    """Take the slopes of one row's pairs."""
    r = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, WIDTH)
    own = tl.load(gradient + r * d + i, mask=i < d, other=0.0)
    end = tl.load(first + r + 1)
    for p in range(tl.load(first + r), end, MANY):
        at = p + tl.arange(0, MANY)
        slope = _slopes(latents, atoms, own, at, end, i, d)
        tl.store(slopes + at, slope, mask=at < end)
