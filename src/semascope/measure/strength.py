"""Simulation without a language model: a name predicts how strongly a latent fires."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, Score, generator
from semascope.lexicon import Contrast, Relevance
from semascope.measure.interval import RESAMPLES, ends
from semascope.measure.scored import Scored, scored

Floats = npt.NDArray[np.float64]


def predicted_strength(
    name: str,
    contrast: Contrast,
    relevance: Relevance,
    others: Sequence[str] = (),
    *,
    n_active: int,
    n_rows: int,
    kind: Literal["spearman", "pearson"] = "spearman",
    seed: int = 0,
) -> Score | None:
    """Correlate a name's relevance with the activation over all rows of a split, zeros included.

    The rows are a sample: active ones evenly over their ranks, the nearest inactive ones, and
    random inactive ones. Each counts for as many rows as it stands for, so the correlation is that
    over the whole split. A rare latent is mostly zeros: its correlation is low even under a good
    name, and is read against the null.

    Parameters
    ----------
    name, contrast, relevance, others, seed
        As in `ranking`.
    n_active, n_rows : int
        Active rows, and all rows, of the split.
    kind : {"spearman", "pearson"}
        Ranks, which no few strong rows decide, or values.

    References
    ----------
    Bills et al., "Language models can explain neurons in language models", 2023 (simulation).

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure import predicted_strength
    >>> texts = ByWords(pl.Series(["tea"] * 4 + ["car"] * 4))
    >>> one, none = np.ones(4, dtype=np.float32), np.arange(0)
    >>> contrast = Contrast(np.arange(4), one, none, np.arange(4, 8))
    >>> round(predicted_strength("tea", contrast, texts, n_active=4, n_rows=8).value, 6)
    1.0
    """
    if kind not in {"spearman", "pearson"}:
        raise InputError(f"kind must be 'spearman' or 'pearson', got {kind!r}")
    found = scored(name, contrast, relevance, others)
    if found is None:
        return None
    stratum, mass = _strata(found, contrast, n_active, n_rows)
    activation = np.concatenate([contrast.activations, np.zeros(len(contrast.inactive))])
    truth = activation[found.kept].astype(float)
    weights = (mass / np.maximum(1, np.bincount(stratum, minlength=3)))[stratum]
    values = _correlations(found.scores, truth, weights[None], kind)[0]
    drawn = _draws(stratum, mass, generator(seed, "bootstrap strength"))
    draws = _correlations(found.scores[:1], truth, drawn, kind)[:, 0]
    value = float(values[0])
    null = float(values[1:].mean()) if others else 0.0
    return Score(
        f"{kind} correlation",
        value,
        *ends(draws, value),
        null,
        found.n,
        note=f"over {n_rows} rows, of which {n_active} are active",
        failures=found.failures,
        by_band=found.by_band,
    )


def _strata(
    found: Scored, contrast: Contrast, n_active: int, n_rows: int
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Which rows are active (0), near (1), other (2), and how many rows each kind stands for."""
    ends_at = np.cumsum([len(contrast.active), len(contrast.near)])
    stratum = np.searchsorted(ends_at, found.kept, "right")
    sizes = np.bincount(stratum, minlength=3)
    mass = np.array([n_active, sizes[1], n_rows - n_active - sizes[1]], dtype=float)
    if (mass < sizes).any():
        raise InputError(
            f"{n_active} active of {n_rows} rows cannot hold the {sizes[0]} active and "
            f"{sizes[1] + sizes[2]} inactive rows of this contrast"
        )
    # Where no random row was drawn, the near ones are all that is known of the silent rows.
    if sizes[2] == 0:
        mass[1:] = mass[2] + mass[1], 0
    return stratum, mass


def _draws(stratum: npt.NDArray[np.int64], mass: Floats, random: np.random.Generator) -> Floats:
    """Weights of the Bayesian bootstrap within each stratum."""
    out = random.standard_exponential((RESAMPLES, len(stratum)))
    for part in range(3):
        inside = stratum == part
        if inside.any():
            out[:, inside] *= mass[part] / out[:, inside].sum(axis=1, keepdims=True)
    return out


def _correlations(scores: Floats, truth: Floats, weights: Floats, kind: str) -> Floats:
    """Weighted correlations of each row of scores with the truth, shape (draws, names)."""
    shares = weights / weights.sum(axis=1, keepdims=True)
    out = np.empty((len(shares), len(scores)))
    y = _ranks(truth, shares) if kind == "spearman" else np.broadcast_to(truth, shares.shape)
    y = y - (shares * y).sum(axis=1, keepdims=True)
    y_length = (shares * y**2).sum(axis=1)
    for i, row in enumerate(scores):
        x = _ranks(row, shares) if kind == "spearman" else np.broadcast_to(row, shares.shape)
        x = x - (shares * x).sum(axis=1, keepdims=True)
        length = np.sqrt((shares * x**2).sum(axis=1) * y_length)
        out[:, i] = (shares * x * y).sum(axis=1) / np.where(length > 0, length, 1)
    return out


def _ranks(values: Floats, shares: Floats) -> Floats:
    """Weighted midranks: the share of rows below, and half of those level."""
    _, level = np.unique(values, return_inverse=True)
    order = np.argsort(level, kind="stable")
    below = np.zeros((len(shares), len(values) + 1))
    np.cumsum(shares[:, order], axis=1, out=below[:, 1:])
    first = np.searchsorted(level[order], level, "left")
    last = np.searchsorted(level[order], level, "right")
    return np.asarray((below[:, first] + below[:, last]) / 2)
