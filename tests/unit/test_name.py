"""Names: planted topics found, noise left alone, odds ratios as in the textbook."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from scipy.stats.contingency import odds_ratio
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.metrics import roc_auc_score

from semascope.lexicon import ByValue, ByWords, Contrast, words
from semascope.name import (
    associations,
    aurocs,
    candidate_phrases,
    describing_columns,
    name_concepts,
)
from semascope.name.words import merge_key, phrases, stem

TOPICS = {
    "fees": ("fee", "charge", "surcharge"),
    "cards": ("card", "plastic", "chip"),
    "travel": ("hotel", "flight", "luggage"),
    "pets": ("dog", "puppy", "kennel"),
}
FILLER = tuple(f"{a}{b}" for a in "bdfgklmnprst" for b in ("ala", "elo", "iru", "onu", "uri"))
NONE = np.zeros(0, dtype=np.int64)


def corpus(n: int = 400, seed: int = 0) -> tuple[pl.DataFrame, np.ndarray]:
    """Texts of random filler, with two words of a topic in most of them, and the topics."""
    random = np.random.default_rng(seed)
    topic = random.integers(0, len(TOPICS), n)
    texts = []
    for t in topic:
        own = random.choice(list(TOPICS.values())[t], 2, replace=False, shuffle=True)
        said = [*random.choice(FILLER, 6), "the", "of", *own]
        random.shuffle(said)
        texts.append(" ".join(said))
    return pl.DataFrame({"text": texts, "number": np.arange(n)}), topic


def contrast(active: np.ndarray, inactive: np.ndarray, near: np.ndarray = NONE) -> Contrast:
    strengths = np.linspace(2, 1, len(active), dtype=np.float32)
    return Contrast(active, strengths, near, inactive)


def named(items: pl.DataFrame, drawn: list[Contrast], **options):
    relevance = ByWords(items["text"])
    return name_concepts(
        drawn, items, text="text", relevance=relevance, leave_out=["number"], **options
    )


def by_topic(topic: np.ndarray) -> list[Contrast]:
    return [
        contrast(np.flatnonzero(topic == t)[:60], np.flatnonzero(topic != t)[:60])
        for t in range(len(TOPICS))
    ]


@pytest.mark.parametrize("seed", range(3))
def test_planted_topics_are_named_by_their_words(seed: int) -> None:
    items, topic = corpus(seed=seed)
    drawn = by_topic(topic)
    done: list[int] = []
    found = named(items, drawn, on_done=done.append)
    assert sum(done) == 4
    for proposal, own, c in zip(found, TOPICS.values(), drawn, strict=True):
        assert (proposal.status, proposal.kind) == ("named", "phrase")
        assert set(words(proposal.name)) & set(own)
        # The record is what anybody can compute again.
        rows = np.concatenate([c.active, c.inactive])
        scores = ByWords(items["text"])([proposal.name], rows)[0]
        truth = np.arange(len(rows)) < len(c.active)
        assert proposal.held_in == pytest.approx(roc_auc_score(truth, scores))
        assert proposal.held_in >= 0.65
        gain = [
            (scores[truth] >= level).mean() - (scores[~truth] >= level).mean()
            for level in np.unique(scores)
        ]
        said = scores >= proposal.threshold
        assert said[truth].mean() - said[~truth].mean() == pytest.approx(max(gain))
        assert proposal.name not in proposal.alternatives


def test_siblings_get_different_names() -> None:
    """Two concepts on the same rows, where two words are always said: one name each."""
    random = np.random.default_rng(0)
    active = np.arange(120) < 60
    texts = [
        " ".join(["late", *random.choice(FILLER, 4), "train"] if on else random.choice(FILLER, 6))
        for on in active
    ]
    items = pl.DataFrame({"text": texts, "number": np.arange(120)})
    one = contrast(np.arange(60), np.arange(60, 120))
    found = named(items, [one, one, one])
    assert [p.name for p in found[:2]] in (["late", "train"], ["train", "late"])
    assert {found[0].name, found[1].name} <= {found[0].name, *found[0].alternatives}
    assert found[2].name not in {"late", "train"}


def test_random_latents_stay_unnamed() -> None:
    """At most one in twenty is named by chance: of 60, more than 9 would be a one in 1000 event."""
    items, topic = corpus()
    random = np.random.default_rng(0)
    drawn = [contrast(*np.split(random.permutation(400)[:120], 2)) for _ in range(60)]
    # Among concepts that do have names, as in a dictionary.
    found = named(items, [*by_topic(topic), *drawn])
    assert all(p.status == "named" for p in found[:4])
    lucky = sum(p.name is not None for p in found[4:])
    assert lucky <= binom.ppf(0.999, 60, 0.05)
    assert all(p.threshold is None and p.held_in is None for p in found[4:] if p.name is None)


def test_dead_and_rare_latents_are_told_apart() -> None:
    items, topic = corpus()
    rows, others = np.flatnonzero(topic == 0), np.flatnonzero(topic != 0)
    drawn = [
        contrast(NONE, NONE),
        contrast(rows[:4], others[:60]),
        contrast(rows[:60], others[:4]),
        contrast(rows[:60], others[:60]),
    ]
    found = named(items, drawn)
    assert [p.status for p in found] == ["dead", "rare", "rare", "named"]
    assert [p.name is None for p in found] == [True, True, True, False]


def test_columns_name_what_texts_do_not() -> None:
    random = np.random.default_rng(0)
    n = 300
    genre = random.choice(["Horror", "Drama", "Comedy"], n)
    texts = [" ".join(random.choice(FILLER, 6)) for _ in range(n)]
    items = pl.DataFrame({"text": texts, "genre": genre, "number": np.arange(n)})
    drawn = [
        contrast(np.flatnonzero(genre == g)[:50], np.flatnonzero(genre != g)[:50])
        for g in ("Horror", "Comedy")
    ]
    for text, relevance in ((None, None), ("text", ByWords(items["text"]))):
        found = name_concepts(drawn, items, text=text, relevance=relevance, leave_out=["number"])
        assert [p.name for p in found] == ["genre = Horror", "genre = Comedy"]
        assert [p.kind for p in found] == ["value", "value"]
        assert found[0].evidence[0].startswith("genre = Horror (odds ratio ")
        assert [p.threshold for p in found] == [1.0, 1.0]


def test_the_same_seed_gives_the_same_names() -> None:
    items, topic = corpus()
    assert named(items, by_topic(topic), seed=3) == named(items, by_topic(topic), seed=3)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 20), m=st.integers(1, 20))
def test_aurocs_are_those_of_scikit_learn(seed: int, n: int, m: int) -> None:
    random = np.random.default_rng(seed)
    texts = pl.Series([" ".join(random.choice(list("abcd"), 2)) for _ in range(n + m)])
    relevance = ByWords(texts)
    names = ["a", "b c", "d a"]
    found = aurocs(relevance, names, contrast(np.arange(n), np.arange(n, n + m)))
    truth = np.arange(n + m) < n
    for name, value in zip(names, found, strict=True):
        share = [len(set(name.split()) & set(t.split())) / len(name.split()) for t in texts]
        assert value == pytest.approx(roc_auc_score(truth, np.float32(share)))


# Values ------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(a=st.integers(0, 40), b=st.integers(0, 60))
def test_odds_ratio_is_that_of_scipy(a: int, b: int) -> None:
    """Half a row is added to each cell; doubled, these are whole numbers that scipy takes."""
    values = ["x"] * a + ["y"] * (40 - a) + ["x"] * b + ["y"] * (60 - b)
    some = contrast(np.arange(40), np.arange(40, 100))
    found = {f.rule: f for f in associations(pl.DataFrame({"v": values}), ["v"], some, most=9)}
    for value, inside, outside in (("x", a, b), ("y", 40 - a, 60 - b)):
        table = [
            [2 * inside + 1, 2 * (40 - inside) + 1],
            [2 * outside + 1, 2 * (60 - outside) + 1],
        ]
        wanted = odds_ratio(table, kind="sample")
        # Twice the counts make an interval that is shorter by a factor of sqrt(2).
        half = np.log(wanted.confidence_interval(0.95).high / wanted.statistic) * np.sqrt(2)
        low, high = wanted.statistic * np.exp([-half, half])
        if inside == 0 or low < 0.999:
            assert f"v = {value}" not in found
        elif low > 1.001:
            one = found[f"v = {value}"]
            assert one.odds_ratio == pytest.approx(wanted.statistic)
            assert (one.low, one.high) == pytest.approx((low, high), rel=1e-3)
            assert one.active_share == inside / 40
            assert one.inactive_share == outside / 60


def test_near_misses_do_not_count_as_random_rows() -> None:
    items = pl.DataFrame({"v": ["x"] * 20 + ["y"] * 20 + ["x"] * 20})
    near = np.arange(40, 60)
    assert associations(items, ["v"], contrast(np.arange(20), np.arange(20, 40), near))
    assert not associations(items, ["v"], contrast(np.arange(20), near, np.arange(20, 40)))


def test_lists_count_each_value_once_a_row() -> None:
    tags = [["a", "a", "b"]] * 15 + [["b", None]] * 14 + [None]
    numbers = [[1, 2]] * 15 + [[2]] * 15
    items = pl.DataFrame({"tags": tags, "numbers": numbers})
    found = associations(
        items, ["tags", "numbers"], contrast(np.arange(15), np.arange(15, 30)), most=9
    )
    assert [f.rule for f in found] == ["numbers = 1", "tags = a"]
    assert all((f.active_share, f.inactive_share) == (1.0, 0.0) for f in found)
    # A name made of such a value says the same of a row.
    said = ByValue(items)([f.rule for f in found], np.arange(30))
    assert np.array_equal(said, np.tile(np.arange(30) < 15, (2, 1)))


def test_strongest_values_come_first() -> None:
    random = np.random.default_rng(0)
    active = np.arange(200) < 100
    columns = {
        f"v{i}": np.where(random.random(200) < 0.1 * i, active, random.random(200) < 0.5)
        for i in range(9)
    }
    items = pl.DataFrame(columns)
    some = contrast(np.arange(100), np.arange(100, 200))
    found = associations(items, items.columns, some, most=50)
    assert [f.low for f in found] == sorted((f.low for f in found), reverse=True)
    assert found[0].rule == "v8 = true"
    assert associations(items, items.columns, some) == found[:3]
    assert all(1 < f.low < f.odds_ratio < f.high for f in found)
    assert associations(items, items.columns, contrast(NONE, NONE)) == []


def test_columns_that_describe_rows() -> None:
    n = 60
    items = pl.DataFrame(
        {
            "id": [f"i{i % 3}" for i in range(n)],
            "genre": ["a", "b", "c"] * 20,
            "flag": [True, False] * 30,
            "year": [2000 + i % 4 for i in range(n)],
            "tags": [["x"], ["x", "y"], [None]] * 20,
            "title": [f"title {i}" for i in range(n)],
            "one": ["same"] * n,
            "price": [float(i % 3) for i in range(n)],
            "nested": [[["x"]], [["y"]]] * 30,
            "record": [{"a": i % 2} for i in range(n)],
            "date": pl.Series([i % 2 for i in range(n)]).cast(pl.Date),
        }
    )
    assert describing_columns(items, ["id"]) == ["genre", "flag", "year", "tags"]


# Phrases -----------------------------------------------------------------------------------------

WORDS = ("the", "of", "and", "late", "train", "a", "very", "7", "card's", "top-up", "Zug", "!")
texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, min_size=1, max_size=8), st.lists(texts, max_size=8), st.integers(1, 10))
def test_phrases_are_runs_of_words_between_no_stop_words(active, inactive, most) -> None:
    found = candidate_phrases(active, [1.0] * len(active), inactive, most=most)
    assert len(found) <= most
    scores = [z for _, z in found]
    assert scores == sorted(scores, reverse=True)
    assert all(z > 0 for z in scores)
    for phrase, _ in found:
        tokens = phrase.split()
        assert 1 <= len(tokens) <= 5
        assert tokens[0] not in ENGLISH_STOP_WORDS
        assert tokens[-1] not in ENGLISH_STOP_WORDS
        assert any(c.isalpha() for c in phrase)
        # Said in two texts, unless there are hardly any, in whatever order and ending.
        keys = [{key for key, _ in phrases(t)} for t in active]
        assert sum(merge_key(phrase) in own for own in keys) >= (2 if len(active) > 2 else 1)
    assert len({p for p, _ in found}) == len(found)


@settings(max_examples=100, deadline=None)
@given(texts)
def test_phrases_of_a_text_against_all_runs(text: str) -> None:
    clauses = [[w.removesuffix("'s") for w in words(part)] for part in text.split("!")]
    runs = {
        tuple(tokens[i:j])
        for tokens in clauses
        for i in range(len(tokens))
        for j in range(i + 1, min(len(tokens), i + 5) + 1)
    }
    edge, inner = {"the", "of", "and", "a", "very", "7"}, {"very", "7"}
    wanted = {
        " ".join(r)
        for r in runs
        if not {r[0], r[-1]} & edge
        and not set(r) & inner
        and len({stem(t) for t in r} - edge) == sum(t not in edge for t in r) <= 4
        and not any(set(r[i : i + 3]) <= edge for i in range(len(r) - 2))
    }
    found = {phrase for _, phrase in phrases(text)}
    assert found == wanted


def test_phrase_that_sets_the_texts_apart_comes_first() -> None:
    late = ["the late train came", "a late train again", "my late train", "late train to the sea"]
    other = ["the train came", "a train again", "late tea", "train to the sea"]
    found = [p for p, _ in candidate_phrases(late, [1.0] * 4, other)]
    assert set(found[:2]) == {"late", "late train"}
    assert "train" not in found[:2]
    assert candidate_phrases([], [], other) == []
    # A phrase that both sides say as often sets nothing apart.
    same = [p for p, _ in candidate_phrases(late, [1.0] * 4, late)]
    assert same == []


def test_stronger_texts_count_more() -> None:
    active = ["red car"] * 4 + ["blue hat"] * 4
    for weights, best in (([3.0] * 4 + [1.0] * 4, "red car"), ([1.0] * 4 + [3.0] * 4, "blue hat")):
        assert candidate_phrases(active, weights, ["tea"] * 8, most=1)[0][0] == best


def test_parts_of_a_longer_phrase_are_left_out() -> None:
    active = ["new york city"] * 3 + ["new shoes"] * 3
    found = [p for p, _ in candidate_phrases(active, [1.0] * 6, ["tea"] * 6)]
    assert "new york city" in found
    assert not {"york", "york city", "new york", "city"} & set(found)
    assert "new" in found  # it is said elsewhere, too
