"""Sparse activations: which atoms make up each row, and how strongly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from semascope.core.errors import ArtifactError, InputError
from semascope.core.files import plain_os_errors
from semascope.core.tensors import load_tensors, save_tensors

if TYPE_CHECKING:
    from scipy.sparse import csc_array, csr_array


# Compared by identity: comparing the arrays is no single truth value.
@dataclass(frozen=True, eq=False)
class Codes:
    """Activations of `m` latents on `n` rows in compressed sparse rows.

    Parameters
    ----------
    indptr : ndarray of int64, shape (n + 1,)
        Where each row starts in `indices` and `values`.
    indices : ndarray of int32, shape (nnz,)
        Latents, ascending within a row.
    values : ndarray of float32, shape (nnz,)
        Activations.
    n_components : int
        Number of latents, `m`.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import Codes
    >>> codes = Codes.from_scipy(np.array([[0, 2.0], [1.0, 0]]))
    >>> codes
    Codes of 2 rows over 2 latents, 1.0 active a row
    >>> codes[1].to_scipy().toarray()
    array([[1., 0.]], dtype=float32)
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    n_components: int

    def __post_init__(self) -> None:
        for name, dtype in (("indptr", np.int64), ("indices", np.int32), ("values", np.float32)):
            object.__setattr__(self, name, np.asanyarray(getattr(self, name), dtype=dtype))
        if not len(self.indptr):
            raise InputError("codes need an indptr of one entry more than rows, found none")
        if len(self.indices) != len(self.values) or int(self.indptr[-1]) != len(self.values):
            raise InputError(
                f"codes do not fit together: indptr ends at {int(self.indptr[-1])}, "
                f"{len(self.indices)} indices, {len(self.values)} values"
            )

    @classmethod
    def from_scipy(cls, matrix: Any) -> Codes:
        """Take over any scipy.sparse matrix or dense array of shape (n, m)."""
        from scipy.sparse import csr_array

        matrix = matrix if hasattr(matrix, "shape") else np.asarray(matrix)
        if len(matrix.shape) != 2:
            raise InputError(
                f"codes must have two dimensions (rows, latents), found shape {matrix.shape}"
            )
        csr = csr_array(matrix)
        if not csr.has_canonical_format:
            # Summing works in place, on memory that may be the caller's.
            csr = csr.copy()
            csr.sum_duplicates()
        return cls(
            csr.indptr.astype(np.int64),
            csr.indices.astype(np.int32),
            csr.data.astype(np.float32),
            int(csr.shape[1]),
        )

    @classmethod
    def stack(cls, parts: Iterable[Codes], n_components: int) -> Codes:
        """Put codes of consecutive rows together; of no parts, codes of no rows."""
        some = list(parts)
        if len(some) == 1:
            return some[0]
        lengths = [np.zeros(1, dtype=np.int64), *(np.diff(part.indptr) for part in some)]
        return cls(
            np.cumsum(np.concatenate(lengths), dtype=np.int64),
            np.concatenate([np.zeros(0, np.int32), *(part.indices for part in some)]),
            np.concatenate([np.zeros(0, np.float32), *(part.values for part in some)]),
            n_components,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and latents, ``(n, m)``."""
        return len(self.indptr) - 1, self.n_components

    @property
    def nnz(self) -> int:
        """Number of active pairs of row and latent."""
        return len(self.values)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __repr__(self) -> str:
        n, m = self.shape
        return f"Codes of {n:,} rows over {m:,} latents, {self.nnz / max(1, n):.1f} active a row"

    def to_scipy(self) -> csr_array:
        """Return a ``scipy.sparse.csr_array`` that shares this memory.

        Raises
        ------
        ArtifactError
            If a latent or a row is out of range, as in a file that was changed.
        """
        from scipy.sparse import csr_array

        # scipy addresses memory with these, and does not look.
        if self.nnz and not 0 <= self.indices.min() <= self.indices.max() < self.n_components:
            raise ArtifactError(
                f"codes of {self.n_components} latents name one from {self.indices.min()} to "
                f"{self.indices.max()}: they are damaged; make them again, or restore their file"
            )
        if self.indptr[0] != 0 or (np.diff(self.indptr) < 0).any():
            raise ArtifactError(
                "the rows of these codes do not follow each other: they are damaged; make them "
                "again, or restore their file"
            )
        # scipy copies indices to the type of indptr, so the short array gives way where it can.
        indptr = self.indptr.astype(np.int32) if self.nnz < 2**31 else self.indptr
        return csr_array((self.values, self.indices, indptr), shape=self.shape)

    def __getitem__(self, rows: int | slice | npt.NDArray[Any]) -> Codes:
        """Return some rows: one index, a slice, an index array or a boolean mask.

        A slice without a step shares this memory, or this map.
        """
        if isinstance(rows, slice) and rows.step in (None, 1):
            start, stop, _ = rows.indices(len(self))
            indptr = self.indptr[start : max(start, stop) + 1]
            span = slice(int(indptr[0]), int(indptr[-1]))
            indptr = np.asarray(indptr - indptr[0])
            return Codes(indptr, self.indices[span], self.values[span], self.n_components)
        if isinstance(rows, int | np.integer):
            if not -len(self) <= rows < len(self):
                raise InputError(f"row {rows} is outside 0..{len(self) - 1}")
            rows = np.array([rows % len(self)])
        return Codes.from_scipy(self.to_scipy()[rows])

    @cached_property
    def _columns(self) -> csc_array:
        return self.to_scipy().tocsc()

    def column(self, j: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return the rows on which latent `j` is active, ascending, and its activations there."""
        if not 0 <= j < self.n_components:
            raise InputError(f"latent {j} is outside 0..{self.n_components - 1}")
        columns = self._columns
        span = slice(columns.indptr[j], columns.indptr[j + 1])
        return columns.indices[span].astype(np.int64), columns.data[span]

    def prevalence(self) -> npt.NDArray[np.float64]:
        """Return the share of rows on which each latent is active, shape (m,)."""
        counts = np.zeros(self.n_components, dtype=np.int64)
        for start in range(0, self.nnz, 1 << 22):
            counts += np.bincount(self.indices[start : start + (1 << 22)], minlength=len(counts))
        return counts / max(1, len(self))

    def save(self, path: str | Path) -> None:
        """Write the codes as safetensors."""
        save_tensors(
            Path(path),
            {"indptr": self.indptr, "indices": self.indices, "values": self.values},
            {"kind": "codes", "n_components": str(self.n_components)},
        )

    @classmethod
    def load(cls, path: str | Path) -> Codes:
        """Map codes from a file that `save` wrote; nothing is read until it is used."""
        if Path(path).is_dir():
            raise ArtifactError(f"{path} is a folder; open its codes with CodeStore('{path}')")
        tensors, metadata = load_tensors(Path(path))
        if metadata.get("kind") != "codes" or set(tensors) != {"indptr", "indices", "values"}:
            raise ArtifactError(f"{path} holds no codes; expected a file that Codes.save wrote")
        try:
            m = int(metadata["n_components"])
            return cls(tensors["indptr"], tensors["indices"], tensors["values"], m)
        except (KeyError, ValueError, IndexError, TypeError) as err:  # InputError is a ValueError
            raise ArtifactError(f"{path} is damaged: {err}; restore it from a copy") from err


def write_codes(path: Path, blocks: Iterable[Codes], n_components: int) -> Codes:
    """Write codes block by block, in memory bounded by the block, and map the file.

    Parameters
    ----------
    path : Path
        File to write, atomically.
    blocks : iterable of Codes
        Consecutive rows.
    n_components : int
        Number of latents.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from semascope.core import Codes, write_codes
    >>> part = Codes.from_scipy(np.array([[0.0, 2.0]]))
    >>> write_codes(Path("codes.safetensors"), [part, part], 2).shape
    (2, 2)
    """
    lengths = [np.zeros(1, dtype=np.int64)]
    with plain_os_errors(path), TemporaryDirectory(prefix=".codes.", dir=path.parent) as folder:
        spills = Path(folder) / "indices", Path(folder) / "values"
        with spills[0].open("wb") as indices, spills[1].open("wb") as values:
            for block in blocks:
                lengths.append(np.diff(block.indptr))
                indices.write(np.ascontiguousarray(block.indices, dtype=np.int32).data)
                values.write(np.ascontiguousarray(block.values, dtype=np.float32).data)
        indptr = np.cumsum(np.concatenate(lengths), dtype=np.int64)
        empty = indptr[-1] == 0  # and an empty file cannot be mapped
        save_tensors(
            path,
            {
                "indptr": indptr,
                "indices": np.zeros(0, "i4") if empty else np.memmap(spills[0], np.int32, "r"),
                "values": np.zeros(0, "f4") if empty else np.memmap(spills[1], np.float32, "r"),
            },
            {"kind": "codes", "n_components": str(n_components)},
        )
    return Codes.load(path)
