"""Texts as rows that are encoded piece by piece."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

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
