"""Sets of labelled concepts: learned or not, dependent on the data, additive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, as_vectors, generator
from semascope.lexicon import unit
from semascope.measure.yardsticks.inputs import Bools, Floats, Ints, as_labels, require_rows
from semascope.measure.yardsticks.probes import aurocs_of, ridge

_HALVES = 20


def learnability(vectors: Any, labels: Any, *, train: Ints, test: Ints) -> Floats:
    """Return how well linear discriminants of the vectors tell each label, AUROC, shape (c,).

    A concept that is harder to learn than the outcome it should explain explains nothing: compare
    with the same number for the outcome's values.

    Parameters
    ----------
    vectors : anything `as_vectors` takes, shape (n, d)
    labels : anything `as_labels` takes, n rows
    train, test : ndarray of int64

    Returns
    -------
    ndarray of float64, shape (c,)
        Not a number where a label has no test rows, or all.

    References
    ----------
    Ramaswamy, Kim, Fong and Russakovsky, "Overlooked factors in concept-based explanations: dataset
    choice, concept learnability, and human capability", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import learnability
    >>> y, rows = np.arange(40) % 2 == 0, np.arange(40)
    >>> learnability(y[:, None] * 1.0, y[:, None], train=rows[:20], test=rows[20:])
    array([1.])
    """
    said, truth = learned_scores(vectors, labels, train=train, test=test)
    return aurocs_of(said, truth)


def learned_scores(vectors: Any, labels: Any, *, train: Ints, test: Ints) -> tuple[Floats, Bools]:
    """Return what discriminants say about each label on *test*, and the truth, (test rows, c).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.sets import learned_scores
    >>> y, rows = np.arange(40) % 2 == 0, np.arange(40)
    >>> learned_scores(y[:, None] * 1.0, y[:, None], train=rows[:20], test=rows[20:])[0].shape
    (20, 1)
    """
    x, (truth, _) = np.asarray(as_vectors(vectors), dtype=np.float64), as_labels(labels)
    require_rows(len(x), labels=truth)
    weights, bias = ridge(x[train], truth[train].astype(np.float64))
    return np.asarray(x[test] @ weights + bias), truth[test]


def probe_sensitivity(
    vectors: Any, labels: Any, groups: Any, *, names: Sequence[str] | None = None, seed: int = 0
) -> pl.DataFrame:
    """Return how much the direction of each label depends on which rows it is learned from.

    Directions are differences of means, learned in each group of rows (a source, a year, a
    language) alone. How far they lie apart is held against what random groups of the same sizes
    give: few rows make directions differ too.

    Parameters
    ----------
    vectors : anything `as_vectors` takes, shape (n, d)
    labels : anything `as_labels` takes, n rows
    groups : array-like of shape (n,)
        Two groups or more.
    names : sequence of str, optional
        Of the labels.
    seed : int
        Random groups, twenty times.

    Returns
    -------
    polars.DataFrame
        ``label``, ``sensitivity`` (1 - mean cosine between groups), ``null`` (the same for random
        groups), ``p`` (one-sided, at least 1/21) and ``n_groups`` that have rows with and without
        it.

    References
    ----------
    Ramaswamy et al., "Overlooked factors in concept-based explanations", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import probe_sensitivity
    >>> y, group = np.arange(80) % 2 == 0, np.arange(80) % 4 < 2
    >>> x = np.where(group[:, None], np.c_[y, 0 * y], np.c_[0 * y, y])  # another axis in each
    >>> probe_sensitivity(x, y[:, None], group)["sensitivity"].to_list()
    [1.0]
    """
    x = np.asarray(as_vectors(vectors), dtype=np.float64)
    truth, known = as_labels(labels, names)
    found, group = np.unique(np.asarray(groups), return_inverse=True)
    require_rows(len(x), labels=truth, groups=group)
    if len(found) < 2:
        raise InputError("all rows are in one group; sensitivity compares two or more")
    value, used = _apart(x, truth, group, len(found))
    random = generator(seed, "random groups")
    null = np.stack(
        [_apart(x, truth, random.permutation(group), len(found))[0] for _ in range(_HALVES)]
    )
    p = (1 + (null >= value - 1e-12).sum(axis=0)) / (1 + _HALVES)
    some = np.isfinite(null).any(axis=0)
    middle = np.full(len(known), np.nan)
    middle[some] = np.nanmean(null[:, some], axis=0)
    return pl.DataFrame(
        {
            "label": list(known),
            "sensitivity": value,
            "null": middle,
            "p": np.where(np.isfinite(value), p, np.nan),
            "n_groups": used,
        }
    ).fill_nan(None)


def compositionality(
    directions: npt.ArrayLike, vectors: Any, labels: Any, mean: npt.ArrayLike | None = None
) -> Floats:
    """Return per row what the directions of its labels leave unexplained, shape (n,).

    ``min_w ||x - mean - sum_i w_i d_i||^2 / ||x - mean||^2`` over the labels i the row has: 0 if an
    item is a sum of its concepts, 1 if they say nothing about it. Rows without labels score 1.

    Parameters
    ----------
    directions : array-like of shape (c, d)
        One a label: class means, or the atoms that stand for them.
    vectors : anything `as_vectors` takes, shape (n, d)
    labels : anything `as_labels` takes, n rows
    mean : array-like of shape (d,), optional
        By default that of `vectors`.

    References
    ----------
    Stein, Naik, Wu, Naik and Wong, "Towards compositionality in concept learning", 2024 (without
    their normalisation).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import compositionality
    >>> y = np.array([[1, 0], [1, 1]], dtype=bool)
    >>> compositionality(np.eye(2), y * 1.0, y, mean=[0, 0]).round(6)
    array([0., 0.])
    """
    x = np.asarray(as_vectors(vectors), dtype=np.float64)
    basis, (truth, _) = np.asarray(directions, dtype=np.float64), as_labels(labels)
    require_rows(len(x), labels=truth)
    if basis.shape != (truth.shape[1], x.shape[1]):
        raise InputError(
            f"directions {basis.shape} do not fit {truth.shape[1]} labels of vectors {x.shape}"
        )
    x = x - (x.mean(axis=0) if mean is None else np.asarray(mean))
    total = np.square(x).sum(axis=1)
    out = np.ones(len(x))
    held, which = np.unique(truth, axis=0, return_inverse=True)
    for s, members in enumerate(held):
        rows = np.flatnonzero(which == s)
        if not members.any():
            continue
        _, sizes, axes = np.linalg.svd(basis[members], full_matrices=False)
        axes = axes[sizes > 1e-9 * max(float(sizes.max()), 1e-12)]
        inside = np.square(x[rows] @ axes.T).sum(axis=1)
        out[rows] = 1 - inside / np.maximum(total[rows], 1e-12)
    return np.asarray(out)


def mean_directions(vectors: Any, labels: Any) -> Floats:
    """Return for each label the mean of its rows less the mean of the rest, shape (c, d).

    Examples
    --------
    >>> from semascope.measure.yardsticks import mean_directions
    >>> mean_directions([[1.0, 0.0], [0.0, 1.0]], [[True], [False]])
    array([[ 1., -1.]])
    """
    x, (truth, _) = np.asarray(as_vectors(vectors), dtype=np.float64), as_labels(labels)
    require_rows(len(x), labels=truth)
    return _means(x, truth)


def _means(x: Floats, truth: Bools) -> Floats:
    count = truth.sum(axis=0)[:, None]
    inside = truth.T.astype(np.float64) @ x
    rest = x.sum(axis=0) - inside
    return np.asarray(inside / np.maximum(count, 1) - rest / np.maximum(len(x) - count, 1))


def _apart(x: Floats, truth: Bools, group: Ints, k: int) -> tuple[Floats, Ints]:
    axes, usable = [], []
    for g in range(k):
        part = truth[group == g]
        axes.append(unit(_means(x[group == g], part)).astype(np.float64))
        usable.append(part.any(axis=0) & ~part.all(axis=0))
    table, good = np.stack(axes), np.stack(usable)
    cosine = np.einsum("acd,bcd->abc", table, table)
    both = good[:, None] & good[None] & ~np.eye(k, dtype=bool)[:, :, None]
    pairs = both.sum(axis=(0, 1))
    mean = np.where(both, cosine, 0).sum(axis=(0, 1)) / np.maximum(pairs, 1)
    return np.where(pairs > 0, np.round(1 - mean, 9), np.nan), good.sum(axis=0)
