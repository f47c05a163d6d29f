"""Ratios: effects on counts and on survival, one concept at a time."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, MissingExtraError
from semascope.explain.cox import RiskSets
from semascope.explain.effects import Effects, effects
from semascope.explain.problem import Problem

Floats = npt.NDArray[np.float64]

_NORMAL = 1e9


def ratios(problem: Problem, x: Any) -> Effects:
    """Return the rate ratio (counts) or hazard ratio (survival) of each column.

    Counts: Poisson regression, whose estimate holds for any counts with that mean; the errors are
    robust (HC2, or the jackknife over groups, one step from the estimate), so over-dispersed counts
    need no other model. Survival: Cox regression, Efron's ties; with groups its errors are
    robust. ``error`` is that of the logarithm.

    Parameters
    ----------
    problem : Problem
        Of a count or survival outcome.
    x : array or scipy.sparse of shape (n, m)
        Activity.

    Returns
    -------
    Effects
        NaN where a side has no events at all, so that there is no ratio.

    References
    ----------
    Gourieroux, Monfort and Trognon, "Pseudo maximum likelihood methods: applications to Poisson
    models", 1984; Cox, "Regression models and life-tables", 1972.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Setting, marginal, read_outcome
    >>> x, y = np.repeat([[0], [1]], 4, axis=0), [1, 2, 1, 2, 2, 4, 2, 4]
    >>> problem = Setting(read_outcome(y, "count")).problem(np.arange(8))
    >>> marginal(problem, x).effect.round(3)
    array([2.])
    """
    one = partial(_poisson, problem)
    if problem.outcome.kind == "survival":
        if problem.duration is None:
            raise InputError("survival needs to know how long each row was seen")
        sets = RiskSets(problem.duration, problem.y, problem.weights, problem.groups)
        one = partial(_cox, problem, sets)
    parts = []
    for j in range(x.shape[1]):
        column = x[:, [j]]
        column = column.toarray() if hasattr(column, "toarray") else np.asarray(column)
        parts.append(one(column.astype(np.float64)))
    logs = Effects(*(np.array([p[i] for p in parts], dtype=np.float64) for i in range(6)))
    with np.errstate(over="ignore"):
        return replace(
            logs, effect=np.exp(logs.effect), low=np.exp(logs.low), high=np.exp(logs.high)
        )


def _poisson(problem: Problem, x: Floats) -> list[float]:
    sm = _statsmodels()
    y, active = problem.y, x[:, 0] != 0
    if y[active].sum() == 0 or y[~active].sum() == 0:
        return [np.nan] * 6
    weights = np.ones(len(y)) if problem.weights is None else problem.weights
    design = np.hstack([np.ones((len(y), 1)), problem.adjust, x])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = sm.GLM(y, design, family=sm.families.Poisson(), var_weights=weights).fit()
    rate = np.asarray(fit.mu)
    if not fit.converged or not np.isfinite(fit.params).all() or rate.min() <= 0:
        return [np.nan] * 6
    # The last step of the fit is a weighted regression; its robust errors are the model's.
    working = np.log(rate) + (y - rate) / rate
    found = effects(
        x, working, adjust=problem.adjust, groups=problem.groups, weights=rate * weights
    )
    return [float(part[0]) for part in vars(found).values()]


def _cox(problem: Problem, sets: RiskSets, x: Floats) -> list[float]:
    from scipy.stats import t

    y, active = problem.y, x[:, 0] != 0
    if y[active].sum() == 0 or y[~active].sum() == 0:
        return [np.nan] * 6
    fit = sets.fit(np.hstack([problem.adjust, x]))
    if fit is None or not np.isfinite(fit.errors[-1]) or fit.errors[-1] <= 0:
        return [np.nan] * 6
    value, error, dof = float(fit.coefficients[-1]), float(fit.errors[-1]), min(fit.dof, _NORMAL)
    width = t.ppf(0.975, dof) * error
    p = 2 * t.sf(abs(value / error), dof)
    return [value, value - width, value + width, float(p), error, dof]


def _statsmodels() -> Any:
    try:
        import statsmodels.api as sm
    except ImportError as err:
        raise MissingExtraError.of("statsmodels", "explain", "explaining counts") from err
    return sm
