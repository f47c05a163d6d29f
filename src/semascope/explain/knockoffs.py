"""False-discovery control for concepts taken together: knockoffs.

Benjamini and Hochberg ask of each concept by itself whether it goes with the outcome. Two concepts
that are often shown together then both count as findings. A knockoff is a copy of a concept's
column that goes with all other columns as the concept does, but was made without the outcome. What
tells more than its knockoff tells something that the other concepts do not.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator

Floats = npt.NDArray[np.float64]

_PENALTIES = 20
_FOLDS = 5
_SWEEPS = 20
# Of more columns a sweep takes minutes; then s stays in proportion to what others do not say.
_MOST_SWEPT = 1000


@dataclass(frozen=True, eq=False)
class Knockoffs:
    """How far each column beats its knockoff.

    Parameters
    ----------
    statistic : ndarray of float64, shape (m,)
        How much larger its coefficient in the lasso is than that of its knockoff.
    q : ndarray of float64, shape (m,)
        The smallest level at which the column is selected; 1 where it never is.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import knockoff_filter
    >>> random = np.random.default_rng(0)
    >>> x = random.standard_normal((300, 30))
    >>> found = knockoff_filter(x, x[:, :12].sum(axis=1) + random.standard_normal(300))
    >>> bool((found.q[:12] <= 0.1).all())
    True
    """

    statistic: Floats
    q: Floats


def knockoff_filter(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    adjust: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    centred: bool = False,
    reference: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Knockoffs:
    """Tell which columns say something about the outcome that the other columns do not.

    Second-order (Gaussian) model-X knockoffs; the statistic is the difference of the lasso's
    coefficients, in size, at the penalty that cross-validation chooses. Knockoffs match means and
    covariances, not whole distributions; with sparse activity the control is approximate, and
    `tests/reference` holds it against shuffled outcomes.

    At level a at least 1/a columns must be selected together, or none: at 0.1 ten, at 0.05 twenty.

    Parameters
    ----------
    x : array-like of shape (n, m)
        Columns.
    y : array-like of shape (n,)
        Outcome as numbers.
    adjust : array-like of shape (n, k), optional
        Covariates; knockoffs are made given them.
    groups : array-like of shape (n,), optional
        Rows of a group are averaged: knockoffs need rows that are independent.
    weights : array-like of shape (n,), optional
        Weights of rows.
    centred : bool, default False
        Rows are differences; their mean is zero as it is.
    reference : array-like of shape (r, m), optional
        More rows without outcome, for the covariance: it is estimated from all.
    seed : int
        Draw of the knockoffs.

    References
    ----------
    Candes, Fan, Janson and Lv, "Panning for gold: model-X knockoffs for high dimensional controlled
    variable selection", 2018, also for the statistic; Barber and Candes, "Controlling the false
    discovery rate via knockoffs", 2015; Gimenez and Zou, "Improving the stability of the knockoff
    procedure: multiple simultaneous knockoffs and entropy maximization", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import knockoff_filter
    >>> x = np.random.default_rng(0).standard_normal((200, 20))
    >>> bool((knockoff_filter(x, np.arange(200)).q <= 0.1).any())
    False
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(x) != len(y):
        raise InputError(f"the outcome has {len(y)} rows, the columns {len(x)}; they must match")
    n, m = x.shape
    z = np.zeros((n, 0)) if adjust is None else np.asarray(adjust, dtype=np.float64)
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    if groups is not None:
        x, y, z, w = _averaged(np.asarray(groups), x, y, z, w)
        reference = None
    if m == 0 or len(x) < m / 2 + 10:
        return Knockoffs(np.zeros(m), np.ones(m))
    if not centred:
        z = np.hstack([np.ones((len(x), 1)), z])
    root = np.sqrt(w / w.mean())[:, None]
    basis = np.linalg.qr(z * root)[0] if z.shape[1] else z
    rest = _without(x * root, basis)
    told = _without((y[:, None]) * root, basis)[:, 0]
    spread = np.sqrt((rest**2).mean(axis=0))
    flat = spread < 1e-9 * np.maximum(1.0, np.abs(x).max(axis=0))
    rest = rest / np.where(flat, 1.0, spread)
    usable = np.flatnonzero(~flat)
    base = rest[:, usable]
    if reference is not None and z.shape[1] <= 1:
        more = np.asarray(reference, dtype=np.float64)[:, usable]
        more = (more if centred else more - more.mean(axis=0)) / spread[usable]
        covariance = _covariance(np.vstack([base, more]))
    else:
        covariance = _covariance(base)
    copies = gaussian_knockoffs(base, covariance, generator(seed, "knockoffs"))
    copies = _without(copies, basis)
    sizes = _coefficients(np.hstack([base, copies]), told, seed)
    statistic = np.zeros(m)
    statistic[usable] = sizes[: len(usable)] - sizes[len(usable) :]
    return Knockoffs(statistic, knockoff_q(statistic))


def gaussian_knockoffs(x: Floats, covariance: Floats, random: np.random.Generator) -> Floats:
    """Draw knockoffs of rows with mean zero and a known covariance.

    How far each copy may differ from its column (``s``) is what makes the joint entropy largest:
    two columns that are nearly the same then cost the others nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.knockoffs import gaussian_knockoffs
    >>> random = np.random.default_rng(0)
    >>> x = random.standard_normal((5000, 2))
    >>> copies = gaussian_knockoffs(x, np.eye(2), random)
    >>> np.abs(np.corrcoef(x.T, copies.T)[:2, 2:]).max() < 0.05
    np.True_
    """
    inverse = np.linalg.inv(covariance)
    s = _apart(covariance, np.asarray(inverse, dtype=np.float64))
    mean = x - x @ inverse * s
    spread = 2 * np.diag(s) - s[:, None] * inverse * s
    values, vectors = np.linalg.eigh((spread + spread.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0))
    return np.asarray(mean + random.standard_normal(x.shape) @ root.T)


def _apart(covariance: Floats, inverse: Floats) -> Floats:
    """Maximise log det(2 C - S) + log det S over diagonal S, one entry at a time."""
    s = 1 / np.diag(inverse)
    scale = 1 / np.sqrt(s)
    least = np.linalg.eigvalsh(scale[:, None] * covariance * scale)[0]
    s = s * min(1.0, 2 * least) * (1 - 1e-6)
    if len(s) > _MOST_SWEPT:
        return np.asarray(s)
    s = 0.9 * s
    for _ in range(_SWEEPS):
        rest = np.linalg.inv(2 * covariance - np.diag(s))
        before = s.copy()
        for j in range(len(s)):
            own = rest[j, j]
            more = (1 / own - s[j]) / 2
            rest += np.outer(rest[:, j], rest[j]) * (more / (1 - more * own))
            s[j] += more
        if np.abs(s - before).max() < 1e-4 * covariance.diagonal().max():
            break
    return np.asarray(s * (1 - 1e-6))


def knockoff_q(statistic: Floats) -> Floats:
    """Return for each column the smallest level at which the knockoff filter selects it.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.knockoffs import knockoff_q
    >>> knockoff_q(np.array([5.0, 4.0, 3.0, -2.0]))
    array([0.33333333, 0.33333333, 0.33333333, 1.        ])
    """
    size = np.abs(statistic)
    above = (statistic[None] >= size[:, None]) & (statistic[None] > 0)
    below = (statistic[None] <= -size[:, None]) & (statistic[None] < 0)
    share = (1 + below.sum(axis=1)) / np.maximum(1, above.sum(axis=1))
    share[size == 0] = np.inf
    order = np.argsort(size, kind="stable")
    # A lower threshold may do better; what it selects includes all above it.
    best = np.minimum.accumulate(share[order])
    out = np.empty(len(statistic))
    out[order] = best
    return np.where(statistic > 0, np.minimum(out, 1.0), 1.0)


def _without(columns: Floats, basis: Floats) -> Floats:
    return np.asarray(columns - basis @ (basis.T @ columns))


def _covariance(x: Floats) -> Floats:
    from sklearn.covariance import ledoit_wolf

    return np.asarray(ledoit_wolf(x, assume_centered=True)[0])


def _coefficients(columns: Floats, y: Floats, seed: int) -> Floats:
    """Sizes of the coefficients of the lasso whose penalty predicts best on rows left out."""
    from sklearn.linear_model import lasso_path

    n = len(y)
    spread = np.sqrt((columns**2).mean(axis=0))
    columns = columns / np.where(spread > 0, spread, 1.0)
    gram, towards = columns.T @ columns, columns.T @ y
    largest = np.abs(towards).max(initial=0) / n
    if largest <= 0:
        return np.zeros(columns.shape[1])
    path: dict[str, Any] = {"alphas": largest * np.logspace(0, -2, _PENALTIES), "tol": 1e-3}
    fold = generator(seed, "knockoff folds").permutation(n) % _FOLDS
    wrong = np.zeros(_PENALTIES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(_FOLDS):
            part, told = columns[fold == k], y[fold == k]
            _, found, _ = lasso_path(
                columns[fold != k], y[fold != k], precompute=gram - part.T @ part,
                Xy=towards - part.T @ told, **path,
            )  # fmt: skip
            wrong += ((told[:, None] - part @ found) ** 2).sum(axis=0)
        found = lasso_path(columns, y, precompute=gram, Xy=towards, **path)[1]
    return np.asarray(np.abs(found[:, int(np.argmin(wrong))]))


def _averaged(groups: npt.NDArray[Any], *parts: Floats) -> list[Floats]:
    _, place = np.unique(groups, return_inverse=True)
    w = parts[-1]
    total: Floats = np.bincount(place, weights=w).astype(np.float64)
    out: list[Floats] = []
    for part in parts[:-1]:
        columns = part.reshape(len(part), -1)
        sums = np.zeros((len(total), columns.shape[1]))
        np.add.at(sums, place, columns * w[:, None])
        out.append(
            (sums / np.where(total > 0, total, 1)[:, None]).reshape(len(total), *part.shape[1:])
        )
    return [*out, total]
