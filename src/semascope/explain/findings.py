"""The result of explaining an outcome: tables, sentences, a forest plot, files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from semascope.core import (
    InputError,
    listed,
    new_folder,
    require_writable,
    write_atomic,
    write_json,
    write_table,
)
from semascope.explain.kinds import Outcome
from semascope.explain.sentences import by_name, sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FILES = (".parquet", ".csv", ".json", ".txt")


@dataclass(frozen=True, eq=False)
class Findings:
    """What goes with an outcome.

    Parameters
    ----------
    table : polars.DataFrame
        A row for each concept; see `explain.outcome`.
    outcome : Outcome
        What was explained.
    carried : polars.DataFrame
        How well the outcome is predicted from concepts and from what else there is; see `carried`.
    subgroups : polars.DataFrame
        Effects within each subgroup, if a column was asked for.
    items : str
        What rows are called in sentences.
    level : float
        Concepts with a q up to this are findings.
    left_out : dict of str to int
        Rows and concepts that were left out, by reason.
    how : dict
        How it was made: options, counts, versions.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> random = np.random.default_rng(0)
    >>> x = random.random((600, 3)) < 0.3
    >>> found = sc.explain.outcome(x, 3.0 * x[:, 1] + random.standard_normal(600))
    >>> found.findings["concept"].to_list()
    ['c1']
    """

    table: pl.DataFrame
    outcome: Outcome
    carried: pl.DataFrame
    subgroups: pl.DataFrame
    items: str = "items"
    level: float = 0.05
    left_out: dict[str, int] = field(default_factory=dict)
    how: dict[str, Any] = field(default_factory=dict)

    @property
    def findings(self) -> pl.DataFrame:
        """Rows of the table with a q up to the level, surest first."""
        return self.table.filter(pl.col("q") <= self.level).sort("q", "p", maintain_order=True)

    @property
    def verified(self) -> pl.DataFrame:
        """Findings that hold as they are put in words.

        Of these the concept and what its name says alone both go with the outcome, in the same
        direction, with a ``both_q`` up to the level. Many or few say little about a dictionary:
        rows drawn at random may have as many; see `pipeline.baseline_lexicon`.
        """
        named = self.table.filter(pl.col("both_q") <= self.level, pl.col("q") <= self.level)
        return named.sort("both_q", "both_p", maintain_order=True)

    @property
    def sentences(self) -> list[str]:
        """One sentence a finding, surest first; empty if nothing holds."""
        return [self.said(row) for row in self.findings.iter_rows(named=True)]

    @property
    def headline(self) -> str:
        """How many concepts were tested, and how many of them hold, also by their names alone."""
        tested = self.table["p"].is_not_null().sum()
        of = "concepts" if "level" not in self.table.columns else "effects of concepts on classes"
        said = (
            f"{self.outcome.name} ({self.outcome.kind}): {len(self.findings)} of {tested} tested "
            f"{of} at a false-discovery rate of {self.level:g}"
        )
        if self.table["both_p"].is_not_null().any():
            said += f", {len(self.verified)} of them by the name alone as well"
        return said

    def said(self, row: dict[str, Any]) -> str:
        """Return the sentence of one row of the table, with what its name says alone."""
        alone = by_name(row, self.outcome)
        return sentence(row, self.outcome, self.items) + (f"; {alone}" if alone else "")

    def plot(self, *, most: int = 20) -> Figure:
        """Draw a forest plot: effects with intervals, of findings and then of the surest others.

        Parameters
        ----------
        most : int, default 20
            Concepts.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        MissingExtraError
            Without ``semascope[plots]``.
        """
        from semascope.explain.forest import forest

        return forest(self.table, self.outcome, level=self.level, most=most)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the findings; nothing half-written stays.

        Parameters
        ----------
        path : str or Path
            A folder (tables as Parquet, sentences, ``how.json``), or one file: ``.parquet`` or
            ``.csv`` for the table, ``.json`` for everything, ``.txt`` for the sentences.
        overwrite : bool, default False
            Replace what is there.
        """
        tables = {"findings": self.table, "carried": self.carried, "subgroups": self.subgroups}
        save_result(path, tables, self.sentences, self.as_data(), overwrite=overwrite)

    def as_data(self) -> dict[str, Any]:
        """Return everything as plain data, for JSON."""
        return {
            "outcome": self.outcome.name,
            "kind": self.outcome.kind,
            "sentences": self.sentences,
            "table": self.table.to_dicts(),
            "carried": self.carried.to_dicts(),
            "subgroups": self.subgroups.to_dicts(),
            "left_out": self.left_out,
            "how": self.how,
        }

    def __repr__(self) -> str:
        return "\n".join(
            [f"Findings about {self.headline}", *(f"  {line}" for line in self.sentences[:10])]
        )


def check_result(path: Path, *, overwrite: bool = False) -> None:
    """Raise `InputError` now if `save_result` could not write there later.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.explain.findings import check_result
    >>> check_result(Path("found.docx"))
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: cannot write '.docx'; a folder, or one of ...
    """
    if path.suffix and path.suffix not in _FILES:
        raise InputError(f"cannot write '{path.suffix}'; a folder, or one of {listed(_FILES)}")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists; choose another name or pass overwrite")
    require_writable(path)


def save_result(
    path: str | Path,
    tables: dict[str, pl.DataFrame],
    sentences: list[str],
    data: dict[str, Any],
    *,
    overwrite: bool = False,
) -> None:
    """Write a result as a folder, or as one file by its suffix; see `Findings.save`.

    Parameters
    ----------
    path : str or Path
        Where to.
    tables : dict of str to polars.DataFrame
        By file name; the first is the one that a single file holds, empty ones are not written.
    sentences : list of str
        What was found.
    data : dict
        Everything, for JSON; ``how`` and ``left_out`` become ``how.json``.
    overwrite : bool, default False
        Replace what is there.

    Examples
    --------
    >>> from pathlib import Path
    >>> import polars as pl
    >>> from semascope.explain.findings import save_result
    >>> save_result("out", {"findings": pl.DataFrame({"p": [0.5]})}, [], {"how": {}})
    >>> sorted(file.name for file in Path("out").iterdir())
    ['findings.parquet', 'how.json', 'sentences.txt']
    """
    path = Path(path)
    check_result(path, overwrite=overwrite)
    if path.suffix:
        table = next(iter(tables.values()))
        write_atomic(path, lambda there: _write(there, path.suffix, table, sentences, data))
        return
    with new_folder(path, overwrite=overwrite) as folder:
        for name, table in tables.items():
            if len(table):
                write_table(table, folder / f"{name}.parquet")
        _write(folder / "sentences.txt", ".txt", pl.DataFrame(), sentences, data)
        write_json(folder / "how.json", data["how"] | {"left_out": data.get("left_out", {})})


def _write(
    path: Path, suffix: str, table: pl.DataFrame, sentences: list[str], data: dict[str, Any]
) -> None:
    if suffix == ".parquet":
        write_table(table, path)
    elif suffix == ".csv":
        lists = [name for name, kind in table.schema.items() if kind == pl.List]
        words = [pl.col(name).cast(pl.List(pl.String)).list.join(" ") for name in lists]
        table.with_columns(words).write_csv(path)
    elif suffix == ".json":
        path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", "utf-8")
    else:
        path.write_text("".join(f"{line}\n" for line in sentences), "utf-8")
