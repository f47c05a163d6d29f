"""Name the concepts of a lexicon again, with a language model, and verify the new names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from semascope.core import InputError
from semascope.lexicon import AnyName, ByEncoder, Contrast, Lexicon
from semascope.llm import AnswerCache, Budget, Endpoint, Forecast, Report, forecast
from semascope.measure import decide, verify_names
from semascope.name import Case, Proposal, ask_names, cases_of, naming_requests
from semascope.name.cases import NOTHING
from semascope.pipeline.assemble import with_names
from semascope.pipeline.metrics import count_names
from semascope.pipeline.naming import Material
from semascope.pipeline.reopened import reopen


@dataclass(frozen=True)
class Renaming:
    """A lexicon made ready for new names; make one with `prepare_renaming`.

    Examples
    --------
    >>> from semascope.pipeline import Renaming
    >>> Renaming.__name__
    'Renaming'
    """

    lexicon: Lexicon
    material: Material
    drawn: list[Contrast]
    cases: list[Case]

    def forecast(
        self,
        endpoint: Endpoint,
        *,
        prompts: str | Path | None = None,
        cache: AnswerCache | str | Path | None = None,
    ) -> Forecast:
        """Say what `run` would ask and cost."""
        return forecast(naming_requests(self.cases, prompts=prompts)[0], endpoint, cache=cache)

    def run(
        self,
        endpoint: Endpoint,
        *,
        prompts: str | Path | None = None,
        cache: AnswerCache | str | Path | None = None,
        budget: Budget | None = None,
        show_progress: bool = False,
    ) -> tuple[Lexicon, Report]:
        """Ask for names, choose them on held-in rows, and verify them on *verify* rows.

        A concept keeps its name, and its scores, where no new one tells the held-in rows better.

        Returns
        -------
        (Lexicon, Report)
            A new lexicon in memory, and what was asked. ``info["language_model"]`` holds the
            model and the report.
        """
        relevance, seed = self.material.relevance, self.material.seed
        proposals, report = ask_names(
            self.cases,
            endpoint,
            relevance=relevance,
            scorers=AnyName.of(self.lexicon, relevance, self.material.rows["name"]).by_kind,
            prompts=prompts,
            cache=cache,
            budget=budget,
            seed=seed,
            show_progress=show_progress,
        )
        changed = self._changed(proposals)
        names = [
            proposals[j].name if j in changed else old
            for j, old in enumerate(self.lexicon.base["name"])
        ]
        kinds = self.lexicon.base["name_kind"].to_list()
        # Rules are no phrases: they are nobody's null here, and keep the scores that they have.
        pool = [n if j in changed or kinds[j] == "phrase" else None for j, n in enumerate(names)]
        thresholds = [p.threshold if j in changed else None for j, p in enumerate(proposals)]
        tested = self.material.contrasts(self.lexicon.dictionary, self.lexicon.base_codes, "verify")
        verdicts = verify_names(pool, thresholds, tested, lambda j: relevance, seed=seed)  # type: ignore[arg-type, return-value]
        fresh = with_names(self.lexicon.base, proposals, verdicts)
        table = decide(_rows_from(self.lexicon.base, fresh, changed))
        record = endpoint.describe() | {"report": report.as_dict()}
        return self._assembled(table, changed, record), report

    def _changed(self, proposals: Sequence[Proposal]) -> set[int]:
        before = self.lexicon.base["name"].to_list()
        kept = {
            str(name).lower() for name, p in zip(before, proposals, strict=True)
            if name is not None and p.name is None
        }  # fmt: skip
        return {
            j
            for j, p in enumerate(proposals)
            if p.name is not None and p.name != before[j] and p.name.lower() not in kept
        }

    def _assembled(self, table: pl.DataFrame, changed: set[int], record: Any) -> Lexicon:
        vectors = np.array(self.lexicon.name_vectors)
        relevance = self.material.relevance
        rows = sorted(changed)
        if isinstance(relevance, ByEncoder) and rows:
            vectors[rows] = relevance.vectors([table["name"][j] for j in rows])
        counted = count_names(table, self.material.seed)
        metrics = self.lexicon.info["metrics"] | {key: asdict(s) for key, s in counted.items()}
        info = self.lexicon.info | {"metrics": metrics, "language_model": record}
        return replace(self.lexicon, base=table, name_vectors=vectors, info=info, path=None)


def prepare_renaming(
    lexicon: Lexicon,
    *,
    vectors: Any = None,
    concepts: Sequence[str] | None = None,
    show_progress: bool = False,
) -> Renaming:
    """Draw the rows that a language model is shown, and those that its names are chosen on.

    Parameters
    ----------
    lexicon : Lexicon
        With a column of texts.
    vectors : anything that holds a matrix, optional
        The vectors that it was learned from; needed if it has no encoder.
    concepts : sequence of str, optional
        Ids or names of the concepts to name; by default all.
    show_progress : bool
        Show a bar while texts are embedded.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline import prepare_renaming
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lexicon = sc.learn(texts, components=8, active=2, progress=False)
    >>> len(prepare_renaming(lexicon, concepts=["c0"]).cases)
    8
    """
    if lexicon.text is None:
        raise InputError(
            "this lexicon has no texts to show to a language model; learn it with --text, or name "
            "its concepts without one"
        )
    wanted = None if concepts is None else {_own(lexicon, concept) for concept in concepts}
    texts = lexicon.items[lexicon.text]
    material = reopen(lexicon, vectors=vectors, show_progress=show_progress)
    drawn = material.contrasts(lexicon.dictionary, lexicon.base_codes, "name")
    base = lexicon.base
    asked = range(len(drawn)) if wanted is None else wanted
    cases = cases_of(
        [c if j in asked else NOTHING for j, c in enumerate(drawn)],
        texts,
        values=base["evidence"].to_list(),
        current=base["name"].to_list(),
        # The bank that scored terms is not kept; their words are.
        kinds=["phrase" if kind == "term" else kind for kind in base["name_kind"]],
        parts=material.part_finder(lexicon.dictionary, len(asked)),
    )
    cases = [c if j in asked else Case(status="left") for j, c in enumerate(cases)]
    return Renaming(lexicon, material, drawn, cases)


def _own(lexicon: Lexicon, concept: str) -> int:
    latent = lexicon.row_of(concept)
    if latent >= lexicon.dictionary.n_components:
        raise InputError(
            f"concept {concept} was made by an edit, and new names are for the dictionary's own; "
            "rename it with 'semascope edit'"
        )
    return latent


def _rows_from(old: pl.DataFrame, new: pl.DataFrame, changed: set[int]) -> pl.DataFrame:
    # What went with an old name, such as the evidence, stays where the new one has nothing.
    take = pl.Series([j in changed for j in range(len(old))])
    columns = [c for c in new.columns if c != "evidence"]
    return old.with_columns(new[c].zip_with(take, old[c]) for c in columns)
