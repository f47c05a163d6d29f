"""How concepts look in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from semascope.lexicon import Lexicon, standing

_BLOCKS = " ▁▂▃▄▅▆▇█"
_STYLES: dict[str | None, str] = {"trusted": "green", "weak": "yellow", "rejected": "red"}


def concept_table(lexicon: Lexicon, rows: pl.DataFrame, *, examples: int) -> Table:
    """Draw concepts as a table: name, trust on its scale, prevalence, examples.

    Examples
    --------
    >>> from semascope.cli.tables import concept_table
    >>> concept_table.__name__
    'concept_table'
    """
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("id", no_wrap=True, style="dim")
    table.add_column("concept", ratio=3, style="bold")
    table.add_column("trust  [95 %]", no_wrap=True)
    table.add_column("chance", no_wrap=True, justify="right")
    table.add_column("verdict", no_wrap=True)
    table.add_column("rows", no_wrap=True, justify="right")
    if examples:
        table.add_column("examples", ratio=7)
    for row in rows.iter_rows(named=True):
        cells: list[Any] = [
            row["id"],
            _name(row),
            trust_text(row),
            "" if row["trust_null"] is None else f"{row['trust_null']:.2f}",
            verdict_text(row["verdict"]),
            f"{100 * (row['prevalence'] or 0):.1f} %",
        ]
        if examples:
            cells.append("\n".join(f"• {t}" for t in texts_of(lexicon, row["top"][:examples], 90)))
        table.add_row(*cells)
    return table


def _name(row: dict[str, Any]) -> Text:
    now = f" (now {', '.join(row['became'])})" if row["became"] else ""
    if row["name"] is None:
        return Text(f"({row['status']}){now}", style="dim italic")
    return Text(str(row["name"]) + now + (" (muted)" if row["muted"] else ""))


def trust_text(row: dict[str, Any]) -> Text:
    """Write trust with its interval, coloured by the verdict.

    Examples
    --------
    >>> from semascope.cli.tables import trust_text
    >>> row = {"trust": 0.9, "trust_low": 0.85, "trust_high": 0.94, "verdict": "trusted"}
    >>> str(trust_text(row))
    '0.90 [0.85, 0.94]'
    """
    if row["trust"] is None:
        return Text("–", style="dim")
    return Text(interval_text(row), style=_STYLES.get(row["verdict"], ""))


def interval_text(row: dict[str, Any]) -> str:
    """Write trust with its interval.

    Examples
    --------
    >>> from semascope.cli.tables import interval_text
    >>> interval_text({"trust": 0.9, "trust_low": 0.85, "trust_high": 0.94})
    '0.90 [0.85, 0.94]'
    """
    return f"{row['trust']:.2f} [{row['trust_low']:.2f}, {row['trust_high']:.2f}]"


def verdict_text(verdict: str | None) -> Text:
    """Write a verdict in its colour; nothing if the name was not tested.

    Examples
    --------
    >>> from semascope.cli.tables import verdict_text
    >>> str(verdict_text("weak"))
    'weak'
    """
    return Text(verdict or "", style=_STYLES.get(verdict, ""))


def texts_of(lexicon: Lexicon, rows: list[int], width: int) -> list[str]:
    """Return items as short lines: their text, their events, or their id and first columns.

    Examples
    --------
    >>> from semascope.cli.tables import texts_of
    >>> texts_of.__name__
    'texts_of'
    """
    out = []
    for row in rows:
        if lexicon.text is not None:
            line = lexicon.items[lexicon.text][row] or "(no text)"
        elif lexicon.events is not None:
            happened = lexicon.items[lexicon.events][row]
            line = " → ".join(happened) if happened is not None and len(happened) else "(no events)"
        else:
            values = lexicon.items.row(row, named=True)
            line = ", ".join(f"{k}={v}" for k, v in list(values.items())[:4])
        line = " ".join(str(line).split())
        out.append(line if len(line) <= width else line[: width - 1] + "…")
    return out


def brief(text: str, most: int = 160) -> str:
    """Return a text with its middle left out if it is long: what counts may stand at its end.

    Examples
    --------
    >>> from semascope.cli.tables import brief
    >>> brief("review = " + "w" * 3000 + " (odds ratio 3)", 30)
    'review = wwwww…(odds ratio 3)'
    """
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most // 2) + 1 :]}"


def histogram_lines(counts: list[int], largest: float | None) -> Text:
    """Draw a histogram of activations on one line.

    Examples
    --------
    >>> from semascope.cli.tables import histogram_lines
    >>> str(histogram_lines([0, 1, 2], 3.0))
    '0 ▕ ▄█▏ 3.00'
    """
    top = max(counts) if counts else 0
    if top == 0 or largest is None:
        return Text("(never active)", style="dim")
    bars = "".join(_BLOCKS[-(-8 * c // top)] for c in counts)
    return Text(f"0 ▕{bars}▏ {largest:.2f}")


def print_overview(lexicon: Lexicon, path: Path, most: int = 15) -> None:
    """Print the best concepts after a run, the measures, and what to do next.

    Examples
    --------
    >>> from semascope.cli.tables import print_overview
    >>> print_overview.__name__
    'print_overview'
    """
    console = Console()
    table = lexicon.concepts
    named = table.filter(pl.col("trust").is_not_null())
    # Concepts that few rows show are easy to trust; the overview is about the data as a whole.
    best = named.sort("trust_low", "id", descending=[True, False]).head(most)
    if len(best) == 0:
        best = table.filter(pl.col("prevalence") > 0).sort("prevalence", descending=True).head(most)
    console.print()
    console.print(concept_table(lexicon, best, examples=2))
    console.print()
    console.print(Group(*(Text(line, style="dim") for line in summary(lexicon))))
    console.print(f"\n[bold]{path}[/bold]", highlight=False)
    some = best["id"][0] if len(best) else "c0"
    for command in (
        f"semascope show {path}",
        f"semascope show {path} --concept {some}",
        f'semascope find {path} "a phrase"',
    ):
        console.print(f"  {command}", highlight=False)


def summary(lexicon: Lexicon) -> list[str]:
    """Say in a few lines how large and how good a lexicon is, and what was left out.

    Examples
    --------
    >>> from semascope.cli.tables import summary
    >>> summary.__name__
    'summary'
    """
    metrics = lexicon.info["metrics"]
    n = len(lexicon.base_codes)
    table = lexicon.concepts.filter(pl.col("became").list.len() == 0)
    m = len(table)
    counts = {s: int((table["status"] == s).sum()) for s in ("named", "unnamed", "rare", "dead")}
    lines = [
        f"{m} concepts in {n:,} items: "
        + ", ".join(f"{count} {status}" for status, count in counts.items())
    ]
    fvu = metrics.get("fvu")
    if fvu is not None:
        lines.append(
            f"held-out FVU {fvu['value']:.3f} with {metrics['l0']['value']:.1f} concepts a row"
        )
    trust = metrics.get("mean_trust")
    if trust is not None:
        text = f"mean trust {trust['value']:.3f} [{trust['low']:.3f}, {trust['high']:.3f}]"
        for kind in ("random atoms", "PCA axes"):
            other = metrics.get(f"mean trust, {kind}")
            share = metrics.get(f"named share, {kind}")
            if other is not None:
                text += f"; {kind} {other['value']:.3f} ({100 * share['value']:.0f} % named)"
        lines.append(text)
    verdicts = [metrics[v] for v in ("trusted", "weak", "rejected") if v in metrics]
    if verdicts:
        counted = ", ".join(
            f"{v['value']:.0f} {v['metric'].removesuffix(' names')}" for v in verdicts
        )
        shares = [metrics.get(f"trusted share, {kind}") for kind in ("random atoms", "PCA axes")]
        beside = ", ".join(
            f"{100 * s['value']:.0f} % of {s['metric'].removeprefix('trusted share, ')}"
            for s in shares
            if s is not None
        )
        lines.append(f"names: {counted}" + (f"; trusted {beside}" if beside else ""))
    edits = standing(lexicon.edits)
    if edits:
        one = len(edits) == 1
        said = "1 edit since then changes" if one else f"{len(edits)} edits since then change"
        lines.append(f"{said} concepts, not these measures")
    if lexicon.info["skipped"]:
        left = ", ".join(f"{count} {reason}" for reason, count in lexicon.info["skipped"].items())
        lines.append(f"left out: {left}")
    if lexicon.info["zero_vectors"]:
        lines.append(f"{lexicon.info['zero_vectors']} vectors are all zeros")
    truncated = lexicon.info.get("embedding") or {}
    if truncated.get("n_truncated"):
        lines.append(
            f"{truncated['n_truncated']:,} texts are longer than {truncated['max_tokens']} tokens; "
            "the encoder saw their beginning (embed all of it with --split sentence)"
        )
    return lines
