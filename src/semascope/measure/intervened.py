"""Intervention: from what an edit of a concept does, tell which concept was edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from semascope.core import InputError, Score, generator
from semascope.llm import (
    AnswerCache,
    Budget,
    Endpoint,
    Report,
    Request,
    ask,
    load_prompt,
    plain,
    quote,
    read_object,
)
from semascope.measure.interval import share_interval
from semascope.measure.samples import beside_others


@dataclass(frozen=True)
class Trial:
    """What one vector's nearest items were before and after one concept was edited in it.

    Parameters
    ----------
    concept : int
        Index of the edited concept.
    before, after : sequence of str
        Texts of the nearest items, nearest first.
    change : str
        ``strengthened`` (steered towards) or ``removed`` (ablated).

    Examples
    --------
    >>> from semascope.measure import Trial
    >>> Trial(0, ["lovely tea"], ["lovely tea, but late"]).change
    'strengthened'
    """

    concept: int
    before: Sequence[str]
    after: Sequence[str]
    change: Literal["strengthened", "removed"] = "strengthened"


def intervention(
    names: Sequence[str | None],
    trials: Sequence[Trial],
    endpoint: Endpoint,
    *,
    options: int = 5,
    seed: int = 0,
    prompts: str | Path | None = None,
    cache: AnswerCache | str | Path | None = None,
    budget: Budget | None = None,
    show_progress: bool = False,
) -> tuple[list[Score | None], Report]:
    """Ask which of a few names explains the difference between items before and after an edit.

    The value is the share of a concept's trials in which its own name was chosen; the null is how
    often its name was chosen in trials of other concepts where it stood among the options, or
    chance where it never did.

    Parameters
    ----------
    names : sequence of str or None
        Names of all concepts; trials of unnamed ones are left out.
    trials : sequence of Trial
        Several for each concept, from different vectors.
    endpoint : Endpoint
        The judge.
    options : int, default 5
        Names to choose from in each trial, the right one among them.
    seed : int
        Choice and order of the options, intervals.
    prompts, cache, budget, show_progress
        As in `llm.ask`.

    Returns
    -------
    (list of Score or None, Report)
        One for each name; None where a concept has no name or no trial.

    References
    ----------
    Paulo, Mallen, Juang and Belrose, "Automatically interpreting millions of features in large
    language models", 2024 (intervention scoring).

    Examples
    --------
    >>> from semascope.llm import Endpoint
    >>> from semascope.measure import intervention
    >>> intervention(["fees", "trains"], [], Endpoint("http://localhost:8000/v1", "small"))[0]
    [None, None]
    """
    requests, parts = _planned(names, trials, options, seed, prompts)
    asked = ask(
        requests,
        endpoint,
        lambda i, text: _read_choice(text, parts[i][2], len(parts[i][1])),
        cache=cache,
        budget=budget,
        title="intervene",
        show_progress=show_progress,
    )
    right: list[list[bool]] = [[] for _ in names]
    taken: list[list[bool]] = [[] for _ in names]
    chance: list[list[float]] = [[] for _ in names]
    failures = [0] * len(names)
    for (concept, offered, _), choice in zip(parts, asked.answers, strict=True):
        chance[concept].append(1 / len(offered))
        if choice is None:
            failures[concept] += 1
            continue
        right[concept].append(offered[choice] == concept)
        for k, j in enumerate(offered):
            if j != concept:
                taken[j].append(k == choice)
    return [
        _score(right[j], taken[j], chance[j], failures[j]) for j in range(len(names))
    ], asked.report


def intervention_requests(
    names: Sequence[str | None],
    trials: Sequence[Trial],
    *,
    options: int = 5,
    seed: int = 0,
    prompts: str | Path | None = None,
) -> list[Request]:
    """Write the requests of `intervention`, whose parameters these are, for a forecast.

    Examples
    --------
    >>> from semascope.measure import Trial, intervention_requests
    >>> len(intervention_requests(["fees", "trains"], [Trial(0, ["tea"], ["a fee"])]))
    1
    """
    return _planned(names, trials, options, seed, prompts)[0]


def _planned(
    names: Sequence[str | None],
    trials: Sequence[Trial],
    options: int,
    seed: int,
    prompts: str | Path | None,
) -> tuple[list[Request], list[tuple[int, list[int], str]]]:
    """Return the requests, and for each its concept, the concepts that are offered, its code."""
    if options < 2:
        raise InputError(f"there must be at least 2 options to choose from, got {options}")
    requests: list[Request] = []
    parts: list[tuple[int, list[int], str]] = []
    for t, trial in enumerate(trials):
        if not 0 <= trial.concept < len(names):
            raise InputError(f"trial {t} is of concept {trial.concept}; there are {len(names)}")
        if names[trial.concept] is None:
            continue
        offered = _offered(names, trial.concept, options, seed, t)
        if len(offered) < 2:
            continue
        request, code = _request(trial, [str(names[j]) for j in offered], prompts)
        requests.append(request)
        parts.append((trial.concept, offered, code))
    return requests, parts


def _offered(
    names: Sequence[str | None], concept: int, options: int, seed: int, t: int
) -> list[int]:
    random = generator(seed, "options", t)
    others = [j for j, n in enumerate(names) if n is not None and n != names[concept]]
    picked = random.permutation(len(others))[: options - 1]
    offered = [concept, *(others[int(i)] for i in picked)]
    return [offered[i] for i in random.permutation(len(offered))]


def _request(trial: Trial, names: list[str], prompts: str | Path | None) -> tuple[Request, str]:
    lines = [*trial.before, *trial.after]
    labels = ["before"] * len(trial.before) + ["after"] * len(trial.after)
    shown = [f'{i}: "{plain(name, limit=300)}"' for i, name in enumerate(names, 1)]
    quoted = quote(lines, labels=labels, about="\n".join(["intervene", trial.change, *shown]))
    system, user = load_prompt("intervene", prompts).filled(
        change=trial.change,
        items=quoted.text,
        names="\n".join(shown),
        n=len(names),
        code=quoted.code,
    )
    return Request(system, user, (), 120, 25), quoted.code


def _read_choice(text: str, code: str, n: int) -> int:
    number = int(str(read_object(text, code).get("feature")))
    if not 1 <= number <= n:
        raise ValueError(f"there is no feature {number}")
    return number - 1


def _score(
    right: list[bool], taken: list[bool], chance: list[float], failures: int
) -> Score | None:
    if not chance:
        return None
    if not right:
        note = "no answer could be read"
        return Score("intervention", float("nan"), note=note, failures=failures)
    low, high = share_interval(sum(right), len(right))
    found = Score(
        "intervention", float(np.mean(right)), low, high, n=len(right), note="share of trials",
        failures=failures,
    )  # fmt: skip
    return beside_others(found, taken, float(np.mean(chance)))
