"""Where a language model is asked: URL, model, prices, and a key that is never written down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from semascope.core import InputError

OPENAI = "https://api.openai.com/v1"


class Key:
    """A key that shows itself to nobody who does not ask for it by `reveal`.

    Examples
    --------
    >>> from semascope.llm.endpoint import Key
    >>> Key("sk-123")
    Key(***)
    >>> Key("sk-123").hide("wrong key sk-123")
    'wrong key ***'
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the key itself."""
        return self._value

    def hide(self, text: str) -> str:
        """Return a text without the key."""
        return text.replace(self._value, "***") if self._value else text

    def __repr__(self) -> str:
        return "Key(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a key is not written down")


@dataclass(frozen=True)
class Endpoint:
    """A language model behind a URL that speaks OpenAI's chat completions; see `endpoint`.

    Parameters
    ----------
    url : str
        Base URL, such as ``http://localhost:8000/v1``.
    model : str
        Name of the model, as the endpoint knows it.
    key : Key
        Sent to `url` and nowhere else.
    price_in, price_out : float or None
        Price of a million tokens, read and written, in the currency of the budget.
    concurrency : int
        Requests at a time.
    timeout : float
        Seconds that one request may take.
    tries : int
        How often one request is sent before trouble on the way counts as a failure.
    back_off : float
        Seconds before the second try; doubled for each further one, unless the endpoint says how
        long to wait.
    parameters : mapping
        Parameters of the protocol that replace those of requests; None leaves one out, as in
        ``{"max_tokens": None, "max_completion_tokens": 800}``.

    Examples
    --------
    >>> from semascope.llm import Endpoint
    >>> Endpoint("http://localhost:8000/v1", "small").describe()
    {'url': 'http://localhost:8000/v1', 'model': 'small'}
    """

    url: str
    model: str
    key: Key = field(default=Key(""), repr=False)
    price_in: float | None = None
    price_out: float | None = None
    concurrency: int = 8
    timeout: float = 120.0
    tries: int = 6
    back_off: float = 0.5
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InputError(
                f"the language model's URL must look like http://localhost:8000/v1, got "
                f"'{_without_secrets(self.url)}'"
            )
        if parts.username or parts.password or parts.query:
            raise InputError(
                "the language model's URL holds a user, a password or a query; give the key in "
                "SEMASCOPE_LLM_KEY instead, where it is kept out of logs and files"
            )
        if not self.model.strip():
            raise InputError("the language model's name is empty")
        for name, price in (("price_in", self.price_in), ("price_out", self.price_out)):
            if price is not None and not 0 <= price < float("inf"):
                raise InputError(f"{name} must be a price of a million tokens, got {price}")
        if self.concurrency < 1 or self.tries < 1 or self.timeout <= 0 or self.back_off < 0:
            raise InputError(
                "an endpoint needs concurrency and tries of at least 1, a timeout above 0 and a "
                f"back_off of at least 0, got {self.concurrency}, {self.tries}, {self.timeout} and "
                f"{self.back_off}"
            )

    @property
    def priced(self) -> bool:
        """Whether both prices are known."""
        return self.price_in is not None and self.price_out is not None

    def cost(self, tokens_in: float, tokens_out: float) -> float | None:
        """Return what tokens cost, or None without prices."""
        if self.price_in is None or self.price_out is None:
            return None
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6

    def describe(self) -> dict[str, Any]:
        """Return what may be written into artifacts: never the key."""
        out: dict[str, Any] = {"url": self.url, "model": self.model}
        if self.parameters:
            out["parameters"] = dict(self.parameters)
        return out


def endpoint(
    url: str | None = None, model: str | None = None, key: str | None = None, **options: Any
) -> Endpoint:
    """Find the language model to ask: arguments, then the environment, then the keyring.

    ``SEMASCOPE_LLM_URL``, ``SEMASCOPE_LLM_MODEL`` and ``SEMASCOPE_LLM_KEY`` come first, then
    ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY``. OpenAI's key is only ever sent to the URL in
    ``OPENAI_BASE_URL``, or to OpenAI if there is none. A key in the system's keyring is found by
    the URL (``keyring set semascope URL``). A server of your own mostly needs no key.

    Parameters
    ----------
    url, model, key : str, optional
        Instead of what the environment says.
    **options
        Other parameters of `Endpoint`: prices, ``concurrency``, ``timeout``.

    Raises
    ------
    InputError
        If there is no URL or no model; the message says what to set.

    Examples
    --------
    >>> from semascope.llm import endpoint
    >>> endpoint("http://localhost:8000/v1/", "small", price_in=0.1, price_out=0.4).url
    'http://localhost:8000/v1'
    """
    theirs = _variable("OPENAI_BASE_URL") or OPENAI
    openai_key = _variable("OPENAI_API_KEY")
    url = url or _variable("SEMASCOPE_LLM_URL") or _variable("OPENAI_BASE_URL")
    if not url and openai_key:
        url = OPENAI
    model = model or _variable("SEMASCOPE_LLM_MODEL")
    missing = [
        f"{what} ({option} or {variable})"
        for what, option, variable, value in (
            ("URL", "--llm-url", "SEMASCOPE_LLM_URL", url),
            ("name", "--llm-model", "SEMASCOPE_LLM_MODEL", model),
        )
        if not value
    ]
    if not url or not model:
        raise InputError(
            f"no language model is configured: set its {' and its '.join(missing)}, and its key "
            "in SEMASCOPE_LLM_KEY if it needs one; any server that speaks OpenAI's chat "
            "completions will do, such as http://localhost:8000/v1"
        )
    url = url.strip().rstrip("/")
    if not key:
        key = _variable("SEMASCOPE_LLM_KEY")
    if not key and url == theirs.rstrip("/"):
        key = openai_key
    if not key:
        key = _from_keyring(url)
    return Endpoint(url, model.strip(), Key(key), **options)


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _from_keyring(url: str) -> str:
    try:
        keyring = import_module("keyring")
    except ImportError:
        return ""
    try:
        return keyring.get_password("semascope", url) or ""
    except keyring.errors.KeyringError:
        # A machine without a keyring to unlock is as good as one without a key in it.
        return ""


def _without_secrets(url: str) -> str:
    return url.split("@")[-1].split("?")[0]
