"""Encoding of millions of rows into a folder of shards, which can be gone on with."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import numpy as np

from semascope.core import ArtifactError, Codes, CodeStore, ShardFile, ahead, write_codes
from semascope.core import progress as shown
from semascope.core.code_shards import (
    CodeShard,
    CodeState,
    claimed,
    shard_name,
    with_shard,
    write_state,
)
from semascope.discover.coder import Refine, check_refine
from semascope.discover.dictionary import SHARD_ROWS, Dictionary
from semascope.discover.lookup import Search, check_search
from semascope.discover.recipe import whole
from semascope.vectors import Float32Array, VectorSource


class RowsToEncode(Protocol):
    """Rows whose vectors are read, or made, piece by piece."""

    def __len__(self) -> int:
        """Rows."""

    def read(self, start: int, stop: int) -> Any:
        """Return what rows `start` to `stop` are made from; called in a background thread."""

    def checksum(self, content: Any, before: int) -> int:
        """Continue a CRC-32 with what `read` returned."""

    def vectors(self, content: Any) -> Float32Array:
        """Return the vectors (b, d) of what `read` returned."""


@dataclass(frozen=True)
class VectorRows:
    """The rows of a source of vectors.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover.encode import VectorRows
    >>> from semascope.vectors import as_source
    >>> len(VectorRows(as_source(np.ones((3, 2)))))
    3
    """

    source: VectorSource

    def __len__(self) -> int:
        """Rows."""
        return self.source.shape[0]

    def read(self, start: int, stop: int) -> Float32Array:
        """Return the vectors."""
        return self.source.rows(start, stop)

    def checksum(self, content: Float32Array, before: int) -> int:
        """Continue a CRC-32 with vectors."""
        # Four times as fast as a cryptographic hash; it is to find accidents, nobody's intent.
        return zlib.crc32(np.ascontiguousarray(content).data, before)

    def vectors(self, content: Float32Array) -> Float32Array:
        """Return the vectors as they are."""
        return content


@dataclass
class _Part:
    """Rows `start` to `stop`, read one block ahead, and the checksum of those read so far."""

    rows: RowsToEncode
    start: int
    stop: int
    size: int
    crc32: int = field(default=0)

    def __iter__(self) -> Iterator[Any]:
        jobs = (self._job(start) for start in range(self.start, self.stop, self.size))
        with closing(ahead(jobs)) as coming:
            yield from coming

    def _job(self, start: int) -> Callable[[Event], Any]:
        def read(stop: Event) -> Any:
            content = self.rows.read(start, min(self.stop, start + self.size))
            self.crc32 = self.rows.checksum(content, self.crc32)
            return content

        return read


def encode_rows(
    dictionary: Dictionary,
    path: Path,
    rows: RowsToEncode,
    *,
    refine: Refine | None = None,
    search: Search = "auto",
    device: str = "cpu",
    shard_rows: int = SHARD_ROWS,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = False,
    made_from: dict[str, Any] | None = None,
    change: Callable[[Codes, Float32Array], Codes] = lambda codes, vectors: codes,
    n_components: int | None = None,
) -> CodeStore:
    """Write the codes of rows into a folder; see `Dictionary.encode_to`.

    Parameters
    ----------
    rows : RowsToEncode
        The rows.
    made_from : dict, optional
        What else decides the codes, as JSON data: compared when the work is gone on with.
    change : callable
        Applied to the codes and the vectors of each block.
    n_components : int, optional
        Latents of the codes that `change` returns, if it adds some.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from semascope.discover import Dictionary
    >>> from semascope.discover.encode import VectorRows, encode_rows
    >>> from semascope.vectors import as_source
    >>> eye, zero = np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    >>> dictionary = Dictionary(eye, zero, eye, zero, n_active=1)
    >>> encode_rows(dictionary, Path("a.codes"), VectorRows(as_source(np.ones((3, 2))))).nnz
    3
    """
    from semascope.kernels import default_rounds, native

    n, size = len(rows), whole("shard_rows", shard_rows)
    how = check_refine(refine or dictionary.refine, ragged=dictionary.n_active is None)
    index = check_search(search, dictionary.index, how)
    coder = dictionary.coder(how, search=search, device=device)
    facts = {
        "dictionary": dictionary.fingerprint,
        "refine": how,
        "search": "exact" if index is None else "clustered",
        "kernels": native.chosen(),
        **({"pursuit": list(default_rounds(dictionary.n_active or 1))} if how == "pursuit" else {}),
        "shard_rows": size,
        **({} if device == "cpu" else {"device": device}),
        **(made_from or {}),
    }
    m = dictionary.n_components if n_components is None else n_components
    plan = CodeState((n, m), facts)
    with claimed(path, plan, resume=resume, overwrite=overwrite) as (folder, state):
        _require_same_rows(path, state, rows, coder.rows, progress)
        left = n - state.rows
        with shown("encode", left, "rows", show=progress and left > 0) as bar:

            def codes(part: _Part) -> Iterator[Codes]:
                for content in part:
                    vectors = rows.vectors(content)
                    some = change(coder(vectors), vectors)
                    yield some
                    bar.advance(len(some))

            for start in range(state.rows, n, size):
                part = _Part(rows, start, min(n, start + size), coder.rows)
                file = folder / shard_name(len(state.shards))
                written = write_codes(file, codes(part), m)
                shard = CodeShard(len(written), written.nnz, part.crc32, ShardFile.of(file))
                state = with_shard(state, shard)
                write_state(folder, state)
    return CodeStore(path)


def _require_same_rows(
    path: Path, state: CodeState, rows: RowsToEncode, size: int, progress: bool
) -> None:
    """Raise `ArtifactError` if finished shards were made from other rows."""
    if not state.shards:
        return
    start = 0
    with shown("compare", state.rows, "rows", show=progress) as bar:
        for shard in state.shards:
            part = _Part(rows, start, start + shard.rows, size)
            for _ in part:
                pass
            if part.crc32 != shard.source_crc32:
                raise ArtifactError(
                    f"rows {start} to {part.stop - 1} are not those that the codes in {path} were "
                    "made from; pass the same rows, or start again with --overwrite"
                )
            start = part.stop
            bar.advance(shard.rows)
