"""What a run may cost, and what it is going to cost."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from semascope.core import InputError
from semascope.llm.cache import AnswerCache, as_cache
from semascope.llm.endpoint import Endpoint
from semascope.llm.requests import Request

# Of an endpoint that has not answered yet.
_USUAL_SECONDS = 2.0


class OverBudgetError(InputError):
    """The forecast of a run is above its budget; nothing was asked.

    Examples
    --------
    >>> from semascope.core import InputError
    >>> from semascope.llm import OverBudgetError
    >>> issubclass(OverBudgetError, InputError)
    True
    """


@dataclass(frozen=True)
class Forecast:
    """What a run is going to ask and cost.

    Parameters
    ----------
    requests : int
        Requests in all, equal ones counted once.
    cached : int
        Those whose answer is kept already, which are free.
    tokens_in, tokens_out : int
        Estimates for the others, without repetitions.
    cost : float or None
        In the currency of the prices; None without prices.
    seconds : float
        At the speed that this model has shown so far, or two seconds an answer.

    Examples
    --------
    >>> from semascope.llm import Forecast
    >>> print(Forecast(120, 20, 50_000, 9_000, 0.42, 30.0))
    120 requests (20 answered already), about 50,000 tokens in and 9,000 out, cost 0.42, 30 s
    """

    requests: int
    cached: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    seconds: float

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.tokens_in + self.tokens_out

    def __add__(self, other: Forecast) -> Forecast:
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        return Forecast(
            self.requests + other.requests,
            self.cached + other.cached,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            cost,
            self.seconds + other.seconds,
        )

    def __str__(self) -> str:
        known = f" ({self.cached:,} answered already)" if self.cached else ""
        cost = "cost unknown (no prices)" if self.cost is None else f"cost {_money(self.cost)}"
        return (
            f"{self.requests:,} requests{known}, about {self.tokens_in:,} tokens in and "
            f"{self.tokens_out:,} out, {cost}, {_duration(self.seconds)}"
        )


def forecast(
    requests: Sequence[Request],
    endpoint: Endpoint,
    *,
    cache: AnswerCache | str | Path | None = None,
) -> Forecast:
    """Say what a run would cost, without asking anything.

    Parameters
    ----------
    requests : sequence of Request
        What would be asked.
    endpoint : Endpoint
        Where; its prices make tokens into money.
    cache : AnswerCache or path, optional
        Where answers are kept; what is there is free.

    Examples
    --------
    >>> from semascope.llm import Endpoint, Request, forecast
    >>> small = Endpoint("http://localhost:8000/v1", "small", price_in=1.0, price_out=2.0)
    >>> requests = [Request("Be brief.", f"Name colour {i}.", max_tokens=800) for i in range(300)]
    >>> print(forecast(requests, small, cache="cache"))
    300 requests, about 4,400 tokens in and 120,000 out, cost 0.24, 76 s
    """
    kept = as_cache(cache)
    try:
        unique = {
            r.key(endpoint.model, 0, r.parameters(0, endpoint.parameters)): r for r in requests
        }
        open_ = [r for key, r in unique.items() if kept.get(key) is None]
        seconds = kept.seconds(endpoint.model)
    finally:
        if kept is not cache:
            kept.close()
    tokens_in, tokens_out = sum(r.tokens_in for r in open_), sum(r.tokens_out for r in open_)
    each = _USUAL_SECONDS if seconds is None else seconds
    return Forecast(
        len(unique),
        len(unique) - len(open_),
        tokens_in,
        tokens_out,
        endpoint.cost(tokens_in, tokens_out),
        each * -(-len(open_) // endpoint.concurrency),
    )


class Budget:
    """A cap that all stages of a run share: in money, in tokens, or both.

    Before a request is sent, its whole price is set aside, as if its answer had full length; if
    that would pass the cap, the run stops. So the cap holds even where answers come all at once.

    Parameters
    ----------
    money : float, optional
        In the currency of the endpoint's prices.
    tokens : int, optional
        Read and written.

    Examples
    --------
    >>> from semascope.llm import Budget
    >>> budget = Budget(tokens=1000)
    >>> budget.tokens, budget.spent_tokens
    (1000, 0)
    """

    def __init__(self, money: float | None = None, tokens: int | None = None) -> None:
        for name, cap in (("money", money), ("tokens", tokens)):
            if cap is not None and not 0 <= cap < float("inf"):
                raise InputError(f"a budget of {name} must be a number from 0, got {cap}")
        self.money, self.tokens = money, tokens
        self.spent_money, self.spent_tokens = 0.0, 0
        self._aside: list[tuple[float, float]] = []
        self._off = 1.0
        self._changed = threading.Condition()

    def check(self, endpoint: Endpoint, coming: Forecast) -> None:
        """Raise `OverBudgetError` if a forecast does not fit into what is left."""
        if self.money is not None and not endpoint.priced:
            raise InputError(
                "a budget in money needs the model's prices: set price_in and price_out (of a "
                "million tokens; --price-in, --price-out), or give a budget in tokens"
            )
        for cap, spent, wanted, unit in (
            (self.money, self.spent_money, coming.cost or 0.0, ""),
            (self.tokens, self.spent_tokens, coming.tokens, " tokens"),
        ):
            if cap is not None and spent + wanted > cap:
                show = _money if unit == "" else "{:,.0f}".format
                raise OverBudgetError(
                    f"the forecast is above the budget: {coming}; the budget has "
                    f"{show(cap - spent)}{unit} left; raise it, or take fewer concepts"
                )

    @contextmanager
    def reserved(self, request: Request, max_tokens: int, endpoint: Endpoint) -> Iterator[bool]:
        """Set the price of one request aside while it is under way; says whether there was enough.

        Waits for requests under way if what they leave over may be enough.
        """
        share = self._set_aside(request, max_tokens, endpoint)
        try:
            yield share is not None
        finally:
            if share is not None:
                with self._changed:
                    self._aside.remove(share)
                    self._changed.notify_all()

    def spend(self, request: Request, tokens_in: int, tokens_out: int, endpoint: Endpoint) -> None:
        """Book what one answer has cost."""
        with self._changed:
            self.spent_tokens += tokens_in + tokens_out
            self.spent_money += endpoint.cost(tokens_in, tokens_out) or 0.0
            self._off = max(self._off, tokens_in / max(1, request.tokens_in))

    def _set_aside(
        self, request: Request, max_tokens: int, endpoint: Endpoint
    ) -> tuple[float, float] | None:
        with self._changed:
            while True:
                # Estimates of what is read are set right by what the endpoint counted so far.
                read = request.tokens_in * self._off
                share = (endpoint.cost(read, max_tokens) or 0.0, read + max_tokens)
                if self._fits(share):
                    self._aside.append(share)
                    return share
                if not self._aside:
                    return None
                self._changed.wait()

    def _fits(self, share: tuple[float, float]) -> bool:
        money = self.spent_money + sum(m for m, _ in self._aside) + share[0]
        tokens = self.spent_tokens + sum(t for _, t in self._aside) + share[1]
        return (self.money is None or money <= self.money) and (
            self.tokens is None or tokens <= self.tokens
        )


@dataclass
class Report:
    """What a run asked, got and paid; reports of stages add up.

    Every request ends as exactly one of `parsed`, `unparsed`, `refused`, `failed` and `unasked`.

    Parameters
    ----------
    asked : int
        Requests that were handed in.
    parsed, unparsed, refused, failed, unasked : int
        How they ended: read; answered, but never so that the answer could be read; refused; not
        answered at all (trouble on the way, every time); not sent, since the run was stopped.
    cached : int
        Answers that were kept from before.
    paid : int
        Answers that arrived in this run.
    resampled : int
        Further samples that were drawn since an answer could not be read or was refused.
    retried : int
        Times a request was sent again after trouble on the way.
    tokens_in, tokens_out : int
        What was read and written for `paid` answers.
    uncounted : int
        Answers whose tokens the endpoint did not count; they are estimated.
    cost : float or None
        None without prices.
    stopped : str
        Why the run ended early: ``budget``, or nothing.
    trouble : str
        Why the latest of the `failed` requests failed.

    Examples
    --------
    >>> from semascope.llm import Report
    >>> print(Report(asked=9, parsed=8, refused=1, paid=10, tokens_in=900, tokens_out=80))
    9 asked: 8 parsed, 1 refused; 10 paid (900 tokens in, 80 out)
    """

    asked: int = 0
    parsed: int = 0
    unparsed: int = 0
    refused: int = 0
    failed: int = 0
    unasked: int = 0
    cached: int = 0
    paid: int = 0
    resampled: int = 0
    retried: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    uncounted: int = 0
    cost: float | None = None
    stopped: str = ""
    trouble: str = ""

    def __add__(self, other: Report) -> Report:
        out = Report()
        for item in fields(self):
            a, b = getattr(self, item.name), getattr(other, item.name)
            if isinstance(a, str):
                setattr(out, item.name, b or a)
            elif item.name == "cost":
                out.cost = b if a is None else a if b is None else a + b
            else:
                setattr(out, item.name, a + b)
        return out

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain data, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        ends = ("parsed", "unparsed", "refused", "failed", "unasked")
        how = ", ".join(f"{getattr(self, e):,} {e}" for e in ends if getattr(self, e)) or "nothing"
        work = [f"{self.paid:,} paid ({self.tokens_in:,} tokens in, {self.tokens_out:,} out)"]
        work += [
            f"{getattr(self, e):,} {e}"
            for e in ("cached", "resampled", "retried", "uncounted")
            if getattr(self, e)
        ]
        if self.cost is not None:
            work.append(f"cost {_money(self.cost)}")
        if self.trouble:
            work.append(f"trouble: {self.trouble}")
        if self.stopped:
            work.append(f"stopped by the {self.stopped}")
        return f"{self.asked:,} asked: {how}; {', '.join(work)}"


def _money(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.2g}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
