"""Sobol indices: the share of a function's variance that goes with each of its inputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator
from semascope.explain.mixture import Ask, Asking, answered_by

Floats = npt.NDArray[np.float64]
Estimator = Literal["jansen", "sobol", "homma-saltelli", "janon", "glen-isaacs"]
ESTIMATORS: tuple[Estimator, ...] = ("jansen", "sobol", "homma-saltelli", "janon", "glen-isaacs")
# Functions that vary by less than this share of their size vary by rounding.
_FLAT = 1e-6
_MOST_NUMBERS = 2**20


def sobol_total(
    value: Callable[[Floats], Floats],
    k: int,
    n: int = 64,
    *,
    estimator: Estimator = "jansen",
    repeats: int = 4,
    seed: int | None = 0,
) -> tuple[Floats, Floats]:
    """Return total indices of inputs that are uniform on [0, 1], and their standard errors.

    The total index of an input is the share of the variance that is left, on average, when all
    other inputs are known: its own effect and all its interactions. Points are a scrambled Sobol
    sequence; each of `repeats` scramblings gives an estimate of all indices, whose spread is the
    error.

    Parameters
    ----------
    value : callable
        From points (b, k) to values (b,).
    k : int
        Inputs.
    n : int, default 64
        Points of each repeat, a power of 2; ``n (k + 1)`` values are taken.
    estimator : str, default "jansen"
        With ``f = f(A)``, ``g = f(A with input j from B)``, means and variance ``V`` over points:
        "jansen" ``E[(f - g)^2] / 2V``; "sobol" ``E[f (f - g)] / V``; "homma-saltelli"
        ``1 - (E[f g] - E[f]^2) / V``; "janon" the same with mean and variance pooled over f and g;
        "glen-isaacs" one minus the correlation of f and g. Jansen's is never negative and has the
        least error in most comparisons.
    repeats : int, default 4
        Scramblings, at least 2.
    seed : int
        Scramblings.

    Returns
    -------
    (ndarray, ndarray)
        Of shape (k,). Zeros for a function that varies by less than a millionth of its size.

    References
    ----------
    Homma and Saltelli, "Importance measures in global sensitivity analysis", 1996; Jansen,
    "Analysis of variance designs for model output", 1999; Sobol, "Global sensitivity analysis
    indices for the investigation of nonlinear mathematical models", 2007; Glen and Isaacs,
    "Estimating Sobol sensitivity indices using correlations", 2012; Janon, Klein, Lagnoux, Nodet
    and Prieur, "Asymptotic normality and efficiency of two Sobol index estimators", 2014. Of
    concepts: Fel et al., "CRAFT", 2023.

    Examples
    --------
    >>> from semascope.explain import sobol_total
    >>> found, error = sobol_total(lambda u: 3 * u[:, 0] + 4 * u[:, 1], 2, 1024)
    >>> found.round(2).tolist()
    [0.36, 0.64]
    """
    found = answered_by(value, ask_sobol(k, n, estimator=estimator, repeats=repeats, seed=seed))
    return found[0], found[1]


def ask_sobol(
    k: int, n: int = 64, *, estimator: Estimator = "jansen", repeats: int = 4, seed: int | None = 0
) -> Asking[tuple[Floats, Floats]]:
    """Ask for `sobol_total`: ``n (k + 1) repeats`` vectors."""
    if estimator not in ESTIMATORS:
        raise InputError(f"estimator must be one of {', '.join(ESTIMATORS)}, got '{estimator}'")
    if n < 2 or n & (n - 1):
        raise InputError(f"n must be a power of 2, at least 2, got {n}")
    if repeats < 2 or k < 1:
        raise InputError(f"repeats must be at least 2 and k at least 1, got {repeats} and {k}")
    out = np.empty((repeats, k))
    points = _points(k, n, repeats, seed)
    at_once = max(1, _MOST_NUMBERS // (n * k))
    jobs = [(r, j) for r in range(repeats) for j in range(-1, k)]
    first: dict[int, Floats] = {}
    for start in range(0, len(jobs), at_once):
        some = jobs[start : start + at_once]
        replies = yield [Ask(_mixed(points[r], j)) for r, j in some]
        for (r, j), values in zip(some, replies, strict=True):
            if j < 0:
                first[r] = values
                continue
            f = first[r]
            centre, floor = f.mean(), _FLAT**2 * float((f**2).mean())
            out[r, j] = _total(f - centre, values - centre, estimator, floor)
    return out.mean(axis=0), out.std(axis=0, ddof=1) / np.sqrt(repeats)


@lru_cache(maxsize=64)
def _points(k: int, n: int, repeats: int, seed: int | None) -> Floats:
    """Scrambled points (repeats, n, 2 k): the same for all items with as many concepts."""
    from scipy.stats import qmc

    random = generator(seed, "sobol")
    return np.stack([qmc.Sobol(2 * k, rng=random).random(n) for _ in range(repeats)])


def _mixed(points: Floats, j: int) -> Floats:
    k = points.shape[1] // 2
    out = points[:, :k].copy()
    if j >= 0:
        out[:, j] = points[:, k + j]
    return out


def _total(f: Floats, g: Floats, estimator: Estimator, floor: float) -> float:
    """Total index from values, centred by the mean of f, that share all inputs but one."""
    variance = float(f.var())
    if variance <= floor:
        return 0.0
    if estimator == "jansen":
        return float(((f - g) ** 2).mean() / (2 * variance))
    if estimator == "sobol":
        return float((f * (f - g)).mean() / variance)
    if estimator == "homma-saltelli":
        return float(1 - (f * g).mean() / variance)
    if estimator == "janon":
        mean = float((f + g).mean()) / 2
        return float(1 - ((f * g).mean() - mean**2) / ((f**2 + g**2).mean() / 2 - mean**2))
    spread = float(g.std())
    return 1.0 if spread == 0 else float(1 - ((f - f.mean()) * (g - g.mean())).mean()
                                         / (np.sqrt(variance) * spread))  # fmt: skip
