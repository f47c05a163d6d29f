"""Detection: for each of many names, which items show it, in small batches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from semascope.core import InputError
from semascope.llm.answers import read_verdicts
from semascope.llm.ask import ask
from semascope.llm.budget import Budget, Report
from semascope.llm.cache import AnswerCache
from semascope.llm.endpoint import Endpoint
from semascope.llm.prompts import load_prompt
from semascope.llm.quote import LIMIT, Span, one_line, quote
from semascope.llm.requests import Request

BATCH = 10
_NAME_LIMIT = 300


@dataclass(frozen=True)
class Question:
    """One name and the items to judge by it.

    Parameters
    ----------
    name : str
        Name, or name and description, of a concept.
    items : sequence of str, or of bytes
        Texts, or pictures.
    marks : sequence of sequences of (int, int), optional
        Parts of the texts that are marked, where it is their marks that are judged.
    presumed : sequence of bool, optional
        What a `Rehearsal` takes for the answers; by default "no".

    Examples
    --------
    >>> from semascope.llm import Question
    >>> Question("late delivery", ["it came late", "lovely"]).name
    'late delivery'
    """

    name: str
    items: Sequence[str] | Sequence[bytes]
    marks: Sequence[Sequence[Span]] | None = None
    presumed: Sequence[bool] | None = None


def detection_requests(
    questions: Sequence[Question],
    *,
    prompt: Literal["detect", "fuzz"] = "detect",
    batch: int = BATCH,
    limit: int = LIMIT,
    prompts: str | Path | None = None,
) -> tuple[list[Request], list[tuple[int, int, int, str]]]:
    """Write the requests of `detect`: at most `batch` items of one question in each.

    Returns
    -------
    (list of Request, list of (int, int, int, str))
        The requests, and for each its question, its first and last item, and its code.

    Examples
    --------
    >>> from semascope.llm import Question, detection_requests
    >>> requests, parts = detection_requests([Question("fees", ["a", "b", "c"])], batch=2)
    >>> [part[:3] for part in parts]
    [(0, 0, 2), (0, 2, 3)]
    """
    if batch < 1:
        raise InputError(f"a batch must hold at least 1 item, got {batch}")
    requests, parts = [], []
    for number, question in enumerate(questions):
        # In requests of about the same size: a last one of few items may hold one kind only.
        whole = len(question.items)
        step = -(-whole // max(1, -(-whole // batch)))
        for start in range(0, whole, max(1, step)):
            stop = min(start + step, whole)
            request, code = _request(question, start, stop, prompt, limit, prompts)
            requests.append(request)
            parts.append((number, start, stop, code))
    return requests, parts


def detect(
    questions: Sequence[Question],
    endpoint: Endpoint,
    *,
    prompt: Literal["detect", "fuzz"] = "detect",
    batch: int = BATCH,
    limit: int = LIMIT,
    prompts: str | Path | None = None,
    cache: AnswerCache | str | Path | None = None,
    budget: Budget | None = None,
    show_progress: bool = False,
) -> tuple[list[npt.NDArray[np.float64]], Report]:
    """Ask which items show which name.

    Parameters
    ----------
    questions : sequence of Question
        Names with their items, in the order in which they are shown: shuffle them.
    endpoint : Endpoint
        The judge.
    prompt : str
        ``detect`` asks about items, ``fuzz`` about the marked parts.
    batch : int, default 10
        Items in one request; fewer are judged better, and cost more.
    limit : int, default 500
        Characters of an item that are shown.
    prompts : path, optional
        Folder of one's own prompts.
    cache, budget, show_progress
        As in `ask`.

    Returns
    -------
    (list of ndarray of float64, Report)
        For each question 1 (yes), 0 (no), or NaN (no answer) for each item.

    Examples
    --------
    Nothing is asked for nothing:

    >>> from semascope.llm import Endpoint, Question, detect
    >>> detect([Question("fees", [])], Endpoint("http://localhost:8000/v1", "small"))[0]
    [array([], dtype=float64)]
    """
    requests, parts = detection_requests(
        questions, prompt=prompt, batch=batch, limit=limit, prompts=prompts
    )
    asked = ask(
        requests,
        endpoint,
        lambda i, text: read_verdicts(text, parts[i][3], parts[i][2] - parts[i][1]),
        cache=cache,
        budget=budget,
        presumed=[_presumed(questions[number], start, stop) for number, start, stop, _ in parts],
        title=prompt,
        show_progress=show_progress,
    )
    out = [np.full(len(q.items), np.nan) for q in questions]
    for (number, start, stop, _), verdicts in zip(parts, asked.answers, strict=True):
        if verdicts is not None:
            out[number][start:stop] = verdicts
    return out, asked.report


def _presumed(question: Question, start: int, stop: int) -> list[bool]:
    said = question.presumed
    return [False] * (stop - start) if said is None else [bool(x) for x in said[start:stop]]


def _request(
    question: Question, start: int, stop: int, prompt: str, limit: int, prompts: str | Path | None
) -> tuple[Request, str]:
    name = one_line(question.name, limit=_NAME_LIMIT)
    items = question.items[start:stop]
    n = stop - start
    # A yes or no with its number takes about seven tokens.
    longest, usual = 60 + 12 * n, 15 + 7 * n
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) == n:
        marks = None if question.marks is None else question.marks[start:stop]
        quoted = quote(texts, marks=marks, about=f"{prompt} {name}", limit=limit)
        system, user = load_prompt(prompt, prompts).filled(
            name=name, n=n, items=quoted.text, code=quoted.code
        )
        return Request(system, user, (), longest, usual), quoted.code
    pictures = tuple(item for item in items if isinstance(item, bytes))
    if len(pictures) != n:
        raise InputError("items to judge are all texts, or all pictures, not some of each")
    code = hashlib.blake2b(name.encode() + b"".join(pictures), digest_size=4).hexdigest()
    system, user = load_prompt("detect_images", prompts).filled(name=name, n=n, code=code)
    return Request(system, user, pictures, longest, usual), code
