"""``semascope log``, ``semascope undo`` and ``semascope redo``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from semascope.cli.main import app
from semascope.core import ArtifactError, InputError
from semascope.lexicon import Edit, Lexicon, export_edits, load, standing


@app.command()
def log(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write the edits that stand to a file, as a patch.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file.")] = False,
) -> None:
    """Show who changed what and when, or export it for another copy of the lexicon."""
    if export is not None and export.exists() and not overwrite:
        raise ArtifactError(f"{export} exists; choose another name, or replace it with --overwrite")
    opened = load(lexicon)
    if export is not None:
        count = export_edits(opened, export)
        typer.echo(f"{count} edit{'s' * (count != 1)}: {export}")
        typer.echo(f"apply them with: semascope edit LEXICON --patch {export}")
        return
    stand = {number for number, _ in standing(opened.edits)}
    if as_json:
        rows = [
            {"number": n, "stands": n in stand or edit.action in ("undo", "redo")}
            | without_arrays(edit.as_dict())
            for n, edit in enumerate(opened.edits, 1)
        ]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not opened.edits:
        typer.echo("nobody has edited this lexicon")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "when (UTC)", "who", "what"):
        table.add_column(title, justify="right" if title == "" else "left")
    for number, edit in enumerate(opened.edits, 1):
        taken_back = number not in stand and edit.action not in ("undo", "redo")
        table.add_row(
            str(number),
            edit.time[:19].replace("T", " "),
            Text(edit.author),
            Text(in_words(edit) + (" (undone)" if taken_back else "")),
            style="dim" if taken_back else "",
        )
    Console().print(table)


@app.command()
def undo(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Edits to take back, by their number in the log.")
    ] = None,
    n: Annotated[int, typer.Option("-n", help="Take back the latest so many edits.", min=1)] = 1,
    author: Annotated[str | None, typer.Option(help="Who edits; by default you.")] = None,
) -> None:
    """Take back the latest edit, or others by their number; 'redo' puts them back."""
    opened = load(lexicon)
    if numbers and n != 1:
        raise InputError("give either numbers of edits or -n")
    done = opened.undo(*(numbers or []), count=n, author=author)
    _tell(opened, "undone", done)


@app.command()
def redo(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Edits to put back, by their number in the log.")
    ] = None,
    author: Annotated[str | None, typer.Option(help="Who edits; by default you.")] = None,
) -> None:
    """Put back what was undone last, or other edits by their number."""
    opened = load(lexicon)
    _tell(opened, "done again", opened.redo(*(numbers or []), author=author))


def _tell(opened: Lexicon, what: str, numbers: list[int]) -> None:
    for number in numbers:
        typer.echo(f"{what}: {number}  {in_words(opened.edits[number - 1])}")
    active = opened.codes.nnz / max(1, len(opened.codes))
    left = len(standing(opened.edits))
    typer.echo(f"{left} edit{' stands' if left == 1 else 's stand'}; {active:.2f} concepts a row")


def without_arrays(plain: Any) -> Any:
    """Return a record with arrays as dtype and shape, without their numbers, which are in patches.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.cli.log import without_arrays
    >>> from semascope.lexicon.packed import pack
    >>> without_arrays({"mix": pack(np.ones(2, np.float32))})
    {'mix': {'dtype': '<f4', 'shape': [2]}}
    """
    if isinstance(plain, list):
        return [without_arrays(one) for one in plain]
    if not isinstance(plain, dict):
        return plain
    hidden = ("base64", "crc32") if "base64" in plain else ()
    return {key: without_arrays(one) for key, one in plain.items() if key not in hidden}


def in_words(edit: Edit) -> str:
    """Say in a line what an edit did.

    Examples
    --------
    >>> from semascope.cli.log import in_words
    >>> from semascope.lexicon import Edit
    >>> in_words(Edit("rename", "c3", "late delivery"))
    "rename c3 'late delivery'"
    """
    details: dict[str, Any] = edit.details
    parts = [edit.action]
    if edit.action in ("undo", "redo"):
        return " ".join([*parts, *map(str, details.get("edits", []))])
    parts += [edit.concept] if edit.concept else list(map(str, details.get("members", [])))
    if edit.action == "measure":
        trust = details.get("scores", {}).get("trust")
        return f"measure {edit.concept} '{edit.value}'" + (f": trust {trust:.2f}" if trust else "")
    if edit.value:
        parts.append(edit.value if edit.action == "weight" else f"'{edit.value}'")
    elif edit.action == "add":
        parts.append(f"by {len(details.get('examples', []))} examples")
    if edit.made:
        names = details.get("names") or [None] * len(edit.made)
        made = [f"{id} '{n}'" if n else id for id, n in zip(edit.made, names, strict=False)]
        parts.append("-> " + ", ".join(made))
    return " ".join(parts)
