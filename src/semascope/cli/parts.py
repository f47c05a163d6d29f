"""How the parts that fire concepts look in a terminal."""

from __future__ import annotations

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_parts(found: pl.DataFrame) -> None:
    """Print for each concept the parts that fire it, and what of its activation goes with them.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.cli.parts import print_parts
    >>> one = {"concept": "c1", "name": "late", "row": 3, "part": "delayed", "share": 0.8}
    >>> print_parts(pl.DataFrame([one]))
    id  concept   row  part     lost without it
    c1  late        3  delayed             80 %
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id", no_wrap=True, style="dim")
    table.add_column("concept", max_width=32, style="bold")
    table.add_column("row", no_wrap=True, justify="right")
    table.add_column("part", max_width=60)
    table.add_column("lost without it", no_wrap=True, justify="right")
    before = None
    for row in found.iter_rows(named=True):
        new = row["concept"] != before
        before = row["concept"]
        table.add_row(
            row["concept"] if new else "",
            Text(row["name"] or "(unnamed)") if new else "",
            f"{row['row']:,}",
            Text(row["part"]),
            f"{100 * row['share']:.0f} %",
        )
    Console().print(table)
