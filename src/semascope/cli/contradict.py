"""How the contradictions of a name look in a terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import polars as pl
from rich.console import Console
from rich.text import Text

from semascope.measure import Contradictions


def print_contradictions(found: Contradictions) -> None:
    """Print false positives and negatives, and the better name with what it gains.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.cli.contradict import print_contradictions
    >>> from semascope.measure import Contradictions
    >>> none = pl.DataFrame(schema={"row": pl.Int64, "relevance": pl.Float64, "text": pl.String})
    >>> print_contradictions(Contradictions("tea", 0.5, none, none, 0, 0, 4, 6, None))
    tea
    ...
    """
    console = Console()
    console.print(Text(found.name, style="bold"))
    hits = found.n_active - found.n_false_negatives
    said = hits + found.n_false_positives
    console.print(
        Text(
            f"says yes to {said:,} of {found.n_active + found.n_inactive:,} verify rows "
            f"(relevance from {found.threshold:.2f} on); {hits:,} of these are among the "
            f"{found.n_active:,} that show the concept",
            style="dim",
        )
    )
    _rows(console, "says yes, concept silent", found.false_positives, found.n_false_positives)
    _rows(console, "says no, concept active", found.false_negatives, found.n_false_negatives)
    console.print()
    if found.better is None or found.gain is None:
        tried = f"none of {found.tried} other names did better" if found.tried else "no other name"
        console.print(Text(tried, style="dim"))
        return
    console.print(Text("better name  ", style="bold").append(found.better, style="bold green"))
    console.print(Text(f"  {found.better_trust}"))
    console.print(Text(f"  {found.trust}   now"))
    sure = "" if (found.gain.low or 0) > 0 else "; not surely better"
    console.print(
        Text(
            f"  gain {found.gain.value:+.3f} [{found.gain.low:+.3f}, {found.gain.high:+.3f}]{sure} "
            f"(best of {found.tried}, chosen on other rows)",
            style="dim",
        )
    )


def as_data(found: Contradictions) -> dict[str, Any]:
    """Return contradictions as plain data, for JSON.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.cli.contradict import as_data
    >>> from semascope.measure import Contradictions
    >>> none = pl.DataFrame()
    >>> as_data(Contradictions("tea", 0.5, none, none, 0, 0, 4, 6, None))["name"]
    'tea'
    """
    data = asdict(found)
    for key in ("false_positives", "false_negatives"):
        data[key] = getattr(found, key).to_dicts()
    return data


def _rows(console: Console, title: str, table: pl.DataFrame, n: int) -> None:
    console.print()
    console.print(Text(f"{title} ({n:,})", style="bold"))
    for row in table.iter_rows(named=True):
        strength = row.get("activation", row["relevance"])
        text = " ".join(str(row.get("text") or f"row {row['row']}").split())
        console.print(Text(f"  {strength:5.2f}  {text}"), overflow="ellipsis", no_wrap=True)
