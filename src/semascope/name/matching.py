"""Which entries of a bank a row stands for, and how names that are entries score rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from semascope.lexicon import ByEncoder, unit
from semascope.name.bank import Bank
from semascope.name.words import clauses, merge_key

_BLOCK = 1024
# Items of up to so many words are looked up as wholes.
_TERM = 5
_LOOKED_AT = 1000
_NEAREST = 3
_CLOSE = 0.55


@dataclass(frozen=True, eq=False)
class ByBank:
    """Whether a row lies beneath the entry that a name is, and how near it is by the encoder.

    For items that are terms themselves, such as words, products or titles of occupations.

    Parameters
    ----------
    bank : Bank
        The hierarchy.
    texts : polars.Series
        Texts of all rows.
    encoder : ByEncoder
        Half its cosine is added, which orders rows on either side.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByEncoder
    >>> from semascope.name import Bank, ByBank
    >>> from semascope.vectors import as_source
    >>> same = ByEncoder(lambda names: np.ones((len(names), 1)), as_source(np.ones((2, 1))))
    >>> by_bank = ByBank(Bank.of({"apple": "fruit"}), pl.Series(["apples", "bus"]), same)
    >>> by_bank(["fruit"], np.arange(2)).tolist()
    [[1.5, 0.5]]
    """

    bank: Bank
    texts: pl.Series
    encoder: ByEncoder

    def __call__(
        self, names: Sequence[str], rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Return scores of shape (names, rows)."""
        under = (matched_by_words(self.bank, rows, self.texts) @ self.bank.closure).tocsc()
        out = 0.5 * self.encoder(names, rows)
        for i, name in enumerate(names):
            meant = list(self.bank.lookup(name))
            if meant:
                out[i] += np.asarray(under[:, meant].sum(axis=1)).reshape(-1) > 0
        return np.asarray(out, dtype=np.float32)


def are_terms(texts: pl.Series | None) -> bool:
    """Whether most texts are terms: a few words without a stop between them.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.name.matching import are_terms
    >>> are_terms(pl.Series(["apple", "bus stop"])), are_terms(pl.Series(["I eat, therefore I am"]))
    (True, False)
    """
    if texts is None or not len(texts):
        return False
    some = texts.gather_every(max(1, len(texts) // _LOOKED_AT)).drop_nulls()
    return sum(_is_term(text) for text in some) > len(some) / 2


def matched_by_words(bank: Bank, rows: npt.NDArray[np.int64], texts: pl.Series | None) -> csr_array:
    """Match rows to the entries that they name: sparse, shape (rows, entries), 1 where they do.

    A short text that is a term stands for its entries, however many senses it has; else all
    entries count that the text mentions.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.name import Bank
    >>> from semascope.name.matching import matched_by_words
    >>> bank = Bank.of({"apple": "fruit", "bus": "vehicle"})
    >>> texts = pl.Series(["apples", "I eat an apple in the bus, on my way to work"])
    >>> matched_by_words(bank, np.arange(2), texts).toarray()
    array([[1, 0, 0, 0],
           [1, 1, 0, 0]], dtype=int32)
    """
    indptr, indices = [0], []
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        said = [""] * len(block) if texts is None else texts.gather(block).fill_null("").to_list()
        for text in said:
            whole = bank.lookup(text) if _is_term(text) else ()
            indices += sorted(set(whole) or mentioned(bank, text))
            indptr.append(len(indices))
    return _incidence(indptr, indices, len(bank))


def matched_by_vectors(
    said: csr_array,
    rows: npt.NDArray[np.int64],
    relevance: ByEncoder,
    known: npt.NDArray[np.int64],
    vectors: npt.NDArray[np.float32],
) -> csr_array:
    """Match rows that name no entry to the known entries that are close.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from semascope.lexicon import ByEncoder
    >>> from semascope.name.matching import matched_by_vectors
    >>> from semascope.vectors import as_source
    >>> nothing = csr_array((2, 2), dtype=np.int32)
    >>> rows = ByEncoder(None, as_source(np.eye(2)))
    >>> matched_by_vectors(nothing, np.arange(2), rows, np.arange(2), np.eye(2)).toarray()
    array([[1, 0],
           [0, 1]], dtype=int32)
    """
    indptr = np.zeros(len(rows) + 1, dtype=np.int64)
    indices: list[int] = []
    blank = np.flatnonzero(np.diff(said.indptr) == 0)
    top = min(_NEAREST, len(known))
    for start in range(0, len(blank) if top else 0, _BLOCK):
        block = blank[start : start + _BLOCK]
        cosine = unit(relevance.source.take(rows[block])) @ vectors.T
        nearest = np.argpartition(-cosine, top - 1, axis=1)[:, :top]
        for i, near, close in zip(block, nearest, cosine, strict=True):
            found = sorted(int(known[e]) for e in near if close[e] >= _CLOSE)
            indptr[i + 1] = len(found)
            indices += found
    return _incidence(np.cumsum(indptr), indices, said.shape[1])


def _incidence(indptr: Any, indices: list[int], width: int) -> csr_array:
    data = np.ones(len(indices), dtype=np.int32)
    places = np.array(indices, dtype=np.int64)
    return csr_array((data, places, np.asarray(indptr)), shape=(len(indptr) - 1, width))


def mentioned(bank: Bank, text: str) -> set[int]:
    """Return the entries that a text mentions; the longest name at a place counts.

    Examples
    --------
    >>> from semascope.name import Bank
    >>> from semascope.name.matching import mentioned
    >>> mentioned(Bank(("card", "credit card", "fee")), "a fee for my credit card")
    {1, 2}
    """
    found: set[int] = set()
    for run in clauses(text):
        at = 0
        while at < len(run):
            for n in range(min(bank.longest, len(run) - at), 0, -1):
                hits = bank.lookup(" ".join(run[at : at + n]))
                if hits:
                    found |= set(hits)
                    at += n - 1
                    break
            at += 1
    return found


def _is_term(text: str) -> bool:
    return 0 < merge_key(text).count(" ") + 1 <= _TERM and len(clauses(text)) == 1
