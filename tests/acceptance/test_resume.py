"""A run that is killed anywhere and resumed leaves the same bytes as one that never stopped."""

from __future__ import annotations

import hashlib
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import commands
import polars as pl
import pytest
from commands import Running

pytestmark = pytest.mark.slow

TEMPLATES = {
    "card": ("my card was lost near the {}", "please block the card stolen at the {}"),
    "fees": ("why is there a fee for the {}", "the exchange fee at the {} is too high"),
    "food": ("the soup at the {} was warm and tasty", "the {} serves stale bread"),
    "train": ("the train to the {} was late again", "my seat on the train to the {} was taken"),
}
PLACES = ("station", "market", "museum", "harbour", "airport", "library", "hotel", "bank")

OUT = "texts.lexicon"
DEADLINE = 240.0

Condition = Callable[[Path], bool]


def texts(count: int = 400) -> pl.DataFrame:
    choose = random.Random(5)
    rows = []
    for number in range(count):
        topic = choose.choice(sorted(TEMPLATES))
        text = choose.choice(TEMPLATES[topic]).format(choose.choice(PLACES))
        # Lengths differ, so that there are several batches of several widths.
        extra = " and nobody could say why" * choose.randrange(6)
        rows.append({"text": f"{text} on day {number}{extra}", "topic": topic})
    return pl.DataFrame(rows)


def start(folder: Path, *options: str) -> Running:
    arguments = (
        "learn texts.csv --text text --quiet --components 24 --active 2 --max-rows 40000 --seed 7 "
        f"--checkpoint-every 0.02 --out {OUT}"
    )
    cache = {"SEMASCOPE_CACHE": str(folder / "cache")}
    return commands.start([*arguments.split(), *options], folder, cache)


def finish(running: Running) -> tuple[int, str]:
    return running.finish(DEADLINE)


def stop(running: Running, folder: Path, when: Condition, polls: int, with_: int) -> bool:
    """Send a signal a number of polls after a condition first holds; False if it was too late."""
    deadline = time.monotonic() + DEADLINE
    while not when(folder):
        if running.poll() is not None:
            return False
        assert time.monotonic() < deadline, "the stage was never reached"
    for _ in range(polls):
        when(folder)
    running.send_signal(with_)
    return True


def has(name: str) -> Condition:
    return lambda folder: (folder / f"{OUT}.run" / name).exists()


def cached(folder: Path) -> bool:
    """Tell whether the vectors of some texts are in the cache."""
    # The write-ahead log, which grows with every batch and goes when the cache is closed.
    for path in (folder / "cache").rglob("*.sqlite-wal"):
        with suppress(FileNotFoundError):
            return path.stat().st_size > 100_000
    return False


def checkpoint_changed() -> Condition:
    """Tell whether training has gone on since its first checkpoint."""
    seen: list[int] = []

    def changed(folder: Path) -> bool:
        path = folder / f"{OUT}.run" / "checkpoint.safetensors"
        if path.exists():
            seen.append(path.stat().st_mtime_ns)
        return len(set(seen)) > 5

    return changed


def saving(folder: Path) -> bool:
    """Tell whether the lexicon is being written beside its place."""
    return any(path.is_dir() for path in folder.glob(f".{OUT}.*"))


def hashes(folder: Path) -> dict[str, str]:
    files = (folder / OUT).rglob("*")
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


def nothing_left(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["cache", "texts.csv", OUT]


STAGES: dict[str, tuple[Callable[[], Condition], int]] = {
    "claim": (lambda: has("run.json"), 200),
    "embed": (lambda: cached, 300),
    "train, no checkpoint yet": (lambda: has("vectors.npy"), 50),
    "train": (checkpoint_changed, 3000),
    "encode": (lambda: has("training.json"), 20),
    "name": (lambda: has("codes.safetensors"), 3000),
    "families": (lambda: has("concepts.parquet"), 300),
    "measure": (lambda: has("families.parquet"), 3000),
    "write": (lambda: has("metrics.json"), 200),
    "write, half a folder": (lambda: saving, 20),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.csv"
    texts().write_csv(path)
    return path


@pytest.fixture(scope="module")
def uninterrupted(table: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    shutil.copy(table, folder)
    assert finish(start(folder)) == (0, "")
    nothing_left(folder)
    found = hashes(folder)
    assert len(found) >= 9
    return found


@pytest.fixture
def folder(table: Path, tmp_path: Path) -> Path:
    shutil.copy(table, tmp_path)
    return tmp_path


def killed_in(folder: Path, stage: str, polls: int, *options: str) -> bool:
    """Run until a stage is killed; False if the run was over before the signal came."""
    make, _ = STAGES[stage]
    running = start(folder, *options)
    sent = stop(running, folder, make(), polls, signal.SIGKILL)
    code, errors = finish(running)
    if sent and code == -signal.SIGKILL:
        return True
    assert (code, errors) == (0, "")
    return False


def test_killed_in_every_stage_and_resumed_gives_the_same_bytes(
    folder: Path, uninterrupted: dict[str, str]
) -> None:
    choose = random.Random(0)
    killed: list[str] = []
    for stage, (_, most) in STAGES.items():
        options = ("--resume",) if killed else ()
        if not killed_in(folder, stage, choose.randrange(most), *options):
            break
        killed.append(stage)
        if (folder / OUT).exists():
            # It came to stand just before the signal; then it is whole.
            assert hashes(folder) == uninterrupted
    assert {"claim", "embed", "train", "name"} <= set(killed), "runs are too quick for the polls"
    assert finish(start(folder, "--resume")) == (0, "")
    assert hashes(folder) == uninterrupted
    nothing_left(folder)


def test_ctrl_c_says_how_to_go_on(folder: Path, uninterrupted: dict[str, str]) -> None:
    for stage, options in (("embed", ()), ("train", ("--resume",))):
        running = start(folder, *options)
        assert stop(running, folder, STAGES[stage][0](), 20, signal.SIGINT)
        code, errors = finish(running)
        assert code == 130
        assert "--resume" in errors
        assert len(errors.splitlines()) == 1
        assert not (folder / OUT).exists()
        assert (folder / f"{OUT}.run").is_dir()
    assert finish(start(folder, "--resume")) == (0, "")
    assert hashes(folder) == uninterrupted
    nothing_left(folder)


def test_killed_after_the_lexicon_stood(folder: Path, uninterrupted: dict[str, str]) -> None:
    """The last moment there is: the lexicon is in place, its run's folder not yet removed."""
    assert killed_in(folder, "write", 0)
    kept = folder / f"{OUT}.run"
    copy = folder / "copy"
    shutil.copytree(kept, copy)
    assert finish(start(folder, "--resume")) == (0, "")
    copy.rename(kept)
    assert finish(start(folder, "--resume")) == (0, "")
    assert hashes(folder) == uninterrupted
    nothing_left(folder)


def test_a_run_folder_half_removed_is_not_gone_on_from(
    folder: Path, uninterrupted: dict[str, str]
) -> None:
    """Without run.json nobody knows whose vectors these are."""
    assert killed_in(folder, "measure", 0)
    kept = folder / f"{OUT}.run"
    (kept / "run.json").unlink()
    (kept / "vectors.npy").write_bytes(b"vectors of another run")
    assert finish(start(folder, "--resume")) == (0, "")
    assert hashes(folder) == uninterrupted
    nothing_left(folder)
