"""Two names joined, where one does not do: ``X and Y``, ``X or Y``, ``X but not Y``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from semascope.core import InputError
from semascope.lexicon.relevance import Relevance
from semascope.lexicon.rows import Rows

Float32Array = npt.NDArray[np.float32]
Join = Literal["and", "or", "but not"]
JOINS: tuple[Join, ...] = get_args(Join)

_PART = r'(?:"(?:[^"\\]|\\.)*"|.+?)'
_COMBINED = re.compile(rf"({_PART}) (and|or|but not) ({_PART})", re.DOTALL)


@dataclass
class Combined:
    """Score rows by two names joined, or by one, on a scale that all names share.

    Cosines of two names, or a cosine and a rule, cannot be compared as they are. So each name's
    score becomes the share of reference rows that score lower (ties count one half). *And* is the
    smaller of two such shares, *or* the larger; *but not* takes the first one, as long as the
    second name is not above the median: from there on it falls to zero.

    Parameters
    ----------
    base : Relevance
        Scores rows by single names.
    reference : ndarray of int64
        Rows to compare with, drawn without a look at any concept; a few hundred *name* rows.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Combined
    >>> texts = ByWords(pl.Series(["late train", "late bus", "red train", "tea"]))
    >>> combined = Combined(texts, np.arange(4))
    >>> combined(["late and train", "late but not train"], np.arange(4)).tolist()
    [[0.75, 0.25, 0.25, 0.25], [0.5, 0.75, 0.25, 0.25]]
    """

    base: Relevance
    reference: Rows
    _known: dict[str, Float32Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.reference) == 0:
            raise InputError("combined names need reference rows to compare with, and got none")

    def __call__(self, names: Sequence[str], rows: Rows) -> Float32Array:
        """Return scores from 0 to 1, shape (names, rows)."""
        parts = [split_combined(name) for name in names]
        singles = sorted({single for part in parts for single in part[::2]})
        shares = dict(zip(singles, self.shares(singles, rows), strict=True))
        out = np.zeros((len(names), len(rows)), dtype=np.float32)
        for i, part in enumerate(parts):
            out[i] = shares[part[0]]
            if len(part) == 3:
                out[i] = joined(shares[part[0]], part[1], shares[part[2]])
        return out

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


def joined(
    first: npt.NDArray[np.float32], join: str, second: npt.NDArray[np.float32]
) -> Float32Array:
    """Join the scores of two names, both from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon.combined import joined
    >>> a, b = np.float32([0.75, 0.75]), np.float32([0.25, 1.0])
    >>> [joined(a, join, b).tolist() for join in ("and", "or", "but not")]
    [[0.25, 0.75], [0.75, 1.0], [0.75, 0.0]]
    """
    if join == "and":
        return np.minimum(first, second)
    if join == "or":
        return np.maximum(first, second)
    return np.asarray(np.minimum(first, 1 - np.maximum(0, 2 * second - 1)), dtype=np.float32)


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
