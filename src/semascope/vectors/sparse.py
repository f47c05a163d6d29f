"""Rows of a sparse matrix, made dense piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SparseSource:
    """A `VectorSource` over a sparse matrix, such as counts of words.

    Only the rows that are asked for are dense at a time.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array or csr_matrix of shape (n, d)
        Made by `of`, which checks it.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> from semascope.vectors.sparse import SparseSource
    >>> SparseSource.of(csr_array([[0, 2], [1, 0]])).rows(0, 1)
    array([[0., 2.]], dtype=float32)
    """

    matrix: Any

    @classmethod
    def of(cls, matrix: Any, *, check_finite: bool = True) -> SparseSource:
        """Take over any scipy.sparse matrix of numbers."""
        if len(matrix.shape) != 2 or 0 in matrix.shape:
            raise InputError(f"vectors must be a matrix that is not empty, found {matrix.shape}")
        if matrix.dtype.kind not in "fiub":
            raise InputError(f"vectors must be numbers, found dtype {matrix.dtype}")
        csr = matrix.tocsr()
        if check_finite and not np.isfinite(csr.data).all():
            at = int(np.flatnonzero(~np.isfinite(csr.data))[0])
            row = int(np.searchsorted(csr.indptr, at, side="right")) - 1
            raise InputError(
                f"vectors hold a value that is not finite at row {row}, column {csr.indices[at]} "
                f"({csr.data[at]}); remove or repair that row"
            )
        if check_finite and abs(csr.data).max(initial=0) > np.finfo(np.float32).max:
            raise InputError("vectors hold numbers beyond float32; scale them")
        return cls(csr)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return self.matrix.shape[0], self.matrix.shape[1]

    def rows(self, start: int, stop: int) -> Float32Array:
        """Return rows `start` to `stop` in memory, float32."""
        return np.asarray(self.matrix[start:stop].toarray(), dtype=np.float32)

    def take(self, index: npt.NDArray[np.int64]) -> Float32Array:
        """Return the rows of an index in memory, float32."""
        return np.asarray(self.matrix[index].toarray(), dtype=np.float32)
