"""The folder in which a run keeps what it has finished, until its lexicon stands."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semascope.core import InputError, SemascopeError, held, require_writable
from semascope.lexicon.folder import remove_run

_LOCK, _PLAN = "lock", "run.json"


def run_folder(out: Path) -> Path:
    """Return the folder in which a run keeps what it has finished.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.pipeline.kept import run_folder
    >>> run_folder(Path("a.lexicon")).name
    'a.lexicon.run'
    """
    return out.with_name(out.name + ".run")


@contextmanager
def kept_folder(out: Path, *, afresh: bool) -> Iterator[Path]:
    """Hold the run folder of `out` alone; remove it if the block succeeds.

    If the block fails, the folder stays if a stage was finished in it, and the error says so.

    Parameters
    ----------
    out : Path
        The lexicon to be written.
    afresh : bool
        Throw away what an earlier run left.

    Raises
    ------
    ArtifactError
        If another process holds the folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.pipeline.kept import kept_folder
    >>> with kept_folder(Path("a.lexicon"), afresh=False) as folder:
    ...     folder.name
    'a.lexicon.run'
    """
    folder = run_folder(out)
    if not folder.exists():
        require_writable(folder)
        folder.mkdir(exist_ok=True)
    taken = f"another run is writing {out} at this moment; wait for it, or choose another --out"
    with held(folder / _LOCK, taken):
        try:
            if afresh:
                clear(folder)
            yield folder
        except SemascopeError as err:
            if {path.name for path in folder.iterdir()} <= {_LOCK, _PLAN}:
                # Nothing is finished that a later run could go on from.
                remove_run(folder)
            elif isinstance(err, InputError):
                kept = f"; what was finished is kept in {folder}: go on from it with --resume"
                err.args = (f"{err}{kept}", *err.args[1:])
            raise
        remove_run(folder)


def clear(folder: Path) -> None:
    """Remove what a run kept, but not the lock that is being held.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.pipeline.kept import clear
    >>> Path("a.run").mkdir()
    >>> _ = Path("a.run/run.json").write_text("{}")
    >>> clear(Path("a.run"))
    >>> list(Path("a.run").iterdir())
    []
    """
    for rest in folder.iterdir():
        if rest.name != _LOCK:
            rest.unlink()


def sweep(out: Path) -> None:
    """Remove what a killed run left half-written beside its lexicon.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.pipeline.kept import sweep
    >>> _ = Path(".a.lexicon.x1").write_text("")
    >>> sweep(Path("a.lexicon"))
    >>> Path(".a.lexicon.x1").exists()
    False
    """
    for rest in out.parent.iterdir():
        if rest.name.startswith(f".{out.name}."):
            if rest.is_dir():
                shutil.rmtree(rest, ignore_errors=True)
            else:
                rest.unlink(missing_ok=True)
