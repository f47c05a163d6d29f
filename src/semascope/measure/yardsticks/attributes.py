"""What single codes say about factors: separated attribute predictability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.measure.yardsticks.information import shared_information
from semascope.measure.yardsticks.inputs import Factors, Floats, Ints, codes_and_factors


@dataclass(frozen=True, eq=False)
class Attributed:
    """What single codes say about each factor on held-out rows, to be scored on any of them.

    Parameters
    ----------
    factors : Factors
        The truth on these rows.
    latents : tuple of ndarray of int64
        A factor each: the codes that were asked.
    right : tuple of ndarray
        A factor each, (rows, codes): whether a code is right, or its squared error if continuous.
    mean : ndarray of float64, shape (k,)
        Of each factor on the rows that were fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import attribute
    >>> y, rows = np.arange(8) % 2, np.arange(8)
    >>> attribute(np.c_[y, 0 * y], y, train=rows[:4], test=rows[4:], most=1).latents[0].tolist()
    [0]
    """

    factors: Factors
    latents: tuple[Ints, ...]
    right: tuple[npt.NDArray[Any], ...]
    mean: Floats

    def scores(self, rows: Ints | slice = slice(None)) -> Floats:
        """Return how well each asked code predicts each factor, shape (asked codes, k)."""
        return np.stack([self._score(f, rows) for f in range(self.factors.k)], axis=1)

    def _score(self, f: int, rows: Ints | slice) -> Floats:
        truth, right = self.factors.values[rows, f], self.right[f][rows]
        if not self.factors.discrete[f]:
            spread = max(float(np.square(truth - self.mean[f]).sum()), 1e-12)
            return np.asarray(np.maximum(1 - right.sum(axis=0, dtype=np.float64) / spread, 0))
        values, place = np.unique(truth, return_inverse=True)
        held = (place[:, None] == np.arange(len(values))).astype(np.float32)
        return np.asarray((held.T @ right / held.sum(axis=0)[:, None]).mean(axis=0))


def attribute(
    codes: Any, factors: Any, *, train: Ints, test: Ints, most: int | None = None
) -> Attributed:
    """Fit each code alone to each factor on `train`, and use it on `test`.

    Continuous: a line. Discrete: a small tree with as many leaves as the factor has values, of
    balanced classes; for two values that is a threshold, as in the paper.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    factors : anything `as_factors` takes, n rows
    train, test : ndarray of int64
    most : int, optional
        Ask only so many codes a factor, those that share most information with it on `train`; the
        two best are among them in all but odd cases, and trees are what takes time.

    References
    ----------
    Kumar, Sattigeri and Balakrishnan, "Variational inference of disentangled latent concepts from
    unlabeled observations", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import attribute
    >>> y, rows = np.arange(8) % 2, np.arange(8)
    >>> attribute(np.c_[y, 0 * y], y, train=rows[:4], test=rows[4:]).scores()[:, 0].tolist()
    [1.0, 0.5]
    """
    x, known = codes_and_factors(codes, factors)
    learned, m = known.take(train), x.shape[1]
    order = np.tile(np.arange(m), (known.k, 1))
    if most is not None and most < m:
        mutual = shared_information(x[train], learned).mutual
        order = np.sort(np.argsort(-mutual, axis=0, kind="stable")[:most].T, axis=1)
    right: list[npt.NDArray[Any]] = []
    for f in range(known.k):
        a, b = (x[np.ix_(rows, order[f])] for rows in (train, test))
        y, truth = learned.values[:, f], known.values[test, f]
        if known.discrete[f]:
            right.append(_trees(a, y, b) == truth[:, None])
        else:
            right.append(np.square(_lines(a, y, b) - truth[:, None]))
    return Attributed(known.take(test), tuple(order), tuple(right), learned.values.mean(axis=0))


def attribute_scores(codes: Any, factors: Any, *, train: Ints, test: Ints) -> Floats:
    """Return how well each code alone predicts each factor on held-out rows, shape (m, k).

    Continuous: the share of the variance that a line explains, 0 or more. Discrete: balanced
    accuracy of a small tree, see `attribute`.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import attribute_scores
    >>> y, rows = np.arange(8) % 2, np.arange(8)
    >>> attribute_scores(np.c_[y, 0 * y], y, train=rows[:4], test=rows[4:])[:, 0].tolist()
    [1.0, 0.5]
    """
    return attribute(codes, factors, train=train, test=test).scores()


def sap(scores: Floats) -> float:
    """Return the separated attribute predictability: the gap between the two best codes.

    ``mean_f S_1f - S_2f``; a factor that two codes tell equally well counts 0. Of a discrete factor
    the gap is at most ``1 - 1/values``.

    Parameters
    ----------
    scores : ndarray of float64, shape (m, k)
        As `attribute_scores` gives.

    References
    ----------
    Kumar, Sattigeri and Balakrishnan, "Variational inference of disentangled latent concepts from
    unlabeled observations", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import sap
    >>> sap(np.array([[1.0, 0.5], [0.5, 0.5]]))
    0.25
    """
    ordered = np.sort(scores, axis=0)[::-1]
    second = ordered[1] if len(ordered) > 1 else 0.0
    return float((ordered[0] - second).mean())


def _lines(x: Floats, y: Floats, x_test: Floats) -> Floats:
    centre = x - x.mean(axis=0)
    slope = centre.T @ (y - y.mean()) / np.maximum(np.square(centre).sum(axis=0), 1e-12)
    return np.asarray(y.mean() + (x_test - x.mean(axis=0)) * slope)


def _trees(x: Floats, y: Floats, x_test: Floats) -> Floats:
    from sklearn.tree import DecisionTreeClassifier

    leaves = max(2, len(np.unique(y)))
    out = np.empty(x_test.shape)
    for j in range(x.shape[1]):
        tree = DecisionTreeClassifier(
            max_leaf_nodes=leaves, class_weight="balanced", random_state=0
        ).fit(x[:, j : j + 1], y)
        out[:, j] = tree.predict(x_test[:, j : j + 1])
    return out
