"""Measures that hold one factor fixed: beta-VAE's, FactorVAE's, and interventional robustness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from semascope.core import InputError, generator
from semascope.measure.yardsticks.inputs import Floats, Ints, codes_and_factors
from semascope.measure.yardsticks.probes import ridge

_PARTS = 10
_DRAWS = 800
_ALIVE = 1e-9


def beta_vae(
    codes: Any, factors: Any, *, pairs: int = 32, draws: int = _DRAWS, seed: int = 0
) -> float:
    """Return how well a linear classifier tells which factor was held fixed, from differences.

    A draw takes a factor, and pairs of rows that agree in it; the classifier sees the mean absolute
    difference of the codes over the pairs. Draws from one half of the rows teach, from the other
    test; with the same rows on both sides, a classifier knows the few rows of a rare value again,
    and shuffled factors score as well. The paper generates pairs that differ in everything else;
    here they are drawn from the rows there are, so that factors that go together make the task
    harder than it is there. Continuous factors are cut into
    ten parts of equally many rows. Chance is one in the number of factors.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    factors : anything `as_factors` takes, n rows and two factors or more
    pairs : int, default 32
        Pairs a draw.
    draws : int, default 800
    seed : int

    References
    ----------
    Higgins et al., "beta-VAE: learning basic visual concepts with a constrained variational
    framework", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import beta_vae
    >>> y = np.random.default_rng(0).integers(0, 4, (300, 2))
    >>> beta_vae(y, y, draws=100)
    1.0
    """
    x, sides, random = _prepared(codes, factors, seed, "beta-VAE")
    if not x.shape[1]:
        return float(1 / len(sides[0]))
    seen, fixed = np.empty((2, draws // 2, x.shape[1])), np.empty((2, draws // 2), dtype=np.int64)
    for side, groups in enumerate(sides):
        fixed[side] = random.integers(len(groups), size=draws // 2)
        for i, f in enumerate(fixed[side]):
            first, second = _agreeing(groups[f], random, pairs)
            seen[side, i] = np.abs(x[first] - x[second]).mean(axis=0)
    told = (fixed[0][:, None] == np.arange(len(sides[0]))).astype(np.float64)
    weights, bias = ridge(seen[0], told)
    return float(((seen[1] @ weights + bias).argmax(axis=1) == fixed[1]).mean())


def factor_vae(
    codes: Any, factors: Any, *, size: int = 64, draws: int = _DRAWS, seed: int = 0
) -> float:
    """Return how well the code that varies least tells which factor was held fixed.

    A draw takes a factor and a batch of rows that agree in it; the code with the least variance,
    relative to that over all rows, votes. Draws from one half of the rows teach which code stands
    for which factor (majority), from the other test, see `beta_vae`. Chance is one in the
    number of factors. Sparse codes defeat it: a code that is silent in the whole batch varies
    least, whatever is fixed.

    Parameters
    ----------
    codes, factors, draws, seed
        As in `beta_vae`.
    size : int, default 64
        Rows a draw.

    References
    ----------
    Kim and Mnih, "Disentangling by factorising", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import factor_vae
    >>> y = np.random.default_rng(0).integers(0, 4, (300, 2))
    >>> factor_vae(y, y, draws=100)
    1.0
    """
    x, sides, random = _prepared(codes, factors, seed, "FactorVAE")
    k = len(sides[0])
    if not x.shape[1]:
        return float(1 / k)
    least, fixed = np.empty((2, 2, draws // 2), dtype=np.int64)
    for side, groups in enumerate(sides):
        fixed[side] = random.integers(k, size=draws // 2)
        for i, f in enumerate(fixed[side]):
            group = groups[f]
            value = group.values[random.integers(len(group.values))]
            inside = group.order[group.starts[value] : group.starts[value + 1]]
            least[side, i] = int(x[random.choice(inside, size)].var(axis=0).argmin())
    votes = np.zeros((x.shape[1], k))
    np.add.at(votes, (least[0], fixed[0]), 1)
    return float((votes.argmax(axis=1)[least[1]] == fixed[1]).mean())


def robustness(codes: Any, factors: Any, *, quantile: float = 0.99) -> float:
    """Return the interventional robustness score: how little each code moves with other factors.

    For code j and factor f, rows are grouped by the value of f; the deviation of a code from its
    group's mean (at `quantile`, averaged over groups by their size), relative to its deviation from
    the mean of all rows, is what other factors do to it. A code's score is one less this at its
    best factor; the mean is weighted by the deviations, so that silent codes do not count.
    Continuous factors are cut into ten parts of equally many rows. Without interventions, other
    factors are as varied as the data has them.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    factors : anything `as_factors` takes, n rows
    quantile : float, default 0.99
        Instead of the maximum of the paper, which one row decides.

    References
    ----------
    Suter, Miladinovic, Schölkopf and Bauer, "Robustly disentangled causal mechanisms", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import robustness
    >>> y = np.random.default_rng(0).integers(0, 4, (300, 2))
    >>> robustness(y, y)
    1.0
    """
    x, known = codes_and_factors(codes, factors)
    overall = np.quantile(np.abs(x - x.mean(axis=0)), quantile, axis=0)
    x, overall = x[:, overall > _ALIVE], overall[overall > _ALIVE]
    if not len(overall):
        return 0.0
    levels = known.levels(_PARTS, even=True)
    moved = np.zeros((x.shape[1], known.k))
    for f in range(known.k):
        for value in np.unique(levels[:, f]):
            group = x[levels[:, f] == value]
            away = np.quantile(np.abs(group - group.mean(axis=0)), quantile, axis=0)
            moved[:, f] += away * len(group) / len(x)
    scores = np.clip(1 - moved.min(axis=1) / overall, 0, 1)
    return float((scores * overall).sum() / overall.sum())


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows in order of the value of a factor, where each value begins, and which have two rows."""

    order: Ints
    starts: Ints
    values: Ints


def _prepared(
    codes: Any, factors: Any, seed: int, purpose: str
) -> tuple[Floats, list[list[_Rows]], np.random.Generator]:
    """Codes of unit variance without silent ones, and the rows of each factor in either half."""
    x, known = codes_and_factors(codes, factors)
    if known.k < 2:
        raise InputError(f"the {purpose} measure needs two factors or more, found {known.k}")
    levels = known.levels(_PARTS, even=True)
    random = generator(seed, purpose)
    half = random.permutation(len(x)) < len(x) // 2
    sides = []
    for rows in (np.flatnonzero(half), np.flatnonzero(~half)):
        groups = []
        for f in range(known.k):
            counts = np.bincount(levels[rows, f])
            usable = np.flatnonzero(counts >= 2)
            if not len(usable):
                raise InputError(
                    f"no two rows agree in '{known.names[f]}'; give it as a continuous factor"
                )
            order = rows[np.argsort(levels[rows, f], kind="stable")]
            groups.append(_Rows(order, np.concatenate([[0], np.cumsum(counts)]), usable))
        sides.append(groups)
    spread = x.std(axis=0)
    return x[:, spread > _ALIVE] / spread[spread > _ALIVE], sides, random


def _agreeing(group: _Rows, random: np.random.Generator, pairs: int) -> tuple[Ints, Ints]:
    values = group.values[random.integers(len(group.values), size=pairs)]
    begin = group.starts[values]
    count = group.starts[values + 1] - begin
    first = random.integers(count)
    # Another row than the first: skip over it.
    second = (first + 1 + random.integers(count - 1)) % count
    return group.order[begin + first], group.order[begin + second]
