"""Paired outcomes: the level on rows that a dictionary learned from, the power of the best test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, false_discovery_control

import semascope as sc
from semascope.explain import Setting, effects, marginal, read_outcome

DRAWS = 300


@pytest.mark.parametrize("differ", [60, 150])
def test_pairs_lose_no_power_against_the_sign_test(differ: int) -> None:
    """The exact test of who wins among pairs of which one row shows the concept is the best."""
    random = np.random.default_rng(3)
    x = np.zeros((4 * differ, 1))
    x[:differ, 0] = random.choice([-1, 1], differ)
    wins = random.random((len(x), 2000)) < 0.5 + 0.15 * x
    found = effects(x, np.where(wins, 0.5, -0.5), binary=True, paired=True)
    right = (wins[:differ] == (x[:differ] > 0)).sum(axis=0)
    exact = 2 * binom.sf(np.maximum(right, differ - right) - 1, differ, 0.5)
    for level in (0.05, 0.005):
        assert np.mean(found.p[0] < level) >= np.mean(exact < level) - 0.01
    assert np.mean(found.p[0] < 0.05) < 0.99


def test_rows_that_a_dictionary_learned_from_keep_the_level() -> None:
    """Codes of *discover* rows fit these rows, not an outcome that they never saw."""
    random = np.random.default_rng(4)
    x = random.standard_normal((400, 12)).astype(np.float32)
    lex = sc.learn(vectors=x, components=24, active=3, baseline=False, progress=False)
    shown = (lex.codes.to_scipy() != 0).astype(np.float64)
    pairs = np.arange(400) // 2
    false = []
    for _ in range(DRAWS):
        won = np.repeat(random.choice([-1.0, 1.0], 200), 2) * np.tile([1.0, -1.0], 200)
        problem = Setting(read_outcome(won, "paired"), pairs=pairs).problem(np.arange(400))
        p = marginal(problem, shown).p
        false.append((false_discovery_control(p[~np.isnan(p)]) <= 0.1).any())
    assert np.mean(false) <= 0.1 + 2 * np.sqrt(0.09 / DRAWS)
