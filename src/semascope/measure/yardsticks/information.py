"""Mutual information between codes and factors, and the measures that are read off it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csc_array, csr_array

from semascope.measure.yardsticks.inputs import (
    Floats,
    Ints,
    as_factors,
    require_rows,
    sparse_codes,
)

BINS = 20
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Shared:
    """Mutual information of each code with each factor, in nats, with their entropies.

    Parameters
    ----------
    mutual : ndarray of float64, shape (m, k)
    codes : ndarray of float64, shape (m,)
        Entropy of each code; 0 where it never varies.
    factors : ndarray of float64, shape (k,)
        Entropy of each factor.

    Examples
    --------
    >>> from semascope.measure.yardsticks import shared_information
    >>> shared_information([[0], [1]], [[0], [1]]).factors.round(3)
    array([0.693])
    """

    mutual: Floats
    codes: Floats
    factors: Floats


def shared_information(codes: Any, factors: Any, *, bins: int = BINS) -> Shared:
    """Measure the mutual information of each code with each factor by counting.

    Codes and continuous factors are cut into `bins` equally wide bins. Counting makes too much of
    few rows, by about ``(bins - 1)(values - 1) / 2n`` nats for a code that fills its bins: look at
    what shuffled factors reach.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    factors : anything `as_factors` takes, n rows
    bins : int, default 20
        As Locatello et al. (2019) have it.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import shared_information
    >>> y = np.arange(8) % 2
    >>> shared_information(np.c_[y, 0 * y], y).mutual.round(3).tolist()
    [[0.693], [0.0]]
    """
    matrix = sparse_codes(codes).tocsc()
    n, m = matrix.shape
    known = as_factors(factors)
    require_rows(n, factors=known)
    levels = known.levels(bins)
    sizes = levels.max(axis=0) + 1
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    held = np.zeros((n, int(sizes.sum())))
    held[np.arange(n)[:, None], levels + starts] = 1
    of_factors = -np.add.reduceat(_plogp(held.mean(axis=0)), starts)
    mutual, of_codes = np.zeros((m, known.k)), np.zeros(m)
    for start in range(0, m, _BLOCK):
        part = slice(start, start + _BLOCK)
        joint = _counts(matrix[:, part], held, bins) / n
        # Every factor's values add up to the rows of a bin; the first factor's do for the code.
        of_codes[part] = -_plogp(joint[..., : sizes[0]].sum(axis=2)).sum(axis=1)
        together = -np.add.reduceat(_plogp(joint).sum(axis=1), starts, axis=1)
        mutual[part] = np.maximum(of_codes[part, None] + of_factors - together, 0)
    mutual[mutual < 1e-12] = 0
    return Shared(mutual, of_codes, of_factors)


def _counts(codes: csc_array, held: Floats, bins: int) -> Floats:
    """Rows by code, bin and value of a factor; what is not stored is zero and has its bin too."""
    n, m = codes.shape
    stored = np.diff(codes.indptr)
    column = np.repeat(np.arange(m), stored)
    low, high = (np.where(stored < n, 0.0, end) for end in (np.inf, -np.inf))
    np.minimum.at(low, column, codes.data)
    np.maximum.at(high, column, codes.data)
    varies = high > low
    width = np.where(varies, high - low, 1.0)

    def bin_of(values: Floats, of: Ints) -> Ints:
        # Rounded, so that scaling a code by a constant moves no row over an edge.
        share = np.where(varies[of], (values - low[of]) / width[of], 0.0)
        return np.clip(np.floor(np.round(share * bins, 9)), 0, bins - 1).astype(np.int64)

    place = column * bins + bin_of(codes.data.astype(np.float64), column)
    ones = np.ones(len(place))
    joint = (csr_array((ones, (place, codes.indices)), shape=(m * bins, n)) @ held).reshape(
        m, bins, held.shape[1]
    )
    every = np.arange(m)
    joint[every, bin_of(np.zeros(m), every)] += held.sum(axis=0) - joint.sum(axis=1)
    return np.asarray(joint)


def mig(shared: Shared) -> float:
    """Return the mutual information gap.

    ``mean_f (I_1f - I_2f) / H(f)``, of the two codes that know most about a factor. 1 if each
    factor has a code of its own and no other code knows of it; a duplicate makes it 0.

    References
    ----------
    Chen, Li, Grosse and Duvenaud, "Isolating sources of disentanglement in VAEs", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import mig, shared_information
    >>> y = np.arange(8) % 2
    >>> round(mig(shared_information(np.c_[y, 0 * y], y)), 6)
    1.0
    """
    ordered = np.sort(normalised(shared), axis=0)[::-1]
    second = ordered[1] if len(ordered) > 1 else 0.0
    return float((ordered[0] - second).mean())


def modularity(shared: Shared) -> float:
    """Return modularity: how far each code knows of one factor only.

    ``mean_j 1 - sum_{f != f*} I_jf^2 / (I_jf*^2 (k - 1))``; a code that knows nothing counts 0.

    References
    ----------
    Ridgeway and Mozer, "Learning deep disentangled embeddings with the F-statistic loss", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import Shared, modularity
    >>> mutual = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])  # the third code is dead
    >>> round(modularity(Shared(mutual, np.ones(3), np.ones(2))), 3)
    0.667
    """
    squared = np.square(shared.mutual)
    most = squared.max(axis=1)
    knows = most > 0
    rest = squared[knows].sum(axis=1) - most[knows]
    scores = 1 - rest / (most[knows] * max(1, squared.shape[1] - 1))
    return float(scores.sum() / len(squared))


def info_modularity(shared: Shared) -> float:
    """Return InfoM: the largest share of a code's normalised information, over chance.

    ``(mean_j max_f N_jf / sum_f N_jf - 1/k) / (1 - 1/k)`` with ``N = I / H(f)``, over codes that
    know anything.

    References
    ----------
    Hsu, Dorrell, Whittington, Wu and Finn, "Disentanglement via latent quantization", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import Shared, info_modularity
    >>> info_modularity(Shared(np.eye(2), np.ones(2), np.ones(2)))
    1.0
    """
    return _largest_share(normalised(shared))


def info_compactness(shared: Shared) -> float:
    """Return InfoC: the largest share of what codes know of a factor, over chance.

    As `info_modularity` with codes and factors in each other's place; codes that know nothing do
    not count.

    References
    ----------
    Hsu, Dorrell, Whittington, Wu and Finn, "Disentanglement via latent quantization", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import Shared, info_compactness
    >>> info_compactness(Shared(np.ones((2, 1)), np.ones(2), np.ones(1)))
    0.0
    """
    normal = normalised(shared)
    return _largest_share(normal[normal.sum(axis=1) > 0].T)


def normalised(shared: Shared) -> Floats:
    """Return mutual information by the entropy of each factor that varies, shape (m, k).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import Shared
    >>> from semascope.measure.yardsticks.information import normalised
    >>> normalised(Shared(np.ones((1, 2)), np.ones(1), np.array([2.0, 0.0])))
    array([[0.5]])
    """
    varies = shared.factors > 0
    return np.asarray(shared.mutual[:, varies] / shared.factors[varies])


def _largest_share(table: Floats) -> float:
    total = table.sum(axis=1)
    if not (total > 0).any():
        return 0.0
    if table.shape[1] == 1:
        return 1.0
    chance = 1 / table.shape[1]
    share = table[total > 0].max(axis=1) / total[total > 0]
    return float((share.mean() - chance) / (1 - chance))


def _plogp(p: Floats) -> Floats:
    return np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0.0)
