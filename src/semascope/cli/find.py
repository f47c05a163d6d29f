"""``semascope find``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from semascope.cli.main import app
from semascope.lexicon import load


@app.command()
def find(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    phrase: Annotated[str, typer.Argument(help="What to look for.")],
    most: Annotated[int, typer.Option(help="How many concepts and items.", min=1)] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find concepts and items for a phrase, and why each item matches."""
    from semascope.cli.tables import texts_of
    from semascope.search import find as search

    opened = load(lexicon)
    found = search(opened, phrase, most=most)
    if as_json:
        data = {"concepts": found.concepts.to_dicts(), "items": found.items.to_dicts()}
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    console = Console()
    concepts = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "concept", "similarity", "fires", "trust"):
        concepts.add_column(title, justify="left" if title in {"id", "concept"} else "right")
    for row in found.concepts.iter_rows(named=True):
        concepts.add_row(
            row["concept"],
            Text(row["name"]),
            "–" if row["similarity"] != row["similarity"] else f"{row['similarity']:.2f}",
            f"{row['activation']:.2f}" if row["activation"] > 0 else "–",
            "–" if row["trust"] is None else f"{row['trust']:.2f}",
        )
    console.print(concepts)
    console.print()
    if len(found.items) == 0:
        console.print(Text("no item has a concept that the phrase points to", style="dim"))
        return
    for row in found.items.iter_rows(named=True):
        text = texts_of(opened, [row["row"]], 160)[0]
        console.print(Text(f"{row['score']:.2f}  {text}"), overflow="ellipsis", no_wrap=True)
        why = " · ".join(f"{b['name']} {100 * b['share']:.0f} %" for b in row["because"])
        console.print(Text(f"      because: {why}", style="dim"), overflow="ellipsis", no_wrap=True)
