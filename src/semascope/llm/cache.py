"""Answers on disk by the hash of what was asked, so that nothing is paid for twice."""

from __future__ import annotations

import json
import sqlite3
import threading
import warnings
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from semascope.core import ArtifactError, cache_folder, open_database

_LAYOUT = 1
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_TABLES = """
CREATE TABLE IF NOT EXISTS answers(
    key BLOB PRIMARY KEY, model TEXT NOT NULL, seconds REAL NOT NULL,
    sum INTEGER NOT NULL, answer TEXT NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Answer:
    """What a language model said.

    Parameters
    ----------
    text : str
        The reply.
    finish : str
        Why it ended: ``stop``, ``length``, ``content_filter``.
    refused : bool
        Whether the endpoint marked it as a refusal.
    tokens_in, tokens_out : int
        What was read and written.
    counted : bool
        Whether the endpoint counted the tokens; otherwise they are estimated.
    seconds : float
        How long it took.

    Examples
    --------
    >>> from semascope.llm import Answer
    >>> Answer("yes").finish
    'stop'
    """

    text: str
    finish: str = "stop"
    refused: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    counted: bool = True
    seconds: float = 0.0


class AnswerCache:
    """Answers in one SQLite file; safe to share between threads and processes.

    Unlike vectors, answers cost money: what cannot be kept is not asked for, so a file that cannot
    be written is an error. Rows carry a checksum, and a damaged answer is asked for again. Neither
    what was asked nor a key is written down, only answers.

    Parameters
    ----------
    folder : str or Path, optional
        Where the file lies; by default ``answers`` in the user's cache or ``$SEMASCOPE_CACHE``.

    Examples
    --------
    >>> from semascope.llm import Answer, AnswerCache
    >>> with AnswerCache("cache") as cache:
    ...     cache.put(b"a question's hash", "small", Answer("yes", tokens_in=20, tokens_out=1))
    >>> with AnswerCache("cache") as cache:
    ...     cache.get(b"a question's hash").text
    'yes'
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.path = Path(folder or cache_folder("answers")) / f"answers.{_LAYOUT}.sqlite"
        self._lock = threading.Lock()
        try:
            try:
                self._db = open_database(self.path, _TABLES, one_thread=False)
            except sqlite3.DatabaseError as err:
                if (getattr(err, "sqlite_errorcode", 0) or 0) & 0xFF not in _DAMAGED:
                    raise
                self._put_aside(err)
                self._db = open_database(self.path, _TABLES, one_thread=False)
        except (sqlite3.Error, OSError) as err:
            raise self._unusable(err) from err

    def get(self, key: bytes) -> Answer | None:
        """Return the answer that is kept, if there is one."""
        try:
            with self._lock:
                row = self._db.execute(
                    "SELECT sum, answer FROM answers WHERE key = ?", [key]
                ).fetchone()
        except sqlite3.Error as err:
            raise self._unusable(err) from err
        if row is None or zlib.crc32(str(row[1]).encode()) != row[0]:
            return None
        return Answer(**json.loads(row[1]))

    def put(self, key: bytes, model: str, answer: Answer) -> None:
        """Keep an answer; once this returns, a kill of the process does not lose it."""
        text = json.dumps(asdict(answer), sort_keys=True)
        row = [key, model, answer.seconds, zlib.crc32(text.encode()), text]
        try:
            with self._lock, self._db:
                self._db.execute("INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?)", row)
        except sqlite3.Error as err:
            raise self._unusable(err) from err

    def seconds(self, model: str) -> float | None:
        """Return the mean time of a model's answers, if it has given any."""
        with self._lock:
            row = self._db.execute(
                "SELECT avg(seconds) FROM answers WHERE model = ?", [model]
            ).fetchone()
        return None if row is None or row[0] is None else float(row[0])

    def __len__(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM answers").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _put_aside(self, err: Exception) -> None:
        aside = self.path.with_suffix(".damaged")
        self.path.replace(aside)
        for end in ("-wal", "-shm"):
            Path(f"{self.path}{end}").unlink(missing_ok=True)
        warnings.warn(
            f"the cache of answers {self.path} was damaged ({err}) and is begun anew; delete "
            f"{aside.name} when you do not need it",
            stacklevel=4,
        )

    def _unusable(self, err: Exception) -> ArtifactError:
        return ArtifactError(
            f"answers cannot be kept in {self.path} ({err}), and what is not kept would be paid "
            "for again; free or repair it, or set SEMASCOPE_CACHE to a folder that can be written"
        )


def as_cache(cache: Any) -> AnswerCache:
    """Return a cache as it is, or open the one in a folder.

    Examples
    --------
    >>> from semascope.llm.cache import as_cache
    >>> as_cache("cache").path.name
    'answers.1.sqlite'
    """
    return cache if isinstance(cache, AnswerCache) else AnswerCache(cache)
