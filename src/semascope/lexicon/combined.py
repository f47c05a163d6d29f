"""Two names joined where one does not do: X or Y, X but not Y, X without the word y."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError
from semascope.lexicon.relevance import Relevance, words
from semascope.lexicon.rows import Rows

Float32Array = npt.NDArray[np.float32]
Join = Literal["and", "or", "but not", "without the word"]
JOINS: tuple[Join, ...] = get_args(Join)
# What follows it is no name but a word, letter by letter.
WITHOUT: Join = "without the word"

# Of the odds of the name after *but not*, so much counts against a row.
_DENIED = 0.1
_SURE = 0.001

_PART = r'(?:"(?:[^"\\]|\\.)*"|.+?)'
_COMBINED = re.compile(rf"({_PART}) ({'|'.join(JOINS)}) ({_PART})", re.DOTALL)


@dataclass
class Combined:
    """Score rows by two names joined, or by one, on a scale that all names share.

    Cosines of two names, or a cosine and a rule, cannot be compared as they are. So each name's
    score becomes the share of reference rows that score lower (ties count one half). *And* is the
    smaller of two such shares, *or* the larger; *but not* takes the first one down by how much
    higher the odds of the second are. (All rows of a subject are near to every name within it, so
    the second name's share alone would deny all of them.) *Without the word* asks whether the text
    of a row says a word, in this form: an encoder hardly tells.

    Parameters
    ----------
    base : Relevance
        Scores rows by single names.
    reference : ndarray of int64
        Rows to compare with, drawn without a look at any concept; a few hundred *name* rows.
    texts : polars.Series, optional
        Texts of all rows, for words.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Combined
    >>> texts = ByWords(pl.Series(["late train", "late bus", "red train", "tea"]))
    >>> combined = Combined(texts, np.arange(4))
    >>> combined(["late and train", "late but not train"], np.arange(4))
    array([[0.75      , 0.25      , 0.25      , 0.25      ],
           [0.6818182 , 0.7417582 , 0.13157894, 0.22727273]], dtype=float32)
    """

    base: Relevance
    reference: Rows
    texts: pl.Series | None = None
    _known: dict[str, Float32Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.reference) == 0:
            raise InputError("combined names need reference rows to compare with, and got none")

    def __call__(self, names: Sequence[str], rows: Rows) -> Float32Array:
        """Return scores from 0 to 1, shape (names, rows)."""
        parts = [split_combined(name) for name in names]
        singles = sorted({name for part in parts for name in _names_in(part)})
        shares = dict(zip(singles, self.shares(singles, rows), strict=True))
        said: dict[str, Float32Array] = {}
        out = np.zeros((len(names), len(rows)), dtype=np.float32)
        for i, part in enumerate(parts):
            out[i] = shares[part[0]]
            if len(part) == 3:
                word = part[1] == WITHOUT
                if word and part[2] not in said:
                    said[part[2]] = self._said(part[2], rows)
                out[i] = joined(shares[part[0]], part[1], (said if word else shares)[part[2]])
        return out

    def _said(self, word: str, rows: Rows) -> Float32Array:
        if self.texts is None:
            raise InputError(f"'{WITHOUT} {word}' asks for the texts of rows, and there are none")
        bags = (words(text or "") for text in self.texts.gather(rows))
        return np.array([word.lower() in bag for bag in bags], dtype=np.float32)

    def shares(self, names: Sequence[str], rows: Rows) -> Float32Array:
        """Return for single names the share of reference rows that score lower."""
        new = [name for name in dict.fromkeys(names) if name not in self._known]
        if new:
            ranked = np.sort(self.base(new, self.reference), axis=1)
            self._known.update(zip(new, ranked, strict=True))
        scores = self.base(names, rows)
        out = np.zeros(scores.shape, dtype=np.float32)
        for i, name in enumerate(names):
            known = self._known[name]
            below = np.searchsorted(known, scores[i]) + np.searchsorted(known, scores[i], "right")
            out[i] = below / (2 * len(known))
        return out


def _names_in(part: tuple[str, ...]) -> tuple[str, ...]:
    return part[:1] if len(part) == 1 or part[1] == WITHOUT else part[::2]


def joined(
    first: npt.NDArray[np.float32], join: str, second: npt.NDArray[np.float32]
) -> Float32Array:
    """Join the scores of two names, both from 0 to 1.

    *But not* multiplies the first share ``a`` by ``o(a) / (o(a) + 0.1 o(b))``, where ``o`` are
    odds: a tenth, because a row must say the second name clearly more than the first to be denied.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon.combined import joined
    >>> a, b = np.float32([0.75, 0.75]), np.float32([0.25, 1.0])
    >>> joined(a, "or", b).tolist(), joined(a, "but not", b).round(2)
    ([0.75, 1.0], array([0.74, 0.02], dtype=float32))
    """
    if join == "and":
        return np.minimum(first, second)
    if join == WITHOUT:
        return np.asarray(first * (1 - second), dtype=np.float32)
    if join == "or":
        return np.maximum(first, second)
    # No share is sure: beyond the reference rows, odds of both names would be infinite.
    a, b = np.clip(first, _SURE, 1 - _SURE), np.clip(second, _SURE, 1 - _SURE)
    keep = a * (1 - b)
    return np.asarray(first * keep / (keep + _DENIED * b * (1 - a)), dtype=np.float32)


def join_names(first: str, join: Join, second: str) -> str:
    """Write two names as one.

    Names that hold one of the joining words stand in double quotes.

    Examples
    --------
    >>> from semascope.lexicon import join_names
    >>> join_names("terms and conditions", "but not", "fees")
    '"terms and conditions" but not fees'
    """
    return f"{_written(first)} {join} {_written(second)}"


def split_combined(name: str) -> tuple[str, ...]:
    """Return two names and how they are joined, or the one name.

    Examples
    --------
    >>> from semascope.lexicon import split_combined
    >>> split_combined('"terms and conditions" but not fees')
    ('terms and conditions', 'but not', 'fees')
    >>> split_combined("late delivery")
    ('late delivery',)
    """
    match = _COMBINED.fullmatch(name)
    if match is None:
        return (_read(name),)
    return _read(match[1]), match[2], _read(match[3])


def _written(name: str) -> str:
    plain = not name.startswith('"') and not any(f" {join} " in f" {name} " for join in JOINS)
    return name if plain and name.strip() else json.dumps(name, ensure_ascii=False)


def _read(part: str) -> str:
    if not part.startswith('"'):
        return part
    try:
        return str(json.loads(part, strict=False))
    except json.JSONDecodeError:
        return part
