"""Two names in one, for concepts that one name does not tell well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from semascope.lexicon import ByEncoder, Combined
from semascope.lexicon.combined import WITHOUT, Join
from semascope.name.candidates import STATED, Candidate
from semascope.name.combine import better_joins, combine_names
from semascope.name.evidence import Evidence
from semascope.name.halves import caught_wrongly, halves, words_apart
from semascope.name.held_in import LEAST, lower_end
from semascope.name.settle import Scored
from semascope.name.words import merge_key

# A name this good needs no second one.
_GOOD = 0.9
_FIRSTS = 5
# Of each half, and of what is caught wrongly.
_EACH = 2
# What a joined name is worse to read by, in AUROC.
_PRICE = 0.05


# Names some rows against others: what held up, best first, of how many.
Tell = Callable[[Evidence], tuple[Sequence[Scored], int]]


def with_joined_names(
    options: Sequence[Sequence[Scored]],
    evidence: Sequence[Evidence],
    combined: Combined,
    *,
    tell: Tell | None = None,
    seed: int = 0,
) -> list[list[Scored]]:
    """Add conjunctions, disjunctions and negations where no single name is good.

    The partners of a concept's own names are the best names of similar and of co-active concepts:
    what it is mistaken for, and what it goes with. With `tell`, two clusters of its active rows are
    named each by itself and joined by *or*; the rows that its names catch wrongly are named too,
    and follow after *but not*, or a word that only these say, after *without the word*. All must
    beat the best single name by more than chance.

    Parameters
    ----------
    options : sequence of sequence of Scored
        Single names of each concept, best first.
    evidence : sequence of Evidence
        Of the same concepts.
    combined : Combined
        Scores joined names.
    tell : callable, optional
        Names some rows against others: from evidence to scored names, best first, and how many
        were tried.
    seed : int
        Starts of the clustering.

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
        if found and (not single or found[0].held_in >= _GOOD):
            continue
        if e.status != "ready":
            continue
        near = [place[j] for j in (*e.similar, *e.coactive) if j in place]
        partners = [singles[i][0].candidate.name for i in dict.fromkeys(near) if singles[i]]
        firsts = [s.candidate.name for s in single[:_FIRSTS]]
        keys = {merge_key(name) for name in firsts}
        partners = [name for name in partners if merge_key(name) not in keys]
        joined = combine_names(firsts, e.contrast, combined, partners=partners)
        if tell is not None:
            # Names of halves are the best of as many as the best single name.
            pairs = _either(e, combined, tell, seed)
            rivals = list(dict.fromkeys([*firsts, *(name for pair in pairs for name in pair[::2])]))
            joined += better_joins(pairs, rivals, e.contrast, combined)
            for pairs, tried in _denied(e, firsts, combined, tell):
                joined += better_joins(pairs, firsts, e.contrast, combined, tried=tried)
        bonus = single[0].score - single[0].held_in if single else 0.0
        out[-1] += [
            Scored(
                Candidate(one.name, one.kind, by="joined"),
                one.held_in + bonus - _PRICE,
                one.held_in,
            )
            for one in {one.name: one for one in joined}.values()
            if one.held_in >= LEAST and lower_end(one.held_in, e.contrast) > 0.5
        ]
        out[-1].sort(key=lambda s: (-s.score, s.candidate.name))
    return out


def _either(e: Evidence, combined: Combined, tell: Tell, seed: int) -> list[tuple[str, Join, str]]:
    """Pair names of two clusters of the active rows."""
    if not isinstance(combined.base, ByEncoder):
        return []
    both = halves(e, combined.base.source, seed=seed)
    if both is None:
        return []
    first, second = ([s.candidate.name for s in tell(half)[0][:_EACH]] for half in both)
    return [(a, "or", b) for a in first for b in second if not _within(a, b)]


def _denied(
    e: Evidence, firsts: Sequence[str], combined: Combined, tell: Tell
) -> Iterator[tuple[list[tuple[str, Join, str]], int]]:
    """Pair names with names of what they catch wrongly, and with words that only this says.

    Of either, say among how many they were chosen.
    """
    caught = [(name, caught_wrongly(e, name, combined)) for name in firsts[:_EACH]]
    texts = combined.texts
    joins: tuple[Join, ...] = ("but not",) if texts is None else ("but not", WITHOUT)
    for join in joins:
        pairs: list[tuple[str, Join, str]] = []
        tried = 0
        for name, wrong in caught:
            if wrong is None:
                continue
            if join == WITHOUT and texts is not None:
                others, count = words_apart(wrong.contrast, texts)
            else:
                named, count = tell(wrong)
                others = [s.candidate.name for s in named]
            tried += count
            pairs += [(name, join, other) for other in others[:_EACH] if not _within(other, name)]
        yield pairs, tried


def _within(a: str, b: str) -> bool:
    """Whether all words of one name stand in the other."""
    one, other = set(merge_key(a).split()), set(merge_key(b).split())
    return one <= other or other <= one
