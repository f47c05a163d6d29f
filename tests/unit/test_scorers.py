"""Scorers without a language model: closed forms, counts, bands, groups, judges, contradictions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, pearsonr, spearmanr
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from semascope.core import InputError
from semascope.lexicon import ByWords, Contrast
from semascope.measure import (
    agreement,
    coherence,
    contradictions,
    decide,
    intruder,
    judged,
    predicted_strength,
    rank_correlations,
    ranking,
    rule_scores,
    steering,
    train_judge,
    trust_by_band,
    trust_by_group,
    verify_name,
)
from semascope.vectors import as_source


class Fixed:
    """A relevance with a score for every name and row."""

    def __init__(self, **table: np.ndarray) -> None:
        self.table = table

    def __call__(self, names, rows):
        return np.stack([self.table[name][rows] for name in names]).astype(float)


def contrast(n: int, near: int, other: int) -> Contrast:
    strength = np.linspace(2, 1, n, dtype=np.float32)
    rows = np.arange(n + near + other)
    return Contrast(rows[:n], strength, rows[n : n + near], rows[n + near :])


few_values = st.lists(st.integers(0, 4).map(float), min_size=12, max_size=12)


@settings(max_examples=60, deadline=None)
@given(few_values, st.integers(1, 3))
def test_intruder_is_the_count_over_all_draws(scores: list[float], k: int) -> None:
    rows = contrast(5, 3, 4)
    value = intruder("x", rows, Fixed(x=np.array(scores)), k=k).value
    drawn = []
    for odd in scores[5:]:
        for shown in combinations(scores[:5], k):
            lowest = min(odd, *shown)
            drawn.append((odd == lowest) / [odd, *shown].count(lowest))
    assert value == pytest.approx(np.mean(drawn))


def test_intruder_among_one_is_the_auroc() -> None:
    random = np.random.default_rng(0)
    relevance = Fixed(x=random.integers(0, 6, 60) + 2 * (np.arange(60) < 25), y=random.random(60))
    rows = contrast(25, 15, 20)
    one, area = intruder("x", rows, relevance, ["y"], k=1), ranking("x", rows, relevance, ["y"])
    assert one.value == pytest.approx(area.value)
    assert one.null == pytest.approx(area.null)
    assert one.low == pytest.approx(area.low, abs=0.02)
    assert one.high == pytest.approx(area.high, abs=0.02)


def test_rule_scores_are_those_of_scikit_learn_on_the_sample() -> None:
    random = np.random.default_rng(1)
    scores = random.random(90) + 0.4 * (np.arange(90) < 30)
    found = rule_scores("x", contrast(30, 20, 40), Fixed(x=scores), threshold=0.8)
    truth, said = np.arange(90) < 30, scores >= 0.8
    assert found.precision.value == pytest.approx(precision_score(truth, said))
    assert found.recall.value == pytest.approx(recall_score(truth, said))
    assert found.f1.value == pytest.approx(f1_score(truth, said))
    for score in found:
        assert score.low < score.value < score.high
        assert score.n == 90


def test_rule_scores_weigh_the_sample_to_all_rows() -> None:
    # 10 of 1,000 rows are active. The name hears these, all near-misses, and a tenth of others.
    scores = np.r_[np.ones(10), np.ones(10), np.ones(2), np.zeros(18)]
    found = rule_scores("x", contrast(10, 10, 20), Fixed(x=scores), n_active=10, n_rows=1000)
    assert found.precision.value == pytest.approx(10 / (10 + 10 + 98))
    assert found.recall.value == 1.0
    assert found.precision.null == pytest.approx(0.01)


def test_name_that_says_yes_to_nothing_has_no_precision() -> None:
    found = rule_scores("x", contrast(5, 5, 5), Fixed(x=np.zeros(15)))
    assert (found.precision.value, found.recall.value, found.f1.value) == (0, 0, 0)
    assert "yes to no row" in found.precision.note


@pytest.mark.parametrize("kind", ["spearman", "pearson"])
def test_predicted_strength_is_the_plain_correlation_where_all_rows_are_drawn(kind: str) -> None:
    random = np.random.default_rng(2)
    rows = contrast(20, 10, 40)
    scores = np.round(random.random(70) + 0.3 * (np.arange(70) < 20), 1)
    truth = np.r_[rows.activations, np.zeros(50)]
    found = predicted_strength("x", rows, Fixed(x=scores), n_active=20, n_rows=70, kind=kind)
    oracle = {"spearman": spearmanr, "pearson": pearsonr}[kind]
    assert found.value == pytest.approx(oracle(scores, truth)[0])
    assert found.low < found.value < found.high


def test_predicted_strength_weighs_rows_by_what_they_stand_for() -> None:
    """Repeating the random rows as often as they stand for others gives the same value."""
    random = np.random.default_rng(3)
    scores = random.random(50) + 0.5 * (np.arange(50) < 15)
    found = predicted_strength(
        "x", contrast(15, 10, 25), Fixed(x=scores), n_active=30, n_rows=30 + 10 + 100
    )
    repeated = np.r_[np.tile(scores[:15], 2), scores[15:25], np.tile(scores[25:], 4)]
    strength = np.linspace(2, 1, 15, dtype=np.float32)
    truth = np.r_[np.tile(strength, 2), np.zeros(110)]
    assert found.value == pytest.approx(spearmanr(repeated, truth)[0])
    with pytest.raises(InputError, match="14 active of 140 rows cannot hold the 15 active"):
        predicted_strength("x", contrast(15, 10, 25), Fixed(x=scores), n_active=14, n_rows=140)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_rows_without_an_answer_are_failures_and_counted(share: float) -> None:
    random = np.random.default_rng(4)
    scores = random.random(80) + (np.arange(80) < 40)
    lost = random.random(80) < share
    answered = np.where(lost, np.nan, scores)
    rows = contrast(40, 20, 20)
    truth = np.arange(80) < 40
    verdict = verify_name("x", rows, Fixed(x=answered, y=answered), ["y"], threshold=1.0)
    others = [
        ranking("x", rows, Fixed(x=answered)),
        intruder("x", rows, Fixed(x=answered)),
        rule_scores("x", rows, Fixed(x=answered)).f1,
        predicted_strength("x", rows, Fixed(x=answered), n_active=40, n_rows=80),
    ]
    for score in (verdict.trust, *others):
        assert score.failures == lost.sum()
        assert score.n == 80 - lost.sum()
        assert sum(score.by_band) == (truth & ~lost).sum()
        assert len(score.by_band) == 4
    assert verdict.trust.value == pytest.approx(roc_auc_score(truth[~lost], scores[~lost]))


def test_side_without_answers_gives_no_score() -> None:
    scores = np.r_[np.full(9, np.nan), 1.0, np.ones(10)]
    rows = contrast(10, 5, 5)
    assert ranking("x", rows, Fixed(x=scores)) is None
    assert verify_name("x", rows, Fixed(x=scores), [], threshold=1.0) is None
    assert intruder("x", contrast(3, 5, 5), Fixed(x=np.arange(13.0)), k=4) is None


def test_other_names_without_answers_are_no_failures_of_this_one() -> None:
    scores = np.arange(20.0)[::-1]
    score = ranking("x", contrast(10, 5, 5), Fixed(x=scores, y=np.full(20, np.nan)), ["y"])
    assert (score.failures, score.null) == (0, 0.5)


# Items, interventions ----------------------------------------------------------------------------


def clouds(n: int = 30, d: int = 12, seed: int = 0) -> np.ndarray:
    """Two clouds of rows: the first `n` around the first axis, the others around the second."""
    random = np.random.default_rng(seed)
    x = 0.25 * random.standard_normal((2 * n, d))
    x[:n, 0] += 1
    x[n:, 1] += 1
    return x.astype(np.float32)


def test_items_that_belong_together_show_an_intruder_and_mixed_ones_do_not() -> None:
    source = as_source(clouds())
    together = coherence(contrast(30, 10, 20), source)
    assert together.value > 0.9
    assert together.null == pytest.approx(0.2)
    random = np.random.default_rng(1).permutation(60)
    ones = np.ones(30, dtype=np.float32)
    mixed = coherence(Contrast(random[:30], ones, random[30:40], random[40:]), source)
    assert mixed.low <= 0.2 <= mixed.high
    assert coherence(contrast(30, 10, 20), source) == together


@pytest.mark.parametrize("how", ["add", "ablate"])
def test_steering_moves_items_to_what_the_name_says(how: str) -> None:
    x = clouds()
    texts = ByWords(pl.Series(["tea"] * 30 + ["car"] * 30))
    rows = contrast(30, 5, 25)
    settings = {"source": as_source(x), "pool": np.arange(60), "how": how, "k": 5}
    atom = np.zeros(12, dtype=np.float32)
    atom[0] = 1
    right = steering("tea", rows, texts, ["car"], atom=atom, **settings)
    assert right.value > 0.8
    assert right.null < 0.2
    wrong = steering("car", rows, texts, ["tea"], atom=atom, **settings)
    assert wrong.value == pytest.approx(right.null)
    aside = np.zeros(12, dtype=np.float32)
    aside[5] = 1e-6
    assert steering("tea", rows, texts, atom=aside, **settings).value == pytest.approx(0.5)


# Judge -------------------------------------------------------------------------------------------


def worded(n_concepts: int = 16, each: int = 20, seed: int = 0):
    """Concepts whose name stands in most of their texts, and in few others."""
    random = np.random.default_rng(seed)
    names = [f"w{j}" for j in range(n_concepts)]
    topic = np.repeat(np.arange(n_concepts), each)
    shown = np.where(random.random(len(topic)) < 0.2, random.permutation(topic), topic)
    texts = pl.Series([f"about {names[t]}" for t in shown])
    drawn = []
    for j in range(n_concepts):
        active, rest = np.flatnonzero(topic == j), random.permutation(np.flatnonzero(topic != j))
        drawn.append(Contrast(active, np.ones(each, np.float32), rest[:10], rest[10:30]))
    return names, texts, drawn


def test_judge_learns_from_other_concepts_and_applies_to_this_one() -> None:
    names, texts, drawn = worded()
    scores = judged(names, drawn, ByWords(texts), texts=texts)
    plain = [ranking(name, c, ByWords(texts)) for name, c in zip(names, drawn, strict=True)]
    assert np.mean([s.value for s in scores]) == pytest.approx(
        np.mean([s.value for s in plain]), abs=0.03
    )
    assert np.mean([s.null for s in scores]) == pytest.approx(0.5, abs=0.05)
    wrong = judged([*names[1:], names[0]], drawn, ByWords(texts), texts=texts)
    assert np.mean([s.value for s in wrong]) < 0.55


def test_judge_never_sees_the_rows_of_the_concept_that_it_judges() -> None:
    """Whatever fires for a concept, the judge gives its rows the same probabilities."""
    names, texts, drawn = worded(n_concepts=12)
    relevance = ByWords(texts)
    first = judged(names, drawn, relevance, texts=texts, seed=3)
    turned = list(drawn)
    # The same rows, with active and inactive ones exchanged: the score is its own mirror image.
    turned[4] = Contrast(
        drawn[4].inactive, np.ones(30, np.float32), drawn[4].active[:10], drawn[4].active[10:]
    )
    second = judged(names, turned, relevance, texts=texts, seed=3)
    assert second[4].value == pytest.approx(1 - first[4].value)
    assert first[4].value > 0.8


def test_judge_of_random_concepts_is_at_chance() -> None:
    random = np.random.default_rng(5)
    texts = worded()[1]
    drawn = []
    for _ in range(16):
        order = random.permutation(len(texts))
        drawn.append(Contrast(order[:20], np.ones(20, np.float32), order[20:30], order[30:50]))
    scores = judged([f"w{j}" for j in range(16)], drawn, ByWords(texts), texts=texts)
    assert np.mean([s.value for s in scores]) == pytest.approx(0.5, abs=0.06)


def test_judge_needs_names_to_learn_from() -> None:
    names, texts, drawn = worded(n_concepts=5)
    with pytest.raises(InputError, match="5 names in 5 folds leave fewer than 5"):
        judged(names, drawn, ByWords(texts))
    with pytest.raises(InputError, match="at least 5 names"):
        train_judge(names[:3], drawn[:3], ByWords(texts))


# Agreement ---------------------------------------------------------------------------------------


def test_agreement_is_that_of_friedmans_test() -> None:
    random = np.random.default_rng(6)
    columns = {f"s{i}": np.round(random.random(25) + np.arange(25) / 30, 1) for i in range(4)}
    score = agreement(pl.DataFrame(columns))
    # Friedman ranks within concepts; Kendall's W ranks concepts within scorers: the transpose.
    statistic = friedmanchisquare(*np.array(list(columns.values())).T).statistic
    assert score.value == pytest.approx(statistic / (4 * 24))
    assert score.low <= score.value <= score.high
    assert score.null == 0.25
    pairs = rank_correlations(pl.DataFrame(columns))
    assert len(pairs) == 6
    assert pairs["value"][0] == pytest.approx(spearmanr(columns["s0"], columns["s1"])[0])


def test_agreement_of_unrelated_scorers_is_its_null_and_lost_scores_are_counted() -> None:
    random = np.random.default_rng(7)
    table = pl.DataFrame({f"s{i}": random.random(400) for i in range(5)})
    assert agreement(table).value == pytest.approx(0.2, abs=0.03)
    holes = table.with_columns(pl.when(pl.col("s0") < 0.9).then("s0").alias("s0"))
    score = agreement(holes)
    assert score.failures == holes["s0"].null_count()
    assert score.n + score.failures == 400
    with pytest.raises(InputError, match="at least two scorers"):
        agreement(table.select("s0"))


# Bands and groups --------------------------------------------------------------------------------


def test_bands_and_groups_part_the_rows() -> None:
    random = np.random.default_rng(8)
    rows = contrast(42, 20, 30)
    fit = random.random(92)
    fit[:20] += 1  # only the strongest half of the rows shows what the name says
    relevance = Fixed(a=fit, b=random.random(92))
    drawn = [rows, rows]
    bands = trust_by_band(["a", "b"], drawn, lambda j: relevance, ids=["c0", "c1"])
    assert bands["group"].to_list() == [f"band {i}" for i in (1, 2, 3, 4)] * 2
    first = bands.filter(concept="c0")
    assert first["n_active"].sum() == 42
    assert (first["value"] > 0.9).to_list()[:1] == [True]
    assert first["value"][3] == pytest.approx(0.5, abs=0.2)
    assert first["p"][0] < 1e-3 < first["p"][3]
    language = pl.Series(["en", "fr", None, "xx"] * 22 + ["en"] * 4)
    groups = trust_by_group(["a", None], drawn, lambda j: relevance, language)
    assert groups["group"].to_list() == ["en", "fr", "xx"]
    for group, value, n in groups.select("group", "value", "n_active").iter_rows():
        inside = (language == group).fill_null(False).to_numpy()
        assert n == inside[:42].sum()
        assert value == pytest.approx(roc_auc_score((np.arange(92) < 42)[inside], fit[inside]))


def test_groups_that_do_not_cover_the_rows_are_refused() -> None:
    with pytest.raises(InputError, match="5 rows have a group, and row 19"):
        trust_by_group(["a"], [contrast(10, 5, 5)], lambda j: None, pl.Series(["x"] * 5))


# Verdicts ----------------------------------------------------------------------------------------


def test_verdicts_follow_the_stated_rule() -> None:
    table = pl.DataFrame(
        {"p": [1e-6, 1e-6, 0.04, 0.9, None], "trust_low": [0.7, 0.69, 0.9, 0.9, 0.9]}
    )
    out = decide(table)
    assert out["verdict"].to_list() == ["trusted", "weak", "rejected", "rejected", None]
    assert out["q"].to_list()[:3] == pytest.approx([2e-6, 2e-6, 0.04 * 4 / 3])
    assert decide(table, level=0.1)["verdict"][2] == "trusted"
    assert decide(table, least=0.6)["verdict"][1] == "trusted"
    assert decide(out).equals(out)
    nobody = decide(table.filter(pl.col("p").is_null()))
    assert nobody["verdict"].to_list() == [None]
    with pytest.raises(InputError, match="level"):
        decide(table, level=0)


# Contradictions ----------------------------------------------------------------------------------


def test_contradictions_are_the_rows_on_the_wrong_side_strongest_first() -> None:
    random = np.random.default_rng(9)
    scores = random.random(70) + 0.3 * (np.arange(70) < 30)
    rows = contrast(30, 20, 20)
    found = contradictions("x", rows, Fixed(x=scores), threshold=0.6, most=5)
    wrong = [i for i in range(30, 70) if scores[i] >= 0.6]
    missed = [i for i in range(30) if scores[i] < 0.6]
    assert found.n_false_positives == len(wrong)
    assert found.n_false_negatives == len(missed)
    assert found.false_positives["row"].to_list() == sorted(wrong, key=lambda i: -scores[i])[:5]
    assert found.false_negatives["row"].to_list() == missed[:5]
    assert found.better is None
    elsewhere = Contrast(rows.active[:3], rows.activations[:3], rows.near[:1], rows.other[:0])
    assert contradictions("x", rows, Fixed(x=scores), listed=elsewhere).n_active == 3


def test_better_name_is_proposed_from_and_chosen_on_other_rows() -> None:
    random = np.random.default_rng(10)
    rows = contrast(40, 20, 40)
    active = np.arange(100) < 40
    relevance = Fixed(
        poor=random.random(100), good=random.random(100) + active, bad=random.random(100)
    )
    seen: list[Contrast] = []

    def propose(part: Contrast) -> list[str]:
        seen.append(part)
        return ["bad", "good", "good", "poor"]

    found = contradictions("poor", rows, relevance, propose=propose)
    assert (found.better, found.tried) == ("good", 2)
    assert len(seen) == 1
    choosing = set(seen[0].active) | set(seen[0].inactive)
    assert len(choosing) == 50
    assert found.gain.n == found.better_trust.n == found.trust.n == 50
    reporting = np.array(sorted(set(range(100)) - choosing))
    value = roc_auc_score(active[reporting], relevance.table["good"][reporting])
    assert found.better_trust.value == pytest.approx(value)
    assert found.gain.value == pytest.approx(value - found.trust.value)
    assert found.gain.low > 0
