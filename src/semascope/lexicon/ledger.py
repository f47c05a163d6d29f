"""People's edits of a lexicon: an append-only list of small records, one JSON line each.

Nothing is ever taken out of the ledger: ``undo`` and ``redo`` are records too, and say which others
stand. What stands is replayed in the order in which it was first done; see `replay`.
"""

from __future__ import annotations

import getpass
import json
import math
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from semascope.core import InputError, did_you_mean

# What each action on one concept needs as its value.
ON_ONE = {
    "rename": "a name",
    "describe": "a description",
    "comment": "a comment",
    "tag": "a tag",
    "untag": "a tag",
    "weight": "a number",
    "mute": None,
    "unmute": None,
    "pin": None,
    "unpin": None,
}
MAKING = ("merge", "split", "add")
TAKING_BACK = ("undo", "redo")
# What ``rename`` of a family is called in the ledger: its ids are not those of concepts.
FAMILY = "rename-family"
ACTIONS = (*ON_ONE, *MAKING, *TAKING_BACK, FAMILY, "measure")


@dataclass(frozen=True)
class Edit:
    """One record of the ledger: what was done to which concept, when and by whom.

    Parameters
    ----------
    action : str
        One of ``ACTIONS``.
    concept : str
        Concept id; empty for ``merge``, ``add``, ``undo`` and ``redo``.
    value : str
        The name, description, comment, tag, weight or phrase.
    time, author : str
        UTC in ISO 8601, and who; empty in ledgers of old.
    made : tuple of str
        Ids of the concepts that the edit made.
    details : dict
        What replay needs: members of a merge, the rule of a split or of an added concept, the
        numbers of the edits that ``undo`` takes back, the scores of ``measure``. An edit ``with``
        a concept belongs to the edit that made it, and is taken back with it.

    Examples
    --------
    >>> from semascope.lexicon import Edit
    >>> Edit("rename", "c3", "late delivery").value
    'late delivery'
    """

    action: str
    concept: str = ""
    value: str = ""
    time: str = ""
    author: str = ""
    made: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain data, without what is empty."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in found.items() if v}

    @classmethod
    def of(cls, plain: Any) -> Edit:
        """Read a record from plain data; raise `InputError` if it is none."""
        known = {f.name: f.type for f in fields(cls)}
        if not isinstance(plain, dict) or not isinstance(plain.get("action"), str):
            raise InputError("it names no action")
        for key, value in plain.items():
            if key not in known:
                raise InputError(f"unknown entry '{key}'")
            kind = {"made": list, "details": dict}.get(key, str)
            if not isinstance(value, kind):
                raise InputError(f"'{key}' is no {kind.__name__}")
        made = plain.get("made", [])
        if not all(isinstance(name, str) for name in made):
            raise InputError("'made' is no list of ids")
        return cls(**(plain | {"made": tuple(made)}))


def now() -> str:
    """Return the time as it stands in records: UTC, ISO 8601, whole seconds.

    Examples
    --------
    >>> from semascope.lexicon.ledger import now
    >>> now().endswith("+00:00")
    True
    """
    return datetime.now(UTC).isoformat(timespec="seconds")


def default_author() -> str:
    """Return ``$SEMASCOPE_AUTHOR``, or else the system's name of the user.

    Examples
    --------
    >>> from semascope.lexicon.ledger import default_author
    >>> default_author() != ""
    True
    """
    named = os.environ.get("SEMASCOPE_AUTHOR", "").strip()
    if named:
        return named
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id that the system has no name for
        return "unknown"


def check_edit(edit: Edit, ids: Sequence[str]) -> Edit:
    """Return the edit, or raise `InputError` if its action, concept or value cannot be.

    Examples
    --------
    >>> from semascope.lexicon import Edit, check_edit
    >>> check_edit(Edit("mute", "c0"), ["c0"]).action
    'mute'
    """
    check_action(edit)
    if edit.concept and edit.concept not in ids:
        raise InputError(f"no concept '{edit.concept}'{did_you_mean(edit.concept, ids)}")
    return edit


def check_action(edit: Edit) -> None:
    """Raise `InputError` if an edit's action does not exist or its value does not fit.

    Examples
    --------
    >>> from semascope.lexicon import Edit
    >>> from semascope.lexicon.ledger import check_action
    >>> check_action(Edit("weight", "c0", "heavy"))
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: the weight of concept c0 must be a number from 0, got 'heavy'
    """
    action, concept, value = edit.action, edit.concept, edit.value
    if action not in ACTIONS:
        raise InputError(
            f"no edit '{action}'; edits: {', '.join(ACTIONS)}{did_you_mean(action, ACTIONS)}"
        )
    if not concept and (action in ON_ONE or action in ("split", FAMILY, "measure")):
        raise InputError(f"'{action}' needs a concept")
    _check_text(value)
    if action in ("rename", FAMILY) and not value.strip():
        raise InputError(f"{concept} cannot be renamed to an empty name")
    if action == "weight":
        try:
            fits = 0 <= float(value) < math.inf
        except ValueError:
            fits = False
        if not fits:
            raise InputError(
                f"the weight of concept {concept} must be a number from 0, got '{value}'"
            )
    needs = ON_ONE.get(action)
    # An empty description takes the description away.
    if needs is not None and action != "describe" and not value.strip():
        raise InputError(f"'{action}' of concept {concept} needs {needs}")


def check_printable(edit: Edit, author: str = "") -> None:
    r"""Raise `InputError` if what an edit says could steer a terminal or break a table.

    Descriptions and comments may have several lines. Ledgers of old are read all the same.

    Examples
    --------
    >>> from semascope.lexicon import Edit
    >>> from semascope.lexicon.ledger import check_printable
    >>> check_printable(Edit("rename", "c0", "two\nlines"))
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: the value of 'rename' holds the control character '\n'; ...
    """
    names = edit.details.get("names")
    said = [(f"the value of '{edit.action}'", edit.value), ("the author", author or edit.author)]
    said += [(f"a name of '{edit.action}'", name) for name in names or () if isinstance(name, str)]
    for what, text in said:
        lines = "\n\t" if edit.action in ("describe", "comment") and text is edit.value else ""
        for c in text:
            if unicodedata.category(c) == "Cc" and c not in lines:
                raise InputError(f"{what} holds the control character {c!r}; leave it out")


def _check_text(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as err:
        raise InputError(f"{value!r} holds characters that cannot be written as UTF-8") from err


def standing(edits: Sequence[Edit]) -> list[tuple[int, Edit]]:
    """Return the edits that were not taken back, with their numbers from 1, in order.

    Raises
    ------
    InputError
        If ``undo`` names an edit that does not stand, or ``redo`` one that does.

    Examples
    --------
    >>> from semascope.lexicon import Edit, standing
    >>> done = [Edit("mute", "c0"), Edit("pin", "c0"), Edit("undo"), Edit("undo"), Edit("redo")]
    >>> [(number, edit.action) for number, edit in standing(done)]
    [(1, 'mute')]
    """
    _, up, _ = _walk(edits)
    return [
        (number, edit)
        for number, edit in enumerate(edits, 1)
        if edit.action == "measure" or up.get(number)
    ]


def numbers_of(edit: Edit, before: Sequence[Edit]) -> list[int]:
    """Return which edits ``undo`` or ``redo`` means, after those `before` it.

    Without numbers of its own, ``undo`` means the latest edit that stands, and ``redo`` what was
    last undone. Measurements are no edits and never meant.

    Examples
    --------
    >>> from semascope.lexicon import Edit
    >>> from semascope.lexicon.ledger import numbers_of
    >>> numbers_of(Edit("undo"), [Edit("mute", "c0"), Edit("pin", "c0")])
    [2]
    """
    return _targets(edit, *_walk(before))


def _walk(edits: Sequence[Edit]) -> tuple[Sequence[Edit], dict[int, bool], list[list[int]]]:
    """Tell of each edit whether it stands, and which were taken back together, latest last."""
    up: dict[int, bool] = {}
    undone: list[list[int]] = []
    for number, edit in enumerate(edits, 1):
        if edit.action in TAKING_BACK:
            try:
                targets = _targets(edit, edits, up, undone)
            except InputError as err:
                raise InputError(f"edit {number}: {err}") from err
            for target in targets:
                up[target] = edit.action == "redo"
            if edit.action == "undo" and targets:
                undone.append(targets)
        elif edit.action != "measure":
            up[number] = True
    return edits, up, undone


def _targets(
    edit: Edit, edits: Sequence[Edit], up: dict[int, bool], undone: list[list[int]]
) -> list[int]:
    asked = edit.details.get("edits")
    back = edit.action == "redo"
    if asked is None:
        if not back:
            latest = next((number for number in reversed(up) if up[number]), None)
            return [] if latest is None else _together(latest, edits, up)
        while undone and any(up[number] for number in undone[-1]):
            undone.pop()
        return undone[-1] if undone else []
    if not isinstance(asked, list) or not all(isinstance(number, int) for number in asked):
        raise InputError(f"'{edit.action}' names no edits but {asked!r}")
    for number in asked:
        if number not in up:
            raise InputError(f"there is no edit {number} that could be taken back")
        if up[number] == back:
            raise InputError(f"edit {number} {'stands' if back else 'was taken back already'}")
    return list(dict.fromkeys(asked))


def _together(number: int, edits: Sequence[Edit], up: dict[int, bool]) -> list[int]:
    """Return an edit and those that belong to it, or to which it belongs, if they stand."""
    root = edits[number - 1].details.get("with")
    made = edits[number - 1].made
    if root is not None:
        made = next((e.made for e in edits if root in e.made), (str(root),))
    return [
        n
        for n in up
        if up[n]
        and (n == number or edits[n - 1].details.get("with") in made
             or (bool(made) and edits[n - 1].made == made))
    ]  # fmt: skip


def json_line(plain: dict[str, Any]) -> str:
    r"""Return plain data as one line of JSON.

    Examples
    --------
    >>> from semascope.lexicon.ledger import json_line
    >>> json_line({"b": 1, "a": "é"})
    '{"a": "é", "b": 1}\n'
    """
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n"
