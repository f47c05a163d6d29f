"""The floor everything stands on: vectors, codes, files, splits, random numbers, messages."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from semascope.core import (
    SPLITS,
    ArtifactError,
    Codes,
    InputError,
    MissingExtraError,
    Score,
    SemascopeError,
    as_vectors,
    did_you_mean,
    generator,
    listed,
    load_tensors,
    new_folder,
    plain_os_errors,
    progress,
    read_json,
    release_pages,
    require_writable,
    row_blocks,
    save_tensors,
    seed_from,
    sha256,
    split_of,
    verify_checksums,
    write_atomic,
    write_checksums,
    write_codes,
    write_json,
)

ROWS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# as_vectors: every way in


def in_memory() -> dict[str, Any]:
    pa, pd, torch = (pytest.importorskip(name) for name in ("pyarrow", "pandas", "torch"))
    lists = ROWS.tolist()
    wide = {"a": ROWS[:, 0], "b": ROWS[:, 1], "c": ROWS[:, 2]}
    return {
        "nested lists": lists,
        "tuple of arrays": tuple(ROWS),
        "float64": ROWS,
        "float32": ROWS.astype(np.float32),
        "float16": ROWS.astype(np.float16),
        "longdouble": ROWS.astype(np.longdouble),
        "big-endian": ROWS.astype(">f4"),
        "int": ROWS.astype(int),
        "fortran": np.asfortranarray(ROWS),
        "masked": np.ma.masked_array(ROWS, mask=False),
        "torch": torch.tensor(lists, requires_grad=True),
        "bfloat16": torch.tensor(lists, dtype=torch.bfloat16),
        "torch sparse": torch.tensor(lists).to_sparse(),
        "list of tensors": list(torch.tensor(lists)),
        "polars list": pl.DataFrame({"v": lists}),
        "polars array": pl.Series("v", lists, dtype=pl.Array(pl.Float32, 3)),
        "polars list of ints": pl.Series("v", [[1, 2, 3], [4, 5, 6]]),
        "polars list and ids": pl.DataFrame({"id": ["a", "b"], "v": lists}),
        "polars numeric": pl.DataFrame(wide),
        "polars lazy": pl.DataFrame(wide).lazy(),
        "pandas": pd.DataFrame(wide),
        "pandas objects": pd.DataFrame({"v": list(ROWS)}),
        "pandas series": pd.Series(lists),
        "arrow table": pa.table({"v": lists}),
        "arrow batch": pa.RecordBatch.from_pydict(wide),
        "arrow column": pa.chunked_array([[lists[0]], [lists[1]]]),
        "csr": sparse.csr_array(ROWS),
        "coo": sparse.coo_matrix(ROWS),
    }


def test_every_kind_in_memory() -> None:
    for kind, x in in_memory().items():
        got = as_vectors(x)
        assert got.dtype in (np.float16, np.float32, np.float64), kind
        assert np.array_equal(got, ROWS), kind


def test_arrays_are_not_copied() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(ROWS)
    assert as_vectors(ROWS) is ROWS
    assert np.shares_memory(as_vectors(tensor), tensor.numpy())
    assert as_vectors([[1, 2]]).dtype == np.float32


def write(path: Path, rows: np.ndarray = ROWS) -> Path:
    if path.suffix == ".npy":
        np.save(path, rows)
    elif path.suffix == ".npz":
        np.savez(path, rows)
    elif path.suffix == ".safetensors":
        save_tensors(path, {"any": rows})
    elif path.suffix == ".parquet":
        pl.DataFrame({"id": ["a"] * len(rows), "v": rows.tolist()}).write_parquet(path)
    else:
        pl.DataFrame({"v": rows.tolist()}).write_ipc(path)
    return path


@pytest.mark.parametrize("suffix", ["npy", "npz", "safetensors", "parquet", "arrow", "feather"])
def test_every_file(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"v.{suffix}")
    assert np.array_equal(as_vectors(path), ROWS)
    assert np.array_equal(as_vectors(str(path)), ROWS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=rf"cannot read vectors from .*v\.{suffix}"):
        as_vectors(path)


def test_memory_maps_stay_mapped(tmp_path: Path) -> None:
    for suffix in ("npy", "safetensors"):
        got = as_vectors(write(tmp_path / f"v.{suffix}"))
        assert isinstance(got, np.memmap), suffix
        assert as_vectors(got) is got
    assert isinstance(as_vectors(got[:1]), np.memmap)


def test_named_array_is_preferred(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", ids=np.arange(2), embeddings=ROWS)
    assert np.array_equal(as_vectors(tmp_path / "v.npz"), ROWS)
    save_tensors(tmp_path / "v.safetensors", {"ids": np.arange(2), "vectors": ROWS})
    assert np.array_equal(as_vectors(tmp_path / "v.safetensors"), ROWS)
    np.savez(tmp_path / "v.npz", a=ROWS, b=ROWS)
    with pytest.raises(InputError, match=r"holds 2 arrays \(a, b\); name one of them 'vectors'"):
        as_vectors(tmp_path / "v.npz")


def test_bfloat16_files(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    tensor = torch.randn(5, 3).to(torch.bfloat16)
    save_file({"v": tensor}, tmp_path / "v.safetensors")
    assert np.array_equal(as_vectors(tmp_path / "v.safetensors"), tensor.float().numpy())


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.array([[1, 2], [3, np.nan]]), r"not finite at row 1, column 1 \(nan\); remove or"),
        (np.array([[1, -np.inf]]), r"row 0, column 1 \(-inf\)"),
        (np.ma.masked_array([[1.0, 2.0]], mask=[[False, True]]), "not finite at row 0, column 1"),
        (np.ma.masked_array([[1, 2]], mask=[[False, True]]), "not finite at row 0, column 1"),
        (pl.DataFrame({"a": [1, None]}), "not finite at row 1, column 0"),
        (pl.Series("v", [[1.0, None]]), "not finite at row 0, column 1"),
        (np.ones(3), r"two dimensions .* found shape \(3,\); reshape one vector with x\.reshape"),
        (pl.Series([1.0, 2.0]), r"two dimensions .* found shape \(2,\)"),
        (np.ones((1, 2, 3)), r"found shape \(1, 2, 3\)$"),
        (np.float64(3), r"found shape \(\)"),
        (np.ones((0, 3)), r"vectors are empty: shape \(0, 3\)"),
        (np.ones((3, 0)), r"vectors are empty: shape \(3, 0\)"),
        (pl.Series("v", [[], []], dtype=pl.List(pl.Float32)), r"empty: shape \(2, 0\)"),
        (pl.Series("v", [], dtype=pl.List(pl.Float32)), r"empty: shape \(0, 0\)"),
        ([[1, 2], [3]], "matrix, found rows of different lengths"),
        (pl.Series("v", [[1.0], [1.0, 2.0]]), "'v' have 1 values at row 0 but 2 at row 1"),
        (pl.Series("v", [[1.0], None]), "'v' are missing at row 1"),
        ([["a", "b"]], "must be numbers, found dtype <U1"),
        ([[1, None]], "must be numbers, found dtype object"),
        (np.ones((1, 2), dtype=complex), "must be numbers, found dtype complex128"),
        (None, "must be numbers, found dtype object"),
        (pl.Series("v", [["a"]]), "must be numbers, found dtype object"),
        (pl.DataFrame({"a": ["x"], "b": [1]}), "numeric columns only; found a: String, b: Int64"),
        ("x" * 5000, r"'x{60}\.\.\.' is no path of a file: File name too long"),
    ],
)
def test_as_vectors_refuses(x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_vectors(x)


def test_list_of_tensors_with_gradients() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match=r"must be a matrix, found list: .*detach"):
        as_vectors([torch.ones(3, requires_grad=True)] * 2)


def test_bad_row_far_into_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semascope.core.arrays._BLOCK_BYTES", 64)
    rows = np.ones((1000, 4), dtype=np.float32)
    rows[777, 2] = np.nan
    with pytest.raises(InputError, match="row 777, column 2"):
        as_vectors(rows)
    assert as_vectors(rows, check_finite=False) is rows
    # A sum that overflows is no value that is not finite.
    big = np.full((8, 4), np.finfo(np.float64).max)
    assert as_vectors(big) is big


def test_as_vectors_refuses_files(tmp_path: Path) -> None:
    write(tmp_path / "vectors.npy")
    with pytest.raises(InputError, match=r"no file of vectors at .*; did you mean 'vectors\.npy'"):
        as_vectors(tmp_path / "vector.npy")
    with pytest.raises(InputError, match=r"no file of vectors at .*v\.npy$"):
        as_vectors(tmp_path / "nowhere" / "v.npy")
    (tmp_path / "v.txt").write_text("1 2")
    with pytest.raises(InputError, match=r"suffix '\.txt' is not one of \.npy, \.npz"):
        as_vectors(tmp_path / "v.txt")
    with pytest.raises(
        InputError, match=r"is a folder; open a vector store with VectorStore\.open"
    ):
        as_vectors(tmp_path)
    np.save(tmp_path / "o.npy", np.array([[{}]]), allow_pickle=True)
    with pytest.raises(InputError, match="cannot read vectors from"):
        as_vectors(tmp_path / "o.npy")
    (tmp_path / "e.npy").touch()
    with pytest.raises(InputError, match="cannot read vectors from"):
        as_vectors(tmp_path / "e.npy")


def test_row_blocks_and_release_pages(tmp_path: Path) -> None:
    mapped = as_vectors(write(tmp_path / "v.npy", np.arange(20.0).reshape(10, 2)))
    found = [(start, block.copy()) for start, block in row_blocks(mapped, rows=4)]
    assert [start for start, _ in found] == [0, 4, 8]
    assert np.array_equal(np.concatenate([b for _, b in found]), mapped)
    # What is written to a map that can be written must survive.
    writable = np.load(tmp_path / "v.npy", mmap_mode="c")
    writable[0] = 99
    release_pages(writable)
    assert writable[0, 0] == 99


# Codes


matrices = st.builds(
    lambda n, m, seed, share: np.where(
        np.random.default_rng(seed).random((n, m)) < share,
        np.random.default_rng(seed + 1).standard_normal((n, m)) + 3,
        0,
    ).astype(np.float32),
    st.integers(1, 12),
    st.integers(1, 9),
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.2, 1.0]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(dense=matrices, data=st.data())
def test_codes_equal_scipy(tmp_path: Path, dense: np.ndarray, data: st.DataObject) -> None:
    codes = Codes.from_scipy(dense)
    path = tmp_path / "codes.safetensors"
    codes.save(path)
    n, m = dense.shape
    cut = data.draw(st.integers(0, n))
    both = [Codes.from_scipy(dense[:cut]), Codes.from_scipy(dense[cut:])]
    written = write_codes(tmp_path / "written.safetensors", [b for b in both if len(b)], m)
    start, stop = data.draw(st.integers(-n, n)), data.draw(st.integers(-n, n))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    for one in (codes, Codes.load(path), written):
        assert one.shape == dense.shape
        assert len(one) == n
        assert one.nnz == np.count_nonzero(dense)
        assert np.array_equal(one.to_scipy().toarray(), dense)
        assert np.array_equal(one[start:stop].to_scipy().toarray(), dense[start:stop])
        assert np.array_equal(one[mask].to_scipy().toarray(), dense[mask])
        assert np.array_equal(one[-1].to_scipy().toarray(), dense[-1:])
        assert np.array_equal(one[np.array([0, 0])].to_scipy().toarray(), dense[[0, 0]])
        assert np.allclose(one.prevalence(), (dense != 0).mean(0))
        for j in range(m):
            rows, values = one.column(j)
            assert rows.dtype == np.int64
            assert np.array_equal(rows, np.flatnonzero(dense[:, j]))
            assert np.array_equal(values, dense[rows, j])


def test_codes_are_mapped_on_load(tmp_path: Path) -> None:
    codes = Codes.from_scipy(np.array([[0, 1.0, 2], [3, 0, 0]]))
    codes.save(tmp_path / "c.safetensors")
    loaded = Codes.load(tmp_path / "c.safetensors")
    assert isinstance(loaded.values, np.memmap)
    assert isinstance(loaded.indices, np.memmap)
    matrix = loaded.to_scipy()
    assert np.shares_memory(matrix.data, loaded.values)
    assert np.shares_memory(matrix.indices, loaded.indices)
    assert repr(loaded) == "Codes of 2 rows over 3 latents, 1.5 active a row"
    assert repr(loaded[0:0]) == "Codes of 0 rows over 3 latents, 0.0 active a row"


def test_codes_leave_the_matrix_alone() -> None:
    """Sorting and adding up duplicates must not happen in the caller's memory."""
    parts = np.array([1.0, 2.0, 3.0]), np.array([1, 1, 0]), np.array([0, 2, 3])
    matrix = sparse.csr_array(parts, shape=(2, 2))
    codes = Codes.from_scipy(matrix)
    assert codes.to_scipy().toarray().tolist() == [[0, 3], [3, 0]]
    assert matrix.data.tolist() == [1, 2, 3]
    assert matrix.indptr.tolist() == [0, 2, 3]
    unsorted = sparse.csr_array((parts[0][:2], np.array([1, 0]), np.array([0, 2])), shape=(1, 2))
    assert Codes.from_scipy(unsorted).indices.tolist() == [0, 1]
    assert unsorted.indices.tolist() == [1, 0]


def test_codes_refuse() -> None:
    codes = Codes.from_scipy(np.eye(2))
    with pytest.raises(InputError, match=r"row 2 is outside 0\.\.1"):
        codes[2]
    with pytest.raises(InputError, match=r"latent 5 is outside 0\.\.1"):
        codes.column(5)
    with pytest.raises(InputError, match="codes do not fit together: indptr ends at 2, 1 indices"):
        Codes(codes.indptr, codes.indices[:1], codes.values, 2)
    with pytest.raises(InputError, match=r"two dimensions .* found shape \(3,\)"):
        Codes.from_scipy(np.ones(3))
    assert codes != Codes.from_scipy(np.eye(2))
    assert hash(codes) == hash(codes)


def test_damaged_codes(tmp_path: Path) -> None:
    path, damaged = tmp_path / "c.safetensors", tmp_path / "d.safetensors"
    Codes.from_scipy(np.array([[0, 1.0, 2], [3, 0, 0]])).save(path)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        damaged.write_bytes(whole[:cut])
        with pytest.raises(ArtifactError, match=r"d\.safetensors"):
            Codes.load(damaged)
    for at in range(8 + int.from_bytes(whole[:8], "little")):
        for bit in (1, 2, 64):
            changed = bytearray(whole)
            changed[at] ^= bit
            damaged.write_bytes(bytes(changed))
            # What still loads differs in a value only, which checksums are for.
            with contextlib.suppress(ArtifactError):
                Codes.load(damaged)
    with pytest.raises(ArtifactError, match="missing or damaged"):
        Codes.load(tmp_path / "nowhere.safetensors")
    save_tensors(damaged, {"x": np.ones(2)})
    with pytest.raises(ArtifactError, match=r"holds no codes; expected a file that Codes\.save"):
        Codes.load(damaged)


# Tensors and files


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.0),
        np.zeros((0, 3), dtype=np.float32),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.array([True, False]),
        np.arange(10, dtype=np.uint8)[::2],
        np.ones((2, 2), dtype=np.float16),
    ],
)
def test_tensors_round_trip(tmp_path: Path, array: np.ndarray) -> None:
    path = tmp_path / "t.safetensors"
    save_tensors(path, {"x": array, "other": np.arange(3)}, {"kind": "test"})
    tensors, metadata = load_tensors(path)
    assert metadata == {"kind": "test"}
    assert tensors["x"].shape == array.shape
    assert np.array_equal(tensors["x"], array)
    peer = pytest.importorskip("safetensors.numpy").load_file(path)
    assert peer["x"].shape == array.shape
    assert np.array_equal(peer["x"], array)


def test_tensors_are_written_block_by_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semascope.core.tensors._BLOCK", 7)
    rows = np.arange(60.0).reshape(20, 3)
    save_tensors(tmp_path / "t.safetensors", {"x": rows})
    assert np.array_equal(load_tensors(tmp_path / "t.safetensors")[0]["x"], rows)


def test_write_atomic_leaves_nothing_on_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def half(temporary: Path) -> None:
        temporary.write_text("ha")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_atomic(path, half)
    assert path.read_text() == "old"
    assert names(tmp_path) == {"a.txt"}
    write_atomic(path, lambda temporary: temporary.write_text("new"))
    assert path.read_text() == "new"
    assert names(tmp_path) == {"a.txt"}
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask
    with pytest.raises(InputError, match=r"cannot write .*: the folder .* does not exist"):
        write_atomic(tmp_path / "no" / "a.txt", half)
    with pytest.raises(InputError, match=r"cannot write .*: .* is not a folder"):
        write_atomic(path / "b.txt", half)


@pytest.mark.parametrize(
    ("code", "message"),
    [(28, "no space is left"), (13, "no permission to write in"), (30, "is read-only")],
)
def test_system_errors_in_plain_words(tmp_path: Path, code: int, message: str) -> None:
    with pytest.raises(InputError, match=message), plain_os_errors(tmp_path / "x"):
        raise OSError(code, "x")


def test_other_missing_files_are_not_blamed_on_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), new_folder(tmp_path / "out"):
        (tmp_path / "elsewhere").read_text()
    assert names(tmp_path) == set()


def test_new_folder_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(RuntimeError), new_folder(path) as folder:  # noqa: PT012
        (folder / "a").touch()
        raise RuntimeError
    assert names(tmp_path) == set()
    with new_folder(path) as folder:
        (folder / "a").touch()
        assert not path.exists()
    assert names(path) == {"a"}
    assert names(tmp_path) == {"out"}
    with pytest.raises(ArtifactError, match="exists; choose another name"), new_folder(path):
        pass
    with pytest.raises(RuntimeError), new_folder(path, overwrite=True) as folder:
        raise RuntimeError
    assert names(path) == {"a"}
    with new_folder(path, overwrite=True) as folder:
        (folder / "b").touch()
    assert names(path) == {"b"}
    assert names(tmp_path) == {"out"}


def test_new_folder_puts_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out"
    with new_folder(path) as folder:
        (folder / "a").touch()
    real = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if (self / "b").exists():
            raise OSError(28, "full")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(InputError, match="no space"), new_folder(path, overwrite=True) as folder:
        (folder / "b").touch()
    monkeypatch.undo()
    assert names(path) == {"a"}
    assert names(tmp_path) == {"out"}


def test_require_writable(tmp_path: Path) -> None:
    require_writable(tmp_path / "x")
    assert names(tmp_path) == set()
    with pytest.raises(InputError, match="does not exist"):
        require_writable(tmp_path / "no" / "x")


def test_json_files(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": "é"})
    assert path.read_bytes() == '{\n  "a": "é",\n  "b": 1\n}\n'.encode()
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": "é", "b": 1}
    for content in (b'{"a": ', b"\xff", b""):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match="truncated or damaged"):
            read_json(path)
    with pytest.raises(ArtifactError, match=r"b\.json is missing"):
        read_json(tmp_path / "b.json")
    with pytest.raises(ArtifactError, match=r"cannot read .*[Dd]irectory"):
        read_json(tmp_path)


def test_checksums(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("content")
    write_checksums(tmp_path)
    verify_checksums(tmp_path)
    (tmp_path / "b").write_text("Content")
    verify_checksums(tmp_path, only={"a"})
    with pytest.raises(ArtifactError, match="b was changed after it was written"):
        verify_checksums(tmp_path)
    (tmp_path / "b").write_text("conten")
    with pytest.raises(ArtifactError, match="b has 6 bytes instead of 7: it is truncated"):
        verify_checksums(tmp_path, only={"a"})
    (tmp_path / "b").unlink()
    with pytest.raises(ArtifactError, match="b is missing"):
        verify_checksums(tmp_path)
    for content in ([], {"a": 1}, {"a": {"bytes": 7}}):
        (tmp_path / "checksums.json").write_text(json.dumps(content))
        with pytest.raises(ArtifactError, match=r"checksums\.json holds no checksums"):
            verify_checksums(tmp_path)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    (tmp_path / "empty").touch()
    assert sha256(tmp_path / "empty") == empty


# Splits and random numbers


def test_split_is_60_20_20() -> None:
    n = 50_000
    counts = np.bincount(split_of(f"row-{i}" for i in range(n)), minlength=3)
    for count, share in zip(counts, (0.6, 0.2, 0.2), strict=True):
        assert abs(count - n * share) < 4 * np.sqrt(n * share * (1 - share))
    assert len(SPLITS) == 3
    assert split_of([]).shape == (0,)


@given(
    ids=st.lists(st.text(st.characters(exclude_categories=["Cs"]))), more=st.lists(st.text("ab"))
)
def test_split_is_of_the_id_alone(ids: list[str], more: list[str]) -> None:
    alone = split_of(ids)
    assert alone.dtype == np.uint8
    assert set(alone.tolist()) <= {0, 1, 2}
    assert np.array_equal(split_of(ids + more)[: len(ids)], alone)
    assert np.array_equal(split_of(more + ids)[len(more) :], alone)
    assert np.array_equal(split_of(ids[::-1]), alone[::-1])


def test_split_never_changes() -> None:
    """A lexicon that was saved by an earlier version must keep its sides."""
    assert split_of(["row-0", "row-1", "row-2", "é", ""]).tolist() == [0, 2, 0, 0, 1]


def test_generators_are_independent() -> None:
    def draw(seed: int | None, *path: str | int) -> tuple[int, ...]:
        return tuple(generator(seed, *path).integers(2**62, size=4).tolist())

    assert draw(0, "a", 1) == draw(0, "a", 1)
    streams = [draw(0, "a"), draw(0, "a", 1), draw(0, "a", 2), draw(0, "b", 1), draw(1, "a", 1)]
    streams += [draw(0), draw(2**63 - 1), draw(None), draw(None)]
    assert len(set(streams)) == len(streams)
    x, y = (generator(0, name).standard_normal(20_000) for name in ("x", "y"))
    assert abs(np.corrcoef(x, y)[0, 1]) < 4 / np.sqrt(20_000)
    for seed in (-1, 2**63):
        with pytest.raises(InputError, match=rf"whole number from 0 to 2\*\*63 - 1, got {seed}"):
            generator(seed)


def test_seed_from() -> None:
    assert seed_from(5) == seed_from(np.int64(5)) == 5
    assert seed_from(np.random.RandomState(0)) == seed_from(np.random.RandomState(0))
    assert seed_from(np.random.default_rng(0)) == seed_from(np.random.default_rng(0))
    assert 0 <= seed_from(None) < 2**31
    for bad in ("x", 1.5, True):
        with pytest.raises(InputError, match="random_state must be None, a whole number"):
            seed_from(bad)


# Messages


def test_did_you_mean() -> None:
    assert did_you_mean("revew", ["review", "stars"]) == "; did you mean 'review'?"
    assert did_you_mean("REVIEW", ["Review"]) == "; did you mean 'Review'?"
    assert did_you_mean("zzz", ["review"]) == did_you_mean("x", []) == ""
    assert listed("abc") == "a, b, c"
    assert listed("abc", most=1) == "a and 2 more"
    assert listed([]) == ""


def test_errors_have_one_root() -> None:
    for error, builtin in ((InputError, ValueError), (MissingExtraError, ImportError)):
        assert issubclass(error, SemascopeError)
        assert issubclass(error, builtin)
    assert issubclass(ArtifactError, SemascopeError)
    message = str(MissingExtraError.of("ray", "ray", "scaling"))
    assert message == (
        "scaling needs the package ray; install it with: pip install 'semascope[ray]'"
    )


def test_score_says_what_is_needed_to_judge_it() -> None:
    assert str(Score("fvu", 0.25, n=7)) == "fvu 0.250, n=7"
    score = Score("trust", 0.9, 0.8, 0.95, null=0.5, n=10, note="x")
    assert str(score) == "trust 0.900 [0.800, 0.950], null 0.500, n=10"
    assert Score(**score.as_dict()) == score


def test_progress_prints_one_line_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("embed", total=3, unit="texts") as bar:
        bar.advance(2)
        bar.advance()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("embed: 3 texts in ")
    assert printed.err.count("\n") == 1
    with progress("embed", total=3, unit="texts", show=False) as bar:
        bar.advance(3)
    assert capsys.readouterr().err == ""
    assert bar.done == 3
