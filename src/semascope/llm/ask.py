"""Many questions at once: concurrent, within a budget, resumable, every failure counted."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, TypeVar

from semascope.core import InputError, interruptible, progress
from semascope.llm.budget import Budget, Report, forecast
from semascope.llm.cache import Answer, AnswerCache, as_cache
from semascope.llm.endpoint import Endpoint
from semascope.llm.rehearse import Rehearsal
from semascope.llm.requests import Request
from semascope.llm.send import EndpointError, FailedError, Line, Stopped

T = TypeVar("T")
End = Literal["parsed", "unparsed", "refused", "failed", "unasked"]

SAMPLES = 3
# So many requests in a row that could not be answered: the endpoint is gone.
_GIVE_UP = 5
_REFUSAL = re.compile(
    r"\b(i(['’]m| am) sorry|i (can['’]?t|cannot|won['’]?t|am unable|['’]m unable)|as an ai)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Asked(Generic[T]):
    """What came back, in the order of the requests.

    Parameters
    ----------
    answers : list
        What the caller's parser read; None where there is nothing.
    ends : list of str
        How each request ended; see `Report`.
    report : Report
        Counts, tokens and cost.

    Examples
    --------
    >>> from semascope.llm import Asked, Report
    >>> Asked(["yes"], ["parsed"], Report(asked=1, parsed=1)).answers
    ['yes']
    """

    answers: list[T | None]
    ends: list[End]
    report: Report


def ask(
    requests: Sequence[Request],
    endpoint: Endpoint,
    parse: Callable[[int, str], T],
    *,
    cache: AnswerCache | str | Path | None = None,
    budget: Budget | None = None,
    samples: int = SAMPLES,
    presumed: Sequence[T | None] | None = None,
    title: str = "ask",
    show_progress: bool = False,
) -> Asked[T]:
    """Ask a language model many things.

    Each answer is kept the moment it arrives, by a hash of prompt, model and parameters, so a run
    that was killed goes on where it was when it is repeated, and pays for nothing twice. Trouble on
    the way (429 with its Retry-After, 5xx, timeouts, broken connections, replies that are no
    completion) is met by waiting and asking again. An answer that `parse` cannot read, that was cut
    off, or that refuses, is drawn again, `samples` times in all, and then counted as such.

    Parameters
    ----------
    requests : sequence of Request
        The questions; equal ones are asked once.
    endpoint : Endpoint
        The model.
    parse : callable
        Given the index of a request and the text of its answer, returns what it means; raises
        `ValueError` if it means nothing.
    cache : AnswerCache or path, optional
        Where answers are kept; by default the user's cache.
    budget : Budget, optional
        Checked against the forecast before anything is asked, and during the run against what was
        used; at the cap the run stops, and what was paid for is returned.
    samples : int, default 3
        Answers that are drawn for one request until one can be read.
    presumed : sequence, optional
        For each request what a `Rehearsal` takes for its answer, if none is kept.
    title : str
        Of the progress bar.
    show_progress : bool
        Show it.

    Returns
    -------
    Asked
        Parsed answers, how each request ended, and the counts.

    Raises
    ------
    OverBudgetError
        If the forecast is above the budget.
    EndpointError
        If the endpoint is not there, or does not take the key or the model; what arrived is kept.

    Examples
    --------
    Nothing is sent for answers that are kept already:

    >>> from semascope.llm import Answer, AnswerCache, Endpoint, Request, ask
    >>> small, request = Endpoint("http://localhost:8000/v1", "small"), Request("Count.", "1 + 1?")
    >>> with AnswerCache("cache") as cache:
    ...     cache.put(request.key("small", 0, request.parameters(0, {})), "small", Answer("2"))
    ...     asked = ask([request], small, lambda i, text: int(text), cache=cache)
    >>> asked.answers, asked.report.cached
    ([2], 1)
    """
    if samples < 1:
        raise InputError(f"samples must be at least 1, got {samples}")
    kept = as_cache(cache)
    try:
        if isinstance(endpoint, Rehearsal):
            endpoint.note(forecast(requests, endpoint, cache=kept))
            run = _Run(list(requests), endpoint, parse, kept, None, samples).run(title, False)
            return _as_presumed(run, presumed)
        if budget is not None:
            budget.check(endpoint, forecast(requests, endpoint, cache=kept))
        return _Run(list(requests), endpoint, parse, kept, budget, samples).run(
            title, show_progress
        )
    finally:
        if kept is not cache:
            kept.close()


def _as_presumed(run: Asked[T], presumed: Sequence[T | None] | None) -> Asked[T]:
    if presumed is None:
        return run
    answers = [
        guess if end == "unasked" else answer
        for answer, end, guess in zip(run.answers, run.ends, presumed, strict=True)
    ]
    return Asked(answers, run.ends, run.report)


@dataclass
class _Run(Generic[T]):
    requests: list[Request]
    endpoint: Endpoint
    parse: Callable[[int, str], T]
    cache: AnswerCache
    budget: Budget | None
    samples: int
    report: Report = field(default_factory=Report)
    lost: int = 0
    error: BaseException | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, title: str, show_progress: bool) -> Asked[T]:
        n = len(self.requests)
        self.answers: list[T | None] = [None] * n
        self.ends: list[End] = ["unasked"] * n
        self.line = Line(self.endpoint)
        self.done: queue.SimpleQueue[int] = queue.SimpleQueue()
        todo: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
        groups = self._equal()
        self.n_groups = len(groups)
        for group in groups:
            todo.put(group)
        threads = [
            threading.Thread(target=self._work, args=(todo,), name="semascope-ask", daemon=True)
            for _ in range(min(self.endpoint.concurrency, len(groups)))
        ]
        interrupted = False
        try:
            with (
                progress(title, n, "requests", show=show_progress) as bar,
                interruptible() as asked,
            ):
                for thread in threads:
                    thread.start()
                while any(thread.is_alive() for thread in threads):
                    self._show(bar)
                    if asked() and not interrupted:
                        # What is under way is paid for: it is waited for and kept.
                        interrupted = True
                        self.line.stop.set()
                self._show(bar)
        finally:
            self.line.stop.set()
            self.line.close()
        if self.error is not None:
            raise self.error
        if interrupted:
            raise KeyboardInterrupt
        return Asked(self.answers, self.ends, self._counted())

    def _equal(self) -> list[list[int]]:
        groups: dict[bytes, list[int]] = {}
        for i, request in enumerate(self.requests):
            key = request.key(
                self.endpoint.model, 0, request.parameters(0, self.endpoint.parameters)
            )
            groups.setdefault(key, []).append(i)
        return list(groups.values())

    def _show(self, bar: object) -> None:
        try:
            finished = self.done.get(timeout=0.1)
        except queue.Empty:
            return
        while True:
            bar.advance(finished, self._note())  # type: ignore[attr-defined]
            try:
                finished = self.done.get_nowait()
            except queue.Empty:
                return

    def _note(self) -> str:
        cost = self.endpoint.cost(self.report.tokens_in, self.report.tokens_out)
        return "" if cost is None else f"cost {cost:.2f}"

    def _work(self, todo: queue.SimpleQueue[list[int]]) -> None:
        while not self.line.stop.is_set():
            try:
                group = todo.get_nowait()
            except queue.Empty:
                return
            try:
                self._one(group)
            except Stopped:
                return
            except BaseException as err:
                # Raised again where the run was asked for; the other threads finish their request.
                with self._lock:
                    self.error = self.error or err
                self.line.stop.set()
                return
            self.done.put(len(group))

    def _one(self, group: list[int]) -> None:
        request, first = self.requests[group[0]], group[0]
        end: End = "unasked"
        longer = False
        for sample in range(self.samples):
            parameters = request.parameters(sample, self.endpoint.parameters, longer)
            key = request.key(self.endpoint.model, sample, parameters)
            try:
                answer = self._kept_or_paid(request, key, parameters, again=sample > 0)
            except FailedError as err:
                self._count_lost(err)
                end = "failed"
                break
            if answer is None:
                end = "unasked"
                if not isinstance(self.endpoint, Rehearsal):
                    self._stop_for_budget()
                break
            longer = answer.finish == "length"
            end = self._read(answer, group)
            if end == "parsed":
                break
        for i in group:
            self.ends[i] = end
        if end == "parsed" and len(group) > 1:
            for i in group[1:]:
                self.answers[i] = self.answers[first]

    def _kept_or_paid(
        self, request: Request, key: bytes, parameters: dict[str, object], again: bool
    ) -> Answer | None:
        """Return an answer, or None if the budget has no room for it, or in a rehearsal."""
        answer = self.cache.get(key)
        if answer is not None:
            with self._lock:
                self.report.cached += 1
            return answer
        if isinstance(self.endpoint, Rehearsal):
            return None
        budget = self.budget or Budget()
        said = parameters.get("max_tokens") or parameters.get("max_completion_tokens")
        longest = said if isinstance(said, int) else request.max_tokens
        with budget.reserved(request, longest, self.endpoint) as enough:
            if not enough:
                return None
            answer = self.line.send(request, parameters, key.hex())
            self.cache.put(key, self.endpoint.model, answer)
            budget.spend(request, answer.tokens_in, answer.tokens_out, self.endpoint)
        with self._lock:
            self.lost = 0
            self.report.paid += 1
            self.report.resampled += again
            self.report.tokens_in += answer.tokens_in
            self.report.tokens_out += answer.tokens_out
            self.report.uncounted += not answer.counted
        return answer

    def _read(self, answer: Answer, group: list[int]) -> End:
        if answer.refused:
            return "refused"
        # The beginning of an answer may look whole and mean something else.
        if answer.finish != "length":
            try:
                self.answers[group[0]] = self.parse(group[0], answer.text)
                return "parsed"
            except ValueError:
                pass
        return "refused" if _REFUSAL.search(answer.text[:200]) else "unparsed"

    def _count_lost(self, err: FailedError) -> None:
        with self._lock:
            self.report.trouble = str(err)
            # One question that is refused as such says nothing about the others, unless nothing
            # was ever answered.
            self.lost += err.on_the_way or not self.report.paid + self.report.cached
            if self.lost >= min(_GIVE_UP, self.n_groups):
                raise EndpointError(
                    f"the language model {self.endpoint.model} at {self.endpoint.url} does not "
                    f"answer: {err}; what was answered before is kept, repeat the command to go on"
                )

    def _stop_for_budget(self) -> None:
        with self._lock:
            self.report.stopped = "budget"
        self.line.stop.set()

    def _counted(self) -> Report:
        report = self.report
        report.asked, report.retried = len(self.requests), self.line.retried
        for end in self.ends:
            setattr(report, end, getattr(report, end) + 1)
        report.cost = self.endpoint.cost(report.tokens_in, report.tokens_out)
        return report
