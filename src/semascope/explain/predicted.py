"""The result of explaining a model: tables, sentences, a figure, single items, files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from semascope.core import InputError, listed
from semascope.explain.betting import ask_bets, e_adjusted
from semascope.explain.checks import agreements
from semascope.explain.decoded import Decoded
from semascope.explain.findings import save_result
from semascope.explain.importance import coarse, main_method
from semascope.explain.mixture import answered
from semascope.explain.prediction_words import (
    concept_sentence,
    item_sentences,
    method_sentences,
    split_sentence,
)
from semascope.explain.predictor import Predictor
from semascope.explain.strategies import strategies

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP = 10


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model uses; see `explain.prediction`.

    Parameters
    ----------
    table : polars.DataFrame
        A row for each concept.
    attributions : polars.DataFrame
        A row for each active concept of each explained item.
    split : polars.DataFrame
        A row for each explained item: ``prediction`` = ``base`` + ``labelled`` + ``unlabelled`` +
        ``remainder``.
    checks : polars.DataFrame
        A row for each method: how well it tells what the model uses.
    curves : polars.DataFrame
        Mean insertion and deletion curves of each method and of random orders.
    agreement : float
        Kendall's W of the methods over concepts; NaN for fewer than two methods.
    notes : list of str
        What to be wary of.
    predict : Predictor
        The model.
    some : Decoded
        Rows, and what their concepts bring.
    items, called : str
        What rows, and what is predicted, are called in sentences.
    level : float
        Of the tests.
    how : dict
        How it was made: options, counts, calls, versions.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.discover import Dictionary
    >>> eye, zero = np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32)
    >>> dictionary = Dictionary(eye, zero, eye, zero, n_active=2)
    >>> x = np.random.default_rng(0).random((100, 3))
    >>> found = sc.explain.prediction(dictionary, lambda v: v[:, 1] * 2, x, names=["a", "b", "c"])
    >>> found.sentences[0].split(" by ")[0]
    '“b” raises the prediction'
    """

    table: pl.DataFrame
    attributions: pl.DataFrame
    split: pl.DataFrame
    checks: pl.DataFrame
    curves: pl.DataFrame
    agreement: float
    notes: list[str]
    predict: Predictor
    some: Decoded
    items: str = "items"
    called: str = "the prediction"
    level: float = 0.05
    how: dict[str, Any] = field(default_factory=dict)

    @property
    def methods(self) -> list[str]:
        """Methods that concepts were ranked by."""
        return list(self.checks["method"])

    @property
    def agreements(self) -> pl.DataFrame:
        """Kendall's tau of each two methods over concepts."""
        sizes = {m: coarse(self.table[m].to_numpy()) for m in self.methods}
        return agreements(pl.DataFrame(sizes))

    @property
    def sentences(self) -> list[str]:
        """What the most important concepts do, how much concepts explain, and whom to believe."""
        top = self.table.head(TOP).filter((pl.col("effect_low") > 0) | (pl.col("effect_high") < 0))
        said = [self.said(row) for row in top.iter_rows(named=True)]
        task = self.how.get("options", {}).get("task", "order")
        return [
            *said,
            split_sentence(self.split, self.called),
            *method_sentences(self.checks, self.agreement, task, self.level),
        ]

    def said(self, row: dict[str, Any]) -> str:
        """Return the sentence of one row of the table."""
        return concept_sentence(row, self.items, self.called, self.level)

    def item(self, row: int) -> pl.DataFrame:
        """Return the concepts of one item, and which of the ten most important it lacks.

        Column ``present`` is false for these: whatever their importance elsewhere, they had no
        part in this prediction.

        Parameters
        ----------
        row : int
            Of the vectors that were given.

        Raises
        ------
        InputError
            If it was not explained.
        """
        own = self.attributions.filter(pl.col("item") == row)
        if row not in self.split["item"]:
            raise InputError(
                f"row {row} is not among the {len(self.split)} that were explained; ask for it "
                f"with rows=[{row}]"
            )
        top = self.table.head(TOP).join(own, on="concept", how="anti").select("concept", "name")
        return pl.concat(
            [
                own.drop("item").with_columns(present=True),
                top.with_columns(present=False),
            ],
            how="diagonal",
        )

    def item_sentences(self, row: int) -> list[str]:
        """Say what made one prediction, and which important concepts had no part in it.

        Parameters
        ----------
        row : int
            Of the vectors that were given; one of those explained.
        """
        item, split = self.item(row), self.split.row(
            by_predicate=pl.col("item") == row, named=True
        )  # fmt: skip
        return item_sentences(item, split, main_method(self.methods), self.called)

    def bet(
        self, row: int, *, pairs: int = 200, level: float | None = None, seed: int = 0
    ) -> pl.DataFrame:
        """Bet, for each concept of one item, that the prediction depends on it.

        Parameters
        ----------
        row : int
            Of the vectors that were given; one of the `most_rows` that were looked at.
        pairs : int, default 200
            Rounds. Up to ``2 k pairs`` vectors are asked about, beyond any budget.
        level : float, optional
            Of each bet; by default that of the result.
        seed : int, default 0
            Which other concepts are there in each round.

        Returns
        -------
        polars.DataFrame
            ``concept``, ``name``, ``activation``, ``wealth``, ``rejected_at`` (rounds), ``p``,
            ``q``, ``rank``; the soonest rejected first. See `bet_on_item`.
        """
        at = np.flatnonzero(self.some.rows == row)
        if not len(at) or not len(self.some.active(int(at[0]))):
            raise InputError(f"row {row} was not looked at, or shows no concept")
        i = int(at[0])
        active = self.some.active(i)
        found = answered(
            self.some.mixture(i, self.predict),
            ask_bets(len(active), level=level or self.level, pairs=pairs, seed=seed),
        )
        wealth = np.array([one.e for one in found])
        table = pl.DataFrame(
            {
                "concept": self.some.concepts.gather(active),
                "name": self.some.names.gather(active),
                "activation": self.some.strengths(i),
                "wealth": wealth,
                "rejected_at": pl.Series([b.rejected_at for b in found], dtype=pl.Int64),
                "p": [b.p for b in found],
                "q": e_adjusted(wealth),
            }
        ).sort("rejected_at", -pl.col("wealth"), nulls_last=True, maintain_order=True)
        return table.with_columns(rank=pl.int_range(1, len(table) + 1))

    def strategies(self, k: int = 3, *, method: str | None = None, seed: int = 0) -> pl.DataFrame:
        """Return groups of items that are decided for the same reasons, and a map of them.

        Parameters
        ----------
        k : int, default 3
            Groups.
        method : str, optional
            By which attributions; by default the first that there is.
        seed : int, default 0
            Start of the grouping.

        Returns
        -------
        polars.DataFrame
            ``item``, ``strategy`` (0 is the largest), ``x``, ``y``, ``reasons``; see
            `semascope.explain.strategies.strategies`.
        """
        how = self.methods[0] if method is None else method
        if how not in self.methods:
            raise InputError(
                f"there are no attributions by '{how}'; there are {listed(self.methods)}"
            )
        return strategies(self.attributions, how, k, seed=seed)

    def plot(self, *, most: int = 15) -> Figure:
        """Draw what matters and by how much, curves of insertion and deletion, and the split.

        Parameters
        ----------
        most : int, default 15
            Concepts.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        MissingExtraError
            Without ``semascope[plots]``.
        """
        from semascope.explain.prediction_plot import prediction_figure

        return prediction_figure(
            self.table, self.curves, self.split, self.checks,
            method=main_method(self.methods), items=self.items, called=self.called, most=most,
        )  # fmt: skip

    def plot_strategies(self, k: int = 3, *, method: str | None = None, seed: int = 0) -> Figure:
        """Draw the map of `strategies`, with the reasons of each group.

        Raises
        ------
        MissingExtraError
            Without ``semascope[plots]``.
        """
        from semascope.explain.prediction_plot import strategies_figure

        return strategies_figure(self.strategies(k, method=method, seed=seed), self.items)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write tables and sentences; see `Findings.save`."""
        tables = {
            "prediction": self.table, "attributions": self.attributions, "split": self.split,
            "checks": self.checks, "curves": self.curves,
        }  # fmt: skip
        said = [*self.sentences, *(f"note: {one}" for one in self.notes)]
        save_result(path, tables, said, self.as_data(), overwrite=overwrite)

    def as_data(self) -> dict[str, Any]:
        """Return all but the attributions of single items as plain data, for JSON."""
        return {
            "called": self.called,
            "sentences": self.sentences,
            "notes": self.notes,
            "table": self.table.to_dicts(),
            "split": self.split.to_dicts(),
            "checks": self.checks.to_dicts(),
            "curves": self.curves.to_dicts(),
            "agreement": None if np.isnan(self.agreement) else self.agreement,
            "agreements": self.agreements.to_dicts(),
            "how": self.how,
        }

    def __repr__(self) -> str:
        head = f"Prediction: {len(self.table)} concepts of {len(self.split)} explained {self.items}"
        said = [*self.sentences, *(f"note: {one}" for one in self.notes)]
        return "\n".join([head, *(f"  {line}" for line in said)])
