"""Edits as a file: carried from one copy of a lexicon to another, or to one that is like it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semascope.core import ArtifactError, InputError, write_atomic
from semascope.lexicon.editing import fresh_ids, record
from semascope.lexicon.ledger import Edit, check_action, json_line, standing
from semascope.lexicon.replay import Follower

if TYPE_CHECKING:
    from semascope.lexicon.lexicon import Lexicon

PATCH = 1
# Edits of which the last one wins, and so can contradict another's.
_SETTING = ("rename", "describe", "weight")
_OPPOSITE = {"mute": "unmute", "unmute": "mute", "pin": "unpin", "unpin": "pin"}


@dataclass
class Patched:
    """What applying a patch did.

    Parameters
    ----------
    applied : list of Edit
        Records that were added.
    known : int
        Edits of the patch that the lexicon had already.
    conflicts : list of str
        Edits that were left out, or overruled one of the lexicon's own, and why.
    renumbered : dict of str to str
        Concepts of the patch that have another id here.

    Examples
    --------
    >>> from semascope.lexicon import Patched
    >>> Patched().known
    0
    """

    applied: list[Edit] = field(default_factory=list)
    known: int = 0
    conflicts: list[str] = field(default_factory=list)
    renumbered: dict[str, str] = field(default_factory=dict)


def fingerprint(lexicon: Lexicon) -> str:
    """Return a hash of what a lexicon was before edits: dictionary, concepts, rows.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon import fingerprint
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> before = fingerprint(lex)
    >>> lex.edit("mute", "c0")
    >>> fingerprint(lex) == before
    True
    """
    parts = [
        lexicon.dictionary.fingerprint,
        str(lexicon.info.get("data_fingerprint")),
        str(len(lexicon.base_codes)),
        *lexicon.base["id"],
    ]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def export_edits(lexicon: Lexicon, path: str | Path) -> int:
    """Write the edits that stand as a patch, JSON lines, and return how many there are.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon import apply_patch, export_edits
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, out="a.lexicon", progress=False)
    >>> copy = sc.load("a.lexicon")
    >>> copy.path = None
    >>> lex.edit("rename", "c0", "mine")
    >>> export_edits(lex, "mine.jsonl")
    1
    >>> len(apply_patch(copy, "mine.jsonl").applied), copy.concepts["name"][0]
    (1, 'mine')
    """
    found = [edit for _, edit in standing(lexicon.edits)]
    lines = [json_line({"patch": PATCH, "lexicon": fingerprint(lexicon), "edits": len(found)})]
    follower = Follower(lexicon.base)
    for number, edit in enumerate(found, 1):
        # Names as they were before the edit: by these another lexicon knows its concepts.
        names = {id: follower.name_of(id) for id in _needed(edit)}
        lines.append(json_line({"edit": edit.as_dict(), "names": names}))
        follower.do(number, edit)
    target = Path(path)
    write_atomic(target, lambda tmp: tmp.write_text("".join(lines), encoding="utf-8", newline="\n"))
    return len(found)


def apply_patch(
    lexicon: Lexicon, path: str | Path, *, force: bool = False, author: str | None = None
) -> Patched:
    """Add the edits of a patch to a lexicon, with the time and author that they have.

    Edits that the lexicon has already are passed over, so a patch can be applied again after it
    grew. A concept of the patch whose id is taken here gets another one.

    Parameters
    ----------
    lexicon : Lexicon
        What is edited.
    path : str or Path
        What `export_edits` wrote.
    force : bool, default False
        Apply to another lexicon than the one that the patch was made for, finding concepts by id
        and name or else by name alone; leave out edits that cannot be; let edits of the patch
        overrule those of the lexicon.
    author : str, optional
        For edits without one.

    Raises
    ------
    ArtifactError
        If the file is no patch, or damaged; the line is named.
    InputError
        If the patch was made for another lexicon or there are conflicts, and `force` is not set;
        nothing is then changed.
    """
    header, lines = _read(Path(path))
    same = header.get("lexicon") == fingerprint(lexicon)
    if not same and not force:
        raise InputError(
            f"{path} was made for another lexicon (fingerprint {header.get('lexicon')}, this one "
            f"has {fingerprint(lexicon)}); to apply it all the same, by the concepts' names, force "
            "it (--force)"
        )
    out = Patched()

    def make(before: list[Edit]) -> list[Edit]:
        nonlocal out
        out = _Application(lexicon, same, before).run(lines)
        if out.conflicts and not force:
            raise InputError(
                f"{path} does not fit the edits that are here: {'; '.join(out.conflicts)}; nothing "
                "was applied. With force (--force) the rest is applied and the patch has the last "
                "word"
            )
        return out.applied

    out.applied = record(lexicon, make, author=author)
    return out


def _read(path: Path) -> tuple[dict[str, Any], list[tuple[Edit, dict[str, str | None]]]]:
    try:
        text = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        header = json.loads(text[0])
    except FileNotFoundError as err:
        raise ArtifactError(f"there is no patch at {path}") from err
    except (OSError, ValueError) as err:
        raise ArtifactError(f"{path} is no patch of edits ({err})") from err
    if not isinstance(header, dict) or not isinstance(header.get("patch"), int):
        raise ArtifactError(f"{path} is no patch of edits: its first line does not say so")
    if header["patch"] > PATCH:
        raise ArtifactError(
            f"{path} has schema {header['patch']}, this version of semascope reads up to {PATCH}; "
            "upgrade with: pip install -U semascope"
        )
    lines = []
    for number, line in enumerate(text[1:], 2):
        try:
            plain = json.loads(line)
            edit, names = Edit.of(plain["edit"]), dict(plain["names"])
            check_action(edit)
            if edit.action in ("undo", "redo"):
                raise InputError("a patch holds edits that stand, and nothing that takes them back")
            lines.append((edit, names))
        except (ValueError, KeyError, TypeError) as err:
            raise ArtifactError(f"{path}, line {number} is no edit ({err})") from err
    if header.get("edits") != len(lines):
        raise ArtifactError(
            f"{path} says that it holds {header.get('edits')} edits, and holds {len(lines)}; it is "
            "truncated or damaged"
        )
    return header, lines


def _needed(edit: Edit) -> list[str]:
    """Ids of the concepts that an edit is about."""
    members = edit.details.get("members", [])
    return [*([edit.concept] if edit.concept else []), *map(str, members)]


def _key(edit: Edit) -> str:
    """Return what two records share if they are the same edit, whatever ids it made."""
    plain = edit.as_dict()
    plain.pop("made", None)
    return json_line(plain)


class _Application:
    """The edits of a patch in terms of this lexicon, one after the other."""

    def __init__(self, lexicon: Lexicon, same: bool, before: list[Edit]) -> None:
        self.lexicon, self.same, self.before = lexicon, same, before
        self.here: dict[str, str] = {}
        self.out = Patched()
        stand = [edit for _, edit in standing(before)]
        # The same edit may stand more than once; each is known once.
        self.known: dict[str, list[Edit]] = {}
        for edit in stand:
            self.known.setdefault(_key(edit), []).append(edit)
        self.own = stand
        self.follower = Follower(lexicon.base, lexicon.dictionary.n_dimensions)
        for number, edit in standing(before):
            self.follower.do(number, edit)

    def run(self, lines: Sequence[tuple[Edit, dict[str, str | None]]]) -> Patched:
        for number, (edit, names) in enumerate(lines, 1):
            try:
                mine = self._translated(edit, names)
            except InputError as err:
                self.out.conflicts.append(f"edit {number} of the patch ({edit.action}): {err}")
                continue
            twins = self.known.get(_key(mine))
            if twins:
                self.out.known += 1
                self._note(edit.made, twins.pop(0).made)
                continue
            self._note(edit.made, mine.made)
            against = self._against(mine)
            try:
                self.follower.do(len(self.before) + len(self.out.applied) + 1, mine)
            except InputError as err:
                self.out.conflicts.append(f"edit {number} of the patch ({edit.action}): {err}")
                continue
            if against:
                self.out.conflicts.append(f"edit {number} of the patch: {against}")
            self.out.applied.append(mine)
        return self.out

    def _note(self, there: Sequence[str], here: Sequence[str]) -> None:
        for old, new in zip(there, here, strict=True):
            self.here[old] = new
            if old != new:
                self.out.renumbered[old] = new

    def _translated(self, edit: Edit, names: dict[str, str | None]) -> Edit:
        members = edit.details.get("members")
        concept = self._found(edit.concept, names) if edit.concept else ""
        details = edit.details
        if isinstance(members, list):
            details = details | {"members": [self._found(m, names) for m in members]}
        if "with" in details:
            details = details | {"with": self.here.get(str(details["with"]), details["with"])}
        rule = details.get("rule", {})
        if not self.same and isinstance(rule, dict) and rule.get("source") == "vectors":
            raise InputError("it was added from the vectors of other rows; add it again here")
        if not self.same and edit.action == "measure":
            raise InputError("it was measured on other rows; measure it again here")
        made = edit.made
        done = [*self.before, *self.out.applied]
        used = {id for other in done for id in other.made}
        if used & set(made) or any(id in self.lexicon.base["id"] for id in made):
            made = fresh_ids(done, len(made))
        return replace(edit, concept=concept, details=details, made=made)

    def _found(self, id: str, names: dict[str, str | None]) -> str:
        """Which concept here is the patch's."""
        if id in self.here:
            return self.here[id]
        if self.same:
            return id
        name = names.get(id)
        if name is None:
            raise InputError(f"concept {id} had no name by which it could be found here")
        hits = self.follower.called(name)
        if id in hits:
            return id
        if len(hits) != 1:
            raise InputError(f"{len(hits) or 'no'} concepts here are called '{name}'")
        return hits[0]

    def _against(self, edit: Edit) -> str:
        """Say which edit of this lexicon one of the patch overrules."""
        for own in reversed(self.own):
            if own.concept != edit.concept:
                continue
            if edit.action in _SETTING and own.action == edit.action:
                if own.value == edit.value:
                    return ""
                return (
                    f"{edit.concept} has {edit.action} '{own.value}' here and '{edit.value}' there"
                )
            if own.action == edit.action:
                return ""
            if own.action == _OPPOSITE.get(edit.action):
                return f"{edit.concept} has {own.action} here and {edit.action} there"
        return ""
