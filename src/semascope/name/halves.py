"""Concepts of two subjects: rows that fall into two groups, rows that a name catches wrongly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import polars as pl

from semascope.lexicon import Contrast, Relevance, Rows, unit, words
from semascope.name.evidence import FEWEST, Evidence
from semascope.name.held_in import threshold
from semascope.name.words import is_stop
from semascope.vectors import VectorSource

# Of one subject, two clusters reach 0.2 to 0.5, of two subjects 0.3 to 0.6 (banking77).
_APART = 0.3
_STARTS = 4
_FEWEST_SAY = 3


def halves(
    evidence: Evidence, source: VectorSource, *, seed: int = 0
) -> tuple[Evidence, Evidence] | None:
    """Divide a concept's active rows into two clusters, each against the same inactive rows.

    Parameters
    ----------
    evidence : Evidence
        Of one concept.
    source : VectorSource
        Vectors of the rows.
    seed : int
        Starts of the clustering.

    Returns
    -------
    (Evidence, Evidence) or None
        The larger cluster first. None where a cluster would have fewer than 5 rows, or where they
        are not apart: mean silhouette of cosine distances (Rousseeuw, 1987) below 0.3.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Evidence
    >>> from semascope.name.halves import halves
    >>> from semascope.vectors import as_source
    >>> x = np.eye(3).repeat([8, 6, 9], axis=0) + 0.01 * np.arange(23)[:, None]
    >>> one, none = np.ones(14, dtype=np.float32), np.arange(0)
    >>> both = Evidence(0, Contrast(np.arange(14), one, none, np.arange(14, 23)))
    >>> [len(half.contrast.active) for half in halves(both, as_source(x))]
    [8, 6]
    """
    active = evidence.contrast.active
    if len(active) < 2 * FEWEST:
        return None
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    x = unit(source.take(active))
    label = KMeans(2, n_init=_STARTS, random_state=seed).fit_predict(x)
    sizes = np.bincount(label, minlength=2)
    if sizes.min() < FEWEST or silhouette_score(x, label, metric="cosine") < _APART:
        return None
    first, second = (_part(evidence, label == k) for k in np.argsort(-sizes, kind="stable"))
    return first, second


def caught_wrongly(evidence: Evidence, name: str, relevance: Relevance) -> Evidence | None:
    """Set the inactive rows that a name says *active* of against the active rows.

    Parameters
    ----------
    evidence : Evidence
        Of one concept.
    name : str
        A name of it.
    relevance : Relevance
        Scores rows by the name.

    Returns
    -------
    Evidence or None
        None where fewer than 5 rows are caught wrongly.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.name import Evidence
    >>> from semascope.name.halves import caught_wrongly
    >>> texts = ByWords(pl.Series(["late bus"] * 9 + ["late train"] * 6 + ["tea"] * 9))
    >>> one, none = np.ones(9, dtype=np.float32), np.arange(0)
    >>> bus = Evidence(0, Contrast(np.arange(9), one, none, np.arange(9, 24)))
    >>> caught_wrongly(bus, "late", texts).contrast.active
    array([ 9, 10, 11, 12, 13, 14])
    """
    contrast = evidence.contrast
    scores = relevance([name], contrast.inactive)[0]
    wrong = contrast.inactive[scores >= threshold(relevance, name, contrast)]
    if len(wrong) < FEWEST:
        return None
    none: Rows = np.zeros(0, dtype=np.int64)
    turned = Contrast(wrong, np.ones(len(wrong), dtype=np.float32), none, contrast.active)
    return Evidence(evidence.latent, turned)


def words_apart(contrast: Contrast, texts: pl.Series) -> tuple[list[str], int]:
    """Find words that active rows say more often than inactive ones.

    Parameters
    ----------
    contrast : Contrast
        Some rows against others.
    texts : polars.Series
        Texts of all rows.

    Returns
    -------
    (list of str, int)
        Words, the largest difference of shares first; how many were looked at: those that could
        begin a name and that 3 active rows say.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name.halves import words_apart
    >>> texts = pl.Series(["late train"] * 4 + ["late bus"] * 4)
    >>> one, none = np.ones(4, dtype=np.float32), np.arange(0)
    >>> words_apart(Contrast(np.arange(4), one, none, np.arange(4, 8)), texts)
    (['train'], 2)
    """

    def share(rows: Rows) -> Counter[str]:
        said = Counter(word for text in texts.gather(rows) for word in set(words(text or "")))
        return Counter({word: n / len(rows) for word, n in said.items()})

    inside, outside = share(contrast.active), share(contrast.inactive)
    least = _FEWEST_SAY / len(contrast.active)
    looked_at = [word for word, n in inside.items() if n >= least and not is_stop(word)]
    apart = {word: inside[word] - outside[word] for word in looked_at}
    order = sorted(looked_at, key=lambda word: (-apart[word], word))
    return [word for word in order if apart[word] > 0], len(looked_at)


def _part(evidence: Evidence, which: np.ndarray) -> Evidence:
    contrast = evidence.contrast
    rows = contrast.active[which]
    return Evidence(
        evidence.latent,
        replace(contrast, active=rows, activations=contrast.activations[which]),
        parts=tuple(part for part in evidence.parts if part.row in rows),
    )
