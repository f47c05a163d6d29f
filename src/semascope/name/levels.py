"""Names at the right level of a hierarchy: "fruit" when all fruits fire, "apple" when apples do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from semascope.lexicon import ByEncoder
from semascope.name.bank import Bank
from semascope.name.candidates import Candidate, Namer
from semascope.name.evidence import Evidence
from semascope.name.matching import are_terms, matched_by_vectors, matched_by_words
from semascope.name.namers import separating

_MOST_FORMS = 3
# Banks of up to so many entries are embedded as wholes.
_SMALL = 5000
# Weight of the bank's own sizes against counted rows, in rows.
_PRIOR_ROWS = 5.0
# An entry must stand above so many of the active rows.
_COVERED = 0.4


def by_bank(
    bank: Bank,
    evidence: Sequence[Evidence],
    texts: pl.Series | None,
    relevance: ByEncoder,
    *,
    most: int = 5,
    near: int = 5,
) -> Namer:
    """Propose the bank's entries that best cover what fires.

    Each row is matched to entries: the one it names if it is a term, else those its text mentions
    and those whose vectors are close. A word may have many senses; all are taken, for only the
    right ones agree between rows. An entry at any level is scored by how much shorter it makes the
    description of the active rows, with outliers allowed: the divergence of the share *p* of active
    rows at or beneath it from the share *q* of other rows and of the whole bank, *p log(p/q) +
    (1-p) log((1-p)/(1-q))*. A broad entry covers all but says little, a narrow one says much about
    few.

    Parameters
    ----------
    bank : Bank
        The vocabulary.
    evidence : sequence of Evidence
        All concepts to be named; their rows are matched once.
    texts : polars.Series or None
        Texts of all rows; None matches by vectors alone.
    relevance : ByEncoder
        Embeds entries, and holds the vectors of rows.
    most, near : int, default 5
        Entries by cover; and by vector, where none covers enough.

    References
    ----------
    Resnik, "Using information content to evaluate semantic similarity in a taxonomy", 1995; Li and
    Abe, "Generalizing case frames using a thesaurus and the MDL principle", 1998.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByEncoder, Contrast
    >>> from semascope.name import Bank, Evidence, by_bank
    >>> from semascope.vectors import as_source
    >>> words = ["apple", "fig", "pear", "plum", "car", "bus", "van", "cab"]
    >>> bank = Bank.of({w: "fruit" if i < 4 else "vehicle" for i, w in enumerate(words)})
    >>> relevance = ByEncoder(lambda names: np.ones((len(names), 1)), as_source(np.ones((8, 1))))
    >>> drawn = Contrast(np.arange(4), np.ones(4, dtype=np.float32), np.arange(4, 8), np.arange(0))
    >>> evidence = Evidence(0, drawn)
    >>> by_bank(bank, [evidence], pl.Series(words), relevance)(evidence)[0].name
    'fruit'
    """
    parts = [np.concatenate([e.contrast.active, e.contrast.inactive]) for e in evidence]
    rows = np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)
    terms = are_terms(texts)
    kind = "term" if terms else "phrase"
    said = matched_by_words(bank, rows, texts)
    # Of a large bank only what the texts speak of is embedded, and what lies above it.
    known = np.arange(len(bank)) if len(bank) <= _SMALL else _spoken_of(bank, said)
    vectors = relevance.vectors([bank.terms[i] for i in known])
    under = (said + matched_by_vectors(said, rows, relevance, known, vectors)) @ bank.closure
    under.data[:] = 1
    under = csr_array(under.tocsc()[:, known])

    def propose(evidence: Evidence) -> list[Candidate]:
        c = evidence.contrast
        if not len(c.active) or not len(known):
            return []
        covered = _rows_under(under, rows, c.active)
        other = _rows_under(under, rows, c.inactive)
        gain, share = description_gain(
            covered, len(c.active), other, len(c.inactive), bank.prior[known]
        )
        gain[share < _COVERED] = 0
        cosine = vectors @ separating(evidence, relevance)
        # Of entries that say about the same of all rows, the nearest in meaning.
        level = np.round(gain / gain.max(), 1) if gain.max() > 0 else gain
        best = np.lexsort((-cosine, -level))[:most]
        best = best[level[best] > 0]
        if not len(best):
            best = np.argsort(-cosine, kind="stable")[:near]
        found = []
        for i in best.tolist():
            entry = int(known[i])
            # What a long text mentions in passing speaks less for an entry than what a term is; and
            # there the form of a word that fits may be another than the first.
            support = float(level[i]) if terms else 0.0
            names = (bank.terms[entry], *bank.synonyms[entry])[: 1 if terms else _MOST_FORMS]
            meaning = bank.descriptions[entry]
            found += [Candidate(n, kind, meaning, by="bank", support=support) for n in names]
        return found

    return propose


def _rows_under(
    under: csr_array, rows: npt.NDArray[np.int64], asked: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    part = under[np.searchsorted(rows, asked)]
    return np.asarray(part.sum(axis=0), dtype=np.float64).reshape(-1)


def _spoken_of(bank: Bank, said: csr_array) -> npt.NDArray[np.int64]:
    return np.unique((said @ bank.closure).indices).astype(np.int64)


def description_gain(
    covered: npt.ArrayLike,
    n_active: int,
    other: npt.ArrayLike,
    n_inactive: int,
    prior: npt.ArrayLike,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return how many nats an active row is shortened by each entry, and the share it covers.

    Parameters
    ----------
    covered, other : array-like of shape (n,)
        Active and inactive rows at or beneath each entry.
    n_active, n_inactive : int
        Rows on either side.
    prior : array-like of shape (n,)
        Share of the bank at or beneath each entry.

    Examples
    --------
    >>> from semascope.name.levels import description_gain
    >>> gain, share = description_gain([2, 9, 10], 10, [0, 0, 9], 10, [0.01, 0.05, 0.9])
    >>> int(gain.argmax()), share.round(1).tolist()
    (1, [0.2, 0.8, 1.0])
    """
    broad = np.clip(np.asarray(prior, dtype=np.float64), 1e-9, 1 - 1e-9)
    q = (np.asarray(other, dtype=np.float64) + _PRIOR_ROWS * broad) / (n_inactive + _PRIOR_ROWS)
    # One pseudo-row, so that few rows do not prove much.
    p = (np.asarray(covered, dtype=np.float64) + q) / (n_active + 1)
    q, p = np.clip(q, 1e-9, 1 - 1e-9), np.clip(p, 1e-9, 1 - 1e-9)
    gain = np.where(p > q, p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)), 0.0)
    return gain.astype(np.float64), np.asarray(p, dtype=np.float64)
