"""What a person passes to the learners: data of many kinds, parameters, scikit-learn's tools."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from semascope.core import ArtifactError, InputError, load_tensors, save_tensors
from semascope.discover import BatchTopKSAE, Recipe, TopKSAE, fit_dictionary, fit_many
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
