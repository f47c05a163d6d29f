"""Every scorer without a language model, over all names of a lexicon, as one tidy table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from semascope.core import Score
from semascope.lexicon import AnyName, Contrast, Lexicon, Relevance, Rows
from semascope.measure import (
    coherence,
    intruder,
    judged,
    predicted_strength,
    ranking,
    rule_scores,
    steering,
)
from semascope.measure.trust import other_names
from semascope.name import STATED
from semascope.pipeline.drawn import lexicon_contrasts
from semascope.pipeline.reopened import reopen
from semascope.vectors import VectorSource

_SHUFFLED = 20
_NEIGHBOURS = 10
_HOW: tuple[Literal["add", "ablate"], ...] = ("add", "ablate")
_FEWEST_TO_TEACH = 10
_SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "concept": pl.String,
    "name": pl.String,
    "scorer": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "null": pl.Float64,
    "n": pl.Int64,
    "failures": pl.Int64,
    "by_band": pl.List(pl.Int64),
    "note": pl.String,
}


def score_names(lexicon: Lexicon, *, vectors: Any = None) -> pl.DataFrame:
    """Score every name of a lexicon on *verify* rows by every scorer that needs no language model.

    Parameters
    ----------
    lexicon : Lexicon
        With texts and an encoder, unless vectors are passed.
    vectors : anything that holds a matrix, optional
        The vectors that it was learned from.

    Returns
    -------
    polars.DataFrame
        ``concept``, ``name``, ``scorer``, ``value``, ``low``, ``high``, ``null``, ``n``,
        ``failures``, ``by_band``, ``note``: a row for each score. Pivoted by scorer, its values go
        into `measure.agreement`.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline.scoring import score_names
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lexicon = sc.learn(texts, components=8, active=2, baseline=False, progress=False)
    >>> score_names(lexicon)["scorer"].unique().sort().to_list()[:4]
    ['AUROC', 'F1', 'coherence', 'intruder found']
    """
    table = lexicon.concepts
    names = table["name"].to_list()
    material = reopen(lexicon, vectors=vectors)
    by_concept = lexicon_contrasts(lexicon, material.source, range(len(table)), "verify")
    drawn = [by_concept[j] for j in range(len(table))]
    any_name, seed = AnyName.of(lexicon, material.relevance, material.rows["name"]), material.seed
    kinds = [None if name is None else any_name.kind(name) for name in names]
    values = [kind in STATED or material.relevance is None for kind in kinds]

    def relevance_of(j: int) -> Relevance:
        return any_name.by_kind.get(kinds[j] or "value", any_name.by_kind["value"])

    pool = material.rows["verify"]
    active = np.bincount(lexicon.codes[pool].indices, minlength=len(table))
    found: list[tuple[int, Score]] = []
    for j, name in enumerate(names):
        if name is None:
            continue
        others = other_names(names, relevance_of, j, _SHUFFLED, seed)
        threshold = table["threshold"][j]
        asked = _Asked(name, drawn[j], relevance_of(j), others, seed)
        of_name = asked.scores(threshold, int(active[j]), len(pool))
        of_items = asked.moved(material.source, lexicon.atoms[j], pool)
        found += [(j, score) for score in (*of_name, *of_items) if score is not None]
    found += _judged(lexicon, names, drawn, relevance_of, values, seed)
    rows = [_row(str(table["id"][j]), str(names[j]), score) for j, score in found]
    return pl.DataFrame(rows, schema=_SHAPE, orient="row").sort("concept", maintain_order=True)


@dataclass(frozen=True)
class _Asked:
    name: str
    contrast: Contrast
    relevance: Relevance
    others: list[str]
    seed: int

    def scores(self, threshold: float | None, n_active: int, n_rows: int) -> list[Score | None]:
        """Score what the name tells about the rows."""
        rows, relevance, others, seed = self.contrast, self.relevance, self.others, self.seed
        found = [
            ranking(self.name, rows, relevance, others, seed=seed),
            intruder(self.name, rows, relevance, others, seed=seed),
            predicted_strength(
                self.name, rows, relevance, others, n_active=n_active, n_rows=n_rows, seed=seed
            ),
        ]
        if threshold is not None:
            said = rule_scores(
                self.name, rows, relevance, others,
                threshold=threshold, n_active=n_active, n_rows=n_rows, seed=seed,
            )  # fmt: skip
            found += said or ()
        return found

    def moved(self, source: VectorSource, atom: np.ndarray, pool: Rows) -> list[Score | None]:
        """Score the items without the name, and the name on items that were pushed."""
        found = [coherence(self.contrast, source, seed=self.seed)]
        if len(pool) > _NEIGHBOURS:
            add, ablate = (
                steering(
                    self.name, self.contrast, self.relevance, self.others,
                    source=source, atom=atom, pool=pool, how=how, k=_NEIGHBOURS,
                )
                for how in _HOW
            )  # fmt: skip
            found += [add, ablate]
        return found


def _judged(
    lexicon: Lexicon,
    names: list[str | None],
    drawn: list[Any],
    relevance_of: Callable[[int], Relevance],
    values: list[bool],
    seed: int,
) -> list[tuple[int, Score]]:
    """Phrases only: what a column states needs no judge."""
    phrases = [None if values[j] else name for j, name in enumerate(names)]
    some = [j for j, name in enumerate(phrases) if name is not None]
    if len(some) < _FEWEST_TO_TEACH:
        return []
    texts = None if lexicon.text is None else lexicon.items[lexicon.text]
    scores = judged(phrases, drawn, relevance_of(some[0]), texts=texts, seed=seed)
    return [(j, score) for j, score in enumerate(scores) if score is not None]


def _row(concept: str, name: str, score: Score) -> tuple[Any, ...]:
    return (
        concept, name, score.metric, score.value, score.low, score.high, score.null, score.n,
        score.failures, list(score.by_band), score.note,
    )  # fmt: skip
