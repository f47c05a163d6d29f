"""Rules from columns: planted ones found exactly, none where activity is random."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from semascope.core import InputError
from semascope.lexicon import ByRule, Contrast, holds, parse_rule
from semascope.lexicon.cuts import date_cuts, number_cuts, roundest
from semascope.name import conditions, find_rules

NONE = np.zeros(0, dtype=np.int64)
N = 6000


def films(seed: int = 0) -> pl.DataFrame:
    """Columns of every kind, with missing values in most of them."""
    random = np.random.default_rng(seed)

    def holes(values: np.ndarray) -> list:
        return [
            None if gone else v
            for v, gone in zip(values.tolist(), random.random(N) < 0.1, strict=True)
        ]

    tags = np.array(["war", "love", "space", "rain", "dogs"])
    return pl.DataFrame(
        {
            "id": [f"film-{i}" for i in range(N)],
            "genre": holes(random.choice(["Horror", "Drama", "Comedy", "Crime", "Western"], N)),
            "year": holes(random.integers(1930, 2020, N)),
            "score": holes(random.normal(5, 2, N)),
            "seen": holes(random.random(N) < 0.4),
            "day": holes(
                np.array(
                    [
                        date(1995, 1, 1) + timedelta(days=int(d))
                        for d in random.integers(0, 5000, N)
                    ],
                    dtype=object,
                )
            ),
            "tags": [
                random.choice(tags, k, replace=False).tolist() for k in random.integers(0, 4, N)
            ],
            "country": holes(random.choice(list("ABCDEFGHIJKL"), N)),
            "votes": np.where(random.random(N) < 0.6, 0, random.integers(1, 900, N)),
        }
    )


def drawn(items: pl.DataFrame, rule: str, *, noise: float = 0.1, size: int = 300, seed: int = 0):
    """Rows on which the rule holds, with a share of rows on the wrong side."""
    random = np.random.default_rng(seed)
    on = holds(parse_rule(rule), items)
    yes, no = random.permutation(np.flatnonzero(on)), random.permutation(np.flatnonzero(~on))
    wrong = int(noise * size)
    right = min(size - wrong, len(yes) - wrong)
    active = np.concatenate([yes[:right], no[:wrong]])
    inactive = np.concatenate([no[wrong:size], yes[right : right + wrong]])
    strengths = random.exponential(size=len(active)).astype(np.float32) + 0.1
    return Contrast(active, strengths, NONE, inactive)


PLANTED = [
    "genre = Horror",
    "genre = Horror and year < 1980",
    "tags contains war and not tags contains love",
    "country in (C, F, K)",
    "seen = true and score >= 6",
    "day < 1999",
    "votes >= 1",
    "genre is missing",
    "genre != Drama and year >= 2000",
]


@pytest.mark.parametrize("rule", PLANTED)
def test_planted_rules_are_found_under_noise(rule: str) -> None:
    items = films()
    table = conditions(items, np.arange(N), leave_out=["id"])
    hits = []
    for seed in range(3):
        found = find_rules(table, drawn(items, rule, seed=seed), seed=seed)
        assert found
        assert found[0].p <= 0.05
        assert found[0].held_in > found[0].chance
        wanted, said = (holds(parse_rule(r), items) for r in (rule, found[0].name))
        # Cuts lie at readable numbers near the planted one, and C, F, K may stand in any order.
        hits.append((wanted & said).sum() / (wanted | said).sum())
        columns = {clause.split()[0] for clause in rule.replace("not ", "").split(" and ")}
        assert {c.split()[0] for c in found[0].name.replace("not ", "").split(" and ")} == columns
    assert min(hits) > 0.8
    assert "year" in rule or "score" in rule or "day" in rule or min(hits) == 1


def test_random_activity_has_no_rule_but_for_one_in_twenty() -> None:
    items = films()
    table = conditions(items, np.arange(N), leave_out=["id"])
    random = np.random.default_rng(1)
    lucky = 0
    for seed in range(200):
        rows = random.permutation(N)[:160]
        strengths = random.exponential(size=80).astype(np.float32)
        some = Contrast(rows[:80], strengths, rows[80:120], rows[120:])
        lucky += bool(find_rules(table, some, shuffles=39, seed=seed))
    assert lucky <= binom.ppf(0.999, 200, 0.05)


def test_a_rule_is_not_longer_than_it_must_be() -> None:
    items = films()
    table = conditions(items, np.arange(N), leave_out=["id"])
    for seed in range(10):
        found = find_rules(table, drawn(items, "genre = Horror", noise=0.2, seed=seed), seed=seed)
        assert found[0].name == "genre = Horror"


def test_stronger_rows_count_more() -> None:
    items = pl.DataFrame({"kind": ["a"] * 20 + ["b"] * 20 + ["c"] * 40})
    table = conditions(items, np.arange(80))
    for strong, name in ((1.0, "kind != c"), (10.0, "kind = a")):
        strengths = np.repeat([strong, 1.0], 20).astype(np.float32)
        some = Contrast(np.arange(40), strengths, NONE, np.arange(30, 60))
        assert find_rules(table, some)[0].name == name


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_numbers_of_a_find_are_those_of_its_name(seed: int) -> None:
    items = films(0)
    some = drawn(items, "year < 1960 and votes >= 1", noise=0.2, size=100, seed=seed)
    table = conditions(items, np.arange(N), leave_out=["id"])
    for found in find_rules(table, some, shuffles=19, seed=seed):
        said = ByRule(items)([found.name], np.concatenate([some.active, some.inactive]))[0]
        n = len(some.active)
        assert found.active_share == pytest.approx(said[:n].mean())
        assert found.inactive_share == pytest.approx(said[n:].mean())
        assert found.held_in == pytest.approx(roc_auc_score(np.arange(len(said)) < n, said))


@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_finds_what_trying_all_pairs_finds(seed: int) -> None:
    random = np.random.default_rng(seed)
    items = pl.DataFrame({c: random.choice(["x", "y"], 300).tolist() for c in "abcde"})
    rows = np.arange(300)
    on = holds(parse_rule("b = x and d = y"), items) ^ (random.random(300) < 0.1)
    some = Contrast(rows[on], np.ones(on.sum(), np.float32), NONE, rows[~on])
    table = conditions(items, rows)
    found = find_rules(table, some, depth=2, width=20, seed=seed)[0]
    covers = [a & b for a, b in combinations(table.held.T, 2)]
    best = max(c[on].mean() - c[~on].mean() for c in covers)
    assert 2 * found.held_in - 1 == pytest.approx(best)


def test_conditions_hold_where_their_rules_say() -> None:
    items = films()
    rows = np.arange(0, N, 7)
    table = conditions(items, rows, leave_out=["id"])
    scores = ByRule(items)([str(rule) for rule in table.rules], rows)
    assert np.array_equal(scores.T, table.held)
    # None holds for all rows or none, and no two for the same.
    assert len(np.unique(table.held, axis=1).T) == len(table.rules)
    assert table.held.any(axis=0).all()
    assert not table.held.all(axis=0).any()


def test_values_that_are_left_out_are_counted() -> None:
    items = pl.DataFrame({"id": [f"{i}" for i in range(50)], "kind": ["a", "b"] * 24 + ["c", "d"]})
    table = conditions(items, np.arange(50))
    assert table.left_out == {"id": 50, "kind": 2}
    assert {str(rule) for rule in table.rules} == {"kind = a", "kind = b", "kind != a", "kind != b"}


def test_nothing_to_say_is_no_error() -> None:
    empty = Contrast(NONE, np.zeros(0, np.float32), NONE, NONE)
    items = pl.DataFrame({"a": [1] * 9, "b": [None] * 9, "c": [[[1]]] * 9, "d": [b"x"] * 9})
    table = conditions(items, np.arange(9))
    assert table.rules == []
    one = Contrast(np.arange(4), np.zeros(4, np.float32), NONE, np.arange(4, 9))
    assert find_rules(table, one) == []
    assert find_rules(conditions(films(), np.arange(N), leave_out=["id"]), empty) == []


def test_rows_of_another_split_are_an_error() -> None:
    table = conditions(films(), np.arange(100))
    some = Contrast(np.arange(95, 105), np.ones(10, np.float32), NONE, np.arange(10))
    with pytest.raises(InputError, match="make both from the rows of one split"):
        find_rules(table, some)


# Cuts --------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=80),
        st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=80),
    )
)
def test_cuts_divide_the_numbers(values: list) -> None:
    cuts = number_cuts(values)
    numbers = [float(cut) for cut in cuts]
    assert numbers == sorted(set(numbers))
    for cut in numbers:
        assert min(values) < cut <= max(values)


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e6))
def test_the_roundest_number_lies_in_its_span(low: float, width: float) -> None:
    assert low <= roundest(low, low + width) <= low + width


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-20_000, 30_000), min_size=1, max_size=80))
def test_date_cuts_can_be_read_and_divide(days: list[int]) -> None:
    items = pl.DataFrame({"day": pl.Series(days, dtype=pl.Int32).cast(pl.Date)})
    cuts = date_cuts(days)
    assert cuts == sorted(set(cuts))
    for cut in cuts:
        below = holds(parse_rule(f"day < {cut}"), items)
        assert below.any()
        assert not below.all()
