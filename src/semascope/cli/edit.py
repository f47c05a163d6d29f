"""``semascope edit``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from semascope.cli.main import app
from semascope.core import InputError, did_you_mean
from semascope.lexicon import Lexicon, apply_patch, load
from semascope.lexicon.editing import is_family
from semascope.lexicon.ledger import MAKING, ON_ONE

_ACTIONS = (*ON_ONE, *MAKING, "name", "verify")
_USE = {
    "merge": 'merge C C ... [--name "NAME"] [--how max]',
    "split": "split C [--into K | --examples ID,ID --examples ID,ID] [--names A,B]",
    "add": "add (--phrase P | --examples ID,ID,ID --name NAME) [--share 0.02]",
    "name": "name C ...",
    "verify": "verify [C ...]",
}


@app.command(
    epilog="Actions: rename C NAME, describe C TEXT, comment C TEXT, tag C TAG, untag C TAG, "
    "weight C NUMBER, mute C, unmute C, pin C, unpin C, "
    + "; ".join(_USE.values())
    + ". C is a concept's id or name; rename takes a family's id too. Undo: semascope undo LEXICON."
)
def edit(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    action: Annotated[str | None, typer.Argument(help="What to do; see below.")] = None,
    words: Annotated[
        list[str] | None, typer.Argument(help="The concepts, and what is said about them.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of what merge or add makes.")] = None,
    names: Annotated[str | None, typer.Option(help="Names of the parts, with commas.")] = None,
    into: Annotated[int | None, typer.Option(help="Number of parts of a split.")] = None,
    examples: Annotated[
        list[str] | None,
        typer.Option(help="Rows by id, with commas; for a split once for each part."),
    ] = None,
    phrase: Annotated[str | None, typer.Option(help="What an added concept is about.")] = None,
    share: Annotated[
        float | None, typer.Option(help="Share of rows on which an added concept is active.")
    ] = None,
    how: Annotated[str, typer.Option(help="Activation of a merge: sum or max.")] = "sum",
    vectors: Annotated[
        Path | None, typer.Option(help="Vectors that the lexicon was learned from.")
    ] = None,
    patch: Annotated[
        Path | None, typer.Option(help="Apply the edits of a file that 'log --export' wrote.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Apply a patch of another lexicon, leave conflicts out.")
    ] = False,
    author: Annotated[str | None, typer.Option(help="Who edits; by default you.")] = None,
) -> None:
    """Rename, merge, split, weigh, mute, add or tag concepts; everything can be undone."""
    words = words or []
    if patch is None:
        options: dict[str, Any] = {"name": name, "names": names, "into": into, "examples": examples}
        options |= {"phrase": phrase, "share": share, "force": force or None}
        _check(action, words, options)
    elif action is not None:
        raise InputError("a patch is applied on its own: leave the action out")
    opened = load(lexicon)
    if patch is not None:
        _apply(opened, patch, force, author)
    elif action == "merge":
        _tell(opened, [opened.merge(words, name=name, how=_how(how), author=author)], words)
    elif action == "split":
        parts = [_rows(opened, some) for some in examples] if examples else None
        called = None if names is None else _listed(names)
        ids = opened.split(words[0], into, examples=parts, names=called, author=author)
        if names is None:
            _name(opened, ids, vectors, author, together=True)
        _tell(opened, ids, words)
    elif action == "add":
        given = None if examples is None else [i for some in examples for i in _rows(opened, some)]
        id = opened.add(
            phrase, examples=given, name=name, share=share, vectors=vectors, author=author
        )
        _tell(opened, [id], [])
        _tell_source(opened)
    elif action == "name":
        for id, found in _name(opened, words, vectors, author).items():
            typer.echo(f"{id}: {found or 'no name holds up'}")
    elif action == "verify":
        _verify(opened, words, vectors, author)
    else:
        _change(opened, str(action), words, author)


def _check(action: str | None, words: list[str], options: dict[str, Any]) -> None:
    """Raise `InputError` for what can be seen to be wrong before the lexicon is opened."""
    if action is None:
        raise InputError(
            "say what to do, such as: semascope edit LEXICON rename c3 'late delivery'"
        )
    if action in ("undo", "redo"):
        raise InputError(f"that is a command of its own: semascope {action} LEXICON")
    if action not in _ACTIONS:
        raise InputError(
            f"no edit '{action}'; edits: {', '.join(_ACTIONS)}{did_you_mean(action, _ACTIONS)}"
        )
    fits = {
        "merge": {"name"},
        "split": {"names", "into", "examples"},
        "add": {"name", "examples", "phrase", "share"},
    }.get(action, set())
    given = [key for key, value in options.items() if value not in (None, [])]
    wrong = [key for key in given if key not in fits]
    if wrong:
        raise InputError(f"--{wrong[0]} has nothing to do with '{action}'")
    count = {"merge": 2, "split": 1, "add": 0, "name": 1, "verify": 0}.get(action)
    if action in ON_ONE:
        needs = ON_ONE[action]
        if len(words) != (1 if needs is None else 2):
            what = "a concept" if needs is None else f"a concept and {needs}"
            quotes = " (in quotes, if it has spaces)" if len(words) > 2 else ""
            raise InputError(f"'{action}' takes {what}{quotes}")
    elif count is not None and (
        len(words) < count or (action in ("split", "add") and len(words) > count)
    ):
        raise InputError(f"use: semascope edit LEXICON {_USE[action]}")


def _change(opened: Lexicon, action: str, words: list[str], author: str | None) -> None:
    if action == "rename" and is_family(opened, words[0]):
        before = dict(opened.families.select("id", "name").iter_rows())[words[0]]
        latest = opened.edits[-1:]
        opened.edit(action, *words, author=author)
        if opened.edits[-1:] == latest:
            typer.echo(f"{words[0]}: the family '{before}' is called so already")
            return
        old = "a family without a name" if before is None else f"the family '{before}'"
        typer.echo(f"{words[0]}: {old} is now '{words[1]}'")
        typer.echo(f"its trust is not known: semascope edit {opened.path} verify {words[0]}")
        return
    latent = opened.row_of(words[0])
    id, before = opened.concepts["id"][latent], opened.label(latent)
    latest = opened.edits[-1:]
    opened.edit(action, id, *words[1:], author=author)
    if opened.edits[-1:] == latest:
        typer.echo(f"{id} '{before}' is so already: nothing was changed")
        return
    row = opened.concepts.row(latent, named=True)
    if action == "rename":
        typer.echo(f"{id}: '{before}' is now '{row['name']}'")
        if row["trust"] is None:
            typer.echo(f"its trust is not known: semascope edit {opened.path} verify {id}")
        return
    said = {
        "weight": f"counts {row['weight']:g} times",
        "mute": "is muted",
        "unmute": "is heard again",
        "pin": "is pinned",
        "unpin": "is not pinned",
        "tag": f"has the tags {', '.join(row['tags'])}",
        "untag": f"has the tags {', '.join(row['tags']) or '(none)'}",
        "comment": f"has {len(row['comments'])} comment{'s' * (len(row['comments']) != 1)}",
        "describe": f"is described as: {row['description']}"
        if row["description"]
        else "has no description",
    }[action]
    typer.echo(f"{id} '{before}' {said}")
    if action in ("weight", "mute", "unmute"):
        typer.echo(f"it is active on {_active(opened, id):,} of {len(opened.codes):,} rows")


def _active(opened: Lexicon, id: str) -> int:
    return len(opened.view.column(opened.row_of(id))[0])


def _tell(opened: Lexicon, ids: Sequence[str], before: Sequence[str]) -> None:
    """Say what was made, and how many rows show it."""
    if before:
        table = opened.concepts
        gone = [table["id"][opened.row_of(word)] for word in before]
        typer.echo(f"{', '.join(gone)} became {', '.join(ids)}")
    for id in ids:
        label = opened.label(opened.row_of(id))
        typer.echo(
            f"{id}  {label}: active on {_active(opened, id):,} of {len(opened.codes):,} rows"
        )
    typer.echo(f"take it back with: semascope undo {opened.path}")


def _tell_source(opened: Lexicon) -> None:
    found = opened.edits[-1].details["rule"]["source"]
    if found == "reconstruction":
        typer.echo("its activations come from what the dictionary reconstructs, not from vectors")


def _name(
    opened: Lexicon,
    ids: Sequence[str],
    vectors: Path | None,
    author: str | None,
    *,
    together: bool = False,
) -> dict[str, str | None]:
    from semascope.pipeline import name_edits

    return name_edits(opened, ids, vectors=vectors, together=together, author=author)


def _verify(opened: Lexicon, words: list[str], vectors: Path | None, author: str | None) -> None:
    from semascope.pipeline import measure_edits

    found = measure_edits(opened, words or None, vectors=vectors, author=author)
    if not len(found):
        typer.echo("no name waits for a measurement")
    tables = (opened.concepts, opened.families)
    verdicts = dict(row for t in tables for row in t.select("id", "verdict").iter_rows())
    for row in found.iter_rows(named=True):
        trust = row["note"]
        if row["trust"] is not None:
            trust = (
                f"trust {row['trust']:.2f} [{row['trust_low']:.2f}, {row['trust_high']:.2f}], "
                f"chance {row['trust_null']:.2f}, {verdicts.get(row['id']) or 'no verdict'}"
            )
        typer.echo(f"{row['id']}  {row['name']}: {trust}")


def _apply(opened: Lexicon, patch: Path, force: bool, author: str | None) -> None:
    done = apply_patch(opened, patch, force=force, author=author)
    count = len(done.applied)
    typer.echo(f"{count} edit{'s' * (count != 1)} applied, {done.known} were here already")
    for old, new in done.renumbered.items():
        typer.echo(f"{old} of the patch is {new} here")
    for conflict in done.conflicts:
        typer.echo(f"conflict: {conflict}")


def _rows(opened: Lexicon, some: str) -> list[str | int]:
    """Read row ids; whole numbers that are no ids are row numbers."""
    known = opened.items[opened.info.get("id") or "id"]
    words = _listed(some)
    ids = set(known.filter(known.is_in(words)))
    return [word if word in ids or not word.isdecimal() else int(word) for word in words]


def _listed(some: str) -> list[str]:
    return [word.strip() for word in some.split(",") if word.strip()]


def _how(how: str) -> Any:
    if how not in ("sum", "max"):
        raise InputError(f"--how must be sum or max, got '{how}'")
    return how
