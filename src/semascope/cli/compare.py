"""``semascope compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from semascope.cli.encode import VECTORS, same_column
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
from semascope.core import InputError, did_you_mean, listed
from semascope.explain import Comparison
from semascope.lexicon import Lexicon, load

_SHOWN = 30


@app.command()
def compare(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    first: Annotated[
        Path | None, typer.Argument(help="New items A: a table with texts, or a file of vectors.")
    ] = None,
    second: Annotated[Path | None, typer.Argument(help="New items B.")] = None,
    by: Annotated[
        str | None, typer.Option(help="Instead of files: column that splits the lexicon's items.")
    ] = None,
    a: Annotated[str | None, typer.Option("--a", help="Value of --by that is A.")] = None,
    b: Annotated[str | None, typer.Option("--b", help="Value that is B; else all others.")] = None,
    text: Annotated[str | None, typer.Option(help="Column of texts in the files.")] = None,
    level: Annotated[float, typer.Option(help="False-discovery rate of differences.")] = 0.05,
    out: Out = None,
    plot: Plot = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Tell which concepts differ between two sets of items, in prevalence and in strength."""
    from semascope.explain import compare as compare_sets

    check_files(out, plot, overwrite=overwrite)
    files = [file for file in (first, second) if file is not None]
    if len(files) != (2 if by is None else 0):
        raise InputError("what is to be compared: two files A and B, or --by COLUMN")
    if by is None and (a is not None or b is not None):
        raise InputError("--a and --b are values of --by; files are A and B by their order")
    opened = load(lexicon)
    if by is not None:
        sets, called = _by_column(opened, by, a, b)
    else:
        sets = [_read(opened, file, text) for file in files]
        called = (files[0].name, files[1].name)
    found = compare_sets(sets[0], sets[1], lexicon=opened, called=called, level=level)
    write_files(found, out, plot, overwrite=overwrite)
    if as_json:
        print_json(found.as_data())
        return
    print_comparison(found)


def print_comparison(found: Comparison) -> None:
    """Print sentences and the table.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.cli.compare import print_comparison
    >>> random = np.random.default_rng(0)
    >>> a, b = random.random((300, 2)) < [0.2, 0.5], random.random((300, 2)) < 0.2
    >>> print_comparison(sc.explain.compare(a, b))
    1 of 2 tested concepts differ between A and B at a false-discovery rate of 0.05
    ...
    """
    from semascope.explain.sentences import number

    console = Console()
    first, second = found.names
    tested = found.table.filter(found.table["p"].is_not_null())
    console.print(Text(found.headline, style="bold"))
    for line in found.sentences[:_SHOWN]:
        console.print(Text(f"  • {line}"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "concept", "difference  [95 %]", "q", first, second):
        table.add_column(title, justify="left" if title in {"id", "concept"} else "right")
    for row in tested.head(_SHOWN).iter_rows(named=True):
        width = row["high"] - row["low"]
        effect, low, high = (number(row[key], width) for key in ("effect", "low", "high"))
        table.add_row(
            row["concept"],
            Text(row["name"] or "(unnamed)"),
            f"{effect} [{low}, {high}]",
            f"{row['q']:.2g}",
            *(f"{100 * row[key]:.1f} %" for key in ("a", "b")),
            style="" if row["q"] <= found.level else "dim",
        )
    if len(tested):
        console.print()
        console.print(table)
    sizes = " and ".join(f"{n:,} items of {name}" for name, n in found.how["sets"].items())
    console.print()
    console.print(Text(f"compared: {sizes}", style="dim"))


def _by_column(
    lexicon: Lexicon, by: str, a: str | None, b: str | None
) -> tuple[list[Any], tuple[str, str]]:
    import polars as pl

    items = lexicon.items
    if by not in items.columns:
        raise InputError(
            f"there is no column '{by}'; columns: {listed(items.columns)}"
            f"{did_you_mean(by, items.columns)}"
        )
    column = items[by].cast(pl.String)
    values = column.drop_nulls().unique().sort().to_list()
    if len(values) < 2:
        raise InputError(f"column '{by}' has one value or none; there is nothing to compare")
    if a is None:
        if len(values) != 2 or b is not None:
            raise InputError(
                f"column '{by}' has {len(values)} values; say with --a which one is A (and with "
                "--b which one is B, if not all others)"
            )
        a, b = values
    for value in (a, b):
        if value is not None and value not in values:
            raise InputError(f"column '{by}' has no value '{value}'{did_you_mean(value, values)}")
    if a == b:
        raise InputError(f"A and B are both '{a}'")
    inside = (column == a).fill_null(False).to_numpy()
    known = column.is_not_null().to_numpy()
    outside = known & ~inside if b is None else (column == b).fill_null(False).to_numpy()
    return [inside, outside], (f"{by} = {a}", "the others" if b is None else f"{by} = {b}")


def _read(lexicon: Lexicon, file: Path, text: str | None) -> Any:
    from semascope.vectors import VectorStore, as_source, read_items

    if file.suffix in VECTORS or (file.suffix == ".parquet" and lexicon.info["encoder"] is None):
        return as_source(file)
    if file.is_dir() and (file / "store.json").is_file():
        return VectorStore.open(file)
    found = read_items(file, text=text or same_column(lexicon, file))
    return found.frame[found.text or ""]
