"""Scorers with a language model, over names of a lexicon: what it is shown, asked and paid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from semascope.core import InputError, generator, progress
from semascope.lexicon import ByEncoder, Lexicon, Rows, unit
from semascope.llm import AnswerCache, Budget, Endpoint, Forecast, Report, Request, forecast
from semascope.measure import (
    Sample,
    Trial,
    detection,
    detection_requests,
    fuzzing,
    fuzzing_requests,
    intervention,
    intervention_requests,
    simulation,
    simulation_requests,
)
from semascope.measure.samples import MOST, spread
from semascope.name import Pictures, few, firing_spans, with_images
from semascope.pipeline.pictured import BATCH, VERIFIED, check_pictures, pictures_of
from semascope.pipeline.scoring import Found
from semascope.pipeline.tested import TestedNames

ASKED = ("detection", "fuzzing", "simulation", "intervention")
"""Scorers that ask a language model."""
SEEING = ("detection",)
"""Those of them that can look at images."""
_WHY = {
    "fuzzing": "fuzzing marks parts of texts",
    "simulation": "simulation reads texts",
    "intervention": "intervention compares lists of texts",
}

_NOTHING = Sample([])
_TRIALS = 8
_SHOWN = 5
_STRONGER = (2, 4, 8)
# Concepts whose pictures are in memory at a time.
_BLOCK = 32
Change = Literal["strengthened", "removed"]
_ON_SAMPLES: dict[str, Any] = {
    "detection": (detection, detection_requests),
    "fuzzing": (fuzzing, fuzzing_requests),
    "simulation": (simulation, simulation_requests),
}


@dataclass(frozen=True)
class AskedScores:
    """What a language model is going to be asked about names; make it with `prepare_asked`.

    Parameters
    ----------
    scorers : list of str
        Some of ``ASKED``.
    names : list of str or None
        Names of all concepts that texts can show; of these come the nulls.
    samples : list of Sample
        *Verify* rows of each concept that is scored; empty for the others.
    trials : list of Trial
        What pushing rows along their atoms does.
    seed : int
    pictured : bool
        Whether the items are images: fewer of them are shown, more in a request.

    Examples
    --------
    >>> from semascope.pipeline.asked_scores import AskedScores
    >>> AskedScores(["detection"], [], []).trials
    []
    """

    scorers: list[str]
    names: list[str | None]
    samples: list[Sample]
    trials: list[Trial] = field(default_factory=list)
    seed: int = 0
    pictured: bool = False

    def forecast(
        self,
        endpoint: Endpoint,
        *,
        prompts: str | Path | None = None,
        cache: AnswerCache | str | Path | None = None,
    ) -> Forecast:
        """Say what `run` would ask and cost."""
        parts = []
        for scorer in self.scorers:
            requests: list[Request]
            if scorer == "intervention":
                requests = intervention_requests(
                    self.names, self.trials, seed=self.seed, prompts=prompts
                )
                parts.append(forecast(requests, endpoint, cache=cache))
                continue
            write = _ON_SAMPLES[scorer][1]
            for samples in self._blocks():
                requests = write(
                    self.names, samples, seed=self.seed, prompts=prompts, **self._sizes()
                )
                parts.append(forecast(requests, endpoint, cache=cache))
        return sum(parts, forecast([], endpoint, cache=cache))

    def run(
        self,
        endpoint: Endpoint,
        *,
        prompts: str | Path | None = None,
        cache: AnswerCache | str | Path | None = None,
        budget: Budget | None = None,
        show_progress: bool = False,
    ) -> tuple[list[Found], Report]:
        """Ask; what was answered before is not asked again."""
        found: list[Found] = []
        total = Report()
        options: dict[str, Any] = {
            "seed": self.seed, "prompts": prompts, "cache": cache, "budget": budget,
            "show_progress": show_progress,
        }  # fmt: skip
        for scorer in self.scorers:
            if scorer == "intervention":
                scores, report = intervention(self.names, self.trials, endpoint, **options)
                found += [(j, scorer, s) for j, s in enumerate(scores) if s is not None]
                total = total + report
                continue
            score = _ON_SAMPLES[scorer][0]
            for samples in self._blocks():
                scores, report = score(self.names, samples, endpoint, **options, **self._sizes())
                found += [(j, scorer, s) for j, s in enumerate(scores) if s is not None]
                total = total + report
        return found, total

    def _sizes(self) -> dict[str, int]:
        return {"most": VERIFIED, "batch": BATCH} if self.pictured else {}

    def _blocks(self) -> Iterator[list[Sample]]:
        """Yield all samples at once, or those of some concepts at a time, each in its place."""
        if not self.pictured:
            yield self.samples
            return
        some = [j for j, sample in enumerate(self.samples) if sample.active]
        for start in range(0, len(some), _BLOCK):
            block = set(some[start : start + _BLOCK])
            yield [s if j in block else _NOTHING for j, s in enumerate(self.samples)]


def prepare_asked(
    tested: TestedNames,
    scorers: Sequence[str],
    *,
    images: str | Path | None = None,
    show_progress: bool = False,
) -> AskedScores:
    """Choose the items that a language model is shown; nothing is asked.

    Names that state what a column holds are left to the other scorers: a text does not show them.

    Parameters
    ----------
    tested : TestedNames
        From `open_names`; its lexicon has texts, or images.
    scorers : sequence of str
        Some of ``ASKED``; of images ``detection`` only. ``fuzzing`` leaves out each part of the
        texts that it shows, and embeds the rest, to find the parts that count; so it needs an
        encoder.
    images : path, optional
        What relative paths of images start from, if the images were moved since.
    show_progress : bool
        Show a bar for that.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline.asked_scores import prepare_asked
    >>> from semascope.pipeline.tested import open_names
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lexicon = sc.learn(texts, components=8, active=2, baseline=False, progress=False)
    >>> ready = prepare_asked(open_names(lexicon), ["detection"])
    >>> any(sample.active for sample in ready.samples)
    True
    """
    lexicon, seed = tested.lexicon, tested.material.seed
    relevance = tested.material.relevance
    pictures = check_asked(lexicon, scorers, images=images)
    if pictures is not None:
        return _of_pictures(tested, pictures, scorers, show_progress)
    if "fuzzing" in scorers and not isinstance(relevance, ByEncoder):
        raise InputError(
            "fuzzing needs the encoder of the texts, to find the parts that fire a concept; this "
            "lexicon was learned from vectors alone"
        )
    texts = lexicon.items[str(lexicon.text)].fill_null("")
    names = tested.shown
    picked = _shown(tested, "texts")
    samples, trials = [_NOTHING] * len(names), []
    with progress("prepare", len(picked), "names", show=show_progress) as bar:
        for j in picked:
            parts = _parts(tested, j, texts) if "fuzzing" in scorers else ()
            contrast = tested.drawn[j]
            samples[j] = Sample(
                texts.gather(contrast.active).to_list(),
                texts.gather(contrast.inactive).to_list(),
                contrast.activations.tolist(),
                parts,
            )
            bar.advance()
    if "intervention" in scorers:
        trials = _trials(tested, picked, texts)
    return AskedScores(list(scorers), names, samples, trials, seed)


def check_asked(
    lexicon: Lexicon, scorers: Sequence[str], *, images: str | Path | None = None
) -> Pictures | None:
    """Return the images that scorers show a language model, or None where they show texts.

    Raises
    ------
    InputError
        If there is nothing that a language model could be shown, or a scorer cannot look at images.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline.asked_scores import check_asked
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lexicon = sc.learn(texts, components=8, active=2, baseline=False, progress=False)
    >>> check_asked(lexicon, ["fuzzing"]) is None
    True
    """
    pictures = pictures_of(lexicon, images)
    blind = [scorer for scorer in scorers if scorer not in SEEING]
    if pictures is not None and blind:
        raise InputError(
            f"of images only {', '.join(SEEING)} can ask a language model; leave out "
            f"{', '.join(blind)} ({'; '.join(_WHY[scorer] for scorer in blind)})"
        )
    return pictures


def _shown(tested: TestedNames, items: str) -> list[int]:
    """Return which of the names that are asked for the items can show; note the others down."""
    for j in tested.picked:
        if tested.shown[j] is None:
            tested.left_out.setdefault(
                tested.id(j), f"'{tested.names[j]}' states what a column holds; {items} need not"
            )
    return [j for j in tested.wanted if tested.shown[j] is not None]


def _of_pictures(
    tested: TestedNames, pictures: Pictures, scorers: Sequence[str], show_progress: bool
) -> AskedScores:
    picked = _shown(tested, "images")
    rows = {j: few(with_images(tested.drawn[j], pictures.there), VERIFIED) for j in picked}
    check_pictures(pictures, list(rows.values()), show_progress=show_progress)
    samples = [_NOTHING] * len(tested.shown)
    for j, some in rows.items():
        samples[j] = Sample(
            pictures.some(some.active), pictures.some(some.inactive), some.activations.tolist()
        )
    return AskedScores(list(scorers), tested.shown, samples, [], tested.material.seed, True)


def _parts(tested: TestedNames, j: int, texts: pl.Series) -> list[list[tuple[int, int]]]:
    """Find what fires a concept in as many texts as fuzzing shows, over their ranks."""
    relevance, lexicon = tested.material.relevance, tested.lexicon
    if not isinstance(relevance, ByEncoder):
        return []
    m = lexicon.dictionary.n_components
    direction, bias = lexicon.view.made_directions[j - m] if j >= m else None, 0.0
    if direction is None:
        direction = np.asarray(lexicon.dictionary.encoder[j])
        bias = float(lexicon.dictionary.encoder_bias[j])
    active = tested.drawn[j].active
    shown = spread(len(active), 2 * MOST) if len(active) else np.arange(0)
    some = texts.gather(active[shown]).to_list()
    out: list[list[tuple[int, int]]] = [[] for _ in active]
    for i, spans in zip(shown, firing_spans(some, relevance.embed, direction, bias), strict=True):
        out[int(i)] = spans
    return out


def _trials(tested: TestedNames, picked: Sequence[int], texts: pl.Series) -> list[Trial]:
    """Push rows along each atom, and see which rows are nearest before and after.

    Half of the rows do not show the concept and get its activation, twice as much each time until
    most of their neighbours are others; half lose theirs. Where no neighbour changes there is
    nothing to ask about.
    """
    source, pool = tested.material.source, tested.material.rows["verify"]
    if len(pool) <= _SHOWN:
        return []
    around = unit(source.take(pool))
    out: list[Trial] = []
    for j in picked:
        atom = tested.lexicon.view.atoms_of(np.array([j]))[0]
        contrast = tested.drawn[j]
        if not atom.any() or min(len(contrast.active), len(contrast.inactive)) < 2:
            continue
        random = generator(tested.material.seed, "trials", j)
        silent = random.permutation(contrast.other if len(contrast.other) else contrast.near)
        usual = float(contrast.activations.mean())
        losing = spread(len(contrast.active), 2 * _TRIALS)
        pushes: list[tuple[Rows, np.ndarray, Change]] = [
            (silent[: _TRIALS // 2], np.full(len(silent[: _TRIALS // 2]), usual), "strengthened"),
            (contrast.active[losing], -contrast.activations[losing], "removed"),
        ]
        for rows, push, change in pushes:
            vectors = np.concatenate([source.take(rows[i : i + 1]) for i in range(len(rows))])
            before = _nearest(vectors, around, pool, rows)
            after = _nearest(vectors + push[:, None] * atom, around, pool, rows)
            for times in _STRONGER if change == "strengthened" else ():
                weak = np.flatnonzero(_changed(before, after) <= _SHOWN // 2)
                further = vectors[weak] + times * push[weak, None] * atom
                after[weak] = _nearest(further, around, pool, rows[weak])
            telling = np.flatnonzero(_changed(before, after) > 0)
            for i in telling[spread(len(telling), _TRIALS // 2)] if len(telling) else ():
                first, then = (texts.gather(shown).to_list() for shown in (before[i], after[i]))
                out.append(Trial(j, first, then, change))
    return out


def _nearest(vectors: np.ndarray, around: np.ndarray, pool: Rows, rows: Rows) -> Rows:
    """Return the rows of the pool nearest to each vector, itself left out, shape (n, shown)."""
    cosine = unit(vectors.astype(np.float32)) @ around.T
    cosine[rows[:, None] == pool[None, :]] = -np.inf
    return np.asarray(pool[np.argsort(-cosine, axis=1, kind="stable")[:, :_SHOWN]])


def _changed(before: Rows, after: Rows) -> np.ndarray:
    return np.asarray((after[:, :, None] != before[:, None, :]).all(axis=2).sum(axis=1))
