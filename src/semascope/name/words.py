"""Words as names use them: stems, stop words, and phrases that are whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

_WORD = re.compile(r"[^\W_]+(?:['’.+#-][^\W_]+)*[+#]*")
_POSSESSIVE = re.compile(r"['’]s$")
# The first words of a long text are what an encoder with a short window sees.
_MOST_WORDS = 256
_LONGEST = 5
_MOST_CONTENT = 4

# Stop words that may stand inside a name, though neither first nor last.
_JOINTS = frozenset("of the a an for in on to and with from at by as or per".split())  # noqa: SIM905
# Words that say nothing alone and leave a phrase dangling at either end.
_LIGHT = frozenset(
    """able actually aint arent cant didnt doesnt dont hasnt havent im isnt ive wasnt whats wont
    ain't allow allows also asked can't cannot come comes coming couldn't did
    didn't does doesn't doing don't gave gets getting given gives giving gone got gotten hadn't
    hasn't haven't having he's here's hi hello how's i'd i'll i'm i've isn't it'd it'll it's its
    just kind know knows let lets let's like likely lot lots made make makes making maybe mine need
    needed needs okay ok please put really said saw say says seem seems she's shouldn't show shows
    some somehow sort sure take takes taken taking tell thanks that's there's they'd they'll they're
    they've thing things think thought told too took try trying tried use used uses using various
    very want wanted wants was wasn't way ways we'd we'll we're we've went weren't what's where's
    who's why's won't wouldn't yes you'd you'll you're you've""".split()  # noqa: SIM905
)
_NOT = frozenset(("not", "without"))


def is_stop(word: str) -> bool:
    """Whether a word can neither begin nor end a name.

    Examples
    --------
    >>> from semascope.name.words import is_stop
    >>> [is_stop(w) for w in ("the", "don't", "card", "7")]
    [True, True, False, True]
    """
    word = word.replace("’", "'")
    return (
        word in ENGLISH_STOP_WORDS
        or word in _LIGHT
        or not any(c.isalpha() for c in word)
        or (len(word) == 1 and word.isascii())
    )


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return what forms of one word have in common (Porter's second English stemmer, 2001).

    Examples
    --------
    >>> from semascope.name.words import stem
    >>> stem("payments") == stem("Payment")
    True
    """
    return str(_stemmer().stemWord(word.lower().replace("’", "'")))


@lru_cache(maxsize=100_000)
def merge_key(name: str) -> str:
    """Return what names that a reader takes for the same have in common.

    Examples
    --------
    >>> from semascope.name.words import merge_key
    >>> merge_key("payment of the cards") == merge_key("card payments")
    True
    """
    tokens = [m.group().lower() for m in _WORD.finditer(name)]
    content = [stem(_POSSESSIVE.sub("", t)) for t in tokens if t not in _JOINTS]
    return " ".join(sorted(content or tokens))


def clauses(text: str, *, cut: bool = False) -> list[list[str]]:
    """Split a text into runs of lower-case words between which stands nothing but space.

    Parameters
    ----------
    text : str
        Its first 256 words are looked at.
    cut : bool
        Leave out the last word: half of one, where a text was cut off.

    Examples
    --------
    >>> from semascope.name.words import clauses
    >>> clauses("Late again. No refund, though")
    [['late', 'again'], ['no', 'refund'], ['though']]
    """
    runs: list[list[str]] = []
    end = -1
    found = 0
    for match in _WORD.finditer(text):
        if found == _MOST_WORDS:
            break
        if end < 0 or text[end : match.start()].strip():
            runs.append([])
        if cut and match.end() == len(text):
            break
        runs[-1].append(_POSSESSIVE.sub("", match.group().lower()))
        end, found = match.end(), found + 1
    return [run for run in runs if run]


def phrases(text: str, *, cut: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the phrases of a text with their keys; a phrase that is said twice comes twice.

    A phrase is a run of up to five words inside a clause, up to four of them content words; it
    neither begins nor ends with a stop word, and holds none but joints such as *of* and *not*.

    Examples
    --------
    >>> from semascope.name.words import phrases
    >>> sorted({p for _, p in phrases("Loss of the card. It is late")})
    ['card', 'late', 'loss', 'loss of the card']
    """
    for run in clauses(text, cut=cut):
        stop = [is_stop(w) for w in run]
        stems = [stem(w) for w in run]
        for start in range(len(run)):
            if stop[start]:
                continue
            content: list[str] = []
            for end in range(start, min(len(run), start + _LONGEST)):
                word = run[end]
                if not stop[end] or word in _NOT:
                    content.append(stems[end])
                elif word not in _JOINTS:
                    break
                if len(content) > _MOST_CONTENT or len(set(content)) < len(content):
                    break
                if word in _JOINTS and run[end - 1] in _JOINTS and run[end - 2] in _JOINTS:
                    break
                if not stop[end]:
                    yield " ".join(sorted(content)), " ".join(run[start : end + 1])
