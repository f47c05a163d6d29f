"""Families of concepts as a tree in a terminal."""

from __future__ import annotations

from typing import Any

import polars as pl
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from semascope.cli.tables import trust_text, verdict_text
from semascope.lexicon import Lexicon, family_tree

_DATA = ("id", "parent", "name", "prevalence", "trust", "trust_low", "trust_high", "trust_null",
         "verdict", "n", "description", "apart")  # fmt: skip


def families_data(lexicon: Lexicon) -> list[dict[str, Any]]:
    """Return families as plain data, widest first, members with their names and differences.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.cli.families import families_data
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> len(families_data(lex)) == len(lex.families)
    True
    """
    out = []
    for row in lexicon.families.iter_rows(named=True):
        different = {d["concept"]: d["name"] for d in row["differences"]}
        members = [
            {"id": id, "name": name, "difference": different.get(id)}
            for id, name in zip(row["members"], row["names"], strict=True)
        ]
        out.append({key: row[key] for key in _DATA} | {"members": members})
    return out


def print_families(lexicon: Lexicon) -> None:
    """Print the families of a lexicon, those of most rows first.

    Examples
    --------
    >>> from semascope.cli.families import print_families
    >>> print_families.__name__
    'print_families'
    """
    console = Console()
    families = lexicon.families
    if not len(families):
        console.print("no families: they are found by 'semascope learn', from three concepts on")
        return
    table = {row["id"]: row for row in lexicon.concepts.iter_rows(named=True)}
    found = family_tree(families)
    for place, (depth, _) in enumerate(found):
        if depth == 0:
            console.print(_branch(lexicon, found, place, table))
            console.print()
    within = set(families["members"].explode())
    alive = lexicon.concepts.filter(pl.col("became").list.len() == 0, pl.col("prevalence") > 0)
    alone = len(alive) - len(within & set(alive["id"]))
    count = f"{len(found)} famil{'y' if len(found) == 1 else 'ies'}"
    left = f"{alone} concept{' is' if alone == 1 else 's are'} in none"
    console.print(Text(f"{count} of {len(alive) - alone} concepts, {left}", style="dim"))


def _branch(
    lexicon: Lexicon,
    found: list[tuple[int, dict[str, Any]]],
    place: int,
    table: dict[str, dict[str, Any]],
) -> Tree:
    depth, family = found[place]
    tree = Tree(_title(family), guide_style="dim")
    shown: set[str] = set()
    for later in range(place + 1, len(found)):
        if found[later][0] <= depth:
            break
        if found[later][0] == depth + 1:
            shown |= set(found[later][1]["members"])
            tree.add(_branch(lexicon, found, later, table))
    different = {d["concept"]: d["name"] for d in family["differences"]}
    rest = [table[id] for id in family["members"] if id not in shown]
    for row in sorted(rest, key=lambda row: -row["prevalence"]):
        tree.add(_member(lexicon, row, different.get(row["id"])))
    return tree


def _title(family: dict[str, Any]) -> Text:
    return Text(f"{family['id']:<4} ", style="dim").append_text(_named(family))


def _named(family: dict[str, Any]) -> Text:
    count = f"{len(family['members'])} concepts, {100 * family['prevalence']:.1f} % of rows"
    if family["name"] is None:
        line = Text("(no shared name)", style="dim italic")
        line.append(f"  {count}", style="not italic dim")
    else:
        line = Text(family["name"], style="bold").append(f"  {count}", style="not bold dim")
        line.append("  ").append_text(trust_text(family)).append(" ")
        line.append_text(verdict_text(family["verdict"]))
    if family["apart"] is not None:
        line.append(f"  unlike the others: {family['apart']}", style="not bold")
    return line


def _member(lexicon: Lexicon, row: dict[str, Any], difference: str | None) -> Text:
    line = Text(f"{row['id']:<5} ", style="dim")
    name = lexicon.label(lexicon.row_of(row["id"]))
    line.append(name, style="not dim" if row["name"] is not None else "dim italic")
    if row["muted"]:
        line.append(" (muted)", style="dim")
    line.append(f"  {100 * row['prevalence']:.1f} %", style="dim")
    if row["trust"] is not None:
        line.append("  ").append_text(trust_text(row))
    if difference is not None:
        line.append(f"  unlike the others: {difference}", style="not dim")
    return line
