"""Which words of a corpus stand where nouns stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from semascope.name.words import clauses, is_stop, stem

# After these a noun follows, next or later.
_BEFORE = frozenset(
    """a all an another any both each every few her his its many more most my no our several some
    that the their these this those what which whose your
    about at between by during for from in into of on per than via with without""".split()  # noqa: SIM905
)
# Words of other kinds stand there now and then: "the declined", "at first".
_SHARE = 0.05
_FEWEST = 2


def noun_stems(texts: Iterable[str]) -> frozenset[str]:
    """Find words that stand between a determiner or preposition and a stop word or a clause's end.

    No word list and no tagger: where a word stands tells well enough whether it can be a noun
    ("of the card.", "my card is", but "a virtual card", "I definitely need"). English only, as the
    stop words are.

    Parameters
    ----------
    texts : iterable of str
        The corpus; a few hundred texts are enough for its common words.

    Returns
    -------
    frozenset of str
        Stems of words that stand so in at least 5 % of their occurrences, and twice.

    References
    ----------
    Schütze, "Distributional part-of-speech tagging", 1995 (what stands left and right of a word
    tells its part of speech).

    Examples
    --------
    >>> from semascope.name.nouns import noun_stems
    >>> sorted(noun_stems(["the train is late", "late on my train.", "very late"]))
    ['train']
    """
    said: Counter[str] = Counter()
    slot: Counter[str] = Counter()
    for text in texts:
        for run in clauses(text):
            before = ""
            for word, after in zip(run, [*run[1:], ""], strict=True):
                if not is_stop(word):
                    key = stem(word)
                    said[key] += 1
                    slot[key] += before in _BEFORE and (not after or is_stop(after))
                before = word
    return frozenset(key for key, n in slot.items() if n >= _FEWEST and n >= _SHARE * said[key])
