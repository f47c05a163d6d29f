"""Work that is done in the background while the result before it is in use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, get_native_id
from typing import TypeVar

T = TypeVar("T")


def ahead(jobs: Iterable[Callable[[Event], T]]) -> Generator[T, None, None]:
    """Do jobs in one background thread, each while the result before it is in use.

    At most one result waits. An error of a job is raised where its result would have come. When the
    iterator is closed or fails, the thread is gone before control comes back.

    Parameters
    ----------
    jobs : iterable of callables
        Each is passed an event; once that is set, nobody waits for the result any more.

    Examples
    --------
    >>> from semascope.core import ahead
    >>> list(ahead(lambda stop, i=i: i * i for i in range(4)))
    [0, 1, 4, 9]
    """
    waiting = iter(jobs)
    first = next(waiting, None)
    if first is None:
        return
    stop = Event()
    with ThreadPoolExecutor(1, thread_name_prefix="semascope-ahead", initializer=_give_way) as pool:
        try:
            coming = pool.submit(first, stop)
            for job in waiting:
                done = coming.result()
                coming = pool.submit(job, stop)
                yield done
                del done
            yield coming.result()
        finally:
            stop.set()


def _give_way() -> None:
    """Run this thread after those that wait for nothing but a core, where the system can."""
    # On Linux a thread has a priority of its own; elsewhere this would be the whole process's.
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), 10)
