"""An encoding that is killed and gone on with leaves the same bytes as one that never stopped."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from pathlib import Path

import commands
import numpy as np
import pytest
from commands import Running

import semascope as sc
from semascope.core import CodeStore

pytestmark = pytest.mark.slow

ROWS, DIMENSIONS, SHARDS = 300_000, 32, 3
OUT = "big.codes"
DEADLINE = 120.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lexicon, and more vectors than one shard holds."""
    folder = tmp_path_factory.mktemp("made")
    draw = np.random.default_rng(0)
    x = draw.standard_normal((ROWS, DIMENSIONS), dtype=np.float32)
    np.save(folder / "big.npy", x)
    sc.learn(
        vectors=x[:2000], components=256, active=8, max_rows=4000, refine="refit",
        baseline=False, progress=False, out=folder / "a.lexicon",
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def uninterrupted(made: Path) -> dict[str, bytes]:
    running = start(made)
    code, errors = finish(running)
    assert code == 0, errors
    found = tree(made / OUT)
    assert sorted(found) == [*(f"codes-0000{i}.safetensors" for i in range(SHARDS)), "codes.json"]
    return found


def start(folder: Path, *options: str) -> Running:
    arguments = f"encode a.lexicon --vectors big.npy --out {OUT} --quiet"
    return commands.start([*arguments.split(), *options], folder, {})


def finish(running: Running) -> tuple[int, str]:
    return running.finish(DEADLINE)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def finished_shards(folder: Path) -> int:
    path = folder / OUT / "codes.json"
    return len(json.loads(path.read_text())["shards"]) if path.exists() else 0


def stop_after(running: Running, folder: Path, shards: int, polls: int, with_: int) -> None:
    """Send a signal a number of polls after so many shards are finished."""
    deadline = time.monotonic() + DEADLINE
    while finished_shards(folder) < shards:
        assert running.poll() is None, finish(running)
        assert time.monotonic() < deadline, "the shard was never finished"
    for _ in range(polls):
        finished_shards(folder)
    assert running.poll() is None, "it was over before the signal came"
    running.send_signal(with_)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "a.lexicon", tmp_path / "a.lexicon")
    (tmp_path / "big.npy").hardlink_to(made / "big.npy")
    return tmp_path


@pytest.mark.parametrize("shards", [0, 1])
def test_kill_and_resume_gives_the_same_bytes(
    shards: int, folder: Path, uninterrupted: dict[str, bytes]
) -> None:
    running = start(folder)
    if shards == 0:
        while not (folder / OUT).exists():
            assert running.poll() is None
    stop_after(running, folder, shards, random.Random(shards).randrange(300), signal.SIGKILL)
    assert finish(running)[0] == -signal.SIGKILL
    assert finished_shards(folder) in (shards, shards + 1)
    # Killed again on the way, if there is enough left to do.
    if shards == 0:
        running = start(folder, "--resume")
        stop_after(running, folder, 1, 20, signal.SIGKILL)
        assert finish(running)[0] == -signal.SIGKILL
    times = {path.name: path.stat().st_mtime_ns for path in (folder / OUT).glob("codes-*")}
    done = finished_shards(folder)
    assert finish(start(folder, "--resume")) == (0, "")
    assert tree(folder / OUT) == uninterrupted
    for name in sorted(times)[:done]:
        assert (folder / OUT / name).stat().st_mtime_ns == times[name], "it was written again"


def test_ctrl_c_says_how_to_go_on(folder: Path, uninterrupted: dict[str, bytes]) -> None:
    running = start(folder)
    stop_after(running, folder, 1, 50, signal.SIGINT)
    code, errors = finish(running)
    assert code == 130
    assert errors == "interrupted; go on with the same command and --resume\n"
    left = sorted(path.name for path in (folder / OUT).iterdir() if path.name != ".lock")
    shards = [f"codes-0000{i}.safetensors" for i in range(finished_shards(folder))]
    assert left == [*shards, "codes.json"]
    code, errors = finish(start(folder))
    assert code == 2
    assert "go on with --resume, or start again with --overwrite" in errors
    # Two processes do not go on at once.
    running = start(folder, "--resume")
    stop_after(running, folder, 2, 0, signal.SIGSTOP)
    code, errors = finish(start(folder, "--resume"))
    running.send_signal(signal.SIGCONT)
    assert code == 2
    assert "another process is writing" in errors
    assert finish(running) == (0, "")
    assert tree(folder / OUT) == uninterrupted


def test_codes_are_those_of_the_lexicon(made: Path, uninterrupted: dict[str, bytes]) -> None:
    store, lexicon = CodeStore(made / OUT, verify=True), sc.load(made / "a.lexicon")
    assert len(uninterrupted) == SHARDS + 1
    x = np.load(made / "big.npy", mmap_mode="r")
    for rows in (slice(0, 300), slice(131_000, 131_200), slice(ROWS - 100, ROWS)):
        wanted = lexicon.encode(np.array(x[rows])).to_scipy().toarray()
        assert np.array_equal(store[rows].to_scipy().toarray(), wanted)
