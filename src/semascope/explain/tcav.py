"""Whether a model's gradient points along a concept, against directions made of shuffled rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator
from semascope.explain.tested import adjusted, as_strengths

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tcav:
    """Scores of concepts; arrays of shape (m,), NaN where there are too few rows.

    Parameters
    ----------
    score : ndarray
        Share of items whose prediction rises along the concept; those it does not change count
        one half.
    low, high : ndarray
        Wilson's 95 % interval of `score` over items.
    slope : ndarray
        Mean slope along the concept's direction: by how much the prediction would change, were it
        linear, from rows that do not show the concept to rows that do.
    null : ndarray
        Mean absolute slope along shuffled directions.
    p, q : ndarray
        Of the slope, by permutation; by Benjamini and Hochberg.

    Examples
    --------
    >>> from semascope.explain import Tcav
    >>> Tcav.__name__
    'Tcav'
    """

    score: Floats
    low: Floats
    high: Floats
    slope: Floats
    null: Floats
    p: Floats
    q: Floats


def tcav(
    gradients: npt.ArrayLike,
    vectors: npt.ArrayLike,
    active: Any,
    *,
    permutations: int = 199,
    fewest: int = 5,
    seed: int | None = 0,
) -> Tcav:
    """Test concepts that are given by examples against a model's gradients.

    A concept's direction is the difference of the means of rows that show it and rows that do not.
    Under the null hypothesis which rows show it is exchangeable, so directions
    of as many rows drawn at random are made in the same way and their slopes are compared: the
    p-value is exact. (Comparing a concept's scores with those of random against random rows by a
    t-test, as is common, is not: these are drawn otherwise, and are not independent.)

    Parameters
    ----------
    gradients : array of shape (g, d)
        Of what is predicted, at the items in question.
    vectors : array of shape (n, d)
        Rows that show concepts or do not.
    active : array or scipy.sparse of shape (n, m)
        Shown where not zero.
    permutations : int, default 199
        Shuffles; the smallest p is one over one more.
    fewest : int, default 5
        Concepts with fewer rows on either side are not tested.
    seed : int
        Shuffles.

    References
    ----------
    Kim, Wattenberg, Gilmer, Cai, Wexler, Viegas and Sayres, "Interpretability beyond feature
    attribution: quantitative testing with concept activation vectors", 2018; Phipson and Smyth,
    "Permutation p-values should never be zero", 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import tcav
    >>> x = np.random.default_rng(0).standard_normal((200, 2))
    >>> found = tcav(np.tile([2.0, -1.0], (9, 1)), x, x > 0.5)
    >>> found.score.tolist(), bool(found.q.max() < 0.05)
    ([1.0, 0.0], True)
    """
    slopes = np.asarray(gradients, dtype=np.float64)
    x = np.asarray(vectors, dtype=np.float64)
    shown = as_strengths(active).tocsc()
    if slopes.ndim != 2 or x.ndim != 2 or slopes.shape[1] != x.shape[1] or not len(slopes):
        raise InputError(
            f"gradients and vectors must have as many dimensions, got {slopes.shape} and {x.shape}"
        )
    n, m = shown.shape
    if n != len(x):
        raise InputError(f"{n} rows of activity do not fit {len(x)} vectors")
    if permutations < 19:
        raise InputError(f"permutations must be at least 19, got {permutations}")
    random = generator(seed, "tcav")
    order = np.argsort(random.random((permutations, n)), axis=1)
    total, mean = x.sum(axis=0), slopes.mean(axis=0)
    # Slopes along directions need only where rows lie along the mean slope.
    height = x @ mean
    drawn, whole = np.cumsum(height[order], axis=1), float(height.sum())
    out = np.full((7, m), np.nan)
    for j in range(m):
        rows = shown.indices[shown.indptr[j] : shown.indptr[j + 1]]
        size = len(rows)
        if min(size, n - size) < fewest:
            continue
        own = x[rows].sum(axis=0)
        way = own / size - (total - own) / (n - size)
        sums = np.concatenate([[height[rows].sum()], drawn[:, size - 1]])
        along = sums / size - (whole - sums) / (n - size)
        sides = slopes @ way
        score = (sides > 0).mean() + 0.5 * (sides == 0).mean()
        # Ties up to rounding count against the concept.
        extreme = np.abs(along[1:]) >= np.abs(along[0]) * (1 - 1e-9)
        ends = _wilson(float(score), len(slopes))
        p = (1 + extreme.sum()) / (1 + permutations)
        out[:6, j] = score, *ends, along[0], np.abs(along[1:]).mean(), p
    out[6] = adjusted(out[5])
    return Tcav(*out)


def _wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))
