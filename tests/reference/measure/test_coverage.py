"""Intervals cover what they say, also with few rows, near 1 and with ties."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from semascope.lexicon import Contrast
from semascope.measure import (
    auroc_difference,
    auroc_interval,
    intruder,
    predicted_strength,
    rule_scores,
)
from semascope.measure.interval import correlation_interval, share_interval

Draw = Callable[[np.random.Generator, int], np.ndarray]


def normal(true: float) -> tuple[Draw, Draw]:
    shift = norm.ppf(true) * np.sqrt(2)
    return (lambda r, n: r.standard_normal(n) + shift), (lambda r, n: r.standard_normal(n))


def wide(true: float) -> tuple[Draw, Draw]:
    """Active rows vary twice as much as inactive ones."""
    shift = norm.ppf(true) * np.sqrt(5)
    return (lambda r, n: 2 * r.standard_normal(n) + shift), (lambda r, n: r.standard_normal(n))


def near_misses(true: float) -> tuple[Draw, Draw]:
    """Half of the inactive rows lie midway."""
    shift = brentq(
        lambda h: (norm.cdf(h / np.sqrt(2)) + norm.cdf(h / np.sqrt(8))) / 2 - true, -1, 12
    )

    def inactive(r: np.random.Generator, n: int) -> np.ndarray:
        return r.standard_normal(n) + shift / 2 * (np.arange(n) % 2)

    return (lambda r, n: r.standard_normal(n) + shift), inactive


def yes_or_no(true: float) -> tuple[Draw, Draw]:
    """A rule: nothing but ties. Its AUROC is (1 + sensitivity - false alarms) / 2."""
    alarms = 0.4 * (1 - true)
    hits = 2 * true - 1 + alarms
    return (lambda r, n: 1.0 * (r.random(n) < hits)), (lambda r, n: 1.0 * (r.random(n) < alarms))


def four_levels(true: float) -> tuple[Draw, Draw]:
    """Shares of a name's three words: binomial on either side."""
    k, rest = 3, 0.15

    def reached(p: float) -> float:
        a, b = _binomial(k, p), _binomial(k, rest)
        return float(sum(a[i] * (b[:i].sum() + b[i] / 2) for i in range(k + 1)))

    p = brentq(lambda p: reached(p) - true, rest, 1 - 1e-9)
    return (lambda r, n: 1.0 * r.binomial(k, p, n)), (lambda r, n: 1.0 * r.binomial(k, rest, n))


def _binomial(k: int, p: float) -> np.ndarray:
    from scipy.stats import binom

    return binom.pmf(np.arange(k + 1), k, p)


FAMILIES = [normal, wide, near_misses, yes_or_no, four_levels]
TRUE = [0.5, 0.7, 0.85, 0.95, 0.99]
TIMES = 250


def share_covered(family, true: float, n: int, m: int, times: int = TIMES) -> float:
    active, inactive = family(true)
    random = np.random.default_rng([n, m, int(1000 * true), len(family.__name__)])
    covered = 0
    for seed in range(times):
        _, low, high = auroc_interval(
            active(random, n), inactive(random, m), seed=seed, resamples=500
        )
        covered += low <= true <= high
    return covered / times


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(5, 100), (10, 100), (20, 20), (30, 100), (100, 100)])
def test_auroc_intervals_cover_their_truth(n: int, m: int) -> None:
    """Together 95 %; none far off where the plain bootstrap falls to a third."""
    settings = [(f, t) for f in FAMILIES for t in TRUE if not (f is four_levels and t > 0.98)]
    found = {(f.__name__, t): share_covered(f, t, n, m) for f, t in settings}
    assert 0.94 <= np.mean(list(found.values())) <= 0.98, found
    assert min(found.values()) >= 0.88, found
    # Truths near 1 were never missed: the intervals are not merely wide everywhere else.
    assert np.mean([v for (_, t), v in found.items() if t <= 0.85]) <= 0.985


@pytest.mark.parametrize("n", [5, 100])
def test_perfect_names_have_intervals_of_some_width(n: int) -> None:
    value, low, high = auroc_interval(np.arange(n) + 1000.0, np.arange(100.0))
    assert (value, high) == (1.0, 1.0)
    # "Rule of three": what n successes of n leave open is about 3 / n.
    assert 1 - 4 / n - 0.05 <= low < 1 - 0.5 / n


def test_planted_concepts_are_covered_at_the_nominal_rate() -> None:
    """Concepts as in a lexicon: sizes, strengths and kinds of scores all differ."""
    random = np.random.default_rng(5)
    covered, times = 0, 1500
    for seed in range(times):
        true = float(random.uniform(0.5, 0.97))
        active, inactive = FAMILIES[seed % 5](true)
        n = int(random.integers(5, 101))
        _, low, high = auroc_interval(
            active(random, n), inactive(random, 100), seed=seed, resamples=400
        )
        covered += low <= true <= high
    assert 0.92 <= covered / times <= 0.98


def test_differences_cover_their_truth() -> None:
    random = np.random.default_rng(6)
    covered, times = 0, 500
    true = norm.cdf(1.2 / np.sqrt(2)) - norm.cdf(0.8 / np.sqrt(2))
    for seed in range(times):
        shared, noise = random.standard_normal((2, 2, 40))
        first = shared + 0.5 * noise
        second = shared + 0.5 * random.standard_normal((2, 40))
        scale = np.sqrt(1.25)
        _, low, high = auroc_difference(
            (first[0] + 1.2 * scale, first[1]), (second[0] + 0.8 * scale, second[1]), seed=seed,
            resamples=400,
        )  # fmt: skip
        covered += low <= true <= high
    assert 0.92 <= covered / times <= 0.985


@pytest.mark.parametrize("n", [5, 20, 100])
def test_shares_cover_their_truth(n: int) -> None:
    """Counted exactly over all outcomes and evenly over the truths: shares are lumpy."""
    ends = np.array([share_interval(k, n) for k in range(n + 1)])
    truths = np.linspace(0.005, 0.995, 100)
    inside = (ends[:, 0] <= truths[:, None]) & (truths[:, None] <= ends[:, 1])
    weight = np.stack([_binomial(n, p) for p in truths])
    assert 0.93 <= (weight * inside).sum(axis=1).mean() <= 0.97
    assert ends[0, 0] == 0
    assert ends[n, 1] == 1


# The other scorers, on the rows that a lexicon draws --------------------------------------------


def population(random: np.random.Generator, n_rows: int = 4000, share: float = 0.05):
    """Rows with a graded latent, a name that hears it in noise, and what pushes near-misses."""
    active = random.random(n_rows) < share
    activation = np.where(active, random.uniform(0.5, 2, n_rows), 0)
    near = np.where(active, 0, random.random(n_rows))
    fit = activation + 0.4 * near + 0.8 * random.standard_normal(n_rows)
    return activation, near, fit


def sampled(random: np.random.Generator, activation: np.ndarray, near: np.ndarray) -> Contrast:
    active = np.flatnonzero(activation > 0)
    active = active[np.argsort(-activation[active])]
    if len(active) > 60:
        active = active[np.unique(np.linspace(0, len(active) - 1, 60).round().astype(int))]
    silent = np.flatnonzero(activation == 0)
    closest = silent[np.argsort(-near[silent])[:40]]
    free = np.setdiff1d(silent, closest)
    other = random.choice(free, 40, replace=False)
    return Contrast(active, activation[active].astype(np.float32), closest, other)


def intruders(activation: np.ndarray, near: np.ndarray, fit: np.ndarray) -> float:
    """How often the name finds one intruder among three, over all rows as they are drawn."""
    active, silent = np.sort(fit[activation > 0]), np.flatnonzero(activation == 0)
    closest = silent[np.argsort(-near[silent])[:40]]
    higher = (1 - np.searchsorted(active, fit, "right") / len(active)) ** 3
    return float((higher[closest].mean() + higher[np.setdiff1d(silent, closest)].mean()) / 2)


def test_what_stands_for_all_rows_covers_the_value_over_all_rows() -> None:
    from scipy.stats import spearmanr

    random = np.random.default_rng(7)
    covered = {"strength": 0, "precision": 0, "F1": 0, "intruder": 0}
    times = 150
    for seed in range(times):
        activation, near, fit = population(random)
        contrast = sampled(random, activation, near)

        def relevance(names, rows, fit=fit):
            return fit[rows][None]

        sizes = {"n_active": int((activation > 0).sum()), "n_rows": len(activation)}
        said, truth = fit >= 0.9, activation > 0
        precision, recall = truth[said].mean(), said[truth].mean()
        strength = predicted_strength("x", contrast, relevance, seed=seed, **sizes)
        covered["strength"] += strength.low <= spearmanr(activation, fit)[0] <= strength.high
        scores = rule_scores("x", contrast, relevance, threshold=0.9, seed=seed, **sizes)
        covered["precision"] += scores.precision.low <= precision <= scores.precision.high
        f1 = 2 * precision * recall / (precision + recall)
        covered["F1"] += scores.f1.low <= f1 <= scores.f1.high
        found = intruder("x", contrast, relevance, seed=seed, k=3)
        covered["intruder"] += found.low <= intruders(activation, near, fit) <= found.high
    for kind, count in covered.items():
        assert count / times >= 0.9, (kind, count / times)


def predictions(random: np.random.Generator, n: int, kind: str, noise: float) -> np.ndarray:
    """What a model says from 0 to 10 of `n` active and `n` inactive items, above the truth."""
    truth = np.r_[1 + random.exponential(1, n), np.zeros(n)]
    likely = np.where(np.arange(2 * n) < n, 1 - noise / 8, noise / 16)
    said = {
        "graded": 2.5 * truth + noise * random.standard_normal(2 * n),
        "yes or no": 10.0 * (random.random(2 * n) < likely),
        "coarse": 5.0 * random.binomial(2, likely),
        "guessed": random.integers(0, 11, 2 * n).astype(float),
    }[kind]
    return np.stack([np.clip(said.round(), 0, 10), truth])


def test_correlations_over_active_and_inactive_rows_are_covered() -> None:
    """Where percentiles of the plain bootstrap cover 82 % of the time."""
    random = np.random.default_rng(7)
    covered = []
    for kind, noise in (("graded", 0.5), ("graded", 5), ("yes or no", 1.5), ("coarse", 2),
                        ("guessed", 0)):  # fmt: skip
        true = np.corrcoef(predictions(random, 100_000, kind, noise))[0, 1]
        for n in (3, 10, 20):
            for seed in range(80):
                said, truth = predictions(random, n, kind, noise)
                value, low, high = correlation_interval(
                    said, truth, np.arange(2 * n) < n, ends_at=(0, 10), seed=seed, resamples=300
                )
                assert low <= value <= high
                covered.append(low <= true <= high)
    assert 0.91 <= np.mean(covered) <= 0.97


def test_a_correlation_of_equal_predictions_is_unknown_and_not_surely_zero() -> None:
    truth, active = np.r_[np.ones(5), np.zeros(5)], np.arange(10) < 5
    value, low, high = correlation_interval(np.full(10, 3.0), truth, active, ends_at=(0, 10))
    assert value == 0
    assert low < -0.1 < 0.1 < high
    perfect = correlation_interval(truth * 9, truth, active, ends_at=(0, 10))
    assert (perfect[0], perfect[2]) == (pytest.approx(1), pytest.approx(1))
    assert 0.2 < perfect[1] < 0.95
