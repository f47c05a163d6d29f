"""Tests of conditional independence by betting: valid whenever one stops looking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator
from semascope.explain.mixture import Ask, Asking, Mixture, answered
from semascope.explain.tested import as_strengths

Floats = npt.NDArray[np.float64]
_STEP = 2 / (2 - np.log(3))
_BURN = 20
_FEATURES = 128
MOST_PAIRS = 5000


@dataclass(frozen=True, eq=False)
class Bet:
    """What became of a bet against the null hypothesis.

    Parameters
    ----------
    wealth : ndarray of shape (n,)
        After each pair, from 1 on. Under the null hypothesis it passes 1 / level, at any time,
        with a probability of at most the level (Ville's inequality).
    rejected_at : int or None
        Pairs after which it first reached 1 / level.
    p : float
        One over the largest wealth, at most 1: valid at any stopping time.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Bet
    >>> Bet(np.array([1.0, 4.0]), None, 0.25).e
    4.0
    """

    wealth: Floats
    rejected_at: int | None
    p: float

    @property
    def e(self) -> float:
        """The wealth at the end, an e-value."""
        return float(self.wealth[-1])


def bet(pairs: Floats, null: Floats, *, level: float = 0.05) -> Bet:
    """Bet that pairs can be told from what they are exchangeable with under the null hypothesis.

    Each round a witness, learned from the rounds before, is compared on a pair and its
    counterpart; the stake follows the online Newton step. The witness is the difference of kernel
    mean embeddings (a Gaussian kernel for each column, as wide as the median distance among the
    first 20 rounds, which are not betted on) in 128 random Fourier features, which cost time that
    is linear in rounds and, as any witness does, leave the level as it is.

    Parameters
    ----------
    pairs, null : ndarray of shape (n, c)
        What was seen, and the counterparts. More than 5,000 rounds are not used.
    level : float, default 0.05
        At which to reject.

    References
    ----------
    Rahimi and Recht, "Random features for large-scale kernel machines", 2007; Shaer, Maman and
    Romano, "Model-X sequential testing for conditional independence via testing by betting", 2023;
    Podkopaev, Bloebaum, Kasiviswanathan and Ramdas, "Sequential kernelized independence testing",
    2023; Cutkosky and Orabona, "Black-box reductions for parameter-free online learning in Banach
    spaces", 2018 (the stake).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import bet
    >>> x, y = np.random.default_rng(0).standard_normal((2, 300, 1))
    >>> bet(x + 2, y).rejected_at < 60, bet(x, y).p > 0.05
    (True, True)
    """
    if pairs.ndim != 2 or pairs.shape != null.shape or len(pairs) <= _BURN:
        raise InputError(
            f"bets need more than {_BURN} pairs (n, c) and as many counterparts, got "
            f"{pairs.shape} and {null.shape}"
        )
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level}")
    a, b = pairs[:MOST_PAIRS], null[:MOST_PAIRS]
    first = np.concatenate([a[:_BURN], b[:_BURN]])
    wide = np.ones(a.shape[1])
    for c in range(a.shape[1]):
        gaps = np.abs(first[:, None, c] - first[None, :, c])
        if (gaps > 0).any():
            wide[c] = np.median(gaps[gaps > 0])
    ways = generator(0, "witness").standard_normal((a.shape[1], _FEATURES)) / wide[:, None]
    # A pair that is like its counterpart teaches nothing and pays nothing.
    unlike = np.flatnonzero((a != b).any(axis=1))
    own, other = a[unlike] @ ways, b[unlike] @ ways
    apart = np.hstack([turn(own) - turn(other) for turn in (np.cos, np.sin)])
    before = np.cumsum(apart, axis=0) - apart
    gain = np.zeros(len(a))
    gain[unlike] = (apart * before).sum(axis=1)
    learned = gain / np.maximum(np.arange(len(a)), 1)
    # A swap within the pair flips its sign and leaves its size alone, so the size may be used.
    size = np.sqrt(np.cumsum(learned**2) / np.arange(1, len(a) + 1))
    payoff = np.tanh(learned / np.where(size > 0, size, 1))
    payoff[:_BURN] = 0
    wealth = _wealth(payoff)
    passed = np.flatnonzero(wealth >= 1 / level)
    return Bet(wealth, int(passed[0]) + 1 if len(passed) else None,
               float(min(1.0, 1 / wealth.max())))  # fmt: skip


def _wealth(payoff: Floats) -> Floats:
    """Wealth of a bettor whose stake, from 0 to one half, follows the online Newton step."""
    stake, curvature = 0.0, 1.0
    rounds = np.flatnonzero(payoff)
    factors = np.ones(len(payoff))
    for t, gain in zip(rounds.tolist(), payoff[rounds].tolist(), strict=True):
        factors[t] = 1 + stake * gain
        slope = gain / factors[t]
        curvature += slope**2
        stake = min(0.5, max(0.0, stake + _STEP * slope / curvature))
    return np.asarray(np.cumprod(factors), dtype=np.float64)


def bet_on_concepts(
    y: npt.ArrayLike,
    codes: Any,
    *,
    level: float = 0.05,
    fewest: int = 20,
    neighbours: int = 20,
    seed: int | None = 0,
) -> list[Bet | None]:
    """Bet, for each concept, that predictions depend on it given all other concepts.

    Half of the rows teach what a concept's activation is given the others: a logistic model of
    whether it is active and, where it is, the strength of some active row. The other half are the
    rounds: a row with its own activation against the same row with one drawn from that model. The
    level holds as far as the model of activations does; the model of predictions need not be right.

    Parameters
    ----------
    y : array of shape (n,)
        Predictions.
    codes : array or scipy.sparse of shape (n, m)
        Activations.
    level : float, default 0.05
        Of each test.
    fewest : int, default 20
        Concepts with fewer active, or inactive, rows in either half are not tested (None).
    neighbours : int, default 20
        Other concepts in the models: those most correlated with it.
    seed : int
        Halves, order, draws.

    References
    ----------
    Teneggi and Sulam, "Testing semantic importance via betting", 2024 (the global test).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import bet_on_concepts
    >>> shown = np.random.default_rng(0).random((600, 2)) < 0.4
    >>> found = bet_on_concepts(shown[:, 0] * 2.0, shown.astype(float))
    >>> found[0].rejected_at < 100, found[1].rejected_at
    (True, None)
    """
    z = as_strengths(codes)
    told = np.asarray(y, dtype=np.float64)
    n, m = z.shape
    if told.shape != (n,):
        raise InputError(f"{told.shape} predictions do not fit {n} rows of codes")
    random = generator(seed, "betting")
    order = random.permutation(n)
    fit, test = z[order[: n // 2]].tocsc(), z[order[n // 2 :]][:MOST_PAIRS].tocsc()
    y_fit, y_test = told[order[: n // 2]], told[order[n // 2 :]][:MOST_PAIRS]
    counts = np.minimum((fit != 0).sum(axis=0), (test != 0).sum(axis=0))
    most = np.minimum(fit.shape[0], test.shape[0]) - np.maximum(
        (fit != 0).sum(axis=0), (test != 0).sum(axis=0)
    )
    possible = np.minimum(counts, most) >= fewest
    out: list[Bet | None] = [None] * m
    if test.shape[0] <= _BURN:
        return out
    mean = np.asarray(fit.mean(axis=0)).ravel()
    square = np.asarray(fit.multiply(fit).mean(axis=0)).ravel()
    spread = np.sqrt(np.maximum(square - mean**2, 1e-30))
    for j in np.flatnonzero(possible):
        own, seen = _columns(fit, [j])[:, 0], _columns(test, [j])[:, 0]
        near = np.abs(((fit.T @ own) / len(own) - mean[j] * mean) / (spread[j] * spread))
        near[[j, *np.flatnonzero(spread <= 1e-14)]] = -1
        others = np.argsort(-near, kind="stable")[: min(neighbours, m - 1)]
        others = others[near[others] >= 0]
        if len(others):
            known, now = _columns(fit, others), _columns(test, others)
            scale = known.std(axis=0)
            scale[scale == 0] = 1
            chance = _logistic(known / scale, own != 0, now / scale)
            left = y_test - _ridge(known / scale, y_fit, now / scale)
        else:
            chance, left = np.full(len(seen), (own != 0).mean()), y_test
        drawn = np.where(random.random(len(seen)) < chance,
                         random.choice(own[own != 0], len(seen)), 0.0)  # fmt: skip
        out[j] = bet(np.column_stack([left, seen]), np.column_stack([left, drawn]), level=level)
    return out


def _columns(z: Any, which: npt.ArrayLike) -> Floats:
    """Return some columns of a sparse array by columns, dense; slices of it take far longer."""
    index = np.asarray(which)
    out = np.zeros((index.size, z.shape[0]))
    for row, j in zip(out, index.tolist(), strict=True):
        start, stop = z.indptr[j], z.indptr[j + 1]
        row[z.indices[start:stop]] = z.data[start:stop]
    return out.T


def _logistic(x: Floats, y: npt.NDArray[np.bool_], new: Floats) -> Floats:
    """Predict new rows by logistic regression with a penalty of 1, by Newton's method.

    There is a fit for each concept; scikit-learn's take ten times as long, most of it in checks.
    """
    from scipy.special import expit, logit

    full = np.column_stack([np.ones(len(x)), x])
    penalty = np.r_[1e-10, np.ones(x.shape[1])]

    def loss(w: Floats) -> float:
        height = full @ w
        return float(np.logaddexp(0, height).sum() - height[y].sum() + penalty @ w**2 / 2)

    w = np.zeros(len(penalty))
    w[0] = logit(y.mean())
    now = loss(w)
    for _ in range(50):
        chance = expit(full @ w)
        slope = full.T @ (chance - y) + penalty * w
        if np.abs(slope).max() <= 1e-6 * len(y):
            break
        bend = (full.T * (chance * (1 - chance))) @ full + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        then = loss(w - step)
        # Far from the optimum a whole step may lead past it.
        while then > now and np.abs(step).max() > 1e-12:
            step /= 2
            then = loss(w - step)
        w, now = w - step, then
    return np.asarray(expit(w[0] + new @ w[1:]))


def _ridge(x: Floats, y: Floats, new: Floats) -> Floats:
    """Predict new rows by ridge regression with a penalty of 1."""
    centre = x.mean(axis=0)
    near = x - centre
    slopes = np.linalg.solve(near.T @ near + np.eye(x.shape[1]), near.T @ (y - y.mean()))
    return np.asarray(y.mean() + (new - centre) @ slopes)


def bet_on_item(
    item: Mixture, *, level: float = 0.05, pairs: int = 200, keep: float = 0.5, seed: int | None = 0
) -> list[Bet]:
    """Bet, for each concept of one item, that the prediction differs with it and without it.

    Rounds are predictions with the concept against predictions without it, each with a random
    choice of the item's other concepts. Both are drawn here, so the level is exact.

    Parameters
    ----------
    item : Mixture
        The item.
    level : float, default 0.05
        Of each test.
    pairs : int, default 200
        Rounds.
    keep : float, default 0.5
        Chance of each other concept to be there.
    seed : int
        Choices.

    References
    ----------
    Teneggi and Sulam, "Testing semantic importance via betting", 2024 (the local test).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor, bet_on_item
    >>> item = Mixture(Predictor(lambda x: x[:, 0]), np.zeros(3), np.eye(3))
    >>> [found.rejected_at is not None for found in bet_on_item(item)]
    [True, False, False]
    """
    return answered(item, ask_bets(len(item), level=level, pairs=pairs, keep=keep, seed=seed))


def ask_bets(
    k: int, *, level: float = 0.05, pairs: int = 200, keep: float = 0.5, seed: int | None = 0
) -> Asking[list[Bet]]:
    """Ask for `bet_on_item`: up to ``2 k pairs`` vectors."""
    if not 0 < keep < 1:
        raise InputError(f"keep must lie between 0 and 1, got {keep}")
    random = generator(seed, "betting item")
    masks = random.random((k, 2, pairs, k)) < keep
    for j in range(k):
        masks[j, 0, :, j], masks[j, 1, :, j] = True, False
    replies = yield [Ask(one.reshape(-1, k)) for one in masks]
    rounds = [found.reshape(2, pairs, 1) for found in replies]
    return [bet(with_it, without, level=level) for with_it, without in rounds]


def e_adjusted(e: npt.ArrayLike) -> Floats:
    """Return q of e-values, NaN elsewhere: Benjamini and Hochberg's, whatever their dependence.

    References
    ----------
    Wang and Ramdas, "False discovery rate control with e-values", 2022.

    Examples
    --------
    >>> from semascope.explain import e_adjusted
    >>> e_adjusted([100.0, 1.0, float("nan")])
    array([0.02, 1.  ,  nan])
    """
    values = np.asarray(e, dtype=np.float64)
    q = np.full(values.shape, np.nan)
    order = np.argsort(-values)[: int((~np.isnan(values)).sum())]
    raw = len(order) / (np.arange(1, len(order) + 1) * np.maximum(values[order], 1e-300))
    q[order] = np.minimum(1.0, np.minimum.accumulate(raw[::-1])[::-1])
    return q
