"""The parts of an item that fire a concept, found by leaving them out: what all kinds share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from semascope.core import InputError
from semascope.discover import Dictionary
from semascope.lexicon import Contrast
from semascope.name.evidence import Part

LEAST_SHARE = 0.1
BATCH = 1024
_EACH = 3
_LOOKED_AT = 20
_KEPT = 12

P = TypeVar("P")
Floats = npt.NDArray[np.float32]


def occluded(
    drawn: Sequence[Contrast],
    dictionary: Dictionary,
    *,
    cut: Callable[[int], list[P]],
    without: Callable[[int, list[P]], list[Any]],
    embed: Callable[[list[Any]], Floats],
    named: Callable[[int, P, float], Part],
    most_passes: int,
    each: int = _EACH,
    most: int = _KEPT,
    batch: int = BATCH,
) -> list[tuple[Part, ...]]:
    """Find the parts of items on which the activation of each concept depends.

    A part's share is how much of the pre-activation is lost with it. One item serves all concepts
    that it fires; items are taken until every concept has `each`, or `most_passes` variants were
    embedded.

    Parameters
    ----------
    drawn : sequence of Contrast
        Rows of each latent, strongest first.
    dictionary : Dictionary
        Its encoder says how strongly a vector fires.
    cut : callable
        Returns the parts of a row; none where there is nothing to leave out.
    without : callable
        Returns the item of a row as it is, then without each of these parts.
    embed : callable
        Turns such variants into vectors; NaN where nothing is left to embed.
    named : callable
        Makes a `Part` of a row, one of its parts, and the share.
    most_passes : int
        Variants embedded at most.
    each : int, default 3
        Items looked at for each concept.
    most : int, default 12
        Parts kept of each concept.
    batch : int, default 1024
        Variants in memory at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Dictionary
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Part
    >>> from semascope.name.occlusion import occluded
    >>> one, zero = np.ones((1, 1), dtype=np.float32), np.zeros(1, dtype=np.float32)
    >>> row, none = np.arange(1), np.arange(0)
    >>> parts = occluded(
    ...     [Contrast(row, np.ones(1, dtype=np.float32), none, none)],
    ...     Dictionary(one, zero, one, zero, n_active=1),
    ...     cut=lambda row: [2, 5],
    ...     without=lambda row, parts: [7, *(7 - p for p in parts)],
    ...     embed=lambda sums: np.array(sums, dtype=np.float32)[:, None],
    ...     named=lambda row, part, share: Part(row, str(part), share),
    ...     most_passes=10,
    ... )
    >>> [(part.text, round(part.share, 2)) for part in parts[0]]
    [('5', 0.71), ('2', 0.29)]
    """
    pieces = _chosen(drawn, cut, most_passes, each)
    wanted: dict[int, list[int]] = {row: [] for row in pieces}
    for latent, contrast in enumerate(drawn):
        for row in contrast.active.tolist():
            if row in wanted:
                wanted[row].append(latent)
    found: list[list[Part]] = [[] for _ in drawn]
    for block in blocks({row: len(parts) for row, parts in pieces.items()}, batch):
        variants = [v for row in block for v in without(row, pieces[row])]
        vectors = np.asarray(embed(variants), dtype=np.float32)
        expected = (len(variants), dictionary.encoder.shape[1])
        if vectors.shape != expected:
            raise InputError(
                f"the encoder returned shape {vectors.shape} for {len(variants)} items; the "
                f"dictionary needs {expected}"
            )
        at = 0
        for row in block:
            n = len(pieces[row]) + 1
            shares = _shares(dictionary, vectors[at : at + n], wanted[row])
            at += n
            for latent, lost in zip(wanted[row], shares, strict=True):
                for part, share in zip(pieces[row], lost, strict=False):
                    if share >= LEAST_SHARE:
                        found[latent].append(named(row, part, share))
    return [tuple(sorted(parts, key=lambda p: (-p.share, p.row))[:most]) for parts in found]


def blocks(parts: dict[int, int], batch: int = BATCH) -> list[list[int]]:
    """Group rows, ascending, so that what is embedded at a time stays within a batch.

    Examples
    --------
    >>> from semascope.name.occlusion import blocks
    >>> blocks({4: 2, 1: 2, 2: 2}, batch=6)
    [[1, 2], [4]]
    """
    out: list[list[int]] = []
    size = batch
    for row in sorted(parts):
        if size + parts[row] + 1 > batch:
            out.append([])
            size = 0
        out[-1].append(row)
        size += parts[row] + 1
    return out


def _chosen(
    drawn: Sequence[Contrast], cut: Callable[[int], list[P]], most_passes: int, each: int
) -> dict[int, list[P]]:
    """Choose items so that every concept has some of its strongest, and cut them into parts."""
    out: dict[int, list[P]] = {}
    passes = 0
    for turn in range(1, each + 1):
        for contrast in drawn:
            strongest = contrast.active[: max(_LOOKED_AT, each)].tolist()
            if sum(row in out for row in strongest) >= turn:
                continue
            for row in strongest:
                parts = [] if row in out else cut(row)
                if not parts:
                    continue
                if passes + len(parts) + 1 > most_passes:
                    return out
                out[row] = parts
                passes += len(parts) + 1
                break
    return out


def _shares(dictionary: Dictionary, vectors: Floats, latents: list[int]) -> list[list[float]]:
    """Return for each latent what is lost with each part; nothing where the item does not fire."""
    pre = vectors @ dictionary.encoder[latents].T + dictionary.encoder_bias[latents]
    out = []
    for whole, rest in zip(pre[0].tolist(), pre[1:].T, strict=True):
        lost = np.clip((whole - rest) / whole, 0, 1) if whole > 0 else np.zeros(0)
        out.append(np.nan_to_num(lost, nan=1.0).tolist())
    return out
