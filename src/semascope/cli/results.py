"""Files that commands write of what they found: checked before the work, written after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from semascope.core import InputError, listed, require_writable, write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FIGURES = (".png", ".svg", ".pdf")

Out = Annotated[
    Path | None, typer.Option(help="Folder to write, or a .parquet, .csv, .json or .txt file.")
]
Plot = Annotated[Path | None, typer.Option(help="Figure to write: .png, .svg or .pdf.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace --out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Found(Protocol):
    """A result that can be drawn and saved.

    Examples
    --------
    >>> from semascope.cli.results import Found
    >>> from semascope.explain import Findings
    >>> all(hasattr(Findings, name) for name in ("plot", "save", "as_data"))
    True
    """

    def plot(self) -> Figure:
        """Draw it."""

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write it."""

    def as_data(self) -> dict[str, Any]:
        """Return it for JSON."""


def check_files(out: Path | None, plot: Path | None, *, overwrite: bool) -> None:
    """Raise `InputError` if `write_files` could not write these later.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.cli.results import check_files
    >>> check_files(None, Path("forest.docx"), overwrite=False)
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: --plot writes .png, .svg, .pdf; got 'forest.docx'
    """
    from semascope.explain.findings import check_result

    if plot is not None and plot.suffix not in _FIGURES:
        raise InputError(f"--plot writes {listed(_FIGURES)}; got '{plot.name}'")
    if plot is not None:
        require_writable(plot)
    if out is not None:
        check_result(out, overwrite=overwrite)


def write_files(found: Found, out: Path | None, plot: Path | None, *, overwrite: bool) -> None:
    """Write a result and its figure, where they are asked for.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from pathlib import Path
    >>> from semascope.cli.results import write_files
    >>> shown = np.random.default_rng(0).random((300, 2)) < 0.3
    >>> found = sc.explain.compare(shown[:150], shown[150:])
    >>> write_files(found, Path("out.csv"), None, overwrite=False)
    >>> Path("out.csv").exists()
    True
    """
    if out is not None:
        found.save(out, overwrite=overwrite)
    if plot is not None:
        figure, kind = found.plot(), plot.suffix.removeprefix(".")
        write_atomic(plot, lambda there: figure.savefig(there, format=kind, dpi=150))


def print_json(data: dict[str, Any]) -> None:
    """Print plain data as JSON.

    Examples
    --------
    >>> from semascope.cli.results import print_json
    >>> print_json({"a": 1})
    {
      "a": 1
    }
    """
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
