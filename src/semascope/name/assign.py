"""Choose a name for each concept, tell siblings apart, and leave unnamed what nothing describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, generator
from semascope.discover import Dictionary
from semascope.lexicon import ByEncoder, Combined, Contrast, Relevance
from semascope.name.bank import Bank
from semascope.name.candidates import STATED, Candidate, Namer, merged
from semascope.name.defaults import default_namers, default_scorers
from semascope.name.evidence import Evidence, gather_evidence
from semascope.name.held_in import LEAST, aurocs, lower_end, threshold
from semascope.name.joins import with_joined_names
from semascope.name.namers import depends, texts_of
from semascope.name.nouns import noun_stems
from semascope.name.settle import Scored, settle
from semascope.name.values import describing_columns
from semascope.name.words import merge_key

_MOST_OTHERS = 40
_PER_WORD = 0.01
# What a lone word that is no noun ("definitely", "declined") is worse to read by, in AUROC.
_NO_NOUN = 0.03


@dataclass
class Proposal:
    """What was found for one concept.

    Parameters
    ----------
    status : str
        ``named``, ``unnamed`` (nothing held up), ``rare`` (too few rows to name) or ``dead``.
    name : str or None
        The chosen name.
    kind : str or None
        ``phrase``, ``term`` (of a bank), ``value`` or ``rule`` (over columns), ``pattern`` (of
        events), or what another scorer tests.
    held_in : float or None
        AUROC of the name on the *name* rows that chose it: optimistic, kept for the record.
    threshold : float or None
        Relevance above which the name says *active*, chosen on the same rows.
    alternatives : list of str
        Other names that held up, best first.
    evidence : list of str
        Over-represented values, in words.
    description : str
        A sentence, if the namer had one.
    by : str or None
        The namer.

    Examples
    --------
    >>> from semascope.name import Proposal
    >>> Proposal("unnamed").name is None
    True
    """

    status: str
    name: str | None = None
    kind: str | None = None
    held_in: float | None = None
    threshold: float | None = None
    alternatives: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    description: str = ""
    by: str | None = None


def name_concepts(
    drawn: Sequence[Contrast],
    items: pl.DataFrame,
    *,
    text: str | None,
    relevance: Relevance | None,
    dictionary: Dictionary | None = None,
    leave_out: Sequence[str] = (),
    most: int = 30,
    seed: int = 0,
    on_done: Callable[[int], object] = lambda n: None,
    evidence: Sequence[Evidence] | None = None,
    namers: Sequence[Namer] | None = None,
    scorers: Mapping[str, Relevance] | None = None,
    bank: Bank | None = None,
    events: str | None = None,
) -> list[Proposal]:
    """Name each concept from its *name* rows: namers propose, scorers choose among all of them.

    A candidate is scored by how well the name alone tells held-in active from inactive rows
    (AUROC). A tenth of how strongly a phrase fires the concept is added, a tenth of what else
    speaks for it (`Candidate.support`, or the share of the activation that falls with its words).
    A hundredth is taken off for each content word after the first, so that of equals the shorter
    name wins, and 0.03 for a lone word that is no noun in these texts (see `noun_stems`). The best
    candidate becomes the name if it clears chance, the candidates of other concepts, and ``LEAST``;
    no two concepts get the same name.

    Parameters
    ----------
    drawn : sequence of Contrast
        Rows of the *name* split for each latent.
    items : polars.DataFrame
        All rows.
    text : str or None
        The column of texts.
    relevance : Relevance or None
        How a phrase scores rows; None leaves values only.
    dictionary : Dictionary, optional
        Tells how strongly an embedded phrase fires each latent.
    leave_out : sequence of str
        Columns that must not become names, such as the id.
    most : int, default 30
        Phrases by contrast tried for each concept.
    seed : int
        Choice of the other concepts' phrases that a name has to beat.
    on_done : callable
        Told how many concepts were finished.
    evidence : sequence of Evidence, optional
        What `gather_evidence` found for `drawn`; by default only what rows and columns tell.
    namers : sequence of callable, optional
        Functions from evidence to candidates; by default those of `default_namers`.
    scorers : mapping of str to Relevance, optional
        Scorers of further kinds of candidates. With a `Combined` under ``combined``, two names are
        joined where one does not do.
    bank : Bank, optional
        A vocabulary for the default namers.
    events : str, optional
        A column of lists of events, for ordered patterns as names; it is not used in another way.

    Returns
    -------
    list of Proposal
        One for each latent.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.name import name_concepts
    >>> texts = [f"{what} {i}" for what in ("late delivery", "tea") for i in range(9)]
    >>> items = pl.DataFrame({"t": texts})
    >>> rows, none = np.arange(9), np.arange(0)
    >>> drawn = [Contrast(rows, np.ones(9, dtype=np.float32), none, rows + 9)]
    >>> name_concepts(drawn, items, text="t", relevance=ByWords(items["t"]))[0].name
    'late delivery'
    """
    hidden = [*leave_out, *(column for column in (text, events) if column is not None)]
    if evidence is None:
        columns = describing_columns(items, hidden)
        evidence = gather_evidence(drawn, items=items, columns=columns)
    if namers is None:
        texts = None if text is None else items[text]
        atoms = None if dictionary is None else dictionary.atoms
        namers = default_namers(
            evidence,
            texts,
            relevance,
            atoms=atoms,
            bank=bank,
            items=items,
            leave_out=hidden,
            events=events,
            most=most,
        )
    by_kind = {
        **default_scorers(items, text, relevance, bank=bank, events=events),
        **(scorers or {}),
    }
    proposed: list[list[list[Candidate]]] = [
        [namer(e) for namer in namers] if e.status == "ready" else [[] for _ in namers]
        for e in evidence
    ]
    candidates = [merged(c for found in each for c in found) for each in proposed]
    _check_kinds(candidates, by_kind)
    chance = _Chance(candidates, by_kind, seed)
    nouns: frozenset[str] = frozenset()
    if text is not None and relevance is not None:
        nouns = noun_stems(texts_of(evidence, items[text])[1])
    score = partial(_scored, by_kind=by_kind, chance=chance, dictionary=dictionary, nouns=nouns)
    options: list[list[Scored]] = []
    for e, found in zip(evidence, candidates, strict=True):
        options.append(score(e, found))
        on_done(1)
    combined = by_kind.get("combined")
    if isinstance(combined, Combined):
        # Namers of what columns state have nothing to say about a part of the rows.
        told = [any(_says(found[i]) for found in proposed) for i in range(len(namers))]
        tellers = [namer for namer, says in zip(namers, told, strict=True) if says]

        def tell(e: Evidence) -> tuple[list[Scored], int]:
            own = [c for c in merged(c for namer in tellers for c in namer(e)) if _says([c])]
            return score(e, own), len(own)

        options = with_joined_names(options, evidence, combined, tell=tell, seed=seed)
    proposals = [Proposal("unnamed" if e.status == "ready" else e.status) for e in evidence]
    chosen = settle(options, evidence, by_kind)
    for j, (proposal, e) in enumerate(zip(proposals, evidence, strict=True)):
        proposal.evidence = [str(v) for v in e.values] if e.status == "ready" else []
        best = chosen[j]
        if best is None:
            continue
        one = best.candidate
        proposal.status, proposal.name, proposal.kind = "named", one.name, one.kind
        proposal.held_in, proposal.description, proposal.by = best.held_in, one.description, one.by
        proposal.alternatives = _alternatives(best, options[j])
        proposal.threshold = threshold(by_kind[one.kind], one.name, e.contrast)
    return proposals


def _says(candidates: Sequence[Candidate]) -> bool:
    return any(c.kind not in STATED for c in candidates)


def _check_kinds(candidates: list[list[Candidate]], by_kind: Mapping[str, Relevance]) -> None:
    for one in (c for found in candidates for c in found):
        if one.kind not in by_kind:
            raise InputError(
                f"no scorer for names of kind '{one.kind}', such as '{one.name}' by {one.by}; "
                f"give one in scorers (known: {', '.join(sorted(by_kind))})"
            )


class _Chance:
    """What candidates of other concepts reach on the rows of one."""

    def __init__(
        self, candidates: list[list[Candidate]], by_kind: Mapping[str, Relevance], seed: int
    ) -> None:
        self.by_kind = by_kind
        self.random = generator(seed, "other names")
        self.names: dict[str, list[str]] = {}
        for kind, relevance in by_kind.items():
            names = sorted({c.name for found in candidates for c in found if c.kind == kind})
            # Rules that state the same of nearly the same rows are no matter of chance.
            self.names[kind] = [] if kind in STATED else names
            if isinstance(relevance, ByEncoder) and names:
                relevance.vectors(names)

    def __call__(self, kind: str, own: list[str], contrast: Contrast) -> float:
        strangers = sorted(set(self.names[kind]) - set(own))
        if not strangers:
            return 0.0 if kind in STATED else 0.5
        picked = self.random.choice(len(strangers), min(_MOST_OTHERS, len(strangers)), False)
        found = aurocs(self.by_kind[kind], [strangers[i] for i in picked], contrast)
        return float(np.quantile(found, 0.95))


def _scored(
    evidence: Evidence,
    candidates: list[Candidate],
    by_kind: Mapping[str, Relevance],
    chance: _Chance,
    dictionary: Dictionary | None,
    nouns: frozenset[str],
) -> list[Scored]:
    """Score one concept's candidates, best first, leaving out what does not hold up."""
    contrast, out = evidence.contrast, []
    for kind in sorted({c.kind for c in candidates}):
        own = [c for c in candidates if c.kind == kind]
        names, relevance = [c.name for c in own], by_kind[kind]
        found = aurocs(relevance, names, contrast)
        # The best of many candidates must beat what candidates of other concepts reach here.
        floor, fires = chance(kind, names, contrast), np.zeros(len(own))
        if dictionary is not None and isinstance(relevance, ByEncoder):
            vectors = relevance.vectors(names)
            fires = _fires(dictionary, vectors, evidence.latent, contrast)
        for one, a, f in zip(own, found.tolist(), fires.tolist(), strict=True):
            if a <= floor or lower_end(a, contrast) <= 0.5 or a < LEAST:
                continue
            if kind == "phrase":
                support = max(one.support, depends(evidence, one.name))
                stems = merge_key(one.name).split()
                price = _PER_WORD * max(0, len(stems) - 1)
                if nouns and len(stems) == 1 and stems[0] not in nouns:
                    price += _NO_NOUN
                out.append(Scored(one, a + 0.1 * f + 0.1 * support - price, a))
            else:
                out.append(Scored(one, a + 0.1 * one.support, a))
    return sorted(out, key=lambda s: (-s.score, s.candidate.name))


def _fires(
    dictionary: Dictionary, vectors: npt.NDArray[np.float32], latent: int, contrast: Contrast
) -> npt.NDArray[np.float64]:
    """How strongly each phrase activates the latent, from 0 to 1 (the median active row)."""
    column = dictionary.encode(vectors).to_scipy()[:, [latent]].toarray()[:, 0]
    usual = float(np.median(contrast.activations))
    return np.asarray(np.clip(column / usual if usual > 0 else column, 0, 1), dtype=np.float64)


def _alternatives(best: Scored, options: list[Scored], most: int = 4) -> list[str]:
    others = [s.candidate.name for s in options if s.candidate != best.candidate]
    return others[:most]
