"""Making records: each edit is checked against the ledger as it stands, and kept at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from semascope.core import InputError, did_you_mean, listed
from semascope.lexicon.ledger import (
    FAMILY,
    ON_ONE,
    TAKING_BACK,
    Edit,
    check_action,
    check_printable,
    default_author,
    now,
    numbers_of,
    standing,
)
from semascope.lexicon.ledger_file import append_edits, number_in
from semascope.lexicon.replay import is_so, replay_edits

if TYPE_CHECKING:
    from semascope.lexicon.lexicon import Lexicon

# Concepts of the dictionary are c0, c1, ...; those that people make are e1, e2, ...
PREFIX = "e"


def record(
    lexicon: Lexicon, make: Callable[[list[Edit]], list[Edit]], *, author: str | None = None
) -> list[Edit]:
    """Add records to a lexicon's ledger, with time and author, and return them.

    A lexicon in a folder takes over what other processes have added there in the meantime.

    Parameters
    ----------
    lexicon : Lexicon
        What is edited.
    make : callable
        Told the ledger as it is; returns the records to add.
    author : str, optional
        By default ``$SEMASCOPE_AUTHOR``, or else the user's name.

    Raises
    ------
    InputError
        If a record does not fit what the ledger says; nothing is then kept.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon import Edit, record
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> record(lex, lambda before: [Edit("mute", "c0")], author="ann")[0].author
    'ann'
    """
    who = (author or "").strip() or default_author()
    new: list[Edit] = []

    def signed(before: list[Edit]) -> list[Edit]:
        for edit in make(before):
            check_action(edit)
            check_printable(edit, who)
            plain = edit.as_dict()
            plain = {"time": now(), "author": who} | plain
            new.append(Edit.of(plain))
        return new

    def check(edits: list[Edit]) -> None:
        replay_edits(lexicon.base, edits, lexicon.dictionary.n_dimensions)

    if lexicon.path is None:
        edits = [*lexicon.edits, *signed(list(lexicon.edits))]
        _refused(check, edits, len(lexicon.edits))
    else:
        from semascope.lexicon.folder import EDITS

        known = len(lexicon.edits)
        edits = append_edits(
            lexicon.path / EDITS, signed, lambda edits: _refused(check, edits, known)
        )
    lexicon.edits = edits
    return new


def _refused(check: Callable[[list[Edit]], None], edits: list[Edit], known: int) -> None:
    """Check edits; of one that is only now being made, its number tells the user nothing."""
    try:
        check(edits)
    except InputError as err:
        number, why = number_in(err)
        if number == len(edits) > known:
            raise InputError(why) from err
        raise


def fresh_ids(before: Sequence[Edit], count: int) -> tuple[str, ...]:
    """Return ids for new concepts: never one that was used before, even if it was undone.

    Examples
    --------
    >>> from semascope.lexicon import Edit
    >>> from semascope.lexicon.editing import fresh_ids
    >>> fresh_ids([Edit("merge", made=("e4",))], 2)
    ('e5', 'e6')
    """
    used = (id.removeprefix(PREFIX) for edit in before for id in edit.made)
    last = max((int(number) for number in used if number.isdecimal()), default=0)
    return tuple(f"{PREFIX}{last + 1 + i}" for i in range(count))


def record_new(
    lexicon: Lexicon,
    action: str,
    details: dict[str, Any],
    *,
    count: int = 1,
    concept: str = "",
    value: str = "",
    author: str | None = None,
) -> tuple[str, ...]:
    """Record an edit that makes so many new concepts, and return their ids.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.editing import record_new
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> record_new(lex, "merge", {"members": ["c0"], "names": [None]})
    Traceback (most recent call last):
    semascope.core.errors.InputError: merging takes two concepts or more
    """

    def make(before: list[Edit]) -> list[Edit]:
        return [Edit(action, concept, value, made=fresh_ids(before, count), details=details)]

    return record(lexicon, make, author=author)[0].made


def concept_of(lexicon: Lexicon, concept: str) -> str:
    """Return the id of a concept that is given by id or name.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.editing import concept_of
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> concept_of(lex, "c3")
    'c3'
    """
    return str(lexicon.concepts["id"][lexicon.row_of(concept)])


def is_family(lexicon: Lexicon, id: str) -> bool:
    """Return whether this is the id of a family, and no concept is called so.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.editing import is_family
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> is_family(lex, "c0"), is_family(lex, "nothing")
    (False, False)
    """
    concepts = lexicon.concepts
    called = id in concepts["id"] or bool((concepts["name"] == id).any())
    return not called and id in lexicon.families["id"]


def change(
    lexicon: Lexicon, action: str, concept: str = "", value: Any = "", *, author: str | None = None
) -> None:
    """Change one concept; see `Lexicon.edit`.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.editing import change
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> change(lex, "tag", "c3", "billing")
    >>> lex.concepts["tags"][3].to_list()
    ['billing']
    """
    if action in TAKING_BACK:
        take_back(lexicon, action, (), author=author)
        return
    if action not in ON_ONE:
        methods = ("merge", "split", "add")
        if action in methods:
            raise InputError(f"use lexicon.{action}(...) for '{action}'")
        known = (*ON_ONE, *methods, *TAKING_BACK)
        raise InputError(
            f"no edit '{action}'; edits: {', '.join(known)}{did_you_mean(action, known)}"
        )
    if ON_ONE[action] is None and value != "":
        raise InputError(f"'{action}' takes no value, got {value!r}")
    family = action == "rename" and isinstance(concept, str) and is_family(lexicon, concept)
    id = concept if family or concept == "" else concept_of(lexicon, concept)
    action = FAMILY if family else action
    edit = Edit(action, id, _as_text(action, value))

    def make(before: list[Edit]) -> list[Edit]:
        check_action(edit)
        # What is so already would only stand in the way of an undo.
        if family:
            names = dict(lexicon.base_families.select("id", "name").iter_rows())
            names |= replay_edits(lexicon.base, before).families
            return [] if names[id] == edit.value else [edit]
        return [] if is_so(lexicon.base, before, edit) else [edit]

    record(lexicon, make, author=author)


def _as_text(action: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if action == "weight" and isinstance(value, Real) and not isinstance(value, bool):
        return repr(value.item() if isinstance(value, np.generic) else value)
    raise InputError(f"'{action}' needs {ON_ONE[action]}, got {value!r}")


def _require_heard(lexicon: Lexicon, ids: Sequence[str]) -> None:
    """Say before any work what replay would say after it."""
    view = lexicon.view
    for id in ids:
        row = lexicon.concepts.row(lexicon.row_of(id), named=True)
        if len(row["became"]):
            raise InputError(
                f"concept {id} has become {listed(row['became'])}; edit "
                f"{'that' if len(row['became']) == 1 else 'those'}, or undo that first"
            )
        if view.overlay.factors.get(lexicon.row_of(id), 1.0) == 0:
            raise InputError(f"concept {id} is muted; unmute it first")


def _named(name: str | None) -> str | None:
    if name is not None and not name.strip():
        raise InputError("a concept cannot have an empty name")
    return name


def take_back(
    lexicon: Lexicon,
    action: str,
    numbers: Sequence[int],
    *,
    count: int = 1,
    author: str | None = None,
) -> list[int]:
    """Undo or redo edits; see `Lexicon.undo`. Returns the numbers of those that it concerned.

    Raises
    ------
    InputError
        If there is nothing to take back, a number is no such edit, or other edits that stand need
        what one of these made; nothing is then changed.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.editing import take_back
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> lex.edit("mute", "c0")
    >>> take_back(lex, "undo", ())
    [1]
    >>> take_back(lex, "redo", ())
    [1]
    """
    if count < 1:
        raise InputError(f"count must be at least 1 edit, got {count}")
    found: list[int] = []

    def make(before: list[Edit]) -> list[Edit]:
        found.clear()
        trail = list(before)
        for done in range(count):
            asked = {"edits": list(numbers)} if numbers else {}
            some = numbers_of(Edit(action, details=asked), trail)
            if not some:
                raise InputError(f"there is nothing to {action}" + (" any more" if done else ""))
            found.extend(some)
            trail.append(Edit(action, details={"edits": some}))
        edit = Edit(action, details={"edits": list(found)})
        _require_free(lexicon, [*before, edit], found, action)
        return [edit]

    record(lexicon, make, author=author)
    return found


def _require_free(lexicon: Lexicon, edits: list[Edit], numbers: list[int], action: str) -> None:
    """Raise `InputError` if edits that stand need what was taken back, naming all of them."""
    blocking: list[int] = []
    why = ""
    rest = list(edits)
    d = lexicon.dictionary.n_dimensions
    while True:
        try:
            replay_edits(lexicon.base, rest, d)
            break
        except InputError as err:
            number, reason = number_in(err)
            if not number or number in numbers or edits[number - 1].action == "measure":
                raise InputError(f"cannot {action} {listed(map(str, numbers))}: {err}") from err
            why = why or reason
            blocking.append(number)
            rest = [*edits, Edit("undo", details={"edits": blocking})]
    if blocking:
        stand = {number for number, _ in standing(edits)}
        named = sorted(set(blocking) & stand)
        them = ("edit", "it") if len(named) == 1 else ("edits", "them")
        raise InputError(
            f"cannot {action} {listed(map(str, numbers))}: {them[0]} {listed(map(str, named))} "
            f"would not hold any more ({why}); undo {them[1]} first, or together"
        )
