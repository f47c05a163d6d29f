"""Intervention without a language model: push items along an atom and read what they come near."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, Score
from semascope.lexicon import Contrast, Relevance, Rows, unit
from semascope.measure.interval import share_interval
from semascope.measure.scored import FEWEST, bands_of
from semascope.vectors import VectorSource

Float32Array = npt.NDArray[np.float32]


def steering(
    name: str,
    contrast: Contrast,
    relevance: Relevance,
    others: Sequence[str] = (),
    *,
    source: VectorSource,
    atom: npt.NDArray[np.float32],
    pool: Rows,
    how: Literal["add", "ablate"] = "add",
    strength: float = 1.0,
    k: int = 10,
) -> Score | None:
    """Score whether the name fits what items become when the atom is added, or taken away.

    With ``add`` the concept's usual activation is given to random inactive rows; with ``ablate``
    active rows lose theirs. A vector that was moved has no text to read, so the name is asked about
    the `k` rows nearest to it instead, before and after. The value is the share of rows for which
    it fits the neighbours better after adding (worse after ablating); no change counts one half.

    Parameters
    ----------
    name, contrast, relevance, others
        As in `ranking`; the other names move too, and their mean share is the null.
    source : VectorSource
        Vectors of the rows.
    atom : ndarray of shape (d,)
        What is added.
    pool : ndarray of int64
        Rows among which neighbours are looked for, such as all *verify* rows.
    how : {"add", "ablate"}
        Which way to push.
    strength : float, default 1.0
        Times the mean activation of the active rows (``add``), or each row's own (``ablate``).
    k : int, default 10
        Neighbours.

    References
    ----------
    Paulo, Mallen, Juang and Belrose, "Automatically interpreting millions of features in large
    language models", 2024 (intervention scoring).

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure import steering
    >>> from semascope.vectors import as_source
    >>> x = np.vstack([np.tile([1.0, 0.2], (6, 1)), np.tile([0.0, 1.0], (6, 1))])
    >>> texts = ByWords(pl.Series(["tea"] * 6 + ["car"] * 6))
    >>> none = np.arange(0)
    >>> contrast = Contrast(np.arange(6), np.full(6, 3.0, np.float32), none, np.arange(6, 12))
    >>> steering("tea", contrast, texts, ["car"], source=as_source(x), pool=np.arange(12),
    ...          atom=np.array([1.0, 0.0], dtype=np.float32), k=3).value
    1.0
    """
    if how not in {"add", "ablate"}:
        raise InputError(f"how must be 'add' or 'ablate', got {how!r}")
    if k < 1 or len(pool) <= k:
        raise InputError(f"{k} neighbours need a pool of more rows than that, got {len(pool)}")
    moved = contrast.other if how == "add" else contrast.active
    if len(moved) < FEWEST or len(contrast.active) < FEWEST:
        return None
    activations = contrast.activations
    push = np.full(len(moved), activations.mean()) if how == "add" else -activations
    order = np.argsort(moved, kind="stable")
    before = np.empty((len(moved), source.shape[1]), dtype=np.float32)
    before[order] = source.take(moved[order])
    after = before + strength * push[:, None].astype(np.float32) * np.asarray(atom, np.float32)
    pool = np.unique(pool)
    around = unit(source.take(pool))
    fits = np.asarray(relevance([name, *others], pool), dtype=float)
    fits = np.nan_to_num(fits, nan=float(np.nanmin(fits)) if np.isfinite(fits).any() else 0.0)
    change = np.stack([_fit(fits, around, x, moved, pool, k) for x in (after, before)])
    gain = (change[0] - change[1]) * (1 if how == "add" else -1)
    shares = (gain > 1e-9).mean(axis=1) + 0.5 * (np.abs(gain) <= 1e-9).mean(axis=1)
    value = float(shares[0])
    by_band: tuple[int, ...] = ()
    if how == "ablate":
        by_band = tuple(np.bincount(bands_of(len(moved)), minlength=4).tolist())
    return Score(
        f"steering ({how})",
        value,
        *share_interval(value * len(moved), len(moved)),
        float(shares[1:].mean()) if others else 0.5,
        len(moved),
        note=f"share of rows whose {k} neighbours come to fit the name "
        + ("better" if how == "add" else "worse"),
        by_band=by_band,
    )


def _fit(
    fits: npt.NDArray[np.float64],
    around: Float32Array,
    vectors: Float32Array,
    rows: Rows,
    pool: Rows,
    k: int,
) -> npt.NDArray[np.float64]:
    """Mean fit of each name to the neighbours of each vector, itself left out."""
    cosine = unit(vectors) @ around.T
    place = np.minimum(np.searchsorted(pool, rows), len(pool) - 1)
    inside = pool[place] == rows
    cosine[np.flatnonzero(inside), place[inside]] = -np.inf
    nearest = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
    return np.asarray(fits[:, nearest].mean(axis=2))
