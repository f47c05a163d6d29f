"""The relevance of a name, and of other names, on the rows of one concept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semascope.lexicon import Contrast, Relevance
from semascope.lexicon.concepts import BANDS

FEWEST = 2
"""Rows that either side must have."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """What names say about the rows of one concept; rows without an answer are left out.

    Parameters
    ----------
    scores : ndarray of shape (1 + others, n)
        Relevance: the name first, active rows first.
    n_active : int
        How many of the rows are active.
    kept : ndarray of int64, shape (n,)
        Their places among the active rows and then the inactive ones of the contrast.
    failures : int
        Rows for which the relevance is not a number.
    by_band : tuple of int
        Active rows in each band of activation, strongest first.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.scored import Scored
    >>> Scored(np.zeros((1, 4)), 2, np.arange(4), 0, (1, 1, 0, 0)).active.shape
    (1, 2)
    """

    scores: Floats
    n_active: int
    kept: Ints
    failures: int
    by_band: tuple[int, ...]

    @property
    def active(self) -> Floats:
        """Scores of the active rows, shape (names, n_active)."""
        return self.scores[:, : self.n_active]

    @property
    def inactive(self) -> Floats:
        """Scores of the inactive rows, shape (names, n_inactive)."""
        return self.scores[:, self.n_active :]

    @property
    def n(self) -> int:
        """Rows on both sides."""
        return int(self.scores.shape[1])


def scored(
    name: str, contrast: Contrast, relevance: Relevance, others: Sequence[str] = ()
) -> Scored | None:
    """Ask for the relevance of a name and of others; None if a side has fewer than two answers.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure.scored import scored
    >>> one, none = np.ones(2, dtype=np.float32), np.arange(0)
    >>> contrast = Contrast(np.arange(2), one, none, np.arange(2, 4))
    >>> scored("tea", contrast, ByWords(pl.Series(["tea", "tea", "car", "car"]))).scores
    array([[1., 1., 0., 0.]])
    """
    n = len(contrast.active)
    if min(n, len(contrast.inactive)) < FEWEST:
        return None
    rows = np.concatenate([contrast.active, contrast.inactive])
    scores = np.asarray(relevance([name, *others], rows), dtype=float)
    kept = np.flatnonzero(np.isfinite(scores[0]))
    n_active = int((kept < n).sum())
    if min(n_active, len(kept) - n_active) < FEWEST:
        return None
    answers = scores[:, kept]
    missing = ~np.isfinite(answers)
    if missing.any():
        # Another name's missing answers are no failures of this one; they count as its lowest.
        lowest = np.where(missing, np.inf, answers).min(axis=1, keepdims=True)
        answers = np.where(missing, np.where(np.isfinite(lowest), lowest, 0), answers)
    bands = bands_of(n)[kept[:n_active]]
    by_band = tuple(np.bincount(bands, minlength=BANDS).tolist())
    return Scored(answers, n_active, kept, scores.shape[1] - len(kept), by_band)


def bands_of(n: int) -> Ints:
    """Return the band of each of `n` active rows, strongest first.

    Examples
    --------
    >>> from semascope.measure.scored import bands_of
    >>> bands_of(6)
    array([0, 0, 1, 1, 2, 3])
    """
    sizes = [len(part) for part in np.array_split(np.arange(n), BANDS)]
    return np.repeat(np.arange(BANDS), sizes)
