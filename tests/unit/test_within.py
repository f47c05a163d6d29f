"""Vectors less what their pair or group shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semascope.core import InputError
from semascope.vectors import within


@given(st.lists(st.integers(0, 5), min_size=2, max_size=30), st.integers(0, 1000))
def test_groups_have_no_mean_and_keep_their_differences(keys: list[int], seed: int) -> None:
    keys = [*keys, keys[0]]
    x = np.random.default_rng(seed).standard_normal((len(keys), 3)).astype(np.float32)
    found = within(x, pl.Series(keys))
    for key in set(keys):
        rows = np.array(keys) == key
        assert found[rows].mean(axis=0) == pytest.approx(0, abs=1e-5)
        assert np.diff(found[rows], axis=0) == pytest.approx(np.diff(x[rows], axis=0), abs=1e-5)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["a", "b"], "2 keys of groups and 3 vectors"),
        (["a", None, "a"], "the group of row 1 is missing"),
        ([1, 2, 3], "no two of 3 rows share a group"),
    ],
)
def test_bad_groups_are_named(keys: list[Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        within(np.ones((3, 2)), keys)
