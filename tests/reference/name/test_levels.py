"""The level of a name: by hand, against SciPy, and on planted trees."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr

from semascope.lexicon import ByEncoder, Contrast
from semascope.name import Bank, Evidence, by_bank, name_concepts
from semascope.name.levels import description_gain
from semascope.vectors import as_source

NONE = np.zeros(0, dtype=np.int64)
TREE = {
    **{f"fruit{i}": "fruit" for i in range(20)},
    **{f"citrus{i}": "citrus" for i in range(20)},
    **{f"root{i}": "vegetable" for i in range(20)},
    **{f"car{i}": "vehicle" for i in range(20)},
    **{f"chair{i}": "furniture" for i in range(20)},
    "citrus": "fruit", "fruit": "food", "vegetable": "food", "food": "thing", "vehicle": "artifact",
    "furniture": "artifact", "artifact": "thing",
}  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 50), st.integers(0, 50), st.integers(1, 50), st.integers(0, 50),
    st.floats(0.001, 0.999),
)  # fmt: skip
def test_gain_is_a_divergence(n: int, k: int, m: int, j: int, prior: float) -> None:
    k, j = min(k, n), min(j, m)
    gain, share = description_gain([k], n, [j], m, [prior])
    q = (j + 5 * prior) / (m + 5)
    p = (k + q) / (n + 1)
    wanted = rel_entr(p, q) + rel_entr(1 - p, 1 - q) if p > q else 0
    assert gain[0] == pytest.approx(wanted, abs=1e-9)
    assert share[0] == pytest.approx(p)


def proposed(active: list[str], other: list[str], seed: int = 0) -> list[str]:
    texts = pl.Series([*active, *other])
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((len(texts), 4))
    relevance = ByEncoder(lambda names: np.ones((len(names), 4)), as_source(vectors))
    rows = np.arange(len(texts))
    one = np.ones(len(active), dtype=np.float32)
    evidence = Evidence(0, Contrast(rows[: len(active)], one, NONE, rows[len(active) :]))
    return [c.name for c in by_bank(Bank.of(TREE), [evidence], texts, relevance)(evidence)]


def leaves(*kinds: str, n: int = 12) -> list[str]:
    return [f"{kind}{i}" for kind in kinds for i in range(n)]


@pytest.mark.parametrize(
    ("active", "other", "name"),
    [
        (("citrus",), ("root", "car", "chair", "fruit"), "citrus"),
        (("citrus", "fruit"), ("root", "car", "chair"), "fruit"),
        (("citrus", "fruit", "root"), ("car", "chair"), "food"),
        (("car", "chair"), ("citrus", "root"), "artifact"),
    ],
)
def test_the_most_specific_entry_that_covers_what_fires(active, other, name) -> None:
    assert proposed(leaves(*active), leaves(*other))[0] == name
    # A few outliers, and items that nobody knows, change nothing.
    odd = ["chair13", "unknown", "car14"] if name != "artifact" else ["root13", "unknown"]
    assert proposed([*leaves(*active), *odd], leaves(*other))[0] == name


def test_senses_are_told_by_agreement() -> None:
    """Every active word is also a name of a person; no two share anything else there."""
    bank = Bank(
        ("bass", "perch", "pike", "bass", "perch", "pike", "fish", "singer", "seat", "weapon",
         "oak", "elm", "tree"),
        parents=((6,), (6,), (6,), (7,), (8,), (9,), (), (), (), (), (12,), (12,), ()),
    )  # fmt: skip
    texts = pl.Series(["bass", "perch", "pike", "oak", "elm"] * 4)
    fish = np.flatnonzero([t not in ("oak", "elm") for t in texts])
    rest = np.setdiff1d(np.arange(20), fish)
    relevance = ByEncoder(lambda names: np.ones((len(names), 2)), as_source(np.ones((20, 2))))
    evidence = Evidence(0, Contrast(fish, np.ones(12, dtype=np.float32), NONE, rest))
    assert by_bank(bank, [evidence], texts, relevance)(evidence)[0].name == "fish"


def test_a_bank_names_terms_whose_vectors_tell_nothing() -> None:
    bank = Bank.of(TREE)
    kinds = ("citrus", "fruit", "root", "car", "chair")
    texts = leaves(*kinds, n=20)
    items = pl.DataFrame({"text": texts})
    vectors = np.random.default_rng(0).standard_normal((100, 8))
    embed = np.random.default_rng(1).standard_normal
    relevance = ByEncoder(lambda names: embed((len(names), 8)), as_source(vectors))
    groups = [np.arange(20), np.arange(40, 60), np.arange(60, 80), np.arange(80, 100)]
    drawn = [
        Contrast(g, np.ones(20, dtype=np.float32), NONE, np.setdiff1d(np.arange(100), g))
        for g in groups
    ]
    found = name_concepts(drawn, items, text="text", relevance=relevance, bank=bank)
    assert [p.name for p in found] == ["citrus", "vegetable", "vehicle", "furniture"]
    assert {p.kind for p in found} == {"term"}
    assert all(p.held_in > 0.95 for p in found)
