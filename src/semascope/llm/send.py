"""One request to an endpoint: sent again after trouble on the way, with everybody slowed down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import import_module
from json import JSONDecodeError
from typing import Any

from semascope.core import MissingExtraError, SemascopeError, generator
from semascope.llm.cache import Answer
from semascope.llm.endpoint import OPENAI, Endpoint
from semascope.llm.requests import Request

_LONGEST_WAIT = 900.0
_MOST_BACK_OFF = 30.0
# Wrong key, no rights, no such model: the next request would meet the same.
_HOPELESS = {401, 403, 404}
_HINTS = {
    401: "; is SEMASCOPE_LLM_KEY the key of this server?",
    403: "; is SEMASCOPE_LLM_KEY the key of this server, and may it use this model?",
    404: "; are the model's name and the URL right? Most URLs end in /v1",
}
_TROUBLE = {408, 409, 425, 429}


class EndpointError(SemascopeError):
    """The endpoint cannot be used: it is not there, has no such model, or does not take the key.

    Examples
    --------
    >>> from semascope.core import SemascopeError
    >>> from semascope.llm import EndpointError
    >>> issubclass(EndpointError, SemascopeError)
    True
    """


class Stopped(Exception):  # noqa: N818
    """The run was stopped while this request waited."""


class FailedError(Exception):
    """One request could not be answered; the message says why, `on_the_way` whether others can."""

    def __init__(self, message: str, on_the_way: bool = True) -> None:
        super().__init__(message)
        self.on_the_way = on_the_way


@dataclass
class Line:
    """An open line to an endpoint, shared by the threads of a run.

    Examples
    --------
    >>> from semascope.llm import Endpoint
    >>> from semascope.llm.send import Line
    >>> Line(Endpoint("http://localhost:8000/v1", "small")).retried
    0
    """

    endpoint: Endpoint
    retried: int = 0
    answered: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    _open_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _client: Any = None
    _dropped: dict[str, Any] = field(default_factory=dict)

    def send(self, request: Request, parameters: dict[str, Any], name: str) -> Answer:
        """Ask until there is an answer, at most as often as the endpoint's `tries`.

        Raises
        ------
        FailedError
            If there was none.
        EndpointError
            If no request can be answered.
        Stopped
            If `stop` was set while waiting.
        """
        client, errors = self._connected()
        chance = generator(0, "back-off", name)
        said = "no answer"
        for attempt in range(self.endpoint.tries):
            if attempt:
                with self._lock:
                    self.retried += 1
            self._wait()
            begun = time.monotonic()
            try:
                completion = client.chat.completions.create(
                    model=self.endpoint.model,
                    messages=request.messages,
                    **self._accepted(parameters),
                )
                answer = self._answer(completion, request, time.monotonic() - begun)
                self.answered = True
                return answer
            except errors.APIStatusError as err:
                said = self._said(err)
                status = err.status_code
                if status == 400 and self._adapt(err, parameters):
                    continue
                if status in _HOPELESS:
                    hint = _HINTS.get(status, "")
                    raise EndpointError(
                        f"{self._where()} answered {status}: {said}{hint}"
                    ) from None
                if status not in _TROUBLE and status < 500:
                    raise FailedError(f"{status}: {said}", on_the_way=False) from None
                said = f"{status}: {said}"
                pause = _retry_after(err.response.headers)
                if pause is not None:
                    self._close_until(time.monotonic() + min(pause, _LONGEST_WAIT))
                    continue
            except (errors.APIError, ValueError) as err:
                # Timeouts, broken connections, and replies that are no completion at all.
                said = self._said(err)
                nobody = type(err.__cause__).__name__ == "ConnectError"
                if nobody and not self.answered and attempt:
                    # Nothing listens there, and nothing ever did: most likely a wrong URL.
                    break
            if attempt + 1 < self.endpoint.tries:
                grown = min(_MOST_BACK_OFF, self.endpoint.back_off * 2**attempt)
                self._pause(grown * float(chance.uniform(0.5, 1.0)))
        raise FailedError(said)

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()

    def _connected(self) -> tuple[Any, Any]:
        try:
            openai = import_module("openai")
        except ImportError as err:
            raise MissingExtraError.of("openai", "llm", "asking a language model") from err
        with self._lock:
            if self._client is None:
                here = self.endpoint
                omit = openai.Omit()
                # Whatever the environment says of OpenAI's accounts is no other server's business.
                foreign = {"OpenAI-Organization": omit, "OpenAI-Project": omit}
                self._client = openai.OpenAI(
                    api_key=here.key.reveal() or "none",
                    base_url=here.url,
                    timeout=here.timeout,
                    max_retries=0,
                    default_headers={} if here.url == OPENAI else foreign,
                )
        return self._client, openai

    def _answer(self, completion: Any, request: Request, seconds: float) -> Answer:
        try:
            choice = completion.choices[0]
            message, finish = choice.message, str(choice.finish_reason)
            text = message.content if isinstance(message.content, str) else ""
        except (AttributeError, LookupError, TypeError) as err:
            raise ValueError("the reply is no chat completion") from err
        usage = getattr(completion, "usage", None)
        refused = bool(getattr(message, "refusal", None)) or finish == "content_filter"
        counts = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
        counted = all(isinstance(c, int) and c >= 0 for c in counts)
        read, written = counts if counted else (request.tokens_in, -(-len(text.encode()) // 4))
        return Answer(
            text, finish, refused, int(read or 0), int(written or 0), counted, round(seconds, 3)
        )

    def _accepted(self, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            dropped = dict(self._dropped)
        out = {k: v for k, v in parameters.items() if k not in dropped}
        for old, new in dropped.items():
            if new is not None and old in parameters:
                out[new] = parameters[old]
        # What the client does not know by name goes into the body all the same.
        known = {"temperature", "max_tokens", "max_completion_tokens", "seed", "top_p"}
        extra = {k: out.pop(k) for k in list(out) if k not in known}
        return out | ({"extra_body": extra} if extra else {})

    def _adapt(self, err: Any, parameters: dict[str, Any]) -> bool:
        """Do without a parameter that the model refuses; newer models know another word for one."""
        text = f"{getattr(err, 'param', '') or ''} {err.message}"
        with self._lock:
            for name, other in (("max_tokens", "max_completion_tokens"), ("temperature", None)):
                if name in parameters and name in text:
                    fresh = name not in self._dropped
                    self._dropped[name] = other
                    # Another thread may have found it out while this request was under way.
                    return fresh or self.endpoint.concurrency > 1
        return False

    def _wait(self) -> None:
        while True:
            with self._lock:
                left = self._open_at - time.monotonic()
            if self.stop.is_set():
                raise Stopped
            if left <= 0:
                return
            self._pause(left)

    def _pause(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise Stopped

    def _close_until(self, when: float) -> None:
        with self._lock:
            self._open_at = max(self._open_at, when)

    def _where(self) -> str:
        return f"the language model {self.endpoint.model} at {self.endpoint.url}"

    def _said(self, err: Exception) -> str:
        body = getattr(err, "body", None)
        inner = body.get("message") if isinstance(body, dict) else None
        text = str(inner or getattr(err, "message", None) or err or type(err).__name__)
        if isinstance(err, JSONDecodeError):
            text = f"the reply is no JSON but '{err.doc[:100]}'; is the URL right? Most end in /v1"
        cause = err.__cause__
        if cause is not None and str(cause) and type(err).__name__ == "APIConnectionError":
            text = f"{text.rstrip('.')} ({cause})"
        text = " ".join(self.endpoint.key.hide(text).split())
        return text if len(text) <= 300 else text[:299] + "…"


def _retry_after(
    headers: Any, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> float | None:
    """Return for how many seconds the endpoint asks to be left alone."""
    exact = headers.get("retry-after-ms")
    said = headers.get("retry-after")
    try:
        if exact is not None:
            return max(0.0, float(exact) / 1000)
        return None if said is None else max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(str(said)) - now()).total_seconds())
    except (ValueError, TypeError):
        return None
