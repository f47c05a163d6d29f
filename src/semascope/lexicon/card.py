"""The README of a lexicon: what it is, how good it is, how to open it."""

from __future__ import annotations

from typing import Any

import polars as pl

from semascope.lexicon.families import family_tree

_OPENING = (
    "A dictionary of {m} concepts in {n:,} vectors of {d} dimensions, made by semascope. {named} "
    "concepts have a name; trust is how well the name alone ranks rows that show the concept above "
    "rows that do not (0.5 is chance), on rows that neither the dictionary nor the names were made "
    "from. A name is *rejected* if chance or the names of other concepts do as well "
    "(false-discovery rate 5 %), *trusted* if it is not and the lower end of its interval is at "
    "least 0.7, and *weak* in between."
)

_EVENTS = (
    "Names such as *a then b* say in which order events of the column `{column}` come in a row; "
    "others may come between."
)


def card(
    name: str, info: dict[str, Any], concepts: pl.DataFrame, families: pl.DataFrame | None = None
) -> str:
    """Write the card of a lexicon as Markdown.

    Parameters
    ----------
    name : str
        Name of the lexicon's folder.
    info : dict
        Content of ``lexicon.json``.
    concepts : polars.DataFrame
        The table of concepts.
    families : polars.DataFrame, optional
        As `Lexicon.families`.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon.card import card
    >>> table = pl.DataFrame({"id": ["c0"], "name": ["fees"], "trust": [0.9], "prevalence": [0.1],
    ...     "trust_low": [0.8], "trust_high": [0.95], "trust_null": [0.5], "verdict": ["trusted"],
    ...     "status": ["named"]})
    >>> print(card("bank.lexicon", {"metrics": {}, "n": 10, "d": 4}, table).splitlines()[0])
    # bank.lexicon
    """
    named = concepts.filter(pl.col("status") == "named").sort(
        "trust", descending=True, nulls_last=True
    )
    lines = [
        f"# {name}",
        "",
        _OPENING.format(m=len(concepts), n=info["n"], d=info["d"], named=len(named)),
        *([_EVENTS.format(column=info["events"])] if info.get("events") else []),
        "",
        "| concept | name | trust | 95 % interval | chance | verdict | prevalence |",
        "|---|---|---:|---:|---:|---|---:|",
    ]
    for row in named.head(20).iter_rows(named=True):
        text = str(row["name"]).replace("|", "\\|").replace("\n", " ")
        trust = "too few rows | | | |"
        if row["trust"] is not None:
            trust = (
                f"{row['trust']:.2f} | {row['trust_low']:.2f} to {row['trust_high']:.2f} | "
                f"{row['trust_null']:.2f} | {row['verdict'] or ''} |"
            )
        lines.append(f"| {row['id']} | {text} | {trust} {100 * row['prevalence']:.1f} % |")
    lines += _families(families) if families is not None else []
    lines += ["", "## Measures", "", "| measure | value | n | |", "|---|---:|---:|---|"]
    for score in info["metrics"].values():
        lines.append(
            f"| {score['metric']} | {score['value']:.4g} | {score['n']} | {score['note']} |"
        )
    lines += [
        "",
        "## Open it",
        "",
        "```python",
        "import semascope as sc",
        f'lex = sc.load("{name}")',
        "lex.concepts",
        "```",
        "",
        "Everything about how it was made is in `lexicon.json`.",
    ]
    return "\n".join(lines) + "\n"


def _families(families: pl.DataFrame) -> list[str]:
    """Name the families, a line each; those without a name are left to `semascope show`."""
    lines = []
    for _, row in family_tree(
        families.filter(pl.col("name").is_not_null()).with_columns(parent=None)
    ):
        known = [name for name in row["names"] if name is not None][:6]
        left = len(row["names"]) - len(known)
        listed = ", ".join(known) + (" and " if known and left else "")
        more = f"{left} more" if known and left else f"{left} without a name" if left else ""
        lines.append(
            f"- **{row['name']}** ({100 * row['prevalence']:.1f} % of rows): {listed}{more}"
        )
    return ["", "## Families", "", *lines] if lines else []
