"""Linear probes: what can be read off vectors or codes, fitted on some rows, used on others."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from semascope.core import generator
from semascope.measure.yardsticks.inputs import Bools, Floats, Ints

# Inverse strengths of the penalty that are tried, on inputs of unit variance.
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
_TRIED, _MOST_TRIED = 4, 2000
# Below this share of entries that are not 0, a sparse matrix is faster.
_SPARSE = 0.2
_RIDGE = (1e-3, 1e-1, 1e1, 1e3)


@dataclass(frozen=True, eq=False)
class Probe:
    """A linear classifier: scores are ``x @ weights.T + bias``, one column a value.

    Parameters
    ----------
    values : ndarray of int64, shape (c,)
        What can be said, ascending; of two, scores are of the second.
    weights : ndarray of float64, shape (c, d) or (1, d)
    bias : ndarray of float64, shape (c,) or (1,)

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import fit_probe
    >>> probe = fit_probe(np.array([[0.0], [1.0], [0.1], [0.9]] * 5), np.array([0, 1, 0, 1] * 5))
    >>> probe.predict(np.array([[0.2], [0.8]])).tolist()
    [0, 1]
    """

    values: Ints
    weights: Floats
    bias: Floats

    def scores(self, x: Floats) -> Floats:
        """Return scores (n, c), or (n, 1) for two values."""
        return np.asarray(x @ self.weights.T + self.bias)

    def probabilities(self, x: Floats) -> Floats:
        """Return probabilities (n, c), two columns for two values."""
        from scipy.special import expit, softmax

        scores = self.scores(x)
        if scores.shape[1] == 1:
            return np.concatenate([expit(-scores), expit(scores)], axis=1)
        return np.asarray(softmax(scores, axis=1))

    def predict(self, x: Floats) -> Ints:
        """Return the likeliest value of each row."""
        scores = self.scores(x)
        best = scores[:, 0] > 0 if scores.shape[1] == 1 else scores.argmax(axis=1)
        return np.asarray(self.values[best.astype(np.int64)])


@contextmanager
def quiet_fits() -> Iterator[None]:
    """Keep silent about fits that stop before they converge: their settings are validated.

    Examples
    --------
    >>> from semascope.measure.yardsticks.probes import quiet_fits
    >>> with quiet_fits():
    ...     pass
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        yield


def fit_probe(x: Floats, y: Any, *, strength: float | None = None, seed: int = 0) -> Probe:
    """Fit a logistic probe; the strength of its penalty is chosen on a quarter of the rows.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    y : array-like of int or bool, shape (n,)
        Two or more values.
    strength : float, optional
        Inverse strength of the L2 penalty on inputs of unit variance.
    seed : int
        The quarter.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import fit_probe
    >>> fit_probe(np.array([[0.0], [1.0]] * 10), [0, 1] * 10, strength=1.0).weights[0, 0] > 0
    np.True_
    """
    y = np.asarray(y).astype(np.int64)
    if strength is None:
        strength = choose_strength(x, [y], seed=seed)
    values = np.unique(y)
    if len(values) == 1:
        return Probe(values, np.zeros((1, x.shape[1])), np.full(1, -np.inf))
    scale = x.std(axis=0)
    scale = np.where(scale > 1e-12, scale, 1.0)
    sparse = np.count_nonzero(x) < _SPARSE * x.size
    # The intercept has no penalty, so that centring changes the road to the optimum only.
    mean = np.zeros(x.shape[1]) if sparse else x.mean(axis=0)
    scaled = csr_array(x / scale) if sparse else (x - mean) / scale
    model = _logistic(strength).fit(scaled, y)
    weights = np.asarray(model.coef_, dtype=np.float64) / scale
    return Probe(values, weights, np.asarray(model.intercept_ - weights @ mean))


def choose_strength(x: Floats, targets: list[Ints], *, seed: int = 0) -> float:
    """Return the inverse penalty with the least log-loss on a quarter of the rows.

    Of many targets the first few decide for all, and of many rows 2,000.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.probes import choose_strength
    >>> choose_strength(np.array([[0.0], [1.0]] * 20), [np.array([0, 1] * 20)]) >= 1
    True
    """
    from sklearn.metrics import log_loss

    order = generator(seed, "probe").permutation(len(x))[:_MOST_TRIED]
    held, kept = order[: len(order) // 4], order[len(order) // 4 :]
    losses = np.zeros(len(STRENGTHS))
    for y in targets[:_TRIED]:
        known = np.unique(y[kept])
        inside = held[np.isin(y[held], known)]
        if len(known) < 2 or not len(inside):
            continue
        for s, strength in enumerate(STRENGTHS):
            probe = fit_probe(x[kept], y[kept], strength=strength)
            losses[s] += log_loss(y[inside], probe.probabilities(x[inside]), labels=known)
    return STRENGTHS[int(losses.argmin())] if losses.any() else 1.0


def ridge(x: Floats, y: Floats, *, penalty: float | None = None) -> tuple[Floats, Floats]:
    """Fit all columns of `y` at once by penalised least squares; weights (d, c) and bias (c,).

    Its directions are those of linear discriminants, at the cost of one decomposition. The penalty,
    as a share of the mean variance of `x`, is chosen by generalised cross-validation.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.probes import ridge
    >>> weights, bias = ridge(np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]]))
    >>> round(float(weights[0, 0]), 1)
    2.0
    """
    centre, level = x.mean(axis=0), y.mean(axis=0)
    values, vectors = _principal(x - centre)
    inside = vectors.T @ ((x - centre).T @ (y - level))
    if penalty is None:
        penalty = _least_error(values, inside, y - level, x.shape[1])
    weights = vectors @ (inside / (values + penalty * _unit(values, x.shape[1]))[:, None])
    return weights, level - centre @ weights


def ridge_penalty(x: Floats, y: Floats) -> float:
    """Return the penalty that `ridge` chooses.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.probes import ridge_penalty
    >>> ridge_penalty(np.arange(9.0)[:, None], np.arange(9.0)[:, None])
    0.001
    """
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    values, vectors = _principal(a)
    return _least_error(values, vectors.T @ (a.T @ b), b, x.shape[1])


def aurocs_of(scores: Floats, truth: Bools) -> Floats:
    """Return the AUROC of each column; not a number where a label has no rows or all of them.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.probes import aurocs_of
    >>> aurocs_of(np.array([[1.0], [2.0]]), np.array([[False], [True]]))
    array([1.])
    """
    from scipy.stats import rankdata

    positive = truth.sum(axis=0).astype(np.float64)
    pairs = positive * (len(truth) - positive)
    ranks = rankdata(scores, axis=0)
    wins = (ranks * truth).sum(axis=0) - positive * (positive + 1) / 2
    return np.where(pairs > 0, wins / np.maximum(pairs, 1), np.nan)


def _logistic(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=100, tol=1e-3)


def _principal(a: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues (k,) and eigenvectors (d, k) of the products of centred columns."""
    if len(a) >= a.shape[1]:
        values, vectors = np.linalg.eigh(a.T @ a)
        return np.maximum(values, 0), vectors
    # Fewer rows than columns: the same axes from the smaller matrix.
    values, rows = np.linalg.eigh(a @ a.T)
    kept = values > 1e-10 * max(float(values[-1]), 1e-12)
    return values[kept], a.T @ (rows[:, kept] / np.sqrt(values[kept]))


def _unit(values: Floats, d: int) -> float:
    return max(float(values.sum()) / d, 1e-12)


def _least_error(values: Floats, inside: Floats, b: Floats, d: int) -> float:
    """Penalty with the least generalised cross-validation error, over all columns."""
    total, n = float(np.square(b).sum()), len(b)
    scores = []
    for share in _RIDGE:
        shrunk = 1 / (values + share * _unit(values, d))
        fit = inside * shrunk[:, None]
        rest = total - 2 * (inside * fit).sum() + (values[:, None] * np.square(fit)).sum()
        free = max(n - 1 - float((values * shrunk).sum()), 1.0)
        scores.append(rest / free**2)
    return _RIDGE[int(np.argmin(scores))]
