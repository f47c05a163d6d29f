"""``semascope name``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semascope.cli.asking import (
    Concepts,
    Concurrency,
    DryRun,
    Images,
    LlmModel,
    LlmUrl,
    MostMoney,
    MostTokens,
    PriceIn,
    PriceOut,
    Prompts,
    Vectors,
    announce,
    answers_are_kept,
    left_out_lines,
    listed,
)
from semascope.cli.main import app
from semascope.core import InputError, require_writable
from semascope.lexicon import Lexicon, load

if TYPE_CHECKING:
    from semascope.llm import Report
    from semascope.pipeline import Renaming


@app.command()
def name(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; by default NAME-named.lexicon.")
    ] = None,
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    budget: MostMoney = None,
    budget_tokens: MostTokens = None,
    dry_run: DryRun = False,
    concepts: Concepts = None,
    prompts: Prompts = None,
    vectors: Vectors = None,
    images: Images = None,
    families: Annotated[
        bool | None,
        typer.Option(
            "--families/--no-families",
            help="Name families as well; by default if all concepts are named.",
        ),
    ] = None,
    concurrency: Concurrency = 8,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace --out.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars, no table.")] = False,
) -> None:
    """Name concepts of texts or images with a language model, and verify the names.

    The key is SEMASCOPE_LLM_KEY.
    """
    from semascope.llm import Budget, check_prompts, endpoint
    from semascope.pipeline import prepare_renaming

    here = endpoint(
        llm_url, llm_model, price_in=price_in, price_out=price_out, concurrency=concurrency
    )
    out = out or lexicon.with_name(f"{lexicon.name.removesuffix('.lexicon')}-named.lexicon")
    if out.exists() and not (overwrite or dry_run):
        raise InputError(f"{out} exists; choose another --out, or replace it with --overwrite")
    if not dry_run:
        require_writable(out)
    check_prompts(prompts)
    cap = Budget(budget, budget_tokens)
    opened = load(lexicon)
    wanted = None if concepts is None else listed(concepts)
    ready = prepare_renaming(
        opened,
        vectors=vectors,
        concepts=wanted,
        images=images,
        families=families,
        show_progress=not quiet,
    )
    for line in left_out_lines(ready.left_out):
        typer.echo(line, err=True)
    announce(here, ready.forecast(here, prompts=prompts), cap, dry_run=dry_run)
    if dry_run:
        return
    with answers_are_kept():
        named, report = ready.run(here, prompts=prompts, budget=cap, show_progress=not quiet)
    named.save(out, overwrite=overwrite)
    typer.echo(str(report), err=True)
    if not quiet:
        _print_changes(opened, named, out, report, ready)


def _print_changes(
    before: Lexicon, after: Lexicon, out: Path, report: Report, ready: Renaming
) -> None:
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
    families = changed_families(before, after)
    asked = sum(c.status == "unnamed" and bool(c.active or c.sheets) for c in ready.cases)
    lost = report.unparsed + report.refused + report.failed + report.unasked
    said = f"\n{len(changed)} of {asked} concepts have a new name"
    if len(changed) < asked and lost < report.asked:
        said += "; of the others none tells held-in items better than the old one"
    console.print(said, highlight=False)
    if lost:
        console.print(
            f"{lost} of {report.asked} requests have no answer that can be used: see the counts "
            "above; what they are about keeps its name", highlight=False,
        )  # fmt: skip
    for row, called in families:
        line = Text(f"{row['id']:<4} ", style="dim").append(called or "–", style="not dim")
        line.append(" is now ", style="dim").append(row["name"], style="bold not dim")
        line.append(f"  {len(row['members'])} concepts  ", style="dim")
        console.print(line.append_text(trust_text(row)))
    if ready.family_cases:
        kin = sum(c.status == "unnamed" and bool(c.active or c.sheets) for c in ready.family_cases)
        console.print(
            f"{len(families)} of {kin} families have a new name",
            highlight=False,
        )
    console.print(f"[bold]{out}[/bold]", highlight=False)


def changed_families(before: Lexicon, after: Lexicon) -> list[tuple[dict[str, Any], str | None]]:
    """Return families with a new name, and their old names.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.cli.name import changed_families
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> changed_families(lex, lex)
    []
    """
    old = dict(before.base_families.select("id", "name").iter_rows())
    rows = after.base_families.iter_rows(named=True)
    return [(row, old[row["id"]]) for row in rows if row["name"] != old[row["id"]]]
