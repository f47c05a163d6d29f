"""Choose a name for each concept, tell siblings apart, and leave unnamed what nothing describes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import auroc, generator
from semascope.discover import Dictionary
from semascope.lexicon import ByEncoder, ByValue, Contrast, Relevance
from semascope.name.phrases import candidate_phrases
from semascope.name.values import associations, describing_columns

# Fewer active rows than this on the *name* side can show nothing.
FEWEST = 5
# A name that ranks held-in rows worse than this misleads more than it tells.
LEAST = 0.65


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
        ``phrase`` or ``value``.
    held_in : float or None
        AUROC of the name on the *name* rows that chose it: optimistic, kept for the record.
    threshold : float or None
        Relevance above which the name says *active*, chosen on the same rows.
    alternatives : list of str
        Other names that held up, best first.
    evidence : list of str
        Over-represented values, in words.
    description : str
        One sentence on what shows the concept, if a language model wrote one.

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


@dataclass(frozen=True)
class _Candidate:
    name: str
    kind: str
    score: float
    held_in: float


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
) -> list[Proposal]:
    """Name each concept from its *name* rows, without a language model.

    Candidates are phrases that active texts hold more often than near-misses, and over-represented
    values of columns. A phrase is scored by how well the phrase itself, embedded, tells held-in
    active from inactive rows (AUROC), plus a tenth of how strongly it fires the concept. The best
    candidate becomes the name if it clears chance, the names of other concepts, and ``LEAST``; no
    two concepts get the same name.

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
        Phrases tried for each concept.
    seed : int
        Choice of the other concepts' phrases that a name has to beat.
    on_done : callable
        Told how many concepts were finished.

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
    columns = describing_columns(items, [*leave_out, *([text] if text else [])])
    phrases = [_phrases(c, items, text if relevance is not None else None, most) for c in drawn]
    everything = sorted({p for found in phrases for p in found})
    if isinstance(relevance, ByEncoder) and everything:
        relevance.vectors(everything)
    by_value = ByValue(items)
    random = generator(seed, "other names")
    options: list[list[_Candidate]] = []
    proposals: list[Proposal] = []
    for latent, contrast in enumerate(drawn):
        proposal = Proposal(_status(contrast))
        found: list[_Candidate] = []
        if proposal.status == "unnamed":
            values = associations(items, columns, contrast)
            proposal.evidence = [str(v) for v in values]
            others = _others(everything, phrases[latent], random)
            found = _phrase_candidates(
                phrases[latent], others, contrast, relevance, dictionary, latent
            )
            found += _value_candidates([v.rule for v in values], contrast, by_value)
            found.sort(key=lambda c: (-c.score, c.name))
        options.append(found)
        proposals.append(proposal)
        on_done(1)
    _settle(options, proposals)
    for proposal, contrast in zip(proposals, drawn, strict=True):
        if proposal.name is not None:
            by = by_value if proposal.kind == "value" else relevance
            proposal.threshold = _threshold(by, proposal.name, contrast)  # type: ignore[arg-type]
    return proposals


def _status(contrast: Contrast) -> str:
    if len(contrast.active) == 0:
        return "dead"
    few = min(len(contrast.active), len(contrast.inactive)) < FEWEST
    return "rare" if few else "unnamed"


def _phrases(contrast: Contrast, items: pl.DataFrame, text: str | None, most: int) -> list[str]:
    if text is None or _status(contrast) != "unnamed":
        return []
    active = items[text].gather(contrast.active).fill_null("").to_list()
    inactive = items[text].gather(contrast.inactive).fill_null("").to_list()
    found = candidate_phrases(active, contrast.activations, inactive, most=most)
    return [phrase for phrase, _ in found]


def _others(everything: list[str], own: list[str], random: np.random.Generator) -> list[str]:
    strangers = sorted(set(everything) - set(own))
    if not strangers:
        return []
    return [strangers[i] for i in random.choice(len(strangers), min(40, len(strangers)), False)]


def _phrase_candidates(
    phrases: list[str],
    others: list[str],
    contrast: Contrast,
    relevance: Relevance | None,
    dictionary: Dictionary | None,
    latent: int,
) -> list[_Candidate]:
    if not phrases or relevance is None:
        return []
    found = aurocs(relevance, [*phrases, *others], contrast)
    # The best of many candidates must beat what the best phrases of other concepts reach here.
    chance = float(np.quantile(found[len(phrases) :], 0.95)) if others else 0.5
    fires = np.zeros(len(phrases))
    if dictionary is not None and isinstance(relevance, ByEncoder):
        fires = _fires(dictionary, relevance.vectors(phrases), latent, contrast)
    return [
        _Candidate(phrase, "phrase", float(a + 0.1 * f), float(a))
        for phrase, a, f in zip(phrases, found, fires, strict=False)
        if a > chance and _lower_end(a, contrast) > 0.5 and a >= LEAST
    ]


def _value_candidates(rules: list[str], contrast: Contrast, by_value: ByValue) -> list[_Candidate]:
    if not rules:
        return []
    found = aurocs(by_value, rules, contrast)
    return [
        _Candidate(rule, "value", float(a), float(a))
        for rule, a in zip(rules, found, strict=True)
        if _lower_end(a, contrast) > 0.5 and a >= LEAST
    ]


def _fires(
    dictionary: Dictionary, vectors: npt.NDArray[np.float32], latent: int, contrast: Contrast
) -> npt.NDArray[np.float64]:
    """How strongly each phrase activates the latent, from 0 to 1 (the median active row)."""
    column = dictionary.encode(vectors).to_scipy()[:, [latent]].toarray()[:, 0]
    usual = float(np.median(contrast.activations))
    return np.asarray(np.clip(column / usual if usual > 0 else column, 0, 1), dtype=np.float64)


def aurocs(
    relevance: Relevance, names: Sequence[str], contrast: Contrast
) -> npt.NDArray[np.float64]:
    """Return how well each name ranks active above inactive rows, shape (names,).

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.name import aurocs
    >>> rows, none = np.array([0]), np.arange(0)
    >>> contrast = Contrast(rows, np.ones(1, dtype=np.float32), none, rows + 1)
    >>> aurocs(ByWords(pl.Series(["tea", "car"])), ["tea", "car"], contrast)
    array([1., 0.])
    """
    scores = relevance(names, np.concatenate([contrast.active, contrast.inactive]))
    return auroc(scores, len(contrast.active))


def _lower_end(value: float, contrast: Contrast) -> float:
    """Lower end of the 95 % interval by Hanley and McNeil's standard error (1982)."""
    n, m = len(contrast.active), len(contrast.inactive)
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    spread = value * (1 - value) + (n - 1) * (q1 - value**2) + (m - 1) * (q2 - value**2)
    return float(value - 1.96 * np.sqrt(max(0.0, spread) / (n * m)))


def _settle(options: list[list[_Candidate]], proposals: list[Proposal]) -> None:
    """Give out names, surest first, so that no two concepts share one."""
    taken: set[str] = set()
    order = sorted(
        (j for j in range(len(options)) if options[j]), key=lambda j: (-options[j][0].score, j)
    )
    for j in order:
        free = [c for c in options[j] if _key(c.name) not in taken]
        if not free:
            continue
        # A later choice may be worse, but not so much worse that the name would mislead.
        best = free[0]
        if best.score < options[j][0].score - 0.1:
            continue
        taken.add(_key(best.name))
        proposal = proposals[j]
        proposal.status, proposal.name, proposal.kind = "named", best.name, best.kind
        proposal.held_in = best.held_in
        proposal.alternatives = _alternatives(best, options[j])


def _alternatives(best: _Candidate, options: list[_Candidate], most: int = 4) -> list[str]:
    kept: list[str] = []
    for candidate in options:
        if candidate is not best and _key(candidate.name) not in {
            _key(best.name),
            *map(_key, kept),
        }:
            kept.append(candidate.name)
        if len(kept) == most:
            break
    return kept


def _key(name: str) -> str:
    """Names that differ in word order, or in a final s, are the same to a reader."""
    return " ".join(sorted(word.removesuffix("s") for word in name.lower().split()))


def _threshold(relevance: Relevance, name: str, contrast: Contrast) -> float:
    """Return the relevance that separates held-in active from inactive rows best."""
    scores = relevance([name], np.concatenate([contrast.active, contrast.inactive]))[0]
    truth = np.arange(len(scores)) < len(contrast.active)
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(truth[order]) / max(1, truth.sum())
    wrong = np.cumsum(~truth[order]) / max(1, (~truth).sum())
    ranked = scores[order]
    ends = np.append(ranked[:-1] > ranked[1:], True)
    return float(ranked[np.argmax(np.where(ends, right - wrong, -np.inf))])
