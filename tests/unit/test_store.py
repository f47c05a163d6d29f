"""The vector store: whole appends or none, damage that is named, reads that equal the array."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import semascope
from semascope.core import ArtifactError, InputError, as_vectors, release_pages
from semascope.core import arrays as arrays_module
from semascope.vectors import VectorSource, VectorStore, as_source, blocks, moments
from semascope.vectors import shards as shards_module
from semascope.vectors import store as store_module

SRC = str(Path(semascope.__file__).parents[1])


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> int:
    """Seven rows of four float32 in a shard."""
    monkeypatch.setattr(store_module, "_SHARD_BYTES", 7 * 4 * 4)
    return 7


@pytest.fixture
def store(tmp_path: Path, rows: np.ndarray, small_shards: int) -> VectorStore:
    made = VectorStore.create(tmp_path / "s", dimensions=4, encoder={"name": "tiny", "size": 2})
    made.append(rows[:30], items(0, 30))
    made.append(rows[30:], items(30, 50))
    return made


def items(start: int, stop: int) -> pl.DataFrame:
    return pl.DataFrame({"id": [f"i{n}" for n in range(start, stop)], "n": range(start, stop)})


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# Reading


def test_empty_store(tmp_path: Path) -> None:
    store = VectorStore.create(tmp_path / "s", dimensions=3)
    assert store.shape == (0, 3)
    assert len(store) == 0
    assert store.items() is None
    assert store.encoder is None
    assert store.dtype == np.float32
    assert store.to_vectors().shape == (0, 3)
    assert store.rows(0, 5).shape == (0, 3)
    assert store.take([]).shape == (0, 3)
    assert list(store.batches(2, 0)) == []
    assert repr(VectorStore.open(store.path, verify=True)) == (
        f"VectorStore at {store.path}: 0 rows of 3 dimensions, float32, 0 shards"
    )
    with pytest.raises(InputError, match="vectors are empty"):
        as_vectors(store)


def test_reads_equal_the_array(store: VectorStore, rows: np.ndarray, small_shards: int) -> None:
    again = VectorStore.open(store.path, verify=True)
    for one in (store, again, pickle.loads(pickle.dumps(again))):
        assert one.shape == rows.shape
        assert len(one) == 50
        assert np.array_equal(one.to_vectors(), rows)
        assert np.array_equal(as_vectors(one), rows)
        assert np.array_equal(one.rows(5, 23), rows[5:23])
        frame = one.items()
        assert frame is not None
        assert frame.equals(items(0, 50))
        assert one.encoder == {"name": "tiny", "size": 2}
    assert len(list(store.path.glob("vectors-*.npy"))) == 5 + 3
    assert isinstance(store, VectorSource)
    assert as_source(store) is store
    assert "50 rows of 4 dimensions, float32, 8 shards, items (id, n), encoder tiny" in repr(store)


def test_one_shard_is_a_memory_map(tmp_path: Path, rows: np.ndarray) -> None:
    store = VectorStore.create(tmp_path / "s", dimensions=4)
    store.append(rows)
    assert isinstance(store.to_vectors(), np.memmap)
    assert isinstance(as_vectors(store), np.memmap)
    assert "1 shard" in repr(store)
    assert "items" not in repr(store)
    assert store.items() is None
    assert np.array_equal(np.load(store.path / "vectors-00000.npy"), rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(start=st.integers(-60, 60), stop=st.integers(-60, 60))
def test_rows_count_as_slices(store: VectorStore, rows: np.ndarray, start: int, stop: int) -> None:
    assert np.array_equal(store.rows(start, stop), rows[start:stop])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(index=st.lists(st.integers(0, 49), max_size=80), block=st.integers(1, 5))
def test_take_any_order(store: VectorStore, rows: np.ndarray, index: list[int], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays_module, "_SCATTERED", block)
        got = store.take(np.array(index, dtype=np.int64))
    assert got.dtype == np.float32
    assert np.array_equal(got, rows[index])


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([0, 50], "row 50 is outside of the 50 rows"),
        ([-1], "row -1 is outside"),
        ([0.5], "list of row numbers.*float64"),
        ([[0]], r"list of row numbers.*\(1, 1\)"),
        ([True], "list of row numbers.*bool"),
    ],
)
def test_take_refuses(store: VectorStore, index: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        store.take(index)


def test_batches_are_shuffled_and_resumable(store: VectorStore, rows: np.ndarray) -> None:
    batches = list(store.batches(8, seed=3, epoch=1))
    assert [len(b) for b in batches] == [8] * 6 + [2]
    joined = np.concatenate(batches)
    assert not np.array_equal(joined, rows)
    assert np.array_equal(np.sort(joined[:, 0]), np.sort(rows[:, 0]))
    later = list(store.batches(8, seed=3, epoch=1, skip=4))
    assert all(np.array_equal(a, b) for a, b in zip(later, batches[4:], strict=True))
    other = np.concatenate(list(store.batches(8, seed=3, epoch=2)))
    assert not np.array_equal(joined, other)
    with pytest.raises(InputError, match="batch_size must be at least 1, got 0"):
        store.batches(0, seed=0)


def test_blocks_and_moments(store: VectorStore, rows: np.ndarray) -> None:
    assert np.array_equal(np.concatenate([b for _, b in blocks(store, 11)]), rows)
    mean, variance = moments(store)
    assert np.allclose(mean, rows.mean(0), atol=1e-6)
    assert variance == pytest.approx(rows.var(0).sum(), rel=1e-5)


def test_nothing_stays_resident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading 64 MB through a store must not raise this process's mapped pages by 64 MB."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("needs /proc")

    def mapped() -> int:
        line = next(x for x in status.read_text().splitlines() if x.startswith("RssFile"))
        return int(line.split()[1]) << 10

    store = VectorStore.create(tmp_path / "s", dimensions=1024)
    store.append(np.ones((16384, 1024), dtype=np.float32))
    before, within = mapped(), []

    def release(array: np.ndarray) -> None:
        release_pages(array)
        within.append(mapped())

    monkeypatch.setattr(arrays_module, "release_pages", release)
    for start in range(0, len(store), 1024):
        store.rows(start, start + 1024)
    store.take(np.arange(0, len(store), 2))
    for _ in store.batches(512, seed=0):
        pass
    assert len(within) >= 6
    assert max(*within, mapped()) - before < 24 << 20


def test_many_shards_need_no_open_files(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    store = VectorStore.create(tmp_path / "s", dimensions=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "_SHARD_BYTES", 4)
        store.append(np.arange(300.0).reshape(-1, 1))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 128), hard))
    try:
        assert np.array_equal(store.to_vectors()[:, 0], np.arange(300))
        assert np.array_equal(store.take(np.arange(300))[:, 0], np.arange(300))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# Appending


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes(tmp_path: Path, rows: np.ndarray, dtype: str) -> None:
    store = VectorStore.create(tmp_path / "s", dimensions=4, dtype=np.dtype(dtype))
    store.append(rows.astype(np.float64))
    store.append(rows.astype(">f4"))
    assert store.dtype == np.dtype(dtype)
    assert store.to_vectors().dtype == np.dtype(dtype)
    expected = np.concatenate([rows, rows]).astype(dtype)
    assert np.array_equal(store.to_vectors(), expected)
    assert store.rows(0, 9).dtype == np.float32
    VectorStore.open(store.path, verify=True)


def test_append_takes_what_as_vectors_takes(tmp_path: Path, rows: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    store = VectorStore.create(tmp_path / "s", dimensions=4)
    np.save(tmp_path / "v.npy", np.asfortranarray(rows))
    inputs = [
        rows.tolist(),
        torch.from_numpy(rows),
        pl.DataFrame({"v": rows.tolist()}),
        tmp_path / "v.npy",
        np.load(tmp_path / "v.npy", mmap_mode="r")[::-1],
        np.repeat(rows, 2, axis=1)[:, ::2],
    ]
    for one in inputs:
        store.append(one)
    flipped = [rows] * 4 + [rows[::-1], rows]
    assert np.allclose(store.to_vectors(), np.concatenate(flipped))
    store.append(store)
    assert len(store) == 12 * 50
    VectorStore.open(store.path, verify=True)


@pytest.mark.parametrize(
    ("vectors", "table", "message"),
    [
        (np.ones((2, 3)), None, "vectors have 3 dimensions and .* has 4"),
        (np.array([[1, 1, 1, 1], [1, 1, np.nan, 1]]), None, "not finite at row 1, column 2"),
        (np.ones(4), None, "two dimensions"),
        (np.full((2, 4), 1e300), None, r"1e\+300 at row 0, column 0 is too large for float32"),
        (np.ones((2, 4)), items(0, 3), "3 items for 2 vectors"),
        (np.ones((2, 4)), {"id": [1, 2]}, "polars DataFrame, got dict"),
        (np.ones((2, 4)), None, r"has items \(id, n\); pass items"),
        (np.ones((2, 4)), items(0, 2).rename({"n": "m"}), "columns id, m and .* have id, n"),
        (np.ones((2, 4)), items(0, 2).cast({"n": pl.Int8}), "'n' of items is Int8 .* Int64"),
        (np.ones((2, 4)), pl.DataFrame({"o": [object()] * 2}), "'o' of items holds Python objects"),
    ],
)
def test_append_refuses_before_writing(
    store: VectorStore, vectors: Any, table: Any, message: str
) -> None:
    before = {p.name: p.read_bytes() for p in store.path.iterdir()}
    with pytest.raises(InputError, match=message):
        store.append(vectors, table)
    assert {p.name: p.read_bytes() for p in store.path.iterdir()} == before
    assert len(store) == 50


def test_items_come_with_all_appends_or_none(tmp_path: Path, rows: np.ndarray) -> None:
    store = VectorStore.create(tmp_path / "s", dimensions=4)
    store.append(rows)
    with pytest.raises(InputError, match="filled without items"):
        store.append(rows, items(0, 50))


def test_items_in_another_column_order(store: VectorStore, rows: np.ndarray) -> None:
    store.append(rows[:2], items(50, 52).select("n", "id"))
    frame = store.items()
    assert frame is not None
    assert frame.equals(items(0, 52))


def test_items_keep_their_types(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "c": pl.Series(["a", "b"], dtype=pl.Categorical),
            "e": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
            "l": [[1, 2], []],
            "d": pl.Series([1, 2]).cast(pl.Datetime("us")),
            "s": [{"x": 1}, {"x": 2}],
            "u": pl.Series([1, 2], dtype=pl.UInt8),
        }
    )
    store = VectorStore.create(tmp_path / "s", dimensions=1)
    for _ in range(2):
        store.append([[1], [2]], table)
    frame = store.items()
    assert frame is not None
    assert frame.equals(pl.concat([table, table]))
    assert frame.schema == table.schema


def test_paths_that_polars_reads_as_patterns(tmp_path: Path) -> None:
    store = VectorStore.create(tmp_path / "a=1[x]*", dimensions=1)
    store.append([[1]], pl.DataFrame({"id": ["a"]}))
    store.append([[2]], pl.DataFrame({"id": ["b"]}))
    frame = VectorStore.open(store.path).items()
    assert frame is not None
    assert frame.columns == ["id"]
    assert frame.height == 2


def test_two_handles_append_in_turn(tmp_path: Path) -> None:
    one = VectorStore.create(tmp_path / "s", dimensions=1)
    other = VectorStore.open(one.path)
    one.append([[1]])
    assert len(other) == 0  # an open store keeps its view
    other.append([[2]])
    one.append([[3]])
    assert one.to_vectors()[:, 0].tolist() == [1, 2, 3]
    assert other.to_vectors()[:, 0].tolist() == [1, 2]


def test_second_writer_fails_clearly(store: VectorStore, rows: np.ndarray) -> None:
    refused = pytest.raises(ArtifactError, match=r"another process is appending to .*wait")
    with shards_module.locked(store.path), refused:
        store.append(rows, items(0, 50))
    store.append(rows, items(0, 50))
    assert len(VectorStore.open(store.path)) == 100


def test_store_that_was_replaced(tmp_path: Path) -> None:
    store = VectorStore.create(tmp_path / "s", dimensions=1)
    shutil.rmtree(store.path)
    VectorStore.create(store.path, dimensions=2)
    with pytest.raises(ArtifactError, match="replaced by another store"):
        store.append([[1]])


@pytest.mark.parametrize("when", ["vectors", "items", "store.json"])
@pytest.mark.parametrize("error", [OSError(28, "full"), KeyboardInterrupt()])
def test_failed_append_leaves_nothing(
    store: VectorStore,
    rows: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
    error: BaseException,
) -> None:
    before = {p.name: p.read_bytes() for p in store.path.iterdir()}
    real = Path.replace
    seen = []

    def failing(self: Path, target: Path) -> Path:
        seen.append(target.name)
        if target.name.startswith(when) and (when == "store.json" or len(seen) > 3):
            raise error
        return real(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    expected = InputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match="no space" if expected is InputError else None):
        store.append(rows, items(0, 50))
    monkeypatch.undo()
    assert {p.name: p.read_bytes() for p in store.path.iterdir()} == before
    assert len(VectorStore.open(store.path, verify=True)) == 50


def test_interrupt_after_the_last_step_keeps_the_append(
    store: VectorStore, rows: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def late(self: Path, target: Path) -> Path:
        done = real(self, target)
        if target.name == "store.json":
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(Path, "replace", late)
    with pytest.raises(KeyboardInterrupt):
        store.append(rows, items(0, 50))
    monkeypatch.undo()
    assert len(VectorStore.open(store.path, verify=True)) == 100


def test_leftovers_are_ignored_then_removed(store: VectorStore, rows: np.ndarray) -> None:
    leftovers = [
        "vectors-00008.npy", "items-00008.parquet", ".vectors-00009.npy.abc", ".store.json.xyz",
    ]  # fmt: skip
    for name in leftovers:
        (store.path / name).write_text("half")
    (store.path / "notes.txt").write_text("the user's own")
    opened = VectorStore.open(store.path, verify=True)
    assert len(opened) == 50
    opened.append(rows[:1], items(50, 51))
    left = names(store.path)
    assert not left & set(leftovers[2:])
    assert "items-00009.parquet" not in left
    assert "notes.txt" in left
    assert len(VectorStore.open(store.path, verify=True)) == 51


# Damage


def test_create_refuses(tmp_path: Path) -> None:
    VectorStore.create(tmp_path / "s", dimensions=1)
    with pytest.raises(ArtifactError, match=r"s exists; open a store with VectorStore\.open"):
        VectorStore.create(tmp_path / "s", dimensions=1)
    with pytest.raises(InputError, match="above 0, got 0"):
        VectorStore.create(tmp_path / "t", dimensions=0)
    with pytest.raises(InputError, match=r"whole number above 0, got 1\.5"):
        VectorStore.create(tmp_path / "t", dimensions=1.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one of float16, float32, float64, got int8"):
        VectorStore.create(tmp_path / "t", dimensions=1, dtype="int8")
    with pytest.raises(InputError, match="got flaot32; did you mean 'float32'"):
        VectorStore.create(tmp_path / "t", dimensions=1, dtype="flaot32")
    with pytest.raises(InputError, match="must be JSON data"):
        VectorStore.create(tmp_path / "t", dimensions=1, encoder={"model": object()})
    with pytest.raises(InputError, match=r"folder .* does not exist"):
        VectorStore.create(tmp_path / "no" / "t", dimensions=1)
    assert names(tmp_path) == {"s"}


def test_encoder_hash_is_of_the_content(tmp_path: Path) -> None:
    one = VectorStore.create(tmp_path / "a", dimensions=1, encoder={"name": "x", "v": 1})
    two = VectorStore.create(tmp_path / "b", dimensions=1, encoder={"v": 1, "name": "x"})
    three = VectorStore.create(tmp_path / "c", dimensions=1, encoder={"v": 2, "name": "x"})
    assert one.encoder_hash == two.encoder_hash != three.encoder_hash
    encoder = one.encoder
    assert encoder is not None
    encoder["name"] = "changed"
    assert one.encoder == {"name": "x", "v": 1}


def test_open_what_is_no_store(store: VectorStore, tmp_path: Path) -> None:
    VectorStore.create(tmp_path / "reviews", dimensions=1)
    with pytest.raises(ArtifactError, match=r"no vector store at .*; did you mean 'reviews'\?"):
        VectorStore.open(tmp_path / "revews")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ArtifactError, match=r"is no vector store: store\.json is missing"):
        VectorStore.open(tmp_path / "folder")
    (tmp_path / "folder" / "store.json").write_text("{}")
    with pytest.raises(ArtifactError, match="does not describe a vector store"):
        VectorStore.open(tmp_path / "folder")


@pytest.mark.parametrize("name", ["vectors-00003.npy", "items-00003.parquet"])
def test_missing_truncated_changed(store: VectorStore, name: str) -> None:
    path = store.path / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ArtifactError, match=rf"{name} has {len(whole) - 1} bytes instead of"):
        VectorStore.open(store.path)
    changed = bytearray(whole)
    changed[-5] ^= 1
    path.write_bytes(bytes(changed))
    opened = VectorStore.open(store.path)  # same size: only a look at the content can tell
    with pytest.raises(ArtifactError, match=rf"{name} was changed .*checksum differs"):
        opened.verify()
    with pytest.raises(ArtifactError, match="checksum differs"):
        VectorStore.open(store.path, verify=True)
    path.unlink()
    with pytest.raises(ArtifactError, match=rf"{name} is missing; restore it from a copy"):
        VectorStore.open(store.path)


def test_damage_after_opening_is_named_on_reading(store: VectorStore) -> None:
    (store.path / "vectors-00000.npy").write_bytes(b"")
    (store.path / "items-00000.parquet").write_bytes(b"no")
    with pytest.raises(ArtifactError, match=r"vectors-00000\.npy is damaged"):
        store.rows(0, 3)
    with pytest.raises(ArtifactError, match=r"items-00000\.parquet is damaged"):
        store.items()


def test_newer_schema(store: VectorStore) -> None:
    manifest = store.path / "store.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "schema": 99}))
    with pytest.raises(ArtifactError, match=r"schema 99 .* reads up to 1: a newer version"):
        VectorStore.open(store.path)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [49, 4]},
        {"shape": [50, 0]},
        {"shape": "x"},
        {"dtype": "object"},
        {"encoder": {"name": "other"}},
        {"encoder_sha256": None},
        {"shards": None},
        {"shards": [{"rows": 50}]},
        {"shards": [{"rows": 50, "vectors": {"name": "../x"}, "items": None}]},
    ],
)
def test_tampered_manifest(store: VectorStore, change: dict[str, Any]) -> None:
    manifest = store.path / "store.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **change}))
    with pytest.raises(ArtifactError, match=r"store\.json is damaged"):
        VectorStore.open(store.path)


def test_manifest_with_another_dtype(store: VectorStore) -> None:
    manifest = store.path / "store.json"
    manifest.write_text(manifest.read_text().replace('"float32"', '"float16"'))
    with pytest.raises(ArtifactError, match=r"holds float32 .* store.json says float16"):
        VectorStore.open(store.path, verify=True)


def test_every_cut_of_the_manifest_is_refused(store: VectorStore) -> None:
    manifest = store.path / "store.json"
    whole = manifest.read_text()
    for cut in range(0, len(whole) - 2, 37):
        manifest.write_text(whole[:cut])
        with pytest.raises(ArtifactError, match=r"store\.json"):
            VectorStore.open(store.path)


# Killed


APPENDER = textwrap.dedent(
    """
    import filelock  # which the first append would load
    import sys
    import numpy as np, polars as pl
    from semascope.vectors import VectorStore, store as module

    module._SHARD_BYTES = 40 * 8 * 4
    store = VectorStore.open(sys.argv[1])
    print("ready", flush=True)
    while True:
        n = len(store) // 100
        store.append(np.full((100, 8), n, np.float32), pl.DataFrame({"append": [n] * 100}))
        print("appended", flush=True)
    """
)


def test_killed_appends_leave_whole_appends(tmp_path: Path) -> None:
    path = tmp_path / "s"
    VectorStore.create(path, dimensions=8)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([SRC, *sys.path])}
    done = 0
    for before in (0, 1, 0, 2, 3, 1):
        process = subprocess.Popen(
            [sys.executable, "-c", APPENDER, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            for _ in range(before):
                assert process.stdout.readline() == "appended\n"
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        store = VectorStore.open(path, verify=True)
        assert len(store) % 100 == 0
        assert len(store) // 100 >= done + before
        done = len(store) // 100
        numbers = np.repeat(np.arange(done), 100)
        assert np.array_equal(store.to_vectors(), np.repeat(numbers[:, None], 8, 1))
        frame = store.items()
        assert frame is None if not done else frame["append"].to_list() == numbers.tolist()
    assert done > 0
    # The lock died with its holder, and the next append sweeps what was left.
    store.append(np.zeros((1, 8)), pl.DataFrame({"append": [0]}))
    manifest = json.loads((path / "store.json").read_text())
    known = {s[kind]["name"] for s in manifest["shards"] for kind in ("vectors", "items")}
    assert names(path) == known | {"store.json", ".lock"}
