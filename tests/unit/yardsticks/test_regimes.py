"""Probes under few rows, rare labels and wrong labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semascope.core import InputError
from semascope.measure.yardsticks import PAPER_LEVELS, draw_regime, probe_regimes, quiver


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(240, 3000),
    share=st.floats(0.45, 0.55),
    regime=st.sampled_from(list(PAPER_LEVELS)),
    pick=st.integers(0, 18),
    seed=st.integers(0, 99),
)
def test_rows_are_drawn_as_the_regime_says(
    n: int, share: float, regime: str, pick: int, seed: int
) -> None:
    y = np.random.default_rng(seed).permutation(n) < share * n
    levels = PAPER_LEVELS[regime]
    level = levels[pick % len(levels)]
    drawn = draw_regime(y, regime, level, seed=seed)
    train, test = drawn.train, drawn.test
    assert not np.intersect1d(train, test).size
    assert (np.diff(train) > 0).all()
    assert 2 <= len(train) <= 1024
    assert len(test) >= 100
    outside = np.setdiff1d(np.arange(n), train)
    assert (drawn.said[outside] == y[outside]).all()
    wanted = level if regime == "imbalanced" else 0.5
    assert abs(y[train].sum() - wanted * len(train)) <= 1
    assert abs(y[test].sum() - wanted * len(test)) <= 1
    wrong = int((drawn.said != y).sum())
    assert wrong == (int(level * len(train)) if regime == "noisy" else 0)
    if regime == "scarce":
        standard = draw_regime(y, "standard", seed=seed)
        assert len(train) == min(level, len(standard.train))
        assert np.isin(train, standard.train).all()
        assert (test == standard.test).all()


def test_levels_are_those_of_the_paper() -> None:
    assert [len(PAPER_LEVELS[r]) for r in ("standard", "imbalanced", "noisy")] == [1, 19, 11]
    assert (PAPER_LEVELS["scarce"][0], PAPER_LEVELS["scarce"][-1]) == (2, 1024)
    assert (PAPER_LEVELS["noisy"][0], PAPER_LEVELS["noisy"][-1]) == (0, 0.5)


def test_levels_that_cannot_be_drawn() -> None:
    y = np.arange(400) % 2 == 0
    for regime, level, message in (
        ("scarce", 1, "between 2 and inf"),
        ("noisy", 0.6, "between 0 and 0.5"),
        ("imbalanced", 0.01, "between 0.05 and 0.95"),
        ("rare", 1, "no regime 'rare'"),
    ):
        with pytest.raises(InputError, match=message):
            draw_regime(y, regime, level)
    with pytest.raises(InputError, match="40 rows with the label and 60 without"):
        draw_regime(np.arange(100) < 40, "standard")


@pytest.fixture(scope="module")
def noisy_axis() -> tuple[np.ndarray, np.ndarray]:
    """A label on one axis of twenty."""
    random = np.random.default_rng(0)
    y = np.arange(800) % 2 == 0
    x = random.standard_normal((800, 20))
    x[:, 0] += 1.5 * y
    return x, y


def test_codes_that_know_the_label_help_where_rows_are_few(
    noisy_axis: tuple[np.ndarray, np.ndarray],
) -> None:
    x, y = noisy_axis
    # One code is the label, seven are noise.
    codes = np.c_[y, np.random.default_rng(1).random((800, 7)) < 0.3].astype(float)
    table = probe_regimes(
        codes, x, y[:, None], names=["it"], ks=(1,), regimes={"standard": [400], "scarce": [24]}
    )
    assert table["label"].to_list() == ["it", "it"]
    assert table["n_train"].to_list() == [400, 24]
    assert table["chosen"].to_list() == ["1 codes", "1 codes"]
    assert table["1 codes"].to_list() == [1, 1]
    gain = table["gain"].to_list()
    assert gain[1] > gain[0] > 0


def test_labels_that_are_too_rare_are_reported_without_a_number(
    noisy_axis: tuple[np.ndarray, np.ndarray],
) -> None:
    x, y = noisy_axis
    table = probe_regimes(x, x, np.c_[y, np.arange(800) < 20], ks=(1,), regimes={"scarce": [8]})
    assert table["n_train"].to_list() == [8, 0]
    assert table["auroc"].is_null().to_list() == [False, True]


def test_wrong_labels_are_learned_from_and_not_tested_on(
    noisy_axis: tuple[np.ndarray, np.ndarray],
) -> None:
    x, y = noisy_axis
    some = {"train": np.arange(200), "test": np.arange(200, 800), "ks": (1,)}
    right, wrong = quiver(x, x, y, **some), quiver(x, x, y, said=~y, **some)
    assert right.auroc > 0.8
    assert wrong.auroc < 0.2


def test_nonlinear_probes_see_what_linear_ones_do_not() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((600, 3))
    y = x[:, 0] * x[:, 1] > 0
    found = quiver(x, x, y, train=np.arange(300), test=np.arange(300, 600), ks=(2,), nonlinear=True)
    assert found.by_kind["boosted trees"] > found.by_kind["vectors"] + 0.2
    assert found.chosen_without in {"boosted trees", "network", "nearest neighbours"}
