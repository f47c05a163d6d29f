"""Options and messages of the commands that ask a language model."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from semascope.llm import Budget, Endpoint, Forecast

LlmUrl = Annotated[str | None, typer.Option(help="Base URL of an OpenAI-compatible server.")]
LlmModel = Annotated[str | None, typer.Option(help="Its name for the model.")]
PriceIn = Annotated[float | None, typer.Option(help="Price of a million tokens read.", min=0)]
PriceOut = Annotated[float | None, typer.Option(help="Price of a million tokens written.", min=0)]
MostMoney = Annotated[
    float | None, typer.Option(help="Most money to spend, in the currency of the prices.")
]
MostTokens = Annotated[int | None, typer.Option(help="Most tokens to use.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would cost, and ask nothing.")]
Concepts = Annotated[
    str | None, typer.Option(help="Only these: ids or names, with commas between.")
]
Prompts = Annotated[Path | None, typer.Option(help="Folder of your own prompts.")]
Vectors = Annotated[
    Path | None, typer.Option(help="Vectors that it was learned from, if it has no encoder.")
]
Images = Annotated[Path | None, typer.Option(help="Folder of the images, if they were moved.")]
Concurrency = Annotated[int, typer.Option(help="Requests at a time.", min=1)]


def listed(some: str) -> list[str]:
    """Read words with commas between.

    Examples
    --------
    >>> from semascope.cli.asking import listed
    >>> listed("c1, late delivery,")
    ['c1', 'late delivery']
    """
    return [word.strip() for word in some.split(",") if word.strip()]


def left_out_lines(left_out: Mapping[str, str]) -> list[str]:
    """Say which concepts are left out, those together that are for one reason.

    Examples
    --------
    >>> from semascope.cli.asking import left_out_lines
    >>> left_out_lines({"c1": "is muted", "c2": "has no name", "c3": "is muted"})
    ['left out: c1, c3: is muted', 'left out: c2: has no name']
    """
    reasons: dict[str, list[str]] = {}
    for id, reason in left_out.items():
        reasons.setdefault(reason, []).append(id)
    return [f"left out: {', '.join(ids)}: {reason}" for reason, ids in reasons.items()]


def announce(here: Endpoint, coming: Forecast, cap: Budget, *, dry_run: bool) -> None:
    """Print what is going to be asked; raise `OverBudgetError` if it is above the budget.

    Examples
    --------
    >>> from semascope.cli.asking import announce
    >>> from semascope.llm import Budget, Endpoint, Forecast
    >>> small = Endpoint("http://localhost:8000/v1", "small")
    >>> announce(small, Forecast(2, 0, 100, 20, None, 4.0), Budget(), dry_run=True)
    small at http://localhost:8000/v1: 2 requests, about 100 tokens in and 20 out, ...
    """
    typer.echo(f"{here.model} at {here.url}: {coming}", err=not dry_run)
    cap.check(here, coming)


@contextmanager
def answers_are_kept() -> Iterator[None]:
    """Turn an interrupt into one line and exit code 130.

    Examples
    --------
    >>> from semascope.cli.asking import answers_are_kept
    >>> with answers_are_kept():
    ...     pass
    """
    try:
        yield
    except KeyboardInterrupt:
        print("interrupted; what was answered is kept: go on with the same command",
              file=sys.stderr)  # fmt: skip
        raise typer.Exit(130) from None
