"""Files that a manifest lists, with the size and checksum that they had when they were written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from semascope.core.errors import ArtifactError, did_you_mean
from semascope.core.files import read_json, sha256

T = TypeVar("T")


@dataclass(frozen=True)
class ShardFile:
    """One file as it was written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import ShardFile
    >>> _ = Path("a.txt").write_text("abc")
    >>> ShardFile.of(Path("a.txt")).bytes
    3
    """

    name: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> ShardFile:
        """Describe a file as it is now."""
        return cls(path.name, path.stat().st_size, sha256(path))


def check_size(path: Path, file: ShardFile) -> None:
    """Raise `ArtifactError` if a file is missing or has another size than it had.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import ArtifactError, ShardFile, check_size
    >>> try:
    ...     check_size(Path("a.npy"), ShardFile("a.npy", 3, ""))
    ... except ArtifactError as err:
    ...     print(err)
    a.npy is missing; restore it from a copy
    """
    if not path.is_file():
        raise ArtifactError(f"{path} is missing; restore it from a copy")
    size = path.stat().st_size
    if size != file.bytes:
        raise ArtifactError(
            f"{path} has {size} bytes instead of {file.bytes}: it is truncated or was changed; "
            "restore it from a copy"
        )


def check_content(path: Path, file: ShardFile) -> None:
    """Read a file and raise `ArtifactError` if it is not what was written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import ShardFile, check_content
    >>> _ = Path("a.txt").write_text("abc")
    >>> check_content(Path("a.txt"), ShardFile.of(Path("a.txt")))
    """
    check_size(path, file)
    if sha256(path) != file.sha256:
        raise ArtifactError(
            f"{path} was changed after it was written (checksum differs); restore it from a copy"
        )


def read_manifest(
    folder: Path,
    name: str,
    parse: Callable[[dict[str, Any]], T],
    *,
    what: str,
    kind: str,
    schema: int,
    make: str,
    like: str = "*",
) -> T:
    """Read the file that lists the shards of a folder.

    Parameters
    ----------
    folder : Path
        The folder.
    name : str
        The manifest's file name.
    parse : callable
        Makes the result of the manifest's JSON; where it finds something missing or impossible it
        raises KeyError, TypeError or ValueError.
    what : str
        What the folder is, for errors: ``"vector store"``.
    kind : str
        What the manifest says of itself under ``kind``.
    schema : int
        The newest schema that can be read.
    make : str
        How such a folder is made.
    like : str
        Pattern of names that may have been meant.

    Raises
    ------
    ArtifactError
        If there is no such folder, it is something else, it is damaged, or a newer version wrote
        it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import ArtifactError, write_json
    >>> from semascope.core.shards import read_manifest
    >>> Path("a").mkdir()
    >>> write_json(Path("a/a.json"), {"kind": "letters", "schema": 1})
    >>> about = dict(what="box", kind="letters", schema=1, make="-")
    >>> read_manifest(Path("a"), "a.json", lambda raw: raw["schema"], **about)
    1
    """
    path = folder / name
    if not folder.is_dir():
        near = (p.name for p in folder.parent.glob(like)) if folder.parent.is_dir() else ()
        raise ArtifactError(
            f"no {what} at {folder}{did_you_mean(folder.name, near)}; make one with {make}"
        )
    if not path.is_file():
        raise ArtifactError(f"{folder} is no {what}: {name} is missing in it")
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("kind") != kind:
        raise ArtifactError(f"{path} does not describe a {what}")
    found = raw.get("schema")
    if isinstance(found, int) and found > schema:
        raise ArtifactError(
            f"{folder} has schema {found} and this version reads up to {schema}: a newer version "
            "of semascope wrote it; upgrade with: pip install --upgrade semascope"
        )
    try:
        return parse(raw)
    except (KeyError, TypeError, ValueError) as err:
        raise damaged(path, err) from err


def damaged(path: Path, err: Exception) -> ArtifactError:
    """Build the error for a file that cannot be what was written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import damaged
    >>> print(damaged(Path("store.json"), KeyError("rows")))
    store.json is damaged: there is no 'rows'; restore it from a copy
    """
    reason = f"there is no '{err.args[0]}'" if isinstance(err, KeyError) else str(err)
    return ArtifactError(f"{path} is damaged: {reason}; restore it from a copy")
