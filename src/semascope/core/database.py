"""Small local databases that several processes may use at once."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def open_database(path: Path, tables: str, *, one_thread: bool = True) -> sqlite3.Connection:
    """Open an SQLite file, made with its folder and tables if it is not there.

    Parameters
    ----------
    path : Path
        The file.
    tables : str
        A statement that makes the table, if it does not exist.
    one_thread : bool, default True
        Whether only the thread that opened it may use it.

    Raises
    ------
    sqlite3.Error, OSError
        If the file is damaged or cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import open_database
    >>> db = open_database(Path("a.sqlite"), "CREATE TABLE IF NOT EXISTS t (x)")
    >>> db.execute("SELECT count(*) FROM t").fetchone()
    (0,)
    >>> db.close()
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=30.0, check_same_thread=one_thread)
    try:
        # With a write-ahead log readers never wait for a writer, and NORMAL is safe against kills.
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        with db:
            db.execute(tables)
    except sqlite3.Error:
        db.close()
        raise
    return db
