"""How trust within groups looks in a terminal."""

from __future__ import annotations

from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from semascope.cli.tables import interval_text
from semascope.lexicon import Lexicon
from semascope.pipeline import BrokenDown


def print_by(lexicon: Lexicon, found: BrokenDown, what: str, most: int) -> None:
    """Print the trust of each name within each group, below that over all verify rows.

    Examples
    --------
    >>> from semascope.cli.by import print_by
    >>> print_by.__name__
    'print_by'
    """
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id", no_wrap=True, style="dim")
    table.add_column("concept", max_width=32, style="bold")
    table.add_column(what, max_width=36)
    table.add_column("trust  [95 %]", no_wrap=True)
    for title in ("chance", "active", "inactive"):
        table.add_column(title, no_wrap=True, justify="right")
    rows = {row["id"]: row for row in lexicon.concepts.iter_rows(named=True)}
    scored = found.scores["concept"].unique(maintain_order=True).to_list()
    scored.sort(key=lambda one: -(rows[one]["prevalence"] or 0))
    shown = scored[:most] if most else scored
    for one in shown:
        row = rows[one]
        table.add_row(one, Text(row["name"]), Text("all rows", style="dim"), *_cells(row))
        for part in found.scores.filter(concept=one).iter_rows(named=True):
            table.add_row("", "", Text(part["group"]), *_cells(_renamed(part)))
    console.print(table)
    if len(shown) < len(scored):
        more = f"… and {len(scored) - len(shown)} more concepts (all with --most 0)"
        console.print(f"\n{more}", style="dim")
    console.print()
    console.print(_over_all(found, what))
    if found.n_without:
        console.print(Text(f"\n{found.n_without:,} rows are in none of these groups", style="dim"))
    for one, why in (found.left_out or {}).items():
        console.print(Text(f"left out: {one}: {why}", style="dim"))


def _over_all(found: BrokenDown, what: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"mean over concepts, by {what}", max_width=48)
    for title in ("trust", "chance", "surely above", "concepts", "too few rows"):
        table.add_column(title, no_wrap=True, justify="right")
    for group in found.groups:
        rows = found.scores.filter(group=group)
        known = rows.filter(pl.col("value").is_not_null())
        means = [known[key].to_numpy().mean() if len(known) else None for key in ("value", "null")]
        above = int((known["low"] > known["null"]).sum())
        table.add_row(
            Text(group), *("–" if m is None else f"{m:.2f}" for m in means),
            f"{above} of {len(known)}", str(len(known)), str(len(rows) - len(known) or ""),
        )  # fmt: skip
    return table


def _renamed(part: dict[str, Any]) -> dict[str, Any]:
    names = {"value": "trust", "low": "trust_low", "high": "trust_high", "null": "trust_null"}
    return {names.get(key, key): value for key, value in part.items()}


def _cells(row: dict[str, Any]) -> list[Any]:
    sizes = [str(row[key]) if row[key] is not None else "–" for key in ("n_active", "n_inactive")]
    if row["trust"] is None:
        few = min(row["n_active"] or 0, row["n_inactive"] or 0) < 2
        said = "too few rows" if few and row["n_active"] is not None else "–"
        return [Text(said, style="dim"), "", *sizes]
    return [interval_text(row), f"{row['trust_null']:.2f}", *sizes]
