"""What cannot be used is refused in one clear line, with exit code 2 and nothing left behind."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import semascope as sc
from semascope.cli import main

COMMAND = str(Path(sys.executable).with_name("semascope"))
TOPICS = ("late train", "warm tea", "red car", "small dog")
SMALL = ("--components", "8", "--active", "2", "--max-rows", "2000", "--quiet")
ROWS, DIMENSIONS = 160, 6


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line in this process, the way the installed script does."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["semascope", *map(str, arguments)])
        monkeypatch.setenv("SEMASCOPE_DEBUG", "")
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        return Result(int(stop.value.code or 0), out, err)

    return run


def tree(folder: Path = Path()) -> dict[str, str]:
    """Every path below a folder, hidden ones too, with a hash of its content."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in folder.rglob("*")
    }


def one_line(result: Result, *words: str) -> None:
    assert result.code == 2, result
    lines = result.err.splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("error: ")
    assert "Traceback" not in result.out + result.err
    for word in words:
        assert word in lines[0]


def refused(cli: Cli, arguments: tuple[object, ...], *words: str) -> None:
    """Check exit code and message, and that no file has come, gone or changed."""
    before = tree()
    one_line(cli(*arguments), *words)
    assert tree() == before


def vectors(rows: int = ROWS) -> np.ndarray:
    random = np.random.default_rng(3)
    centres = np.linalg.qr(random.standard_normal((DIMENSIONS, DIMENSIONS)))[0][: len(TOPICS)]
    found = centres[np.arange(rows) % len(TOPICS)] * random.uniform(0.8, 1.5, (rows, 1))
    found += 0.05 * random.standard_normal(found.shape)
    return found.astype(np.float32)


def items(rows: int = ROWS) -> pl.DataFrame:
    texts = [f"the {TOPICS[i % len(TOPICS)]} has number {i}" for i in range(rows)]
    return pl.DataFrame({"key": [f"k{i}" for i in range(rows)], "text": texts})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "a.lexicon"
    sc.learn(
        items(), text="text", id="key", vectors=vectors(), out=path, components=8, active=2,
        max_rows=2000, progress=False,
    )  # fmt: skip
    return path


@pytest.fixture
def lexicon(made: Path) -> Path:
    return Path(shutil.copytree(made, "a.lexicon"))


@pytest.fixture
def x() -> Path:
    np.save("x.npy", vectors())
    return Path("x.npy")


def learn(file: Path | str, *options: object) -> tuple[object, ...]:
    return ("learn", "--vectors", file, *SMALL, *options)


# Tables ------------------------------------------------------------------------------------------


def test_missing_file(cli: Cli) -> None:
    items(3).write_csv("reviews.csv")
    refused(cli, ("learn", "revews.csv", "--text", "text"), "revews.csv", "'reviews.csv'")
    refused(cli, ("learn", "nowhere/reviews.csv"), "nowhere/reviews.csv")
    refused(cli, ("learn", "--vectors", "x.npy"), "x.npy")


def test_missing_column(cli: Cli) -> None:
    items().write_csv("reviews.csv")
    refused(cli, ("learn", "reviews.csv", "--text", "texte"), "'texte'", "did you mean 'text'")
    refused(cli, ("learn", "reviews.csv", "--text", "text", "--id", "keys"), "'keys'", "'key'")


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"", (), ["empty"]),
        (b"\n \n", (), ["empty"]),
        (b"text,stars\n", (), ["no rows", "text, stars"]),
        (b"text~stars\na good soup~5\na cold soup~1\n", ("--text", "text"), ["'text'"]),
        (b"text,stars\ngood soup,5\ncold, salty soup,1\n", (), ["line 3", "3 cells", "2"]),
        (b"text,stars\ncr\xc3\xa8me,5\nbr\xfbl\xe9e,1\n", (), ["line 3", "UTF-8"]),
        (b"text,stars\n,5\n  ,1\n", ("--text", "text"), ["'text'", "all 2"]),
        (b"stars,price\n5,1\n4,2\n", (), ["no column of text"]),
        (b"id,text\na,good soup\nb,bad soup\na,warm soup\n", ("--id", "id"), ["'a'", "0 and 2"]),
        (b"id,text\na,good soup\n,bad soup\n", ("--id", "id"), ["id is empty", "row 1"]),
        (b"text\n" + b"the same words\n" * 200, (), ["all 200 texts are equal"]),
        (b"text\nonly one\n", (), ["1 rows", "too few"]),
    ],
    ids=[
        "empty", "blank", "header only", "wrong delimiter", "uneven", "mixed encodings",
        "no texts", "no column of text", "duplicate ids", "empty id", "equal texts", "one row",
    ],
)  # fmt: skip
def test_bad_table(cli: Cli, content: bytes, options: tuple[str, ...], words: list[str]) -> None:
    Path("t.csv").write_bytes(content)
    named = () if "too few" in words or "200" in words[0] else ("t.csv",)
    refused(cli, ("learn", "t.csv", *options, "--quiet"), *named, *words)


def test_unknown_format_and_empty_folder(cli: Cli) -> None:
    Path("t.docx").write_bytes(b"some bytes")
    Path("folder").mkdir()
    refused(cli, ("learn", "t.docx"), "t.docx", "'.docx'", ".csv")
    refused(cli, ("learn", "folder"), "folder", ".txt")


def test_rows_without_text_are_left_out_and_counted(cli: Cli) -> None:
    frame = items(90).with_columns(
        text=pl.when(pl.int_range(pl.len()) % 30 == 4).then(None).otherwise("text")
    )
    frame.write_csv("t.csv")
    result = cli("learn", "t.csv", "--text", "text", *SMALL[:-1], "--no-baseline")
    assert result.code == 0, result.err
    assert "left out: 3 no text" in result.out
    lex = sc.load("t.lexicon")
    assert lex.info["skipped"] == {"no text": 3}
    assert len(lex.items) == 87


# Vectors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "said"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_values_that_are_not_finite_are_named(cli: Cli, value: float, said: str) -> None:
    bad = vectors()
    bad[37, 4] = value
    np.save("x.npy", bad)
    refused(cli, learn("x.npy"), "row 37, column 4", f"({said})")


def test_counts_that_differ(cli: Cli, x: Path) -> None:
    items(ROWS - 1).write_parquet("t.parquet")
    refused(cli, learn(x, "--items", "t.parquet"), f"{ROWS} vectors", f"{ROWS - 1} items")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones(12), ["two dimensions", "(12,)"]),
        (np.ones((2, 3, 4)), ["two dimensions", "(2, 3, 4)"]),
        (np.zeros((0, 4)), ["empty", "(0, 4)"]),
        (np.array([["a", "b"], ["c", "d"]]), ["numbers", "<U1"]),
        (np.ones((50, 4), dtype=np.float32), ["all 50 vectors are equal"]),
        (np.eye(1, 4), ["1 rows", "too few"]),
        (np.eye(5), ["8 atoms", "rows"]),
    ],
    ids=["1-d", "3-d", "no rows", "str", "equal", "one row", "fewer rows than atoms"],
)
def test_bad_vectors(cli: Cli, array: np.ndarray, words: list[str]) -> None:
    np.save("x.npy", array)
    refused(cli, learn("x.npy"), *words)


def test_objects_and_damaged_files(cli: Cli) -> None:
    np.save("objects.npy", np.array([[1, None]], dtype=object), allow_pickle=True)
    refused(cli, learn("objects.npy"), "objects.npy")
    np.save("short.npy", vectors())
    content = Path("short.npy").read_bytes()
    Path("short.npy").write_bytes(content[: len(content) // 2])
    refused(cli, learn("short.npy"), "short.npy")
    Path("text.npy").write_text("no array")
    refused(cli, learn("text.npy"), "text.npy")
    np.savez("two.npz", a=vectors(), b=vectors())
    refused(cli, learn("two.npz"), "two.npz", "a, b")


def test_zero_vectors_are_counted(cli: Cli) -> None:
    some = vectors()
    some[[3, 50, 51]] = 0
    np.save("x.npy", some)
    result = cli(*(a for a in learn("x.npy") if a != "--quiet"))
    assert result.code == 0, result.err
    assert "3 vectors are all zeros" in result.out
    lex = sc.load("x.lexicon")
    assert lex.info["zero_vectors"] == 3
    assert len(lex.codes) == ROWS


def test_constant_columns_do_no_harm(cli: Cli) -> None:
    some = np.concatenate([vectors(), np.full((ROWS, 1), 4.0), np.zeros((ROWS, 1))], axis=1)
    np.save("x.npy", some)
    assert cli(*learn("x.npy")).code == 0
    assert sc.load("x.lexicon").info["metrics"]["fvu"]["value"] < 1


# Options -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--seed", "-1"), ["seed", "-1"]),
        (("--seed", "abc"), ["--seed"]),
        (("--components", "0"), ["components", "0"]),
        (("--components", "100"), ["100 atoms", "rows"]),
        (("--components", "8", "--active", "9"), ["active", "(8)", "9"]),
        (("--max-rows", "0"), ["max_rows", "0"]),
        (("--split", "sentense"), ["split", "'sentense'", "did you mean 'sentence'"]),
        (("--refine", "refitt"), ["refine", "'refitt'", "did you mean 'refit'"]),
        (("--componnts", "8"), ["--componnts", "--components"]),
        (("--previous", "no.lexicon"), ["no.lexicon"]),
    ],
)  # fmt: skip
def test_bad_options(cli: Cli, x: Path, options: tuple[str, ...], words: list[str]) -> None:
    refused(cli, ("learn", "--vectors", x, *options), *words)


def test_nothing_or_twice_given(cli: Cli, x: Path) -> None:
    refused(cli, ("learn",), "nothing to learn from")
    refused(cli, ("learn", "a.csv", "--items", "b.csv"), "a.csv", "b.csv")
    refused(cli, ("lern", x), "lern")
    refused(cli, ("show",), "lexicon")


def test_an_encoder_that_is_not_there(cli: Cli) -> None:
    items().write_csv("t.csv")
    refused(cli, ("learn", "t.csv", "--text", "text", "--encoder", "./no-folder"), "no-folder")


def test_debug_shows_where_it_happened(cli: Cli) -> None:
    for arguments in (("--debug", "show", "no.lexicon"), ("show", "no.lexicon", "--debug")):
        result = cli(*arguments)
        assert result.code == 2
        assert "Traceback (most recent call last)" in result.err
        assert "no lexicon at no.lexicon" in result.err


# Output ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("x.npy/a.lexicon", ["x.npy", "not a folder"]),
        ("nowhere/a.lexicon", ["nowhere", "does not exist"]),
        ("/proc/a.lexicon", ["/proc"]),
    ],
)
def test_output_that_cannot_be_written(cli: Cli, x: Path, out: str, words: list[str]) -> None:
    if not Path(out).parent.parent.is_dir():
        pytest.skip("this system has no such folder")
    refused(cli, learn(x, "--out", out), *words)


def test_read_only_folder(cli: Cli, x: Path) -> None:
    folder = Path("closed")
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    refused(cli, learn(x, "--out", "closed/a.lexicon"), "no permission", "closed")


def in_small_disk(kilobytes: int, *arguments: object) -> Result:
    """Run the command in a private file system of this size, and list what is there at the end."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, to mount a small file system for one process")
    Path("disk").mkdir()
    mount = f"mount -t tmpfs -o size={kilobytes}k none disk"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    script = f'{mount} && "$@"; code=$?; find disk -mindepth 1; exit $code'
    command = ["unshare", "-rm", "sh", "-c", script, "sh", COMMAND, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return Result(done.returncode, done.stdout, done.stderr)


def half_written(listing: str) -> list[str]:
    return [path for path in listing.split() if Path(path).name.startswith(".")]


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [4, 24, 56])
def test_full_disk(x: Path, kilobytes: int) -> None:
    """Whatever stage meets it: one line, no lexicon; finished stages stay for --resume."""
    result = in_small_disk(kilobytes, *learn(x, "--out", "disk/a.lexicon"))
    warned, error = [], []
    for line in result.err.splitlines():
        (warned if line.startswith("warning: ") else error).append(line)
    one_line(replace(result, err="\n".join(error)), "no space is left", "disk/")
    assert all("no checkpoint" in line and "no space is left" in line for line in warned)
    assert "disk/a.lexicon\n" not in result.out
    assert half_written(result.out) == []
    assert ("--resume" in result.err) == ("disk/a.lexicon.run" in result.out)


@pytest.mark.slow
def test_full_disk_while_embedding() -> None:
    """Vectors are written through a memory map, where a full disk would kill the process."""
    items(300).write_csv("t.csv")
    options = ("--text", "text", *SMALL, "--out", "disk/a.lexicon")
    one_line(result := in_small_disk(256, "learn", "t.csv", *options), "no space is left")
    assert result.out.split() == []


def test_a_lexicon_in_the_way(cli: Cli, x: Path, lexicon: Path) -> None:
    refused(cli, learn(x, "--out", lexicon), "a.lexicon exists", "--overwrite")
    before = sc.load(lexicon).info["data_fingerprint"]
    np.save("x.npy", 2 * vectors())
    assert cli(*learn(x, "--out", lexicon, "--overwrite")).code == 0
    assert sc.load(lexicon).info["data_fingerprint"] != before
    assert sorted(p.name for p in Path().iterdir()) == ["a.lexicon", "x.npy"]


def test_what_is_no_lexicon_is_never_replaced(cli: Cli, x: Path) -> None:
    Path("photos").mkdir()
    Path("photos/cat.jpg").write_bytes(b"a cat")
    Path("notes").write_text("some notes")
    for out in ("photos", "notes"):
        refused(cli, learn(x, "--out", out, "--overwrite"), out, "is not a lexicon")
        refused(cli, learn(x, "--out", out), out, "exists")


# Interrupted runs --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with vectors and what a killed run leaves there."""
    folder = tmp_path_factory.mktemp("killed")
    np.save(folder / "x.npy", vectors())
    command = [COMMAND, *map(str, learn("x.npy", "--out", "a.lexicon", "--max-rows", 10**9))]
    running = subprocess.Popen(
        [*command, "--checkpoint-every", "0"], cwd=folder, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (folder / "a.lexicon.run" / "checkpoint.safetensors").exists():
        assert running.poll() is None
        assert time.monotonic() < deadline
    running.send_signal(signal.SIGKILL)
    running.wait()
    return folder


def test_two_runs_that_write_the_same_lexicon(cli: Cli, x: Path) -> None:
    arguments = learn(x, "--out", "a.lexicon", "--max-rows", 10**9)
    command = [COMMAND, *map(str, arguments), "--checkpoint-every", "0"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not Path("a.lexicon.run", "checkpoint.safetensors").exists():
            assert running.poll() is None
            assert time.monotonic() < deadline
        for option in ("--resume", "--overwrite"):
            result = cli(*arguments, option)
            assert result.code == 2
            one_line(result, "another run is writing a.lexicon", "--out")
            assert Path("a.lexicon.run", "run.json").exists()
    finally:
        running.kill()
        running.wait()


@pytest.fixture
def interrupted(killed: Path) -> Path:
    shutil.copytree(killed, Path(), dirs_exist_ok=True)
    return Path("x.npy")


def test_an_interrupted_run_is_not_lost_by_accident(cli: Cli, interrupted: Path) -> None:
    again = learn(interrupted, "--out", "a.lexicon")
    refused(cli, again, "a.lexicon.run", "--resume", "--overwrite")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--seed", "5"), "seed"),
        (("--components", "9"), "components"),
        (("--active", "1"), "active"),
        (("--max-rows", "3000"), "max_rows"),
        (("--no-baseline",), "baseline"),
        (("--encoder", "other"), "encoder"),
    ],
)
def test_resume_with_other_arguments(
    cli: Cli, interrupted: Path, options: tuple[str, ...], name: str
) -> None:
    same = () if name == "max_rows" else ("--max-rows", 10**9)
    again = learn(interrupted, "--out", "a.lexicon", *same, *options, "--resume")
    refused(cli, again, f"other {name};", "a.lexicon.run")


def test_resume_with_other_data(cli: Cli, interrupted: Path) -> None:
    np.save(interrupted, vectors() + 1)
    again = learn(interrupted, "--out", "a.lexicon", "--max-rows", 10**9, "--resume")
    refused(cli, again, "fingerprint")
    np.save(interrupted, vectors())
    items().write_csv("t.csv")
    refused(cli, (*again, "--items", "t.csv", "--text", "text"), "items")


def test_starting_again_over_an_interrupted_run(cli: Cli, interrupted: Path) -> None:
    assert cli(*learn(interrupted, "--out", "a.lexicon", "--overwrite")).code == 0
    assert sorted(p.name for p in Path().iterdir()) == ["a.lexicon", "x.npy"]


def test_resume_without_an_interrupted_run_just_runs(cli: Cli, x: Path) -> None:
    assert cli(*learn(x, "--out", "new.lexicon", "--resume")).code == 0
    assert sorted(p.name for p in Path().iterdir()) == ["new.lexicon", "x.npy"]
    assert len(sc.load("new.lexicon").codes) == ROWS


def test_resume_where_a_finished_lexicon_stands(cli: Cli, x: Path, lexicon: Path) -> None:
    refused(cli, learn(x, "--out", lexicon, "--resume"), "a.lexicon exists")


# Damaged lexicons --------------------------------------------------------------------------------


def readers(lexicon: Path) -> list[tuple[object, ...]]:
    np.save("new.npy", vectors(5))
    return [
        ("show", lexicon),
        ("encode", lexicon, "new.npy", "--out", "codes.npz"),
        ("find", lexicon, "train"),
    ]


@pytest.mark.parametrize("command", ["show", "encode", "find"])
@pytest.mark.parametrize(
    "name",
    [
        "dictionary.safetensors", "concepts.parquet", "codes.safetensors", "items.parquet",
        "splits.safetensors", "names.safetensors", "families.parquet",
    ],
)  # fmt: skip
def test_damaged_files_are_named(cli: Cli, lexicon: Path, command: str, name: str) -> None:
    arguments = next(a for a in readers(lexicon) if a[0] == command)
    path = lexicon / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refused(cli, arguments, name, "truncated")
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    path.write_bytes(flipped)
    refused(cli, arguments, name, "changed")
    path.unlink()
    refused(cli, arguments, name, "missing")
    path.write_bytes(content)
    assert cli(*arguments).code == 0


@pytest.mark.parametrize("command", ["show", "encode", "find"])
def test_broken_descriptions(cli: Cli, lexicon: Path, command: str) -> None:
    arguments = next(a for a in readers(lexicon) if a[0] == command)
    info = lexicon / "lexicon.json"
    content = info.read_text()
    info.write_text(content[: len(content) // 2])
    refused(cli, arguments, "lexicon.json", "not readable JSON")
    info.write_text(json.dumps(json.loads(content) | {"schema": 999}))
    refused(cli, arguments, "schema 999", "upgrade")
    info.write_text("[]")
    refused(cli, arguments, "lexicon.json", "schema")
    info.unlink()
    refused(cli, arguments, "a.lexicon is not a lexicon")
    info.write_text(content)
    edits = lexicon / "edits.jsonl"
    edits.write_text('{"action": "ren')
    refused(cli, arguments, "edits.jsonl")
    edits.write_text("")
    sums = lexicon / "checksums.json"
    sums.write_text("{")
    refused(cli, arguments, "checksums.json")


def test_no_lexicon_there(cli: Cli, lexicon: Path) -> None:
    refused(cli, ("show", "b.lexicon"), "no lexicon at b.lexicon", "'a.lexicon'")
    Path("empty").mkdir()
    refused(cli, ("show", "empty"), "empty is not a lexicon")


# Other commands ----------------------------------------------------------------------------------


def test_wrong_concepts_and_sorts(cli: Cli, lexicon: Path) -> None:
    refused(cli, ("show", lexicon, "--concept", "c10"), "'c10'", "did you mean 'c1'")
    name = sc.load(lexicon).concepts["name"].drop_nulls()[0]
    refused(cli, ("show", lexicon, "--concept", f"{name}z"), f"'{name}z'", f"'{name}'")
    refused(cli, ("show", lexicon, "--sort", "trusty"), "'trusty'", "did you mean 'trust'")
    refused(cli, ("show", lexicon, "--format", "xml"), "xml")
    refused(cli, ("show", lexicon, "--concept", "c1", "--format", "csv"), "csv")


def test_encode_refuses(cli: Cli, lexicon: Path) -> None:
    np.save("wide.npy", np.ones((3, DIMENSIONS + 1)))
    refused(cli, ("encode", lexicon, "wide.npy"), str(DIMENSIONS), str(DIMENSIONS + 1))
    np.save("new.npy", vectors(3))
    refused(cli, ("encode", lexicon, "new.npy", "--out", "codes.txt"), "'.txt'", ".npz")
    refused(cli, ("encode", lexicon, "gone.npy"), "gone.npy")
    refused(cli, ("encode", lexicon, "new.npy", "--out", "nowhere/c.npz"), "nowhere")
    Path("codes.npz").write_bytes(b"mine")
    refused(cli, ("encode", lexicon, "new.npy", "--out", "codes.npz"), "codes.npz exists")
    items(5).write_csv("t.csv")
    refused(cli, ("encode", lexicon, "t.csv", "--text", "text"), "no encoder")


def test_find_refuses(cli: Cli, lexicon: Path) -> None:
    refused(cli, ("find", lexicon, " "), "phrase", "empty")
    refused(cli, ("find", lexicon, "xylophone"), "'xylophone'")
    refused(cli, ("find", lexicon, "train", "--most", "0"), "--most")


def test_the_installed_command_answers_the_same(x: Path) -> None:
    """As a process: nothing else writes to standard error, and the exit code gets out."""
    before = tree()
    done = subprocess.run(
        [COMMAND, *map(str, learn(x, "--components", "0"))], capture_output=True, text=True
    )
    one_line(Result(done.returncode, done.stdout, done.stderr), "components")
    assert tree() == before
