"""How many concepts a linear model over concepts uses: for a class, and for a decision."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError
from semascope.measure.yardsticks.inputs import dense_codes


def effective_concepts(weights: npt.ArrayLike, *, least: float = 0.0) -> float:
    """Return NEC: how many concepts have a weight, the mean over classes.

    Parameters
    ----------
    weights : array-like of shape (classes, m)
    least : float, default 0
        Weights up to this size count as none.

    References
    ----------
    Srivastava, Yan and Weng, "VLG-CBM: training concept bottleneck models with vision-language
    guidance", 2024.

    Examples
    --------
    >>> from semascope.measure.yardsticks import effective_concepts
    >>> effective_concepts([[1, 0, -0.5], [0, 0.3, 0]])
    1.5
    """
    table = np.asarray(weights, dtype=np.float64)
    if table.ndim != 2 or not len(table):
        raise InputError(f"weights must have shape (classes, concepts), found {table.shape}")
    return float((np.abs(table) > least).sum(axis=1).mean())


def contributing_concepts(
    codes: Any, weights: npt.ArrayLike, bias: npt.ArrayLike = 0.0, *, share: float = 0.95
) -> float:
    """Return NCC: how many concepts carry a decision, the mean over rows.

    For the class a row is given, the fewest concepts whose ``|weight x activation|`` add up to
    `share` of the total. A model with few weights may still need all of them for every row, and one
    with many weights few at a time: sparse codes make it so.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    weights : array-like of shape (classes, m)
    bias : array-like of shape (classes,), default 0
    share : float, default 0.95

    References
    ----------
    De Santis, Tong, Brambilla and Kagal, "Learning concept bottleneck models from mechanistic
    explanations", 2026.

    Examples
    --------
    >>> from semascope.measure.yardsticks import contributing_concepts
    >>> contributing_concepts([[3.0, 1.0, 2.0]], [[1, 0, -0.5], [0, 0.3, 0]])
    2.0
    """
    x, table = dense_codes(codes), np.asarray(weights, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != x.shape[1]:
        raise InputError(f"weights have shape {table.shape} for {x.shape[1]} concepts")
    if not 0 < share <= 1:
        raise InputError(f"a share lies between 0 and 1, got {share}")
    chosen = (x @ table.T + np.asarray(bias)).argmax(axis=1)
    parts = -np.sort(-np.abs(x * table[chosen]), axis=1)
    total = np.cumsum(parts, axis=1)
    needed = (total < share * total[:, -1:] * (1 - 1e-12)).sum(axis=1) + 1
    return float(np.where(total[:, -1] > 0, needed, 0).mean())
