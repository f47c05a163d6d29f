"""Testing all rows of what was learned without the outcome, or *verify* rows only."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import polars as pl
import pytest

import semascope as sc
from semascope.cli import main
from semascope.core import InputError
from semascope.explain import Findings, outcome

PAIRS, M, PLANTED = 900, 12, 2


@pytest.fixture(scope="module")
def shown() -> np.ndarray:
    return np.random.default_rng(7).random((2 * PAIRS, M)) < 0.25


@pytest.fixture(scope="module")
def won(shown: np.ndarray) -> np.ndarray:
    """Which of a pair won: in 65 of 100 pairs the one that alone shows what was planted."""
    first, second = shown[::2, PLANTED] * 1.0, shown[1::2, PLANTED] * 1.0
    chance = np.random.default_rng(8).random(PAIRS)
    return np.repeat(chance < 0.5 + 0.15 * (first - second), 2) ^ (np.arange(2 * PAIRS) % 2 == 1)


def explained(shown: Any, won: Any, **options: Any) -> Findings:
    return outcome(shown, won * 1.0, pairs=np.arange(2 * PAIRS) // 2, baselines=False, **options)


def test_all_pairs_tell_effects_apart_that_verify_pairs_do_not(
    shown: np.ndarray, won: np.ndarray
) -> None:
    few, all_rows = (explained(shown, won, rows=rows) for rows in ("verify", "all"))
    widths = [
        found.table.sort("concept").select(pl.col("high") - pl.col("low")).to_series()
        for found in (few, all_rows)
    ]
    # Five times the pairs.
    assert (widths[1] / widths[0]).mean() == pytest.approx(5**-0.5, abs=0.05)
    assert all_rows.findings["concept"].to_list() == [f"c{PLANTED}"]
    row = all_rows.findings.row(0, named=True)
    assert row["low"] < 15 < row["high"]
    assert (row["n"], all_rows.how["tested"]["rows"]) == (PAIRS, 2 * PAIRS)
    assert all_rows.how["options"]["rows"] == "all"


def test_what_was_chosen_by_the_outcome_is_tested_on_verify_rows(
    shown: np.ndarray, won: np.ndarray
) -> None:
    columns = ["concept", "stability", "joint", "joint_low", "joint_high", "joint_p", "joint_q"]
    few, all_rows = (
        explained(shown, won, rows=rows).table.select(columns).sort("concept")
        for rows in ("verify", "all")
    )
    assert few["joint_p"].is_not_null().any()
    assert few.equals(all_rows)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rows": "al"}, "rows must be 'verify' or 'all', got 'al'"),
        ({"rows": "all", "most": 3}, "most= chooses concepts by the outcome"),
    ],
)
def test_bad_choices_of_rows_are_named(
    options: dict[str, Any], said: str, shown: np.ndarray, won: np.ndarray
) -> None:
    with pytest.raises(InputError, match=said):
        explained(shown, won, **options)


def test_a_lexicon_that_saw_the_outcome_is_tested_on_verify_rows_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((300, 8))
    items = pl.DataFrame({"stars": x[:, 0] + random.standard_normal(300)})
    how: dict[str, Any] = {"vectors": x, "components": 8, "active": 2, "baseline": False,
                           "progress": False}  # fmt: skip
    with pytest.raises(InputError, match=r"learn with leave_out=\['stars'\]"):
        outcome(sc.learn(items, **how), "stars", rows="all")
    lex = sc.learn(items, leave_out=["stars"], out="left-out.lexicon", **how)
    found = outcome(lex, "stars", rows="all", vectors=x, baselines=False)
    assert found.how["tested"]["units"] == 300
    arguments = ["left-out.lexicon", "--outcome", "stars", "--rows", "all", "--no-baselines"]
    monkeypatch.setattr(sys, "argv", ["semascope", "explain", *arguments])
    with pytest.raises(SystemExit) as done:
        main()
    assert not done.value.code
    assert "tested on all 300 rows; joint effects on verify rows" in capsys.readouterr().out
