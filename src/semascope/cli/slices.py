"""``semascope slices``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from semascope.cli.main import app
from semascope.cli.results import (
    AsJson,
    Out,
    Overwrite,
    Plot,
    check_files,
    print_json,
    write_files,
)
from semascope.explain import Slices
from semascope.lexicon import load

_SHOWN = 30


@app.command()
def slices(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    true: Annotated[str, typer.Option(help="Column of the items that holds what is so.")],
    pred: Annotated[str, typer.Option(help="Column of what the model says, held out.")],
    column: Annotated[
        list[str] | None,
        typer.Option(help="Column to make conditions of (may be repeated); by default all."),
    ] = None,
    concepts_only: Annotated[
        bool, typer.Option("--concepts-only", help="No conditions on columns.")
    ] = False,
    loss: Annotated[str, typer.Option(help="auto, error, log, absolute or squared.")] = "auto",
    groups: Annotated[
        str | None, typer.Option(help="Column of rows that are not independent: authors, stores.")
    ] = None,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Leave out rows without truth or prediction.")
    ] = False,
    depth: Annotated[int, typer.Option(help="Parts of a slice at most.", min=1)] = 3,
    level: Annotated[float, typer.Option(help="False-discovery rate of slices.")] = 0.05,
    items: Annotated[str, typer.Option(help="What rows are called, in the plural.")] = "items",
    out: Out = None,
    plot: Plot = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Tell for which combinations of concepts and columns a model is worse than elsewhere."""
    from semascope.core import InputError
    from semascope.explain import slices as find_slices

    check_files(out, plot, overwrite=overwrite)
    if column and concepts_only:
        raise InputError("--column and --concepts-only exclude each other")
    found = find_slices(
        load(lexicon),
        true,
        pred,
        columns=[] if concepts_only else column or None,
        loss=loss,
        groups=groups,
        missing="drop" if drop_missing else "error",
        depth=depth,
        level=level,
        items=items,
    )
    write_files(found, out, plot, overwrite=overwrite)
    if as_json:
        print_json(found.as_data())
        return
    print_slices(found)


def print_slices(found: Slices) -> None:
    """Print sentences and the table.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.cli.slices import print_slices
    >>> random = np.random.default_rng(0)
    >>> x, wrong = random.random((600, 3)) < 0.3, random.random(600) < 0.2
    >>> print_slices(sc.explain.slices(x, wrong | x[:, 1], np.zeros(600, bool)))
    error rate: 1 of 1 tested slices at a false-discovery rate of 0.05
    ...
    """
    from semascope.explain.sentences import number

    console = Console()
    count = len(found.findings)
    console.print(
        Text(
            f"{found.losses.called}: {count} of {len(found.table)} tested slices at a "
            f"false-discovery rate of {found.level:g}",
            style="bold",
        )
    )
    for line in found.sentences[:_SHOWN]:
        console.print(Text(f"  • {line}"))
    if len(found.table):
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("slice", "effect  [95 %]", "q", "rows"):
            table.add_column(title, justify="left" if title == "slice" else "right")
        for row in found.table.head(_SHOWN).iter_rows(named=True):
            style = "" if (row["q"] or 0) <= found.level and (row["effect"] or 0) > 0 else "dim"
            if row["effect"] is None:
                continue
            width = row["high"] - row["low"]
            effect, low, high = (number(row[key], width) for key in ("effect", "low", "high"))
            ends = f"{effect} [{low}, {high}]"
            table.add_row(Text(row["slice"]), ends, f"{row['q']:.2g}", f"{row['n']:,}", style=style)
        console.print()
        console.print(table)
    rows = found.how["rows"]
    console.print()
    said = [f"tested on {rows['tested']:,} rows (verify); searched on {rows['searched']:,} others"]
    said += [f"{size:,} {why}" for why, size in found.left_out.items()]
    for line in said:
        console.print(Text(line, style="dim"))
