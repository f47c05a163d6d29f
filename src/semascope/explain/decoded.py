"""Vectors as their dictionary tells them: codes times atoms, the bias, and a remainder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, as_vectors, generator
from semascope.discover import Dictionary
from semascope.explain.mixture import Mixture
from semascope.explain.predictor import Predictor
from semascope.explain.tested import as_strengths
from semascope.lexicon import Lexicon, stored_vectors

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Decoded:
    """Some rows of the vectors that were given, and what their concepts bring to each.

    Parameters
    ----------
    rows : ndarray of int64, shape (r,)
        Which of `n` rows these are.
    vectors : ndarray of shape (r, d)
        Theirs.
    codes : scipy.sparse.csr_array of shape (r, m)
        Strengths of concepts.
    atoms : ndarray of shape (m, d)
        Directions of concepts.
    bias : ndarray of shape (d,)
        The dictionary's.
    concepts, names : polars.Series
        Ids and names of concepts; null where there is none.
    n : int
        Rows that were given.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Dictionary
    >>> from semascope.explain.decoded import decode
    >>> eye, zero = np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32)
    >>> found = decode(Dictionary(eye, zero, eye, zero, n_active=2), np.ones((5, 3)))
    >>> found.active(0).tolist(), len(found.rows)
    ([0, 1], 5)
    """

    rows: Rows
    vectors: Floats
    codes: Any
    atoms: npt.NDArray[Any]
    bias: Floats
    concepts: pl.Series
    names: pl.Series
    n: int

    def active(self, i: int) -> Rows:
        """Return the concepts that row `i` of these shows."""
        return np.asarray(self.codes.indices[self.codes.indptr[i] : self.codes.indptr[i + 1]])

    def strengths(self, i: int) -> Floats:
        """Return how strongly, in the same order."""
        own = self.codes.data[self.codes.indptr[i] : self.codes.indptr[i + 1]]
        return np.asarray(own, dtype=np.float64)

    def mixture(self, i: int, predict: Predictor) -> Mixture:
        """Return row `i` as a sum of what its concepts bring."""
        parts = self._parts(i)
        return Mixture(predict, self.vectors[i] - parts.sum(axis=0), parts)

    def thirds(self, i: int, predict: Predictor) -> Mixture:
        """Return row `i` as the bias with named concepts, unnamed ones and the remainder."""
        parts = self._parts(i)
        named = self.names.is_not_null().to_numpy()[self.active(i)]
        three = [parts[named].sum(axis=0), parts[~named].sum(axis=0),
                 self.vectors[i] - parts.sum(axis=0) - self.bias]  # fmt: skip
        return Mixture(predict, self.bias, np.stack(three))

    def _parts(self, i: int) -> Floats:
        return self.strengths(i)[:, None] * np.asarray(self.atoms[self.active(i)], np.float64)


def decode(
    lex: Any,
    x: Any = None,
    names: Any = None,
    *,
    most_rows: int = 2000,
    include: Sequence[int] = (),
    seed: int = 0,
) -> Decoded:
    """Read vectors, choose rows at random if there are more than `most_rows`, and encode these.

    Parameters
    ----------
    lex, x, names
        As in `explain.prediction`.
    most_rows, seed : int
        How many rows, and which.
    include : sequence of int
        Rows that are among them in any case.

    Raises
    ------
    InputError
        If something does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Dictionary
    >>> from semascope.explain.decoded import decode
    >>> eye, zero = np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32)
    >>> some = decode(Dictionary(eye, zero, eye, zero, n_active=2), np.ones((50, 3)), most_rows=9)
    >>> len(some.rows), some.n
    (9, 50)
    """
    decoder, concepts, told = _decoder(lex, names)
    vectors = _vectors(lex, decoder, x)
    n = len(vectors)
    asked = np.unique(np.asarray(include, dtype=np.int64))
    if len(asked) and not 0 <= asked[0] <= asked[-1] < n:
        bad = asked[0] if asked[0] < 0 else asked[-1]
        raise InputError(f"there is no row {bad}; rows are 0 to {n - 1}")
    order = generator(seed, "items").permutation(n)
    order = np.concatenate([asked, order[~np.isin(order, asked)]])
    rows = np.sort(order[: max(most_rows, len(asked))])
    some = np.asarray(vectors[rows])
    # A lexicon's own codes fit its reconstructions; coding these again may choose other concepts.
    if x is None:
        codes = lex.codes[rows]
    else:
        codes = (lex if isinstance(lex, Lexicon) else decoder).encode(some)
    atoms = lex.atoms if isinstance(lex, Lexicon) else decoder.atoms
    return Decoded(rows, some.astype(np.float64), as_strengths(codes), np.asarray(atoms),
                   np.asarray(decoder.bias, dtype=np.float64), concepts, told, n)  # fmt: skip


def _decoder(lex: Any, names: Any) -> tuple[Dictionary, pl.Series, pl.Series]:
    if isinstance(lex, Lexicon):
        if names is not None:
            raise InputError("a lexicon has names; leave names out")
        return lex.dictionary, lex.concepts["id"], lex.concepts["name"]
    decoder = getattr(lex, "dictionary_", lex)
    if not isinstance(decoder, Dictionary):
        raise InputError(
            f"prediction needs a lexicon, a dictionary or a fitted estimator, got "
            f"{type(lex).__name__}"
        )
    m = decoder.n_components
    told = pl.Series("name", [None] * m if names is None else list(names), dtype=pl.String)
    if len(told) != m:
        raise InputError(f"{len(told)} names do not fit {m} concepts")
    return decoder, pl.Series("concept", [f"c{j}" for j in range(m)]), told


def _vectors(lex: Any, decoder: Dictionary, x: Any) -> npt.NDArray[Any]:
    if x is None:
        if not isinstance(lex, Lexicon):
            raise InputError("pass the vectors x of the items; only a lexicon has items of its own")
        x = stored_vectors(lex)[0].take(np.arange(len(lex.items)))
    elif isinstance(lex, Lexicon):
        x = lex.vectors_of(x)
    vectors = as_vectors(x)
    if vectors.shape[1] != decoder.n_dimensions:
        raise InputError(
            f"vectors have {vectors.shape[1]} dimensions, the dictionary {decoder.n_dimensions}"
        )
    return vectors
