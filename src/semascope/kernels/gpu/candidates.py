"""From the peaks of groups to candidates, and from candidates to exact scores."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from semascope.kernels.gpu.lower import placed, power
from semascope.kernels.gpu.peaks import LOWEST, Peaks

# Most latents a row: beyond that, ranks by counting cost more than sorting all scores.
MOST = 1024
_CHUNK = 1024
_PAIRS = 64
_BINS = tl.constexpr(2048)


def topk(
    found: Peaks, weight: Tensor, bias: Tensor, x: Tensor, k: int, by_latent: bool
) -> tuple[Tensor, Tensor]:
    """Return the `k` latents (b, k) of the largest exact scores of each row, and the scores."""
    b, m, how = len(x), found.m, found.tiling
    groups, device = found.first.shape[1], x.device
    room = min(4 * k, 2 * k + 256) + 64
    candidates = torch.empty(b, room, dtype=torch.int32, device=device)
    counts = torch.empty(b, dtype=torch.int32, device=device)
    latents = torch.empty(b, k, dtype=torch.int64, device=device)
    values = torch.empty(b, k, device=device)
    width = power(groups)
    scratch = torch.empty(b, room + _PAIRS, dtype=torch.int64, device=device)
    chosen = torch.empty_like(latents) if by_latent else scratch
    with placed(x):
        candidates_kernel[(b,)](
            found.first, found.second, found.off, candidates, counts, k, m, groups, room,
            GROUP=how.group, STRIDE=how.stride, WIDTH=width, CHUNK=min(width, _CHUNK),
            num_warps=4 if width <= 4096 else 8 if width <= 8192 else 16,
        )  # fmt: skip
        best_kernel[(b,)](
            x, weight, bias, candidates, counts, scratch, chosen, latents, values, k, m,
            x.shape[1], room, WIDTH=power(room + _PAIRS), BLOCK=_PAIRS, DEPTH=64,
            BY_LATENT=by_latent, num_warps=4,
        )  # fmt: skip
    return latents, values


def above(
    found: Peaks, level: Tensor, weight: Tensor, bias: Tensor, x: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows, latents and exact scores of all pairs that may reach a level, shape (1,).

    They stand by row and latent. Their number decides what is allocated, so the host waits for it.
    """
    b, m, how = len(x), found.m, found.tiling
    groups, device = found.first.shape[1], x.device
    counts = torch.zeros(b, dtype=torch.int64, device=device)
    nothing = torch.empty(0, dtype=torch.int64, device=device)

    def collect(ends: Tensor, pairs: Tensor, count: bool) -> None:
        with placed(x):
            collect_kernel[(b,)](
                found.first, found.second, found.off, level, counts, ends, pairs, m, groups,
                GROUP=how.group, STRIDE=how.stride, CHUNK=min(power(groups), _CHUNK), COUNT=count,
            )  # fmt: skip

    collect(nothing, nothing, True)
    ends = torch.cumsum(counts, 0)
    total = int(ends[-1]) if b else 0
    pairs = torch.empty(total, dtype=torch.int64, device=device)
    if not total:
        return nothing, nothing, torch.empty(0, device=device)
    collect(ends, pairs, False)
    pairs = pairs[pairs >= 0].sort().values
    rows, latents = pairs // m, pairs % m
    scores = torch.empty(len(pairs), device=device)
    if len(pairs):
        with placed(x):
            score_kernel[(-(-len(pairs) // _PAIRS),)](
                x, weight, bias, rows, latents, scores, len(pairs), x.shape[1],
                BLOCK=_PAIRS, DEPTH=32,
            )  # fmt: skip
    return rows, latents, scores


def level_of(found: Peaks, count: int) -> Tensor:
    """Return a level, shape (1,), that the exact scores of at least `count` pairs reach, or 0.

    Found by counting in two passes, 11 bits of the scores in each, without sorting.
    """
    total, device = found.first.numel(), found.first.device
    block = 4096
    prefix = torch.zeros(1, dtype=torch.int64, device=device)
    above = torch.zeros(1, dtype=torch.int64, device=device)
    for shift in (20, 9):
        bins = torch.zeros(_BINS.value, dtype=torch.int32, device=device)
        with placed(found.first):
            histogram_kernel[(-(-total // block),)](
                found.first, found.off, prefix, bins, total, found.tiling.stride,
                SHIFT=shift, BLOCK=block,
            )  # fmt: skip
        reached = bins.flip(0).cumsum(0) + above
        # With fewer than `count` positive ones, the lowest bin.
        place = (reached < count).sum(dim=0, keepdim=True).clamp(max=_BINS.value - 1)
        above = torch.where(place > 0, reached[(place - 1).clamp(min=0)], above)
        prefix = prefix * _BINS.value + _BINS.value - 1 - place
    return (prefix << 9).to(torch.int32).view(torch.float32)


@triton.jit
def _ordered(value):
    """Turn floats into integers of the same order."""
    bits = value.to(tl.int32, bitcast=True)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


@triton.jit
def _hits(first, second, off, r, g, groups, level, GROUP: tl.constexpr, STRIDE: tl.constexpr):
    """Tell how many latents of each group may reach the level, and which the strongest one is.

    Two may be more: then all latents of the group count.
    """
    inside = g < groups
    tile = g // STRIDE
    error = tl.load(off + r * (groups // STRIDE) + tile, mask=inside, other=0.0)
    best = tl.load(first + r * groups + g, mask=inside, other=LOWEST)
    # What is no number may be anything.
    size = (inside & ((best + error >= level) | (best + error != best + error))).to(tl.int32)
    latent = tile * (STRIDE * GROUP) + g % STRIDE
    if GROUP > 1:
        next = tl.load(second + r * groups + g, mask=inside, other=LOWEST)
        more = inside & ((next + error >= level) | (next + error != next + error))
        size = tl.where(more, GROUP, size)
        number = best.to(tl.int32, bitcast=True) & (GROUP - 1)
        latent += tl.where(more, 0, number) * STRIDE
    return size, latent


@triton.jit
def candidates_kernel(
    first, second, off, candidates, counts, k, m, groups, room,
    GROUP: tl.constexpr, STRIDE: tl.constexpr, WIDTH: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Find the level that `k` latents of a row reach for certain, and all that may reach it."""
    r = tl.program_id(0).to(tl.int64)
    g = tl.arange(0, WIDTH)
    error = tl.load(off + r * (groups // STRIDE) + g // STRIDE, mask=g < groups, other=0.0)
    least = tl.load(first + r * groups + g, mask=g < groups, other=LOWEST) - error
    # Groups are disjoint: the k-th largest of their lower bounds is below k latents' scores.
    least = _ordered(tl.where(least >= LOWEST, least, LOWEST))
    level = tl.where(tl.sum((least >= 0).to(tl.int32), axis=0) >= k, 0, -2147483648)
    for i in range(23):
        higher = level + (1 << (30 - i))
        level = tl.where(tl.sum((least >= higher).to(tl.int32), axis=0) >= k, higher, level)
    level = tl.maximum(_ordered_back(level), LOWEST)

    n = 0
    for start in range(0, groups, CHUNK):
        part = start + tl.arange(0, CHUNK)
        size, latent = _hits(first, second, off, r, part, groups, level, GROUP, STRIDE)
        total = tl.sum(size, axis=0)
        if total > 0:
            at = n + tl.cumsum(size, 0) - size
            fits = (size > 0) & (at < room)
            tl.store(candidates + r * room + at, tl.where(latent < m, latent, -1), mask=fits)
            if GROUP > 1:  # noqa: SIM102 (known when compiling, the other one is not)
                if tl.max(size, axis=0) > 1:
                    for i in range(1, GROUP):
                        other = latent + i * STRIDE
                        fits = (size > 1) & (at + i < room)
                        other = tl.where(other < m, other, -1)
                        tl.store(candidates + r * room + at + i, other, mask=fits)
        n += total
    tl.store(counts + r, n)


@triton.jit
def _ordered_back(key):
    return (key ^ ((key >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True)


@triton.jit
def _dots(x, weight, rows, latents, valid, d, BLOCK: tl.constexpr, DEPTH: tl.constexpr):
    """Products of pairs of rows and latents in float32."""
    acc = tl.zeros((BLOCK, DEPTH), tl.float32)
    for start in range(0, d, DEPTH):
        i = start + tl.arange(0, DEPTH)
        mask = valid[:, None] & (i < d)[None, :]
        w = tl.load(weight + latents.to(tl.int64)[:, None] * d + i[None, :], mask=mask, other=0.0)
        acc += w * tl.load(x + rows[:, None] * d + i[None, :], mask=mask, other=0.0)
    return tl.sum(acc, axis=1)


@triton.jit
def _pruned(keys, n, k, WIDTH: tl.constexpr):
    """Leave the `k` largest of `n` keys, which are all different; return the smallest of them."""
    i = tl.arange(0, WIDTH)
    NONE: tl.constexpr = -9223372036854775808
    key = tl.load(keys + i, mask=i < n, other=NONE)
    level = tl.zeros((), tl.int64)
    level = tl.where(tl.sum((key >= level).to(tl.int32), axis=0) >= k, level, NONE)
    bit = tl.full((), 1 << 62, tl.int64)
    for _ in range(63):
        higher = level + bit
        level = tl.where(tl.sum((key >= higher).to(tl.int32), axis=0) >= k, higher, level)
        bit = bit >> 1
    kept = (key >= level) & (i < n)
    tl.debug_barrier()
    tl.store(keys + tl.cumsum(kept.to(tl.int32), 0) - 1, key, mask=kept)
    tl.debug_barrier()
    return level


@triton.jit
def _rank(keys, n, key, BLOCK: tl.constexpr):
    """Count the keys that are larger."""
    larger = tl.zeros((BLOCK,), tl.int32)
    NONE: tl.constexpr = -9223372036854775808
    for start in range(0, n, 32):
        i = start + tl.arange(0, 32)
        other = tl.load(keys + i, mask=i < n, other=NONE)
        larger += tl.sum((other[None, :] > key[:, None]).to(tl.int32), axis=1)
    return larger


@triton.jit
def best_kernel(
    x, weight, bias, candidates, counts, scratch, chosen, latents, values, k, m, d, room,
    WIDTH: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr, BY_LATENT: tl.constexpr,
):  # fmt: skip
    """Score the candidates of a row exactly, or all latents if it has too many; keep the best.

    A key is a score and its latent as one number: ties go to the first latent.
    """
    r = tl.program_id(0).to(tl.int64)
    n = tl.load(counts + r)
    listed = tl.where(n <= room, n, 0)
    n = tl.where(n <= room, n, m)
    keys = scratch + r * (room + BLOCK)
    NONE: tl.constexpr = -9223372036854775808
    level = tl.full((), NONE, tl.int64)
    filled = 0
    for start in range(0, n, BLOCK):
        at = start + tl.arange(0, BLOCK)
        own = tl.load(candidates + r * room + at, mask=at < listed, other=-1)
        latent = tl.where(listed > 0, own, at)
        valid = (latent >= 0) & (at < n)
        rows = tl.full((BLOCK,), 0, tl.int64) + r
        score = _dots(x, weight, rows, latent, valid, d, BLOCK, DEPTH)
        score += tl.load(bias + latent, mask=valid, other=0.0)
        # No number is the least of all; minus zero becomes zero.
        score = tl.where(score == score, score, -float("inf")) + 0.0
        key = (_ordered(score).to(tl.int64) << 32) | (0x7FFFFFFF - latent).to(tl.int64)
        kept = valid & (key > level)
        tl.store(keys + filled + tl.cumsum(kept.to(tl.int32), 0) - 1, key, mask=kept)
        filled += tl.sum(kept.to(tl.int32), axis=0)
        if filled > room:
            tl.debug_barrier()
            level = _pruned(keys, filled, k, WIDTH)
            filled = filled * 0 + k
    tl.debug_barrier()
    for start in range(0, filled, BLOCK):
        i = start + tl.arange(0, BLOCK)
        key = tl.load(keys + i, mask=i < filled, other=NONE)
        place = _rank(keys, filled, key, BLOCK)
        kept = (i < filled) & (place < k)
        if BY_LATENT:
            # Once more, with the latent in the upper half.
            turned = (key << 32) | ((key >> 32) & 0xFFFFFFFF)
            tl.store(chosen + r * k + place, turned, mask=kept)
        else:
            tl.store(latents + r * k + place, _latent_of(key), mask=kept)
            tl.store(values + r * k + place, _value_of(key >> 32), mask=kept)
    if BY_LATENT:
        tl.debug_barrier()
        for start in range(0, k, BLOCK):
            i = start + tl.arange(0, BLOCK)
            key = tl.load(chosen + r * k + i, mask=i < k, other=NONE)
            place = _rank(chosen + r * k, k, key, BLOCK)
            tl.store(latents + r * k + place, _latent_of(key >> 32), mask=i < k)
            tl.store(values + r * k + place, _value_of(key), mask=i < k)


@triton.jit
def _latent_of(key):
    return 0x7FFFFFFF - (key & 0x7FFFFFFF)


@triton.jit
def _value_of(key):
    return tl.maximum(_ordered_back(key.to(tl.int32)), 0.0)


@triton.jit
def collect_kernel(
    first, second, off, level, counts, ends, pairs, m, groups,
    GROUP: tl.constexpr, STRIDE: tl.constexpr, CHUNK: tl.constexpr, COUNT: tl.constexpr,
):  # fmt: skip
    """Count the pairs of a row that may reach the level, or write them down as row * m + latent."""
    r = tl.program_id(0).to(tl.int64)
    bar = tl.load(level)
    n = tl.zeros((), tl.int64)
    if not COUNT:
        n = tl.load(ends + r) - tl.load(counts + r)
    for start in range(0, groups, CHUNK):
        g = start + tl.arange(0, CHUNK)
        size, latent = _hits(first, second, off, r, g, groups, bar, GROUP, STRIDE)
        if not COUNT:
            at = n + tl.cumsum(size, 0) - size
            for i in range(GROUP):
                other = latent + i * STRIDE
                pair = tl.where(other < m, r * m + other, -1)
                tl.store(pairs + at + i, pair, mask=size > i)
        n += tl.sum(size, axis=0)
    if COUNT:
        tl.store(counts + r, n)


@triton.jit
def score_kernel(
    x, weight, bias, rows, latents, scores, n, d, BLOCK: tl.constexpr, DEPTH: tl.constexpr
):  # fmt: skip
    """Score pairs exactly."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    valid = at < n
    row = tl.load(rows + at, mask=valid, other=0)
    latent = tl.load(latents + at, mask=valid, other=0)
    score = _dots(x, weight, row, latent, valid, d, BLOCK, DEPTH)
    tl.store(scores + at, score + tl.load(bias + latent, mask=valid, other=0.0), mask=valid)


@triton.jit
def histogram_kernel(
    first, off, prefix, bins, n, stride, SHIFT: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """Count positive lower bounds by 11 of their bits, among those that begin with a prefix."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    least = tl.load(first + at, mask=inside, other=LOWEST)
    least -= tl.load(off + at // stride, mask=inside, other=0.0)
    bits = least.to(tl.int32, bitcast=True)
    counted = inside & (least > 0) & ((bits >> (SHIFT + 11)) == tl.load(prefix))
    seen = tl.histogram((bits >> SHIFT) & (_BINS - 1), _BINS, mask=counted)
    i = tl.arange(0, _BINS)
    tl.atomic_add(bins + i, seen, mask=seen > 0)
