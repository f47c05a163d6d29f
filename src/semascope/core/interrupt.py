"""Stopping long work where it may stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back until the work says that it can stop.

    Yields a function that tells whether the user asked to stop. A second Ctrl-C stops at once, and
    one that the work did not ask about any more interrupts when the work is done. Outside of the
    main thread, where Python delivers no signals, it always says no.

    Examples
    --------
    >>> from semascope.core import interruptible
    >>> with interruptible() as asked:
    ...     asked()
    False
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        # Somebody else decides what Ctrl-C means here.
        yield lambda: False
        return
    seen = told = False

    def asked() -> bool:
        nonlocal told
        told = seen
        return seen

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
    if seen and not told:
        raise KeyboardInterrupt
