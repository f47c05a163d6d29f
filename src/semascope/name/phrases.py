"""Candidate phrases: what the texts of a concept say more often than near-miss texts do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from semascope.lexicon import words

# The first words of a long text are what an encoder with a short window sees.
_MOST_WORDS = 256
_LONGEST = 4


def candidate_phrases(
    active: Sequence[str],
    weights: npt.ArrayLike,
    inactive: Sequence[str],
    *,
    most: int = 30,
) -> list[tuple[str, float]]:
    """Find the phrases that set active texts apart from inactive ones.

    Phrases are runs of one to four words that neither begin nor end with a stop word. Each is
    scored by the z-value of its log odds between the two sides, with a prior from both together
    (Monroe, Colaresi and Quinn, "Fightin' Words", 2008), counting texts and not occurrences.

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
        Phrases as they are mostly written, with z-values above zero, best first.

    Examples
    --------
    >>> from semascope.name import candidate_phrases
    >>> late = ["the delivery was late", "late delivery again", "a very late delivery"]
    >>> other = ["great taste", "the taste was bad", "delivery was fine"]
    >>> candidate_phrases(late, [1, 1, 1], other, most=1)[0][0]
    'late'
    """
    if not active:
        return []
    weight = np.asarray(weights, dtype=float)
    weight = weight * len(weight) / weight.sum() if weight.sum() > 0 else np.ones(len(active))
    inside: Counter[str] = Counter()
    raw: Counter[str] = Counter()
    for text, w in zip(active, weight, strict=True):
        for phrase in phrases(text):
            inside[phrase] += float(w)  # type: ignore[assignment]
            raw[phrase] += 1
    outside: Counter[str] = Counter()
    for text in inactive:
        for phrase in phrases(text):
            if phrase in inside:
                outside[phrase] += 1
    least = 2 if len(active) > 2 else 1
    found = [p for p in inside if raw[p] >= least]
    if not found:
        return []
    z = _z_values(
        np.array([inside[p] for p in found]),
        np.array([outside[p] for p in found], dtype=float),
        len(active),
        max(1, len(inactive)),
    )
    return _distinct(found, z, raw, most)


def _z_values(
    inside: npt.NDArray[np.float64], outside: npt.NDArray[np.float64], n_in: int, n_out: int
) -> npt.NDArray[np.float64]:
    share = (inside + outside) / (n_in + n_out)
    prior = 0.01 + share  # about one pseudo-text a side, spread like the phrase itself
    a, b = inside + prior, outside + prior
    odds = np.log(a / np.maximum(n_in + 1 - a, 0.5)) - np.log(b / np.maximum(n_out + 1 - b, 0.5))
    return np.asarray(odds / np.sqrt(1 / a + 1 / b))


def _distinct(
    found: list[str], z: npt.NDArray[np.float64], raw: Counter[str], most: int
) -> list[tuple[str, float]]:
    """Best first, leaving out a phrase that only ever stands inside a longer one of the list."""
    order = sorted(range(len(found)), key=lambda i: (-z[i], -len(found[i]), found[i]))
    kept: list[tuple[str, float]] = []
    for i in order:
        if z[i] <= 0 or len(kept) >= most:
            break
        inside = f" {found[i]} "
        if any(inside in f" {other} " and raw[other] == raw[found[i]] for other, _ in kept):
            continue
        kept.append((found[i], float(z[i])))
    return kept


@lru_cache(maxsize=50_000)
def phrases(text: str) -> frozenset[str]:
    """Return the distinct phrases of a text, lower case.

    Examples
    --------
    >>> from semascope.name.phrases import phrases
    >>> sorted(phrases("loss of the card"))
    ['card', 'loss', 'loss of the card']
    """
    tokens = words(text)[:_MOST_WORDS]
    edge = [t in ENGLISH_STOP_WORDS or (len(t) == 1 and not t.isalpha()) for t in tokens]
    out = set()
    for start in range(len(tokens)):
        if edge[start]:
            continue
        for stop in range(start + 1, min(len(tokens), start + _LONGEST) + 1):
            if not edge[stop - 1]:
                out.add(" ".join(tokens[start:stop]))
    return frozenset(p for p in out if any(c.isalpha() for c in p) and len(p) > 1)
