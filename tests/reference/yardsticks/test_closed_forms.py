"""Yardsticks against values that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from semascope.measure.yardsticks import (
    Shared,
    activity,
    as_factors,
    attribute,
    attribute_scores,
    beta_vae,
    completeness,
    completeness_of,
    completeness_shares,
    compositionality,
    contributing_concepts,
    disentanglement,
    effective_concepts,
    explicitness,
    factor_vae,
    fit_probe,
    importances,
    info_compactness,
    info_explicitness,
    info_modularity,
    informativeness,
    max_atom_cosine,
    mig,
    modularity,
    niche_impurity,
    niches,
    oracle_impurity,
    predict_factors,
    rebuild,
    robustness,
    sap,
    shared_information,
    stability,
    total_correlation,
    udr,
)
from semascope.measure.yardsticks.probes import ridge, ridge_penalty
from semascope.measure.yardsticks.several import moments

LN2_10 = np.log(2) / np.log(10)


def grid(values: int = 4, k: int = 3, times: int = 8) -> np.ndarray:
    """Every combination of `k` independent factors, so that nothing goes together by chance."""
    every = np.stack(np.meshgrid(*[np.arange(values)] * k, indexing="ij"), axis=-1)
    return np.tile(every.reshape(-1, k), (times, 1))


FACTORS = grid()
ROWS = np.random.default_rng(0).permutation(len(FACTORS))
TRAIN, TEST = np.sort(ROWS[: len(ROWS) // 2]), np.sort(ROWS[len(ROWS) // 2 :])


def equal(mutual: np.ndarray) -> Shared:
    return Shared(mutual, np.ones(len(mutual)), np.ones(mutual.shape[1]))


def test_codes_that_are_the_factors_reach_one_everywhere() -> None:
    shared = shared_information(FACTORS, FACTORS)
    assert np.allclose(np.diag(shared.mutual), np.log(4))
    assert shared.mutual.sum() == pytest.approx(3 * np.log(4))
    assert mig(shared) == pytest.approx(1)
    assert modularity(shared) == pytest.approx(1)
    assert info_modularity(shared) == pytest.approx(1)
    assert info_compactness(shared) == pytest.approx(1)
    table = importances(FACTORS, FACTORS)
    assert disentanglement(table) == pytest.approx(1)
    assert completeness_of(table) == pytest.approx(1)
    assert informativeness(FACTORS, FACTORS, train=TRAIN, test=TEST).mean() == 1
    # A code of four levels tells its factor wholly, others no better than one value in four.
    scores = attribute_scores(FACTORS, FACTORS, train=TRAIN, test=TEST)
    assert np.allclose(np.diag(scores), 1)
    assert sap(scores) == pytest.approx(0.75, abs=0.05)
    assert beta_vae(FACTORS, FACTORS) == 1
    assert factor_vae(FACTORS, FACTORS) == 1
    assert robustness(FACTORS, FACTORS) == pytest.approx(1)
    assert total_correlation(FACTORS) == pytest.approx(0, abs=1e-9)


def test_binary_factors_are_told_wholly_by_linear_probes() -> None:
    y = grid(values=2, k=3, times=20)
    rows = np.random.default_rng(1).permutation(len(y))
    found = predict_factors(y, y, train=rows[:80], test=rows[80:])
    assert explicitness(found) == 1
    assert info_explicitness(found) == pytest.approx(1, abs=0.01)
    scores = attribute_scores(y, y, train=rows[:80], test=rows[80:])
    assert np.allclose(np.diag(scores), 1)


def test_two_codes_for_each_of_five_factors() -> None:
    """D = 1 and C = 1 - ln 2 / ln 10, as importance is divided between two of ten codes."""
    table = np.repeat(np.eye(5), 2, axis=0)
    assert disentanglement(table) == pytest.approx(1)
    assert completeness_of(table) == pytest.approx(1 - LN2_10)
    factors = grid(values=2, k=5, times=10)
    found = importances(np.repeat(factors, 2, axis=1), factors)
    assert disentanglement(found) == pytest.approx(1, abs=1e-6)
    assert completeness_of(found) == pytest.approx(1 - LN2_10, abs=0.05)


def test_one_code_for_two_of_ten_factors() -> None:
    """D = 1 - ln 2 / ln 10 and modularity 1 - 1/9."""
    table = np.repeat(np.eye(5), 2, axis=1)
    assert disentanglement(table) == pytest.approx(1 - LN2_10)
    assert completeness_of(table) == pytest.approx(1)
    assert modularity(equal(table)) == pytest.approx(1 - 1 / 9)
    assert info_modularity(equal(table)) == pytest.approx((0.5 - 0.1) / 0.9)
    # From data: a code of four levels that says two binary factors at once.
    factors = grid(values=2, k=4, times=4)
    codes = np.c_[2 * factors[:, 0] + factors[:, 1], 2 * factors[:, 2] + factors[:, 3]]
    assert modularity(shared_information(codes, factors)) == pytest.approx(1 - 1 / 3)


def test_dead_code() -> None:
    y = grid(values=2, k=2, times=4)
    codes = np.c_[y, np.zeros(len(y))]
    shared = shared_information(codes, y)
    assert modularity(shared) == pytest.approx(2 / 3)
    assert info_modularity(shared) == pytest.approx(1)  # over codes that know anything
    assert info_compactness(shared) == pytest.approx(1)
    assert mig(shared) == pytest.approx(1)
    assert disentanglement(importances(codes, y)) == pytest.approx(1)


def test_copies_of_a_code_leave_no_gap() -> None:
    shared = shared_information(np.c_[FACTORS, FACTORS], FACTORS)
    assert mig(shared) == 0
    assert modularity(shared) == pytest.approx(1)
    assert info_compactness(shared) == pytest.approx((0.5 - 1 / 6) / (1 - 1 / 6))
    scores = attribute_scores(np.c_[FACTORS, FACTORS], FACTORS, train=TRAIN, test=TEST)
    assert sap(scores) == 0


def test_gap_between_whole_and_half_knowledge() -> None:
    """Of a factor of four equal values, a second code knows one bit of two."""
    y = grid(values=4, k=1, times=4)
    assert mig(shared_information(np.c_[y, y // 2], y)) == pytest.approx(0.5)


def test_codes_that_know_nothing() -> None:
    """Independent by construction, so that nothing is left to chance."""
    codes, factors = FACTORS[:, :1], FACTORS[:, 1:]
    shared = shared_information(codes, factors)
    assert shared.mutual.max() == 0
    assert modularity(shared) == 0
    assert mig(shared) == 0
    assert robustness(codes, factors) == pytest.approx(0)
    found = predict_factors(codes, factors, train=TRAIN, test=TEST)
    assert explicitness(found) == pytest.approx(0.5, abs=0.06)
    assert info_explicitness(found) == pytest.approx(0, abs=0.03)


def test_many_codes_that_know_nothing_explain_nothing() -> None:
    """Fitted and measured on the same rows, sixty noise codes explain much; not so here."""
    random = np.random.default_rng(0)
    codes, y = random.standard_normal((160, 60)), random.integers(0, 2, 160)
    rows = np.arange(160)
    same = predict_factors(codes, y, train=rows[:80], test=rows[:80])
    found = predict_factors(codes, y, train=rows[:80], test=rows[80:])
    assert info_explicitness(same) > 0.05
    assert info_explicitness(found) < 0.02


def test_gaussian_total_correlation() -> None:
    z = np.random.default_rng(0).standard_normal((20_000, 2))
    for r in (0.0, 0.6, -0.9):
        codes = np.c_[z[:, 0], r * z[:, 0] + np.sqrt(1 - r * r) * z[:, 1]]
        assert total_correlation(codes) == pytest.approx(-np.log(1 - r * r) / 2, abs=0.02)


def test_runs_that_are_permutations_agree() -> None:
    """R is a permutation matrix if codes are uncorrelated; then max^2 / sum is 1."""
    y = FACTORS.astype(float)
    assert udr([y, -2 * y[:, ::-1]]) == pytest.approx([1, 1])
    # A code that stands for two of the other's counts half: correlations r and r.
    both = y[:, 0] + y[:, 1]
    r = np.corrcoef(both, y[:, 0])[0, 1]
    found = udr([both[:, None], y[:, :2]])[0]
    assert found == pytest.approx((r / 2 + r + r) / 3, abs=0.01)


def test_impurity_of_pure_and_of_mixed_codes() -> None:
    y = grid(values=2, k=2, times=20).astype(bool)
    rows = np.arange(len(y))
    pure = y.astype(float)
    assert oracle_impurity(pure, y) == 0
    assert niche_impurity(pure, y, train=rows[:40], test=rows[40:]) == pytest.approx(0.5)
    # Two copies: what lies outside the niche is noise until the niche is as wide as the copies.
    copies = np.c_[pure, pure]
    assert niche_impurity(copies, y, train=rows[:40], test=rows[40:]) == pytest.approx(0.5)
    # The first code equals both labels at once: AUROC 3/4 for either, where labels have 1 and 1/2.
    mixed = np.c_[y.all(axis=1), y[:, 1]].astype(float)
    distance = np.sqrt(2 * 0.25**2)
    assert oracle_impurity(mixed, y, match=np.array([0, 1])) == pytest.approx(distance)


def test_effective_and_contributing_concepts() -> None:
    weights = [[1, 0, -0.5], [0, 0.3, 0]]
    assert effective_concepts(weights) == 1.5
    assert effective_concepts(weights, least=0.4) == 1.0
    codes = np.array([[3.0, 1.0, 2.0], [0.0, 1.0, 0.0]])
    assert contributing_concepts(codes, weights) == 1.5  # two of the first class, one of the second
    assert contributing_concepts(codes, weights, share=0.75) == 1.0
    assert contributing_concepts(np.zeros((2, 3)), weights) == 0


def test_completeness_of_nothing_is_nothing() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 4, 800)
    x = np.eye(4)[y] + 0.1 * random.standard_normal((800, 4))
    train, test = np.arange(400), np.arange(400, 800)
    assert completeness(x, y, x, train=train, test=test).score() == 1
    constant = completeness(np.ones((800, 3)), y, x, train=train, test=test)
    assert constant.score() == 0
    noise = [
        completeness(random.standard_normal((800, 3)), y, x, train=train, test=test).score()
        for _ in range(20)
    ]
    assert np.mean(noise) == pytest.approx(0, abs=0.02)


def test_completeness_is_of_linear_discriminants() -> None:
    random = np.random.default_rng(5)
    y = random.choice(4, 3000, p=[0.6, 0.2, 0.15, 0.05])
    x = random.standard_normal((4, 12))[y] + random.standard_normal((3000, 12)) @ (
        random.standard_normal((12, 12)) / 3
    )
    train, test = np.arange(1500), np.arange(1500, 3000)
    found = completeness(x[:, :5], y, x, train=train, test=test)
    for columns, right in ((5, found.by_concepts), (12, found.by_vectors)):
        reference = LinearDiscriminantAnalysis(priors=[0.25] * 4)
        said = reference.fit(x[train, :columns], y[train]).predict(x[test, :columns])
        # It also weights the covariances of classes alike; what is left is rows at the borders.
        assert np.mean((said == y[test]) == right) > 0.99
    assert 0.5 < found.score() < 0.95


def test_shares_of_completeness() -> None:
    """Shapley values add up; copies share, and neither is missed alone."""
    y = grid(values=2, k=2, times=30)
    outcome = 2 * y[:, 0] + y[:, 1]
    concepts = np.c_[y[:, 0], y[:, 0], y[:, 1], 0 * y[:, 0]].astype(float)
    rows = np.arange(len(y))
    x = np.eye(4)[outcome]
    table = completeness_shares(
        concepts, outcome, x, train=rows[:60], test=rows[60:], names=list("abcd"), permutations=400
    )
    shares = dict(zip(table["concept"], table["shapley"], strict=True))
    lost = dict(zip(table["concept"], table["left_out"], strict=True))
    assert sum(shares.values()) == pytest.approx(1)
    assert lost["a"] == lost["b"] == lost["d"] == shares["d"] == 0
    assert lost["c"] == pytest.approx(2 / 3)  # (1 - 1/2) / (1 - 1/4)
    # It adds 1/3 where it comes before both copies, one order in three, and 2/3 elsewhere.
    assert shares["c"] == pytest.approx(5 / 9, abs=0.03)
    assert shares["a"] == pytest.approx(2 / 9, abs=0.03)


def test_fidelity_and_activity() -> None:
    x = np.random.default_rng(0).standard_normal((50, 4))
    mean = x.mean(axis=0)
    whole = rebuild(x, np.eye(4), x)
    assert (whole.fvu(), whole.shrinkage()) == (0, 1)
    assert whole.mean_cosine() == pytest.approx(1)
    none = rebuild(0 * x, np.eye(4), x, mean)
    assert none.fvu() == pytest.approx(1)
    short = rebuild(0.8 * (x - mean), np.eye(4), x, mean)
    assert short.fvu() == pytest.approx(0.04)
    assert short.shrinkage() == pytest.approx(0.8)
    found = activity([[1.0, 1.0, 0, 0], [0, 0, 3.0, 0]])
    assert found.active.tolist() == [2, 1]
    assert found.strength.tolist() == [2, 3]
    assert np.exp(found.spread) == pytest.approx([2, 1])
    assert found.dead_share() == 0.25
    assert found.use_entropy() == pytest.approx(np.log(3) / np.log(4))
    assert max_atom_cosine([[1, 0], [2, 0], [0, 1]]) == pytest.approx([1, 1, 0])


def test_niches_are_fitted_as_ridge_does() -> None:
    """The shared products give what a fit of these columns alone gives, at the same penalty."""
    random = np.random.default_rng(0)
    x, y = random.standard_normal((300, 8)), random.random((300, 2)) < 0.4
    x[:, 0] += y[:, 0]
    train, test = np.arange(200), np.arange(200, 300)
    found = niches(x, y, train=train, test=test)
    inside = np.abs(np.corrcoef(x[train, 0], y[train, 0])[0, 1])
    level = int(inside * 10)  # levels at 0.05, 0.15, ...: the last that the first code exceeds
    level -= level + 0.5 > 10 * inside
    outside = np.flatnonzero(np.abs([np.corrcoef(c, y[train, 0])[0, 1] for c in x[train].T])
                             <= (level + 0.5) / 10)  # fmt: skip
    assert 0 not in outside
    target = y[train, :1].astype(float)
    penalty = ridge_penalty(x[train], y[train].astype(float))
    penalty *= np.square(x[train] - x[train].mean(0)).sum() / 8
    penalty /= np.square(x[train][:, outside] - x[train][:, outside].mean(0)).sum() / len(outside)
    weights, _ = ridge(x[train][:, outside], target, penalty=penalty)
    expected = x[test][:, outside] @ weights[:, 0]
    assert found.said[:, 0, level] == pytest.approx(expected)


def test_attributes_of_a_shortlist_are_those_of_all() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 3, (300, 2))
    size = random.standard_normal(300)
    codes = random.standard_normal((300, 30))
    codes[:, [3, 7]] += 2 * y
    codes[:, 11] = size + 0.1 * random.standard_normal(300)
    factors = as_factors(np.c_[y, size], discrete=[True, True, False])
    rows = {"train": np.arange(150), "test": np.arange(150, 300)}
    whole = attribute_scores(codes, factors, **rows)
    short = attribute(codes, factors, most=6, **rows)
    # Which noise comes second is left to chance.
    assert sap(short.scores()) == pytest.approx(sap(whole), abs=0.03)
    for f in range(3):
        assert short.scores()[:, f] == pytest.approx(whole[short.latents[f], f])
    assert whole.argmax(axis=0).tolist() == [3, 7, 11]


def test_total_correlation_without_some_rows() -> None:
    random = np.random.default_rng(0)
    dense = random.standard_normal((200, 6)) @ random.standard_normal((6, 6))
    sparse = np.maximum(random.standard_normal((200, 30)) - 2.2, 0)
    for codes in (dense, sparse):
        kept = np.arange(200) % 10 != 3
        rest = moments(codes).less(moments(codes[~kept]))
        assert rest.total_correlation() == pytest.approx(total_correlation(codes[kept]))
    # A code of one row, which is taken away, is none.
    alone = np.c_[dense, np.arange(200) == 3]
    rest = moments(alone).less(moments(alone[~kept]))
    assert rest.total_correlation() == pytest.approx(total_correlation(dense[kept]))


def test_probes_of_sparse_and_of_dense_inputs_are_the_same() -> None:
    """Zeros change how a probe is fitted, not what it finds."""
    random = np.random.default_rng(0)
    x = np.maximum(random.standard_normal((400, 12)) - 1.2, 0)
    y = x[:, 0] + x[:, 1] + 0.3 * random.standard_normal(400) > 0.3
    probe = fit_probe(x, y, strength=0.1)
    moved = fit_probe(x + 5, y, strength=0.1)  # nothing is zero
    assert probe.weights == pytest.approx(moved.weights, abs=0.05)
    assert probe.scores(x) == pytest.approx(moved.scores(x + 5), abs=0.1)


def test_atoms_found_again() -> None:
    atoms = np.eye(6)
    assert stability(atoms, atoms[::-1]) == 1
    assert stability(atoms, atoms[:3]) == 0.5
    turned = atoms.copy()
    turned[0] = [0.6, 0.8, 0, 0, 0, 0]
    assert stability(atoms, turned) == pytest.approx(5 / 6)


def test_items_that_are_sums_of_their_concepts() -> None:
    y = grid(values=2, k=3, times=1).astype(bool)
    x = y * np.array([1.0, 2.0, 3.0])
    left = compositionality(np.eye(3), x, y, mean=np.zeros(3))
    assert left[y.any(axis=1)] == pytest.approx(0)
    # A direction at 45 degrees of the truth leaves half.
    aside = compositionality([[1.0, 1.0]], [[1.0, 0.0]], [[True]], mean=[0, 0])
    assert aside == pytest.approx([0.5])


def test_total_correlation_of_sparse_codes_is_seen() -> None:
    """Two latents that always fire together, among many that do not."""
    random = np.random.default_rng(0)
    codes = (random.random((2000, 12)) < 0.05).astype(float)
    apart = total_correlation(codes)
    codes[:, 1] = codes[:, 0]
    assert apart < 0.1
    assert 2 < total_correlation(codes) < 4  # -ln(1 - 0.999 ** 2) / 2
