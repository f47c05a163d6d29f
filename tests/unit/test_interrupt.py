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


def interrupted(times: int, done: list[str]) -> None:
    with interruptible() as asked:
        asked()
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        done.append("last piece of work")


@pytest.mark.parametrize(("times", "finished"), [(1, True), (2, False)])
def test_an_interrupt_nobody_asked_about_comes_after_the_work_and_a_second_at_once(
    times: int, finished: bool
) -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(times, done)
    assert bool(done) == finished


def test_other_threads_are_never_told() -> None:
    heard = []

    def work() -> None:
        with interruptible() as asked:
            heard.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [False]
