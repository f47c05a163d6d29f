"""What codes that stand for concepts know of other concepts: oracle and niche impurity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from semascope.core import InputError
from semascope.measure.yardsticks.inputs import Bools, Floats, Ints, codes_and_labels
from semascope.measure.yardsticks.probes import aurocs_of, ridge_penalty

_NICHES = 10


def stand_ins(codes: Any, labels: Any) -> Ints:
    """Return for each label a code of its own, at the best total absolute correlation.

    Examples
    --------
    >>> from semascope.measure.yardsticks import stand_ins
    >>> stand_ins([[0, 1], [1, 0], [0, 0]], [[True, False], [False, True], [False, False]])
    array([1, 0])
    """
    from scipy.optimize import linear_sum_assignment

    x, truth = codes_and_labels(codes, labels)
    if x.shape[1] < truth.shape[1]:
        raise InputError(f"{x.shape[1]} codes cannot stand for {truth.shape[1]} labels")
    columns, found = linear_sum_assignment(-np.abs(_correlations(x, truth)).T)
    return np.asarray(found[np.argsort(columns)], dtype=np.int64)


def oracle_impurity(codes: Any, labels: Any, *, match: Ints | None = None) -> float:
    """Return OIS: how far codes of concepts predict other concepts better or worse than labels do.

    ``2/c ||A(codes) - A(labels)||_F`` with ``A_ij`` the AUROC with which what stands for concept i
    ranks the rows of concept j. 0 if codes know of other concepts what their label does; 1 at most.
    The paper trains a network for each AUROC; a scalar needs none unless its order is scrambled.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    labels : anything `as_labels` takes, n rows, two labels or more
    match : ndarray of int64, shape (c,), optional
        The code that stands for each label; by default `stand_ins` on the same rows.

    References
    ----------
    Zarlenga et al., "Towards robust metrics for concept representation evaluation", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import oracle_impurity
    >>> y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=bool)
    >>> oracle_impurity(y, y)
    0.0
    """
    x, truth = codes_and_labels(codes, labels)
    c = truth.shape[1]
    if c < 2:
        raise InputError("impurity is about other labels; it needs two or more")
    x = x[:, stand_ins(x, truth) if match is None else match]
    learned, known = _pairwise(x, truth), _pairwise(truth.astype(np.float64), truth)
    inside = np.isfinite(learned) & np.isfinite(known)
    return float(2 / c * np.linalg.norm(np.where(inside, learned - known, 0)))


@dataclass(frozen=True, eq=False)
class Niches:
    """What codes outside a label's niche say about it on held-out rows, by level.

    Parameters
    ----------
    said : ndarray of float64, shape (rows, labels, levels)
    truth : ndarray of bool, shape (rows, labels)

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import Niches
    >>> Niches(np.zeros((4, 1, 2)), np.array([[1], [0], [1], [0]], dtype=bool)).impurity()
    0.5
    """

    said: Floats
    truth: Bools

    def impurity(self, rows: Ints | slice = slice(None)) -> float:
        """Return NIS on some rows."""
        found = [aurocs_of(said, self.truth[rows]) for said in np.moveaxis(self.said[rows], 2, 0)]
        return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def niches(codes: Any, labels: Any, *, train: Ints, test: Ints) -> Niches:
    """Predict each label from codes outside its niche, at each level; see `niche_impurity`.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import niches
    >>> y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 10, dtype=bool)
    >>> niches(y, y, train=np.arange(20), test=np.arange(20, 40)).said.shape
    (20, 2, 10)
    """
    x, truth = codes_and_labels(codes, labels)
    inside = np.abs(_correlations(x[train], truth[train]))
    fits = _Subsets(x[train], truth[train].astype(np.float64))
    said = np.zeros((len(test), truth.shape[1], _NICHES))
    for c in range(truth.shape[1]):
        before = 0
        for b, level in enumerate((np.arange(_NICHES) + 0.5) / _NICHES):
            outside = np.flatnonzero(inside[:, c] <= level + 1e-9)
            if len(outside) == before:
                said[:, c, b] = said[:, c, b - 1]
            else:
                said[:, c, b] = x[np.ix_(test, outside)] @ fits.weights(outside, c)
            before = len(outside)
    return Niches(said, truth[test])


def niche_impurity(codes: Any, labels: Any, *, train: Ints, test: Ints) -> float:
    """Return NIS: how well a label is predicted from codes outside its niche.

    The niche of a label at level b holds the codes that correlate with it by more than b; from all
    others the label is predicted (least squares, AUROC on `test`, mean over labels), and the score
    is the mean over b from 0 to 1. 0.5 if everything about a label lies in codes that equal it.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    labels : anything `as_labels` takes, n rows
    train, test : ndarray of int64
        Rows to fit on and to score. The penalty is chosen once, for all codes.

    References
    ----------
    Zarlenga et al., "Towards robust metrics for concept representation evaluation", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import niche_impurity
    >>> y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 10, dtype=bool)
    >>> rows = np.arange(40)
    >>> round(niche_impurity(y, y, train=rows[:20], test=rows[20:]), 2)
    0.5
    """
    return niches(codes, labels, train=train, test=test).impurity()


class _Subsets:
    """Penalised least squares from some of the columns; sums of products are made once."""

    def __init__(self, x: Floats, y: Floats) -> None:
        a = x - x.mean(axis=0)
        self._products, self._against = a.T @ a, a.T @ (y - y.mean(axis=0))
        self._penalty = ridge_penalty(x, y) * max(float(np.trace(self._products)) / len(a.T), 1e-12)
        self._of_all: Floats | None = None

    def weights(self, columns: Ints, c: int) -> Floats:
        from scipy.linalg import cho_factor, cho_solve

        def solved(some: Any, against: Floats) -> Floats:
            part = some + self._penalty * np.eye(len(some))
            return np.asarray(cho_solve(cho_factor(part, overwrite_a=True), against))

        if len(columns) == len(self._products):
            if self._of_all is None:
                self._of_all = solved(self._products, self._against)
            return np.asarray(self._of_all[:, c])
        return solved(self._products[np.ix_(columns, columns)], self._against[columns, c])


def _correlations(x: Floats, truth: Bools) -> Floats:
    a, b = x - x.mean(axis=0), truth - truth.mean(axis=0)
    length = np.outer(np.linalg.norm(a, axis=0), np.linalg.norm(b, axis=0))
    return np.asarray(np.where(length > 1e-12, a.T @ b / np.maximum(length, 1e-12), 0.0))


def _pairwise(x: Floats, truth: Bools) -> Floats:
    """AUROC of each column for each label, whichever way round."""
    from scipy.stats import rankdata

    positive = truth.sum(axis=0).astype(np.float64)
    pairs = positive * (len(truth) - positive)
    wins = rankdata(x, axis=0).T @ truth - positive * (positive + 1) / 2
    out = np.where(pairs > 0, wins / np.maximum(pairs, 1), np.nan)
    return np.asarray(np.maximum(out, 1 - out))
