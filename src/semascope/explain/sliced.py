"""The result of a search for slices: a table, sentences, a figure, files."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from semascope.explain.findings import save_result
from semascope.explain.literals import Rows
from semascope.explain.losses import Losses
from semascope.explain.sentences import ends_text, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Slices:
    """Slices of the items in which a model is worse than elsewhere.

    Parameters
    ----------
    table : polars.DataFrame
        A row for each slice that was tested; see `slices`.
    members : tuple of ndarray of int64
        For each row of the table, which items lie in the slice; of all splits.
    losses : Losses
        What the model loses on each item.
    items : str
        What rows are called in sentences.
    level : float
        Slices with a q up to this are findings.
    left_out : dict of str to int
        Rows that were left out, by reason.
    how : dict
        How it was made.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> random = np.random.default_rng(0)
    >>> x, truth = random.random((1500, 4)) < 0.4, random.integers(2, size=1500)
    >>> told = np.where(x[:, 0] & x[:, 1] & (random.random(1500) < 0.6), 1 - truth, truth)
    >>> sc.explain.slices(x, truth, told, names=["a", "b", "c", "d"]).sentences
    ['the error rate is 61 points higher for items with “a” and “b” [44, 76]: 61 % against 0 %']
    """

    table: pl.DataFrame
    members: tuple[Rows, ...]
    losses: Losses
    items: str = "items"
    level: float = 0.05
    left_out: dict[str, int] = field(default_factory=dict)
    how: dict[str, Any] = field(default_factory=dict)

    @property
    def findings(self) -> pl.DataFrame:
        """Slices in which the model is worse with a q up to the level, surest first."""
        return self.table.filter((pl.col("q") <= self.level) & (pl.col("effect") > 0))

    @property
    def sentences(self) -> list[str]:
        """One sentence a finding, surest first; empty if nothing holds."""
        return [self.said(row) for row in self.findings.iter_rows(named=True)]

    def said(self, row: dict[str, Any]) -> str:
        """Return the sentence of one row of the table."""
        size, ends = ends_text(row["effect"], row["low"], row["high"])
        way = "higher" if row["effect"] >= 0 else "lower"
        rate = self.losses.kind == "error"
        width = row["high"] - row["low"]
        inside, outside = (number(row[key], width) for key in ("inside", "outside"))
        percent = " %" if rate else ""
        return (
            f"the {self.losses.called} is {size}{' points' if rate else ''} {way} for {self.items} "
            f"{row['slice']} {ends}: {inside}{percent} against {outside}{percent}"
        )

    def plot(self, *, most: int = 20) -> Figure:
        """Draw how much larger losses are in each slice, with intervals; findings in colour.

        Parameters
        ----------
        most : int, default 20
            Slices, the surest.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        MissingExtraError
            Without ``semascope[plots]``.
        """
        from semascope.explain.forest import intervals, label_foot

        rows = self.table.filter(pl.col("effect").is_not_null()).head(most)
        rows = rows.sort("effect", maintain_order=True)
        labels = [
            textwrap.fill(f"{row['slice']}  ·  {row['n']:,}", 56)
            for row in rows.iter_rows(named=True)
        ]
        # Slices in which the model is better are no findings.
        worse = pl.when(pl.col("effect") > 0).then(pl.col("q"))
        rows = rows.with_columns(q=worse)
        figure = intervals(labels, rows, level=self.level)
        (axes,) = figure.axes
        unit = ", points" if self.losses.kind == "error" else ""
        label_foot(axes, f"{self.losses.called} above the rest{unit} (95 %)", rows, self.level)
        axes.set_title(f"Slices  ·  tested {self.items}", loc="left", fontsize=11, parse_math=False)
        return figure

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the slices; see `Findings.save`."""
        save_result(
            path, {"slices": self.table}, self.sentences, self.as_data(), overwrite=overwrite
        )

    def as_data(self) -> dict[str, Any]:
        """Return everything as plain data, for JSON."""
        return {
            "loss": self.losses.called,
            "sentences": self.sentences,
            "table": self.table.to_dicts(),
            "left_out": self.left_out,
            "how": self.how,
        }

    def __repr__(self) -> str:
        head = (
            f"Slices by {self.losses.called}: {len(self.findings)} of {len(self.table)} tested at "
            f"a false-discovery rate of {self.level:g}"
        )
        return "\n".join([head, *(f"  {line}" for line in self.sentences[:10])])
