"""What a person passes to the learners: data of many kinds, parameters, scikit-learn's tools."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy.sparse import random_array
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from semascope.core import ArtifactError, Codes, InputError, load_tensors, save_tensors
from semascope.discover import (
    BatchTopKSAE,
    Dictionary,
    Recipe,
    TopKSAE,
    fit_dictionary,
    fit_many,
    recipe_for,
)
from semascope.vectors import as_source

X = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)


def sae(**changes: Any) -> TopKSAE:
    return TopKSAE(
        **({"n_components": 16, "n_active": 2, "max_rows": 500, "random_state": 0} | changes)
    )


def mapped(dtype: str) -> np.memmap:
    np.save("x.npy", X.astype(dtype))
    return np.load("x.npy", mmap_mode="r")


@pytest.fixture(scope="module")
def plain() -> TopKSAE:
    return sae().fit(X)


@pytest.mark.parametrize(
    "given",
    [
        pl.DataFrame({"v": X.tolist()}),
        pl.Series("v", X),
        pl.DataFrame(X).lazy(),
        pd.Series(X.tolist()),
        pd.DataFrame({"v": X.tolist()}),
        pa.table({"v": X.tolist()}),
        pa.chunked_array([X.tolist()]),
        torch.tensor(X, requires_grad=True),
        torch.tensor(X).to_sparse(),
    ],
    ids=lambda x: f"{type(x).__module__}.{type(x).__name__}",
)
def test_vectors_in_a_column_and_tensors(plain: TopKSAE, given: Any) -> None:
    learned = sae().fit(given)
    assert np.array_equal(learned.atoms_, plain.atoms_)
    assert np.array_equal(learned.transform(given).toarray(), plain.transform(X).toarray())


def test_half_precision(plain: TopKSAE) -> None:
    half = torch.tensor(X).bfloat16()
    assert np.array_equal(sae().fit(half).atoms_, sae().fit(half.float().numpy()).atoms_)
    assert np.array_equal(sae().fit(mapped("f2")).atoms_, sae().fit(X.astype("f2")).atoms_)


def test_what_is_masked_is_missing() -> None:
    masked = np.ma.masked_array(X, mask=X[3, 2] == X)
    with pytest.raises(InputError, match=r"row 3, column 2 \(nan\)"):
        sae().fit(masked)


def test_a_bad_row_is_named(plain: TopKSAE) -> None:
    bad = X.copy()
    bad[5, 1] = np.nan
    for use in (sae().fit, sae().partial_fit, plain.transform, plain.score):
        with pytest.raises(InputError, match=r"NaN.*row 5, column 1"):
            use(bad)


def test_names_of_columns_go_with_them() -> None:
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(8)])
    learned = sae().fit(frame)
    assert learned.feature_names_in_.tolist() == list(frame.columns)
    assert not hasattr(learned.fit(torch.tensor(X)), "feature_names_in_")


def test_latents_have_names(plain: TopKSAE) -> None:
    names = plain.get_feature_names_out()
    assert names[0] == "topksae0"
    assert len(names) == 16
    batch = BatchTopKSAE(16, 2, max_rows=500, random_state=0).fit(X)
    assert batch.get_feature_names_out()[-1] == "batchtopksae15"


def test_score_is_the_share_of_variance_explained(plain: TopKSAE) -> None:
    back = plain.inverse_transform(plain.transform(X))
    share = 1 - np.square(X - back).sum() / np.square(X - X.mean(0)).sum()
    assert plain.score(X) == pytest.approx(share, rel=1e-5)


def test_search_over_parameters() -> None:
    alone = GridSearchCV(sae(), {"n_components": [4, 32]}, cv=2).fit(X)
    assert alone.best_params_ == {"n_components": 32}
    steps = make_pipeline(sae(), LogisticRegression())
    search = GridSearchCV(steps, {"topksae__learning_rate": np.float32([1e-3, 6e-3])}, cv=2)
    best = search.fit(X, X[:, 0] > 0).best_estimator_
    assert len(best[:-1].get_feature_names_out()) == 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lead_coefficient": -1}, "lead_coefficient must be a number of at least 0, got -1"),
        ({"lead_coefficient": "a"}, "lead_coefficient must be a number"),
        ({"noise": True}, "noise must be a number"),
        ({"noise": np.nan}, "noise must be a number"),
        ({"pursuit_share": "a"}, "pursuit_share must be a number from 0 to 1"),
        ({"patience": -1}, "patience must be a whole number of at least 0"),
        ({"patience": 1.5}, "patience must be a whole number"),
        ({"validation_fraction": "a"}, "validation_fraction must be a number"),
        ({"validation_fraction": 1}, "validation_fraction must be"),
        ({"refine": None}, "refine must be one of"),
        ({"checkpoint": 3}, "checkpoint must be the path of a file"),
        ({"checkpoint": "c.st", "random_state": None}, "set random_state to a whole number"),
        ({"checkpoint": "c.st", "checkpoint_every": -1}, "checkpoint_every must be"),
        ({"checkpoint": "none/c.st"}, "the folder none does not exist"),
        ({"device": "gpu"}, "device must be"),
    ],
    ids=str,
)
def test_parameters_are_checked_before_work(change: dict[str, Any], message: str) -> None:
    for use in (sae(**change).fit, lambda x: fit_many(x, [sae(**change)])):
        with pytest.raises(InputError, match=message):
            use(X)
    assert not any(Path().glob("*.st"))


def test_pursuit_does_not_go_with_thresholds_piece_by_piece_either() -> None:
    with pytest.raises(InputError, match="pursuit needs a number of active latents"):
        BatchTopKSAE(16, 2, refine="pursuit").partial_fit(X)


@pytest.mark.parametrize("given", [sae(), [sae(), "TopKSAE"], None])
def test_what_is_fitted_together_are_estimators(given: Any) -> None:
    with pytest.raises(InputError, match="must be a list of TopKSAE"):
        fit_many(X, given)


# Numbers that float32 does not hold ---------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-30, 1e25])
def test_the_unit_of_the_vectors_does_not_matter(plain: TopKSAE, scale: float) -> None:
    assert sae().fit(X * np.float32(scale)).fvu_ == pytest.approx(plain.fvu_, rel=1e-4)


def test_rows_far_from_the_origin_are_not_called_equal() -> None:
    with pytest.raises(InputError, match=r"hardly resolves; subtract the mean first"):
        sae().fit(X.astype(np.float64) + 1e7)


def test_training_that_diverged_is_no_result() -> None:
    with pytest.raises(InputError, match="lower learning_rate"):
        sae(learning_rate=1e30).fit(X)


# Checkpoints --------------------------------------------------------------------------------------


def test_a_changed_byte_of_a_checkpoint_is_found() -> None:
    path = Path("c.st")
    sae(checkpoint=path).fit(X)
    content = bytearray(path.read_bytes())
    content[-300] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"c\.st was changed after it was written"):
        sae(checkpoint=path).fit(X)


@pytest.mark.parametrize("what", ["0.counts", "0.best.atoms", "states"])
def test_checkpoints_that_are_not_whole(what: str) -> None:
    path = Path("c.st")
    sae(checkpoint=path).fit(X)
    tensors, metadata = load_tensors(path)
    kept = {name: np.array(tensor) for name, tensor in tensors.items() if name != what}
    del metadata["crc32"]
    save_tensors(path, kept, metadata | ({"states": "2"} if what == "states" else {}))
    with pytest.raises(ArtifactError, match=r"is damaged .*remove it to start again"):
        sae(checkpoint=path).fit(X)


def test_another_file_is_no_checkpoint(plain: TopKSAE) -> None:
    plain.dictionary_.save("c.st")
    with pytest.raises(ArtifactError, match="no checkpoint of training"):
        sae(checkpoint="c.st").fit(X)
    Path("folder").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        sae(checkpoint="folder").fit(X)


def test_a_checkpoint_belongs_to_one_process_and_leaves_nothing_else() -> None:
    half = Path(".c.st.ab12_xyz")
    half.write_text("half a checkpoint")
    source, refused = as_source(X), []

    def meanwhile(rows: int, fvu: float) -> None:
        with pytest.raises(ArtifactError, match="another process is training with the checkpoint"):
            sae(checkpoint="c.st").fit(X)
        refused.append(rows)

    fit_dictionary(source, Recipe(16, 2, max_rows=500), checkpoint=Path("c.st"), on_step=meanwhile)
    assert refused
    assert [path.name for path in Path().iterdir()] == ["c.st"]


def test_a_checkpoint_that_cannot_be_written_any_more_costs_nothing(plain: TopKSAE) -> None:
    folder = Path("gone")
    folder.mkdir()
    recipe = sae()._recipe(as_source(X))

    def lose(rows: int, fvu: float) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    with pytest.warns(RuntimeWarning, match=r"no checkpoint at step .*folder gone does not exist"):
        fit = fit_dictionary(as_source(X), recipe, checkpoint=folder / "c.st", on_step=lose)
    assert np.array_equal(fit.dictionary.atoms, plain.atoms_)


# Dictionaries -------------------------------------------------------------------------------------

EYE, ZERO = np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32)
PARTS = {"encoder": EYE, "encoder_bias": ZERO, "atoms": EYE, "bias": ZERO, "n_active": 1}


@pytest.mark.parametrize(
    "given",
    [np.float64, np.float16, np.ndarray.tolist, torch.from_numpy, np.asfortranarray],
    # An address in the name of a test is another one in each process.
    ids=lambda given: given.__name__,
)
def test_dictionaries_of_any_numbers(given: Any) -> None:
    arrays = {n: given(a.copy()) for n, a in PARTS.items() if isinstance(a, np.ndarray)}
    dictionary = Dictionary(**arrays, n_active=np.int64(1))
    assert np.array_equal(dictionary.encode(2 * EYE).to_scipy().toarray(), 2 * EYE)
    dictionary.save("d.safetensors")
    assert np.array_equal(Dictionary.load("d.safetensors").atoms, EYE)
    Path("folder").mkdir()
    with pytest.raises(InputError, match="cannot write folder: it is a folder"):
        dictionary.save("folder")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_active": 0}, "n_active must be a whole number of at least 1, got 0"),
        ({"n_active": 1.5}, "n_active must be a whole number"),
        ({"atoms": ZERO}, "atoms of a dictionary must have 2 dimensions"),
        ({"atoms": [["a"]]}, "atoms of a dictionary must be an array of numbers"),
        ({"encoder": np.full((3, 3), np.nan)}, "encoder of a dictionary holds NaN"),
        ({"bias": ZERO[:2]}, "do not fit together"),
        ({"n_active": None, "threshold": ZERO[:2]}, "do not fit together"),
        ({"n_active": None, "threshold": 0.1}, "threshold of a dictionary must have 1 dimension"),
        ({"atoms": np.zeros((0, 3))}, "hold something"),
    ],
    ids=str,
)
def test_dictionaries_that_are_none(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Dictionary(**(PARTS | change))


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"bias": None}, {}),
        ({"more": ZERO}, {}),
        ({"bias": ZERO[:2]}, {}),
        ({"atoms": EYE * np.nan}, {}),
        ({}, {"n_active": "-1"}),
        ({}, {"n_active": "many"}),
        ({}, {"refine": "omp"}),
    ],
    ids=str,
)
def test_files_of_dictionaries_that_are_not_whole(
    tensors: dict[str, Any], metadata: dict[str, str]
) -> None:
    Dictionary(**PARTS).save("d.safetensors")
    arrays, facts = load_tensors(Path("d.safetensors"))
    arrays = {
        name: np.array(array) for name, array in (arrays | tensors).items() if array is not None
    }
    save_tensors(Path("d.safetensors"), arrays, facts | metadata)
    with pytest.raises(ArtifactError, match=r"d\.safetensors is damaged: .*restore it"):
        Dictionary.load("d.safetensors")


def test_codes_to_decode_may_be_lists_and_frames(plain: TopKSAE) -> None:
    codes = plain.transform(X[:3])
    wanted = plain.inverse_transform(codes)
    for given in (codes.toarray().tolist(), pl.DataFrame(codes.toarray()), codes.tocoo()):
        assert np.allclose(plain.inverse_transform(given), wanted, atol=1e-6)
    with pytest.raises(InputError, match="two dimensions"):
        plain.inverse_transform(codes.toarray()[0])
    with pytest.raises(InputError, match="not finite at row 0"):
        plain.inverse_transform(np.full((2, 16), np.nan))


def test_one_row_has_no_variance_to_explain(plain: TopKSAE) -> None:
    for use in (plain.score, plain.dictionary_.fvu):
        with pytest.raises(InputError, match="FVU needs rows that differ"):
            use(X[:1])
    assert plain.dictionary_.fvu(X[:1], mean=X.mean(0)) > 0


def test_numbers_beyond_float32_are_refused(plain: TopKSAE) -> None:
    huge = X.astype(np.float64)
    huge[150] *= 1e60
    np.save("huge.npy", huge)
    for use in (sae().fit, plain.transform, plain.dictionary_.encode):
        for given in (huge, "huge.npy"):
            with pytest.raises(InputError, match="beyond float32"):
                use(given)


def test_sparse_rows_become_dense_when_they_are_read() -> None:
    # Dense, this matrix would take 16 TB.
    wide = random_array((4_000_000, 1_000_000), density=1e-9, rng=np.random.default_rng(0))
    source = as_source(wide)
    some = np.sort(np.unique(wide.coords[0]))[:5]
    assert np.array_equal(source.take(some), wide.tocsr()[some].toarray().astype(np.float32))
    assert source.rows(3, 5).shape == (2, 1_000_000)
    wide.data[7] = np.inf
    row, column = (int(axis[7]) for axis in wide.coords)
    with pytest.raises(InputError, match=f"row {row}, column {column}"):
        as_source(wide)


def test_dictionaries_are_compared_and_shown_without_their_numbers(plain: TopKSAE) -> None:
    dictionary = plain.dictionary_
    assert dictionary != replace(dictionary, refine="refit")
    assert len({dictionary, dictionary}) == 1
    assert repr(dictionary) == "Dictionary of 16 atoms (d=8), 2 active"


@pytest.mark.parametrize(
    ("change", "message"),
    [({"recall": "a"}, "recall must be"), ({"clusters": 2.5}, "clusters must be a whole number")],
)
def test_an_index_is_asked_for_with_numbers(
    plain: TopKSAE, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        plain.dictionary_.indexed(X, **change)


def test_recipes_are_for_some_rows() -> None:
    with pytest.raises(InputError, match="n_rows must be a whole number of at least 1, got 0"):
        recipe_for(0, 8)
    with pytest.raises(InputError, match="seed must be a whole number"):
        Recipe(8, 2, seed="a")


# Codes --------------------------------------------------------------------------------------------


def test_codes_of_lists() -> None:
    assert Codes([0, 1, 1], [1], [2.0], 3).to_scipy().toarray().tolist() == [[0, 2, 0], [0, 0, 0]]
    assert Codes.from_scipy([[0, 2], [1, 0]]).nnz == 2
    with pytest.raises(InputError, match="indptr"):
        Codes([], [], [], 3)


@pytest.mark.parametrize(("name", "value"), [("indices", 7), ("indices", -1), ("indptr", 99)])
def test_codes_that_reach_beyond_memory_are_refused(name: str, value: int) -> None:
    Codes.from_scipy(EYE).save("c.safetensors")
    tensors, metadata = load_tensors(Path("c.safetensors"))
    changed = {key: np.array(tensor) for key, tensor in tensors.items()}
    changed[name][1] = value
    save_tensors(Path("c.safetensors"), changed, metadata)
    codes = Codes.load("c.safetensors")
    for use in (codes.to_scipy, lambda: codes[[0, 1]], lambda: codes.column(0)):
        with pytest.raises(ArtifactError, match="damaged"):
            use()
