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

# What is said of common models: about 260 tokens for a small picture (OpenAI's and Google's), and a
# token for 750 pixels of a large one (Anthropic's).
_LEAST_PICTURE, _MOST_PICTURE, _PIXELS = 260, 1600, 750
_UNKNOWN_PICTURE = 1000
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
        """Estimate of the tokens that are read: four bytes each; pictures by their pixels."""
        size = len(self.system.encode("utf-8", "replace")) + len(
            self.user.encode("utf-8", "replace")
        )
        return -(-size // 4) + sum(map(picture_tokens, self.images)) + _MESSAGE_TOKENS

    @property
    def tokens_out(self) -> int:
        """Estimate of the tokens that are written."""
        return self.expected_tokens or max(1, self.max_tokens // 2)


def picture_tokens(image: bytes) -> int:
    r"""Estimate the tokens of a picture from its width and height; 1000 where they are unknown.

    From 260 for a small one (OpenAI's and Google's documentation of their models say 255 and 258)
    to 1600, with a token for 750 pixels (Anthropic's).

    Examples
    --------
    >>> from semascope.llm.requests import picture_tokens
    >>> start = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    >>> picture_tokens(start + (600).to_bytes(4, "big") + (500).to_bytes(4, "big"))
    400
    """
    size = _png_size(image) or _jpeg_size(image)
    if size is None:
        return _UNKNOWN_PICTURE
    return min(_MOST_PICTURE, max(_LEAST_PICTURE, size[0] * size[1] // _PIXELS))


def _png_size(image: bytes) -> tuple[int, int] | None:
    if image[12:16] != b"IHDR":
        return None
    return int.from_bytes(image[16:20], "big"), int.from_bytes(image[20:24], "big")


def _jpeg_size(image: bytes) -> tuple[int, int] | None:
    """Read the frame header (ITU T.81, B.2.2): marker C0 to CF but for C4, C8 and CC."""
    at = 2
    while image.startswith(b"\xff\xd8") and image[at : at + 1] == b"\xff" and at + 9 <= len(image):
        marker = image[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            high, wide = image[at + 5 : at + 7], image[at + 7 : at + 9]
            return int.from_bytes(wide, "big"), int.from_bytes(high, "big")
        at += 2 + int.from_bytes(image[at + 2 : at + 4], "big")
    return None


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
