"""A second pass for concepts whose names are taken: what sets them apart from who has the name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from semascope.lexicon import Contrast, Relevance
from semascope.name.cases import NOTHING, Case
from semascope.name.evidence import FEWEST
from semascope.name.held_in import LEAST, aurocs
from semascope.name.settle import Scored, only, owners

_MOST_NEAR = 6


@dataclass(frozen=True)
class Second:
    """What is shown the second time, and the rows that a new name has to tell apart.

    Parameters
    ----------
    case : Case
        The near-misses are items of the concept that has the name.
    between : Contrast
        Held rows of this concept alone, and of that one alone.

    Examples
    --------
    >>> from semascope.name import Case
    >>> from semascope.name.apart import Second
    >>> len(Second(Case(taken=["fees"])).between.active)
    0
    """

    case: Case
    between: Contrast = NOTHING


def second_cases(
    cases: Sequence[Case],
    options: Sequence[Sequence[Scored]],
    chosen: Sequence[Scored | None],
    scorers: Mapping[str, Relevance],
) -> dict[int, Second]:
    """Return what to ask again: concepts that lost their name and share few rows with who has it.

    Parameters
    ----------
    cases : sequence of Case
        As they were shown first.
    options, scorers
        As for `settle`.
    chosen : sequence of Scored or None
        What `settle` chose.

    Returns
    -------
    dict of int to Second
        By the number of the case.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Candidate, Case
    >>> from semascope.name.apart import second_cases
    >>> from semascope.name.settle import Scored
    >>> one, none = np.ones(5, dtype=np.float32), np.arange(0)
    >>> early, late = (
    ...     Case([text], [1.0], held=Contrast(rows, one, none, rows + 10))
    ...     for text, rows in (("early", np.arange(5)), ("late", np.arange(5, 10)))
    ... )
    >>> trains = Scored(Candidate("trains"), 0.9, 0.9)
    >>> found = second_cases([early, late], [[trains], [trains]], [trains, None], {})
    >>> found[1].case.near, found[1].case.taken
    (['early'], ['trains'])
    """
    out = {}
    for j, owner in owners(options, chosen, scorers).items():
        case, rival, had = cases[j], cases[owner], chosen[owner]
        held, theirs = case.held or NOTHING, (rival.held or NOTHING).active
        mine, others = only(held.active, theirs)
        if had is None or min(len(mine), len(others)) < min(FEWEST, len(held.active)):
            continue
        alone = np.isin(held.active, mine)
        between = Contrast(mine, held.activations[alone], others, others[:0])
        shown = replace(
            case,
            near=list(rival.active[:_MOST_NEAR]),
            # The second sheet shows what the other one is active on.
            sheets=(*case.sheets[:1], *rival.sheets[:1]),
            taken=[had.candidate.name],
        )
        out[j] = Second(shown, between)
    return out


def told_apart(
    options: Sequence[Scored], second: Second | None, relevance: Relevance
) -> list[Scored]:
    """Keep names that tell a concept from the one it collided with; best at that first.

    Examples
    --------
    >>> from semascope.lexicon import ByWords
    >>> import polars as pl
    >>> from semascope.name.apart import told_apart
    >>> told_apart([], None, ByWords(pl.Series(["late"])))
    []
    """
    if second is None or not options or not len(second.between.active):
        return []
    names = [option.candidate.name for option in options]
    apart = aurocs(relevance, names, second.between)
    kept = [(s, float(a)) for s, a in zip(options, apart, strict=True) if a >= LEAST]
    return [s for s, _ in sorted(kept, key=lambda pair: -pair[0].score - pair[1])]
