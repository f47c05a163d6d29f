"""Effects against Welch, statsmodels and refits; error rates and coverage on planted outcomes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import false_discovery_control, ttest_ind

from semascope.core import InputError
from semascope.explain import (
    Setting,
    by_subgroup,
    dose,
    effects,
    knockoff_filter,
    marginal,
    read_outcome,
    stability,
)
from semascope.explain.cox import RiskSets
from semascope.explain.knockoffs import gaussian_knockoffs

sm = pytest.importorskip("statsmodels.api")

SHUFFLES = 500


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)


def shown(random: np.random.Generator, n: int, m: int, share: float = 0.2) -> np.ndarray:
    """Activity of concepts some of which are often shown together."""
    strength = random.standard_normal((n, m)) + 0.6 * random.standard_normal((n, 1))
    return (strength > np.quantile(strength, 1 - share)).astype(float)


# Against references --------------------------------------------------------------------------


def test_without_covariates_it_is_nearly_welch(random: np.random.Generator) -> None:
    x = shown(random, 200, 1)
    y = random.standard_normal(200) * (1 + 2 * x[:, 0]) + x[:, 0]
    found = effects(x, y)
    test = ttest_ind(y[x[:, 0] == 1], y[x[:, 0] == 0], equal_var=False)
    ends = test.confidence_interval()
    assert found.effect[0] == pytest.approx(y[x[:, 0] == 1].mean() - y[x[:, 0] == 0].mean())
    assert found.error[0] == pytest.approx(found.effect[0] / test.statistic)
    assert [found.low[0], found.high[0]] == pytest.approx([ends.low, ends.high], abs=0.1)


def test_weights_and_covariates_as_statsmodels(random: np.random.Generator) -> None:
    x, z = shown(random, 150, 3), random.standard_normal((150, 2))
    y, w = z @ [1, -1] + x[:, 1] + random.standard_normal(150), random.random(150) + 0.2
    found = effects(x, y, adjust=z, weights=w)
    for j in range(3):
        model = sm.WLS(y, np.column_stack([np.ones(150), z, x[:, j]]), weights=w)
        fit = model.fit()
        assert found.effect[j] == pytest.approx(fit.params[-1])
        errors = (fit.bse[-1], fit.get_robustcov_results("HC2").bse[-1])
        assert found.error[j] == pytest.approx(max(errors))
    hits = (y > 0).astype(float)
    found = effects(x, hits, adjust=z, binary=True)
    fit = sm.OLS(hits, np.column_stack([np.ones(150), z, x[:, 0]])).fit(cov_type="HC2")
    assert found.effect[0] == pytest.approx(fit.params[-1])
    assert found.error[0] == pytest.approx(fit.bse[-1], rel=0.05)  # four rows were added


def test_groups_are_a_jackknife_over_refits(random: np.random.Generator) -> None:
    groups = np.repeat(np.arange(25), 6)
    x, z = shown(random, 150, 2), random.standard_normal((150, 1))
    y = random.standard_normal(25)[groups] + x[:, 0] + random.standard_normal(150)
    found = effects(x, y, adjust=z, groups=groups)
    for j in range(2):
        design = np.column_stack([np.ones(150), z, x[:, j]])
        whole = sm.OLS(y, design).fit()
        left = [sm.OLS(y[groups != g], design[groups != g]).fit().params[-1] for g in range(25)]
        error = np.sqrt(24 / 25 * ((np.array(left) - whole.params[-1]) ** 2).sum())
        assert found.error[j] == pytest.approx(error)
        usual = sm.OLS(y, design).fit(cov_type="cluster", cov_kwds={"groups": groups})
        assert found.error[j] == pytest.approx(usual.bse[-1], rel=0.25)


def test_counts_as_statsmodels(random: np.random.Generator) -> None:
    x, z = shown(random, 400, 1), random.standard_normal((400, 1))
    y = random.poisson(np.exp(0.5 + 0.4 * x[:, 0] + 0.3 * z[:, 0]))
    setting = Setting(read_outcome(y, "count"), covariates=pl.DataFrame({"z": z[:, 0]}))
    found = marginal(setting.problem(np.arange(400)), x)
    design = np.column_stack([np.ones(400), z, x])
    fit = sm.GLM(y, design, family=sm.families.Poisson()).fit(cov_type="HC0")
    assert found.effect[0] == pytest.approx(np.exp(fit.params[-1]))
    assert found.error[0] == pytest.approx(fit.bse[-1], rel=0.1)  # HC2 and dispersion against HC0


def test_survival_as_statsmodels(random: np.random.Generator) -> None:
    x = shown(random, 300, 1)
    born = random.exponential(1 / np.exp(0.7 * x[:, 0]))
    seen = random.exponential(1.5, 300)
    event, time = (born <= seen).astype(float), np.minimum(born, seen)
    found = marginal(
        Setting(read_outcome(event, "survival", duration=time)).problem(np.arange(300)), x
    )
    fit = sm.PHReg(time, x, status=event, ties="efron").fit()
    ends = np.exp(fit.conf_int()[0])
    assert [found.effect[0], found.low[0], found.high[0]] == pytest.approx(
        [np.exp(fit.params[0]), *ends]
    )


def test_cox_with_ties_weights_and_groups_as_statsmodels(random: np.random.Generator) -> None:
    n = 240
    x = np.column_stack([shown(random, n, 1)[:, 0], random.standard_normal(n)])
    born = random.exponential(np.exp(-0.7 * x[:, 0] - 0.3 * x[:, 1]))
    event, time = (born < 1.2).astype(float), np.minimum(born, 1.2)
    tied = np.ceil(8 * time)
    fit = sm.PHReg(tied, x, status=event, ties="efron").fit()
    found = RiskSets(tied, event).fit(x)
    assert found is not None
    assert found.coefficients == pytest.approx(fit.params)
    assert found.errors == pytest.approx(fit.bse)
    # Whole weights are rows that are there so often; without ties Efron's method is Breslow's.
    weights = random.integers(0, 4, n)
    row = np.repeat(np.arange(n), weights)
    fit = sm.PHReg(time[row], x[row], status=event[row], ties="breslow").fit(groups=row)
    found = RiskSets(time, event, weights=weights.astype(float)).fit(x)
    assert found is not None
    assert found.coefficients == pytest.approx(fit.params)
    count = len(np.unique(row))
    assert found.errors == pytest.approx(fit.bse * np.sqrt(count / (count - 1)))
    authors = np.arange(n) // 6
    fit = sm.PHReg(time, x, status=event, ties="efron").fit(groups=authors)
    found = RiskSets(time, event, groups=authors).fit(x)
    assert found is not None
    assert found.errors == pytest.approx(fit.bse * np.sqrt(40 / 39))
    assert found.dof == 39
    assert RiskSets(time, event).fit(np.column_stack([x, x[:, 0]])) is None  # collinear


def test_robust_errors_of_cox_under_ties_are_those_of_refits(random: np.random.Generator) -> None:
    """The jackknife over groups, to which score residuals are the first step."""
    n, groups = 300, np.arange(300) // 5
    x = shown(random, n, 1)
    born = random.exponential(np.exp(-0.7 * x[:, 0]) * np.repeat(random.gamma(2, 0.5, 60), 5))
    event, time = (born < 1.5).astype(float), np.ceil(6 * np.minimum(born, 1.5))
    found = RiskSets(time, event, groups=groups).fit(x)
    there = []
    for group in range(60):
        rest = groups != group
        fit = RiskSets(time[rest], event[rest]).fit(x[rest])
        assert fit is not None
        there.append(fit.coefficients[0])
    assert found is not None
    spread = np.sqrt(((np.array(there) - np.mean(there)) ** 2).sum() * 59 / 60)
    assert found.errors[0] == pytest.approx(spread, rel=0.05)


def test_ordinal_and_paired_agree_with_their_models(random: np.random.Generator) -> None:
    """Points are easier to read than odds ratios; the evidence has to be the same."""
    from statsmodels.discrete.conditional_models import ConditionalLogit
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    x = shown(random, 400, 1, 0.3)
    levels = np.digitize(0.7 * x[:, 0] + random.logistic(size=400), [-1, 0, 1])
    found = marginal(Setting(read_outcome(levels, "ordinal")).problem(np.arange(400)), x)
    fit = OrderedModel(levels, x, distr="logit").fit(disp=False)
    assert found.effect[0] / found.error[0] == pytest.approx(fit.tvalues[0], rel=0.1)

    pairs = np.arange(400) // 2
    chance = random.logistic(size=400) + 0.8 * x[:, 0]
    won = (chance > chance.reshape(-1, 2).mean(axis=1)[pairs]).astype(int)
    setting = Setting(read_outcome(won, "paired"), pairs=pairs)
    found = marginal(setting.problem(np.arange(400)), x)
    fit = ConditionalLogit(won, x, groups=pairs).fit(disp=False)
    assert found.effect[0] / found.error[0] == pytest.approx(fit.tvalues[0], rel=0.15)
    different = x[::2, 0] != x[1::2, 0]
    rate = won.reshape(-1, 2)[different][x.reshape(-1, 2)[different] == 1].mean()
    assert found.effect[0] == pytest.approx(100 * rate - 50)


def test_classes_are_told_apart_one_by_one(random: np.random.Generator) -> None:
    x, y = shown(random, 200, 2), random.choice(["a", "b", "c"], 200)
    found = marginal(Setting(read_outcome(y)).problem(np.arange(200)), x)
    for level, name in enumerate("abc"):
        one = marginal(Setting(read_outcome(y == name)).problem(np.arange(200)), x)
        assert found.effect[:, level] == pytest.approx(one.effect)
        assert found.p[:, level] == pytest.approx(one.p)


# Error rates ---------------------------------------------------------------------------------


def false_findings(p: np.ndarray, level: float) -> float:
    """Share of shuffles with any finding, which on null outcomes is the false-discovery rate."""
    return float((false_discovery_control(p, axis=0) <= level).any(axis=0).mean())


@pytest.mark.parametrize("kind", ["normal", "skewed", "binary", "rare", "paired"])
def test_null_outcomes_give_no_more_false_findings_than_the_level(
    kind: str, random: np.random.Generator
) -> None:
    n = 160
    x = shown(random, n, 20)
    y = random.standard_normal(n)
    if kind == "skewed":
        y = random.exponential(size=n)
    elif kind in ("binary", "rare"):
        y = (random.random(n) < (0.4 if kind == "binary" else 0.06)).astype(float)
    shuffled = random.permuted(np.repeat(y[:, None], SHUFFLES, axis=1), axis=0)
    if kind == "paired":
        x = x - shown(random, n, 20)
        shuffled = random.choice([-0.5, 0.5], (n, SHUFFLES))
    found = effects(x, shuffled, binary=kind in ("binary", "rare", "paired"),
                    paired=kind == "paired")  # fmt: skip
    # Two standard errors of a share over 500 shuffles.
    assert false_findings(found.p, 0.1) <= 0.1 + 2 * np.sqrt(0.09 / SHUFFLES)


def test_knockoffs_hold_their_level_on_null_outcomes(random: np.random.Generator) -> None:
    x, level = shown(random, 80, 8), 0.34  # three of eight at once, or none
    y = random.standard_normal(80)
    hits = [
        bool((knockoff_filter(x, random.permutation(y), seed=i).q <= level).any())
        for i in range(120)
    ]
    assert np.mean(hits) <= level


def test_knockoffs_find_causes_and_leave_out_companions(random: np.random.Generator) -> None:
    """Of concepts that are shown together, only those that bring something themselves."""
    false, power, marginal_false = [], [], []
    for seed in range(25):
        x = shown(random, 500, 40)
        true = np.arange(40) < 12
        y = x[:, true].sum(axis=1) + random.standard_normal(500)
        kept = knockoff_filter(x, y, seed=seed).q <= 0.1
        false.append((kept & ~true).sum() / max(1, kept.sum()))
        power.append((kept & true).sum() / true.sum())
        alone = false_discovery_control(effects(x, y).p) <= 0.1
        marginal_false.append((alone & ~true).sum() / max(1, alone.sum()))
    assert np.mean(false) <= 0.1 + 0.04
    assert np.mean(power) >= 0.8
    assert np.mean(marginal_false) > 0.2  # what knockoffs are for


def test_two_concepts_that_are_one_cost_the_others_no_power(random: np.random.Generator) -> None:
    """Knockoffs that differ from their columns alike differ as little as the worst of them may."""
    power = []
    for seed in range(6):
        x = shown(random, 500, 40)
        x[:, 39] = np.where(random.random(500) < 0.99, x[:, 38], 0)
        y = 0.7 * x[:, :12].sum(axis=1) + random.standard_normal(500)
        power.append((knockoff_filter(x, y, seed=seed).q[:12] <= 0.1).mean())
    assert np.mean(power) >= 0.8


def test_knockoffs_have_the_moments_of_the_columns(random: np.random.Generator) -> None:
    covariance = 0.5 ** np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    x = random.multivariate_normal(np.zeros(4), covariance, 100_000)
    copies = gaussian_knockoffs(x, covariance, random)
    both = np.cov(np.hstack([x, copies]).T)
    assert both[4:, 4:] == pytest.approx(covariance, abs=0.02)
    swapped = both[:4, 4:] - np.diag(np.diag(both[:4, 4:]))
    assert swapped == pytest.approx(covariance - np.eye(4), abs=0.02)
    assert (np.diag(both[:4, 4:]) < 0.7).all()


@pytest.mark.parametrize(
    ("kind", "n", "share"),
    [
        ("normal", 100, 0.2),
        ("unequal", 100, 0.3),
        ("skewed", 300, 0.2),
        ("binary", 120, 0.25),
        ("rare", 300, 0.15),
        ("adjusted", 150, 0.2),
        ("groups", 240, 0.2),
        ("paired", 150, 0.3),
    ],
)
def test_intervals_of_planted_effects_cover_at_their_level(
    kind: str, n: int, share: float, random: np.random.Generator
) -> None:
    covered, strong = [], []
    for _ in range(100):
        x = (random.random((n, 8)) < share).astype(float)
        truth = np.zeros(8)
        truth[0] = 0.8
        y, how = random.standard_normal(n) + 0.8 * x[:, 0], {}
        if kind == "unequal":
            y = random.standard_normal(n) * (1 + 2 * x[:, 0]) + 0.8 * x[:, 0]
        elif kind == "skewed":
            y = random.exponential(size=n) + 0.8 * x[:, 0]
        elif kind in ("binary", "rare"):
            base, truth[0] = (0.3, 0.35) if kind == "binary" else (0.04, 0.2)
            y, how = (random.random(n) < base + truth[0] * x[:, 0]).astype(float), {"binary": True}
        elif kind == "adjusted":
            z = x[:, 0] + random.standard_normal(n)
            y, how = y + 2 * z, {"adjust": z}
        elif kind == "groups":
            groups = np.arange(n) % 30
            x[:, :4] = (random.random((30, 4)) < 0.4)[groups]
            y = 0.8 * x[:, 0] + random.standard_normal(30)[groups] + random.standard_normal(n)
            how = {"groups": groups}
        elif kind == "paired":
            x = x - (random.random((n, 8)) < share)
            truth[0] = 0.2
            y = np.where(random.random(n) < 0.5 + 0.2 * x[:, 0], 0.5, -0.5)
            how = {"binary": True, "paired": True}
        found = effects(x, y, **how)
        covered.append((found.low <= truth) & (truth <= found.high))
        strong.append(found.p[0] < 0.05)
    print(f"{kind}: coverage {np.mean(covered):.3f}, power {np.mean(strong):.2f}")
    assert 0.92 <= np.mean(covered) <= 0.98
    assert np.mean(strong) > (0.25 if kind in ("groups", "unequal") else 0.7)


def test_groups_matter(random: np.random.Generator) -> None:
    """Concepts that belong to authors, whose outcomes differ: findings without groups, none with.

    Knockoffs as well: they average over authors.
    """
    authors = np.repeat(np.arange(40), 15)
    without, with_groups, kept = [], [], []
    for seed in range(40):
        x = (random.random((40, 12)) < 0.4)[authors].astype(float)
        y = random.standard_normal(40)[authors] + 0.5 * random.standard_normal(600)
        without.append((false_discovery_control(effects(x, y).p) <= 0.05).any())
        p = effects(x, y, groups=authors).p
        with_groups.append((false_discovery_control(p) <= 0.05).any())
        kept.append((knockoff_filter(x, y, groups=authors, seed=seed).q <= 0.25).any())
    assert np.mean(without) > 0.9
    assert np.mean(with_groups) <= 0.15
    assert np.mean(kept) <= 0.25 + 0.1


# Shape and choice ----------------------------------------------------------------------------


def test_shapes_are_recognised(random: np.random.Generator) -> None:
    n = 900
    strength = np.where(random.random(n) < 0.5, random.random(n), 0)
    active = strength > 0
    noise = 0.3 * random.standard_normal(n)
    shapes = {
        "rises": active + 2 * strength,
        "falls": 3 * active - 2 * strength,
        "even": 1.0 * active,
        "bends": 2.0 * (np.abs(strength - 0.5) < 1 / 6),
    }
    for shape, y in shapes.items():
        told = dose(
            Setting(read_outcome(y + noise)).problem(np.arange(n)), strength, (1 / 3, 2 / 3)
        )
        assert told is not None
        assert told.shape == shape, (shape, told)


def test_subgroups_hold_their_level_and_find_what_differs(random: np.random.Generator) -> None:
    n = 600
    side = pl.Series("side", random.choice(["a", "b", "c"], n))
    x = (random.random((n, 400)) < 0.3).astype(float)
    y = random.standard_normal(n) + x[:, 0] * np.where(side.to_numpy() == "a", 2.0, 0.0)
    found = by_subgroup(Setting(read_outcome(y)), x, np.arange(n), side)
    assert found.levels == ("a", "b", "c")
    assert found.p[0] < 0.001
    assert 0.02 <= (found.p[1:] < 0.05).mean() <= 0.1


def test_stability_prefers_causes_to_companions(random: np.random.Generator) -> None:
    x = shown(random, 400, 30)
    y = x[:, :3].sum(axis=1) + random.standard_normal(400)
    often = stability(Setting(read_outcome(y)).problem(np.arange(400)), x)[:, 0]
    assert often[:3].min() > 0.9
    assert often[3:].mean() < 0.3


def test_rows_that_do_not_match_are_refused() -> None:
    with pytest.raises(InputError, match="3 rows, the activity 4"):
        effects(np.eye(4), [1.0, 2.0, 3.0])
