"""Commands in processes of their own, forked from one that has imported what they need.

A kill-and-resume test starts the command line dozens of times, and nearly all of that is imports.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_PRELOADED = [
    "semascope.cli.learn", "semascope.pipeline", "semascope.discover.sae", "sentence_transformers",
    "commands",
]  # fmt: skip


class Running:
    """A command under way, with the manners of `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess, errors: Path) -> None:
        self._process, self._errors = process, errors
        process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self._process.pid is not None and self.poll() is None:
            os.kill(self._process.pid, number)

    def finish(self, timeout: float) -> tuple[int, str]:
        """Wait for its end; return its exit code, negative if a signal ended it, and stderr."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            self.send_signal(signal.SIGKILL)
            raise TimeoutError(f"the command was not over after {timeout} s")
        errors = self._errors.read_text()
        self._errors.unlink()
        return code, errors


def start(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> Running:
    """Start `semascope` in a folder, on one thread."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    handle, errors = tempfile.mkstemp(suffix=".stderr")
    os.close(handle)
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        given = (arguments, str(folder), dict(environment), errors)
        return Running(context.Process(target=_run, args=given), Path(errors))
    finally:
        del os.environ["OMP_NUM_THREADS"]
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before


def _run(arguments: list[str], folder: str, environment: dict[str, str], errors: str) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    for stream, path in ((sys.stdout, os.devnull), (sys.stderr, errors)):
        opened = os.open(path, os.O_WRONLY)
        os.dup2(opened, stream.fileno())
        os.close(opened)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["semascope", *arguments]
    from semascope.cli import main

    main()
