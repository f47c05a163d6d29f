"""Candidate phrases: what the texts of a concept say more often than near-miss texts do."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from semascope.lexicon import Rows
from semascope.name.words import clauses, is_stop
from semascope.name.words import phrases as phrases_of

_MOST_CONTENT = 3
_BUCKETS = 1 << 22
# A phrase that stands inside one longer phrase this often is a piece of it.
_PIECE = 0.8
# A word that another follows this often, and so many times, leads on to it.
_LEADS = 0.75
_OFTEN = 5


@dataclass(frozen=True, eq=False)
class PhraseBook:
    """The phrases of some texts, and which text says which.

    Parameters
    ----------
    rows : ndarray of int64, shape (t,)
        Row numbers of the texts, ascending.
    phrases : list of str, length p
        Each as it is mostly written; forms and orders of the same words are one phrase.
    said : csr_array of shape (t, p)
        1 where a text says a phrase.
    leading : frozenset of str
        Words that nearly always lead on to another, such as "neural": a phrase that ends in one
        dangles.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.name import phrase_book
    >>> book = phrase_book(["late delivery", "a late delivery!"], np.array([3, 5]))
    >>> book.phrases, book.places([5]).tolist()
    (['late delivery'], [1])
    """

    rows: Rows
    phrases: list[str]
    said: csr_array
    leading: frozenset[str] = frozenset()

    def dangles(self, phrase: str) -> bool:
        """Whether a phrase of several words ends in one that leads on."""
        return " " in phrase and phrase.rpartition(" ")[2] in self.leading

    def places(self, rows: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return where rows stand in the book, leaving out those that do not."""
        asked = np.asarray(rows, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.rows, asked), len(self.rows) - 1)
        return place[self.rows[place] == asked] if len(self.rows) else place[:0]

    def counts(
        self, rows: npt.ArrayLike, weights: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.float64]:
        """Return how many of the rows say each phrase, weighted if asked."""
        part = self.said[self.places(rows)]
        weight = np.ones(part.shape[0]) if weights is None else np.asarray(weights, dtype=float)
        return np.asarray(weight @ part, dtype=float)


def phrase_book(texts: Sequence[str], rows: Rows, *, least: int = 2) -> PhraseBook:
    """Collect the whole phrases of texts: those that at least so many of them say.

    A phrase that nearly always stands inside the same longer one ("york" in "new york") is a piece
    and left out, and so is one that dangles, or the last word of a text that was cut off. Memory is
    bounded by what is said `least` times: all else is only counted, in 4 million buckets.

    Parameters
    ----------
    texts : sequence of str, length t
        Texts.
    rows : ndarray of int64, shape (t,)
        Their row numbers, ascending.
    least : int, default 2
        How many texts must say a phrase.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.name import phrase_book
    >>> texts = ["new york in june", "New York!", "a new hat", "June"]
    >>> sorted(phrase_book(texts, np.arange(4)).phrases)
    ['june', 'new', 'new york']
    """
    cut = _cut_off(texts)
    leading = _leading(texts, cut)
    seen = np.zeros(_BUCKETS, dtype=np.int32)
    for text, off in zip(texts, cut, strict=True):
        keys = {key for key, _ in phrases_of(text, cut=off)}
        seen[[_bucket(key) for key in keys]] += 1
    number: dict[str, int] = {}
    written: list[Counter[str]] = []
    indptr, indices = [0], []
    for text, off in zip(texts, cut, strict=True):
        own: set[int] = set()
        for key, phrase in phrases_of(text, cut=off):
            if seen[_bucket(key)] < least or (
                phrase.rpartition(" ")[2] in leading and " " in phrase
            ):
                continue
            at = number.setdefault(key, len(number))
            if at == len(written):
                written.append(Counter())
            written[at][phrase] += 1
            own.add(at)
        indices += sorted(own)
        indptr.append(len(indices))
    said = csr_array(
        (np.ones(len(indices)), np.array(indices, dtype=np.int64), np.array(indptr)),
        shape=(len(texts), len(number)),
    )
    # Buckets are shared: what came through by another phrase's count goes now.
    count = np.asarray(said.sum(axis=0)).reshape(-1)
    whole = _whole(number, count) & (count >= least)
    kept = sorted(np.flatnonzero(whole).tolist(), key=lambda i: (-count[i], _form(written[i])))
    names = [_form(written[i]) for i in kept]
    said = csr_array(said.tocsc()[:, kept])
    return PhraseBook(np.asarray(rows, dtype=np.int64), names, said, leading)


def candidate_phrases(
    active: Sequence[str],
    weights: npt.ArrayLike,
    inactive: Sequence[str],
    *,
    most: int = 30,
) -> list[tuple[str, float]]:
    """Find the phrases that set active texts apart from inactive ones.

    Parameters
    ----------
    active, inactive : sequence of str
        Texts on which the concept is active, and near-miss or random ones.
    weights : array-like of shape (n_active,)
        Activations; stronger texts count more.
    most : int, default 30
        How many phrases to return.

    Returns
    -------
    list of (str, float)
        Phrases as they are mostly written, with z-values above zero, best first; see `contrasted`.

    Examples
    --------
    >>> from semascope.name import candidate_phrases
    >>> late = ["the delivery was late", "late delivery again", "a very late delivery"]
    >>> other = ["great taste", "the taste was bad", "delivery was fine"]
    >>> candidate_phrases(late, [1, 1, 1], other, most=1)[0][0]
    'late'
    """
    rows = np.arange(len(active) + len(inactive))
    book = phrase_book([*active, *inactive], rows, least=2 if len(active) > 2 else 1)
    return contrasted(book, rows[: len(active)], weights, rows[len(active) :], most=most)


def contrasted(
    book: PhraseBook, active: Rows, weights: npt.ArrayLike, inactive: Rows, *, most: int = 30
) -> list[tuple[str, float]]:
    """Rank the phrases of a book by how much more active rows say them than inactive ones.

    Each is scored by the z-value of its log odds between the two sides, with a prior from both
    together, counting texts and not occurrences.

    References
    ----------
    Monroe, Colaresi and Quinn, "Fightin' Words", Political Analysis, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.name import contrasted, phrase_book
    >>> book = phrase_book(["late train", "late tea", "warm tea", "tea"], np.arange(4))
    >>> contrasted(book, np.arange(2), np.ones(2), np.arange(2, 4))[0][0]
    'late'
    """
    if len(active) == 0 or not book.phrases:
        return []
    weight = np.asarray(weights, dtype=float)
    weight = weight * len(weight) / weight.sum() if weight.sum() > 0 else np.ones(len(active))
    inside, raw = book.counts(active, weight), book.counts(active)
    z = _z_values(inside, book.counts(inactive), len(active), max(1, len(inactive)))
    z[raw < (2 if len(active) > 2 else 1)] = 0
    order = sorted(np.flatnonzero(z > 0).tolist(), key=lambda i: (-z[i], book.phrases[i]))
    return [(book.phrases[i], float(z[i])) for i in order[:most]]


def _z_values(
    inside: npt.NDArray[np.float64], outside: npt.NDArray[np.float64], n_in: int, n_out: int
) -> npt.NDArray[np.float64]:
    share = (inside + outside) / (n_in + n_out)
    prior = 0.01 + share  # about one pseudo-text a side, spread like the phrase itself
    a, b = inside + prior, outside + prior
    odds = np.log(a / np.maximum(n_in + 1 - a, 0.5)) - np.log(b / np.maximum(n_out + 1 - b, 0.5))
    return np.asarray(odds / np.sqrt(1 / a + 1 / b))


def _whole(number: dict[str, int], count: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    whole = np.ones(len(number), dtype=bool)
    for key, i in number.items():
        stems = key.split()
        if len(stems) > _MOST_CONTENT:
            whole[i] = False
        for left_out in range(len(stems) if len(stems) > 1 else 0):
            piece = number.get(" ".join(stems[:left_out] + stems[left_out + 1 :]))
            if piece is not None and count[i] > 1 and count[i] > _PIECE * count[piece]:
                whole[piece] = False
    return whole


def _leading(texts: Sequence[str], cut: Sequence[bool]) -> frozenset[str]:
    """Words that are followed by another content word nearly whenever they are said."""
    said: Counter[str] = Counter()
    followed: Counter[str] = Counter()
    for text, off in zip(texts, cut, strict=True):
        for run in clauses(text, cut=off):
            said.update(run)
            followed.update(a for a, b in pairwise(run) if not is_stop(b))
    return frozenset(
        word for word, n in followed.items() if n >= _OFTEN and n >= _LEADS * said[word]
    )


def _cut_off(texts: Sequence[str]) -> list[bool]:
    """Whether each text was cut at a number of characters: several end there, in a word."""
    longest = max((len(t) for t in texts), default=0)
    ends = [len(t) == longest and t[-1:].isalnum() for t in texts]
    cut = longest >= 100 and sum(ends) > 2
    return [cut and end for end in ends]


def _bucket(key: str) -> int:
    return zlib.crc32(key.encode()) % _BUCKETS


def _form(written: Counter[str]) -> str:
    return min(written, key=lambda form: (-written[form], len(form), form))
