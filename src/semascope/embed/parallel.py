"""Batches side by side, one thread each: no sum depends on how many threads there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


@contextmanager
def one_thread() -> Iterator[int]:
    """Let torch use one thread inside the block; gives the number that it used before.

    A matrix product that is shared out over threads sums, on some processors, in an order that
    depends on the number of its rows: float32 vectors of one text then differ by 2e-7 from batch to
    batch.

    Examples
    --------
    >>> import torch
    >>> from semascope.embed.parallel import one_thread
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield before
    finally:
        torch.set_num_threads(before)


def side_by_side(function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
    """Run a function of torch on each job, as many at once as torch has threads.

    Parameters
    ----------
    function : callable
        Runs on one thread of torch; several calls run at once.
    jobs : iterable
        Read as the work goes on, some jobs ahead.

    Yields
    ------
    result
        In the order of the jobs. Jobs that were not begun are dropped when the consumer stops.

    Examples
    --------
    >>> from semascope.embed.parallel import side_by_side
    >>> list(side_by_side(lambda n: n * n, [2, 3]))
    [4, 9]
    """
    import torch

    with one_thread() as threads:
        if threads == 1:
            yield from map(function, jobs)
            return
        pool = ThreadPoolExecutor(threads, "embed", torch.set_num_threads, (1,))
        waiting: deque[Future[Result]] = deque()
        try:
            for job in jobs:
                waiting.append(pool.submit(function, job))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
