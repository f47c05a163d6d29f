"""No leak and no false discoveries: names that cannot generalise are not trusted."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import kstest, mannwhitneyu

import semascope as sc
from semascope.core import auroc
from semascope.lexicon import Contrast
from semascope.measure import contradictions, decide, p_names, p_rows, ranking, verify_names

NAMES = [f"n{i}" for i in range(60)]


class Fixed:
    """A relevance with a score for every name and row."""

    def __init__(self, table: np.ndarray) -> None:
        self.table = table

    def __call__(self, names, rows):
        return self.table[[int(name[1:]) for name in names]][:, rows]

    def of(self, concept):
        return self


def decided(verdicts) -> np.ndarray:
    table = {"p": [v.p for v in verdicts], "trust_low": [v.trust.low for v in verdicts]}
    return decide(pl.DataFrame(table))["verdict"].to_numpy()


def contrast(active: np.ndarray, inactive: np.ndarray) -> Contrast:
    half = len(inactive) // 2
    strength = np.linspace(2, 1, len(active), dtype=np.float32)
    return Contrast(active, strength, inactive[:half], inactive[half:])


def random_contrasts(random: np.random.Generator, rows: np.ndarray, n: int, m: int):
    drawn = []
    for _ in NAMES:
        order = random.permutation(rows)
        drawn.append(contrast(order[:n], order[n : n + m]))
    return drawn


def test_names_of_random_labels_cover_chance_at_the_nominal_rate() -> None:
    """Each concept fires at random; its name is the best of sixty on the rows that choose names."""
    covered, trusted, chosen_on, tested = 0, 0, [], 0
    for trial in range(12):
        random = np.random.default_rng([1, trial])
        # Names differ in how they score rows in general, as phrases do.
        relevance = Fixed(random.standard_normal((60, 800)) + random.standard_normal(800) / 2)
        rows = np.arange(800)
        held_in = random_contrasts(random, rows[:400], 25, 60)
        held_out = random_contrasts(random, rows[400:], 25, 60)
        best = []
        for c in held_in:
            reached = auroc(relevance(NAMES, np.concatenate([c.active, c.inactive])), 25)
            best.append(NAMES[int(reached.argmax())])
            chosen_on.append(reached.max())
        verdicts = verify_names(best, [0.0] * 60, held_out, relevance.of, seed=trial)
        covered += sum(v.trust.low <= 0.5 <= v.trust.high for v in verdicts)
        trusted += int((decided(verdicts) != "rejected").sum())
        tested += len(verdicts)
    assert np.mean(chosen_on) > 0.6
    assert 0.92 <= covered / tested <= 0.98
    assert trusted <= 1


def test_share_of_false_discoveries_keeps_its_level() -> None:
    """Half of the names say something of their rows; the others are not to pass among them."""
    shares, found = [], []
    for trial in range(25):
        random = np.random.default_rng([2, trial])
        noise = random.standard_normal((60, 500))
        drawn = random_contrasts(random, np.arange(500), 30, 60)
        for j in range(30):
            noise[j, drawn[j].active] += 1.2
        verdicts = verify_names(NAMES, [0.0] * 60, drawn, Fixed(noise).of, seed=trial)
        passed = decided(verdicts) != "rejected"
        shares.append(passed[30:].sum() / max(1, passed.sum()))
        found.append(passed[:30].mean())
    assert np.mean(shares) <= 0.05
    assert np.mean(found) > 0.9


def test_a_name_that_fits_everything_like_others_do_is_no_discovery() -> None:
    """All names rank the active rows high, because these are long: only names can tell."""
    random = np.random.default_rng(3)
    table = random.standard_normal((60, 200))
    table[:, :50] += 1.0
    drawn = [contrast(np.arange(50), np.arange(50, 150))] * 60
    verdicts = verify_names(NAMES, [0.0] * 60, drawn, Fixed(table).of)
    of_rows = [p_rows(np.r_[table[j, :50], table[j, 50:150]], 50) for j in range(60)]
    assert np.median(of_rows) < 1e-4
    assert np.median([v.p for v in verdicts]) > 0.3
    assert (decided(verdicts) == "rejected").mean() > 0.9


@pytest.mark.parametrize(("n", "m"), [(5, 100), (30, 60)])
@pytest.mark.parametrize("kind", ["continuous", "binary", "rare", "levels"])
def test_p_values_of_null_rows_are_valid(kind: str, n: int, m: int) -> None:
    random = np.random.default_rng([4, n])
    draw = {
        "continuous": lambda: random.standard_normal(n + m),
        "binary": lambda: 1.0 * (random.random(n + m) < 0.3),
        "rare": lambda: 1.0 * (random.random(n + m) < 0.02),
        "levels": lambda: 1.0 * random.binomial(3, 0.2, n + m),
    }[kind]
    found = np.array([p_rows(draw(), n, seed=seed) for seed in range(1000)])
    for level in (0.01, 0.05, 0.2):
        # Two and a half standard errors above the level: never too sure.
        assert (found <= level).mean() <= level + 2.5 * np.sqrt(level * (1 - level) / 1000)
    if kind == "continuous":
        assert kstest(found, "uniform").pvalue > 0.001


def test_p_of_rows_is_that_of_the_exact_test() -> None:
    random = np.random.default_rng(5)
    for _ in range(5):
        a, b = random.standard_normal(6) + 0.7, random.standard_normal(7)
        exact = mannwhitneyu(a, b, alternative="greater", method="exact").pvalue
        assert p_rows(np.r_[a, b], 6) == pytest.approx(exact, abs=0.02)


def test_p_of_names_is_uniform_for_one_more_such_name() -> None:
    random = np.random.default_rng(6)
    found = []
    for _ in range(1000):
        scores = 1 / (1 + np.exp(-random.normal(0.2, 0.5, 31)))
        found.append(p_names(scores[0], scores[1:], 100, 100))
    assert kstest(found, "uniform").pvalue > 0.001


def test_a_better_name_is_reported_without_the_luck_of_its_choice() -> None:
    """Fifty names that say nothing: the best looks good where it was chosen, and only there."""
    gains, chosen = [], 0
    for trial in range(150):
        random = np.random.default_rng([7, trial])
        relevance = Fixed(random.standard_normal((51, 160)))
        rows = contrast(np.arange(60), np.arange(60, 160))
        found = contradictions(
            "n50", rows, relevance, propose=lambda c: [f"n{i}" for i in range(50)], seed=trial
        )
        if found.better is None:
            continue
        of = {name: ranking(name, rows, relevance).value for name in (found.better, "n50")}
        chosen += of[found.better] > of["n50"]
        gains.append(found.gain)
    assert len(gains) > 130
    assert chosen > 0.9 * len(gains)
    error = np.std([g.value for g in gains]) / np.sqrt(len(gains))
    # The name in place is as empty as the proposed ones, so the honest gain is none.
    assert abs(np.mean([g.value for g in gains])) < 3 * error
    assert 0.9 <= np.mean([g.low <= 0 <= g.high for g in gains]) <= 0.99


def test_learning_from_vectors_that_have_nothing_to_do_with_the_texts() -> None:
    """From texts to verdicts: concepts fire at random, names are chosen all the same."""
    covered, named, trusted = 0, 0, 0
    for seed in range(3):
        random = np.random.default_rng([8, seed])
        vocabulary = [f"w{i}" for i in range(60)]
        texts = [" ".join(random.choice(vocabulary, 8, replace=False)) for _ in range(1500)]
        frame = pl.DataFrame({"id": [f"{seed}-{i}" for i in range(1500)], "text": texts})
        lex = sc.learn(
            frame, text="text", id="id", vectors=random.standard_normal((1500, 12)),
            components=128, active=3, max_rows=15_000, seed=seed, baseline=False, progress=False,
        )  # fmt: skip
        table = lex.concepts.filter(pl.col("trust").is_not_null())
        named += len(table)
        covered += int(((table["trust_low"] <= 0.5) & (table["trust_high"] >= 0.5)).sum())
        trusted += int((table["verdict"] != "rejected").sum())
        assert (table["held_in"] > 0.6).all()
    assert named >= 30
    assert 0.85 <= covered / named <= 1
    assert trusted <= 1
