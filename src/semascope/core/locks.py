"""Locks that keep two processes out of one folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semascope.core.errors import ArtifactError
from semascope.core.files import plain_os_errors


@contextmanager
def held(path: Path, taken: str, *, wait: float = 0) -> Iterator[None]:
    """Hold the lock file `path`, which the system lets go of if this process dies.

    Parameters
    ----------
    path : Path
        The lock file.
    taken : str
        What to say if another process holds it.
    wait : float, default 0
        Seconds to wait for the other process.

    Raises
    ------
    ArtifactError
        With the message `taken` if another process holds it for longer than that.

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
            lock.acquire(timeout=wait, poll_interval=0.02)
        except Timeout as err:
            raise ArtifactError(taken) from err
    try:
        yield
    finally:
        lock.release()
