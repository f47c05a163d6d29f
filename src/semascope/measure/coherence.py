"""Whether the items of a concept belong together, whatever it is called."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, Score, generator
from semascope.lexicon import Contrast, unit
from semascope.measure.interval import ends
from semascope.measure.scored import FEWEST, bands_of
from semascope.vectors import VectorSource

_TRIALS = 4000
_RESAMPLES, _EACH = 200, 500


def coherence(
    contrast: Contrast, source: VectorSource, *, k: int = 4, seed: int = 0
) -> Score | None:
    """Score how often one inactive row among `k` active ones is the one that fits least.

    The row with the lowest mean cosine to the others is taken for the intruder. No name is used, so
    this tells a concept that nothing could name from one whose name is bad.

    Parameters
    ----------
    contrast : Contrast
        *Verify* rows of the concept.
    source : VectorSource
        Vectors of the rows.
    k : int, default 4
        Active rows beside the intruder; guessing finds one of ``k + 1``.
    seed : int
        Which rows are shown together.

    References
    ----------
    Chang, Boyd-Graber, Wang, Gerrish and Blei, "Reading tea leaves: how humans interpret topic
    models", 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.measure import coherence
    >>> from semascope.vectors import as_source
    >>> x = np.vstack([np.tile([1.0, 0.1], (6, 1)), np.tile([-1.0, 0.1], (6, 1))])
    >>> none = np.arange(0)
    >>> contrast = Contrast(np.arange(6), np.ones(6, dtype=np.float32), none, np.arange(6, 12))
    >>> coherence(contrast, as_source(x)).value
    1.0
    """
    if k < 2:
        raise InputError(f"items can only fit together in twos or more, got k={k}")
    n, m = len(contrast.active), len(contrast.inactive)
    if n < max(k, FEWEST) or m < FEWEST:
        return None
    rows = np.concatenate([contrast.active, contrast.inactive])
    order = np.argsort(rows, kind="stable")
    vectors = np.empty((len(rows), source.shape[1]), dtype=np.float32)
    vectors[order] = source.take(rows[order])
    cosines = unit(vectors) @ unit(vectors).T
    random = generator(seed, "coherence")
    even = np.ones(n), np.ones(m)
    value = _found(cosines, *even, k, _TRIALS, random)
    draws = [
        _found(
            cosines,
            random.standard_exponential(n),
            random.standard_exponential(m),
            k,
            _EACH,
            random,
        )
        for _ in range(_RESAMPLES)
    ]
    by_band = tuple(np.bincount(bands_of(n), minlength=4).tolist())
    note = f"one intruder among {k} active rows, found by the items alone"
    return Score(
        "coherence", value, *ends(draws, value), 1 / (k + 1), n + m, note=note, by_band=by_band
    )


def _found(
    cosines: npt.NDArray[np.float32],
    of_active: npt.NDArray[np.float64],
    of_inactive: npt.NDArray[np.float64],
    k: int,
    trials: int,
    random: np.random.Generator,
) -> float:
    n, m = len(of_active), len(of_inactive)
    # Distinct rows by weight: the smallest of exponential times (Efraimidis and Spirakis, 2006).
    times = random.standard_exponential((trials, n)) / of_active
    members = (
        np.argpartition(times, k - 1, axis=1)[:, :k]
        if k < n
        else np.tile(np.arange(n), (trials, 1))
    )
    odd = n + random.choice(m, trials, p=of_inactive / of_inactive.sum())
    shown = np.concatenate([odd[:, None], members], axis=1)
    fit = cosines[shown[:, :, None], shown[:, None, :]].sum(axis=2)
    lowest = fit.min(axis=1, keepdims=True)
    ties = (fit <= lowest + 1e-6).sum(axis=1)
    return float(np.mean((fit[:, 0] <= lowest[:, 0] + 1e-6) / ties))
