"""Locks that keep two processes out of one folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semascope.core.errors import ArtifactError
from semascope.core.files import plain_os_errors


@contextmanager
def held(path: Path, taken: str) -> Iterator[None]:
    """Hold the lock file `path`, which the system lets go of if this process dies.

    Raises
    ------
    ArtifactError
        With the message `taken`, at once, if another process holds it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import held
    >>> with held(Path("lock"), "another process is at work"):
    ...     Path("lock").exists()
    True
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    with plain_os_errors(path):
        try:
            lock.acquire(timeout=0)
        except Timeout as err:
            raise ArtifactError(taken) from err
    try:
        yield
    finally:
        lock.release()
