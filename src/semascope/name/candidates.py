"""What namers return: possible names, who proposed them, and how they are to be scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from semascope.name.evidence import Evidence
from semascope.name.words import merge_key

# Kinds of names that state what holds for a row, letter by letter.
STATED = ("value", "rule", "pattern")


@dataclass(frozen=True)
class Candidate:
    """A possible name of one concept.

    Parameters
    ----------
    name : str
        The name.
    kind : str, default "phrase"
        Which scorer tests it: ``phrase`` by the encoder or by words, ``term`` by a bank's
        hierarchy, ``value`` by a column, ``rule`` by one or several, ``pattern`` by events.
    description : str
        A sentence for people, if the namer has one.
    by : str
        The namer, for the record.
    support : float, default 0
        From 0 to 1, how much speaks for the name beside its score: how well an entry of a
        bank covers the active rows, the share of the activation that falls with the words.

    Examples
    --------
    >>> from semascope.name import Candidate
    >>> Candidate("late delivery").kind
    'phrase'
    """

    name: str
    kind: str = "phrase"
    description: str = ""
    by: str = ""
    support: float = 0.0


Namer = Callable[[Evidence], list[Candidate]]


def merged(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Keep one candidate of each name: word order and endings make no other name.

    The first stays, with the highest support and the first description of all.

    Examples
    --------
    >>> from semascope.name import Candidate, merged
    >>> [c.name for c in merged([Candidate("card payment"), Candidate("payments card")])]
    ['card payment']
    """
    found: dict[tuple[str, str], Candidate] = {}
    for one in candidates:
        key = (one.kind, one.name if one.kind in STATED else merge_key(one.name))
        before = found.get(key)
        if before is None:
            found[key] = one
        else:
            found[key] = replace(
                before,
                support=max(before.support, one.support),
                description=before.description or one.description,
            )
    return list(found.values())
