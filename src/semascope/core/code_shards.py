"""The files of a folder of codes: what they are called and hold, and how the folder is filled.

Layout::

    codes.json                 schema, shape, what the codes were made from; of each shard the rows,
                               active pairs, size and checksums
    codes-00000.safetensors    codes of the first rows, as `Codes.save` writes them
    .lock                      held by the one process that is writing

``codes.json`` is replaced after each shard, so that a folder whose writing was interrupted says
what is finished in it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from semascope.core.errors import ArtifactError, InputError, SemascopeError, listed
from semascope.core.files import plain_os_errors, replace_folder, require_writable, write_json
from semascope.core.locks import held
from semascope.core.shards import ShardFile, check_content, check_size, read_manifest

SCHEMA = 1
KIND = "semascope codes"
MANIFEST = "codes.json"
SUFFIX = ".codes"
_LOCK = ".lock"
_SHARD_NAME = re.compile(r"codes-\d{5,}\.safetensors")


@dataclass(frozen=True)
class CodeShard:
    """The codes of some consecutive rows.

    Parameters
    ----------
    rows, nnz : int
        Rows, and active pairs of row and latent.
    source_crc32 : int
        Checksum of what the rows were made from.
    file : ShardFile
        The file as it was written.

    Examples
    --------
    >>> from semascope.core import ShardFile
    >>> from semascope.core.code_shards import CodeShard
    >>> CodeShard(2, 5, 0, ShardFile("codes-00000.safetensors", 100, "")).nnz
    5
    """

    rows: int
    nnz: int
    source_crc32: int
    file: ShardFile


@dataclass(frozen=True)
class CodeState:
    """What ``codes.json`` says.

    Parameters
    ----------
    shape : (int, int)
        Rows and latents when all is written.
    made_from : dict
        What decides the codes, besides the rows, as JSON data.
    shards : tuple of CodeShard
        What is finished.

    Examples
    --------
    >>> from semascope.core.code_shards import CodeState
    >>> CodeState((10, 4), {"refine": "none"}).complete
    False
    """

    shape: tuple[int, int]
    made_from: dict[str, Any]
    shards: tuple[CodeShard, ...] = ()

    @property
    def rows(self) -> int:
        """Rows in finished shards."""
        return sum(shard.rows for shard in self.shards)

    @property
    def complete(self) -> bool:
        """Whether all rows are there."""
        return self.rows == self.shape[0]


def shard_name(number: int) -> str:
    """Return the name of a shard's file.

    Examples
    --------
    >>> from semascope.core.code_shards import shard_name
    >>> shard_name(3)
    'codes-00003.safetensors'
    """
    return f"codes-{number:05d}.safetensors"


def write_state(folder: Path, state: CodeState) -> None:
    """Replace ``codes.json``, which makes new shards count.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core.code_shards import CodeState, read_state, write_state
    >>> Path("a.codes").mkdir()
    >>> write_state(Path("a.codes"), CodeState((10, 4), {}))
    >>> read_state(Path("a.codes")).shape
    (10, 4)
    """
    write_json(
        folder / MANIFEST,
        {
            "kind": KIND,
            "schema": SCHEMA,
            "shape": list(state.shape),
            "made_from": state.made_from,
            "shards": [asdict(shard) for shard in state.shards],
        },
    )


def read_state(folder: Path) -> CodeState:
    """Read ``codes.json``, and compare the size of every file with it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import ArtifactError
    >>> from semascope.core.code_shards import read_state
    >>> try:
    ...     read_state(Path("nowhere.codes"))
    ... except ArtifactError as err:
    ...     print(str(err).split(";")[0])
    no folder of codes at nowhere.codes
    """
    state = read_manifest(
        folder,
        MANIFEST,
        _parsed,
        what="folder of codes",
        kind=KIND,
        schema=SCHEMA,
        make=f"'semascope encode LEXICON ... --out NAME{SUFFIX}'",
        like=f"*{SUFFIX}",
    )
    for shard in state.shards:
        check_size(folder / shard.file.name, shard.file)
    return state


def _parsed(raw: dict[str, Any]) -> CodeState:
    rows, components = map(int, raw["shape"])
    shards = []
    for number, entry in enumerate(raw["shards"]):
        file = ShardFile(**entry["file"])
        if file.name != shard_name(number):
            raise ValueError(f"{file.name!r} stands where {shard_name(number)!r} should")
        rows_here, nnz, crc32 = (int(entry[name]) for name in ("rows", "nnz", "source_crc32"))
        shards.append(CodeShard(rows_here, nnz, crc32, file))
    state = CodeState((rows, components), dict(raw["made_from"]), tuple(shards))
    if components < 1 or state.rows > rows or any(shard.rows < 1 for shard in shards):
        raise ValueError(f"shape {raw['shape']} does not fit {state.rows} rows in shards")
    return state


@contextmanager
def claimed(
    folder: Path, plan: CodeState, *, resume: bool = False, overwrite: bool = False
) -> Iterator[tuple[Path, CodeState]]:
    """Hold a folder of codes alone, made or taken up for a plan, and yield what is finished of it.

    If the block fails, what is finished stays, and the error says so. Complete codes that are to be
    replaced stay as well, until those that the block writes are complete.

    Parameters
    ----------
    folder : Path
        The folder; its parent must exist.
    plan : CodeState
        What is to be written, without shards.
    resume : bool
        Go on with what is there, if it was begun with the same plan.
    overwrite : bool
        Replace what is there; with `resume` too, go on with replacing it.

    Yields
    ------
    (Path, CodeState)
        Where shards are to be written, which is not `folder` while complete codes are replaced, and
        what is finished there.

    Raises
    ------
    ArtifactError
        If something else is there, another process is writing it, or it is damaged.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core.code_shards import CodeState, claimed
    >>> with claimed(Path("a.codes"), CodeState((10, 4), {})) as (_, state):
    ...     state.rows
    0
    """
    check_free(folder, resume=resume, overwrite=overwrite)
    at = place_of(folder, resume=resume, overwrite=overwrite)
    if at == folder:
        shutil.rmtree(_beside(folder), ignore_errors=True)
    if not at.exists():
        require_writable(at)
        at.mkdir(exist_ok=True)
    taken = f"another process is writing {folder} at this moment; wait for it, or choose another"
    with held(at / _LOCK, taken):
        # Again, now that nobody else can change it.
        check_free(folder, resume=resume, overwrite=overwrite)
        state = plan
        if resume and (at / MANIFEST).exists():
            state = _taken_up(at, plan)
        else:
            write_state(at, plan)
        _sweep(at, state)
        try:
            yield at, state
        except SemascopeError as err:
            if (at / MANIFEST).exists() and read_state(at).shards:
                if isinstance(err, InputError):
                    kept = f"; what was finished is kept in {at}: go on from it with --resume"
                    err.args = (f"{err}{kept}", *err.args[1:])
            else:
                shutil.rmtree(at, ignore_errors=True)
            raise
    if at != folder and read_state(at).complete:
        with plain_os_errors(folder):
            replace_folder(at, folder)


def place_of(folder: Path, *, resume: bool, overwrite: bool) -> Path:
    """Return where shards go: into a folder beside complete codes that they will replace.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core.code_shards import CodeState, place_of, write_state
    >>> Path("a.codes").mkdir()
    >>> write_state(Path("a.codes"), CodeState((0, 4), {}))
    >>> place_of(Path("a.codes"), resume=False, overwrite=True).name
    '.a.codes.new'
    """
    beside = _beside(folder)
    if resume:
        return beside if (beside / MANIFEST).exists() else folder
    if overwrite and (folder / MANIFEST).exists():
        try:
            complete = read_state(folder).complete
        except ArtifactError:
            complete = True  # what cannot be read is not ours to drop before its time
        if complete:
            return beside
    return folder


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.new")


def check_free(folder: Path, *, resume: bool = False, overwrite: bool = False) -> None:
    """Raise `ArtifactError` if what is at `folder` may not be gone on with or replaced.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core.code_shards import check_free
    >>> check_free(Path("new.codes"))
    """
    if not folder.exists():
        return
    if not folder.is_dir() or not (folder / MANIFEST).exists():
        # A process that was killed at its start left the lock, and perhaps half a manifest.
        if folder.is_dir() and all(
            path.name == _LOCK or path.name.startswith(f".{MANIFEST}.") for path in folder.iterdir()
        ):
            return
        raise ArtifactError(f"{folder} exists and is no folder of codes; it is not overwritten")
    if resume or overwrite:
        return
    if read_state(folder).complete:
        raise ArtifactError(
            f"{folder} exists; choose another name with --out, or replace it with --overwrite"
        )
    raise ArtifactError(
        f"codes that were not finished are in {folder}; go on with --resume, or start again with "
        "--overwrite"
    )


def _taken_up(folder: Path, plan: CodeState) -> CodeState:
    state = read_state(folder)
    before = {"rows": state.shape[0], "components": state.shape[1], **state.made_from}
    now = {"rows": plan.shape[0], "components": plan.shape[1], **plan.made_from}
    changed = [key for key in now | before if before.get(key) != now.get(key)]
    if changed:
        raise ArtifactError(
            f"the codes in {folder} were begun with other {listed(changed)}; repeat what they were "
            "begun with, or start again with --overwrite"
        )
    for shard in state.shards:
        check_content(folder / shard.file.name, shard.file)
    return state


def _sweep(folder: Path, state: CodeState) -> None:
    """Delete shards that do not count and what a killed process left half-written."""
    known = {shard.file.name for shard in state.shards}
    for path in folder.iterdir():
        if path.name.startswith(".codes"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        elif _SHARD_NAME.fullmatch(path.name) and path.name not in known:
            path.unlink(missing_ok=True)


def with_shard(state: CodeState, shard: CodeShard) -> CodeState:
    """Return a state that counts one shard more.

    Examples
    --------
    >>> from semascope.core import ShardFile
    >>> from semascope.core.code_shards import CodeShard, CodeState, with_shard
    >>> with_shard(CodeState((2, 4), {}), CodeShard(2, 5, 0, ShardFile("a", 1, ""))).complete
    True
    """
    return replace(state, shards=(*state.shards, shard))
