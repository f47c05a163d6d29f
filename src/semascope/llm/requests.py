"""What is asked: one system and one user message, with pictures, and what it may cost."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from semascope.core import InputError

_PICTURE_TOKENS = 1000
_MESSAGE_TOKENS = 8
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


@dataclass(frozen=True)
class Request:
    """One question to a language model.

    Parameters
    ----------
    system, user : str
        The two messages.
    images : tuple of bytes
        Pictures (PNG, JPEG, GIF or WebP) that follow the user's text, for models that see.
    max_tokens : int
        Longest answer.
    expected_tokens : int, optional
        Usual answer, for forecasts; by default half of `max_tokens`.
    temperature : float
        0 for the likeliest answer.

    Examples
    --------
    >>> from semascope.llm import Request
    >>> [message["role"] for message in Request("Be brief.", "Name a colour.").messages]
    ['system', 'user']
    """

    system: str
    user: str
    images: tuple[bytes, ...] = ()
    max_tokens: int = 600
    expected_tokens: int | None = None
    temperature: float = 0.0

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        """Messages as the protocol wants them; pictures as data URLs."""
        content: Any = self.user
        if self.images:
            content = [{"type": "text", "text": self.user}]
            content += [
                {"type": "image_url", "image_url": {"url": data_url(image)}}
                for image in self.images
            ]
        return [
            {"role": "system", "content": self.system},
            {"role": "user", "content": content},
        ]

    def parameters(
        self, sample: int, replaced: Mapping[str, Any], longer: bool = False
    ) -> dict[str, Any]:
        """Return the parameters of one sample of the answer.

        Further samples are drawn at a higher temperature, or the same answer would come again, and
        may be longer, if the answer before was cut off.
        """
        found: dict[str, Any] = {
            "temperature": self.temperature if sample == 0 else max(self.temperature, 0.7),
            "max_tokens": self.max_tokens * (2**sample if longer else 1),
        }
        return {k: v for k, v in (found | dict(replaced)).items() if v is not None}

    def key(self, model: str, sample: int, parameters: Mapping[str, Any]) -> bytes:
        """Return the hash by which the answer is kept."""
        content = json.dumps(
            [model, sample, self.messages, parameters], ensure_ascii=True, sort_keys=True
        )
        return hashlib.blake2b(content.encode(), digest_size=16).digest()

    @property
    def tokens_in(self) -> int:
        """Estimate of the tokens that are read: four bytes each, a thousand for a picture."""
        size = len(self.system.encode("utf-8", "replace")) + len(
            self.user.encode("utf-8", "replace")
        )
        return -(-size // 4) + _PICTURE_TOKENS * len(self.images) + _MESSAGE_TOKENS

    @property
    def tokens_out(self) -> int:
        """Estimate of the tokens that are written."""
        return self.expected_tokens or max(1, self.max_tokens // 2)


def data_url(image: bytes) -> str:
    r"""Return a picture as a data URL.

    Examples
    --------
    >>> from semascope.llm.requests import data_url
    >>> data_url(b"\xff\xd8\xff")
    'data:image/jpeg;base64,/9j/'
    """
    for start, kind in _STARTS:
        if image.startswith(start):
            return f"data:{kind};base64,{base64.b64encode(image).decode()}"
    raise InputError(
        f"a picture for a language model must be PNG, JPEG, GIF or WebP, found {image[:8]!r}"
    )
