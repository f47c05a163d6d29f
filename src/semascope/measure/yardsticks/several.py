"""Codes among themselves, and several codings of the same rows: correlation, agreement of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, issparse

from semascope.core import InputError, generator
from semascope.lexicon import unit
from semascope.measure.yardsticks.inputs import Floats, dense_codes

_ALIVE = 1e-9
_OFF = 1e-3
_SPARSE = 0.05


def total_correlation(codes: Any) -> float:
    """Return the total correlation of the codes in nats, as if they were Gaussian.

    ``-1/2 ln det corr(z)`` over codes that vary; 0 if they do not go together. A thousandth of each
    correlation is taken off, so that copies of a code and fewer rows than codes give a number. It
    sees linear dependence only, and too much of it in few rows, by about ``m^2 / 4n``: compare with
    codes whose rows are shuffled one by one. (Shrinking as Ledoit and Wolf do is no way out: of
    sparse codes it leaves nothing.)

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)

    References
    ----------
    Watanabe, "Information theoretical analysis of multivariate correlation", 1960; Chen, Li, Grosse
    and Duvenaud, "Isolating sources of disentanglement in VAEs", 2018 (as a measure of codes).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import total_correlation
    >>> z = np.random.default_rng(0).standard_normal((4000, 2))
    >>> both = np.c_[z[:, 0], 0.6 * z[:, 0] + 0.8 * z[:, 1]]
    >>> round(total_correlation(both), 1)  # -ln(1 - 0.6 ** 2) / 2
    0.2
    """
    x = dense_codes(codes)
    return moments(x - x.mean(axis=0)).total_correlation()


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums of codes and of their products, from which rows can be taken away again.

    Parameters
    ----------
    n : int
        Rows.
    total : ndarray of float64, shape (m,)
    products : ndarray of float64, shape (m, m)
    size : ndarray of float64, shape (m,)
        Sums of squares before rows were taken away: what is left of less than a billionth of that
        is rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.several import moments
    >>> moments(np.eye(2)).less(moments(np.eye(2)[:1])).total.tolist()
    [0.0, 1.0]
    """

    n: int
    total: Floats
    products: Floats
    size: Floats

    def less(self, other: Moments) -> Moments:
        """Return the moments without those rows."""
        return Moments(
            self.n - other.n, self.total - other.total, self.products - other.products, self.size
        )  # fmt: skip

    def total_correlation(self) -> float:
        """Return what `total_correlation` does."""
        covariance = self.products / self.n - np.outer(self.total, self.total) / self.n**2
        variance = np.maximum(np.diagonal(covariance), 0)
        alive = variance > np.maximum(_ALIVE**2, _ALIVE * self.size / self.n)
        spread = np.sqrt(variance)
        if alive.sum() < 2:
            return 0.0
        matrix = (1 - _OFF) * covariance[np.ix_(alive, alive)]
        matrix /= np.outer(spread[alive], spread[alive])
        np.fill_diagonal(matrix, 1.0)
        return float(max(0.0, -0.5 * np.linalg.slogdet(matrix)[1]))


def moments(x: Floats) -> Moments:
    """Add up codes (n, m) and their products; centre them first, to lose no digits.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.several import moments
    >>> moments(np.ones((3, 2))).products.tolist()
    [[3.0, 3.0], [3.0, 3.0]]
    """
    some = csr_array(x) if np.count_nonzero(x) < _SPARSE * x.size else x
    found: Any = some.T @ some
    products = np.asarray(found.toarray() if issparse(found) else found)
    return Moments(len(x), x.sum(axis=0), products, np.diagonal(products))


def udr(codings: Sequence[Any]) -> Floats:
    """Return the unsupervised disentanglement ranking of several codings of the same rows.

    For each pair of runs, R holds the absolute Spearman correlation of their codes; a code counts
    by ``max^2 / sum`` of its correlations, which is 1 if exactly one code of the other run is its
    counterpart. A run's score is the median over its pairs with others. Codes that never vary are
    left out.

    Parameters
    ----------
    codings : sequence of codes, each of shape (n, m_i)
        From other seeds; two or more.

    Returns
    -------
    ndarray of float64, shape (runs,)
        From 0 to 1. What unrelated codes of this shape reach depends on their number: shuffle the
        rows of one coding to learn it.

    References
    ----------
    Duan et al., "Unsupervised model selection for variational disentangled representation
    learning", 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import udr
    >>> z = np.linalg.qr(np.random.default_rng(0).standard_normal((400, 3)))[0]
    >>> bool(udr([z, -3 * z[:, ::-1]]).min() > 0.8)
    True
    """
    return udr_of_ranks(ranked(codings))


def ranked(codings: Sequence[Any]) -> list[Floats]:
    """Return the ranks of each code of several codings of the same rows.

    Examples
    --------
    >>> from semascope.measure.yardsticks.several import ranked
    >>> ranked([[[5], [7]], [[0], [0]]])[1].tolist()
    [[1.5], [1.5]]
    """
    from scipy.stats import rankdata

    if len(codings) < 2:
        raise InputError("agreement between runs needs two codings or more")
    found: list[Floats] = []
    for coding in codings:
        found.append(rankdata(dense_codes(coding), axis=0))
        if len(found[-1]) != len(found[0]):
            raise InputError(f"codings have {len(found[0])} and {len(found[-1])} rows")
    return found


def udr_of_ranks(ranks: Sequence[Floats]) -> Floats:
    """Return `udr` from ranks; those of some rows may be ranks among all.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.several import udr_of_ranks
    >>> udr_of_ranks([np.eye(4)[:, :1], np.eye(4)[:, :1]])
    array([1., 1.])
    """
    units: list[Floats] = []
    for table in ranks:
        centred = table - table.mean(axis=0)
        length = np.linalg.norm(centred, axis=0)
        units.append(centred[:, length > _ALIVE] / length[length > _ALIVE])
    pairs = np.full((len(units), len(units)), np.nan)
    for a, b in combinations(range(len(units)), 2):
        pairs[a, b] = pairs[b, a] = _pair_score(np.abs(units[a].T @ units[b]))
    return np.asarray(np.nanmedian(pairs, axis=1))


def stability(first: npt.ArrayLike, second: npt.ArrayLike, *, near: float = 0.7) -> float:
    """Return the share of atoms that another fit found as well.

    Atoms are matched one to one at the best total cosine; a match counts from `near` on, as ids of
    concepts do. The share is of the larger dictionary.

    Parameters
    ----------
    first, second : array-like of shape (m, d), (m', d)
        Atoms of two fits to vectors of one encoder.
    near : float, default 0.7

    References
    ----------
    Paulo and Belrose, "Sparse autoencoders trained on the same data learn different features",
    2025.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import stability
    >>> stability(np.eye(3), np.eye(3)[[2, 0, 1]])
    1.0
    """
    return float((matched_cosines(first, second) >= near).mean())


def matched_cosines(first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    """Return the cosine of each atom with its match in another fit; 0 without one.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import matched_cosines
    >>> matched_cosines(np.eye(2), np.eye(2)[:1])
    array([1., 0.])
    """
    from scipy.optimize import linear_sum_assignment

    a, b = np.asarray(first), np.asarray(second)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise InputError(f"atoms must have one length, found shapes {a.shape} and {b.shape}")
    cosine = unit(a) @ unit(b).T
    rows, columns = linear_sum_assignment(-cosine)
    out = np.zeros(max(cosine.shape))
    out[: len(rows)] = cosine[rows, columns]
    return out


def random_stability(m: int, other: int, d: int, *, near: float = 0.7, seed: int = 0) -> float:
    """Return what `stability` is for random atoms of these shapes.

    Examples
    --------
    >>> from semascope.measure.yardsticks.several import random_stability
    >>> random_stability(10, 10, 64)
    0.0
    """
    random = generator(seed, "random atoms")
    first, second = random.standard_normal((m, d)), random.standard_normal((other, d))
    return stability(first, second, near=near)


def _pair_score(agreement: Floats) -> float:
    if 0 in agreement.shape:
        return 0.0
    shares = []
    for table in (agreement, agreement.T):
        total = table.sum(axis=1)
        shares.append(np.square(table.max(axis=1)) / np.maximum(total, 1e-12))
    return float(np.concatenate(shares).mean())
