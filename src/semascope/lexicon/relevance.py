"""What a name alone says about a row: by the encoder, by words, or by a column's value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.lexicon.rows import Rows
from semascope.vectors import VectorSource

Float32Array = npt.NDArray[np.float32]

RULE = re.compile(r"^(?P<column>.+?) = (?P<value>.+)$", re.DOTALL)


class Relevance(Protocol):
    """Scores rows by names, without any access to codes.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords
    >>> relevance = ByWords(pl.Series(["late delivery", "great taste"]))
    >>> relevance(["late delivery"], np.array([0, 1])).tolist()
    [[1.0, 0.0]]
    """

    def __call__(self, names: Sequence[str], rows: Rows) -> Float32Array:
        """Return scores of shape (names, rows)."""


@dataclass
class ByEncoder:
    """Cosine between the embedded name and the row's vector.

    Parameters
    ----------
    embed : callable
        Turns a list of names into vectors (n, d), by the encoder of the rows.
    source : VectorSource
        Vectors of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import ByEncoder
    >>> from semascope.vectors import as_source
    >>> relevance = ByEncoder(lambda names: np.eye(2)[: len(names)], as_source(np.eye(2)))
    >>> relevance(["a"], np.array([0, 1])).tolist()
    [[1.0, 0.0]]
    """

    embed: Any
    source: VectorSource
    _known: dict[str, Float32Array] = field(default_factory=dict)

    def vectors(self, names: Sequence[str]) -> Float32Array:
        """Return unit vectors of names, shape (n, d), embedding each name once."""
        new = sorted({name for name in names if name not in self._known})
        if new:
            for name, vector in zip(new, unit(np.asarray(self.embed(new))), strict=True):
                self._known[name] = vector
        return np.stack([self._known[name] for name in names])

    def __call__(self, names: Sequence[str], rows: Rows) -> Float32Array:
        """Return cosines of shape (names, rows)."""
        return np.asarray(self.vectors(names) @ unit(self.source.take(rows)).T, dtype=np.float32)


@dataclass
class ByWords:
    """Share of a name's words that stand in the row's text; for vectors without an encoder.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords
    >>> ByWords(pl.Series(["red car", "red hat"]))(["red car"], np.array([0, 1])).tolist()
    [[1.0, 0.5]]
    """

    texts: pl.Series

    def __call__(self, names: Sequence[str], rows: Rows) -> Float32Array:
        """Return shares of shape (names, rows)."""
        bags = [set(words(text or "")) for text in self.texts.gather(rows)]
        out = np.zeros((len(names), len(rows)), dtype=np.float32)
        for i, name in enumerate(names):
            asked = set(words(name))
            if asked:
                out[i] = [len(asked & bag) / len(asked) for bag in bags]
        return out


@dataclass
class ByValue:
    """Whether a row has the value that a rule such as ``genre = Horror`` states.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByValue
    >>> items = pl.DataFrame({"genre": ["Horror", "Drama"]})
    >>> ByValue(items)(["genre = Horror"], np.arange(2)).tolist()
    [[1.0, 0.0]]
    """

    items: pl.DataFrame

    def __call__(self, names: Sequence[str], rows: Rows) -> Float32Array:
        """Return 0 or 1, shape (names, rows)."""
        out = np.zeros((len(names), len(rows)), dtype=np.float32)
        for i, name in enumerate(names):
            rule = RULE.match(name)
            if rule is None or rule["column"] not in self.items.columns:
                continue
            column = self.items[rule["column"]].gather(rows)
            if column.dtype == pl.List:
                held = column.list.eval(pl.element().cast(pl.String)).list.contains(rule["value"])
            else:
                held = column.cast(pl.String) == rule["value"]
            out[i] = held.fill_null(False).to_numpy()
        return out


def unit(x: npt.NDArray[Any]) -> Float32Array:
    """Scale rows to length 1; rows of zeros stay zero.

    Examples
    --------
    >>> from semascope.lexicon import unit
    >>> import numpy as np
    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(length > 0, length, 1), dtype=np.float32)


_WORD = re.compile(r"[^\W_]+(?:['’.+#-][^\W_]+)*[+#]*")


def words(text: str) -> list[str]:
    """Return the lower-case words of a text.

    Examples
    --------
    >>> from semascope.lexicon import words
    >>> words("Don't pay top-up fees!")
    ["don't", 'pay', 'top-up', 'fees']
    """
    return [word.lower() for word in _WORD.findall(text)]
