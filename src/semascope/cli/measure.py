"""``semascope measure``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from semascope.cli.main import app
from semascope.cli.records import check_out, write_records
from semascope.cli.show import Format
from semascope.core import InputError, listed
from semascope.lexicon import load

_SHORT = {
    "random atoms": "random",
    "PCA": "PCA",
    "PCA, as many axes as active": "PCA",
    "raw embedding": "raw",
    "difference of means": "means",
}
_ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
_NAME = 19
_LEGEND = (
    "↑ higher is better, ↓ lower; random: atoms at random; PCA of vectors, with as many axes as "
    "are active where vectors are rebuilt; raw: the embedding; means: difference of means of each "
    "label"
)
_INPUTS = "inputs: --labels (labels, factors, outcome), --groups, --vectors, --other (runs, others)"
_CODES = (".npy", ".npz", ".safetensors", ".codes")


@app.command()
def measure(
    lexicon: Annotated[
        Path | None,
        typer.Argument(help="A lexicon; or codes of another dictionary: .npy, .npz, .safetensors."),
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option(help="Column of the items for labels; may be repeated.")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            help="Metric, group (core, labels, disentanglement, concept sets) or all; may be "
            "repeated. By default all that are not slow."
        ),
    ] = None,
    groups: Annotated[
        str | None, typer.Option(help="Column that tells where rows come from.")
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Vectors that the lexicon was learned from.")
    ] = None,
    other: Annotated[
        list[Path] | None,
        typer.Option(
            help="A lexicon (for codes: atoms) from another seed, for stability; may be repeated."
        ),
    ] = None,
    items: Annotated[Path | None, typer.Option(help="For codes: table of their rows.")] = None,
    atoms: Annotated[Path | None, typer.Option(help="For codes: atoms, a row each.")] = None,
    bias: Annotated[
        Path | None, typer.Option(help="For codes: added to codes times atoms, .npy.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Measure random atoms, PCA and others too.")
    ] = True,
    shares: Annotated[
        bool,
        typer.Option(
            "--shares", help="Divide what is known of the label among concepts, by Shapley values."
        ),
    ] = False,
    list_metrics: Annotated[
        bool, typer.Option("--list", help="List the metrics: formula, source, range, limits.")
    ] = False,
    format: Annotated[Format, typer.Option(help="How to print.")] = Format.table,
    out: Annotated[
        Path | None, typer.Option(help="Write all records: .csv, .json or .parquet.")
    ] = None,
) -> None:
    """Measure how good a dictionary is, with chance levels and baselines."""
    from semascope.pipeline.measuring import measure_codes, measure_saved
    from semascope.pipeline.sharing import share_concepts

    if list_metrics:
        _list(format)
        return
    if lexicon is None:
        raise InputError("which lexicon? semascope measure NAME.lexicon (or --list)")
    if out is not None:
        check_out(out)
    of_codes = lexicon.suffix in _CODES
    alone = {"--items": items, "--atoms": atoms, "--bias": bias}
    wrong = [option for option, value in alone.items() if value is not None and not of_codes]
    if wrong:
        raise InputError(f"{listed(wrong)}: for codes ({', '.join(_CODES)}); a lexicon has its own")
    if shares and (of_codes or len(labels or ()) != 1):
        raise InputError("--shares are of a lexicon and one --labels COLUMN")
    shows = Console(stderr=True)
    with shows.status("") as status:
        if shares:
            status.update("shares")
            table = share_concepts(load(lexicon), (labels or [""])[0], vectors=vectors)
            _print_shares(table, format, out)
            return
        common: dict[str, Any] = {
            "labels": labels or (),
            "groups": groups,
            "metrics": metrics,
            "vectors": vectors,
            "baselines": baselines,
            "on_step": lambda name: status.update(name),
        }
        if of_codes:
            found = measure_codes(
                lexicon, items=items, atoms=atoms, bias=bias, others=other or (), **common
            )
        else:
            found = measure_saved(
                load(lexicon), others=[load(path) for path in other or ()], **common
            )
    if out is not None:
        write_records(found.table, out)
    if format is not Format.table:
        _plain(found.table, format)
        return
    console = Console()
    console.print(_table(found.table))
    for line in _notes(found.table, found.notes):
        console.print(Text(line, style="dim"))


def _print_shares(shares: pl.DataFrame, format: Format, out: Path | None) -> None:
    if out is not None:
        write_records(shares, out)
    if format is not Format.table:
        _plain(shares, format)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id", style="dim")
    table.add_column("concept", style="bold")
    for title in ("Shapley share", "lost without it"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in shares.iter_rows(named=True):
        share = f"{row['shapley']:.3f} ± {row['error']:.3f}"
        table.add_row(row["id"], row["name"] or "(unnamed)", share, _short(row["left_out"]))
    console = Console()
    console.print(table)
    total = float(shares["shapley"].sum())
    console.print(Text(f"\ncompleteness of these {len(shares)} concepts: {total:.3f}", style="dim"))


def _table(records: pl.DataFrame) -> Table:
    """Fits into 80 columns, which is what there is where nobody sits before a screen."""
    beside = list(dict.fromkeys(_SHORT[n] for n in _SHORT if n in set(records["of"])))
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("metric", min_width=_NAME)
    table.add_column("", no_wrap=True, style="dim")
    for title in ("value  [95 %]", "chance", *beside, "n"):
        table.add_column(title, justify="right", no_wrap=True)
    values = {
        (r["metric"], _SHORT.get(r["of"])): r["value"]
        for r in records.drop_nulls("value").iter_rows(named=True)
    }
    for row in records.filter(of="codes").drop_nulls("value").iter_rows(named=True):
        low, high = row["low"], row["high"]
        interval = "" if low is None else f" [{_short(low)}, {_short(high)}]"
        table.add_row(
            row["metric"],
            _ARROWS[row["better"]],
            f"{_short(row['value'])}{interval}",
            _short(row["null"]),
            *(_short(values.get((row["metric"], name))) for name in beside),
            f"{row['n']:,}",
        )
    return table


def _short(value: float | None) -> str:
    """Three digits that tell, in five places."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    shown = f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
    return shown.replace("0.", ".", 1) if abs(float(shown)) < 1 else shown


def _notes(records: pl.DataFrame, notes: list[str]) -> list[str]:
    ours = records.filter(of="codes")
    said = [f"{r['metric']}: {r['note']}" for r in ours.iter_rows(named=True) if r["note"]]
    rare = max(records["failures"].to_list(), default=0)
    if rare:
        notes = [*notes, f"{rare} labels are on one side of the rows only and were left out"]
    if any(note.startswith("not measured without") for note in notes):
        notes = [*notes, _INPUTS]
    legend = [_LEGEND] if set(records["of"]) - {"codes"} else [_LEGEND.partition(";")[0]]
    more = "how each is defined, and its limits: semascope measure --list"
    return ["", *legend, *said, *notes, more]


def _plain(table: pl.DataFrame, format: Format) -> None:
    if format is Format.json:
        typer.echo(json.dumps(table.to_dicts(), indent=2, ensure_ascii=False))
    elif format is Format.csv:
        nested = [name for name, kind in table.schema.items() if kind.is_nested()]
        typer.echo(table.with_columns(pl.col(nested).list.join(", ")).write_csv(), nl=False)
    else:
        typer.echo(_markdown(table))


def _markdown(table: pl.DataFrame) -> str:
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * table.width]
    for row in table.iter_rows():
        cells = [_cell(cell).replace("|", "\\|").replace("\n", " ") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return ", ".join(cell) if isinstance(cell, list) else str(cell)


def _list(format: Format) -> None:
    from semascope.measure import metrics

    table = metrics()
    if format is not Format.table:
        if format is Format.json:
            # JSON has no infinity.
            infinite = pl.col("low", "high")
            table = table.with_columns(pl.when(infinite.is_finite()).then(infinite).name.keep())
        _plain(table, format)
        return
    console = Console()
    for group, part in table.group_by("group", maintain_order=True):
        console.print(Text(str(group[0]), style="bold"))
        for row in part.iter_rows(named=True):
            console.print(Text(f"  {row['metric']}", style="bold"), end="")
            needs = f"; needs {', '.join(row['needs'])}" if row["needs"] else ""
            console.print(Text(f"  {row['cost']}{needs}", style="dim"))
            console.print(Text(f"      {row['formula']}  ({row['source']})"))
            better = "" if row["better"] == "neither" else f"{row['better']} is better, "
            limits = f"; {row['limits']}" if row["limits"] else ""
            console.print(
                Text(f"      {better}{row['low']:g} to {row['high']:g}, chance: ", style="dim")
                + Text(f"{row['chance']}{limits}", style="dim")
            )
        console.print()
