"""Labels, factors and rows in the forms people have them, and what is wrong in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from semascope.core import InputError
from semascope.measure import evaluate
from semascope.measure.yardsticks import as_factors, as_labels

N = 60
KIND = ["tea", "car", "dog"] * 20
SIZE = (np.arange(N) / 7).tolist()
CODES = np.random.default_rng(0).random((N, 4))
X = np.random.default_rng(1).random((N, 5))
ATOMS = np.random.default_rng(2).random((4, 5))


@pytest.mark.parametrize(
    "given",
    [
        pl.DataFrame({"kind": KIND, "size": SIZE}),
        pd.DataFrame({"kind": KIND, "size": SIZE}, index=np.arange(N)[::-1]),
        pa.table({"kind": KIND, "size": SIZE}),
        {"kind": KIND, "size": SIZE},
    ],
    ids=lambda given: type(given).__module__,
)
def test_factors_keep_their_types_in_any_table(given: Any) -> None:
    found = as_factors(given)
    assert found.names == ("kind", "size")
    assert found.discrete.tolist() == [True, False]
    assert found.values[:, 1] == pytest.approx(SIZE)


@pytest.mark.parametrize(
    "given",
    [KIND, np.array(KIND), pl.Series(KIND), pd.Series(KIND, dtype="category"), pa.array(KIND),
     {"kind": KIND}, pl.DataFrame({"kind": KIND})],
    ids=lambda given: type(given).__module__ + type(given).__name__,
)  # fmt: skip
def test_labels_come_in_many_forms(given: Any) -> None:
    truth, names = as_labels(given)
    assert names == ("car", "dog", "tea")
    assert truth.sum(axis=0).tolist() == [20, 20, 20]


def test_a_matrix_of_labels_keeps_its_names() -> None:
    table = {"red": [1, 0] * 30, "big": [True, False] * 30}
    for given in (pd.DataFrame(table), pl.DataFrame(table), pa.table(table)):
        truth, names = as_labels(given)
        assert names == ("red", "big")
        assert truth[:2].tolist() == [[True, True], [False, False]]
    assert as_labels(torch.tensor([[0.0, 1.0]], requires_grad=True))[0].tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": [None, *KIND[1:]]}, "labels are missing in 1 rows, first at row 0"),
        ({"labels": [np.nan, *SIZE[1:]]}, "labels are missing in some rows, first at row 0"),
        ({"labels": SIZE}, "labels are kinds, found 60 different numbers; pass them as factors"),
        ({"factors": [None, *KIND[1:]]}, "missing values"),
        ({"factors": {"kind": [None, *KIND[1:]], "size": SIZE}}, "'kind' has 1 missing values"),
        ({"outcome": [None, *KIND[1:]]}, "outcome is missing in 1 rows, first at row 0"),
        ({"groups": [*KIND[1:], None]}, "groups is missing in 1 rows, first at row 59"),
        ({"bias": np.zeros(3)}, r"bias has shape \(3,\) for atoms of 5 dimensions"),
        ({"atoms": ATOMS[:, :3]}, "atoms have 3 dimensions, vectors 5"),
        ({"others": [np.eye(4)]}, r"other atoms 0 have shape \(4, 4\); 5 dimensions"),
        ({"runs": [CODES[:5]]}, "codes have 60 rows, run 0 has 5"),
        ({"choose": [0.5, 1.5]}, "'choose' must hold numbers of rows"),
        ({"choose": np.ones(N, dtype=bool)}, "'test' must hold two rows or more"),
    ],
)
def test_what_does_not_fit_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        evaluate(CODES, **({"vectors": X, "atoms": ATOMS} | options))


def test_rows_may_be_a_mask_and_one_side_leaves_the_rest() -> None:
    first = np.arange(N) < 40
    options = {"labels": KIND, "metrics": ["best concept f1"], "baselines": False}
    found = evaluate(CODES, choose=np.flatnonzero(first), test=np.flatnonzero(~first), **options)
    assert found["n"].item() == 20
    for given in ({"choose": first}, {"test": ~first}, {"choose": first, "test": ~first}):
        assert evaluate(CODES, **given, **options).equals(found)


def test_a_silent_row_shows_no_concepts() -> None:
    codes = np.zeros((40, 4))
    codes[::2, :2] = 1.0
    table = evaluate(codes, metrics=["row concepts", "l0"])
    values = dict(zip(table["metric"], table["value"], strict=True))
    assert values["row concepts"] == pytest.approx(values["l0"])
