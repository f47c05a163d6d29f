"""Vectors on disk by the hash of their text, so that no text is embedded twice."""

from __future__ import annotations

import hashlib
import sqlite3
import warnings
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from semascope.core import cache_folder as folder_of
from semascope.core import open_database

_LAYOUT = 1
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_TABLES = """
CREATE TABLE IF NOT EXISTS vectors(
    key BLOB PRIMARY KEY, tokens INTEGER NOT NULL, sum INTEGER NOT NULL, vector BLOB NOT NULL
) WITHOUT ROWID
"""

_T = TypeVar("_T")


def cache_folder() -> Path:
    """Return the folder of the vector cache: ``$SEMASCOPE_CACHE/vectors`` or the user's cache.

    Examples
    --------
    >>> from semascope.embed.cache import cache_folder
    >>> cache_folder().name
    'vectors'
    """
    return folder_of("vectors")


class VectorCache:
    """Vectors of one encoder, kept in one SQLite file; safe to share between processes.

    A cache can only ever save work. If its file is damaged it is put aside and begun anew, if the
    folder cannot be used nothing is kept; both are said in a warning, neither stops a run. Rows
    carry a checksum, so a damaged vector is embedded again instead of being returned.

    Parameters
    ----------
    fingerprint : str
        Of the encoder; names the file.
    folder : str or Path, optional
        Where the file lies; by default `cache_folder`.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.embed import VectorCache
    >>> with VectorCache("abc123", "cache") as cache:
    ...     cache.put(["a", "b"], np.eye(2, dtype=np.float32), [3, 4])
    >>> with VectorCache("abc123", "cache") as cache:
    ...     found, vectors, tokens = cache.get(["b", "c"])
    >>> found, vectors, tokens
    (array([0]), array([[0., 1.]], dtype=float32), array([4]))
    """

    def __init__(self, fingerprint: str, folder: str | Path | None = None) -> None:
        self.path = Path(folder or cache_folder()) / f"{fingerprint}.{_LAYOUT}.sqlite"
        self._db: sqlite3.Connection | None = None
        self._guarded(self._open, None)

    def get(
        self, texts: Sequence[str], dimensions: int | None = None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Look texts up.

        Parameters
        ----------
        texts : sequence of str, length n
            What to look for.
        dimensions : int, optional
            Length that vectors must have; by default that of the first one found.

        Returns
        -------
        found : ndarray of int64, shape (f,)
            Indices of the texts that are there, ascending.
        vectors : ndarray of float32, shape (f, d)
            Their vectors; ``(0, d)`` if there are none.
        tokens : ndarray of int64, shape (f,)
            Their token counts.
        """
        nothing: dict[bytes, tuple[Any, ...]] = {}
        rows = self._guarded(lambda: self._select(texts), nothing)
        found, blobs, tokens = [], [], []
        size = None if dimensions is None else 4 * dimensions
        for i, text in enumerate(texts):
            row = rows.get(_key(text))
            if row is None or not _is_whole(row, size):
                continue
            size = len(row[2])
            found.append(i)
            tokens.append(row[0])
            blobs.append(row[2])
        flat = np.frombuffer(b"".join(blobs), dtype="<f4").astype(np.float32, copy=False)
        vectors = flat.reshape(len(found), (size or 0) // 4)
        return np.array(found, dtype=np.int64), vectors, np.array(tokens, dtype=np.int64)

    def put(
        self, texts: Sequence[str], vectors: npt.NDArray[np.float32], tokens: Sequence[int]
    ) -> None:
        """Keep the vectors of some texts; once this returns, a kill of the process loses nothing.

        Parameters
        ----------
        texts : sequence of str, length n
            The texts.
        vectors : ndarray of float32, shape (n, d)
            Their vectors.
        tokens : sequence of int, length n
            Their token counts.
        """
        rows = []
        for text, vector, count in zip(texts, vectors, tokens, strict=True):
            blob = vector.astype("<f4").tobytes()
            rows.append((_key(text), int(count), _checksum(int(count), blob), blob))
        self._guarded(lambda: self._insert(rows), None)

    def __len__(self) -> int:
        count = self._guarded(lambda: self._query("SELECT count(*) FROM vectors", ()), [(0,)])
        return int(count[0][0]) if count else 0

    def close(self) -> None:
        """Close the file; look-ups find nothing from then on."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def __enter__(self) -> VectorCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> None:
        self._db = open_database(self.path, _TABLES)

    def _query(self, statement: str, values: Sequence[bytes]) -> list[tuple[Any, ...]]:
        if self._db is None:
            return []
        with closing(self._db.execute(statement, values)) as cursor:
            return cursor.fetchall()

    def _select(self, texts: Sequence[str]) -> dict[bytes, tuple[Any, ...]]:
        query = "SELECT tokens, sum, vector FROM vectors WHERE key = ?"
        rows: dict[bytes, tuple[Any, ...]] = {}
        for key in map(_key, texts):
            for row in self._query(query, [key]):
                rows[key] = row
        return rows

    def _insert(self, rows: list[tuple[bytes, int, int, bytes]]) -> None:
        if self._db is not None:
            with self._db:
                self._db.executemany("INSERT OR REPLACE INTO vectors VALUES (?,?,?,?)", rows)

    def _guarded(self, action: Callable[[], _T], otherwise: _T) -> _T:
        try:
            return action()
        except (sqlite3.Error, OSError) as err:
            self.close()
            code = getattr(err, "sqlite_errorcode", None) or 0
            if code & 0xFF in _DAMAGED and self._put_aside(err):
                return otherwise
            warnings.warn(
                f"vectors are not cached: {self.path} cannot be used ({err}); free or repair it, "
                "set SEMASCOPE_CACHE to a folder that can be written, or pass cache=False",
                stacklevel=4,
            )
            return otherwise

    def _put_aside(self, err: Exception) -> bool:
        aside = self.path.with_suffix(".damaged")
        try:
            self.path.replace(aside)
            for end in ("-wal", "-shm"):
                Path(f"{self.path}{end}").unlink(missing_ok=True)
            self._open()
        except (sqlite3.Error, OSError):
            self.close()
            return False
        warnings.warn(
            f"the vector cache {self.path} was damaged ({err}) and is begun anew; its texts are "
            f"embedded again. Delete {aside.name} when you do not need it",
            stacklevel=5,
        )
        return True


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _checksum(tokens: int, blob: bytes) -> int:
    return zlib.crc32(blob, tokens & 0xFFFFFFFF)


def _is_whole(row: tuple[Any, ...], size: int | None) -> bool:
    tokens, checksum, blob = row
    if not isinstance(blob, bytes) or not blob or len(blob) % 4 or size not in (None, len(blob)):
        return False
    return isinstance(tokens, int) and checksum == _checksum(tokens, blob)
