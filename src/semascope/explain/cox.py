"""Cox regression with weights: risk sets are laid out once and used for every concept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_MOST_STEPS = 30
_MOST_HALVINGS = 10
_CLOSE = 1e-9
# Beyond, a coefficient is on its way to infinity: a column that tells all events from the rest.
_MOST = 30.0


@dataclass(frozen=True, eq=False)
class CoxFit:
    """What Cox regression found.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (k,)
        Logarithms of hazard ratios.
    errors : ndarray of float64, shape (k,)
        Standard errors.
    dof : float
        Degrees of freedom of the errors: groups less one, or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.cox import CoxFit
    >>> CoxFit(np.zeros(1), np.ones(1), np.inf).dof
    inf
    """

    coefficients: Floats
    errors: Floats
    dof: float


class RiskSets:
    """Who was at risk when something happened.

    Parameters
    ----------
    duration : ndarray of float64, shape (n,)
        Until it happened, or until the row was last seen.
    event : ndarray of float64, shape (n,)
        1 if it happened.
    weights : ndarray of float64, shape (n,), optional
        Sampling weights; errors are then robust.
    groups : ndarray of shape (n,), optional
        Rows that are not independent; errors are then robust to that.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.cox import RiskSets
    >>> sets = RiskSets(np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4))
    >>> sets.fit(np.array([[1.0], [0.0], [1.0], [0.0]])).coefficients.round(3)
    array([0.941])
    """

    def __init__(
        self, duration: Floats, event: Floats, weights: Floats | None = None, groups: Any = None
    ) -> None:
        kept = np.arange(len(duration)) if weights is None else np.flatnonzero(weights > 0)
        self.order: Rows = kept[np.argsort(duration[kept], kind="stable")]
        self.robust = weights is not None or groups is not None
        w = np.ones(len(self.order)) if weights is None else weights[self.order]
        self.w = w / w.mean()
        self.member = (
            None if groups is None else np.unique(groups[self.order], return_inverse=True)[1]
        )
        _, self.place = np.unique(duration[self.order], return_inverse=True)
        self.happened = event[self.order] > 0
        self.first = np.searchsorted(self.place, np.arange(self.place.max(initial=-1) + 1))
        # A step for each event; of k at one time the i-th has i/k of these events' risk removed.
        self.at = self.place[self.happened]
        counts = np.bincount(self.at, minlength=len(self.first))
        self.share = (np.arange(len(self.at)) - np.searchsorted(self.at, self.at)) / counts[self.at]
        mass = np.bincount(self.at, self.w[self.happened], minlength=len(self.first))
        self.mass = mass[self.at] / counts[self.at]
        self.counts = np.maximum(counts, 1)

    def fit(self, x: Floats) -> CoxFit | None:
        """Regress on columns (n, k) by Newton's method; None if that ends nowhere.

        Ties by Efron's method, with the mean weight of those that are tied. Robust errors from
        score residuals (Lin and Wei), summed over groups.

        References
        ----------
        Cox, "Regression models and life-tables", 1972; Efron, "The efficiency of Cox's likelihood
        function for censored data", 1977; Lin and Wei, "The robust inference for the Cox
        proportional hazards model", 1989; Therneau and Grambsch, "Modeling survival data", 2000,
        for weights under ties.
        """
        x = x[self.order]
        x = x - np.average(x, axis=0, weights=self.w)
        b = np.zeros(x.shape[1])
        state = self._state(x, b)
        for _ in range(_MOST_STEPS):
            try:
                step = np.linalg.solve(state.information, state.score)
            except np.linalg.LinAlgError:
                return None
            for _ in range(_MOST_HALVINGS):
                following = self._state(x, b + step)
                if following.likelihood >= state.likelihood - _CLOSE * abs(state.likelihood):
                    break
                step = step / 2
            else:
                return None
            gain = following.likelihood - state.likelihood
            b, state = b + step, following
            if not np.isfinite(b).all() or np.abs(b * x.std(axis=0)).max() > _MOST:
                return None
            if abs(gain) <= _CLOSE * (abs(state.likelihood) + 1):
                return self._with_errors(x, b, state)
        return None

    def _with_errors(self, x: Floats, b: Floats, state: _State) -> CoxFit | None:
        try:
            bread = np.linalg.inv(state.information)
        except np.linalg.LinAlgError:
            return None
        if not self.robust:
            return CoxFit(b, np.sqrt(np.diag(bread)), np.inf)
        parts = self._residuals(x, state) * self.w[:, None]
        dof = float(len(parts) - 1)
        if self.member is not None:
            summed = np.zeros((int(self.member.max()) + 1, x.shape[1]))
            np.add.at(summed, self.member, parts)
            parts, dof = summed, float(len(summed) - 1)
        moved = parts @ bread
        return CoxFit(b, np.sqrt((moved**2).sum(axis=0) * (dof + 1) / dof), dof)

    def _state(self, x: Floats, b: Floats) -> _State:
        eta = x @ b
        # The scale of risks cancels.
        eta = eta - eta.max(initial=0)
        risk = np.exp(eta)
        weighted = np.column_stack([risk, risk[:, None] * x]) * self.w[:, None]
        later = np.cumsum(weighted[::-1], axis=0)[::-1][self.first]
        tied = np.zeros((len(self.first), weighted.shape[1]))
        np.add.at(tied, self.at, weighted[self.happened])
        sums = later[self.at] - self.share[:, None] * tied[self.at]
        mean = sums[:, 1:] / sums[:, :1]
        jump = self.mass / sums[:, 0]
        seen = self._seen(jump)
        own = self.w[self.happened]
        score = own @ x[self.happened] - self.mass @ mean
        likelihood = float(own @ eta[self.happened] - self.mass @ np.log(sums[:, 0]))
        information = (x * (risk * self.w * seen)[:, None]).T @ x
        information -= (mean * self.mass[:, None]).T @ mean
        return _State(score, information, likelihood, risk, mean, jump, seen)

    def _seen(self, jumps: Floats) -> Floats:
        """Sum for each row over the steps that it was at risk for."""
        columns = jumps.reshape(len(jumps), -1)
        total = np.zeros((len(self.first), columns.shape[1]))
        np.add.at(total, self.at, columns)
        gone = np.zeros_like(total)
        np.add.at(gone, self.at, columns * self.share[:, None])
        out = np.cumsum(total, axis=0)[self.place] - gone[self.place] * self.happened[:, None]
        return out.reshape(len(self.place), *jumps.shape[1:])

    def _residuals(self, x: Floats, state: _State) -> Floats:
        usual = np.zeros((len(self.first), x.shape[1]))
        np.add.at(usual, self.at, state.mean)
        usual = (usual / self.counts[:, None])[self.place]
        hazard = x * state.seen[:, None] - self._seen(state.jump[:, None] * state.mean)
        return (x - usual) * self.happened[:, None] - state.risk[:, None] * hazard


@dataclass(frozen=True, eq=False)
class _State:
    """Score, information and likelihood at some coefficients, and what they are made of."""

    score: Floats
    information: Floats
    likelihood: float
    risk: Floats
    mean: Floats
    jump: Floats
    seen: Floats
