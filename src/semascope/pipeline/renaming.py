"""Name the concepts of a lexicon again, with a language model, and verify the new names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from semascope.core import InputError
from semascope.lexicon import AnyName, ByEncoder, Contrast, Lexicon
from semascope.llm import (
    AnswerCache,
    Budget,
    ByDetection,
    Endpoint,
    Forecast,
    Rehearsal,
    Report,
)
from semascope.measure import Verdict, decide, verify_names
from semascope.name import (
    Case,
    Pictures,
    Proposal,
    ask_names,
    cases_of,
    few,
    picture_cases,
    shared_rows,
    with_images,
)
from semascope.name.cases import NOTHING
from semascope.pipeline.assemble import with_names
from semascope.pipeline.family_names import families_in, family_cases, renewed_families
from semascope.pipeline.metrics import count_names
from semascope.pipeline.naming import Material
from semascope.pipeline.pictured import (
    VERIFIED,
    Asking,
    check_pictures,
    pictures_of,
    verify_pictures,
)
from semascope.pipeline.reopened import reopen

_MUTED = "is muted"


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
    pictures: Pictures | None = None
    family_cases: list[Case] | None = None
    left_out: dict[str, str] = field(default_factory=dict)

    def forecast(
        self,
        endpoint: Endpoint,
        *,
        prompts: str | Path | None = None,
        cache: AnswerCache | str | Path | None = None,
    ) -> Forecast:
        """Say what `run` would ask and cost.

        What is asked later depends on answers. Those that are kept are taken; for the others it is
        presumed that the model gives as many names as it is asked for, that one holds up for each
        concept and family, and that no two of them collide.
        """
        play = Rehearsal.of(endpoint)
        self._gone_through(Asking(play, prompts, cache))
        return play.forecast

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

        A concept keeps its name, and its scores, where no new one tells the held-in rows better; so
        does a family. Names of images are chosen and verified by detection, by the same model.

        Returns
        -------
        (Lexicon, Report)
            A new lexicon in memory, and what was asked. ``info["language_model"]`` holds the
            model and the report.
        """
        if budget is not None and (budget.money is not None or budget.tokens is not None):
            budget.check(endpoint, self.forecast(endpoint, prompts=prompts, cache=cache))
        asking = Asking(endpoint, prompts, cache, budget, show_progress)
        table, families, changed, report = self._gone_through(asking)
        record = endpoint.describe() | {"report": report.as_dict()}
        if self.pictures is not None:
            record |= {"trust": "detection by this model", "edge": self.pictures.edge}
        return self._assembled(table, families, changed, record), report

    def _gone_through(self, asking: Asking) -> tuple[pl.DataFrame, pl.DataFrame, set[int], Report]:
        """Go through all stages; return concepts, families, which concepts changed, and counts."""
        relevance, seed, base = self.material.relevance, self.material.seed, self.lexicon.base
        # Of kinds other than phrases; those are scored by the encoder, by words, or by a judge.
        any_name = AnyName.of(self.lexicon, relevance, self.material.rows["name"])
        judge = None if self.pictures is None else asking.judge(self.pictures, seed)
        phrases = relevance if judge is None else judge
        proposals, report = ask_names(
            self.cases,
            asking.endpoint,
            relevance=phrases,
            scorers=any_name.by_kind,
            seed=seed,
            **asking.options,
        )
        changed = self._changed(proposals)
        verdicts, more = self._verified(proposals, changed, judge, asking)
        report += more
        stopped = report.stopped or (judge is not None and judge.report.stopped)
        if stopped:
            # What was not verified any more is no name.
            changed -= {j for j in changed if verdicts[j] is None}
        table = base
        if changed:
            fresh = with_names(base, proposals, verdicts)
            table = decide(_rows_from(base, fresh, changed))
        families, last = renewed_families(
            self.lexicon, table, self.material, self.drawn, any_name,
            asking, cases=None if stopped else self.family_cases, relevance=phrases,
            pictures=self.pictures,
        )  # fmt: skip
        report += last
        return table, families, changed, report if judge is None else report + judge.report

    def _verified(
        self,
        proposals: Sequence[Proposal],
        changed: set[int],
        judge: ByDetection | None,
        asking: Asking,
    ) -> tuple[list[Verdict | None], Report]:
        relevance, seed, base = self.material.relevance, self.material.seed, self.lexicon.base
        asks = judge is not None or not isinstance(asking.endpoint, Rehearsal)
        if not changed or not asks:
            return [None] * len(proposals), Report()
        names = [proposals[j].name if j in changed else old for j, old in enumerate(base["name"])]
        kinds = base["name_kind"].to_list()
        # Rules are no phrases: they are nobody's null here, and keep the scores that they have.
        pool = [n if j in changed or kinds[j] == "phrase" else None for j, n in enumerate(names)]
        thresholds = [p.threshold if j in changed else None for j, p in enumerate(proposals)]
        tested = self.material.contrasts(self.lexicon.dictionary, self.lexicon.base_codes, "verify")
        if judge is not None and self.pictures is not None:
            return verify_pictures(
                judge, pool, thresholds, tested, self.pictures, seed=seed,
                show_progress=asking.show_progress,
            )  # fmt: skip
        found = verify_names(pool, thresholds, tested, lambda j: relevance, seed=seed)  # type: ignore[arg-type, return-value]
        return found, Report()

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

    def _assembled(
        self, table: pl.DataFrame, families: pl.DataFrame, changed: set[int], record: Any
    ) -> Lexicon:
        vectors = np.array(self.lexicon.name_vectors)
        relevance = self.material.relevance
        rows = sorted(changed)
        if isinstance(relevance, ByEncoder) and rows:
            vectors[rows] = relevance.vectors([table["name"][j] for j in rows])
        counted = count_names(table, self.material.seed)
        metrics = self.lexicon.info["metrics"] | {key: asdict(s) for key, s in counted.items()}
        info = self.lexicon.info | {"metrics": metrics, "language_model": record}
        return replace(
            self.lexicon,
            base=table,
            base_families=families,
            name_vectors=vectors,
            info=info,
            path=None,
        )


def prepare_renaming(
    lexicon: Lexicon,
    *,
    vectors: Any = None,
    concepts: Sequence[str] | None = None,
    images: str | Path | None = None,
    families: bool | None = None,
    show_progress: bool = False,
) -> Renaming:
    """Draw the rows that a language model is shown, and those that its names are chosen on.

    Parameters
    ----------
    lexicon : Lexicon
        With a column of texts, or learned with ``images=``.
    vectors : anything that holds a matrix, optional
        The vectors that it was learned from; needed if it has no encoder.
    concepts : sequence of str, optional
        Ids or names of the concepts to name; by default all but those that people named, muted,
        merged or split, where a new name would not be seen.
    images : path, optional
        What relative paths of images start from, if the images were moved since.
    families : bool, optional
        Name families as well; by default if all concepts are named.
    show_progress : bool
        Show a bar while texts are embedded, or images looked at.

    Raises
    ------
    InputError
        If there is nothing to show, or an image that would be shown is not there or cannot be read.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline import prepare_renaming
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lexicon = sc.learn(texts, components=8, active=2, progress=False)
    >>> len(prepare_renaming(lexicon, concepts=["c0"]).cases)
    8
    """
    pictures = pictures_of(lexicon, images)
    if concepts is not None and not concepts:
        raise InputError("no concepts are named; name some, by id or name")
    wanted = None if concepts is None else {_own(lexicon, concept) for concept in concepts}
    material = reopen(lexicon, vectors=vectors, show_progress=show_progress)
    drawn = material.contrasts(lexicon.dictionary, lexicon.base_codes, "name")
    base = lexicon.base
    hidden = _hidden(lexicon)
    if wanted is None:
        left = {j: why for j, why in hidden.items() if base["status"][j] in ("named", "unnamed")}
        wanted_rows = [j for j in range(len(drawn)) if j not in hidden]
    else:
        left, wanted_rows = {}, sorted(wanted)
        for j in wanted_rows:
            if j in hidden and hidden[j] != _MUTED:
                raise InputError(
                    f"concept {base['id'][j]} {hidden[j]}, so a new name of the dictionary's would "
                    "not be seen; undo that edit first"
                )
    asked = set(wanted_rows)
    shown = [c if j in asked else NOTHING for j, c in enumerate(drawn)]
    known: dict[str, Any] = {
        "values": base["evidence"].to_list(),
        "current": base["name"].to_list(),
        # The bank that scored terms is not kept; their words are.
        "kinds": ["phrase" if kind == "term" else kind for kind in base["name_kind"]],
    }
    families = wanted is None if families is None else families
    tested: list[Contrast] = []
    if pictures is not None:
        tested = material.contrasts(lexicon.dictionary, lexicon.base_codes, "verify")
        check_pictures(pictures, [*(drawn if families else shown), *tested], read=False)
        cases = picture_cases(shown, pictures, **known)
    else:
        parts = material.part_finder(lexicon.dictionary, len(asked))
        cases = cases_of(shown, lexicon.items[str(lexicon.text)], parts=parts, **known)
    cases = [c if j in asked else Case(status="left") for j, c in enumerate(cases)]
    kin: list[Case] | None = None
    if families:
        groups = families_in(lexicon.base_families, base["id"].to_list())
        any_name = AnyName.of(lexicon, material.relevance, material.rows["name"])
        items = lexicon.items[str(lexicon.text)] if pictures is None else pictures
        kin = family_cases(groups, drawn, any_name, items, seed=material.seed)
        people = lexicon.view.family_names
        ids = lexicon.base_families["id"]
        kin = [Case(status="left") if i in people else c for i, c in zip(ids, kin, strict=True)]
        tested = [*tested, *(shared_rows(f, tested, seed=material.seed) for f in groups if tested)]
    if pictures is not None:
        seen = [few(with_images(c, pictures.there), VERIFIED) for c in tested]
        held = [case.held or NOTHING for case in (*cases, *(kin or ()))]
        check_pictures(pictures, [*held, *seen], show_progress=show_progress)
    reasons = {str(base["id"][j]): why for j, why in left.items()}
    return Renaming(lexicon, material, drawn, cases, pictures, kin, reasons)


def _hidden(lexicon: Lexicon) -> dict[int, str]:
    """Tell of which concepts edits cover the name, or take the rows, and how."""
    out = {}
    here = lexicon.concepts.head(len(lexicon.base))
    for j, (row, old) in enumerate(zip(here.iter_rows(named=True), lexicon.base["name"],
                                       strict=True)):  # fmt: skip
        if row["became"]:
            out[j] = f"has become {' and '.join(row['became'])}"
        elif row["name"] != old:
            out[j] = "has a name that people gave it"
        elif row["muted"]:
            out[j] = _MUTED
    return out


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
