"""Verify the names of a lexicon again, by any scorers, and see whether these agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from semascope.core import InputError, Score
from semascope.lexicon import Lexicon
from semascope.llm import AnswerCache, Budget, Endpoint, Forecast, Report
from semascope.measure import agreement, rank_correlations
from semascope.pipeline.asked_scores import ASKED, SEEING, AskedScores, check_asked, prepare_asked
from semascope.pipeline.scoring import FREE, Found, as_table, check_scorers, free_scores
from semascope.pipeline.tested import TestedNames, open_names

SCORERS = (*FREE, *ASKED)
# About the items and not the name; and what F1 sums up.
_NOT_COMPARED = ("coherence", "precision", "recall")
_FEWEST = 3


@dataclass(frozen=True)
class Verified:
    """Names as scorers see them.

    Parameters
    ----------
    scores : polars.DataFrame
        A row for each concept and score; see `scoring.score_names`.
    agreement : Score or None
        Kendall's W over scorers; None where fewer than two scored three concepts or more.
    correlations : polars.DataFrame
        Spearman's correlation of each pair of these scorers, over the same concepts.
    left_out : dict of str to str
        Concepts that some or all scorers had to leave out, and why.
    report : Report or None
        What a language model was asked and paid.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.pipeline import Verified
    >>> Verified(pl.DataFrame(), None, pl.DataFrame(), {}).report is None
    True
    """

    scores: pl.DataFrame
    agreement: Score | None
    correlations: pl.DataFrame
    left_out: dict[str, str]
    report: Report | None = None


@dataclass(frozen=True)
class Verifying:
    """Names made ready for scorers; make it with `prepare_verifying`.

    Examples
    --------
    >>> from semascope.pipeline import Verifying
    >>> Verifying.__name__
    'Verifying'
    """

    tested: TestedNames
    free: list[str]
    asked: AskedScores | None

    def forecast(
        self,
        endpoint: Endpoint,
        *,
        prompts: str | Path | None = None,
        cache: AnswerCache | str | Path | None = None,
    ) -> Forecast:
        """Say what `run` would ask a language model, and what that would cost."""
        if self.asked is None:
            return Forecast(0, 0, 0, 0, 0.0, 0.0)
        return self.asked.forecast(endpoint, prompts=prompts, cache=cache)

    def run(
        self,
        endpoint: Endpoint | None = None,
        *,
        prompts: str | Path | None = None,
        cache: AnswerCache | str | Path | None = None,
        budget: Budget | None = None,
        show_progress: bool = False,
    ) -> Verified:
        """Score the names; those that a language model judges first, since it costs most."""
        found: list[Found] = []
        report = None
        if self.asked is not None:
            if endpoint is None:
                raise InputError(
                    f"{', '.join(self.asked.scorers)} ask a language model: give its endpoint"
                )
            if budget is not None:
                budget.check(endpoint, self.forecast(endpoint, prompts=prompts, cache=cache))
            found, report = self.asked.run(
                endpoint, prompts=prompts, cache=cache, budget=budget, show_progress=show_progress
            )
        found = free_scores(self.tested, self.free, show_progress=show_progress) + found
        scores = as_table(self.tested, found)
        seed = self.tested.material.seed
        return Verified(scores, *_agreement(scores, seed), self.tested.left_out, report)


def prepare_verifying(
    lexicon: Lexicon,
    scorers: Sequence[str] = FREE,
    *,
    concepts: Sequence[str] | None = None,
    vectors: Any = None,
    images: str | Path | None = None,
    show_progress: bool = False,
) -> Verifying:
    """Draw the *verify* rows on which names are scored, and the items a language model is shown.

    Parameters
    ----------
    lexicon : Lexicon
        With texts and an encoder, unless vectors are passed.
    scorers : sequence of str
        ``ranking`` (AUROC), ``rule`` (precision, recall and F1), ``intruder``, ``strength``
        (correlation with the activation), ``coherence`` (of the items, without the name),
        ``steering``, ``judge`` (taught by other concepts); with a language model ``detection``,
        ``fuzzing``, ``simulation`` and ``intervention``; of images only ``detection``. By default
        those that need none.
    concepts : sequence of str, optional
        Ids or names; by default all that have a name.
    vectors : anything that holds a matrix, optional
        The vectors that it was learned from; needed if it has no encoder.
    images : path, optional
        What relative paths of images start from, if the images were moved since.
    show_progress : bool
        Show bars.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline import prepare_verifying
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lexicon = sc.learn(texts, components=8, active=2, baseline=False, progress=False)
    >>> prepare_verifying(lexicon, ["ranking"]).free
    ['ranking']
    """
    check_scorers(scorers, SCORERS)
    ask, free = [s for s in ASKED if s in scorers], [s for s in FREE if s in scorers]
    if ask:
        check_asked(lexicon, ask, images=images)
    tested = open_names(lexicon, concepts, vectors=vectors, show_progress=show_progress)
    if not ask:
        return Verifying(tested, free, None)
    asked = prepare_asked(tested, ask, images=images, show_progress=show_progress)
    if not free:
        for j in tested.wanted:
            if tested.shown[j] is not None:
                tested.left_out.pop(tested.id(j), None)
    return Verifying(tested, free, asked)


def all_scorers(lexicon: Lexicon) -> list[str]:
    """Return all scorers that fit the items of a lexicon.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.pipeline.verifying import all_scorers
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> "detection" in all_scorers(sc.learn(vectors=x, components=12, active=2, progress=False))
    False
    """
    if lexicon.text is not None:
        return list(SCORERS)
    return [*FREE, *(SEEING if lexicon.images is not None else ())]


def verify(
    lexicon: Lexicon,
    scorers: Sequence[str] = FREE,
    *,
    concepts: Sequence[str] | None = None,
    vectors: Any = None,
    images: str | Path | None = None,
    endpoint: Endpoint | None = None,
    prompts: str | Path | None = None,
    cache: AnswerCache | str | Path | None = None,
    budget: Budget | None = None,
    show_progress: bool = False,
) -> Verified:
    """Score names of a lexicon on *verify* rows by any scorers, and say whether these agree.

    Parameters
    ----------
    lexicon, scorers, concepts, vectors, images, show_progress
        As in `prepare_verifying`.
    endpoint : Endpoint, optional
        The language model of ``detection``, ``fuzzing``, ``simulation`` and ``intervention``;
        better not the one that gave the names.
    prompts, cache, budget
        As in `llm.ask`; the budget is checked against the forecast of all scorers together.

    Returns
    -------
    Verified

    Raises
    ------
    InputError
        If there is no such scorer or concept, or a scorer lacks what it needs.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline import verify
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lexicon = sc.learn(texts, components=8, active=2, baseline=False, progress=False)
    >>> found = verify(lexicon, ["ranking", "intruder"])
    >>> found.scores["metric"].unique().sort().to_list()
    ['AUROC', 'intruder found']
    """
    ready = prepare_verifying(
        lexicon,
        scorers,
        concepts=concepts,
        vectors=vectors,
        images=images,
        show_progress=show_progress,
    )
    return ready.run(
        endpoint, prompts=prompts, cache=cache, budget=budget, show_progress=show_progress
    )


def _agreement(scores: pl.DataFrame, seed: int) -> tuple[Score | None, pl.DataFrame]:
    """Compare scorers over the concepts that all of them scored.

    A scorer that few concepts have (a judge of phrases, say) leaves few to compare: the one that
    lacks most is dropped until there are enough.
    """
    some = scores.filter(~pl.col("metric").is_in(_NOT_COMPARED))
    wide = some.pivot("metric", index="concept", values="value").drop("concept")
    while wide.width >= 2:
        if len(wide.drop_nulls()) >= _FEWEST:
            return agreement(wide, seed=seed), rank_correlations(wide, seed=seed)
        lacking = {column: wide[column].null_count() for column in wide.columns}
        wide = wide.drop(max(lacking, key=lambda column: lacking[column]))
    return None, pl.DataFrame()
