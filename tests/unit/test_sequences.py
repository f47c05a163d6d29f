"""Patterns of events: matched as in plain Python, planted ones found, none at random."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from semascope.core import InputError
from semascope.lexicon import ByPattern, Contrast, Events, parse_pattern, write_pattern
from semascope.name import find_patterns

NONE = np.zeros(0, dtype=np.int64)
EVENTS = ("visit", "search", "cart", "buy", "return", "mail")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=10) | st.sampled_from(["then", "a then b", '"', " "]), min_size=1))
@example(["a\tthen\tb"])
def test_a_pattern_is_read_as_it_was_written(events: list[str]) -> None:
    assert parse_pattern(write_pattern(events)) == tuple(events)


@pytest.mark.parametrize(
    "text", ["", " then buy", "visit then ", '"open', '"a" b', "visit then  then buy"]
)
def test_a_bad_pattern_is_an_error(text: str) -> None:
    with pytest.raises(InputError, match="cannot read the pattern"):
        parse_pattern(text)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.none() | st.lists(st.none() | st.sampled_from("abc"), max_size=6), min_size=1),
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=4),
)
def test_a_pattern_holds_where_its_events_follow_each_other(rows: list, pattern: list) -> None:
    column = pl.Series("events", rows, dtype=pl.List(pl.String))
    order = np.arange(len(rows))[::-1]
    said = ByPattern(column)([write_pattern(pattern)], order)[0]

    def follows(row: list | None) -> bool:
        rest = iter(row or [])
        return all(event in rest for event in pattern)

    assert said.tolist() == [follows(rows[i]) for i in order]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), min_size=1), st.data())
def test_rows_of_events_can_be_taken(rows: list, data: st.DataObject) -> None:
    picked = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1))), dtype=np.int64)
    events = Events.of(pl.Series("e", rows, dtype=pl.List(pl.String))).take(picked)
    read = [
        [events.vocabulary[c] for c in events.codes[a:b]]
        for a, b in zip(events.starts[:-1], events.starts[1:], strict=True)
    ]
    assert read == [rows[i] for i in picked]


def test_only_lists_are_events() -> None:
    with pytest.raises(InputError, match="column 'e' must hold a list of events for each row"):
        Events.of(pl.Series("e", ["visit"]))


def histories(n: int, seed: int) -> list[list[str]]:
    random = np.random.default_rng(seed)
    return [random.choice(EVENTS, k).tolist() for k in random.integers(1, 9, n)]


def planted(pattern: str, seed: int, noise: float = 0.1) -> tuple[Events, Contrast]:
    """Rows with the pattern against rows with its events in another order, or without them."""
    random = np.random.default_rng(seed)
    column = pl.Series("e", histories(9000, seed))
    on = ByPattern(column)([pattern], np.arange(9000))[0] > 0
    yes, no = (random.permutation(np.flatnonzero(side)) for side in (on, ~on))
    size = min(250, len(yes))
    wrong = int(noise * size)
    active, inactive = np.concatenate([yes[wrong:size], no[:wrong]]), no[wrong:size]
    strengths = random.exponential(size=size).astype(np.float32)
    return Events.of(column), Contrast(
        active, strengths, NONE, np.concatenate([inactive, yes[:wrong]])
    )


@pytest.mark.parametrize(
    "pattern", ["mail", "visit then buy", "buy then buy", "cart then return then buy"]
)
def test_planted_patterns_are_found_under_noise(pattern: str) -> None:
    for seed in range(4):
        found = find_patterns(*planted(pattern, seed), seed=seed)
        assert (found[0].name, found[0].kind) == (pattern, "pattern")
        assert found[0].p <= 0.05
        assert found[0].held_in > max(found[0].chance, 0.8)


def test_random_activity_has_no_pattern_but_for_one_in_twenty() -> None:
    events = Events.of(pl.Series("e", histories(2000, 0)))
    random = np.random.default_rng(1)
    lucky = 0
    for seed in range(100):
        rows = random.permutation(2000)[:120]
        some = Contrast(rows[:60], random.random(60).astype(np.float32), rows[60:90], rows[90:])
        lucky += bool(find_patterns(events, some, shuffles=39, seed=seed))
    assert lucky <= binom.ppf(0.999, 100, 0.05)


def test_numbers_of_a_find_are_those_of_its_name() -> None:
    column = pl.Series("e", histories(9000, 5))
    events, some = planted("visit then buy", 5)
    for found in find_patterns(events, some):
        said = ByPattern(column)([found.name], np.concatenate([some.active, some.inactive]))[0]
        n = len(some.active)
        assert (found.active_share, found.inactive_share) == pytest.approx(
            (said[:n].mean(), said[n:].mean())
        )


def test_nothing_happened_is_no_error() -> None:
    some = Contrast(np.arange(3), np.ones(3, np.float32), NONE, np.arange(3, 6))
    assert find_patterns(Events.of(pl.Series("e", [[]] * 6, dtype=pl.List(pl.String))), some) == []
    none = Contrast(NONE, np.zeros(0, np.float32), NONE, NONE)
    assert find_patterns(Events.of(pl.Series("e", [["a"]] * 6)), none) == []
