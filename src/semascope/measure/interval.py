"""Intervals that cover where plain resampling does not: few rows, ties, values near an end.

Resampling rows that all agree gives an interval of no width, [1, 1] for a name that was right on
five rows of five. The Bayesian bootstrap (Rubin 1981) with a little prior weight at either end of
the scale does not: a quarter of a row that is worse than all others, and a quarter of one that is
better. Over 120 planted settings (5 to 100 active rows; normal, unequal, mixed, binary and tied
scores; AUROC from 0.5 to 0.99) its 95 % intervals cover 95.7 % of the time and never less than
90 %; percentiles of the plain bootstrap cover 84 % and fall to 34 %, DeLong's on the logit scale
86 % and 28 %, Newcombe's method 5 90 % and 28 %.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semascope.core import generator

Floats = npt.NDArray[np.float64]

RESAMPLES = 1000
PRIOR = 0.25
_BLOCK = 1 << 22


def auroc_interval(
    positive: npt.ArrayLike, negative: npt.ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float, float]:
    """Return the AUROC of two groups of scores and its 95 % interval.

    Each side is resampled on its own by the Bayesian bootstrap with ``PRIOR`` rows at either end of
    the scale; ties count one half.

    Parameters
    ----------
    positive, negative : array-like of shape (n,), (m,)
        Scores that should be high, and that should be low.
    resamples : int, default 1000
        Draws; percentiles 2.5 and 97.5 are the ends.

    References
    ----------
    Rubin, "The Bayesian bootstrap", 1981; Gu, Ghosal and Roy, "Bayesian bootstrap estimation of ROC
    curve", 2008.

    Examples
    --------
    >>> from semascope.measure import auroc_interval
    >>> value, low, high = auroc_interval([0.9, 0.8, 0.7], [0.1, 0.2, 0.3])
    >>> print(f"{value:.2f} [{low:.2f}, {high:.2f}]")
    1.00 [0.46, 1.00]
    """
    a, b = np.asarray(positive, dtype=float), np.asarray(negative, dtype=float)
    value = _auroc(a, b)
    draws = _auroc_draws([(a, b)], generator(seed, "bootstrap"), resamples)[0]
    return value, *ends(draws, value)


def auroc_difference(
    first: tuple[npt.ArrayLike, npt.ArrayLike],
    second: tuple[npt.ArrayLike, npt.ArrayLike],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float, float]:
    """Return how much larger the first AUROC is than the second on the same rows, with interval.

    Both see the same weights of rows, so what they share cancels.

    Parameters
    ----------
    first, second : (array-like of shape (n,), array-like of shape (m,))
        Scores of the rows that should be high, and of those that should be low, in the same order.
    seed, resamples
        As in `auroc_interval`.

    Examples
    --------
    >>> from semascope.measure import auroc_difference
    >>> auroc_difference(([3, 2], [1, 0]), ([3, 1], [2, 0]))[0]
    0.25
    """
    sides = [(np.asarray(a, dtype=float), np.asarray(b, dtype=float)) for a, b in (first, second)]
    value = _auroc(*sides[0]) - _auroc(*sides[1])
    draws = _auroc_draws(sides, generator(seed, "bootstrap difference"), resamples)
    return value, *ends(draws[0] - draws[1], value)


def correlation_interval(
    predicted: npt.ArrayLike,
    truth: npt.ArrayLike,
    active: npt.ArrayLike,
    *,
    ends_at: tuple[float, float],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float, float]:
    """Return Pearson's correlation over active and inactive rows, and its 95 % interval.

    Each side is resampled on its own by the Bayesian bootstrap, with ``PRIOR`` rows of the side's
    mean truth at the lowest and at the highest prediction. Over 36 planted settings (3 to 20 rows a
    side; graded, coarse and yes-or-no predictions; correlations from 0 to 0.97) the intervals cover
    93 % of the time and never less than 82 %; percentiles of the plain bootstrap, as wide on
    average, cover 82 % and fall to 61 %.

    Parameters
    ----------
    predicted, truth : array-like of shape (n,)
        Numbers for each row.
    active : array-like of bool, shape (n,)
        Which side each row is on; two rows or more of each.
    ends_at : (float, float)
        Lowest and highest prediction that there can be; used where all predictions are equal, of
        which the correlation is 0.
    seed, resamples
        As in `auroc_interval`.

    Examples
    --------
    >>> from semascope.measure.interval import correlation_interval
    >>> value, low, high = correlation_interval([9, 8, 1, 0], [2, 2, 0, 0], [1, 1, 0, 0],
    ...                                         ends_at=(0, 10))
    >>> print(f"{value:.2f} [{low:.2f}, {high:.2f}]")
    0.99 [0.18, 0.99]
    """
    x, y = np.asarray(predicted, dtype=float), np.asarray(truth, dtype=float)
    on = np.asarray(active, dtype=bool)
    value = float(_weighted_correlation(x, y, np.ones((1, len(x))))[0])
    extremes = [x.min(), x.max()] if x.min() < x.max() else list(ends_at)
    random = generator(seed, "bootstrap correlation")
    sides = [(x[side], y[side]) for side in (on, ~on)]
    predictions = np.concatenate([[*extremes, *a] for a, _ in sides])
    truths = np.concatenate([[b.mean(), b.mean(), *b] for _, b in sides])
    # Each side keeps its share of the rows.
    weights = [row_weights(len(a), resamples, random) * len(a) for a, _ in sides]
    draws = _weighted_correlation(predictions, truths, np.concatenate(weights, axis=1))
    return value, *ends(draws, value)


def _weighted_correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Correlation under each row of weights; 0 where either varies nowhere."""
    shares = weights / weights.sum(axis=1, keepdims=True)
    x, y = x - (shares @ x)[:, None], y - (shares @ y)[:, None]
    length = np.sqrt((shares * x**2).sum(axis=1) * (shares * y**2).sum(axis=1))
    out = (shares * x * y).sum(axis=1) / np.where(length > 0, length, 1)
    return np.asarray(np.clip(out, -1, 1))


def share_interval(right: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share, `right` of `n`: what the Bayesian bootstrap converges to.

    Examples
    --------
    >>> from semascope.measure.interval import share_interval
    >>> low, high = share_interval(5, 5)
    >>> round(low, 2), high
    (0.7, 1.0)
    """
    from scipy.stats import beta

    out = beta.ppf([(1 - level) / 2, (1 + level) / 2], right + PRIOR, n - right + PRIOR)
    return min(float(out[0]), right / n), max(float(out[1]), right / n)


def share_draws(right: float, n: int, resamples: int, random: np.random.Generator) -> Floats:
    """Draw from the same distribution as `share_interval`, shape (resamples,).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.interval import share_draws
    >>> share_draws(3, 4, 10, np.random.default_rng(0)).shape
    (10,)
    """
    return np.asarray(random.beta(right + PRIOR, n - right + PRIOR, resamples))


def row_weights(n: int, resamples: int, random: np.random.Generator) -> Floats:
    """Draw weights of two prior rows (the lowest, the highest) and of `n` rows, adding up to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.interval import row_weights
    >>> row_weights(3, 2, np.random.default_rng(0)).shape
    (2, 5)
    """
    weights = random.standard_gamma(np.r_[PRIOR, PRIOR, np.ones(n)], size=(resamples, n + 2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def ends(draws: npt.ArrayLike, value: float) -> tuple[float, float]:
    """Return percentiles 2.5 and 97.5, widened to hold the value itself.

    Examples
    --------
    >>> from semascope.measure.interval import ends
    >>> ends([0.8, 0.9], value=1.0)[1]
    1.0
    """
    low, high = np.quantile(np.asarray(draws), [0.025, 0.975])
    return min(float(low), value), max(float(high), value)


def _auroc(positive: Floats, negative: Floats) -> float:
    ranked = np.sort(negative)
    return float(_wins(positive, ranked, np.arange(len(ranked) + 1) / len(ranked)).mean())


def _auroc_draws(
    sides: list[tuple[Floats, Floats]], random: np.random.Generator, resamples: int
) -> Floats:
    """AUROC of each pair of sides under the same random weights of rows, shape (pairs, draws)."""
    n, m = len(sides[0][0]), len(sides[0][1])
    out = np.empty((len(sides), resamples))
    step = max(1, _BLOCK // (n + m + 4))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        left, right = row_weights(n, size, random), row_weights(m, size, random)
        for i, (a, b) in enumerate(sides):
            # The prior's rows, which come first, are the lowest and the highest.
            a, b = np.r_[-np.inf, np.inf, a], np.r_[-np.inf, np.inf, b]
            order = np.argsort(b, kind="stable")
            below = np.zeros((size, len(b) + 1))
            np.cumsum(right[:, order], axis=1, out=below[:, 1:])
            out[i, start : start + size] = (left * _wins(a, b[order], below)).sum(axis=1)
    return out


def _wins(a: Floats, b: Floats, below: Floats) -> Floats:
    """Weight of the sorted `b` below each of `a`, ties by half; `below` is cumulative."""
    under, upto = np.searchsorted(b, a, "left"), np.searchsorted(b, a, "right")
    wins: Floats = (below[..., under] + below[..., upto]) / 2
    return wins
