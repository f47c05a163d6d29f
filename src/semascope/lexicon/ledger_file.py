"""The ledger on disk: ``edits.jsonl``, one JSON line an edit, shared between processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from semascope.core import ArtifactError, InputError, held, write_atomic
from semascope.lexicon.ledger import Edit, check_action, json_line

LOCK = ".edits.lock"
# Seconds that an edit waits for another process to finish its own.
PATIENCE = 60.0


def read_edits(path: Path, check: Callable[[list[Edit]], object] | None = None) -> list[Edit]:
    """Read the ledger; a missing file is an empty ledger.

    Parameters
    ----------
    path : Path
        ``edits.jsonl``.
    check : callable, optional
        Told the edits; raises `InputError` with the number of the edit that cannot be.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.lexicon.ledger_file import read_edits
    >>> read_edits(Path("none.jsonl"))
    []
    """
    if not path.exists():
        return []
    edits = []
    try:
        # Not splitlines: names may hold characters that it takes for the end of a line.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as err:
        raise ArtifactError(f"{path} is damaged: {err}; restore it from a copy") from err
    for number, line in enumerate(lines if lines != [""] else [], 1):
        try:
            edits.append(Edit.of(json.loads(line)))
            check_action(edits[-1])
        except (ValueError, TypeError) as err:
            raise ArtifactError(
                f"{path}, line {number} is no edit ({err}); restore the file from a copy, or take "
                "that line out"
            ) from err
    if check is not None:
        try:
            check(edits)
        except InputError as err:
            place, why = number_in(err)
            where = f", line {place}" if place else ""
            raise ArtifactError(f"{path}{where} is no edit ({why})") from err
    return edits


def number_in(err: InputError) -> tuple[int, str]:
    """Return the number of the edit that replay stumbled over, 0 if it says none, and why.

    Examples
    --------
    >>> from semascope.core import InputError
    >>> from semascope.lexicon.ledger_file import number_in
    >>> number_in(InputError("edit 3: no concept 'c9'"))
    (3, "no concept 'c9'")
    """
    number, found, why = str(err).removeprefix("edit ").partition(": ")
    return (int(number), why) if found and number.isdecimal() else (0, str(err))


def write_edits(path: Path, edits: Sequence[Edit]) -> None:
    """Write the ledger atomically.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.lexicon import Edit
    >>> from semascope.lexicon.ledger_file import read_edits, write_edits
    >>> write_edits(Path("edits.jsonl"), [Edit("mute", "c0")])
    >>> read_edits(Path("edits.jsonl"))[0].action
    'mute'
    """
    text = "".join(json_line(edit.as_dict()) for edit in edits)
    write_atomic(path, lambda tmp: tmp.write_text(text, encoding="utf-8", newline="\n"))


def append_edits(
    path: Path,
    make: Callable[[list[Edit]], list[Edit]],
    check: Callable[[list[Edit]], object],
) -> list[Edit]:
    """Append to a ledger that other processes may be appending to, and return all of it.

    Parameters
    ----------
    path : Path
        ``edits.jsonl``.
    make : callable
        Told all edits that are there now; returns the new ones.
    check : callable
        Told all edits, new ones included; raises `InputError` if they cannot be.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.lexicon import Edit
    >>> from semascope.lexicon.ledger_file import append_edits
    >>> for action in ("mute", "pin"):
    ...     edits = append_edits(Path("e.jsonl"), lambda before: [Edit(action, "c0")], len)
    >>> [edit.action for edit in edits]
    ['mute', 'pin']
    """
    taken = f"another process has been editing {path.parent} for a minute; try again"
    with held(path.with_name(LOCK), taken, wait=PATIENCE):
        before = read_edits(path, check)
        edits = [*before, *make(list(before))]
        check(edits)
        write_edits(path, edits)
    return edits
