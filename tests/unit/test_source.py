"""Reading vectors in blocks and in shuffled batches."""

from __future__ import annotations

import threading
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semascope.core import InputError, ahead, as_vectors, expect_rows, gather
from semascope.core import arrays as arrays_module
from semascope.vectors import (
    ArraySource,
    Shuffled,
    VectorSource,
    VectorStore,
    as_source,
    blocks,
    moments,
)
from semascope.vectors import source as source_module


def numbered(n: int, d: int = 1) -> ArraySource:
    """Rows that say their own number."""
    return ArraySource(np.repeat(np.arange(n, dtype=np.float32)[:, None], d, axis=1))


def order(shuffled: Shuffled, epoch: int = 0, skip: int = 0) -> list[int]:
    return [int(v) for batch in shuffled.epoch(epoch, skip) for v in batch[:, 0]]


shapes = st.tuples(
    st.integers(0, 400),  # rows
    st.integers(1, 40),  # rows in a batch
    st.integers(1, 200),  # rows that the buffer's bytes hold
    st.integers(0, 5),  # epoch
    st.integers(0, 2**31),  # seed
)


@settings(max_examples=150, deadline=None)
@given(shape=shapes)
def test_each_row_once_in_whole_batches(shape: tuple[int, int, int, int, int]) -> None:
    n, batch, buffer, epoch, seed = shape
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_module, "_BUFFER_BYTES", buffer * 4)
        data = Shuffled(numbered(n), np.arange(n), batch, seed)
        batches = list(data.epoch(epoch))
        again = list(data.epoch(epoch))
    assert len(batches) == len(data)
    assert all(len(b) == batch for b in batches[:-1])
    seen = [int(v) for b in batches for v in b[:, 0]]
    assert sorted(seen) == list(range(n))
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


@settings(max_examples=150, deadline=None)
@given(shape=shapes, share=st.floats(0, 1.2))
def test_skip_drops_the_first_batches(shape: tuple[int, int, int, int, int], share: float) -> None:
    n, batch, buffer, epoch, seed = shape
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_module, "_BUFFER_BYTES", buffer * 4)
        data = Shuffled(numbered(n), np.arange(n), batch, seed)
        skip = int(share * len(data))
        whole, rest = list(data.epoch(epoch)), list(data.epoch(epoch, skip))
    assert len(rest) == max(0, len(whole) - skip)
    assert all(np.array_equal(a, b) for a, b in zip(whole[skip:], rest, strict=True))


@settings(max_examples=60, deadline=None)
@given(keep=st.lists(st.booleans(), min_size=1, max_size=300), seed=st.integers(0, 99))
def test_only_rows_of_the_index(keep: list[bool], seed: int) -> None:
    index = np.flatnonzero(keep)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_module, "_BUFFER_BYTES", 64 * 4)
        data = Shuffled(numbered(len(keep)), index, 16, seed)
        assert sorted(order(data)) == index.tolist()


def test_larger_than_the_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    class Spy(ArraySource):
        def take_into(self, index: np.ndarray, out: np.ndarray, places: np.ndarray) -> None:
            read.append(len(index))
            assert np.array_equal(index, np.sort(index)), "reads must go forwards"
            super().take_into(index, out, places)

    n = 20_000
    # One buffer is in use while the next is read: each has half of the bytes.
    monkeypatch.setattr(source_module, "_BUFFER_BYTES", 2 * 1000 * 4 * 3)
    data = Shuffled(Spy(numbered(n, 3).array), np.arange(n), 128, 0)
    assert data.buffer_rows == 896
    seen = order(data)
    assert sorted(seen) == list(range(n))
    assert max(read) == 896
    # The first buffer holds rows from all over, and does not hold them in order.
    first = np.array(seen[:896])
    assert first.min() < n / 10
    assert first.max() > n * 9 / 10
    assert abs(np.corrcoef(np.arange(n), seen)[0, 1]) < 0.1
    # Buffers before the first batch that is wanted are not read.
    read.clear()
    assert order(data, skip=7 * 20) == seen[896 * 20 :]
    assert sum(read) == n - 896 * 20


def test_seed_and_epoch_change_the_order() -> None:
    source = numbered(200)
    orders = {
        tuple(order(Shuffled(source, np.arange(200), 16, seed), epoch))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


def test_shuffle_is_uniform() -> None:
    """Where row 0 lands is spread evenly: chi-square over ten positions, 2000 epochs."""
    data = Shuffled(numbered(10), np.arange(10), 4, 0)
    places = np.bincount([order(data, epoch).index(0) for epoch in range(2000)], minlength=10)
    assert ((places - 200) ** 2 / 200).sum() < 33.7  # p = 0.0001 at nine degrees of freedom


def test_array_source_over_a_memory_map(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((9000, 5)).astype(np.float16)
    np.save(tmp_path / "v.npy", rows)
    source = as_source(tmp_path / "v.npy")
    assert isinstance(source, ArraySource)
    assert isinstance(source.array, np.memmap)
    assert isinstance(source, VectorSource)
    assert source.shape == (9000, 5)
    part = source.rows(10, 20)
    assert part.dtype == np.float32
    assert type(part) is np.ndarray
    assert not np.shares_memory(part, source.array)
    assert np.array_equal(part, rows[10:20].astype(np.float32))
    index = np.sort(np.random.default_rng(1).integers(0, 9000, 8500))
    assert np.array_equal(source.take(index), rows[index].astype(np.float32))
    assert source.take(index[:0]).shape == (0, 5)


def test_array_source_copies() -> None:
    rows = np.ones((3, 2), dtype=np.float32)
    source = as_source(rows)
    source.rows(0, 3)[:] = 5
    source.take(np.arange(3))[:] = 5
    assert np.array_equal(rows, np.ones((3, 2)))


def test_as_source_checks_and_passes_sources_on() -> None:
    with pytest.raises(InputError, match="not finite at row 1, column 0"):
        as_source([[1.0], [np.inf]])
    assert np.isinf(as_source([[1.0], [np.inf]], check_finite=False).rows(1, 2)).all()
    source = numbered(3)
    assert as_source(source) is source


@pytest.mark.parametrize("size", [1, 3, 10, 4096])
def test_blocks_cover_all_rows(size: int) -> None:
    found = list(blocks(numbered(10), size))
    assert [start for start, _ in found] == list(range(0, 10, size))
    assert np.concatenate([b for _, b in found])[:, 0].tolist() == list(range(10))


@pytest.mark.parametrize("offset", [0.0, 1.0, 1000.0, -3e4])
@pytest.mark.parametrize("subset", [False, True])
def test_moments_equal_numpy(offset: float, subset: bool) -> None:
    draw = np.random.default_rng(0)
    rows = (draw.standard_normal((10_000, 6)) + offset).astype(np.float32)
    index = np.flatnonzero(draw.random(10_000) < 0.3) if subset else None
    wanted = (rows if index is None else rows[index]).astype(np.float64)
    mean, variance = moments(as_source(rows), index)
    assert np.allclose(mean, wanted.mean(0), rtol=1e-12, atol=1e-9)
    assert variance == pytest.approx(wanted.var(0).sum(), rel=1e-9)


def test_moments_of_equal_rows() -> None:
    mean, variance = moments(as_source(np.full((5000, 3), 0.1, dtype=np.float32)))
    assert variance == 0.0
    assert np.array_equal(mean, np.full(3, np.float64(np.float32(0.1))))


# Reading ahead


def readers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("semascope-ahead")]


class Plain:
    """A source that has no more than the protocol asks for, and counts what is read."""

    def __init__(self, array: np.ndarray, fails_at: int | None = None) -> None:
        self.array, self.fails_at, self.read = array, fails_at, 0
        self.shape = array.shape

    def rows(self, start: int, stop: int) -> np.ndarray:
        return self.take(np.arange(start, stop))

    def take(self, index: np.ndarray) -> np.ndarray:
        self.read += len(index)
        if self.fails_at is not None and self.read > self.fails_at:
            raise InputError("the disc is gone")
        return np.array(self.array[index])


@pytest.fixture
def small_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two buffers of 64 rows of three float32, read in chunks of 16 rows."""
    monkeypatch.setattr(source_module, "_BUFFER_BYTES", 128 * 3 * 4)
    monkeypatch.setattr(source_module, "_CHUNK_BYTES", 16 * 3 * 4)


def opened(kind: str, rows: np.ndarray, folder: Path) -> Any:
    if kind == "plain":
        return Plain(rows)
    if kind == "mapped":
        np.save(folder / "v.npy", rows)
        return as_source(folder / "v.npy")
    if kind == "float64":
        return as_source(rows.astype(np.float64))
    if kind == "store":
        store = VectorStore.create(folder / "s", dimensions=rows.shape[1])
        store.append(rows[: len(rows) // 2])
        store.append(rows[len(rows) // 2 :])
        return store
    return as_source(rows)


@pytest.mark.parametrize("count", [100, 128, 129, 1000])
@pytest.mark.parametrize("kind", ["plain", "mapped", "store", "float64"])
def test_the_order_is_the_same_from_every_source(
    tmp_path: Path, small_buffer: None, kind: str, count: int
) -> None:
    rows = np.random.default_rng(0).standard_normal((count, 3)).astype(np.float32)
    index = np.flatnonzero(np.random.default_rng(1).random(count) < 0.9)
    wanted = Shuffled(as_source(rows), index, 16, 5)
    found = Shuffled(opened(kind, rows, tmp_path), index, 16, 5)
    first, last = 3, 2 * len(wanted) + 5
    one, other = list(wanted.batches(first, last)), list(found.batches(first, last))
    assert len(one) == last - first
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert all(b.dtype == np.float32 for b in other)
    epochs = [b for epoch in range(3) for b in found.epoch(epoch)][first:last]
    assert all(np.array_equal(a, b) for a, b in zip(one, epochs, strict=True))
    assert not readers()


def test_what_fits_is_read_once(small_buffer: None) -> None:
    source = Plain(numbered(128, 3).array)
    batches = list(Shuffled(source, np.arange(128), 16, 0).batches(0, 5 * 8))
    assert len(batches) == 40
    assert source.read == 128
    # What does not fit is read once an epoch, and nothing beyond the last batch.
    source = Plain(numbered(640, 3).array)
    assert len(list(Shuffled(source, np.arange(640), 16, 0).batches(40, 104))) == 64
    assert source.read == 640 + 384


def test_at_most_one_buffer_is_ahead(small_buffer: None) -> None:
    source = Plain(numbered(6400, 3).array)
    batches = Shuffled(source, np.arange(6400), 16, 0).batches()
    for number in range(1, 50):
        next(batches)
        assert source.read <= 64 * (2 + (number - 1) // 4)
    batches.close()


def test_batches_that_are_kept_do_not_change(small_buffer: None) -> None:
    data = Shuffled(Plain(numbered(1000, 3).array), np.arange(1000), 16, 0)
    kept = list(data.epoch(0))
    assert sorted(int(v) for b in kept for v in b[:, 0]) == list(range(1000))


def test_an_error_of_the_reader_comes_out_and_no_thread_stays(small_buffer: None) -> None:
    source = Plain(numbered(1000, 3).array, fails_at=64 * 3 + 20)
    seen: list[np.ndarray] = []
    with pytest.raises(InputError, match="the disc is gone"):
        seen.extend(Shuffled(source, np.arange(1000), 16, 0).epoch(0))
    assert len(seen) == 4 * 3
    assert not readers()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_of_the_consumer_ends_the_reading(
    small_buffer: None, error: type[BaseException]
) -> None:
    source = Plain(numbered(100_000, 3).array)

    def consume() -> None:
        for _ in Shuffled(source, np.arange(100_000), 16, 0).epoch(0):
            raise error

    with pytest.raises(error):
        consume()
    assert not readers()
    assert source.read <= 2 * 64


def test_closing_ends_the_reading(small_buffer: None) -> None:
    batches = Shuffled(Plain(numbered(1000, 3).array), np.arange(1000), 16, 0).batches()
    next(batches)
    assert len(readers()) == 1
    batches.close()
    assert not readers()
    walk = blocks(Plain(numbered(1000, 3).array), 16)
    next(walk)
    walk.close()
    assert not readers()


def test_jobs_run_one_ahead_and_are_told_when_nobody_waits() -> None:
    started: list[int] = []
    told = Event()

    def job(number: int, stop: Event) -> int:
        started.append(number)
        if number == 3 and stop.wait(60):
            told.set()
        return number

    results = ahead(lambda stop, i=i: job(i, stop) for i in range(100))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert set(started) <= {0, 1, 2, 3}
    results.close()
    assert told.is_set() or 3 not in started
    assert not readers()
    assert list(ahead([])) == []


@settings(max_examples=60, deadline=None)
@given(
    index=st.lists(st.integers(0, 299), max_size=120),
    start=st.integers(0, 200),
    order=st.sampled_from(["C", "F"]),
    piece=st.integers(1, 40),
)
def test_gather_from_parts_of_maps(
    tmp_path_factory: pytest.TempPathFactory, index: list[int], start: int, order: Any, piece: int
) -> None:
    path = tmp_path_factory.mktemp("map") / "v.npy"
    rows = np.asarray(np.random.default_rng(0).standard_normal((300, 7)), order=order)
    np.save(path, rows)
    mapped = as_vectors(path)[start:]
    wanted = np.array(index, dtype=np.int64) % (300 - start)
    places = np.random.default_rng(len(index)).permutation(len(index))
    out, mixed = np.empty((len(index), 7)), np.empty((len(index), 7))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays_module, "_SCATTERED", piece)
        patch.setattr(arrays_module, "_AHEAD_BYTES", 7 * 8 * 2 * piece)
        patch.setattr(arrays_module, "_GAP_BYTES", 64)
        gather(mapped, wanted, out)
        gather(mapped, wanted, mixed, places)
    assert np.array_equal(out, rows[start:][wanted])
    assert np.array_equal(mixed[places], out)
    expect_rows(mapped, slice(0, 10**9))
    expect_rows(mapped, slice(5, 5))
