"""``semascope show``."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.console import Console
from rich.text import Text

from semascope.cli.functions import function_at
from semascope.cli.main import app
from semascope.core import InputError, did_you_mean
from semascope.lexicon import Lexicon, load


class Format(StrEnum):
    """How to print."""

    table = "table"
    json = "json"
    csv = "csv"
    md = "md"


SORTS = (
    "trust",
    "prevalence",
    "name",
    "id",
    "balanced_accuracy",
    "max_activation",
    "mean_activation",
)
_PLAIN = (
    "id",
    "name",
    "status",
    "trust",
    "trust_low",
    "trust_high",
    "trust_null",
    "verdict",
    "p",
    "q",
    "balanced_accuracy",
    "n_active",
    "n_inactive",
    "prevalence",
    "mean_activation",
    "max_activation",
    "name_kind",
    "muted",
    "pinned",
    "weight",
    "description",
    "made_by",
)
_LISTS = ("tags", "comments", "made_from", "became")


@app.command()
def show(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    concept: Annotated[str | None, typer.Option(help="One concept in full: id or name.")] = None,
    sort: Annotated[str, typer.Option(help=f"Sort by: {', '.join(SORTS)}.")] = "trust",
    most: Annotated[int, typer.Option(help="Rows of the table; 0 shows all.")] = 30,
    tag: Annotated[str | None, typer.Option(help="Only concepts with this tag.")] = None,
    became: Annotated[
        bool, typer.Option("--became", help="Also concepts that were merged or split.")
    ] = False,
    format: Annotated[Format, typer.Option(help="How to print.")] = Format.table,
    contradictions: Annotated[
        bool, typer.Option("--contradictions", help="Rows that speak against a concept's name.")
    ] = False,
    families: Annotated[
        bool, typer.Option("--families", help="Concepts that belong together, as a tree.")
    ] = False,
    sheets: Annotated[
        Path | None,
        typer.Option(help="Folder to write a picture into for each concept, or for --concept."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="For --sheets and --parts: folder of the images, if they were moved."),
    ] = None,
    parts: Annotated[
        bool,
        typer.Option(
            "--parts", help="What fires a concept in its items: words, patches, events, columns."
        ),
    ] = False,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="For --parts and --sheets: your function from items to vectors, as "
            "module:function or file.py:function."
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Trust within each value of a column of the items; by 'activation' within "
            "quarters of the activation."
        ),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(help="For --contradictions and --by: vectors, if there is no encoder."),
    ] = None,
) -> None:
    """Show the concepts of a lexicon, or one of them in full."""
    if sort not in SORTS:
        raise InputError(
            f"cannot sort by '{sort}'; sort by: {', '.join(SORTS)}{did_you_mean(sort, SORTS)}"
        )
    opened = load(lexicon)
    if families:
        _families(opened, format)
        return
    if contradictions:
        _contradictions(opened, concept, vectors, format)
        return
    if sheets is not None:
        from semascope.pipeline import write_sheets

        one = None if concept is None else [concept]
        encode = None if encoder is None else function_at(encoder, "--encoder")
        drawn = write_sheets(opened, sheets, concepts=one, images=images, encode=encode)
        typer.echo(f"{len(drawn)} sheet{'s' * (len(drawn) != 1)} in {sheets}")
        return
    if parts:
        _parts(opened, concept, encoder, images, format)
        return
    if by is not None:
        _by(opened, by, concept, vectors, format, most)
        return
    if concept is not None:
        details = concept_details(opened, opened.row_of(concept))
        if format is Format.table:
            _print_concept(opened, details)
        elif format is Format.json:
            typer.echo(json.dumps(details, indent=2, ensure_ascii=False))
        elif format is Format.md:
            typer.echo(_concept_markdown(details))
        else:
            raise InputError("one concept prints as table, json or md; csv is for the whole table")
        return
    falling = sort not in {"name", "id"}
    table = opened.concepts
    if tag is not None:
        tags = table["tags"].explode().drop_nulls().unique().to_list()
        if tag not in tags:
            raise InputError(f"no concept has the tag '{tag}'{did_you_mean(tag, tags)}")
    table = table.with_row_index("latent").filter(
        (pl.col("became").list.len() == 0) | became,
        pl.col("tags").list.contains(tag) if tag is not None else True,
    )
    hidden = len(table)
    table = table.sort("pinned", sort, "latent", descending=[True, falling, False], nulls_last=True)
    table = table.head(most) if most > 0 and format is Format.table else table
    plain = table.select(_PLAIN)
    if format is Format.json:
        typer.echo(json.dumps(plain.to_dicts(), indent=2, ensure_ascii=False))
    elif format is Format.csv:
        typer.echo(plain.write_csv(), nl=False)
    elif format is Format.md:
        typer.echo(_markdown(plain))
    else:
        _print_table(opened, table, hidden - len(table))


def _families(lexicon: Lexicon, format: Format) -> None:
    from semascope.cli.families import families_data, print_families

    if format is Format.json:
        typer.echo(json.dumps(families_data(lexicon), indent=2, ensure_ascii=False))
    elif format is Format.table:
        print_families(lexicon)
    else:
        raise InputError("families print as table or json")


def _parts(
    lexicon: Lexicon, concept: str | None, encoder: str | None, images: Path | None, format: Format
) -> None:
    from semascope.cli.parts import print_parts
    from semascope.pipeline import firing_parts

    encode = None if encoder is None else function_at(encoder, "--encoder")
    concepts = None if concept is None else [concept]
    found = firing_parts(lexicon, encode, concepts=concepts, images=images)
    if format is Format.json:
        typer.echo(json.dumps(found.to_dicts(), indent=2, ensure_ascii=False))
    elif format is Format.csv:
        typer.echo(found.write_csv(), nl=False)
    elif format is Format.md:
        raise InputError("parts print as table, json or csv")
    else:
        print_parts(found)


def _contradictions(
    lexicon: Lexicon, concept: str | None, vectors: Path | None, format: Format
) -> None:
    from semascope.cli.contradict import as_data, print_contradictions
    from semascope.pipeline.contradicting import find_contradictions

    if concept is None:
        raise InputError("--contradictions looks at one concept; name it with --concept")
    if format not in {Format.table, Format.json}:
        raise InputError("contradictions print as table or json")
    found = find_contradictions(lexicon, concept, vectors=vectors)
    if format is Format.json:
        typer.echo(json.dumps(as_data(found), indent=2, ensure_ascii=False))
    else:
        print_contradictions(found)


def _by(
    lexicon: Lexicon, by: str, concept: str | None, vectors: Path | None, format: Format, most: int
) -> None:
    from semascope.cli.by import print_by
    from semascope.pipeline import trust_by

    if format is Format.md:
        raise InputError("trust by groups prints as table, json or csv")
    column = None if by == "activation" and by not in lexicon.items.columns else by
    concepts = None if concept is None else [concept]
    found = trust_by(lexicon, column, concepts=concepts, vectors=vectors)
    if format is Format.json:
        typer.echo(json.dumps(found.scores.to_dicts(), indent=2, ensure_ascii=False))
    elif format is Format.csv:
        typer.echo(found.scores.write_csv(), nl=False)
    else:
        print_by(lexicon, found, by, most)


def concept_details(lexicon: Lexicon, latent: int) -> dict[str, Any]:
    """Gather everything about one concept as plain data.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.cli.show import concept_details
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> concept_details(lex, 3)["id"]
    'c3'
    """
    from semascope.cli.tables import texts_of

    row = lexicon.concepts.row(latent, named=True)
    details = {key: row[key] for key in _PLAIN}
    details |= {key: row[key] for key in ("alternatives", "evidence", "histogram", *_LISTS)}
    details["label"] = lexicon.label(latent)
    details["top"] = texts_of(lexicon, row["top"], 200)
    details["bands"] = [texts_of(lexicon, band, 200) for band in row["bands"]]
    details["near_misses"] = texts_of(lexicon, row["near_misses"][:5], 200)
    for key in ("similar", "coactive"):
        ids = lexicon.concepts["id"]
        details[key] = [{"id": ids[j], "name": lexicon.label(j)} for j in row[key]]
    return details


def _print_table(lexicon: Lexicon, table: pl.DataFrame, hidden: int) -> None:
    from semascope.cli.tables import concept_table, summary

    console = Console()
    console.print(concept_table(lexicon, table, examples=1))
    if hidden:
        console.print(f"\n… and {hidden} more (all with --most 0)", style="dim")
    console.print()
    for line in summary(lexicon):
        console.print(Text(line, style="dim"))


def _print_concept(lexicon: Lexicon, d: dict[str, Any]) -> None:
    from semascope.cli.tables import brief, histogram_lines, trust_text, verdict_text

    console = Console()
    console.print(Text(f"{d['id']}  {brief(d['label'])}", style="bold"))
    if d["alternatives"]:
        console.print(Text("also      " + " · ".join(map(brief, d["alternatives"]))))
    for said in _edited(d):
        console.print(Text(said))
    row = lexicon.concepts.row(lexicon.row_of(d["id"]), named=True)
    line = Text("trust     ").append_text(trust_text(row))
    if d["trust"] is not None:
        line.append(
            f"  chance {d['trust_null']:.2f}, balanced accuracy {d['balanced_accuracy']:.2f}, "
            f"{d['n_active']} active and {d['n_inactive']} inactive verify rows",
            style="dim",
        )
    console.print(line)
    if d["verdict"] is not None:
        line = Text("verdict   ").append_text(verdict_text(d["verdict"]))
        console.print(line.append(f"  q {d['q']:.2g} over all names", style="dim"))
    console.print(Text(f"rows      {100 * (d['prevalence'] or 0):.2f} % of {len(lexicon.codes):,}"))
    console.print(
        Text("activity  ").append_text(histogram_lines(d["histogram"], d["max_activation"]))
    )
    for text in d["evidence"]:
        console.print(Text(f"goes with {brief(text)}"))
    _section(console, "strongest", d["top"][:5])
    for number, band in enumerate(d["bands"][1:], 2):
        _section(console, f"band {number} of {len(d['bands'])}", band)
    _section(console, "near misses (not active)", d["near_misses"])
    for title, key in (("most similar", "similar"), ("most often together", "coactive")):
        _section(console, title, [f"{s['id']}  {brief(s['name'])}" for s in d[key]])


def _edited(d: dict[str, Any]) -> list[str]:
    """Say what people made of a concept."""
    lines = [d["description"]] if d["description"] else []
    if d["tags"]:
        lines.append(f"tags      {', '.join(d['tags'])}")
    if d["weight"] != 1:
        lines.append(f"weight    {d['weight']:g}")
    if d["made_by"]:
        made = {"merge": "merged from", "split": "a part of", "add": "added"}[d["made_by"]]
        lines.append(f"made      {made} {', '.join(d['made_from'])}".rstrip())
    if d["became"]:
        lines.append(f"became    {', '.join(d['became'])}")
    return [*lines, *(f"comment   {text}" for text in d["comments"])]


def _section(console: Console, title: str, lines: list[str]) -> None:
    if not lines:
        return
    console.print()
    console.print(Text(title, style="bold"))
    for line in lines:
        console.print(Text(f"  {line}"), overflow="ellipsis", no_wrap=True)


def _markdown(table: pl.DataFrame) -> str:
    columns = [
        "id",
        "name",
        "status",
        "trust",
        "trust_low",
        "trust_high",
        "trust_null",
        "verdict",
        "prevalence",
    ]
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in table.select(columns).iter_rows():
        cells = ["" if c is None else f"{c:.3f}" if isinstance(c, float) else str(c) for c in row]
        lines.append(
            "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"
        )
    return "\n".join(lines)


def _concept_markdown(d: dict[str, Any]) -> str:
    lines = [f"# {d['id']}: {d['label']}", ""]
    for key in ("trust", "trust_low", "trust_high", "trust_null", "prevalence"):
        lines += [f"- {key}: {d[key]:.3f}"] if d[key] is not None else []
    lines += [f"- verdict: {d['verdict']}"] if d["verdict"] is not None else []
    for key in ("alternatives", "evidence", "top", "near_misses"):
        if d[key]:
            lines += ["", f"## {key.replace('_', ' ')}", *(f"- {text}" for text in d[key])]
    for key in ("similar", "coactive"):
        if d[key]:
            lines += ["", f"## {key}", *(f"- {s['id']}: {s['name']}" for s in d[key])]
    return "\n".join(lines)
