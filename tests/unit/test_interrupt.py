"""Ctrl-C is heard by the work that asks, and by the caller if the work asked no more."""

from __future__ import annotations

import signal
import threading

import pytest

from semascope.core import interruptible


def test_work_that_asks_is_told_and_decides() -> None:
    with interruptible() as asked:
        assert not asked()
        signal.raise_signal(signal.SIGINT)
        assert asked()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_nobody_asked_about_comes_when_the_work_is_done() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interruptible() as asked:
        asked()
        signal.raise_signal(signal.SIGINT)
        done.append("last piece of work")
    assert done


def test_a_second_interrupt_stops_at_once() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("work")
    assert not done


def test_other_threads_are_never_told() -> None:
    heard = []

    def work() -> None:
        with interruptible() as asked:
            heard.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [False]
