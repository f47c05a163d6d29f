"""``semascope prediction``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from semascope.cli.functions import function_at
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
from semascope.explain import Prediction
from semascope.lexicon import load

_SHOWN = 15


@app.command()
def prediction(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    predict: Annotated[
        str,
        typer.Option(help="Your function of vectors: module:function, or file.py:function."),
    ],
    vectors: Annotated[
        Path | None, typer.Option(help="Vectors to explain; by default the lexicon's items.")
    ] = None,
    target: Annotated[int | None, typer.Option(help="Class to explain, by its column.")] = None,
    row: Annotated[
        list[int] | None, typer.Option(help="Tell of this row, too (may be repeated).")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="Method (may be repeated); by default all.")
    ] = None,
    test: Annotated[
        list[str] | None, typer.Option(help="tcav or betting (may be repeated); both by default.")
    ] = None,
    task: Annotated[
        str, typer.Option(help="What attributions are for: order, keep, remove or amount.")
    ] = "order",
    most_items: Annotated[int, typer.Option(help="Items to explain at most.", min=2)] = 100,
    batch: Annotated[int, typer.Option(help="Most vectors of one call.", min=1)] = 8192,
    budget: Annotated[
        int | None, typer.Option(help="Vectors that the function may be asked about in all.")
    ] = None,
    items: Annotated[str, typer.Option(help="What rows are called, in the plural.")] = "items",
    called: Annotated[str, typer.Option(help="What is predicted.")] = "the prediction",
    out: Out = None,
    plot: Plot = None,
    overwrite: Overwrite = False,
    seed: Annotated[int, typer.Option(help="Same seed, same answer.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Tell which concepts a model uses, which is a function of vectors that you name."""
    from semascope.explain import prediction as explain_prediction
    from semascope.vectors import as_source

    check_files(out, plot, overwrite=overwrite)
    call = function_at(predict)
    lex = load(lexicon)
    x = None
    if vectors is not None:
        source = as_source(vectors)
        x = source.rows(0, source.shape[0])
    chosen: dict[str, Any] = {}
    if method:
        chosen["methods"] = method
    if test:
        chosen["tests"] = test
    found = explain_prediction(
        lex,
        call,
        x,
        target=target,
        task=task,
        rows=row or (),
        most_items=most_items,
        batch=batch,
        budget=budget,
        items=items,
        called=called,
        progress=not as_json,
        seed=seed,
        **chosen,
    )
    told = {one: found.item_sentences(one) for one in row or []}
    write_files(found, out, plot, overwrite=overwrite)
    if as_json:
        print_json(found.as_data() | {"rows": {str(one): said for one, said in told.items()}})
        return
    print_prediction(found, told)


def print_prediction(found: Prediction, rows: dict[int, list[str]] | None = None) -> None:
    """Print sentences, the table, how far to believe it, and what was asked.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.cli.prediction import print_prediction
    >>> from semascope.discover import Dictionary
    >>> eye, zero = np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32)
    >>> dictionary = Dictionary(eye, zero, eye, zero, n_active=2)
    >>> x = np.random.default_rng(0).random((60, 3))
    >>> used = sc.explain.prediction(dictionary, lambda v: v[:, 1], x, methods=["occlusion"])
    >>> print_prediction(used)
    the prediction: 3 concepts of 60 explained items
    ...
    """
    from semascope.explain.sentences import number

    console = Console()
    head = f"{found.called}: {len(found.table)} concepts of {len(found.split)} explained"
    console.print(Text(f"{head} {found.items}", style="bold"))
    for line in found.sentences:
        console.print(Text(f"  • {line}"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    tests = [(title, name) for title, name in (("TCAV q", "q"), ("bet q", "bet_q"))
             if name in found.table.columns]  # fmt: skip
    for title in ("id", "concept", "effect  [95 %]", *(title for title, _ in tests), "shown by"):
        table.add_column(title, justify="left" if title in {"id", "concept"} else "right")
    for row in found.table.head(_SHOWN).iter_rows(named=True):
        effect = f"{row['effect']:.2g}"
        if row["effect_low"] is not None:
            width = row["effect_high"] - row["effect_low"]
            effect, low, high = (
                number(row[f"effect{end}"], width) for end in ("", "_low", "_high")
            )
            effect = f"{effect} [{low}, {high}]"
        told = ["–" if row[name] is None else f"{row[name]:.2g}" for _, name in tests]
        share = f"{100 * row['prevalence']:.1f} %"
        table.add_row(row["concept"], Text(row["name"] or "(unnamed)"), effect, *told, share)
    console.print()
    console.print(table)
    for one, said in (rows or {}).items():
        console.print()
        console.print(Text(f"row {one}", style="bold"))
        for line in said:
            console.print(Text(f"  • {line}"))
    asked = found.how["asked"]
    console.print()
    said = [f"the model was asked about {asked['vectors']:,} vectors in {asked['calls']:,} calls"]
    for line in [*said, *found.notes]:
        console.print(Text(line, style="dim"))
