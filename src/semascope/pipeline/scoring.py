"""Every scorer without a language model, over names of a lexicon, as one tidy table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from semascope.core import InputError, Score, did_you_mean, progress
from semascope.lexicon import Contrast, Lexicon, Relevance, Rows
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
from semascope.pipeline.tested import TestedNames, open_names
from semascope.vectors import VectorSource

FREE = ("ranking", "rule", "intruder", "strength", "coherence", "steering", "judge")
"""Scorers that need no language model."""

_SHUFFLED = 20
_NEIGHBOURS = 10
_HOW: tuple[Literal["add", "ablate"], ...] = ("add", "ablate")
_FEWEST_TO_TEACH = 10
SCORES: dict[str, pl.DataType | type[pl.DataType]] = {
    "concept": pl.String,
    "name": pl.String,
    "scorer": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "null": pl.Float64,
    "n": pl.Int64,
    "failures": pl.Int64,
    "by_band": pl.List(pl.Int64),
    "note": pl.String,
}

Found = tuple[int, str, Score]


def score_names(
    lexicon: Lexicon,
    *,
    scorers: Sequence[str] = FREE,
    concepts: Sequence[str] | None = None,
    vectors: Any = None,
) -> pl.DataFrame:
    """Score names of a lexicon on *verify* rows by scorers that need no language model.

    Parameters
    ----------
    lexicon : Lexicon
        With texts and an encoder, unless vectors are passed.
    scorers : sequence of str
        Some of ``FREE``, by default all.
    concepts : sequence of str, optional
        Ids or names; by default all that have a name. The names of the others are still the null.
    vectors : anything that holds a matrix, optional
        The vectors that it was learned from.

    Returns
    -------
    polars.DataFrame
        ``concept``, ``name``, ``scorer``, ``metric``, ``value``, ``low``, ``high``, ``null``,
        ``n``, ``failures``, ``by_band``, ``note``: a row for each score. Pivoted by metric, its
        values go into `measure.agreement`.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline.scoring import score_names
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lexicon = sc.learn(texts, components=8, active=2, baseline=False, progress=False)
    >>> score_names(lexicon, scorers=["ranking", "rule"])["metric"].unique().sort().to_list()
    ['AUROC', 'F1', 'precision', 'recall']
    """
    check_scorers(scorers, FREE)
    tested = open_names(lexicon, concepts, vectors=vectors)
    return as_table(tested, free_scores(tested, scorers))


def check_scorers(scorers: Sequence[str], known: Sequence[str]) -> None:
    """Raise `InputError` if there is no such scorer.

    Examples
    --------
    >>> from semascope.pipeline.scoring import FREE, check_scorers
    >>> check_scorers(["rankin"], FREE)
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: no scorer 'rankin'; did you mean 'ranking'? ...
    """
    if not scorers:
        raise InputError(f"name at least one scorer; scorers: {', '.join(known)}")
    for scorer in scorers:
        if scorer not in known:
            raise InputError(
                f"no scorer '{scorer}'{did_you_mean(scorer, known)}; scorers: {', '.join(known)}"
            )


def free_scores(
    tested: TestedNames, scorers: Sequence[str], *, show_progress: bool = False
) -> list[Found]:
    """Score the picked names; a concept, the scorer and its score at a time.

    Examples
    --------
    >>> from semascope.pipeline.scoring import free_scores
    >>> free_scores.__name__
    'free_scores'
    """
    found: list[Found] = []
    seed = tested.material.seed
    with progress("score", len(tested.picked), "names", show=show_progress) as bar:
        for j in tested.picked:
            others = other_names(tested.names, tested.relevance, j, _SHUFFLED, seed)
            asked = _Asked(str(tested.names[j]), tested.drawn[j], tested.relevance(j), others, seed)
            own = asked.scores(
                scorers,
                tested.lexicon.concepts["threshold"][j],
                tested.n_active(j),
                len(tested.material.rows["verify"]),
            )
            moved = asked.moved(
                scorers,
                tested.material.source,
                tested.lexicon.view.atoms_of(np.array([j]))[0],
                tested.material.rows["verify"],
            )
            found += [(j, scorer, s) for scorer, s in (*own, *moved) if s is not None]
            bar.advance()
    if "judge" in scorers:
        found += [(j, "judge", score) for j, score in _judged(tested)]
    return found


def as_table(tested: TestedNames, found: Sequence[Found]) -> pl.DataFrame:
    """Return scores as a table, concept by concept; see `score_names`.

    Examples
    --------
    >>> from semascope.pipeline.scoring import as_table
    >>> as_table(None, []).columns[:3]
    ['concept', 'name', 'scorer']
    """
    rows = [
        (
            tested.id(j), str(tested.names[j] or tested.shown[j]), scorer, s.metric, s.value,
            s.low, s.high, s.null, s.n, s.failures, list(s.by_band), s.note,
        )
        for j, scorer, s in sorted(found, key=lambda one: one[0])
    ]  # fmt: skip
    # Where no answer could be read there is no number.
    return pl.DataFrame(rows, schema=SCORES, orient="row").with_columns(
        pl.col("value").fill_nan(None)
    )


@dataclass(frozen=True)
class _Asked:
    name: str
    contrast: Contrast
    relevance: Relevance
    others: list[str]
    seed: int

    def scores(
        self, scorers: Sequence[str], threshold: float | None, n_active: int, n_rows: int
    ) -> Iterator[tuple[str, Score | None]]:
        """Score what the name tells about the rows."""
        rows, relevance, others, seed = self.contrast, self.relevance, self.others, self.seed
        if "ranking" in scorers:
            yield "ranking", ranking(self.name, rows, relevance, others, seed=seed)
        if "intruder" in scorers:
            yield "intruder", intruder(self.name, rows, relevance, others, seed=seed)
        sizes: dict[str, Any] = {"n_active": n_active, "n_rows": n_rows, "seed": seed}
        if "strength" in scorers:
            yield "strength", predicted_strength(self.name, rows, relevance, others, **sizes)
        if "rule" in scorers and threshold is not None:
            said = rule_scores(self.name, rows, relevance, others, threshold=threshold, **sizes)
            yield from (("rule", score) for score in said or ())

    def moved(
        self, scorers: Sequence[str], source: VectorSource, atom: np.ndarray, pool: Rows
    ) -> Iterator[tuple[str, Score | None]]:
        """Score the items without the name, and the name on items that were pushed."""
        if "coherence" in scorers:
            yield "coherence", coherence(self.contrast, source, seed=self.seed)
        # Concepts that people added are seen in a row and are no part of it: nothing to push.
        if "steering" in scorers and len(pool) > _NEIGHBOURS and atom.any():
            for how in _HOW:
                yield (
                    "steering",
                    steering(
                        self.name, self.contrast, self.relevance, self.others,
                        source=source, atom=atom, pool=pool, how=how, k=_NEIGHBOURS,
                    ),
                )  # fmt: skip


def _judged(tested: TestedNames) -> list[tuple[int, Score]]:
    """Phrases only: what a column states needs no judge."""
    phrases = [
        name if kind == "phrase" else None
        for name, kind in zip(tested.names, tested.kinds, strict=True)
    ]
    some = [j for j, name in enumerate(phrases) if name is not None]
    if len(some) < _FEWEST_TO_TEACH or not set(some) & set(tested.picked):
        return []
    lexicon = tested.lexicon
    texts = None if lexicon.text is None else lexicon.items[lexicon.text]
    scores = judged(
        phrases, tested.drawn, tested.relevance(some[0]), texts=texts, seed=tested.material.seed
    )
    return [(j, s) for j, s in enumerate(scores) if s is not None and j in tested.picked]
