"""Names and descriptions by a language model, chosen on rows that it was not shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from semascope.core import InputError, generator
from semascope.lexicon import ByEncoder, Contrast, Relevance
from semascope.llm import (
    AnswerCache,
    Budget,
    ByDetection,
    Doubt,
    Endpoint,
    Report,
    Request,
    ask,
    load_prompt,
    plain,
    quote,
    read_object,
)
from semascope.name.apart import Second, second_cases, told_apart
from semascope.name.assign import Proposal
from semascope.name.candidates import Candidate
from semascope.name.cases import NOTHING, Case
from semascope.name.evidence import Evidence
from semascope.name.held_in import LEAST, aurocs, lower_end, threshold
from semascope.name.settle import Scored, settle
from semascope.name.words import merge_key

CANDIDATES = 4
_LONGEST_NAME = 80
_OTHERS = 40
_MOST_ALTERNATIVES = 4


class _Options(TypedDict):
    prompts: str | Path | None
    cache: AnswerCache | str | Path | None
    budget: Budget | None
    show_progress: bool


def naming_requests(
    cases: Sequence[Case], *, count: int = CANDIDATES, prompts: str | Path | None = None
) -> tuple[list[Request], list[tuple[int, str]]]:
    """Write the requests of `ask_names`, for a forecast.

    Returns
    -------
    (list of Request, list of (int, str))
        The requests, and for each the index of its case and its code.

    Examples
    --------
    >>> from semascope.name import Case, naming_requests
    >>> requests, parts = naming_requests([Case(status="dead"), Case(["late"], [1.0])])
    >>> len(requests), parts[0][0]
    (1, 1)
    """
    if count < 1:
        raise InputError(f"count must be at least 1 name, got {count}")
    requests, parts = [], []
    for j, case in enumerate(cases):
        if case.status == "unnamed" and (case.active or case.sheets):
            request, code = _request(case, count, prompts)
            requests.append(request)
            parts.append((j, code))
    return requests, parts


def ask_names(
    cases: Sequence[Case],
    endpoint: Endpoint,
    *,
    relevance: Relevance | None,
    scorers: Mapping[str, Relevance] | None = None,
    count: int = CANDIDATES,
    prompts: str | Path | None = None,
    cache: AnswerCache | str | Path | None = None,
    budget: Budget | None = None,
    seed: int = 0,
    show_progress: bool = False,
) -> tuple[list[Proposal], Report]:
    """Name concepts with a language model.

    The model sees active items of all strengths, near-misses and values, and gives several names
    with a description each. Which one is taken is decided on *name* rows that it did not see: by
    how well the name tells active from inactive ones (AUROC), if it clears chance and the names of
    other concepts. No two concepts get the same name: one whose names are all taken by another is
    asked about a second time, beside the rows of that other, and must be told from these.

    Parameters
    ----------
    cases : sequence of Case
        From `cases_of`, or of one's own making.
    endpoint : Endpoint
        The model.
    relevance : Relevance or None
        How a name scores rows: `lexicon.ByEncoder`, `llm.ByDetection` (the same or another model),
        or anything alike. None takes the first name as it is.
    scorers : mapping of str to Relevance, optional
        What scores current names of other kinds than ``phrase``, which new ones have to beat on
        the same rows.
    count : int, default 4
        Names that are asked for.
    prompts, cache, budget, show_progress
        As in `llm.ask`.
    seed : int
        Choice of the other concepts' names that a name has to beat.

    Returns
    -------
    (list of Proposal, Report)
        One proposal for each case; where the model gave nothing that held up, its status stays
        ``unnamed``. The report tells why answers are missing.

    References
    ----------
    Bills et al., "Language models can explain neurons in language models", 2023. Paulo, Mallen,
    Juang and Belrose, "Automatically interpreting millions of features in large language models",
    2024. Choi et al., "Scaling automatic neuron description", 2024 (several candidates, the best
    one by its score).

    Examples
    --------
    Concepts without rows are not asked about:

    >>> from semascope.llm import Endpoint
    >>> from semascope.name import Case, ask_names
    >>> small = Endpoint("http://localhost:8000/v1", "small")
    >>> ask_names([Case(status="dead")], small, relevance=None)[0][0].status
    'dead'
    """
    how: _Options = {
        "prompts": prompts, "cache": cache, "budget": budget, "show_progress": show_progress,
    }  # fmt: skip
    found, report = _asked(cases, endpoint, relevance, count, "name", **how)
    proposals = [Proposal(case.status, evidence=list(case.values)) for case in cases]
    by_kind = {} if relevance is None else {**(scorers or {}), "phrase": relevance}
    options = _scored(cases, found, relevance, by_kind, seed, show_progress)
    evidence = [Evidence(j, case.held or NOTHING) for j, case in enumerate(cases)]
    chosen = settle(options, evidence, by_kind)
    again = second_cases(cases, options, chosen, by_kind)
    if again and relevance is not None:
        seconds = [again.get(j, Second(Case(status="left"))).case for j in range(len(cases))]
        others, more = _asked(seconds, endpoint, relevance, count, "name apart", **how)
        report += more
        found = [names | new for names, new in zip(found, others, strict=True)]
        second = _scored(cases, others, relevance, by_kind, seed, show_progress, own=False)
        left = [told_apart(o, again.get(j), relevance) for j, o in enumerate(second)]
        options = [old or new for old, new in zip(options, left, strict=True)]
        settled = settle(left, evidence, by_kind, given=chosen)
        chosen = [old or new for old, new in zip(chosen, settled, strict=True)]
    for case, proposal, names, best, own in zip(
        cases, proposals, found, chosen, options, strict=True
    ):
        if best is None:
            continue
        name = best.candidate.name
        proposal.status, proposal.name, proposal.kind, proposal.by = (
            "named",
            name,
            best.candidate.kind,
            "asked",
        )
        proposal.held_in, proposal.description = best.held_in, names.get(name, "")
        proposal.alternatives = [s.candidate.name for s in own if s is not best][
            :_MOST_ALTERNATIVES
        ]
        if case.held is not None and relevance is not None:
            proposal.threshold = threshold(by_kind[best.candidate.kind], name, case.held)
        else:
            proposal.held_in = None
    return proposals, report


def _asked(
    cases: Sequence[Case],
    endpoint: Endpoint,
    relevance: Relevance | None,
    count: int,
    title: str,
    *,
    prompts: str | Path | None,
    cache: AnswerCache | str | Path | None,
    budget: Budget | None,
    show_progress: bool,
) -> tuple[list[dict[str, str]], Report]:
    """Return for each case the names that were given, with their descriptions."""
    requests, parts = naming_requests(cases, count=count, prompts=prompts)
    # Where a judge is asked about names, a rehearsal has to know how many there will be.
    few = isinstance(relevance, ByDetection)
    asked = ask(
        requests,
        endpoint,
        lambda i, text: _read_names(text, parts[i][1], count),
        cache=cache,
        budget=budget,
        presumed=[
            {f"presumed{j}x{i}": "" for i in range(count)} if few else None for j, _ in parts
        ],
        title=title,
        show_progress=show_progress,
    )
    found: list[dict[str, str]] = [{} for _ in cases]
    for (j, _), names in zip(parts, asked.answers, strict=True):
        found[j] = names or {}
    return found, asked.report


def _request(case: Case, count: int, prompts: str | Path | None) -> tuple[Request, str]:
    largest = max(case.activations, default=1.0)
    strengths = [max(1, round(10 * a / largest)) if largest > 0 else 1 for a in case.activations]
    more = [("value", case.values), ("part", case.members), ("taken", case.taken)]
    lines = [*case.active, *case.near, *(line for _, some in more for line in some)]
    labels = [f"strength {s}" for s in strengths]
    labels += ["near-miss"] * len(case.near) + [label for label, some in more for _ in some]
    marks = None
    if case.marks is not None:
        marks = [*case.marks, *([()] * (len(lines) - len(case.active)))]
    pictures = tuple(case.sheets)
    about = hashlib.blake2b(b"".join(pictures), digest_size=8).hexdigest() if pictures else "name"
    quoted = quote(lines, marks=marks, labels=labels, about=about)
    values: dict[str, str | int] = {"items": quoted.text, "code": quoted.code, "count": count}
    if pictures:
        values["sheets"] = _sheets(len(pictures))
        system, user = load_prompt("name_images", prompts).filled(**values)
    else:
        system, user = load_prompt("name", prompts).filled(n=quoted.n, **values)
    request = Request(system, user, pictures, 100 + 120 * count, 30 + 45 * count, 0.0)
    return request, quoted.code


def _sheets(n: int) -> str:
    shown = "The first picture is a sheet of items on which the feature is active, strongest first."
    if n == 1:
        return shown
    return shown + " The second is a sheet of similar items on which it is inactive."


def _read_names(text: str, code: str, count: int) -> dict[str, str]:
    """Return names with their descriptions, best first."""
    said = read_object(text, code).get("names")
    found: dict[str, str] = {}
    keys: set[str] = set()
    for entry in said if isinstance(said, list) else []:
        entry = {"name": entry} if isinstance(entry, str) else entry
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            continue
        name = plain(entry["name"], limit=200).strip(" \"'.*`")
        if not name or len(name) > _LONGEST_NAME or merge_key(name) in keys:
            continue
        keys.add(merge_key(name))
        found[name] = plain(str(entry.get("description") or ""), limit=400)
    if not found:
        raise ValueError("the answer has no names")
    return dict(list(found.items())[:count])


def _scored(
    cases: Sequence[Case],
    found: list[dict[str, str]],
    relevance: Relevance | None,
    by_kind: Mapping[str, Relevance],
    seed: int,
    show_progress: bool,
    own: bool = True,
) -> list[list[Scored]]:
    everything = sorted({name for names in found for name in names})
    if isinstance(relevance, ByEncoder) and everything:
        relevance.vectors(everything)
    if isinstance(relevance, ByDetection):
        relevance.ask(_doubts(cases, found, own), title="choose", show_progress=show_progress)
    random = generator(seed, "other names")
    options: list[list[Scored]] = []
    for case, names in zip(cases, found, strict=True):
        mine = _with_current(case, names) if own else list(names)
        if not names:
            options.append([])
        elif relevance is None or case.held is None:
            # Without rows to choose on, the model's own order stands.
            options.append([_first_choice(n, i) for i, n in enumerate(names)])
        else:
            of_phrases = case.current_kind == "phrase" or not own
            strangers = sorted(set(everything) - set(mine))
            most = 0 if isinstance(relevance, ByDetection) else min(_OTHERS, len(strangers))
            others = [strangers[i] for i in random.choice(max(1, len(strangers)), most, False)]
            held_up = _held_up(mine, others, case.held, relevance)
            if case.current and not of_phrases and case.current_kind in by_kind:
                held_up += _current(case.current, case.current_kind, case.held, by_kind)
            # Among equals the model's order stands.
            options.append(sorted(held_up, key=lambda c: -c.score))
    return options


def _with_current(case: Case, names: Mapping[str, str]) -> list[str]:
    beaten = case.current and case.current_kind == "phrase" and case.current not in names
    return [*names, *([case.current] if beaten else [])]


def _doubts(cases: Sequence[Case], found: list[dict[str, str]], own: bool) -> list[Doubt]:
    """Return what a judge is going to be asked, so that it is asked all at once."""
    doubts = []
    for case, names in zip(cases, found, strict=True):
        if names and case.held is not None and len(case.held.active) and len(case.held.inactive):
            rows = np.concatenate([case.held.active, case.held.inactive])
            truth = np.arange(len(rows)) < len(case.held.active)
            mine = _with_current(case, names) if own else list(names)
            doubts += [Doubt(name, rows, truth) for name in mine]
    return doubts


def _first_choice(name: str, rank: int) -> Scored:
    return Scored(Candidate(name, by="asked"), 1 - 0.01 * rank, 0.5)


def _held_up(
    own: list[str], others: list[str], held: Contrast, relevance: Relevance
) -> list[Scored]:
    if not len(held.active) or not len(held.inactive):
        return []
    scores = aurocs(relevance, [*own, *others], held)
    chance = float(np.quantile(scores[len(own) :], 0.95)) if others else 0.5
    return [
        Scored(Candidate(name, by="asked"), float(a), float(a))
        for name, a in zip(own, scores, strict=False)
        if a > chance and a >= LEAST and lower_end(a, held) > 0.5
    ]


def _current(
    name: str, kind: str, held: Contrast, by_kind: Mapping[str, Relevance]
) -> list[Scored]:
    if not len(held.active) or not len(held.inactive):
        return []
    a = float(aurocs(by_kind[kind], [name], held)[0])
    return [Scored(Candidate(name, kind), a, a)] if a >= LEAST else []
