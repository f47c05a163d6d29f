"""Namers: each makes a function from a concept's evidence to candidates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.lexicon import ByEncoder, Rows, unit, words
from semascope.name.candidates import Candidate, Namer
from semascope.name.evidence import Evidence
from semascope.name.phrases import PhraseBook, contrasted, phrase_book
from semascope.name.words import merge_key, phrases, stem

_MOST_TEXTS = 50_000


def book_of(evidence: Sequence[Evidence], texts: pl.Series) -> PhraseBook:
    """Collect the phrases of all texts that the evidence of any concept refers to.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Evidence, book_of
    >>> rows, none = np.arange(2), np.arange(0)
    >>> evidence = [Evidence(0, Contrast(rows, np.ones(2, dtype=np.float32), none, none))]
    >>> book_of(evidence, pl.Series(["late train", "late tea", "late"])).phrases
    ['late']
    """
    rows, said = texts_of(evidence, texts)
    return phrase_book(said, rows)


def texts_of(evidence: Sequence[Evidence], texts: pl.Series) -> tuple[Rows, list[str]]:
    """Return rows that the evidence of any concept refers to, 50,000 at most, and their texts.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Evidence
    >>> from semascope.name.namers import texts_of
    >>> rows, none = np.array([2, 0]), np.arange(0)
    >>> evidence = [Evidence(0, Contrast(rows, np.ones(2, dtype=np.float32), none, none))]
    >>> texts_of(evidence, pl.Series(["late", "tea", None]))
    (array([0, 2]), ['late', ''])
    """
    parts = [np.concatenate([e.contrast.active, e.contrast.inactive]) for e in evidence]
    rows = np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)
    if len(rows) > _MOST_TEXTS:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_TEXTS).astype(np.int64)]
    return rows, texts.gather(rows).fill_null("").to_list()


def by_contrast(book: PhraseBook, *, most: int = 30) -> Namer:
    """Propose what active texts say more often than inactive ones; see `contrasted`.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Evidence, by_contrast, phrase_book
    >>> book = phrase_book(["late train", "late tea", "warm tea", "tea"], np.arange(4))
    >>> drawn = Contrast(np.arange(2), np.ones(2, dtype=np.float32), np.arange(2, 4), np.arange(0))
    >>> by_contrast(book)(Evidence(0, drawn))[0].name
    'late'
    """

    def propose(evidence: Evidence) -> list[Candidate]:
        c = evidence.contrast
        found = contrasted(book, c.active, c.activations, c.inactive, most=most)
        return [Candidate(phrase, by="contrast") for phrase, _ in found]

    return propose


def by_encoder(
    names: Sequence[str],
    relevance: ByEncoder,
    *,
    atoms: npt.NDArray[np.float32] | None = None,
    most: int = 8,
    by: str = "encoder",
) -> Namer:
    """Propose the names whose vectors lie nearest to what sets active rows apart.

    That is the mean of the active rows less the mean of the inactive ones, and the atom itself.

    Parameters
    ----------
    names : sequence of str
        What to choose from: phrases of the corpus, entries of a bank.
    relevance : ByEncoder
        Embeds names, and holds the vectors of rows.
    atoms : ndarray of shape (m, d), optional
        The atoms of the latents.
    most : int, default 8
        Names by each of the two.
    by : str
        For the record.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import ByEncoder, Contrast
    >>> from semascope.name import Evidence, by_encoder
    >>> from semascope.vectors import as_source
    >>> embed = lambda names: np.eye(2, dtype=np.float32)[[int(n == "b") for n in names]]
    >>> namer = by_encoder(["a", "b"], ByEncoder(embed, as_source(np.eye(2))), most=1)
    >>> one, none = np.ones(1, dtype=np.float32), np.arange(0)
    >>> namer(Evidence(0, Contrast(np.array([1]), one, none, np.array([0]))))[0].name
    'b'
    """
    listed = list(names)
    vectors = relevance.vectors(listed) if listed else np.zeros((0, 0), dtype=np.float32)

    def propose(evidence: Evidence) -> list[Candidate]:
        if not listed:
            return []
        directions = [separating(evidence, relevance)]
        if atoms is not None:
            directions.append(atoms[evidence.latent])
        found: list[str] = []
        for direction in directions:
            cosine = vectors @ direction
            order = np.argsort(-cosine, kind="stable")[:most]
            found += [listed[i] for i in order.tolist() if cosine[i] > 0]
        return [Candidate(name, by=by) for name in dict.fromkeys(found)]

    return propose


def separating(evidence: Evidence, relevance: ByEncoder) -> npt.NDArray[np.float32]:
    """Return the mean of active unit vectors less the mean of inactive ones.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import ByEncoder, Contrast
    >>> from semascope.name import Evidence
    >>> from semascope.name.namers import separating
    >>> from semascope.vectors import as_source
    >>> one, none = np.ones(1, dtype=np.float32), np.arange(0)
    >>> evidence = Evidence(0, Contrast(np.array([1]), one, none, np.array([0])))
    >>> separating(evidence, ByEncoder(None, as_source(np.eye(2))))
    array([-1.,  1.], dtype=float32)
    """

    def mean(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        order = np.argsort(rows)
        return np.asarray(unit(relevance.source.take(rows[order])).mean(axis=0))

    c = evidence.contrast
    return mean(c.active) - mean(c.inactive) if len(c.inactive) else mean(c.active)


def by_parts(texts: pl.Series, book: PhraseBook | None = None, *, most: int = 10) -> Namer:
    """Propose phrases of the words on which the activation depends most.

    Parameters
    ----------
    texts : polars.Series
        Texts of all rows.
    book : PhraseBook, optional
        Phrases that more than one text says; of others only pairs of words are proposed.
    most : int, default 10
        Phrases for each concept.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Evidence, Part, by_parts
    >>> none = np.arange(0)
    >>> drawn = Contrast(np.arange(2), np.ones(2, dtype=np.float32), none, none)
    >>> parts = (Part(0, "late", 0.8, 2, 6), Part(1, "Late", 0.7, 0, 4))
    >>> by_parts(pl.Series(["a late train", "Late tea"]))(Evidence(0, drawn, parts=parts))[0].name
    'late'
    """
    known = None if book is None else {merge_key(phrase) for phrase in book.phrases}

    def propose(evidence: Evidence) -> list[Candidate]:
        weight = stem_shares(evidence)
        said: dict[str, set[int]] = defaultdict(set)
        form: dict[str, str] = {}
        for row in sorted({p.row for p in evidence.parts if p.start is not None}):
            for key, phrase in phrases(str(texts[row])):
                if known is not None and key.count(" ") > 1 and merge_key(phrase) not in known:
                    continue
                if book is not None and book.dangles(phrase):
                    continue
                if all(s in weight for s in key.split()):
                    said[key].add(row)
                    form.setdefault(key, phrase)
        rows = max(1, len({p.row for p in evidence.parts}))
        share = {key: _support(key.split(), weight) for key in said}
        order = sorted(said, key=lambda k: (-share[k] * (1 + len(said[k])) / (1 + rows), k))
        return [Candidate(form[k], by="parts", support=share[k]) for k in order[:most]]

    return propose


def stem_shares(evidence: Evidence) -> dict[str, float]:
    """Return how much of the activation falls with each word, on average over the texts looked at.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Evidence, Part
    >>> from semascope.name.namers import stem_shares
    >>> none = np.arange(0)
    >>> drawn = Contrast(none, np.ones(0, dtype=np.float32), none, none)
    >>> stem_shares(Evidence(0, drawn, parts=(Part(0, "Trains", 0.8), Part(1, "tea", 0.2))))
    {'train': 0.4, 'tea': 0.1}
    """
    total: dict[str, float] = defaultdict(float)
    for part in evidence.parts:
        # A sentence shares its weight among its words.
        stems = [stem(w) for w in dict.fromkeys(words(part.text))]
        for s in stems:
            total[s] += part.share / len(stems)
    rows = max(1, len({p.row for p in evidence.parts}))
    return {s: min(1.0, value / rows) for s, value in total.items()}


def depends(evidence: Evidence, name: str) -> float:
    """Return the share of the activation that falls with the words of a name, 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Evidence, Part
    >>> from semascope.name.namers import depends
    >>> none = np.arange(0)
    >>> drawn = Contrast(none, np.ones(0, dtype=np.float32), none, none)
    >>> depends(Evidence(0, drawn, parts=(Part(0, "Trains", 0.8),)), "late train")
    0.8
    """
    return _support(merge_key(name).split(), stem_shares(evidence)) if evidence.parts else 0.0


def _support(stems: list[str], weight: dict[str, float]) -> float:
    return min(1.0, sum(weight.get(s, 0.0) for s in stems))
