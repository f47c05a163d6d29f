"""Two names in one, for concepts that one name does not tell well."""

from __future__ import annotations

from collections.abc import Sequence

from semascope.lexicon import Combined
from semascope.name.candidates import STATED, Candidate
from semascope.name.combine import combine_names
from semascope.name.evidence import Evidence
from semascope.name.settle import Scored
from semascope.name.words import merge_key

# A name this good needs no second one.
_GOOD = 0.9
_FIRSTS = 5
# What a joined name is worse to read by, in AUROC.
_PRICE = 0.03


def with_joined_names(
    options: Sequence[Sequence[Scored]], evidence: Sequence[Evidence], combined: Combined
) -> list[list[Scored]]:
    """Add conjunctions, disjunctions and negations where the best single name is not good.

    The partners of a concept's own names are the best names of similar and of co-active concepts:
    what it is mistaken for, and what it goes with.

    Parameters
    ----------
    options : sequence of sequence of Scored
        Single names of each concept, best first.
    evidence : sequence of Evidence
        Of the same concepts.
    combined : Combined
        Scores joined names.

    Returns
    -------
    list of list of Scored
        Best first.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Combined, Contrast
    >>> from semascope.name import Candidate, Evidence, with_joined_names
    >>> from semascope.name.settle import Scored
    >>> texts = pl.Series(["late train", "late bus", "red train", "tea"] * 20)
    >>> rows, none = np.arange(80), np.arange(0)
    >>> one = np.ones(20, dtype=np.float32)
    >>> late = Contrast(rows[rows % 4 == 1], one, none, rows[rows % 4 != 1])
    >>> train = Contrast(rows[rows % 4 == 0], one, none, rows[rows % 4 != 0])
    >>> evidence = [Evidence(0, late, similar=(1,)), Evidence(1, train)]
    >>> names = [[Scored(Candidate(name), 0.8, 0.8)] for name in ("late", "train")]
    >>> best = with_joined_names(names, evidence, Combined(ByWords(texts), rows))[0][0]
    >>> best.candidate.name
    'late but not train'
    """
    place = {e.latent: i for i, e in enumerate(evidence)}
    singles = [[s for s in found if s.candidate.kind not in STATED] for found in options]
    out = []
    for found, single, e in zip(options, singles, evidence, strict=True):
        out.append(list(found))
        if not single or found[0].held_in >= _GOOD:
            continue
        near = [place[j] for j in (*e.similar, *e.coactive) if j in place]
        partners = [singles[i][0].candidate.name for i in dict.fromkeys(near) if singles[i]]
        firsts = [s.candidate.name for s in single[:_FIRSTS]]
        bonus = single[0].score - single[0].held_in - _PRICE
        keys = {merge_key(name) for name in firsts}
        partners = [name for name in partners if merge_key(name) not in keys]
        for one in combine_names(firsts, e.contrast, combined, partners=partners):
            candidate = Candidate(one.name, one.kind, by="joined")
            out[-1].append(Scored(candidate, one.held_in + bonus, one.held_in))
        out[-1].sort(key=lambda s: (-s.score, s.candidate.name))
    return out
