"""Detection and fuzzing: a language model tells from a name alone which items show it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from semascope.core import Score, generator
from semascope.llm import AnswerCache, Budget, Endpoint, Question, Report, Request, detect
from semascope.llm import detection_requests as requests_of
from semascope.measure.interval import RESAMPLES, ends, share_draws
from semascope.measure.samples import (
    MOST,
    SHUFFLED,
    Mixed,
    Sample,
    beside_others,
    by_band,
    marked_sample,
    mixed_sample,
    other_names,
    require_samples,
)


def detection(
    names: Sequence[str | None],
    samples: Sequence[Sample],
    endpoint: Endpoint,
    *,
    most: int = MOST,
    shuffled: int = SHUFFLED,
    batch: int = 10,
    seed: int = 0,
    prompts: str | Path | None = None,
    cache: AnswerCache | str | Path | None = None,
    budget: Budget | None = None,
    show_progress: bool = False,
) -> tuple[list[Score | None], Report]:
    """Ask of active and inactive items, as many of each and mixed, whether they show the name.

    The value is the balanced accuracy over answered items; the null is what the names of other
    concepts reach on the same items in the same order. An item without an answer is a failure and
    is left out, never a "no".

    Parameters
    ----------
    names : sequence of str or None
        Names, or names with descriptions; None where a concept has none.
    samples : sequence of Sample
        Items of each concept.
    endpoint : Endpoint
        The judge; better not the model that gave the names.
    most : int, default 20
        Active items, and as many inactive ones, both spread evenly over their ranks.
    shuffled : int, default 2
        Names of other concepts in the null; each costs as much as the name itself.
    batch : int, default 10
        Items in one request.
    seed : int
        Order of items, other names, intervals.
    prompts, cache, budget, show_progress
        As in `llm.ask`.

    Returns
    -------
    (list of Score or None, Report)
        None where there is no name, or fewer than two items on a side.

    References
    ----------
    Paulo, Mallen, Juang and Belrose, "Automatically interpreting millions of features in large
    language models", 2024.

    Examples
    --------
    >>> from semascope.llm import Endpoint
    >>> from semascope.measure import Sample, detection
    >>> small = Endpoint("http://localhost:8000/v1", "small")
    >>> detection([None], [Sample(["a", "b"], ["c", "d"])], small)[0]
    [None]
    """
    sides = [mixed_sample(s, most, seed, j) for j, s in enumerate(samples)]
    return _judged(
        "detection", names, sides, endpoint, "detect", shuffled, batch, seed, prompts, cache,
        budget, show_progress,
    )  # fmt: skip


def fuzzing(
    names: Sequence[str | None],
    samples: Sequence[Sample],
    endpoint: Endpoint,
    *,
    most: int = MOST,
    shuffled: int = SHUFFLED,
    batch: int = 10,
    seed: int = 0,
    prompts: str | Path | None = None,
    cache: AnswerCache | str | Path | None = None,
    budget: Budget | None = None,
    show_progress: bool = False,
) -> tuple[list[Score | None], Report]:
    """Ask whether the marked part of an active item is the one that shows the name.

    Half of the items are marked where the concept is active, half on other words of the same item;
    so a name that only fits the item as a whole does not do. Value, null and failures as in
    `detection`, whose parameters these are.

    References
    ----------
    Paulo, Mallen, Juang and Belrose, "Automatically interpreting millions of features in large
    language models", 2024.

    Examples
    --------
    >>> from semascope.llm import Endpoint
    >>> from semascope.measure import Sample, fuzzing
    >>> small = Endpoint("http://localhost:8000/v1", "small")
    >>> fuzzing(["lateness"], [Sample(["late"], parts=[[(0, 4)]])], small)[0]
    [None]
    """
    sides = [marked_sample(s, most, seed, j) for j, s in enumerate(samples)]
    return _judged(
        "fuzzing", names, sides, endpoint, "fuzz", shuffled, batch, seed, prompts, cache, budget,
        show_progress,
    )  # fmt: skip


def detection_requests(
    names: Sequence[str | None],
    samples: Sequence[Sample],
    *,
    most: int = MOST,
    shuffled: int = SHUFFLED,
    batch: int = 10,
    seed: int = 0,
    prompts: str | Path | None = None,
) -> list[Request]:
    """Write the requests of `detection`, whose parameters these are, for a forecast.

    Examples
    --------
    >>> from semascope.measure import Sample, detection_requests
    >>> len(detection_requests(["fees"], [Sample(["a", "b"], ["c", "d"])]))
    1
    """
    sides = [mixed_sample(s, most, seed, j) for j, s in enumerate(samples)]
    questions, _ = _questions("detection", names, sides, shuffled, seed)
    return requests_of(questions, prompt="detect", batch=batch, prompts=prompts)[0]


def fuzzing_requests(
    names: Sequence[str | None],
    samples: Sequence[Sample],
    *,
    most: int = MOST,
    shuffled: int = SHUFFLED,
    batch: int = 10,
    seed: int = 0,
    prompts: str | Path | None = None,
) -> list[Request]:
    """Write the requests of `fuzzing`, whose parameters these are, for a forecast.

    Examples
    --------
    >>> from semascope.measure import Sample, fuzzing_requests
    >>> len(fuzzing_requests(["late"], [Sample(["a late train"] * 4, parts=[[(2, 6)]] * 4)]))
    1
    """
    sides = [marked_sample(s, most, seed, j) for j, s in enumerate(samples)]
    questions, _ = _questions("fuzzing", names, sides, shuffled, seed)
    return requests_of(questions, prompt="fuzz", batch=batch, prompts=prompts)[0]


def _questions(
    metric: str,
    names: Sequence[str | None],
    sides: Sequence[Mixed | None],
    shuffled: int,
    seed: int,
) -> tuple[list[Question], list[tuple[int, int]]]:
    """Return what is asked, and for each concept which of it: its own name first, then others."""
    require_samples(names, sides)
    questions: list[Question] = []
    asked_of: list[tuple[int, int]] = []
    for j, (name, mixed) in enumerate(zip(names, sides, strict=True)):
        if name is None or mixed is None:
            asked_of.append((len(questions), 0))
            continue
        asked = [name, *other_names(names, j, shuffled, seed, metric)]
        asked_of.append((len(questions), len(asked)))
        questions += [Question(n, mixed.items, mixed.marks) for n in asked]
    return questions, asked_of


def _judged(
    metric: str,
    names: Sequence[str | None],
    sides: Sequence[Mixed | None],
    endpoint: Endpoint,
    prompt: Literal["detect", "fuzz"],
    shuffled: int,
    batch: int,
    seed: int,
    prompts: str | Path | None,
    cache: AnswerCache | str | Path | None,
    budget: Budget | None,
    show_progress: bool,
) -> tuple[list[Score | None], Report]:
    questions, asked_of = _questions(metric, names, sides, shuffled, seed)
    verdicts, report = detect(
        questions,
        endpoint,
        prompt=prompt,
        batch=batch,
        prompts=prompts,
        cache=cache,
        budget=budget,
        show_progress=show_progress,
    )
    scores: list[Score | None] = []
    for (first, count), mixed in zip(asked_of, sides, strict=True):
        own = verdicts[first : first + count]
        scores.append(None if mixed is None or not count else _score(metric, mixed, own, seed))
    return scores, report


def _score(
    metric: str, mixed: Mixed, verdicts: Sequence[npt.NDArray[np.float64]], seed: int
) -> Score:
    known = np.isfinite(verdicts[0])
    failures = int((~known).sum())
    yes, no = np.flatnonzero(known & mixed.truth), np.flatnonzero(known & ~mixed.truth)
    bands = by_band(mixed.band[known])
    if not len(yes) or not len(no):
        note = "no answer could be read on one side"
        return Score(metric, float("nan"), n=int(known.sum()), note=note, failures=failures,
                     by_band=bands)  # fmt: skip
    right = np.where(mixed.truth, verdicts[0], 1 - verdicts[0])

    # As of all accuracies here: an interval that covers, also when every answer is right.
    random, reached = (
        generator(seed, "bootstrap", metric),
        float(right[yes].mean() + right[no].mean()) / 2,
    )
    draws = [share_draws(float(right[g].sum()), len(g), RESAMPLES, random) for g in (yes, no)]
    low, high = ends((draws[0] + draws[1]) / 2, reached)
    null = [v for v in (_accuracy(mixed.truth, other) for other in verdicts[1:]) if v is not None]
    found = Score(
        metric, reached, low, high, n=int(known.sum()), note="balanced accuracy",
        failures=failures, by_band=bands,
    )  # fmt: skip
    return beside_others(found, null, 0.5)


def _accuracy(truth: npt.NDArray[np.bool_], verdicts: npt.NDArray[np.float64]) -> float | None:
    known = np.isfinite(verdicts)
    yes, no = verdicts[known & truth], verdicts[known & ~truth]
    return float((yes.mean() + 1 - no.mean()) / 2) if len(yes) and len(no) else None
