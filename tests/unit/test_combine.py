"""Joined names: read as written, taken where two are needed, left where one does."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, rankdata

from semascope.core import InputError
from semascope.lexicon import (
    JOINS,
    ByRule,
    ByWords,
    Combined,
    Contrast,
    join_names,
    split_combined,
)
from semascope.measure import verify_name
from semascope.name import combine_names

NONE = np.zeros(0, dtype=np.int64)
NAMES = st.text(min_size=1, max_size=12).filter(str.strip) | st.sampled_from(
    ["salt and pepper", "but not", "or", '"quoted"', "a but not b", "\\", "and and and"]
)


@settings(max_examples=300, deadline=None)
@given(NAMES, st.sampled_from(JOINS), NAMES)
def test_joined_names_are_read_as_they_were_written(first: str, join: str, second: str) -> None:
    assert split_combined(join_names(first, join, second)) == (first, join, second)


class Given:
    """Scores as they are given, by name."""

    def __init__(self, scores: dict[str, np.ndarray]) -> None:
        self.scores = scores

    def __call__(self, names, rows):
        return np.stack([self.scores[name][rows] for name in names]).astype(np.float32)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_single_name_keeps_its_order_and_gets_ranks(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 6, 40).astype(float)
    combined = Combined(Given({"x": scores}), np.arange(40))
    wanted = (rankdata(scores) - 0.5) / 40
    assert combined(["x"], np.arange(40))[0] == pytest.approx(wanted)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), slope=st.floats(0.1, 10))
def test_joined_scores_do_not_depend_on_the_scale_of_either(seed: int, slope: float) -> None:
    random = np.random.default_rng(seed)
    x, y = random.integers(-50, 50, (2, 60)).astype(float)
    names = [join_names("x", join, "y") for join in JOINS if join != "without the word"]
    rows = np.arange(60)
    plain = Combined(Given({"x": x, "y": y}), rows)(names, rows)
    scaled = Combined(Given({"x": slope * x - 3, "y": y**3}), rows)(names, rows)
    assert plain == pytest.approx(scaled)
    both, either, without = plain
    assert (both <= either).all()
    assert (without <= Combined(Given({"x": x}), rows)(["x"], rows)[0]).all()


def test_but_not_denies_what_says_the_second_name_more_than_the_first() -> None:
    # Rows of one subject are near to all names within it, so the second share alone tells little.
    rows = np.arange(100)
    first, second = np.arange(100.0), np.arange(100.0)
    second[90:95] += 50
    scores = Combined(Given({"x": first, "y": second}), rows)(["x but not y"], rows)[0]
    assert scores[95:].min() > scores[:90].max()
    assert scores[90:95].max() < scores[95:].min()


def test_a_word_is_looked_for_in_this_form() -> None:
    texts = pl.Series(["Late train", "late trains", None, "tea"])
    combined = Combined(ByWords(texts), np.arange(4), texts)
    scores = combined(["late without the word train"], np.arange(4))[0]
    assert scores[1] > scores[2] == scores[3] > scores[0] == 0
    with pytest.raises(InputError, match="texts"):
        Combined(ByWords(texts), np.arange(4))(["late without the word train"], np.arange(4))


def test_reference_rows_are_needed() -> None:
    with pytest.raises(InputError, match="reference rows"):
        Combined(ByWords(pl.Series(["a"])), NONE)


WORDS = ("late", "train", "fee", "card", "tea", "dog")


def texts(seed: int, n: int = 2000) -> tuple[pl.Series, dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    said = {word: random.random(n) < 0.35 for word in WORDS}
    lines = [" ".join(w for w in WORDS if said[w][i]) + f" text{i}" for i in range(n)]
    return pl.Series(lines), said


def drawn(on: np.ndarray, seed: int, noise: float = 0.1, size: int = 150) -> Contrast:
    random = np.random.default_rng(seed)
    on = on ^ (random.random(len(on)) < noise)
    yes, no = (random.permutation(np.flatnonzero(side))[:size] for side in (on, ~on))
    return Contrast(yes, np.ones(len(yes), np.float32), NONE, no)


@pytest.mark.parametrize(
    ("wanted", "on"),
    [
        ({"late and train", "train and late"}, lambda s: s["late"] & s["train"]),
        ({"late or train", "train or late"}, lambda s: s["late"] | s["train"]),
        ({"late but not train"}, lambda s: s["late"] & ~s["train"]),
    ],
)
def test_planted_combinations_are_found(wanted: set[str], on) -> None:
    for seed in range(4):
        lines, said = texts(seed, 4000)
        relevance = Combined(ByWords(lines), np.arange(500))
        some = drawn(on(said), seed, noise=0.02, size=400)
        found = combine_names(["late"], some, relevance, partners=WORDS)
        assert found[0].name in wanted
        assert found[0].p <= 0.05
        assert found[0].held_in > found[0].chance


def test_one_name_that_does_is_left_alone() -> None:
    lucky = 0
    for seed in range(100):
        lines, said = texts(seed, 600)
        relevance = Combined(ByWords(lines), np.arange(300))
        some = drawn(said["late"], seed, noise=0.2, size=100)
        lucky += bool(combine_names(["late"], some, relevance, partners=WORDS))
    assert lucky <= binom.ppf(0.999, 100, 0.05)


def test_a_joined_name_can_be_verified() -> None:
    lines, said = texts(7)
    relevance = Combined(ByWords(lines), np.arange(500))
    some = drawn(said["late"] & ~said["train"], 7, noise=0)
    name = combine_names(["late"], some, relevance, partners=WORDS)[0].name
    other = drawn(said["late"] & ~said["train"], 8, noise=0)
    verdict = verify_name(name, other, relevance, ["late", "tea or dog"], threshold=0.7)
    assert verdict.trust.low > 0.9
    assert verdict.trust.null < 0.9


def test_rules_can_be_joined_with_rules() -> None:
    items = pl.DataFrame({"genre": ["a", "a", "b", "b"] * 20, "new": [True, False] * 40})
    relevance = Combined(ByRule(items), np.arange(80))
    on = np.arange(80) % 4 == 0
    some = Contrast(np.flatnonzero(on), np.ones(20, np.float32), NONE, np.flatnonzero(~on))
    found = combine_names(["genre = a"], some, relevance, partners=["new = true", "genre = b"])
    assert found[0].name == "genre = a and new = true"
    assert found[0].held_in == 1


def test_too_little_to_combine_is_no_error() -> None:
    relevance = Combined(ByWords(pl.Series(["a"] * 9)), np.arange(9))
    some = Contrast(np.arange(4), np.ones(4, np.float32), NONE, np.arange(4, 9))
    none = Contrast(NONE, np.zeros(0, np.float32), NONE, np.arange(4))
    assert combine_names([], some, relevance, partners=["a"]) == []
    assert combine_names(["a"], some, relevance) == []
    assert combine_names(["a", "b"], none, relevance) == []
