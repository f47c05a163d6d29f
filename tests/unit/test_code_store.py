"""Codes in a folder of shards: reads equal one matrix, writing goes on exactly, damage is named."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semascope.core import ArtifactError, Codes, CodeStore, InputError, held
from semascope.discover import Dictionary
from semascope.vectors import VectorStore, as_source

DIMENSIONS, ATOMS, ROWS = 6, 16, 100


def made(seed: int = 0, *, threshold: float | None = None) -> Dictionary:
    draw = np.random.default_rng(seed)
    atoms = draw.standard_normal((ATOMS, DIMENSIONS)).astype(np.float32)
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    rule: dict[str, Any] = {"n_active": 3}
    if threshold is not None:
        rule = {"threshold": np.full(ATOMS, threshold, dtype=np.float32)}
    zeros = np.zeros(ATOMS, np.float32), np.zeros(DIMENSIONS, np.float32)
    return Dictionary(atoms.copy(), zeros[0], atoms, zeros[1], **rule)


def vectors(rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((rows, DIMENSIONS)).astype(np.float32)


def close(codes: Codes | CodeStore, dense: np.ndarray) -> bool:
    """Tell whether codes are the same; torch's way sums and refits a little otherwise by block."""
    found = codes.to_scipy().toarray()
    return np.array_equal(found != 0, dense != 0) and np.allclose(found, dense, atol=5e-3)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semascope.discover.coder.BLOCK", 4)


class Failing:
    """Vectors of which some rows cannot be read, until they are repaired."""

    def __init__(self, array: np.ndarray, first: int, error: BaseException) -> None:
        self.source, self.first, self.error = as_source(array), first, error
        self.shape = array.shape

    def rows(self, start: int, stop: int) -> np.ndarray:
        if stop > self.first:
            raise self.error
        return self.source.rows(start, stop)

    def take(self, index: np.ndarray) -> np.ndarray:
        return self.source.take(index)


def interrupted(path: Path, at: int, *, shard_rows: int = 10) -> None:
    with pytest.raises(KeyboardInterrupt):
        made().encode_to(path, Failing(vectors(), at, KeyboardInterrupt()), shard_rows=shard_rows)


# Reading


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), n=st.integers(1, 40), shard_rows=st.integers(1, 45), seed=st.integers(0, 99))
def test_reads_equal_one_matrix(
    tmp_path: Path, small_blocks: None, data: st.DataObject, n: int, shard_rows: int, seed: int
) -> None:
    # A level that leaves some rows, and some whole shards, without a single active latent.
    dictionary = made(seed, threshold=data.draw(st.sampled_from([0.3, 1.5, 2.5, 9.0])))
    x = vectors(n)
    store = dictionary.encode_to(tmp_path / "a.codes", x, shard_rows=shard_rows, overwrite=True)
    dense = store.to_scipy().toarray()
    assert close(dictionary.encode(x), dense)
    assert store.shape == (n, ATOMS)
    assert len(store) == n
    assert store.nnz == np.count_nonzero(dense)
    assert len(list(store.path.glob("codes-*.safetensors"))) == -(-n // shard_rows)
    start, stop = (data.draw(st.integers(-n - 2, n + 2)) for _ in range(2))
    step = data.draw(st.sampled_from([1, 2, -1, -3]))
    index = np.array(data.draw(st.lists(st.integers(-n, n - 1), max_size=9)), dtype=np.int64)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    row = data.draw(st.integers(-n, n - 1))
    for rows in (slice(start, stop), slice(start, stop, step), index, mask):
        found = store[rows]
        assert found.indptr.dtype == np.int64
        assert np.array_equal(found.to_scipy().toarray(), dense[rows])
    assert np.array_equal(store[row].to_scipy().toarray(), dense[[row]])
    size = data.draw(st.integers(1, 50))
    blocks = list(store.blocks(size))
    assert [first for first, _ in blocks] == list(range(0, n, size))
    assert np.array_equal(Codes.stack([c for _, c in blocks], ATOMS).to_scipy().toarray(), dense)
    assert np.array_equal(store.to_codes().indices, dictionary.encode(x).indices)
    assert np.allclose(store.prevalence(), (dense != 0).mean(axis=0))
    j = data.draw(st.integers(0, ATOMS - 1))
    where, values = store.column(j)
    assert np.array_equal(where, np.flatnonzero(dense[:, j]))
    assert np.array_equal(values, dense[where, j])
    assert np.allclose(dictionary.decode(store), dictionary.decode(dense), atol=1e-5)


def test_shards_are_mapped(tmp_path: Path) -> None:
    store = made().encode_to(tmp_path / "a.codes", vectors(), shard_rows=50)
    assert isinstance(store[3:40].values.base, np.memmap)
    assert store.made_from["refine"] == "none"
    assert repr(store).endswith("100 rows over 16 latents, 3.0 active a row, 2 shards")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (100, r"row 100 is outside 0\.\.99"),
        ([-101], r"row -101 is outside"),
        ([0.5], "rows must be a number, a slice.*float64"),
        ([True], r"mask of 100 booleans.*\(1,\) and dtype bool"),
    ],
)
def test_rows_that_are_not_there(tmp_path: Path, rows: Any, message: str) -> None:
    store = made().encode_to(tmp_path / "a.codes", vectors())
    with pytest.raises(InputError, match=message):
        store[rows]


# Writing


@pytest.mark.parametrize("kind", ["array", "mapped", "store"])
@pytest.mark.parametrize("refine", ["none", "refit", "pursuit"])
def test_same_bytes_from_every_source(
    tmp_path: Path, small_blocks: None, kind: str, refine: Any
) -> None:
    x: Any = vectors()
    wanted = made().encode_to(tmp_path / "a.codes", x, refine=refine, shard_rows=30)
    assert close(wanted, made().encode(x, refine=refine).to_scipy().toarray())
    if kind == "mapped":
        np.save(tmp_path / "x.npy", x)
        x = tmp_path / "x.npy"
    elif kind == "store":
        x = VectorStore.create(tmp_path / "s", dimensions=DIMENSIONS)
        x.append(vectors()[:33])
        x.append(vectors()[33:])
    made().encode_to(tmp_path / "b.codes", x, refine=refine, shard_rows=30)
    assert tree(tmp_path / "b.codes") == tree(wanted.path)


@pytest.mark.parametrize("at", [0, 5, 10, 11, 50, 99])
def test_interrupted_and_gone_on_with(tmp_path: Path, small_blocks: None, at: int) -> None:
    wanted = made().encode_to(tmp_path / "whole.codes", vectors(), shard_rows=10)
    path = tmp_path / "a.codes"
    interrupted(path, at)
    with pytest.raises(ArtifactError, match=f"not finished: {at // 10 * 10} of 100 rows"):
        CodeStore(path)
    with pytest.raises(ArtifactError, match="go on with --resume, or start again with --overwrite"):
        made().encode_to(path, vectors(), shard_rows=10)
    interrupted_again = Failing(vectors(), 95, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        made().encode_to(path, interrupted_again, shard_rows=10, resume=True)
    made().encode_to(path, vectors(), shard_rows=10, resume=True)
    assert tree(path) == tree(wanted.path)
    # Once more: all is there, nothing changes.
    made().encode_to(path, vectors(), shard_rows=10, resume=True)
    assert tree(path) == tree(wanted.path)
    assert not [t for t in threading.enumerate() if "semascope" in t.name]


@pytest.mark.parametrize("resume", [False, True])
def test_killed_before_the_first_manifest_stood(tmp_path: Path, resume: bool) -> None:
    path = tmp_path / "a.codes"
    path.mkdir()
    (path / ".lock").touch()
    (path / ".codes.json.x1").write_bytes(b"{")
    made().encode_to(path, vectors(), shard_rows=10, resume=resume)
    assert tree(path) == tree(made().encode_to(tmp_path / "b.codes", vectors(), shard_rows=10).path)


def test_what_a_kill_leaves_is_swept(tmp_path: Path) -> None:
    wanted = made().encode_to(tmp_path / "whole.codes", vectors(), shard_rows=10)
    path = tmp_path / "a.codes"
    interrupted(path, 45)
    # A shard that was renamed into place but not yet counted, spills, a temporary file.
    (path / "codes-00004.safetensors").write_bytes(b"half")
    (path / ".codes.x1").mkdir()
    (path / ".codes.x1" / "indices").write_bytes(b"spilled")
    (path / ".codes-00004.safetensors.x2").write_bytes(b"half")
    made().encode_to(path, vectors(), shard_rows=10, resume=True)
    assert tree(path) == tree(wanted.path)


changed_vectors = vectors()
changed_vectors[7, 3] += 1e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dictionary": made(1)}, "begun with other dictionary;"),
        ({"dictionary": replace(made(), n_active=2)}, "begun with other dictionary;"),
        ({"refine": "refit"}, "begun with other refine;"),
        ({"shard_rows": 20}, "begun with other shard_rows;"),
        ({"x": vectors(90)}, "begun with other rows;"),
        ({"x": changed_vectors}, r"rows 0 to 9 are not those that the codes in .* were made from"),
    ],
)
def test_going_on_with_something_else_is_refused(
    tmp_path: Path, small_blocks: None, arguments: dict[str, Any], message: str
) -> None:
    path = tmp_path / "a.codes"
    interrupted(path, 50)
    before = tree(path)
    given = {"dictionary": made(), "x": vectors(), "shard_rows": 10} | arguments
    dictionary, x = given.pop("dictionary"), given.pop("x")
    with pytest.raises(ArtifactError, match=message):
        dictionary.encode_to(path, x, resume=True, **given)
    assert tree(path) == before
    store = dictionary.encode_to(path, x, overwrite=True, **given)
    assert close(store, dictionary.encode(x, refine=given.get("refine")).to_scipy().toarray())


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.codes"
    made().encode_to(path, vectors())
    before = tree(path)
    with pytest.raises(ArtifactError, match="exists; choose another name"):
        made(1).encode_to(path, vectors())
    with pytest.raises(InputError, match="vectors have 5 dimensions"):
        made().encode_to(path, vectors()[:, :5], overwrite=True)
    with pytest.raises(InputError, match="shard_rows must be a whole number of at least 1"):
        made().encode_to(path, vectors(), shard_rows=0, overwrite=True)
    assert tree(path) == before
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("other", "file"):
        with pytest.raises(ArtifactError, match="no folder of codes; it is not overwritten"):
            made().encode_to(tmp_path / name, vectors(), overwrite=True)
    with pytest.raises(InputError, match="does not exist"):
        made().encode_to(tmp_path / "nowhere" / "a.codes", vectors())


def test_what_is_replaced_stays_until_all_is_there(tmp_path: Path, small_blocks: None) -> None:
    path, new = tmp_path / "a.codes", vectors()[::-1].copy()
    made().encode_to(path, vectors(), shard_rows=10)
    wanted = tree(made().encode_to(tmp_path / "whole.codes", new, shard_rows=10).path)
    before = tree(path)
    for _ in range(2):
        failing = Failing(new, 45, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            made().encode_to(path, failing, shard_rows=10, overwrite=True)
        assert tree(path) == before
        CodeStore(path, verify=True)
    failing = Failing(new, 95, InputError("row 95 is odd"))
    with pytest.raises(InputError, match=r"row 95 is odd; what was finished is kept in .*--resume"):
        made().encode_to(path, failing, shard_rows=10, resume=True, overwrite=True)
    assert tree(path) == before
    made().encode_to(path, new, shard_rows=10, resume=True)
    assert tree(path) == wanted
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.codes", "whole.codes"]


def test_what_is_replaced_stays_if_nothing_comes_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.codes"
    made().encode_to(path, vectors(), shard_rows=10)
    before = tree(path)
    failing = Failing(vectors(), 5, InputError("row 5 is odd"))
    with pytest.raises(InputError, match=r"^row 5 is odd$"):
        made().encode_to(path, failing, overwrite=True)
    assert tree(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.codes"]


def test_two_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.codes"
    interrupted(path, 50)
    before = tree(path)
    with (
        held(path / ".lock", ""),
        pytest.raises(ArtifactError, match="another process is writing"),
    ):
        made().encode_to(path, vectors(), shard_rows=10, resume=True)
    assert tree(path) == before


def test_full_disc_leaves_what_is_finished(tmp_path: Path, small_blocks: None) -> None:
    resource = pytest.importorskip("resource")
    # Rows of the second half have many active latents, and their shard no longer fits.
    x = np.concatenate([vectors(300), 50 * vectors(300)])
    dictionary, path = made(threshold=2.0), tmp_path / "a.codes"
    wanted = dictionary.encode_to(tmp_path / "whole.codes", x, shard_rows=300)
    sizes = [file.stat().st_size for file in sorted(wanted.path.glob("codes-*"))]
    assert sizes[0] < sizes[1] - 8000
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[0] + 4000, hard))
    try:
        with pytest.raises(InputError, match=r"cannot write .*; what was finished is kept in .*"):
            dictionary.encode_to(path, x, shard_rows=300)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(tree(path)) == ["codes-00000.safetensors", "codes.json"]
    dictionary.encode_to(path, x, shard_rows=300, resume=True)
    assert tree(path) == tree(wanted.path)


def test_nothing_finished_nothing_left(tmp_path: Path) -> None:
    source = Failing(vectors(), 5, InputError("row 5 is odd"))
    with pytest.raises(InputError, match=r"^row 5 is odd$"):
        made().encode_to(tmp_path / "a.codes", source)
    assert list(tmp_path.iterdir()) == []


# Damage


def change_manifest(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    raw = json.loads((path / "codes.json").read_text())
    change(raw)
    (path / "codes.json").write_text(json.dumps(raw))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing shard": (
        lambda path: (path / "codes-00001.safetensors").unlink(),
        "codes-00001.safetensors is missing",
    ),
    "cut off": (
        lambda path: (path / "codes-00001.safetensors").write_bytes(b"{}"),
        "has 2 bytes instead of",
    ),
    "no manifest": (lambda path: (path / "codes.json").unlink(), "codes.json is missing in it"),
    "half a manifest": (
        lambda path: (path / "codes.json").write_text('{"kind"'),
        "not readable JSON",
    ),
    "another manifest": (
        lambda path: (path / "codes.json").write_text("[]"),
        "not describe a folder of codes",
    ),
    "newer": (lambda path: change_manifest(path, lambda raw: raw.update(schema=9)), "schema 9"),
    "other shape": (
        lambda path: change_manifest(path, lambda raw: raw.update(shape=[5, 16])),
        "does not fit 100 rows",
    ),
    "no shards": (
        lambda path: change_manifest(path, lambda raw: raw.pop("shards")),
        "there is no 'shards'",
    ),
    "shards out of order": (
        lambda path: change_manifest(path, lambda raw: raw["shards"].reverse()),
        "stands where",
    ),
    "a path for a name": (
        lambda path: change_manifest(
            path, lambda raw: raw["shards"][0]["file"].update(name="../x")
        ),
        "stands where",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    do, message = DAMAGE[damage]
    path = tmp_path / "a.codes"
    made().encode_to(path, vectors(), shard_rows=50)
    do(path)
    with pytest.raises(ArtifactError, match=message):
        CodeStore(path)
    with pytest.raises(ArtifactError):
        made().encode_to(path, vectors(), shard_rows=50, resume=True)


def test_changed_values_are_found_when_they_are_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.codes"
    made().encode_to(path, vectors(), shard_rows=50)
    shard = path / "codes-00001.safetensors"
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    store = CodeStore(path)
    for look in (
        store.verify,
        lambda: CodeStore(path, verify=True),
        lambda: made().encode_to(path, vectors(), shard_rows=50, resume=True),
    ):
        with pytest.raises(ArtifactError, match=r"codes-00001.*checksum differs"):
            look()
    change_manifest(path, lambda raw: raw["shards"][0].update(nnz=3))
    with pytest.raises(ArtifactError, match="not the 50 rows and 3 active pairs"):
        CodeStore(path)[0]


def test_folders_that_are_none(tmp_path: Path) -> None:
    made().encode_to(tmp_path / "a.codes", vectors())
    with pytest.raises(ArtifactError, match=r"no folder of codes at .*; did you mean 'a.codes'\?"):
        CodeStore(tmp_path / "b.codes")
    with pytest.raises(ArtifactError, match="is a folder; open its codes with CodeStore"):
        Codes.load(tmp_path / "a.codes")


# The encoder that a dictionary keeps


def test_the_kept_encoder_changes_nothing() -> None:
    one, x = made(), vectors()
    wanted = made().encode(x).to_scipy().toarray()
    before = pickle.dumps(one)
    for _ in range(2):
        assert np.array_equal(one.encode(x).to_scipy().toarray(), wanted)
        assert close(one.encode(x[5:6]), wanted[5:6])
    assert pickle.dumps(one) == before
    for again in (pickle.loads(before), copy.copy(one), copy.deepcopy(one), replace(one)):
        assert np.array_equal(again.encode(x).to_scipy().toarray(), wanted)
        assert again.fingerprint == one.fingerprint
    other = replace(one, encoder=one.encoder[::-1].copy())
    assert not np.array_equal(other.encode(x).to_scipy().toarray(), wanted)
    assert other.fingerprint != one.fingerprint
    with pytest.raises(ValueError, match="read-only"):
        one.encoder[0, 0] = 1


@pytest.mark.parametrize("refine", ["none", "refit", "pursuit"])
def test_many_threads_share_a_dictionary(refine: Any) -> None:
    one, x = made(), vectors()
    wanted = made().encode(x, refine=refine).to_scipy().toarray()
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda _: one.encode(x, refine=refine).to_scipy().toarray(), range(64))
        assert all(np.array_equal(dense, wanted) for dense in found)
