"""Texts as rows that are encoded piece by piece, and the encoder that they belong to."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError

if TYPE_CHECKING:
    from semascope.embed import TextEncoder


@dataclass(frozen=True)
class TextRows:
    """Texts that are embedded when their turn comes, so that not all vectors are held at once.

    Examples
    --------
    >>> from semascope.embed import load_encoder
    >>> from semascope.lexicon.texts import TextRows
    >>> rows = TextRows(["a", "b"], load_encoder(lambda batch: [[1.0]] * len(batch)))
    >>> rows.vectors(rows.read(0, 2)).shape
    (2, 1)
    """

    texts: list[str]
    encoder: TextEncoder

    def __len__(self) -> int:
        """Rows."""
        return len(self.texts)

    def read(self, start: int, stop: int) -> list[str]:
        """Return the texts."""
        return self.texts[start:stop]

    def checksum(self, content: list[str], before: int) -> int:
        """Continue a CRC-32 with texts: a look at finished rows need not embed them again."""
        for text in content:
            data = text.encode()
            before = zlib.crc32(data, zlib.crc32(len(data).to_bytes(8, "little"), before))
        return before

    def vectors(self, content: list[str]) -> npt.NDArray[np.float32]:
        """Embed texts, through the cache."""
        from semascope.embed import texts

        return texts(content, encoder=self.encoder)


def texts_in(x: Any) -> list[str] | None:
    """Return a list of texts, if that is what was passed.

    Examples
    --------
    >>> from semascope.lexicon.texts import texts_in
    >>> texts_in(("late", "tea")), texts_in([[1.0, 2.0]])
    (['late', 'tea'], None)
    """
    if isinstance(x, str):
        raise InputError("pass a list of texts, or a matrix of vectors, not one string")
    if isinstance(x, pl.Series) and x.dtype == pl.String:
        x = x.to_list()
    if isinstance(x, Sequence) and len(x) and all(isinstance(text, str) for text in x):
        return list(x)
    return None


def encoder_of(given: Any, made_with: dict[str, Any] | None) -> TextEncoder:
    """Return the encoder of a lexicon's texts: the one it was learned with.

    Parameters
    ----------
    given : TextEncoder or callable or None
        What the user set, if anything.
    made_with : dict or None
        What the lexicon says of its encoder; None if it was learned from vectors.

    Raises
    ------
    InputError
        If there is none, or it is another one.

    Examples
    --------
    >>> from semascope.lexicon.texts import encoder_of
    >>> encoder_of(lambda texts: [[1.0]] * len(texts), None).fingerprint == ""
    False
    """
    from semascope.embed import load_encoder

    if given is None and made_with is None:
        raise InputError(
            "this lexicon was learned from vectors, so it has no encoder; pass vectors, or "
            "set lex.encoder to the callable that made them"
        )
    asked = given
    if asked is None and made_with is not None:
        if made_with["kind"] == "function":
            raise InputError(
                f"this lexicon was learned with your own encoder '{made_with['name']}'; "
                "set lex.encoder to it before encoding texts"
            )
        asked = made_with.get("source")
    # In the precision of the rows, whatever this machine would choose.
    encoder = load_encoder(asked, precision=(made_with or {}).get("precision", "auto"))
    if made_with is not None and not encoder.matches(made_with):
        raise InputError(
            f"the encoder '{encoder.name}' is not the one that this lexicon was learned with "
            f"({made_with['name']}, fingerprint {made_with['fingerprint']})"
        )
    return encoder
