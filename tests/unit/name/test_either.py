"""Rules joined by *or*: planted ones found, and none where one condition or an *and* does."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from semascope.lexicon import Contrast, holds, parse_rule
from semascope.name import Evidence, by_rules

N = 3000
NONE = np.zeros(0, dtype=np.int64)


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    random = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "kind": random.choice(["book", "food", "music", "toy"], N),
            "year": random.integers(1990, 2020, N),
            "member": random.random(N) < 0.4,
            "score": pl.Series(random.normal(5, 2, N)).set(pl.Series(random.random(N) < 0.2), None),
            "tags": [[str(tag)] for tag in random.choice(list("abcde"), N)],
        }
    )


def first_rule(items: pl.DataFrame, truth: np.ndarray, seed: int = 0, wrong: int = 5) -> str | None:
    """The first proposal for 100 active and 100 inactive rows, some on the wrong side."""
    random = np.random.default_rng(seed)
    yes, no = (random.permutation(np.flatnonzero(t)) for t in (truth, ~truth))
    active = np.concatenate([yes[wrong:100], no[:wrong]])
    inactive = np.concatenate([no[wrong:100], yes[:wrong]])
    one = np.ones(len(active), dtype=np.float32)
    evidence = Evidence(seed, Contrast(active, one, NONE, inactive))
    return next((c.name for c in by_rules(items, [evidence])(evidence)), None)


def balanced_accuracy(items: pl.DataFrame, rule: str, truth: np.ndarray) -> float:
    said = holds(parse_rule(rule), items)
    return float(said[truth].mean() + 1 - said[~truth].mean()) / 2


@pytest.mark.parametrize(
    "rule",
    [
        "kind = music or year < 2000",
        "member = true or kind in (book, toy)",
        "score < 5 or kind = music",
        "year < 1998 or year >= 2012",
        "tags contains a or year >= 2010",
    ],
)
def test_planted_alternatives_are_found(orders: pl.DataFrame, rule: str) -> None:
    truth = holds(parse_rule(rule), orders)
    found = first_rule(orders, truth)
    assert found is not None
    reached = balanced_accuracy(orders, found, truth)
    assert reached > 0.9
    # Neither of the two conditions says as much.
    for part in rule.split(" or "):
        assert balanced_accuracy(orders, part, truth) < reached - 0.05


@pytest.mark.parametrize("rule", ["year < 2000", "kind = music and member = true"])
@pytest.mark.parametrize("seed", range(5))
def test_no_alternative_where_none_is_needed(orders: pl.DataFrame, rule: str, seed: int) -> None:
    found = first_rule(orders, holds(parse_rule(rule), orders), seed)
    assert found is not None
    assert " or " not in found


def test_random_rows_get_few_rules(orders: pl.DataFrame) -> None:
    random = np.random.default_rng(1)
    found = [first_rule(orders, random.random(N) < 0.3, seed) for seed in range(40)]
    # At one in twenty, seven of forty is beyond the 99th percentile.
    assert sum(rule is not None for rule in found) < 7
