"""Reading rows of vectors in blocks and in shuffled batches, with memory bounded by the batch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import tee
from threading import Event
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from semascope.core import (
    InputError,
    ahead,
    as_vectors,
    expect_rows,
    gather,
    generator,
    is_mapped,
    release_pages,
)
from semascope.vectors.sparse import SparseSource

Float32Array = npt.NDArray[np.float32]
Batches = Generator[Float32Array, None, None]

_BLOCK = 4096
_BUFFER_BYTES = 192 << 20
_CHUNK_BYTES = 32 << 20


@runtime_checkable
class VectorSource(Protocol):
    """Rows of vectors that can be read piece by piece.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.vectors import VectorSource, as_source
    >>> isinstance(as_source(np.ones((3, 2))), VectorSource)
    True
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""

    def rows(self, start: int, stop: int) -> Float32Array:
        """Return rows `start` to `stop` in memory, float32."""

    def take(self, index: npt.NDArray[np.int64]) -> Float32Array:
        """Return the rows of an ascending index in memory, float32."""


@dataclass(frozen=True)
class ArraySource:
    """A `VectorSource` over one array, in memory or mapped.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.vectors import ArraySource
    >>> ArraySource(np.ones((3, 2))).rows(0, 2).shape
    (2, 2)
    """

    array: npt.NDArray[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return self.array.shape[0], self.array.shape[1]

    def rows(self, start: int, stop: int) -> Float32Array:
        """Return rows `start` to `stop` in memory, float32."""
        expect_rows(self.array, slice(start, stop))
        with _within_float32():
            out = np.array(self.array[start:stop], dtype=np.float32)
        release_pages(self.array)
        return out

    def take(self, index: npt.NDArray[np.int64]) -> Float32Array:
        """Return the rows of an index in memory, float32."""
        if not is_mapped(self.array):
            with _within_float32():
                return np.asarray(self.array[index], dtype=np.float32)
        out = np.empty((len(index), self.shape[1]), dtype=np.float32)
        self.take_into(index, out, np.arange(len(index)))
        return out

    def take_into(
        self, index: npt.NDArray[np.int64], out: Float32Array, places: npt.NDArray[np.int64]
    ) -> None:
        """Copy the rows of an index to places of an array."""
        with _within_float32():
            gather(self.array, index, out, places)


@contextmanager
def _within_float32() -> Iterator[None]:
    try:
        with np.errstate(over="raise"):
            yield
    except FloatingPointError as err:
        raise InputError(
            f"vectors hold numbers beyond float32, whose largest is {np.finfo(np.float32).max:.2g};"
            " scale them, say by X / abs(X).max()"
        ) from err


@runtime_checkable
class TakesInto(Protocol):
    """A `VectorSource` that can copy rows to where they are wanted, which saves a copy.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.vectors import as_source
    >>> from semascope.vectors.source import TakesInto
    >>> isinstance(as_source(np.ones((3, 2))), TakesInto)
    True
    """

    def take_into(
        self, index: npt.NDArray[np.int64], out: Float32Array, places: npt.NDArray[np.int64]
    ) -> None:
        """Copy the rows of an ascending index to places of an array."""


def as_source(x: Any, *, check_finite: bool = True) -> VectorSource:
    """Return a `VectorSource` for anything that `as_vectors` takes, or for a store as it is.

    Sparse matrices stay sparse: only the rows that are read become dense.

    Examples
    --------
    >>> from semascope.vectors import as_source
    >>> as_source([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if isinstance(x, VectorSource):
        return x
    if hasattr(x, "tocsr"):
        return SparseSource.of(x, check_finite=check_finite)
    return ArraySource(as_vectors(x, check_finite=check_finite))


def blocks(source: VectorSource, size: int = _BLOCK) -> Iterator[tuple[int, Float32Array]]:
    """Walk a source from its first row to its last; what is not in memory is read one block ahead.

    Yields
    ------
    (int, ndarray of float32)
        Index of the block's first row, and the block.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.vectors import as_source, blocks
    >>> [start for start, _ in blocks(as_source(np.ones((5, 2))), size=2)]
    [0, 2, 4]
    """
    n = source.shape[0]
    starts = range(0, n, size)
    if n <= size or _in_memory(source) is not None:
        for start in starts:
            yield start, source.rows(start, min(n, start + size))
        return

    def read(start: int) -> Callable[[Event], tuple[int, Float32Array]]:
        return lambda stop: (start, source.rows(start, min(n, start + size)))

    with closing(ahead(read(start) for start in starts)) as coming:
        yield from coming


def _in_memory(source: VectorSource) -> npt.NDArray[Any] | None:
    """Return the array behind a source, if it is one and lies in memory."""
    if type(source) is ArraySource and not is_mapped(source.array):
        return source.array
    return None


def moments(
    source: VectorSource, index: npt.NDArray[np.int64] | None = None
) -> tuple[npt.NDArray[np.float64], float]:
    """Return the mean row (d,) and the total variance (mean squared distance to it), streaming.

    Parameters
    ----------
    source : VectorSource
        The rows.
    index : ndarray of int64, optional
        Only these rows, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.vectors import as_source, moments
    >>> moments(as_source([[0.0, 0.0], [2.0, 0.0]]))
    (array([1., 0.]), 1.0)
    """
    n, d = source.shape
    count = n if index is None else len(index)
    total, square = np.zeros(d), 0.0
    # Shifting by a first row keeps the sum of squares from cancelling when the mean is far from 0.
    first = source.take(np.array([0 if index is None else int(index[0])]))[0].astype(np.float64)
    for start in range(0, count, _BLOCK):
        stop = min(count, start + _BLOCK)
        block = source.rows(start, stop) if index is None else source.take(index[start:stop])
        shifted = block.astype(np.float64) - first
        total += shifted.sum(axis=0)
        square += float(np.einsum("ij,ij->", shifted, shifted))
    mean = total / count
    return mean + first, max(0.0, square / count - float(mean @ mean))


@dataclass(frozen=True)
class Shuffled:
    """Batches of a source's rows in an order fixed by seed and epoch, startable anywhere.

    Rows are shuffled in two steps: runs of neighbouring rows are drawn in random order into a
    buffer, and the buffer is shuffled. What fits into 192 MB is shuffled completely, and read once.
    Of larger data one buffer of half that size is in use while the next is read in the background,
    in runs that discs and page caches like, and memory stays that of the two. Arrays in memory are
    not copied. The order is the same wherever the rows are.

    Parameters
    ----------
    source : VectorSource
        Where the rows are.
    index : ndarray of int64, shape (n,)
        Which rows take part, ascending.
    batch_size : int
        Rows in a batch; the last batch of an epoch is as large as what is left.
    seed : int
        Order of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.vectors import Shuffled, as_source
    >>> data = Shuffled(as_source(np.arange(6.0).reshape(6, 1)), np.arange(6), batch_size=4, seed=0)
    >>> sorted(float(v) for batch in data.epoch(0) for v in batch[:, 0])
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    source: VectorSource
    index: npt.NDArray[np.int64]
    batch_size: int
    seed: int

    def __len__(self) -> int:
        """Batches in an epoch."""
        return (len(self.index) + self.batch_size - 1) // self.batch_size

    @property
    def buffer_rows(self) -> int:
        """Rows that are shuffled together, a whole number of batches."""
        rows = max(self.batch_size, _BUFFER_BYTES // (4 * self.source.shape[1]))
        if len(self.index) > rows // self.batch_size * self.batch_size:
            rows = max(self.batch_size, rows // 2)
        return rows // self.batch_size * self.batch_size

    def epoch(self, epoch: int, skip: int = 0) -> Batches:
        """Yield the batches of one epoch, after skipping the first `skip` of them."""
        first = epoch * len(self)
        return self.batches(first + min(skip, len(self)), first + len(self))

    def batches(self, first: int = 0, last: int | None = None) -> Batches:
        """Yield batches `first` to `last`, counted on from epoch to epoch, or without end.

        Buffers that lie wholly before the first batch are not read. Close the iterator (or exhaust
        it) to end the reading in the background at once.
        """
        if len(self) == 0:
            return
        array, numbers = _in_memory(self.source), self.index
        if array is None and len(self.index) <= self.buffer_rows:
            array, numbers = self.source.take(self.index), np.arange(len(self.index))
        if array is not None:
            for epoch, number, keep in self._buffers(first, last):
                rows, mixed = self._order(epoch, number)
                for start in keep:
                    batch = array[numbers[rows[mixed[start : start + self.batch_size]]]]
                    yield batch.astype(np.float32, copy=False)
            return
        plan, jobs = tee(self._buffers(first, last))
        with closing(ahead(partial(self._read, e, number) for e, number, _ in jobs)) as buffers:
            for (_, _, keep), data in zip(plan, buffers, strict=False):
                for start in keep:
                    yield data[start : start + self.batch_size]

    def _buffers(self, first: int, last: int | None) -> Iterator[tuple[int, int, range]]:
        """Yield epoch and number of each buffer, and where its batches that are wanted start."""
        size, per_buffer, at = self.batch_size, self.buffer_rows // self.batch_size, first
        while last is None or at < last:
            epoch, batch = divmod(at, len(self))
            number, inside = divmod(batch, per_buffer)
            count = min(per_buffer - inside, len(self) - batch)
            if last is not None:
                count = min(count, last - at)
            yield epoch, number, range(inside * size, (inside + count) * size, size)
            at += count

    def _order(
        self, epoch: int, number: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return which rows of the index a buffer holds, ascending, and their order of use."""
        n, size = len(self.index), self.buffer_rows
        run = size if n <= size else max(1, min(_BLOCK, size // 64))
        order = generator(self.seed, "runs", epoch).permutation(-(-n // run))
        lengths = np.minimum((order + 1) * run, n) - order * run
        ends = np.cumsum(lengths)
        low, high = number * size, min(n, (number + 1) * size)
        first, last = np.searchsorted(ends, [low, high - 1], side="right")
        rows = np.concatenate(
            [np.arange(r * run, min(n, (r + 1) * run)) for r in order[first : last + 1]]
        )
        offset = low - (int(ends[first]) - int(lengths[first]))
        rows = np.sort(rows[offset : offset + high - low])
        return rows, generator(self.seed, "rows", epoch, number).permutation(len(rows))

    def _read(self, epoch: int, number: int, stop: Event) -> Float32Array:
        """Read a buffer, each row to the place where it is used."""
        rows, mixed = self._order(epoch, number)
        places = np.empty_like(mixed)
        places[mixed] = np.arange(len(mixed))
        out = np.empty((len(rows), self.source.shape[1]), dtype=np.float32)
        step = max(1, _CHUNK_BYTES // (4 * out.shape[1]))
        for start in range(0, len(rows), step):
            if stop.is_set():
                break
            part = slice(start, start + step)
            index = self.index[rows[part]]
            if isinstance(self.source, TakesInto):
                self.source.take_into(index, out, places[part])
            else:
                out[places[part]] = self.source.take(index)
        return out
