"""Near-duplicates in data with clumps: the same groups as comparing all rows with all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

import semascope as sc


def groups_of(found: sc.explain.Duplicates) -> set[tuple[int, ...]]:
    return {tuple(rows) for rows in found.table["rows"].to_list()}


def compared(x: np.ndarray, similarity: float) -> set[tuple[int, ...]]:
    """Every pair, in float64."""
    unit = (x / np.linalg.norm(x, axis=1)[:, None]).astype(np.float64)
    squares = np.square(unit).sum(axis=1)
    apart = squares[:, None] + squares - 2 * unit @ unit.T
    near = apart <= (np.sqrt(2 - 2 * similarity) + 1e-6) ** 2
    labels = connected_components(csr_array(near))[1]
    parts = np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1])
    return {tuple(map(int, part)) for part in parts if len(part) > 1}


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    spreads=st.lists(st.sampled_from([0.0, 1e-6, 1e-3, 0.03, 0.1, 0.3]), min_size=1, max_size=4),
    similarity=st.sampled_from([0.9, 0.98, 0.999]),
)
def test_clumps_are_grouped_as_all_pairs_say(
    seed: int, spreads: list[float], similarity: float
) -> None:
    """Clumps closer than, about as far as, and further than what makes a near-duplicate."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((1800, 6)).astype(np.float32)
    for spread in spreads:
        rows = random.choice(len(x), 1300, replace=False)
        x[rows] = random.standard_normal(6) + spread * random.standard_normal((1300, 6))
    assert groups_of(sc.explain.duplicates(x, similarity=similarity)) == compared(x, similarity)


@pytest.mark.parametrize("exact", [None, True])
def test_a_clump_that_holds_most_rows(exact: bool | None) -> None:
    """Every pair of 50,000 rows is near: 10 GB, if pairs were kept."""
    random = np.random.default_rng(0)
    x = random.standard_normal((60_000 if exact is None else 52_000, 24)).astype(np.float32)
    x[:50_000] = random.standard_normal(24) + 0.01 * random.standard_normal((50_000, 24))
    x[-100:] = x[50_000:50_100] + 0.001 * random.standard_normal((100, 24))
    found = sc.explain.duplicates(x, exact=exact)
    planted = {(50_000 + i, len(x) - 100 + i) for i in range(100)}
    assert groups_of(found) == planted | {tuple(range(50_000))}
    assert found.how["missed"] == 0
    assert found.table["least"][0] > 0.98


def test_a_large_clump_among_rows_that_are_hashed() -> None:
    random = np.random.default_rng(1)
    x = random.standard_normal((50_000, 24)).astype(np.float32)
    x[:20_000] = random.standard_normal(24) + 0.01 * random.standard_normal((20_000, 24))
    x[-100:] = x[20_000:20_100] + 0.001 * random.standard_normal((100, 24))
    found = sc.explain.duplicates(x)
    assert 0 < found.how["missed"] <= 0.001
    assert groups_of(found) == {(20_000 + i, 49_900 + i) for i in range(100)} | {
        tuple(range(20_000))
    }
