"""Concepts taken together: which are chosen again and again, and their effects given each other."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import generator
from semascope.explain.problem import Problem, marginal

Floats = npt.NDArray[np.float64]

STABLE = 0.6
_PAIRS_OF_HALVES = 25
_PENALTIES = 15
_L1_SHARE = 0.8


def as_number(problem: Problem) -> Floats:
    """Return the outcome on a scale that linear models can work with, shape (units, r).

    Counts become logarithms, survival the martingale residuals of the model without concepts (how
    much earlier than expected it happened); other outcomes are what they are.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Setting, read_outcome
    >>> from semascope.explain.joint import as_number
    >>> as_number(Setting(read_outcome([1.5, 2.0, 4.0])).problem(np.arange(3))).shape
    (3, 1)
    """
    y = problem.y
    if problem.outcome.kind == "count":
        y = np.log1p(y)
    elif problem.outcome.kind == "survival" and problem.duration is not None:
        y = y - _expected_events(problem.duration, y)
    return np.asarray(y.reshape(len(y), -1))


def _expected_events(duration: Floats, event: Floats) -> Floats:
    """Nelson and Aalen's cumulative hazard at each row's end."""
    _times, place = np.unique(duration, return_inverse=True)
    events = np.bincount(place, weights=event)
    at_risk = np.cumsum(np.bincount(place)[::-1])[::-1]
    return np.asarray(np.cumsum(events / at_risk)[place])


def stability(problem: Problem, x: Any, *, seed: int = 0) -> Floats:
    """Return how often the elastic net chooses each column on random halves of the rows.

    Each half and its complement are fitted; of each path the first model with ``sqrt(0.8 m)``
    columns counts, so that less than one useless column is expected to be chosen in nine of ten
    halves.

    Parameters
    ----------
    problem : Problem
        The question.
    x : array of shape (units, m)
        Activity.
    seed : int
        Halves; groups are not torn apart.

    Returns
    -------
    ndarray of float64, shape (m, r)
        Shares of the fifty halves; a column for each level of a multiclass outcome, else one.

    References
    ----------
    Meinshausen and Buhlmann, "Stability selection", 2010; Shah and Samworth, "Variable selection
    with error control: another look at stability selection", 2013; Zou and Hastie, "Regularization
    and variable selection via the elastic net", 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Setting, read_outcome, stability
    >>> random = np.random.default_rng(0)
    >>> x = random.random((200, 10)) < 0.3
    >>> problem = Setting(read_outcome(x[:, 0] + random.normal(size=200))).problem(np.arange(200))
    >>> int(stability(problem, x)[:, 0].argmax())
    0
    """
    from sklearn.linear_model import enet_path

    x = np.asarray(x, dtype=np.float64)
    y = as_number(problem)
    basis = problem.adjust
    if problem.outcome.kind != "paired":
        basis = np.hstack([np.ones((len(x), 1)), basis])
    w = np.ones(len(x)) if problem.weights is None else problem.weights
    root = np.sqrt(w / w.mean())[:, None]
    q = np.linalg.qr(basis * root)[0] if basis.shape[1] else np.zeros((len(x), 0))
    rest = x * root - q @ (q.T @ (x * root))
    told = y * root - q @ (q.T @ (y * root))
    spread = np.sqrt((rest**2).mean(axis=0))
    rest = rest / np.where(spread > 1e-9, spread, 1.0)
    rest[:, spread <= 1e-9] = 0
    wanted = int(np.ceil(np.sqrt(0.8 * x.shape[1])))
    counts = np.zeros((x.shape[1], y.shape[1]))
    for half in _halves(len(x), problem.groups, seed):
        part = rest[half]
        gram = part.T @ part
        for r in range(y.shape[1]):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _, path, _ = enet_path(
                    part, told[half, r], l1_ratio=_L1_SHARE, n_alphas=_PENALTIES, eps=0.05,
                    precompute=gram, tol=1e-3,
                )  # fmt: skip
            inside = path != 0
            enough = np.flatnonzero(inside.sum(axis=0) >= wanted)
            counts[:, r] += inside[:, enough[0] if len(enough) else -1]
    return np.asarray(counts / (2 * _PAIRS_OF_HALVES))


def _halves(n: int, groups: Any, seed: int) -> list[npt.NDArray[np.bool_]]:
    random = generator(seed, "halves")
    place = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(place.max()) + 1
    out = []
    for _ in range(_PAIRS_OF_HALVES):
        first = np.zeros(count, dtype=bool)
        first[random.permutation(count)[: count // 2]] = True
        out += [first[place], ~first[place]]
    return out


def together(problem: Problem, x: Floats, chosen: npt.NDArray[np.int64]) -> tuple[Floats, ...]:
    """Return effect, low, high and p of chosen columns, each adjusted for the other chosen ones.

    Parameters
    ----------
    problem : Problem
        The question, on rows that had no part in the choice.
    x : array of shape (units, m)
        Activity.
    chosen : ndarray of int64
        Columns.

    Returns
    -------
    tuple of four ndarray of float64, shape (m, r)
        NaN where a column was not chosen.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Setting, read_outcome
    >>> from semascope.explain.joint import together
    >>> random = np.random.default_rng(0)
    >>> x = (random.random((200, 2)) < 0.5) * 1.0
    >>> x[:, 1] = x[:, 0] * (random.random(200) < 0.9)
    >>> y = x[:, 0] + 0.1 * random.standard_normal(200)
    >>> problem = Setting(read_outcome(y)).problem(np.arange(200))
    >>> together(problem, x, np.arange(2))[0][:, 0].round(1) + 0
    array([1., 0.])
    """
    r = problem.y.reshape(len(problem.y), -1).shape[1]
    out = tuple(np.full((x.shape[1], r), np.nan) for _ in range(4))
    # Some ten rows a column keep the regression honest.
    chosen = chosen[: max(1, len(problem) // 10)]
    for j in chosen:
        others = x[:, chosen[chosen != j]]
        others = others[:, _independent(others)]
        found = marginal(problem.also(others), x[:, [j]], by_units=True)
        for part, values in zip(out, (found.effect, found.low, found.high, found.p), strict=True):
            part[j] = values[0]
    return out


def _independent(columns: Floats) -> npt.NDArray[np.int64]:
    """Columns that say something that those before do not."""
    if not columns.shape[1]:
        return np.zeros(0, dtype=np.int64)
    kept: list[int] = []
    basis = np.ones((len(columns), 1)) / np.sqrt(len(columns))
    for j in range(columns.shape[1]):
        rest = columns[:, j] - basis @ (basis.T @ columns[:, j])
        length = np.linalg.norm(rest)
        if length > 1e-6 * max(1.0, float(np.linalg.norm(columns[:, j]))):
            kept.append(j)
            basis = np.hstack([basis, (rest / length)[:, None]])
    return np.array(kept, dtype=np.int64)
