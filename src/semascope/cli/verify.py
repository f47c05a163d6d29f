"""``semascope verify``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from semascope.cli.asking import (
    Concepts,
    Concurrency,
    DryRun,
    Images,
    LlmModel,
    LlmUrl,
    MostMoney,
    MostTokens,
    PriceIn,
    PriceOut,
    Prompts,
    Vectors,
    announce,
    answers_are_kept,
    left_out_lines,
    listed,
)
from semascope.cli.main import app
from semascope.cli.records import check_out, write_records
from semascope.lexicon import Lexicon, load

if TYPE_CHECKING:
    from semascope.pipeline import Verified


@app.command(
    epilog="Scorers: ranking, rule, intruder, strength, coherence, steering, judge; with a "
    "language model also detection, fuzzing, simulation, intervention (of images detection only); "
    "its key is SEMASCOPE_LLM_KEY."
)
def verify(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    scorers: Annotated[
        str | None,
        typer.Option(
            help="Which, with commas between, or 'all'; by default those without a language model."
        ),
    ] = None,
    concepts: Concepts = None,
    most: Annotated[int, typer.Option(help="Concepts in the table; 0 shows all.", min=0)] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write all scores: .csv, .json or .parquet.")
    ] = None,
    llm_url: LlmUrl = None,
    llm_model: LlmModel = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    budget: MostMoney = None,
    budget_tokens: MostTokens = None,
    dry_run: DryRun = False,
    prompts: Prompts = None,
    vectors: Vectors = None,
    images: Images = None,
    concurrency: Concurrency = 8,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars.")] = False,
) -> None:
    """Score names on verify rows by several scorers, and say whether these agree."""
    from semascope.llm import Budget, check_prompts, endpoint
    from semascope.pipeline import SCORERS, prepare_verifying
    from semascope.pipeline.asked_scores import ASKED
    from semascope.pipeline.scoring import FREE, check_scorers
    from semascope.pipeline.verifying import all_scorers

    wanted = list(FREE) if scorers is None else listed(scorers)
    everything = wanted == ["all"]
    wanted = list(SCORERS) if everything else wanted
    check_scorers(wanted, SCORERS)
    asks = any(scorer in ASKED for scorer in wanted)
    here = None
    if asks:
        here = endpoint(
            llm_url, llm_model, price_in=price_in, price_out=price_out, concurrency=concurrency
        )
        check_prompts(prompts)
    cap = Budget(budget, budget_tokens)
    if out is not None:
        check_out(out)
    opened = load(lexicon)
    ready = prepare_verifying(
        opened,
        all_scorers(opened) if everything else wanted,
        concepts=None if concepts is None else listed(concepts),
        vectors=vectors,
        images=images,
        show_progress=not quiet,
    )
    if here is not None:
        announce(here, ready.forecast(here, prompts=prompts), cap, dry_run=dry_run)
    elif dry_run:
        typer.echo("none of these scorers asks a language model: it costs nothing")
    if dry_run:
        return
    with answers_are_kept():
        found = ready.run(here, prompts=prompts, budget=cap, show_progress=not quiet)
    if found.report is not None:
        typer.echo(str(found.report), err=True)
    if out is not None:
        write_records(found.scores, out, as_data(found))
    if as_json:
        typer.echo(json.dumps(as_data(found), indent=2, ensure_ascii=False))
    else:
        _print(opened, found, most, out)


def as_data(found: Verified) -> dict[str, Any]:
    """Return scores and agreement as plain data, for JSON.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.cli.verify import as_data
    >>> from semascope.pipeline import Verified
    >>> list(as_data(Verified(pl.DataFrame(), None, pl.DataFrame(), {})))
    ['scores', 'agreement', 'correlations', 'left_out', 'report']
    """
    return {
        "scores": found.scores.to_dicts(),
        "agreement": None if found.agreement is None else asdict(found.agreement),
        "correlations": found.correlations.to_dicts(),
        "left_out": found.left_out,
        "report": None if found.report is None else found.report.as_dict(),
    }


def _print(lexicon: Lexicon, found: Verified, most: int, out: Path | None) -> None:
    console = Console()
    shares = dict(lexicon.concepts.select("id", "prevalence").iter_rows())
    scored = found.scores["concept"].unique(maintain_order=True).to_list()
    # What most rows show comes first, as in other tables that are about the data as a whole.
    scored.sort(key=lambda one: -(shares[one] or 0))
    shown = scored[:most] if most else scored
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id", no_wrap=True, style="dim")
    table.add_column("concept", max_width=32, style="bold")
    for title in ("scorer", "value  [95 %]"):
        table.add_column(title, no_wrap=True)
    for title in ("chance", "n", "failures"):
        table.add_column(title, no_wrap=True, justify="right")
    for id in shown:
        rows = found.scores.filter(concept=id)
        for i, row in enumerate(rows.iter_rows(named=True)):
            table.add_row(
                "" if i else id, Text("" if i else row["name"]), row["metric"], _value(row),
                _number(row["null"]), str(row["n"]), str(row["failures"] or ""),
                end_section=i + 1 == len(rows),
            )  # fmt: skip
    console.print(table)
    if len(shown) < len(scored):
        rest = "all with --most 0" + ("" if out else ", --json or --out FILE")
        console.print(f"\n… and {len(scored) - len(shown)} more concepts ({rest})", style="dim")
    console.print()
    console.print(_summary(found.scores))
    console.print()
    for line in _agreed(found):
        console.print(Text(line, style="dim"))


def _summary(scores: pl.DataFrame) -> Table:
    """Draw one line a scorer over all concepts."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("over all concepts", no_wrap=True)
    for title in ("mean", "chance", "surely above", "concepts", "failures"):
        table.add_column(title, no_wrap=True, justify="right")
    for (metric,), rows in scores.group_by("metric", maintain_order=True):
        known = rows.filter(pl.col("value").is_not_null())
        above = int((known["low"] > known["null"]).sum())
        table.add_row(
            str(metric), _number(known["value"].mean()), _number(known["null"].mean()),
            f"{above} of {len(known)}", str(len(rows)), str(rows["failures"].sum() or ""),
        )  # fmt: skip
    return table


def _agreed(found: Verified) -> list[str]:
    lines = []
    if found.agreement is None:
        lines.append("agreement between scorers: needs two scorers of three concepts or more")
    else:
        a = found.agreement
        lines.append(
            f"agreement between scorers: Kendall's W {a.value:.2f} [{a.low:.2f}, {a.high:.2f}], "
            f"unrelated ones {a.null:.2f}; {a.note}"
        )
        pairs = found.correlations.sort("value")
        if len(pairs) > 1:
            lines += [f"{how} alike: {_pair(pairs.row(i, named=True))}"
                      for how, i in (("least", 0), ("most", -1))]  # fmt: skip
    return lines + left_out_lines(found.left_out)


def _pair(row: dict[str, Any]) -> str:
    return (
        f"{row['first']} and {row['second']}, Spearman's correlation {row['value']:.2f} "
        f"[{row['low']:.2f}, {row['high']:.2f}]"
    )


def _value(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return row["note"] or "–"
    if row["low"] is None:
        return f"{row['value']:.2f}"
    return f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:.2f}"
