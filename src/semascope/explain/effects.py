"""Effects of many concepts, each by itself: least squares with robust errors, all at once.

One regression a concept would be slow for hundreds of concepts and hopeless under hundreds of
shuffles. Covariates are the same for all, so they are projected out once; what is left is one
matrix product for all concepts and all outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_BLOCK = 1 << 23
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of `m` concepts on an outcome; NaN where there is nothing to compare.

    Parameters
    ----------
    effect, low, high, p, error, dof : ndarray of float64, shape (m,) or (m, r)
        Estimate, ends of the 95 % interval, two-sided p-value, standard error, and degrees of
        freedom of the t distribution behind them; a column for each of `r` outcomes.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import effects
    >>> x = np.array([[0], [0], [0], [1], [1], [1]])
    >>> effects(x, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).effect
    array([3.])
    """

    effect: Floats
    low: Floats
    high: Floats
    p: Floats
    error: Floats
    dof: Floats

    def __getitem__(self, at: Any) -> Effects:
        return Effects(*(getattr(self, name)[at] for name in self.__dataclass_fields__))


def effects(
    x: Any,
    y: npt.ArrayLike,
    *,
    adjust: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    binary: bool = False,
    paired: bool = False,
    level: float = 0.95,
) -> Effects:
    """Estimate how much the outcome differs with each concept, one concept at a time.

    The coefficient of each column in a linear regression on that column and the covariates: for
    activity (0 or 1) the difference of means. Errors do not assume equal variances. Rows by
    themselves: HC2, which without covariates is Welch's, or the conventional error where that is
    larger, with the skewness of the estimate removed; where few rows show a concept and prices or
    counts are skewed, HC2 alone gives twice the false findings that it should. Groups: the
    jackknife over groups (CV3), which keeps its level where few groups show a concept, as the usual
    sandwich does not. All are compared with a t distribution whose degrees of freedom count the
    rows, or groups, that really carry the comparison.

    Parameters
    ----------
    x : array or scipy.sparse of shape (n, m)
        Activity, or strengths.
    y : array-like of shape (n,) or (n, r)
        One outcome, or several.
    adjust : array-like of shape (n, k), optional
        Covariates as numbers, without the intercept.
    groups : array-like of shape (n,), optional
        Rows of a group are not independent: one author, one store, one person.
    weights : array-like of shape (n,), optional
        Weights of rows (sampling weights).
    binary : bool, default False
        The outcome is 0 or 1: the interval and p are those of the data with four rows added, a
        hit and a miss on either side (Agresti and Caffo), so that ten rows without a hit do not
        count as certainty.
    paired : bool, default False
        Rows are differences within pairs: no intercept; with `binary`, y is -1/2 or 1/2.
    level : float, default 0.95
        Of the interval.

    Returns
    -------
    Effects

    References
    ----------
    Angrist and Pischke, "Mostly harmless econometrics", 2009, section 8.1; Hall, "On the removal of
    skewness by transformation", 1992; MacKinnon and White, "Some heteroskedasticity-consistent
    covariance matrix estimators", 1985; Bell and McCaffrey, "Bias reduction in standard errors for
    linear regression with multi-stage samples", 2002; MacKinnon, Nielsen and Webb, "Fast and
    reliable jackknife and bootstrap methods for cluster-robust inference", 2023; Agresti and Caffo,
    "Simple and effective confidence intervals for proportions and differences of proportions",
    2000.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import effects
    >>> random = np.random.default_rng(0)
    >>> x = random.random((400, 2)) < 0.3
    >>> found = effects(x, 2.0 * x[:, 0] + random.standard_normal(400))
    >>> found.effect.round(1), found.p < 0.05
    (array([ 2.1, -0.2]), array([ True, False]))
    """
    y = np.asarray(y, dtype=np.float64)
    outcomes = y.reshape(len(y), -1)
    n, m = x.shape
    if len(y) != n:
        raise InputError(f"the outcome has {len(y)} rows, the activity {n}; they must match")
    z = np.zeros((n, 0)) if paired else np.ones((n, 1))
    if adjust is not None:
        z = np.hstack([z, np.asarray(adjust, dtype=np.float64).reshape(n, -1)])
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    w = w / w.mean()
    member = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    plain = _Design(z, outcomes, w, member, binary)
    padded = _padded(plain, paired) if binary else plain
    parts = []
    step = max(1, _BLOCK // max(1, n + 4))
    for start in range(0, m, step):
        block = x[:, start : start + step]
        block = np.asarray(block.toarray() if hasattr(block, "toarray") else block, np.float64)
        found = around = plain.fit(block)
        if binary:
            ends = np.array([1, 1] * 2 if paired else [1, 1, 0, 0], dtype=np.float64)
            extra = np.repeat(ends[:, None], block.shape[1], axis=1)
            around = padded.fit(np.vstack([block, extra]))
        parts.append((found[0], *around))
    none = np.zeros((0, outcomes.shape[1]))
    value, centre, error, dof, skew = (
        np.concatenate([none, *(part[i] for part in parts)]).reshape(m, *y.shape[1:])
        for i in range(5)
    )
    return with_ends(value, centre, error, dof, skew, level)


def with_ends(
    value: Floats, centre: Floats, error: Floats, dof: Floats, skew: Floats, level: float = 0.95
) -> Effects:
    """Return effects with interval and p-value, by a t distribution around `centre`.

    Parameters
    ----------
    value, centre, error, dof : ndarray of float64
        Estimate, middle of the interval, standard error, degrees of freedom.
    skew : ndarray of float64
        Skewness of the estimate, removed by Hall's transformation of the t statistic.
    level : float
        Of the interval.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.effects import with_ends
    >>> one = np.ones(1)
    >>> float(with_ends(one, one, one / 2, one * 1e9, 0 * one).low.round(2)[0])
    0.02
    """
    from scipy.stats import t

    with np.errstate(invalid="ignore", divide="ignore"):
        known = np.isfinite(value) & np.isfinite(centre) & np.isfinite(error) & (error > 0)
        far = np.where(known, t.ppf((1 + level) / 2, dof), np.nan)
        p = np.where(known, 2 * t.sf(np.abs(_unskewed(centre / error, skew)), dof), np.nan)
        low = centre - _skewed(far, skew) * error
        high = centre - _skewed(-far, skew) * error
        value = np.where(known, value, np.nan)
    low, high = np.fmin(low, value), np.fmax(high, value)
    return Effects(value, np.where(known, low, np.nan), np.where(known, high, np.nan), p,
                   np.where(known, error, np.nan), np.where(known, dof, np.nan))  # fmt: skip


def _unskewed(t: Floats, skew: Floats) -> Floats:
    flat = np.abs(skew) < _NOTHING
    k = np.where(flat, 1.0, skew)
    return np.where(flat, t, ((1 + k * t / 3) ** 3 - 1) / k + k / 6)


def _skewed(q: Floats, skew: Floats) -> Floats:
    flat = np.abs(skew) < _NOTHING
    k = np.where(flat, 1.0, skew)
    return np.where(flat, q, 3 / k * (np.cbrt(1 + k * (q - k / 6)) - 1))


def _padded(design: _Design, paired: bool) -> _Design:
    """Add a hit and a miss on either side (twice each for pairs), at the covariates' mean."""
    n = len(design.z)
    mean = np.average(design.z, axis=0, weights=design.w) if n else design.z.sum(0)
    half = 0.5 if paired else 0.0
    y = np.repeat(np.array([0.0, 1.0, 0.0, 1.0])[:, None] - half, design.y.shape[1], axis=1)
    member = design.member
    if member is not None:
        member = np.concatenate([member, member.max() + 1 + np.arange(4)])
    return _Design(
        np.vstack([design.z, np.repeat((0 * mean if paired else mean)[None], 4, axis=0)]),
        np.vstack([design.y, y]),
        np.concatenate([design.w, np.ones(4)]),
        member,
        binary=True,
    )


class _Design:
    """Covariates and outcomes with what all concepts share worked out."""

    def __init__(
        self, z: Floats, y: Floats, w: Floats, member: Rows | None, binary: bool = False
    ) -> None:
        self.z, self.y, self.w, self.member, self.binary = z, y, w, member, binary
        self.root = np.sqrt(w)[:, None]
        self.basis = np.linalg.qr(z * self.root)[0] if z.shape[1] else z
        rest = y * self.root
        self.rest = rest - self.basis @ (self.basis.T @ rest)
        self.leverage = (self.basis**2).sum(axis=1)

    def fit(self, x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return coefficient, error, degrees of freedom and skewness of each column, (m, r)."""
        scaled = x * self.root
        rest = scaled - self.basis @ (self.basis.T @ scaled)
        length = (rest**2).sum(axis=0)
        spread = length > _NOTHING * np.maximum(1.0, (scaled**2).sum(axis=0))
        safe = np.where(spread, length, 1.0)
        value = (rest.T @ self.rest) / safe[:, None]
        if self.member is None:
            error = self._hc2(rest, safe, value)
            if not self.binary:
                error = np.fmax(error, self._plain(safe, value))
            skew = np.zeros_like(value) if self.binary else self._skew(rest, value)
            shares = rest**2
        else:
            error = self._jackknife(x, value, self.member)
            skew = np.zeros_like(value)
            shares = _sums(rest**2, self.member)
        dof = shares.sum(0) ** 2 / np.maximum((shares**2).sum(0), 1e-300) - 1
        dof = np.clip(dof, 1.0, max(1.0, len(shares) - self.z.shape[1] - 1.0))
        bad = ~spread
        value[bad], error[bad] = np.nan, np.nan
        return value, error, np.repeat(dof[:, None], value.shape[1], axis=1), skew

    def _plain(self, length: Floats, value: Floats) -> Floats:
        left = (self.rest**2).sum(axis=0) - value**2 * length[:, None]
        dof = max(1, len(self.z) - self.z.shape[1] - 1)
        return np.asarray(np.sqrt(np.maximum(left, 0) / dof / length[:, None]))

    def _skew(self, rest: Floats, value: Floats) -> Floats:
        """Skewness of each coefficient: third moments of x (y - value x), multiplied out."""
        x, y = rest, self.rest
        x2, y2 = x * x, y * y  # products are much faster than powers
        x3, x4, y3 = x2 * x, x2 * x2, y2 * y
        square = x2.T @ y2 - 2 * value * (x3.T @ y) + value**2 * x4.sum(0)[:, None]
        cube = x3.T @ y3 - 3 * value * (x4.T @ y2)
        cube += 3 * value**2 * ((x4 * x).T @ y) - value**3 * (x3 * x3).sum(0)[:, None]
        return np.asarray(cube / np.where(square > 0, square, 1.0) ** 1.5)

    def _hc2(self, rest: Floats, length: Floats, value: Floats) -> Floats:
        left = 1 - self.leverage[:, None] - rest**2 / length
        weight = rest**2 / np.maximum(left, 1e-6)
        # sum of weight * (y - value * x)^2, multiplied out so that no (n, m, r) array is needed
        squares = weight.T @ self.rest**2
        squares -= 2 * value * ((weight * rest).T @ self.rest)
        squares += value**2 * (weight * rest**2).sum(axis=0)[:, None]
        return np.asarray(np.sqrt(np.maximum(squares, 0)) / length[:, None])

    def _jackknife(self, x: Floats, value: Floats, member: Rows) -> Floats:
        order = np.argsort(member, kind="stable")
        starts = np.flatnonzero(np.diff(member[order], prepend=-1))
        z, x, y = (part[order] * self.root[order] for part in (self.z, x, self.y))
        zz, zx, zy, xx, xy = z.T @ z, z.T @ x, z.T @ y, (x**2).sum(0), x.T @ y
        out = np.zeros_like(value)
        for start, stop in zip(starts, np.append(starts[1:], len(z)), strict=True):
            a, b, c = z[start:stop], x[start:stop], y[start:stop]
            left_x, left_y = zx - a.T @ b, zy - a.T @ c
            solved = np.linalg.lstsq(zz - a.T @ a, left_x, rcond=1e-10)[0] if len(zz) else left_x
            length = xx - (b**2).sum(0) - (left_x * solved).sum(0)
            # Without this group nothing is left to compare.
            length[length <= _NOTHING * np.maximum(1.0, xx)] = np.nan
            there = (xy - b.T @ c - solved.T @ left_y) / length[:, None]
            out += (there - value) ** 2
        count = len(starts)
        return np.asarray(np.sqrt(out * (count - 1) / count))


def _sums(values: Floats, member: Rows) -> Floats:
    out = np.zeros((int(member.max()) + 1, values.shape[1]))
    np.add.at(out, member, values)
    return out
