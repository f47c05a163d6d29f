"""Disentanglement, completeness, informativeness: who is needed to predict whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array

from semascope.core import InputError, generator
from semascope.measure.yardsticks.inputs import Factors, Floats, Ints, codes_and_factors

_TREES = 30
_ALL_CODES = 64
_LEAF = 5
_MOST_ROWS = 2000
# Share of codes that are not 0.
_SPARSE = 0.1


def importances(codes: Any, factors: Any, *, seed: int = 0) -> Floats:
    """Return how much each code counts when a forest predicts each factor, shape (m, k).

    The trees are extremely randomised: a split takes the best of one random cut a code, where a
    random forest tries every cut of every code, which takes several times as long on codes that
    are not sparse. Every split looks at all codes while there are at most 64, and at an eighth of
    them (at least 64) beyond, and every tree at 2,000 rows at most.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    factors : anything `as_factors` takes, n rows
    seed : int
        The forest.

    References
    ----------
    Eastwood and Williams, "A framework for the quantitative evaluation of disentangled
    representations", 2018; Geurts, Ernst and Wehenkel, "Extremely randomized trees", 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import importances
    >>> y = np.arange(40) % 2
    >>> importances(np.c_[y, 0 * y], y)[:, 0].tolist()
    [1.0, 0.0]
    """
    x, known = codes_and_factors(codes, factors)
    return np.stack([forest.feature_importances_ for forest in _forests(x, known, seed)], axis=1)


def disentanglement(importance: npt.ArrayLike) -> float:
    """Return D: how far each code counts for one factor only, weighted by what it counts for.

    ``sum_j rho_j (1 - H_k(R_j / sum R_j))``, entropies to the base of the number of factors.

    Parameters
    ----------
    importance : array-like of shape (m, k)
        Not negative.

    References
    ----------
    Eastwood and Williams, 2018.

    Examples
    --------
    >>> from semascope.measure.yardsticks import disentanglement
    >>> disentanglement([[1, 0], [0, 1], [0, 0]])
    1.0
    """
    table = _checked(importance)
    if table.shape[1] < 2:
        raise InputError("disentanglement needs two factors or more: with one, nothing can mix")
    total = table.sum(axis=1)
    used = total > 0
    return float((_evenness(table[used]) * total[used]).sum() / total.sum())


def completeness_of(importance: npt.ArrayLike) -> float:
    """Return C: how far each factor is predicted by one code only, the mean over factors.

    ``mean_f 1 - H_m(R_f / sum R_f)``, entropies to the base of the number of codes.

    Parameters
    ----------
    importance : array-like of shape (m, k)
        Not negative.

    References
    ----------
    Eastwood and Williams, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import completeness_of
    >>> twice = np.repeat(np.eye(5), 2, axis=0)  # ten codes, two for each of five factors
    >>> bool(np.isclose(completeness_of(twice), 1 - np.log(2) / np.log(10)))
    True
    """
    table = _checked(importance)
    if len(table) < 2:
        raise InputError("completeness needs two codes or more: with one, nothing can spread")
    found = table.sum(axis=0) > 0
    return float(_evenness(table.T[found]).sum() / table.shape[1])


def informativeness(
    codes: Any,
    factors: Any,
    *,
    train: Ints,
    test: Ints,
    seed: int = 0,
) -> Floats:
    """Return how well a forest predicts each factor on rows it has not seen, shape (test rows, k).

    A row of a discrete factor scores 1 if it is right and 0 if not; a row of a continuous one
    ``1 - (error / deviation)^2``, whose mean is R2. Means over rows are the I of DCI.

    Parameters
    ----------
    codes, factors, seed
        As in `importances`.
    train, test : ndarray of int64
        Rows to fit on and to score.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import informativeness
    >>> y = np.arange(40) % 2
    >>> rows = np.arange(40)
    >>> float(informativeness(y[:, None], y, train=rows[:20], test=rows[20:]).mean())
    1.0
    """
    return taught_and_tested(codes, factors, train=train, test=test, seed=seed)[1]


def taught_and_tested(
    codes: Any, factors: Any, *, train: Ints, test: Ints, seed: int = 0
) -> tuple[Floats, Floats]:
    """Return `importances` on `train` and `informativeness` of the same forests, fitted once.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.dci import taught_and_tested
    >>> y, rows = np.arange(40) % 2, np.arange(40)
    >>> found = taught_and_tested(np.c_[y, y], y, train=rows[:20], test=rows[20:])
    >>> [table.shape for table in found]
    [(2, 1), (20, 1)]
    """
    x, known = codes_and_factors(codes, factors)
    learned, tested = known.take(train), known.take(test)
    asked = x[test].astype(np.float32)
    importance, out = np.empty((x.shape[1], known.k)), np.empty((len(test), known.k))
    for f, forest in enumerate(_forests(x[train], learned, seed)):
        importance[:, f] = forest.feature_importances_
        said, truth = forest.predict(asked), tested.values[:, f]
        if known.discrete[f]:
            out[:, f] = said == truth
        else:
            spread = max(float(np.square(truth - learned.values[:, f].mean()).mean()), 1e-12)
            out[:, f] = 1 - np.square(said - truth) / spread
    return importance, out


def _forests(x: Floats, factors: Factors, seed: int) -> Iterator[Any]:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    m = x.shape[1]
    options = {
        "n_estimators": _TREES,
        "max_features": m if m <= _ALL_CODES else max(_ALL_CODES, m // 8),
        "bootstrap": True,
        "max_samples": min(len(x), _MOST_ROWS),
        "min_samples_leaf": min(_LEAF, max(1, len(x) // 50)),
    }
    # The trees are the same, and made sooner where most codes are 0.
    sparse = np.count_nonzero(x) < _SPARSE * x.size
    taught = csc_array(x, dtype=np.float32) if sparse else x.astype(np.float32)
    for f in range(factors.k):
        options["random_state"] = int(generator(seed, "forest", f).integers(2**31))
        if factors.discrete[f]:
            target = factors.values[:, f].astype(np.int64)
            yield ExtraTreesClassifier(**options).fit(taught, target)
        else:
            yield ExtraTreesRegressor(**options).fit(taught, factors.values[:, f])


def _evenness(table: Floats) -> Floats:
    shares = table / table.sum(axis=1, keepdims=True)
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1)
    return np.asarray(1 - entropy / np.log(table.shape[1]))


def _checked(importance: npt.ArrayLike) -> Floats:
    table = np.asarray(importance, dtype=np.float64)
    if table.ndim != 2 or (table < 0).any() or not table.sum() > 0:
        raise InputError(
            f"importances must be (codes, factors), not negative, not all zero; got {table.shape}"
        )
    return table
