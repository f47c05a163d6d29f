"""The registry and `evaluate`: records, baselines, nulls, and input that cannot be used."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semascope.core import Codes, InputError
from semascope.measure import METRICS, evaluate, metrics
from semascope.measure.yardsticks import (
    as_factors,
    as_labels,
    attribute_scores,
    compositionality,
    info_compactness,
    info_modularity,
    max_atom_cosine,
    mig,
    modularity,
    robustness,
    sap,
    shared_information,
    total_correlation,
    udr,
)

N, M, D = 240, 10, 6


@pytest.fixture(scope="module")
def planted() -> dict[str, np.ndarray]:
    """Four kinds on four of ten latents; vectors are made from atoms with some noise."""
    random = np.random.default_rng(0)
    kind = random.integers(0, 4, N)
    codes = np.zeros((N, M))
    codes[np.arange(N), kind] = random.uniform(1, 2, N)
    codes[np.arange(N), random.integers(4, M - 1, N)] = random.uniform(0.2, 0.6, N)
    atoms = random.standard_normal((M, D))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    x = codes @ atoms + 0.05 * random.standard_normal((N, D))
    return {"codes": codes, "atoms": atoms, "vectors": x.astype(np.float32), "kind": kind}


@pytest.fixture(scope="module")
def everything(planted: dict[str, np.ndarray]) -> pl.DataFrame:
    kind = planted["kind"]
    return evaluate(
        Codes.from_scipy(planted["codes"]),
        vectors=planted["vectors"],
        atoms=planted["atoms"],
        labels=np.c_[kind == 0, kind < 2, np.arange(N) % 3 == 0],
        factors=np.c_[kind % 2, kind // 2],
        outcome=kind,
        groups=np.arange(N) % 2,
        runs=[planted["codes"][:, ::-1]],
        others=[planted["atoms"][::-1]],
        metrics=["all"],
        baselines=False,
    )


def test_every_metric_says_what_it_is() -> None:
    table = metrics()
    assert len(table) == len(METRICS) == table["metric"].n_unique()
    for column, least in {"formula": 5, "source": 5, "chance": 1, "better": 5, "cost": 4}.items():
        assert (table[column].str.len_chars() >= least).all()
    assert (table["low"] < table["high"]).all()
    assert set(table["group"]) == {"core", "labels", "disentanglement", "concept sets"}


def test_every_metric_gives_a_record_within_its_range(everything: pl.DataFrame) -> None:
    ours = everything.filter(of="codes")
    assert ours["metric"].to_list() == list(METRICS)
    silent = ours.filter(pl.col("value").is_null())
    # A label that is in no vector can neither bias a probe nor be taken out of one.
    assert silent["metric"].to_list() == ["scr"]
    assert silent["note"][0].startswith("does not apply")
    for row in everything.drop_nulls("value").iter_rows(named=True):
        metric = METRICS[row["metric"]]
        assert metric.low - 1e-9 <= row["value"] <= metric.high + 1e-9, row
        assert row["n"] > 0
        if row["low"] is not None:
            assert row["low"] <= row["value"] <= row["high"], row
    with_interval = ours.drop_nulls("low")
    assert set(METRICS) - set(with_interval["metric"]) == {"scr"}


def test_planted_codes_beat_their_null_and_random_atoms(
    planted: dict[str, np.ndarray], everything: pl.DataFrame
) -> None:
    ours = everything.filter(of="codes")
    for name in ("best concept f1", "1-sparse probe", "explicitness", "completeness", "infoe"):
        row = ours.filter(metric=name).row(0, named=True)
        assert row["low"] > row["null"], name
    some = ["fvu", "max atom cosine", "best concept f1", "mig"]
    beside = evaluate(
        planted["codes"], vectors=planted["vectors"], atoms=planted["atoms"],
        labels=planted["kind"], factors=np.c_[planted["kind"] % 2, planted["kind"] // 2],
        metrics=some,
    )  # fmt: skip
    for name in some:
        found = dict(beside.filter(metric=name).select("of", "value").iter_rows())
        assert set(found) == {"codes", *METRICS[name].baselines}
        assert len(found) > 1
        if name in {"fvu", "best concept f1"}:
            better = found["codes"] - found["random atoms"]
            assert (better < 0) == (METRICS[name].better == "lower"), name
    assert ours.filter(metric="absorption")["value"].item() == 0
    assert ours.filter(metric="stability")["value"].item() == 1
    assert ours.filter(metric="udr")["value"].item() > 0.3
    assert ours.filter(metric="fvu")["value"].item() < 0.05
    assert ours.filter(metric="dead share")["value"].item() == pytest.approx(0.1)


def test_same_seed_same_table(planted: dict[str, np.ndarray]) -> None:
    some = {"labels": planted["kind"], "vectors": planted["vectors"], "atoms": planted["atoms"]}
    first, second = (
        evaluate(planted["codes"], **some, metrics=["core", "best concept f1"]) for _ in range(2)
    )
    assert first.equals(second)


def test_codes_alone_are_measured_by_what_needs_nothing_else(planted) -> None:
    table = evaluate(planted["codes"])
    assert set(table["metric"]) >= {"l0", "l1", "density", "dead share", "total correlation"}
    assert set(table["of"]) == {"codes"}
    assert table.filter(metric="l0")["value"].item() == pytest.approx(2, abs=0.05)


def test_intervals_of_a_mean_cover() -> None:
    """L0 of rows is a plain mean; its interval should hold the truth 95 times in 100."""
    random = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        codes = (random.random((160, 12)) < 0.25).astype(float)
        row = evaluate(codes, metrics=["l0"], seed=seed).row(0, named=True)
        covered += row["low"] <= 3 <= row["high"]
    assert 88 <= covered <= 100


def test_rare_labels_are_left_out_and_counted(planted) -> None:
    kind = planted["kind"].copy()
    kind[0] = 9
    table = evaluate(planted["codes"], labels=kind, metrics=["1-sparse probe"])
    assert table["failures"].to_list() == [1]


def test_what_does_not_apply_says_why(planted) -> None:
    """Kinds exclude each other, so that no spurious label can be balanced."""
    table = evaluate(
        planted["codes"], labels=planted["kind"], vectors=planted["vectors"],
        atoms=planted["atoms"], metrics=["scr"], baselines=False,
    )  # fmt: skip
    assert table["value"].to_list() == [None]
    assert "four combinations" in table["note"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": ["mg"]}, "no metric 'mg'; did you mean 'mig'"),
        ({"metrics": ["mig"]}, "mig needs factors"),
        ({"metrics": ["disentangelment"]}, "did you mean 'disentanglement'"),
        ({"labels": np.zeros(3)}, "codes have 240 rows, labels 3"),
        ({"factors": np.arange(5)}, "codes have 240 rows, factors 5"),
        ({"factors": np.ones(N)}, "never varies"),
        ({"factors": np.full(N, np.nan)}, "not finite"),
        ({"factors": pl.DataFrame({"a": [None] + [1] * (N - 1)})}, "'a' has 1 missing"),
        ({"atoms": np.ones((3, D))}, r"atoms have shape \(3, 6\) for 10 codes"),
        ({"vectors": np.ones((3, D))}, "codes have 240 rows, vectors 3"),
        ({"labels": np.full((N, 2), 0.5)}, "labels must be one value a row"),
        ({"labels": np.ones((N, 1))}, "no label has rows with and without it"),
        ({"choose": [0, 1], "test": [1, 2]}, "some rows are in choose and in test"),
        ({"choose": [0, 1], "test": [5, 999]}, "'test' must hold two rows or more"),
    ],
)
def test_bad_input_is_named(planted, change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(planted["codes"], **change)


def test_codes_that_are_no_codes() -> None:
    for codes, message in ((np.ones(4), "shape"), ([["a"]], "numbers"), ([[np.nan]], "finite")):
        with pytest.raises(InputError, match=message):
            evaluate(codes)


def test_labels_and_factors_in_the_forms_people_have_them() -> None:
    labels, names = as_labels(pl.Series(["b", "a", "b"]))
    assert labels.tolist() == [[False, True], [True, False], [False, True]]
    assert names == ("a", "b")
    assert as_labels(pl.DataFrame({"x": [1, 0], "y": [0, 0]}))[1] == ("x", "y")
    assert as_labels(pl.DataFrame({"x": ["b", "a"]}))[1] == ("a", "b")
    days = pl.DataFrame({"day": [date(2020, 1, 1), date(2020, 1, 3)]})
    assert as_factors(days).discrete.tolist() == [False]
    with pytest.raises(InputError, match="'a' holds lists"):
        as_factors(pl.DataFrame({"a": [[1], [2]]}))
    known = as_factors(pl.DataFrame({"a": ["u", "v"], "b": [True, False], "c": [0.5, 2.5]}))
    assert known.discrete.tolist() == [True, True, False]
    assert as_factors([[1, 5], [2, 6]], discrete=[True, False]).values[:, 1].tolist() == [5, 6]
    assert known.levels(2)[:, 2].tolist() == [0, 1]


# What must not matter ----------------------------------------------------------------------------


def measures(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    shared = shared_information(codes, factors)
    half = np.arange(len(codes)) % 2 == 0
    scores = attribute_scores(
        codes, factors, train=np.flatnonzero(half), test=np.flatnonzero(~half)
    )
    return np.array([
        mig(shared), modularity(shared), info_modularity(shared), info_compactness(shared),
        sap(scores), robustness(codes, factors), total_correlation(codes),
        udr([codes, codes[::-1]])[0],
    ])  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), sparse=st.booleans())
def test_order_of_codes_and_factors_and_scale_do_not_matter(seed: int, sparse: bool) -> None:
    random = np.random.default_rng(seed)
    factors = random.integers(0, 3, (60, 3))
    factors[:3] = np.arange(3)[:, None]
    factors[3:6] = np.arange(3)[:, None]
    codes = random.standard_normal((60, 4)) + np.c_[factors, factors[:, 0]]
    if sparse:
        codes = np.maximum(codes - 1.5, 0)
    value = measures(codes, factors)
    order, columns = random.permutation(4), random.permutation(3)
    assert np.allclose(measures(codes[:, order], factors[:, columns]), value, atol=1e-6)
    # Powers of two, so that rounding moves no code over the edge of a bin.
    scaled = codes * 2.0 ** random.integers(-3, 4, 4)
    # Robustness weighs codes by how far they move, so that one scale for all must not matter to it.
    rest = np.arange(len(value)) != 5
    assert np.allclose(measures(scaled, factors)[rest], value[rest], atol=1e-6)
    assert np.allclose(measures(4 * codes, factors), value, atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_rotations_do_not_matter_to_geometry(seed: int) -> None:
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.standard_normal((5, 5)))[0]
    atoms, x = random.standard_normal((3, 5)), random.standard_normal((20, 5))
    labels = random.random((20, 3)) < 0.5
    assert np.allclose(max_atom_cosine(atoms @ turn), max_atom_cosine(atoms), atol=1e-5)
    left = compositionality(atoms, x, labels)
    assert np.allclose(compositionality(atoms @ turn, x @ turn, labels), left, atol=1e-6)
    assert ((left >= -1e-9) & (left <= 1 + 1e-9)).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), bins=st.integers(2, 20))
def test_information_lies_between_nothing_and_the_entropies(seed: int, bins: int) -> None:
    random = np.random.default_rng(seed)
    factors = np.c_[random.integers(0, 4, 50), random.standard_normal(50).round(1)]
    factors[:2] = [[0, 0.0], [1, 9.0]]
    codes = np.maximum(random.standard_normal((50, 5)), 0)
    known = as_factors(factors, discrete=[True, False])
    found = shared_information(codes, known, bins=bins)
    assert (found.mutual >= 0).all()
    assert (found.mutual <= np.minimum(found.codes[:, None], found.factors) + 1e-9).all()
    # By counting, as anyone would.
    from sklearn.metrics import mutual_info_score

    levels = known.levels(bins)
    for j in range(5):
        top = codes[:, j].max()
        place = np.clip(np.floor(np.round(codes[:, j] / top * bins, 9)), 0, bins - 1)
        for f in range(2):
            expected = mutual_info_score(place, levels[:, f])
            assert found.mutual[j, f] == pytest.approx(expected, abs=1e-9)
