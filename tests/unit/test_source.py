"""Reading vectors in blocks and in shuffled batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semascope.core import InputError
from semascope.vectors import ArraySource, Shuffled, VectorSource, as_source, blocks, moments
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
