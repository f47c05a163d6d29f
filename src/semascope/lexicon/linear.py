"""Linear rules by which rows belong to concepts that people made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from semascope.core import Codes, InputError
from semascope.discover import Dictionary
from semascope.lexicon.packed import pack, unpack

Floats = npt.NDArray[np.float32]
Column = tuple[npt.NDArray[np.int64], Floats]
Source = Literal["vectors", "reconstruction"]
_BLOCK = 65_536


@dataclass(frozen=True, eq=False)
class LinearRule:
    """Linear scores of rows: ``x @ weights.T + offsets``, where `x` is a row as `source` has it.

    Parameters
    ----------
    weights : ndarray of float32, shape (k, d)
    offsets : ndarray of float32, shape (k,)
    source : {"vectors", "reconstruction"}
        Whether `x` is the row's vector or what the dictionary reconstructs of it.
    stored : (rows, values), optional
        What an added concept reaches on the stored rows, if it needs vectors.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon.linear import LinearRule
    >>> rule = LinearRule(np.ones((1, 2), "f4"), np.zeros(1, "f4"))
    >>> LinearRule.of(rule.as_dict()).weights.tolist()
    [[1.0, 1.0]]
    """

    weights: Floats
    offsets: Floats
    source: Source = "reconstruction"
    stored: Column | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the rule as plain data."""
        plain: dict[str, Any] = {
            "weights": pack(self.weights),
            "offsets": pack(self.offsets),
            "source": self.source,
        }
        if self.stored is not None:
            plain |= {"rows": pack(self.stored[0]), "values": pack(self.stored[1])}
        return plain

    @classmethod
    def of(cls, plain: Any) -> LinearRule:
        """Read a rule from plain data; raise `InputError` if it is damaged."""
        if not isinstance(plain, dict) or plain.get("source") not in ("vectors", "reconstruction"):
            raise InputError("its rule is damaged")
        weights, offsets = unpack(plain.get("weights")), unpack(plain.get("offsets"))
        if weights.ndim != 2 or offsets.shape != weights.shape[:1]:
            raise InputError(f"a rule of {weights.shape} weights and {offsets.shape} offsets")
        stored = None
        if plain["source"] == "vectors":
            rows, values = unpack(plain.get("rows")), unpack(plain.get("values"))
            if rows.shape != values.shape or rows.ndim != 1 or (np.diff(rows) <= 0).any():
                raise InputError("the rows of its rule are damaged")
            stored = rows, values
        return cls(weights, offsets, plain["source"], stored)


def above_zero(scores: npt.NDArray[np.float64]) -> Column:
    """Return where scores are above zero, and the scores there.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon.linear import above_zero
    >>> above_zero(np.array([-1.0, 2.0]))[0].tolist()
    [1]
    """
    values = scores.astype(np.float32)
    rows = np.flatnonzero(values > 0)
    return rows, values[rows]


def reconstructed_scores(
    dictionary: Dictionary, rule: LinearRule, codes: Codes
) -> npt.NDArray[np.float64]:
    """Return a rule's scores (n, k) of what the dictionary reconstructs of codes.

    Nothing is reconstructed: the rule is carried to the codes. In double precision, so that a row
    scores the same whatever rows it comes with.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Dictionary
    >>> from semascope.lexicon.linear import LinearRule, reconstructed_scores
    >>> eye, zero = np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    >>> dictionary = Dictionary(eye, zero, eye, zero, n_active=1)
    >>> rule = LinearRule(np.array([[1.0, 2.0]], "f4"), np.ones(1, "f4"))
    >>> reconstructed_scores(dictionary, rule, dictionary.encode([[0.0, 3.0]])).tolist()
    [[7.0]]
    """
    weights = rule.weights.astype(np.float64)
    used = np.zeros(dictionary.n_components, dtype=bool)
    used[codes.indices] = True
    latents = np.flatnonzero(used)
    carried = np.zeros((dictionary.n_components, len(weights)))
    for start in range(0, len(latents), _BLOCK):
        some = latents[start : start + _BLOCK]
        carried[some] = dictionary.atoms[some].astype(np.float64) @ weights.T
    base = dictionary.bias.astype(np.float64) @ weights.T + rule.offsets
    return np.asarray(codes.to_scipy() @ carried + base)


def vector_scores(rule: LinearRule, vectors: Any) -> npt.NDArray[np.float64]:
    """Return a rule's scores (n, k) of vectors.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon.linear import LinearRule, vector_scores
    >>> rule = LinearRule(np.ones((1, 2), "f4"), np.zeros(1, "f4"), "vectors")
    >>> vector_scores(rule, [[1.0, 2.0]]).tolist()
    [[3.0]]
    """
    x = np.asarray(vectors, dtype=np.float64)
    return np.asarray(x @ rule.weights.T.astype(np.float64) + rule.offsets)
