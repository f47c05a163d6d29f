"""How much of what vectors tell about an outcome a set of concepts tells, and each one's share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from semascope.core import InputError, as_vectors, generator
from semascope.measure.yardsticks.inputs import Floats, Ints, dense_codes, require_rows

_PENALTY = 1e-3


@dataclass(frozen=True, eq=False)
class Complete:
    """Whether a linear model is right, by concepts and by vectors.

    Parameters
    ----------
    by_concepts, by_vectors : ndarray of bool, shape (test rows,)
        Whether the row is right.
    truth : ndarray of int64, shape (test rows,)
        Its class, from 0.
    n_classes : int
        A guess is right once in so many rows, as accuracy is balanced over classes.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import Complete
    >>> y = np.array([0, 0, 1, 1])
    >>> Complete(y == 0, y >= 0, y, 2).score()
    0.0
    """

    by_concepts: Any
    by_vectors: Any
    truth: Ints
    n_classes: int

    def score(self, rows: Ints | slice = slice(None)) -> float:
        """Return completeness: 1 as good as the vectors, 0 as good as a guess."""
        truth = self.truth[rows]
        chance = 1 / self.n_classes
        whole = balanced_accuracy(self.by_vectors[rows], truth)
        reached = balanced_accuracy(self.by_concepts[rows], truth)
        return (reached - chance) / (whole - chance) if whole > chance else float("nan")


def completeness(concepts: Any, outcome: Any, vectors: Any, *, train: Ints, test: Ints) -> Complete:
    """Measure how much of what vectors tell about an outcome the concepts tell, over chance.

    ``(a(concepts) - 1/c) / (a(vectors) - 1/c)`` with a the balanced accuracy on *test* of linear
    discriminants fitted on *train*, classes weighted alike and a thousandth of the mean variance
    added to that within classes. The paper subtracts the accuracy of a random guess and leaves
    open which; without that, ten concepts that say nothing about ten classes would be "complete" to
    some degree, and with plain accuracy so would a constant.

    Parameters
    ----------
    concepts : Codes, sparse matrix or array of shape (n, m)
    outcome : array-like of shape (n,)
        A class each.
    vectors : anything `as_vectors` takes, n rows
    train, test : ndarray of int64

    References
    ----------
    Yeh, Kim, Arik, Li, Pfister and Ravikumar, "On completeness-aware concept-based explanations in
    deep neural networks", 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import completeness
    >>> y, rows = np.arange(40) % 2, np.arange(40)
    >>> x = np.c_[y, 1 - y]
    >>> completeness(0 * x, y, x, train=rows[:20], test=rows[20:]).score()
    0.0
    """
    z, x = dense_codes(concepts), np.asarray(as_vectors(vectors), dtype=np.float64)
    values, classes = np.unique(np.asarray(outcome), return_inverse=True)
    require_rows(len(z), vectors=x, outcome=classes)
    if len(values) < 2:
        raise InputError("the outcome has one value only; there is nothing to predict")
    truth = classes[test]
    return Complete(
        _discriminants(z, classes, train).decide(z[test]) == truth,
        _discriminants(x, classes, train).decide(x[test]) == truth,
        truth,
        len(values),
    )


def completeness_shares(
    concepts: Any,
    outcome: Any,
    vectors: Any,
    *,
    train: Ints,
    test: Ints,
    names: Sequence[str] | None = None,
    permutations: int = 100,
    seed: int = 0,
) -> pl.DataFrame:
    """Divide completeness among concepts: what is lost without each, and its Shapley share.

    Parameters
    ----------
    concepts : Codes, sparse matrix or array of shape (n, m)
        As many as people look at, some 30; each permutation fits m models.
    outcome, vectors, train, test
        As in `completeness`.
    names : sequence of str, optional
        One a concept.
    permutations : int, default 100
        Orders that Shapley values are averaged over.
    seed : int
        These orders.

    Returns
    -------
    polars.DataFrame
        ``concept``, ``left_out`` (completeness lost without it; 0 for one of two copies),
        ``shapley`` and its standard error ``error``, strongest first. Shapley values add up to the
        completeness of all.

    References
    ----------
    Yeh et al., 2020 (ConceptSHAP); Castro, Gómez and Tejada, "Polynomial calculation of the Shapley
    value based on sampling", 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import completeness_shares
    >>> y, rows = np.arange(40) % 2, np.arange(40)
    >>> table = completeness_shares(
    ...     np.c_[y, 0 * y], y, np.c_[y, 1 - y], train=rows[:20], test=rows[20:], permutations=4
    ... )
    >>> table["shapley"].to_list()
    [1.0, 0.0]
    """
    z, x = dense_codes(concepts), np.asarray(as_vectors(vectors), dtype=np.float64)
    values, classes = np.unique(np.asarray(outcome), return_inverse=True)
    require_rows(len(z), vectors=x, outcome=classes)
    if len(values) < 2 or permutations < 2:
        raise InputError("shares need an outcome of two values or more, and two permutations")
    m, c, truth = z.shape[1], len(values), classes[test]
    names = [str(j) for j in range(m)] if names is None else list(names)
    if len(names) != m:
        raise InputError(f"{m} concepts have {len(names)} names")
    whole = _discriminants(x, classes, train).decide(x[test]) == truth
    span = balanced_accuracy(whole, truth) - 1 / c
    if span <= 0:
        raise InputError("the vectors tell the outcome no better than a guess; nothing to divide")
    fitted, tested = _discriminants(z, classes, train), z[test]
    known: dict[bytes, float] = {}

    def reached(members: Ints) -> float:
        members = np.sort(members)
        if not len(members):
            return 0.0
        key = members.tobytes()
        if key not in known:
            right = fitted.decide(tested[:, members], members) == truth
            known[key] = (balanced_accuracy(right, truth) - 1 / c) / span
        return known[key]

    everyone = np.arange(m)
    total = reached(everyone)
    left_out = [total - reached(np.delete(everyone, j)) for j in range(m)]
    random = generator(seed, "shapley")
    gains = np.zeros((permutations, m))
    for p in range(permutations):
        order = random.permutation(m)
        before = 0.0
        for place, j in enumerate(order):
            after = reached(order[: place + 1])
            gains[p, j], before = after - before, after
    return pl.DataFrame(
        {
            "concept": names,
            "left_out": left_out,
            "shapley": gains.mean(axis=0),
            "error": gains.std(axis=0, ddof=1) / np.sqrt(permutations),
        }
    ).sort("shapley", descending=True, maintain_order=True)


def balanced_accuracy(right: Any, truth: Ints) -> float:
    """Return the mean over classes of the share of rows that are right.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.completeness import balanced_accuracy
    >>> balanced_accuracy(np.array([True, True, False]), np.array([0, 0, 1]))
    0.5
    """
    sizes = np.bincount(truth)
    hits = np.bincount(truth, weights=np.asarray(right, dtype=np.float64))
    return float((hits[sizes > 0] / sizes[sizes > 0]).mean())


@dataclass(frozen=True, eq=False)
class _Discriminants:
    """Linear discriminants of any subset of columns, from moments taken once.

    Classes count alike, whatever their size, as they do in balanced accuracy.
    """

    mean: Floats
    apart: Floats
    within: Floats

    def decide(self, x: Floats, columns: Ints | slice = slice(None)) -> Ints:
        apart, within = self.apart[columns], self.within[columns][:, columns]
        weights = np.linalg.solve(within, apart)
        said = (x - self.mean[columns]) @ weights - (apart * weights).sum(axis=0) / 2
        # A class without training rows has no mean.
        return np.asarray(np.where(np.isnan(said), -np.inf, said).argmax(axis=1))


def _discriminants(x: Floats, classes: Ints, train: Ints) -> _Discriminants:
    mean = x[train].mean(axis=0)
    a, b = x[train] - mean, (classes[train][:, None] == np.arange(classes.max() + 1)) * 1.0
    sums, counts, total = a.T @ b, b.sum(axis=0), a.T @ a
    apart = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    within = (total - sums @ np.nan_to_num(apart).T) / len(train)
    unit = max(float(np.trace(total)) / total.size**0.5 / len(train), 1e-12)
    within[np.diag_indices(len(within))] += _PENALTY * unit
    return _Discriminants(mean, apart, within)
