"""People's edits of a lexicon: an undoable list of small records, replayed on load."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from semascope.core import ArtifactError, InputError, did_you_mean, write_atomic

ACTIONS = ("rename", "mute", "unmute", "pin", "unpin", "undo")


@dataclass(frozen=True)
class Edit:
    """One edit: what was done to which concept.

    Parameters
    ----------
    action : str
        One of ``rename``, ``mute``, ``unmute``, ``pin``, ``unpin``, ``undo``.
    concept : str
        Concept id; empty for ``undo``.
    value : str
        The new name, for ``rename``.

    Examples
    --------
    >>> from semascope.lexicon import Edit
    >>> Edit("rename", "c3", "late delivery").value
    'late delivery'
    """

    action: str
    concept: str = ""
    value: str = ""


def replay(concepts: pl.DataFrame, edits: Sequence[Edit]) -> pl.DataFrame:
    """Apply edits in order to a table of concepts; ``undo`` takes back the latest edit before it.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon import Edit, replay
    >>> table = pl.DataFrame({"id": ["c0"], "name": ["a"], "muted": [False], "pinned": [False]})
    >>> replay(table, [Edit("rename", "c0", "b"), Edit("mute", "c0"), Edit("undo")]).row(0)
    ('c0', 'b', False, False)
    """
    standing: list[Edit] = []
    for edit in edits:
        if edit.action == "undo":
            if standing:
                standing.pop()
        else:
            standing.append(edit)
    names = dict(zip(concepts["id"], concepts["name"], strict=True))
    muted = dict(zip(concepts["id"], concepts["muted"], strict=True))
    pinned = dict(zip(concepts["id"], concepts["pinned"], strict=True))
    for edit in standing:
        if edit.action == "rename":
            names[edit.concept] = edit.value
        elif edit.action in {"mute", "unmute"}:
            muted[edit.concept] = edit.action == "mute"
        else:
            pinned[edit.concept] = edit.action == "pin"
    return concepts.with_columns(
        pl.Series("name", [names[i] for i in concepts["id"]], dtype=pl.String),
        pl.Series("muted", [muted[i] for i in concepts["id"]], dtype=pl.Boolean),
        pl.Series("pinned", [pinned[i] for i in concepts["id"]], dtype=pl.Boolean),
    )


def check_edit(edit: Edit, ids: Sequence[str]) -> Edit:
    """Return the edit, or raise `InputError` if its action or concept does not exist.

    Examples
    --------
    >>> from semascope.lexicon import Edit, check_edit
    >>> check_edit(Edit("mute", "c0"), ["c0"]).action
    'mute'
    """
    if edit.action not in ACTIONS:
        raise InputError(
            f"no edit '{edit.action}'; edits: {', '.join(ACTIONS)}"
            f"{did_you_mean(edit.action, ACTIONS)}"
        )
    if edit.action != "undo" and edit.concept not in ids:
        raise InputError(f"no concept '{edit.concept}'{did_you_mean(edit.concept, ids)}")
    if edit.action == "rename" and not edit.value.strip():
        raise InputError(f"concept {edit.concept} cannot be renamed to an empty name")
    return edit


def read_edits(path: Path, ids: Sequence[str] | None = None) -> list[Edit]:
    """Read the ledger; a missing file is an empty ledger. With `ids`, edits must be of these.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.lexicon.ledger import read_edits
    >>> read_edits(Path("none.jsonl"))
    []
    """
    if not path.exists():
        return []
    edits = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            edit = Edit(**json.loads(line))
            edits.append(edit if ids is None else check_edit(edit, ids))
        except (ValueError, TypeError) as err:
            raise ArtifactError(f"{path}, line {number} is no edit ({err})") from err
    return edits


def write_edits(path: Path, edits: Sequence[Edit]) -> None:
    """Write the ledger atomically.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.lexicon import Edit
    >>> from semascope.lexicon.ledger import read_edits, write_edits
    >>> write_edits(Path("edits.jsonl"), [Edit("mute", "c0")])
    >>> read_edits(Path("edits.jsonl"))
    [Edit(action='mute', concept='c0', value='')]
    """
    records: list[dict[str, Any]] = [asdict(edit) for edit in edits]
    text = "".join(json.dumps(r, ensure_ascii=False, sort_keys=True) + "\n" for r in records)
    write_atomic(path, lambda tmp: tmp.write_text(text, encoding="utf-8"))
