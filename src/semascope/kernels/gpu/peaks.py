"""The encoder's product, of which only the strongest two latents of every group are written."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from semascope.kernels.gpu.lower import Format, Lowered, placed

# Score of what is no latent.
LOWEST = tl.constexpr(-3.0e38)
_MOST_GROUPS = 16384


@dataclass(frozen=True)
class Tiling:
    """How scores are computed: tiles of rows by latents, and groups of latents in a tile.

    Latent ``tile * columns + place + i * stride`` is number i of the group ``tile * stride +
    place``, where ``stride = columns // group``: what belongs to one group lies in one thread.
    """

    rows: int
    columns: int
    group: int
    warps: int
    stages: int

    @property
    def stride(self) -> int:
        """Groups in a tile."""
        return self.columns // self.group

    def tiles(self, m: int) -> int:
        """Return how many tiles cover `m` latents."""
        return -(-m // self.columns)


def tiling(m: int, d: int, k: int, form: Format) -> Tiling:
    """Choose tiles and groups for `k` of `m` latents of `d` dimensions.

    Small tiles let one block of threads select while another one multiplies, which short rows need;
    long rows want large tiles, which load less. Sums of float8 are kept twice, and float32 is not
    multiplied by units of its own: both need more registers.

    Smaller groups write more; larger ones hold more than two candidates more often, and all of such
    a group is scored again.
    """
    rows, columns, warps, stages = (128, 128, 4, 3) if d <= 1024 else (128, 256, 8, 4)
    if form.mode == 3:
        rows, columns, warps, stages = 128, 128, 8, 3
    elif form.mode == 0:
        rows, columns, warps, stages = 64, 64, 8, 2
    most = 1.5 * k + 8
    sizes = [g for g in (1, 2, 4, 8, 16, 32, 64, 128) if -(-m // g) >= 2 * k] or [1]
    fit = [g for g in sizes if -(-m // g) <= _MOST_GROUPS] or sizes[-1:]
    # Bytes a row: groups written and read, and extra latents that are scored again.
    group = min(fit, key=lambda g: 16 * m / g + (g > 1) * 2 * d * (most * g) ** 2 / m)
    return Tiling(rows, columns, min(group, columns), warps, stages)


@dataclass(frozen=True)
class Peaks:
    """The strongest two latents of every group, for every row.

    Parameters
    ----------
    first, second : float32 Tensor of shape (b, groups)
        Scores; the last bits tell which latent of the group it is.
    off : float32 Tensor of shape (b, tiles)
        How far a score may be from the exact one.
    tiling : Tiling
    m : int
        Latents.
    """

    first: Tensor
    second: Tensor
    off: Tensor
    tiling: Tiling
    m: int


def peaks(
    x: Lowered, weight: Lowered, bias: Tensor, mass: Tensor, form: Format, d: int, how: Tiling
) -> Peaks:
    """Multiply rows with all latents and keep the strongest two of each group.

    Parameters
    ----------
    x, weight : Lowered
        Rows and the encoder's weights.
    bias, mass : Tensor of shape (m,)
        What is added to each product, and the size of the terms of which it is a sum.
    """
    b, m, tiles = len(x.low), len(bias), how.tiles(len(bias))
    first = torch.empty(b, tiles * how.stride, device=bias.device)
    second = torch.empty_like(first) if how.group > 1 else first
    off = torch.empty(b, tiles, device=bias.device)
    with placed(bias):
        peaks_kernel[(-(-b // how.rows) * tiles,)](
            TensorDescriptor.from_tensor(x.low, [how.rows, form.block]),
            TensorDescriptor.from_tensor(weight.low, [how.columns, form.block]),
            x.scale, x.whole, x.gone, weight.scale, weight.whole, weight.gone, bias, mass,
            first, second, off, b, m, x.low.shape[1], form.rounding(d),
            MODE=form.mode, ROWS=how.rows, COLUMNS=how.columns, DEPTH=form.block, GROUP=how.group,
            # The interpreter would multiply the bits of bfloat16 as integers.
            WIDEN=form.mode == 1 and triton.knobs.runtime.interpret,
            num_warps=how.warps, num_stages=how.stages,
        )  # fmt: skip
    return Peaks(first, second, off, how, m)


@triton.jit
def peaks_kernel(
    x, weight, x_scale, x_whole, x_gone, w_scale, w_whole, w_gone, bias, mass,
    first, second, off, b, m, depth, rounding,
    MODE: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr,
    GROUP: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """Score one tile. Neighbours share latents: weights are read once, and rows stay near."""
    row_tiles = tl.cdiv(b, ROWS)
    tile = tl.program_id(0) // row_tiles
    row0 = (tl.program_id(0) % row_tiles) * ROWS
    if MODE == 2:
        acc = tl.zeros((ROWS, COLUMNS), tl.int32)
    else:
        acc = tl.zeros((ROWS, COLUMNS), tl.float32)
    for i in range(0, depth, DEPTH):
        part = x.load([row0, i])
        latents = weight.load([tile * COLUMNS, i]).T
        if WIDEN:
            part = part.to(tl.float32)
            latents = latents.to(tl.float32)
        if MODE == 2:
            acc = tl.dot(part, latents, acc, out_dtype=tl.int32)
        elif MODE == 3:
            acc = tl.dot(part, latents, acc, max_num_imprecise_acc=32)
        else:
            acc = tl.dot(part, latents, acc, input_precision="ieee")

    r = row0 + tl.arange(0, ROWS)
    column = tl.arange(0, COLUMNS)
    j = tile * COLUMNS + column
    inside = r < b
    known = j < m
    shift = tl.load(bias + j, mask=known, other=LOWEST)
    score = acc.to(tl.float32)
    if MODE >= 2:
        step = tl.load(x_scale + r, mask=inside, other=0.0)
        score *= step[:, None] * tl.load(w_scale + j, mask=known, other=0.0)[None, :]
    score += shift[None, :]

    # Cauchy-Schwarz with the largest norms of the tile:
    # |score - exact| <= |x - low(x)| |w| + |low(x)| |w - low(w)| + rounding
    spread = tl.max(tl.load(w_whole + j, mask=known, other=0.0), axis=0)
    lost = tl.max(tl.load(w_gone + j, mask=known, other=0.0), axis=0)
    terms = tl.max(tl.load(mass + j, mask=known, other=0.0), axis=0)
    gone = tl.load(x_gone + r, mask=inside, other=0.0)
    kept = tl.load(x_whole + r, mask=inside, other=0.0) + gone
    share = rounding + GROUP * 1.2e-7
    error = gone * spread + kept * lost + (kept * spread + terms) * share
    # Where a product may leave float32 nothing is known.
    error = tl.where(kept * spread + terms < 1e37, error, float("inf"))
    # Groups of this tile and tiles of a row
    STRIDE: tl.constexpr = COLUMNS // GROUP
    tiles = tl.num_programs(0) // row_tiles
    tl.store(off + r.to(tl.int64) * tiles + tile, error, mask=inside)
    at = r.to(tl.int64)[:, None] * (tiles * STRIDE) + tile * STRIDE + tl.arange(0, STRIDE)[None, :]
    if GROUP == 1:
        tl.store(first + at, score, mask=inside[:, None])
    else:
        number = column // STRIDE
        marked = (score.to(tl.int32, bitcast=True) & -GROUP) | number[None, :]
        marked = marked.to(tl.float32, bitcast=True).reshape(ROWS, GROUP, STRIDE)
        best = tl.max(marked, axis=1)
        # Its number makes every score of a group another one.
        rest = tl.where(marked == best[:, None, :], LOWEST, marked)
        tl.store(first + at, best, mask=inside[:, None])
        tl.store(second + at, tl.max(rest, axis=1), mask=inside[:, None])
