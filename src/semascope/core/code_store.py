"""Codes of millions of rows: a folder of shards that is read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from semascope.core.code_shards import read_state
from semascope.core.codes import Codes
from semascope.core.errors import ArtifactError, InputError
from semascope.core.shards import check_content

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_BLOCK = 65_536


class CodeStore:
    """Codes on disc: a folder ``NAME.codes`` that ``semascope encode`` or `encode_to` filled.

    Shards are mapped when something is read from them, and nothing stays open.

    Parameters
    ----------
    path : str or Path
        The folder.
    verify : bool, default False
        Read all files and compare checksums. Sizes are compared in any case.

    Raises
    ------
    ArtifactError
        If there is no such folder, it is not finished, a file is missing, truncated or changed, or
        a newer version of semascope wrote it.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import CodeStore
    >>> from semascope.discover import Dictionary
    >>> eye, zero = np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    >>> dictionary = Dictionary(eye, zero, eye, zero, n_active=1)
    >>> x = np.array([[1.0, 0], [0, 2], [3, 0]])
    >>> _ = dictionary.encode_to("three.codes", x, shard_rows=2)
    >>> store = CodeStore("three.codes")
    >>> store
    CodeStore at three.codes: 3 rows over 2 latents, 1.0 active a row, 2 shards
    >>> store[1:].to_scipy().toarray()
    array([[0., 2.],
           [3., 0.]], dtype=float32)
    """

    def __init__(self, path: str | Path, *, verify: bool = False) -> None:
        self.path = Path(path)
        self._state = read_state(self.path)
        if not self._state.complete:
            raise ArtifactError(
                f"the codes in {self.path} are not finished: {self._state.rows:,} of "
                f"{self._state.shape[0]:,} rows are there; go on with the command that began them "
                "and --resume"
            )
        self._starts = np.cumsum([0, *(shard.rows for shard in self._state.shards)], dtype=np.int64)
        if verify:
            self.verify()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and latents, ``(n, m)``."""
        return self._state.shape

    @property
    def n_components(self) -> int:
        """Number of latents, `m`."""
        return self.shape[1]

    @property
    def nnz(self) -> int:
        """Number of active pairs of row and latent."""
        return sum(shard.nnz for shard in self._state.shards)

    @property
    def made_from(self) -> dict[str, Any]:
        """What the codes were made from: the dictionary's fingerprint, refinement, kernels."""
        return dict(self._state.made_from)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        (n, m), shards = self.shape, len(self._state.shards)
        return (
            f"CodeStore at {self.path}: {n:,} row{'s' * (n != 1)} over {m:,} latents, "
            f"{self.nnz / max(1, n):.1f} active a row, {shards} shard{'s' * (shards != 1)}"
        )

    def __getitem__(self, rows: int | slice | npt.NDArray[Any]) -> Codes:
        """Return some rows as `Codes`: one index, a slice, an index array or a boolean mask."""
        n = len(self)
        if isinstance(rows, slice) and rows.step in (None, 1):
            start, stop, _ = rows.indices(n)
            return Codes.stack(self._span(start, stop), self.n_components)
        if isinstance(rows, int | np.integer):
            rows = np.array([rows])
        elif isinstance(rows, slice):
            rows = np.arange(n)[rows]
        index = np.asarray(rows)
        if index.dtype == bool and index.shape == (n,):
            index = np.flatnonzero(index)
        if index.ndim != 1 or (index.size and index.dtype.kind not in "iu"):
            raise InputError(
                f"rows must be a number, a slice, a list of row numbers or a mask of {n} booleans, "
                f"found an array of shape {index.shape} and dtype {index.dtype}"
            )
        outside = index[(index < -n) | (index >= n)]
        if len(outside):
            raise InputError(f"row {outside[0]} is outside 0..{n - 1}")
        index = index.astype(np.int64) % max(1, n)
        # Shard by shard, in ascending order, and then in the order that was asked for.
        order = np.argsort(index, kind="stable")
        ascending = index[order]
        cuts = np.searchsorted(ascending, self._starts)
        parts = [
            self._shard(number)[ascending[cuts[number] : cuts[number + 1]] - self._starts[number]]
            for number in np.flatnonzero(np.diff(cuts)).tolist()
        ]
        return Codes.stack(parts, self.n_components)[np.argsort(order, kind="stable")]

    def blocks(self, size: int = _BLOCK) -> Iterator[tuple[int, Codes]]:
        """Walk the rows from the first to the last: yield ``(first row, codes)``."""
        if size < 1:
            raise InputError(f"the size of a block must be at least 1, got {size}")
        for start in range(0, len(self), size):
            yield start, self[start : start + size]

    def column(self, j: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return the rows on which latent `j` is active, ascending, and its activations there.

        Reads all shards, one after the other.
        """
        if not 0 <= j < self.n_components:
            raise InputError(f"latent {j} is outside 0..{self.n_components - 1}")
        rows, values = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
        for start, codes in self.blocks():
            hits = np.flatnonzero(codes.indices == j)
            rows.append(start + np.searchsorted(codes.indptr, hits, side="right") - 1)
            values.append(codes.values[hits])
        return np.concatenate(rows), np.concatenate(values)

    def prevalence(self) -> npt.NDArray[np.float64]:
        """Return the share of rows on which each latent is active, shape (m,)."""
        counts = np.zeros(self.n_components, dtype=np.int64)
        for _, codes in self.blocks():
            counts += np.bincount(codes.indices, minlength=len(counts))
        return counts / max(1, len(self))

    def to_codes(self) -> Codes:
        """Return all rows as one `Codes`: a map of one shard, else a copy in memory."""
        return self[:]

    def to_scipy(self) -> csr_array:
        """Return all rows as one ``scipy.sparse.csr_array`` in memory."""
        return self.to_codes().to_scipy()

    def verify(self) -> None:
        """Read every file and compare its checksum; raise `ArtifactError` for the first bad one."""
        for number, shard in enumerate(self._state.shards):
            check_content(self.path / shard.file.name, shard.file)
            self._shard(number)

    def _span(self, start: int, stop: int) -> Iterator[Codes]:
        number = int(np.searchsorted(self._starts, start, side="right")) - 1
        while start < stop and self._starts[number] < stop:
            first = int(self._starts[number])
            yield self._shard(number)[max(0, start - first) : stop - first]
            number += 1

    def _shard(self, number: int) -> Codes:
        shard = self._state.shards[number]
        codes = Codes.load(self.path / shard.file.name)
        if codes.shape != (shard.rows, self.n_components) or codes.nnz != shard.nnz:
            raise ArtifactError(
                f"{self.path / shard.file.name} holds {codes!r}, not the {shard.rows} rows and "
                f"{shard.nnz} active pairs that were written; restore it from a copy"
            )
        return codes
