"""Reading rows of vectors in blocks and in shuffled batches, with memory bounded by the batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from semascope.core import as_vectors, generator, release_pages

Float32Array = npt.NDArray[np.float32]

_BLOCK = 4096
_SCATTERED = 1024
_BUFFER_BYTES = 192 << 20


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
        out = np.array(self.array[start:stop], dtype=np.float32)
        release_pages(self.array)
        return out

    def take(self, index: npt.NDArray[np.int64]) -> Float32Array:
        """Return the rows of an index in memory, float32."""
        out = np.empty((len(index), self.shape[1]), dtype=np.float32)
        # Each row that is read maps its neighbours too, some 64 KB of them where they are cached.
        for start in range(0, len(index), _SCATTERED):
            part = slice(start, start + _SCATTERED)
            out[part] = self.array[index[part]]
            release_pages(self.array)
        return out


def as_source(x: Any, *, check_finite: bool = True) -> VectorSource:
    """Return a `VectorSource` for anything that `as_vectors` takes, or for a store as it is.

    Examples
    --------
    >>> from semascope.vectors import as_source
    >>> as_source([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if isinstance(x, VectorSource):
        return x
    return ArraySource(as_vectors(x, check_finite=check_finite))


def blocks(source: VectorSource, size: int = _BLOCK) -> Iterator[tuple[int, Float32Array]]:
    """Walk a source from its first row to its last.

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
    for start in range(0, n, size):
        yield start, source.rows(start, min(n, start + size))


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
    buffer, and the buffer is shuffled. What fits into the buffer is shuffled completely; larger
    data is read in runs that discs and page caches like, and memory stays that of the buffer.

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
        """Rows held in memory at a time, a whole number of batches."""
        rows = max(self.batch_size, _BUFFER_BYTES // (4 * self.source.shape[1]))
        return rows // self.batch_size * self.batch_size

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Float32Array]:
        """Yield the batches of one epoch, after skipping the first `skip` of them.

        Buffers that lie wholly in the skipped part are not read.
        """
        n, size = len(self.index), self.buffer_rows
        run = size if n <= size else max(1, min(_BLOCK, size // 64))
        order = generator(self.seed, "runs", epoch).permutation(-(-n // run))
        lengths = np.minimum((order + 1) * run, n) - order * run
        ends = np.cumsum(lengths)
        per_buffer = size // self.batch_size
        for number in range(-(-n // size)):
            if (number + 1) * per_buffer <= skip:
                continue
            low, high = number * size, min(n, (number + 1) * size)
            first, last = np.searchsorted(ends, [low, high - 1], side="right")
            rows = np.concatenate(
                [np.arange(r * run, min(n, (r + 1) * run)) for r in order[first : last + 1]]
            )
            offset = low - (int(ends[first]) - int(lengths[first]))
            rows = np.sort(rows[offset : offset + high - low])
            data = self.source.take(self.index[rows])
            mixed = generator(self.seed, "rows", epoch, number).permutation(len(data))
            for start in range(0, len(data), self.batch_size):
                if number * per_buffer + start // self.batch_size >= skip:
                    yield data[mixed[start : start + self.batch_size]]
