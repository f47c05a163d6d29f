"""A run gone through without asking: what it would ask, as far as that can be known."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from semascope.llm.budget import Forecast
from semascope.llm.endpoint import Endpoint


@dataclass(frozen=True)
class Rehearsal(Endpoint):
    """An endpoint that is never spoken to; `ask` notes down what it would have been asked.

    Answers that are kept are given; for the others `ask` takes what its caller presumes. So a run
    of several stages, each of which depends on the answers before it, can be forecast by its own
    code: exactly where all answers are kept or are as presumed.

    Examples
    --------
    >>> from semascope.llm import Endpoint, Rehearsal, Request, ask
    >>> play = Rehearsal.of(Endpoint("http://localhost:8000/v1", "small"))
    >>> ask([Request("Count.", "1 + 1?")], play, lambda i, text: int(text), presumed=[2]).answers
    [2]
    >>> play.forecast.requests
    1
    """

    _coming: list[Forecast] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def of(cls, endpoint: Endpoint) -> Rehearsal:
        """Rehearse with the model and the prices of an endpoint."""
        return cls(**{f.name: getattr(endpoint, f.name) for f in fields(Endpoint)})

    @property
    def forecast(self) -> Forecast:
        """What was noted down so far."""
        return sum(self._coming, Forecast(0, 0, 0, 0, 0.0 if self.priced else None, 0.0))

    def note(self, coming: Forecast) -> None:
        """Add what one stage would ask."""
        self._coming.append(coming)
