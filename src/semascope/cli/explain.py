"""``semascope explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
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
from semascope.explain import KINDS, Findings
from semascope.lexicon import load

_SHOWN = 30


@app.command()
def explain(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    outcome: Annotated[str, typer.Option(help="Column of the items that is to be explained.")],
    kind: Annotated[str, typer.Option(help=f"auto, {', '.join(KINDS)}.")] = "auto",
    covariates: Annotated[
        list[str] | None, typer.Option(help="Column to adjust for (may be repeated).")
    ] = None,
    groups: Annotated[
        str | None, typer.Option(help="Column of rows that are not independent: authors, stores.")
    ] = None,
    weights: Annotated[str | None, typer.Option(help="Column of weights.")] = None,
    time: Annotated[
        str | None, typer.Option(help="Survival: how long a row was seen; else when it was.")
    ] = None,
    pairs: Annotated[
        str | None, typer.Option(help="Column that says which two rows were compared.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Column of subgroups to compare.")] = None,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Leave out rows without an outcome.")
    ] = False,
    vectors: Annotated[
        Path | None, typer.Option(help="The vectors it was learned from, if it has no encoder.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Predict from words, topics, PCA and raw vectors, too.")
    ] = True,
    level: Annotated[float, typer.Option(help="False-discovery rate of findings.")] = 0.05,
    most: Annotated[
        int | None, typer.Option(help="Test so many concepts, chosen on other rows.", min=1)
    ] = None,
    rows: Annotated[
        str, typer.Option(help="verify, or all: of a lexicon learned without the outcome.")
    ] = "verify",
    items: Annotated[str, typer.Option(help="What rows are called, in the plural.")] = "items",
    unit: Annotated[str | None, typer.Option(help="Unit of a continuous outcome.")] = None,
    order: Annotated[
        str | None, typer.Option(help="Words of an ordinal outcome: low,middle,high.")
    ] = None,
    out: Out = None,
    plot: Plot = None,
    overwrite: Overwrite = False,
    seed: Annotated[int, typer.Option(help="Same seed, same findings.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Tell which concepts go with an outcome, tested where nothing was chosen by it."""
    from semascope.explain import outcome as explain_outcome

    check_files(out, plot, overwrite=overwrite)
    found = explain_outcome(
        load(lexicon),
        outcome,
        kind=kind,
        covariates=covariates or None,
        groups=groups,
        weights=weights,
        time=time,
        pairs=pairs,
        by=by,
        missing="drop" if drop_missing else "error",
        vectors=vectors,
        baselines=baselines,
        level=level,
        most=most,
        rows=rows,  # type: ignore[arg-type]  # checked there
        items=items,
        unit=unit,
        order=None if order is None else [word.strip() for word in order.split(",")],
        seed=seed,
    )
    write_files(found, out, plot, overwrite=overwrite)
    if as_json:
        print_json(found.as_data())
        return
    print_findings(found)


def print_findings(found: Findings) -> None:
    """Print sentences, the table, and how well the outcome is predicted from what.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.cli.explain import print_findings
    >>> random = np.random.default_rng(0)
    >>> x = random.random((600, 3)) < 0.3
    >>> y = 3.0 * x[:, 1] + random.standard_normal(600)
    >>> print_findings(sc.explain.outcome(x, y, names=["tea", "train", "dog"], name="rating"))
    rating (continuous): 1 of 3 tested concepts at a false-discovery rate of 0.05
    ...
    """
    console = Console()
    tested = int(found.table["p"].is_not_null().sum())
    console.print(Text(found.headline, style="bold"))
    for line in found.sentences[:_SHOWN]:
        console.print(Text(f"  • {line}"))
    if tested:
        console.print()
        console.print(_effects(found))
    if len(found.carried):
        console.print()
        console.print(_carried(found.carried))
    n, rows = found.how["tested"]["units"], found.how["tested"]["rows"]
    units = f"{n:,} rows" if n == rows else f"{n:,} pairs of {rows:,} rows"
    said = [f"tested on {units} (verify); chosen on the others"]
    if found.how["options"]["rows"] == "all":
        said = [f"tested on all {units}; joint effects on verify rows"]
    knockoffs = found.how["knockoffs"]
    if len(found.findings) and not knockoffs["selected"]:
        said.append(f"knockoffs select {knockoffs['selects_at_least']} concepts or none; see joint")
    said += [f"{count:,} {why}" for why, count in found.left_out.items()]
    console.print()
    for line in said:
        console.print(Text(line, style="dim"))


def _effects(found: Findings) -> Table:
    several = "level" in found.table.columns
    titles = ["id", "concept", *([found.outcome.name] if several else []), "effect  [95 %]", "q",
              "by name", "knockoff", "joint", "shape", "rows"]  # fmt: skip
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, justify="left" if title in {"id", "concept"} else "right")
    rows = found.table.filter(pl.col("p").is_not_null()).head(_SHOWN)
    for row in rows.iter_rows(named=True):
        style = "" if row["q"] <= found.level else "dim"
        cells = [
            row["concept"],
            Text(row["name"] or "(unnamed)"),
            *([row["level"]] if several else []),
            _ends(row, ""),
            f"{row['q']:.2g}",
            _ends(row, "name_"),
            "✓" if row["knockoff"] else "",
            _ends(row, "joint_", "joint"),
            row["shape"] or "",
            f"{100 * row['prevalence']:.1f} %",
        ]
        table.add_row(*cells, style=style)
    return table


def _ends(row: dict[str, float], prefix: str, value: str | None = None) -> str:
    from semascope.explain.sentences import number

    effect, low, high = row[value or f"{prefix}effect"], row[f"{prefix}low"], row[f"{prefix}high"]
    if effect is None:
        return "–"
    width = high - low
    return f"{number(effect, width)} [{number(low, width)}, {number(high, width)}]"


def _carried(carried: pl.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("predicted from", "columns", f"{carried['metric'][0]}  [95 %]", "kept"):
        table.add_column(title, justify="left" if title == "predicted from" else "right")
    for row in carried.iter_rows(named=True):
        kept = "" if row["kept"] is None else f"{100 * row['kept']:.0f} %"
        if kept and row["kept_low"] is not None:
            kept += f" [{100 * row['kept_low']:.0f}, {100 * row['kept_high']:.0f}]"
        table.add_row(
            row["features"],
            f"{row['columns']:,}",
            f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
            kept,
        )
    return table
