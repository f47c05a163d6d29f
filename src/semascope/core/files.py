"""Artifact files: atomic writes, checksums, and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semascope.core.errors import ArtifactError, InputError

CHECKSUMS = "checksums.json"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hex digits.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import sha256
    >>> _ = Path("a.txt").write_text("abc")
    >>> sha256(Path("a.txt"))[:8]
    'ba7816bf'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` on a temporary sibling of `path`, then rename it into place.

    Raises
    ------
    InputError
        If the folder is missing, cannot be written, or is full; nothing half-written stays.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import write_atomic
    >>> write_atomic(Path("a.json"), lambda tmp: tmp.write_text("{}"))
    >>> Path("a.json").read_text()
    '{}'
    """
    with plain_os_errors(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            temporary.chmod(0o666 & ~_umask())
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write JSON atomically, with stable key order and a final newline.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import read_json, write_json
    >>> write_json(Path("a.json"), {"b": 1})
    >>> read_json(Path("a.json"))
    {'b': 1}
    """
    text = json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_atomic(path, lambda tmp: tmp.write_text(text + "\n", encoding="utf-8"))


def read_json(path: Path) -> Any:
    """Read JSON, with an error that names the file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import read_json
    >>> _ = Path("a.json").write_text("[1]")
    >>> read_json(Path("a.json"))
    [1]
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise ArtifactError(f"{path} is missing") from err
    except OSError as err:
        raise ArtifactError(f"cannot read {path}: {err.strerror}") from err
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise ArtifactError(
            f"{path} is not readable JSON ({err}); it is truncated or damaged"
        ) from err


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Fill a temporary sibling folder that becomes `path` only if the block succeeds.

    Raises
    ------
    ArtifactError
        If `path` exists and `overwrite` is False.
    InputError
        If the parent folder is missing, cannot be written, or is full.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import new_folder
    >>> with new_folder(Path("out")) as folder:
    ...     _ = (folder / "a.txt").write_text("hello")
    >>> Path("out/a.txt").read_text()
    'hello'
    """
    if path.exists() and not overwrite:
        raise ArtifactError(f"{path} exists; choose another name or pass overwrite")
    with plain_os_errors(path):
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            replace_folder(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, path: Path) -> None:
    """Rename a folder to `path`; what is there goes, or comes back if the renaming fails.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core.files import replace_folder
    >>> for name in ("old", "new"):
    ...     Path(name).mkdir()
    ...     _ = Path(name, "a.txt").write_text(name)
    >>> replace_folder(Path("new"), Path("old"))
    >>> Path("old/a.txt").read_text(), Path("new").exists()
    ('new', False)
    """
    if not path.exists():
        new.rename(path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    path.rename(old / path.name)
    try:
        new.rename(path)
    except OSError:
        (old / path.name).rename(path)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def plain_os_errors(path: Path) -> Iterator[None]:
    """Turn the system's write errors into one clear `InputError` about `path`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import plain_os_errors
    >>> with plain_os_errors(Path("nowhere/x")):
    ...     Path("nowhere/x").write_text("")
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: cannot write nowhere/x: the folder nowhere does not exist
    """
    try:
        yield
    except OSError as err:
        reasons = {
            errno.EFBIG: "the file would be larger than the system allows",
            errno.ENOSPC: "no space is left on the device",
            errno.EDQUOT: "the disk quota is used up",
            errno.EACCES: f"no permission to write in {path.parent}",
            errno.EPERM: f"no permission to write in {path.parent}",
            errno.EROFS: f"{path.parent} is read-only",
            errno.ENOENT: f"the folder {path.parent} does not exist",
            errno.ENOTDIR: f"{path.parent} is not a folder",
            errno.EISDIR: "it is a folder",
        }
        # A file that is missing elsewhere has nothing to do with this folder.
        elsewhere = err.errno in (errno.ENOENT, errno.ENOTDIR) and path.parent.is_dir()
        if err.errno not in reasons or elsewhere:
            raise
        raise InputError(f"cannot write {path}: {reasons[err.errno]}") from err


def require_writable(path: Path) -> None:
    """Raise `InputError` now if `path` could not be created later.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import require_writable
    >>> require_writable(Path("reviews.lexicon"))
    """
    with plain_os_errors(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        Path(name).unlink()


def write_checksums(folder: Path) -> None:
    """Record size and SHA-256 of every file in a folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import verify_checksums, write_checksums
    >>> Path("art").mkdir()
    >>> _ = Path("art/a.txt").write_text("abc")
    >>> write_checksums(Path("art"))
    >>> verify_checksums(Path("art"))
    """
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != CHECKSUMS)
    write_json(
        folder / CHECKSUMS,
        {p.name: {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in files},
    )


def verify_checksums(folder: Path, *, only: set[str] | None = None) -> None:
    """Compare a folder's files with their recorded sizes and checksums.

    Parameters
    ----------
    folder : Path
        A folder that `write_checksums` has seen.
    only : set of str, optional
        Names whose content is hashed; sizes are compared for all files.

    Raises
    ------
    ArtifactError
        Naming the first file that is missing, truncated or changed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.core import ArtifactError, verify_checksums, write_checksums
    >>> Path("art").mkdir()
    >>> _ = Path("art/a.txt").write_text("abc")
    >>> write_checksums(Path("art"))
    >>> _ = Path("art/a.txt").write_text("abd")
    >>> try:
    ...     verify_checksums(Path("art"))
    ... except ArtifactError as err:
    ...     print(err)
    art/a.txt was changed after it was written (checksum differs); restore it from a copy
    """
    recorded = read_json(folder / CHECKSUMS)
    if not isinstance(recorded, dict) or not all(
        isinstance(entry, dict) and {"bytes", "sha256"} <= set(entry) for entry in recorded.values()
    ):
        raise ArtifactError(f"{folder / CHECKSUMS} holds no checksums; restore it from a copy")
    for name, entry in sorted(recorded.items()):
        path = folder / name
        if not path.is_file():
            raise ArtifactError(f"{path} is missing; restore it from a copy")
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise ArtifactError(
                f"{path} has {size} bytes instead of {entry['bytes']}: it is truncated or "
                "was changed; restore it from a copy"
            )
        if (only is None or name in only) and sha256(path) != entry["sha256"]:
            raise ArtifactError(
                f"{path} was changed after it was written (checksum differs); "
                "restore it from a copy"
            )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
