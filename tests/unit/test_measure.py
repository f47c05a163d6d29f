"""Trust and label matches: values, intervals, chance levels, and no leaks."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from semascope.core import Codes, InputError
from semascope.lexicon import ByValue, ByWords, Contrast
from semascope.measure import auroc_interval, best_concepts, verify_name, verify_names

values = st.lists(
    st.integers(-3, 3).map(float) | st.floats(-1e6, 1e6, width=32), min_size=1, max_size=25
)


@settings(max_examples=150, deadline=None)
@example([0.0] * 9, [0.0, -1.0])
@given(values, values)
def test_auroc_is_that_of_scikit_learn(positive: list[float], negative: list[float]) -> None:
    value, low, high = auroc_interval(positive, negative, resamples=50)
    truth = [True] * len(positive) + [False] * len(negative)
    assert value == pytest.approx(roc_auc_score(truth, [*positive, *negative]), abs=1e-12)
    assert 0 <= low <= high <= 1


@settings(max_examples=50, deadline=None)
@given(values, values)
def test_swapping_the_sides_mirrors_the_auroc(a: list[float], b: list[float]) -> None:
    assert auroc_interval(a, b)[0] == pytest.approx(1 - auroc_interval(b, a)[0], abs=1e-12)


def test_interval_covers_the_true_auroc() -> None:
    """Two normals a distance apart have AUROC Phi(distance / sqrt 2)."""
    random = np.random.default_rng(0)
    distance, covered, times = 1.0, 0, 400
    true = norm.cdf(distance / np.sqrt(2))
    for seed in range(times):
        a, b = random.standard_normal(60) + distance, random.standard_normal(60)
        _, low, high = auroc_interval(a, b, seed=seed, resamples=400)
        covered += low <= true <= high
    assert 0.91 <= covered / times <= 0.98


def test_interval_shrinks_with_the_rows_and_repeats_with_the_seed() -> None:
    random = np.random.default_rng(1)
    widths = []
    for n in (20, 80, 320):
        a, b = random.standard_normal(n) + 0.5, random.standard_normal(n)
        _, low, high = auroc_interval(a, b)
        assert (low, high) == auroc_interval(a, b)[1:]
        widths.append(high - low)
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]


# Names -------------------------------------------------------------------------------------------


class Fixed:
    """A relevance with a score for every name and row."""

    def __init__(self, table: dict[str, np.ndarray]) -> None:
        self.table = table

    def __call__(self, names, rows):
        return np.stack([self.table[name][rows] for name in names]).astype(np.float32)


def contrast(active: np.ndarray, inactive: np.ndarray) -> Contrast:
    half = len(inactive) // 2
    ones = np.ones(len(active), dtype=np.float32)
    return Contrast(active, ones, inactive[:half], inactive[half:])


def test_null_of_random_scores_is_one_half() -> None:
    random = np.random.default_rng(0)
    relevance = Fixed({f"n{i}": random.random(200) for i in range(51)})
    others = [f"n{i}" for i in range(1, 51)]
    rows = contrast(np.arange(100), np.arange(100, 200))
    verdict = verify_name("n0", rows, relevance, others, threshold=0.5)
    # One AUROC of 100 against 100 random scores has a standard error of 0.041, a mean of 50 less.
    assert verdict.trust.null == pytest.approx(0.5, abs=0.03)
    assert 0.5 < verdict.null_high < 0.6
    assert verdict.trust.low <= 0.5 <= verdict.trust.high


TOPICS = ("tea", "car", "dog", "moon")


def topical(n: int = 160, noise: float = 0.15, seed: int = 0) -> tuple[pl.Series, np.ndarray]:
    """Texts with the word of their topic, of which some lack it, and each row's topic."""
    random = np.random.default_rng(seed)
    topic = np.arange(n) % len(TOPICS)
    shown = np.where(random.random(n) < noise, random.integers(0, len(TOPICS), n), topic)
    return pl.Series([f"about {TOPICS[t]} number {i}" for i, t in enumerate(shown)]), topic


def test_true_names_are_trusted_and_wrong_ones_are_not() -> None:
    texts, topic = topical()
    relevance = ByWords(texts)
    drawn = [contrast(np.flatnonzero(topic == t), np.flatnonzero(topic != t)) for t in range(4)]
    for verdict in verify_names(TOPICS, [0.5] * 4, drawn, lambda j: relevance):
        assert verdict.trust.value > 0.85
        assert verdict.trust.low > verdict.null_high
        assert verdict.trust.low > 0.5 > verdict.trust.null
        assert verdict.balanced_accuracy.low > 0.5
        assert (verdict.n_active, verdict.n_inactive) == (40, 120)
        assert verdict.trust.n == 160
    # A name that says nothing about the concept does no better than chance.
    random = np.random.default_rng(3)
    mixed = [contrast(*np.split(random.permutation(160), [60])) for _ in TOPICS]
    for verdict in verify_names(TOPICS, [0.5] * 4, mixed, lambda j: relevance):
        assert verdict.trust.low <= 0.5 <= verdict.trust.high
    # The name of another concept is below chance, since its texts are among the inactive ones.
    wrong = verify_names([*TOPICS[1:], "tea"], [0.5] * 4, drawn, lambda j: relevance)
    for verdict in wrong:
        assert verdict.trust.high < 0.5
        assert verdict.trust.value < verdict.null_high


def test_verdict_is_that_of_scikit_learn() -> None:
    texts, topic = topical(noise=0.4)
    rows = contrast(np.flatnonzero(topic == 0), np.flatnonzero(topic != 0))
    verdict = verify_name("tea", rows, ByWords(texts), ["car", "dog"], threshold=0.5)
    order = np.concatenate([rows.active, rows.inactive])
    truth = topic[order] == 0
    scores = {w: np.array([w in texts[int(i)].split() for i in order]) for w in TOPICS}
    assert verdict.trust.value == pytest.approx(roc_auc_score(truth, scores["tea"]))
    null = [roc_auc_score(truth, scores[w]) for w in ("car", "dog")]
    assert verdict.trust.null == pytest.approx(np.mean(null))
    assert verdict.null_high == pytest.approx(np.quantile(null, 0.95))
    accuracy = balanced_accuracy_score(truth, scores["tea"])
    assert verdict.balanced_accuracy.value == pytest.approx(accuracy)
    assert verdict.balanced_accuracy.low < accuracy < verdict.balanced_accuracy.high


def test_names_that_cannot_be_tested_have_no_verdict() -> None:
    texts, topic = topical()
    relevance = ByWords(texts)
    rows = np.flatnonzero(topic == 0)
    good = contrast(rows, np.flatnonzero(topic == 1))
    few = contrast(rows[:1], np.flatnonzero(topic == 1))
    none = contrast(rows, rows[:0])
    done: list[int] = []
    out = verify_names(
        ["tea", None, "tea", "tea", "tea"], [0.5, 0.5, None, 0.5, 0.5],
        [good, good, good, few, none], lambda j: relevance, on_done=done.append,
    )  # fmt: skip
    assert [v is not None for v in out] == [True, False, False, False, False]
    assert sum(done) == 5


def test_null_of_a_value_comes_from_values_only() -> None:
    """Phrases cannot be scored by a column's rule, and would pull the null of a value to 0.5."""
    texts, topic = topical()
    items = pl.DataFrame({"text": texts, "kind": [TOPICS[t] for t in topic]})
    by_value, by_words = ByValue(items), ByWords(texts)
    rows = contrast(np.flatnonzero(topic == 0), np.flatnonzero(topic != 0))
    names = ["kind = tea", "kind = car", "dog", "moon"]
    out = verify_names(names, [0.5] * 4, [rows] * 4, lambda j: by_value if j < 2 else by_words)
    assert out[0].trust.value == 1.0
    car = np.isin(np.concatenate([rows.active, rows.inactive]), np.flatnonzero(topic == 1))
    truth = np.arange(160) < 40
    assert out[0].trust.null == pytest.approx(roc_auc_score(truth, car))


# Labels ------------------------------------------------------------------------------------------


def planted(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes of 400 rows, in which latent 5 goes with label 0, and latent 2 with label 1."""
    random = np.random.default_rng(seed)
    labels = random.random((400, 2)) < 0.3
    codes = np.maximum(random.standard_normal((400, 8)), 0)
    codes[:, 5] = np.where(labels[:, 0], random.uniform(0.8, 2, 400), random.uniform(0, 1, 400))
    codes[:, 2] = np.where(labels[:, 1], random.uniform(0.9, 2, 400), random.uniform(0, 1, 400))
    return codes.astype(np.float32), labels


ROWS = np.arange(400)


@pytest.mark.parametrize("kind", [np.asarray, csr_array, Codes.from_scipy])
def test_planted_latents_are_found(kind) -> None:
    codes, labels = planted()
    found = best_concepts(kind(codes), labels, ["a", "b"], choose=ROWS[:250], test=ROWS[250:])
    assert [f.latent for f in found] == [5, 2]
    assert [f.label for f in found] == ["a", "b"]
    for c, match in enumerate(found):
        said = codes[:, match.latent] >= np.float32(match.threshold)
        assert match.f1 == pytest.approx(f1_score(labels[250:, c], said[250:]))
        assert match.f1_chosen == pytest.approx(f1_score(labels[:250, c], said[:250]))
        assert match.f1 > 0.8
        assert match.n == labels[250:, c].sum()


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 30), m=st.integers(1, 5))
def test_no_latent_and_threshold_are_better_than_the_chosen(seed: int, n: int, m: int) -> None:
    """Brute force over every latent and every value; few distinct values make ties."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 4, (n, m)).astype(np.float32)
    labels = random.random((n, 2)) < 0.5
    found = best_concepts(codes, labels, ["a", "b"], choose=np.arange(n), test=np.arange(n))
    for c, match in enumerate(found):
        options = [
            f1_score(labels[:, c], codes[:, j] >= level, zero_division=0)
            for j in range(m)
            for level in np.unique(codes[:, j][codes[:, j] > 0])
        ]
        if not options:
            assert match.f1 == 0
            continue
        assert match.f1_chosen == pytest.approx(max(options))
        # Nothing was left out between choosing and testing on the same rows.
        assert match.f1 == pytest.approx(match.f1_chosen)


def test_random_labels_do_no_better_than_guessing() -> None:
    """The best of many latents looks good where it was chosen, and only there."""
    random = np.random.default_rng(0)
    codes = np.maximum(random.standard_normal((600, 40)), 0)
    labels = random.random((600, 20)) < 0.2
    names = [str(c) for c in range(20)]
    rows = np.arange(600)
    found = best_concepts(codes, labels, names, choose=rows[:100], test=rows[100:])
    guesses = []
    for c, match in enumerate(found):
        said = codes[100:, match.latent] >= match.threshold
        shuffled = [f1_score(labels[100:, c], random.permutation(said)) for _ in range(20)]
        guesses.append(np.mean(shuffled))
    tested = np.mean([f.f1 for f in found])
    assert tested == pytest.approx(np.mean(guesses), abs=0.03)
    assert np.mean([f.f1_chosen for f in found]) > tested + 0.1


def test_rows_for_testing_have_no_say_in_the_choice() -> None:
    codes, labels = planted()
    first = best_concepts(codes, labels, ["a", "b"], choose=ROWS[:250], test=ROWS[250:])
    random = np.random.default_rng(1)
    other = codes.copy()
    other[250:] = random.random((150, 8))
    labels[250:] = random.random((150, 2)) < 0.5
    second = best_concepts(other, labels, ["a", "b"], choose=ROWS[:250], test=ROWS[250:])
    for a, b in zip(first, second, strict=True):
        assert (a.latent, a.threshold, a.f1_chosen) == (b.latent, b.threshold, b.f1_chosen)
        assert b.f1 < a.f1 - 0.1


def test_label_without_rows_and_silent_codes() -> None:
    codes, labels = planted()
    labels[:, 1] = False
    found = best_concepts(codes, labels, ["a", "none"], choose=ROWS[:250], test=ROWS[250:])
    assert (found[1].f1, found[1].n) == (0.0, 0)
    silent = best_concepts(0 * codes, labels, ["a", "none"], choose=ROWS[:250], test=ROWS[250:])
    assert [f.f1 for f in silent] == [0.0, 0.0]


def test_labels_that_do_not_fit_are_refused() -> None:
    codes, labels = planted()
    with pytest.raises(InputError, match=r"400 rows, labels have shape \(399, 2\)"):
        best_concepts(codes, labels[1:], ["a", "b"], choose=ROWS[:2], test=ROWS[2:4])
    with pytest.raises(InputError, match="for 1 names"):
        best_concepts(codes, labels, ["a"], choose=ROWS[:2], test=ROWS[2:4])
