"""The best single concept for each label, chosen on some rows and tested on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array

from semascope.core import Codes, InputError


@dataclass(frozen=True)
class LabelMatch:
    """The concept that tells one label best.

    Parameters
    ----------
    label : str
        The label.
    latent : int
        Latent with the highest F1 on the rows for choosing.
    threshold : float
        Activation from which on the latent says *yes*, chosen on the same rows.
    f1 : float
        F1 on the rows for testing.
    f1_chosen : float
        F1 on the rows for choosing, optimistic.
    n : int
        Rows with the label among those for testing.

    Examples
    --------
    >>> from semascope.measure import LabelMatch
    >>> LabelMatch("fees", 3, 0.5, 0.8, 0.9, 40).f1
    0.8
    """

    label: str
    latent: int
    threshold: float
    f1: float
    f1_chosen: float
    n: int


def best_concepts(
    codes: Any,
    labels: npt.NDArray[np.bool_],
    names: Sequence[str],
    *,
    choose: npt.NDArray[np.int64],
    test: npt.NDArray[np.int64],
) -> list[LabelMatch]:
    """Find for each label the single latent and threshold with the best F1.

    Choosing and testing on the same rows, or ranking by AUROC, makes random directions look good;
    so latent and threshold come from `choose` and the F1 from `test`.

    Parameters
    ----------
    codes : Codes, sparse matrix or ndarray, shape (n, m)
        Non-negative activations; rows at zero never say *yes*.
    labels : ndarray of bool, shape (n, c)
        Which rows have which label.
    names : sequence of str
        The labels.
    choose, test : ndarray of int64
        Rows for choosing (*discover* and *name*) and for testing (*verify*).

    References
    ----------
    Gao et al., "Scaling and evaluating sparse autoencoders", 2024 (one-latent probes).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure import best_concepts
    >>> codes = np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 2.5], [3.0, 0.0]])
    >>> labels = np.array([[True], [False], [True], [False]])
    >>> best_concepts(codes, labels, ["a"], choose=np.array([0, 1]), test=np.array([2, 3]))[0].f1
    1.0
    """
    matrix = csc_array(codes.to_scipy() if isinstance(codes, Codes) else codes)
    if matrix.shape[0] != len(labels) or labels.shape[1] != len(names):
        raise InputError(
            f"codes have {matrix.shape[0]} rows, labels have shape {labels.shape} for "
            f"{len(names)} names"
        )
    chosen, tested = matrix[choose].tocsc(), matrix[test].tocsc()
    y, y_test = labels[choose], labels[test]
    total = y.sum(axis=0)
    best = np.full(len(names), -1.0)
    latent = np.zeros(len(names), dtype=np.int64)
    level = np.full(len(names), np.inf)
    for j in range(matrix.shape[1]):
        rows, values = _positive(chosen, j)
        if not len(rows):
            continue
        order = np.argsort(-values, kind="stable")
        values = values[order]
        right = np.cumsum(y[rows[order]], axis=0)
        f1 = 2 * right / (np.arange(1, len(rows) + 1)[:, None] + total)
        f1[:-1][values[:-1] == values[1:]] = -1  # rows at one value come together
        top = f1.argmax(axis=0)
        score = f1[top, np.arange(len(names))]
        better = score > best
        best[better], latent[better], level[better] = score[better], j, values[top[better]]
    out = []
    for c, name in enumerate(names):
        rows, values = _positive(tested, int(latent[c]))
        said = rows[values >= level[c]]
        hits = float(y_test[said, c].sum())
        f1_test = 2 * hits / max(1.0, len(said) + float(y_test[:, c].sum()))
        n = int(y_test[:, c].sum())
        out.append(LabelMatch(name, int(latent[c]), float(level[c]), f1_test, float(best[c]), n))
    return out


def _positive(matrix: csc_array, j: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    span = slice(matrix.indptr[j], matrix.indptr[j + 1])
    rows, values = matrix.indices[span], matrix.data[span]
    return rows[values > 0], values[values > 0]
