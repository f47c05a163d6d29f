"""Rows in lower precision, and the norms that bound what rounding takes from their products."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

# Longest row that a program holds in registers.
LONGEST = 16384


@dataclass(frozen=True)
class Format:
    """A format in which candidates are found.

    Parameters
    ----------
    mode : int
        Its number inside the kernels.
    dtype : torch.dtype
    block : int
        Dimensions multiplied at a time: 128 bytes, the widest that shared memory swizzles.
    imprecise : float
        What sums inside the multiplying units lose, as a share of the factors' norms: those of
        8-bit floats keep 14 bits on Hopper (DeepSeek-AI, "DeepSeek-V3 technical report", 2024,
        section 3.5.2), and 32 products are added before the sum is in float32.

    Examples
    --------
    >>> from semascope.kernels.gpu.lower import FORMATS
    >>> FORMATS["bfloat16"].block
    64
    """

    mode: int
    dtype: torch.dtype
    block: int
    imprecise: float = 0.0

    def rounding(self, d: int) -> float:
        """Return what rounding takes from a sum of `d` products, as a share of the norms.

        Units that multiply matrices cut where others round, and align terms to the largest; this
        is twice what both lose together with the exact score's own rounding.
        """
        return (d + 16) * 2.0**-21 + self.imprecise


FORMATS = {
    "float32": Format(0, torch.float32, 32),
    "bfloat16": Format(1, torch.bfloat16, 64),
    "int8": Format(2, torch.int8, 128),
    "float8": Format(3, torch.float8_e4m3fn, 128, 33 * 2.0**-13),
}


@dataclass(frozen=True)
class Lowered:
    """Rows (n, d) in a lower precision.

    Parameters
    ----------
    low : Tensor of shape (n, d rounded up)
        The rows, divided by `scale`; zeros beyond d.
    scale, whole, gone : float32 Tensor of shape (n,)
        Steps of 8-bit formats, and bounds of the norms of each row and of what rounding took.
    """

    low: Tensor
    scale: Tensor
    whole: Tensor
    gone: Tensor

    @classmethod
    def empty(cls, form: Format, n: int, d: int, device: torch.device) -> Lowered:
        """Make room for rows."""
        width = -(-d // form.block) * form.block
        low = torch.zeros(n, width, dtype=form.dtype, device=device)
        scale, whole, gone = torch.zeros(3, n, device=device)
        return cls(low, scale, whole, gone)


def power(n: int, least: int = 1) -> int:
    """Return the smallest power of two that is at least `n` and `least`."""
    return max(least, 1 << max(0, n - 1).bit_length())


def warps(width: int) -> int:
    """Return the warps of a program that holds one row of some width."""
    return 2 if width <= 512 else 4 if width <= 2048 else 8


def gathered(d: int) -> dict[str, Any]:
    """Return how a program holds a row of length `d`, and how many rows it gathers at a time."""
    width = power(d, least=16)
    # Enough loads on the way, without spilling.
    many = max(1, min(16, 4096 // width))
    return {"WIDTH": width, "MANY": many, "num_warps": warps(width)}


def placed(tensor: Tensor) -> AbstractContextManager[Any]:
    """Launch kernels on the device of a tensor."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


def lower_rows(x: Tensor, form: Format, out: Lowered | None = None) -> Lowered:
    """Write rows (n, d) in a lower precision, with the norms of the bound."""
    n, d = x.shape
    out = Lowered.empty(form, n, d, x.device) if out is None else out
    if n:
        width = power(out.low.shape[1])
        with placed(x):
            lower_kernel[(n,)](
                x, out.low, out.scale, out.whole, out.gone, d, out.low.shape[1],
                MODE=form.mode, WIDTH=width, num_warps=warps(width),
            )  # fmt: skip
    return out


@triton.jit
def lower(row, MODE: tl.constexpr):
    """Round one row: its low form, its step, and the norms of the row and of what is gone."""
    if MODE == 0:
        scale = 1.0
        low = row
        back = row
    elif MODE == 1:
        scale = 1.0
        low = row.to(tl.bfloat16)
        back = low.to(tl.float32)
    else:
        most = tl.max(tl.abs(row), axis=0)
        top: tl.constexpr = 127.0 if MODE == 2 else 448.0
        # Rows of next to nothing become zeros, and all of them counts as lost.
        usable = (most > 1e-30) & (most < 3e38)
        scale = tl.where(usable, most / top, 0.0)
        part = tl.where(usable, row * (top / tl.where(usable, most, 1.0)), 0.0)
        if MODE == 2:
            low = tl.floor(part + 0.5).to(tl.int8)
        else:
            low = tl.minimum(tl.maximum(part, -top), top).to(tl.float8e4nv)
        back = low.to(tl.float32) * scale
    off = row - back
    # Squares of numbers below 1e-19 vanish; 1e-16 is more than a norm can lose by that.
    whole = tl.sqrt(tl.sum(row * row, axis=0)) * 1.001 + 1e-16
    gone = tl.sqrt(tl.sum(off * off, axis=0)) * 1.001 + 1e-16
    return low, scale, whole, gone


@triton.jit
def lower_kernel(
    x, low, scale, whole, gone, d, stride, MODE: tl.constexpr, WIDTH: tl.constexpr
):  # fmt: skip
    """Write one row a program."""
    r = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, WIDTH)
    row = tl.load(x + r * d + i, mask=i < d, other=0.0)
    part, step, norm, lost = lower(row, MODE)
    tl.store(low + r * stride + i, part, mask=i < stride)
    tl.store(scale + r, step)
    tl.store(whole + r, norm)
    tl.store(gone + r, lost)
