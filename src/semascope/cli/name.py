"""``semascope name``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from semascope.cli.main import app
from semascope.core import InputError
from semascope.lexicon import Lexicon, load


@app.command()
def name(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; by default NAME-named.lexicon.")
    ] = None,
    llm_url: Annotated[
        str | None, typer.Option(help="Base URL of an OpenAI-compatible server.")
    ] = None,
    llm_model: Annotated[str | None, typer.Option(help="Its name for the model.")] = None,
    price_in: Annotated[
        float | None, typer.Option(help="Price of a million tokens read.", min=0)
    ] = None,
    price_out: Annotated[
        float | None, typer.Option(help="Price of a million tokens written.", min=0)
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Most money to spend, in the currency of the prices.")
    ] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="Most tokens to use.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would cost, and ask nothing.")
    ] = False,
    concepts: Annotated[
        str | None, typer.Option(help="Only these: ids or names, with commas between.")
    ] = None,
    prompts: Annotated[Path | None, typer.Option(help="Folder of your own prompts.")] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Vectors that it was learned from, if it has no encoder.")
    ] = None,
    concurrency: Annotated[int, typer.Option(help="Requests at a time.", min=1)] = 8,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace --out.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars, no table.")] = False,
) -> None:
    """Name concepts with a language model, and verify the names; the key is SEMASCOPE_LLM_KEY."""
    from semascope.llm import Budget, endpoint
    from semascope.pipeline import prepare_renaming

    here = endpoint(
        llm_url, llm_model, price_in=price_in, price_out=price_out, concurrency=concurrency
    )
    out = out or lexicon.with_name(f"{lexicon.name.removesuffix('.lexicon')}-named.lexicon")
    if out.exists() and not (overwrite or dry_run):
        raise InputError(f"{out} exists; choose another --out, or replace it with --overwrite")
    cap = Budget(budget, budget_tokens)
    opened = load(lexicon)
    wanted = None if concepts is None else [c.strip() for c in concepts.split(",") if c.strip()]
    ready = prepare_renaming(opened, vectors=vectors, concepts=wanted, show_progress=not quiet)
    coming = ready.forecast(here, prompts=prompts)
    typer.echo(f"{here.model} at {here.url}: {coming}", err=not dry_run)
    cap.check(here, coming)
    if dry_run:
        return
    try:
        named, report = ready.run(here, prompts=prompts, budget=cap, show_progress=not quiet)
    except KeyboardInterrupt:
        print("interrupted; what was answered is kept: go on with the same command",
              file=sys.stderr)  # fmt: skip
        raise typer.Exit(130) from None
    named.save(out, overwrite=overwrite)
    typer.echo(str(report), err=True)
    if not quiet:
        _print_changes(opened, named, out)


def _print_changes(before: Lexicon, after: Lexicon, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from semascope.cli.tables import trust_text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "before", "trust", "now", "trust", "description"):
        table.add_column(title, overflow="fold" if title == "description" else "ellipsis")
    rows = list(zip(before.base.iter_rows(named=True), after.base.iter_rows(named=True),
                    strict=True))  # fmt: skip
    changed = [(old, new) for old, new in rows if old["name"] != new["name"]]
    for old, new in sorted(changed, key=lambda pair: -(pair[1]["trust_low"] or 0.0)):
        table.add_row(
            old["id"], Text(old["name"] or "–"), trust_text(old), Text(new["name"]),
            trust_text(new), Text(new["description"] or ""),
        )  # fmt: skip
    console = Console()
    if changed:
        console.print(table)
    asked = sum(new["status"] in {"named", "unnamed"} for _, new in rows)
    console.print(
        f"\n{len(changed)} of {asked} concepts have a new name; the others kept theirs, which tells"
        f" held-in items at least as well\n[bold]{out}[/bold]", highlight=False,
    )  # fmt: skip
