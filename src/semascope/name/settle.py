"""Give out names so that no two concepts share one, and siblings say what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semascope.core import auroc
from semascope.lexicon import ByEncoder, Relevance, Rows
from semascope.name.candidates import STATED, Candidate
from semascope.name.evidence import FEWEST, Evidence
from semascope.name.words import merge_key

# A later choice may be worse, but not so much worse that the name would mislead.
_MOST_WORSE = 0.1
# Names whose vectors are closer than this say the same.
_SAME = 0.9


@dataclass(frozen=True)
class Scored:
    """A candidate that held up, with its score and its AUROC on the rows that chose it.

    Examples
    --------
    >>> from semascope.name import Candidate
    >>> from semascope.name.settle import Scored
    >>> Scored(Candidate("fees"), 0.95, 0.9).held_in
    0.9
    """

    candidate: Candidate
    score: float
    held_in: float


def settle(
    options: Sequence[Sequence[Scored]],
    evidence: Sequence[Evidence],
    scorers: Mapping[str, Relevance],
    *,
    given: Sequence[Scored | None] | None = None,
) -> list[Scored | None]:
    """Choose one candidate for each concept, surest concept first.

    A concept whose best name is taken, or says the same as a taken one, chooses again among the
    names that are hardly worse: the one that best tells its rows from those of the concept that
    has the name.

    Parameters
    ----------
    options : sequence of sequence of Scored
        Candidates of each concept that held up, best first.
    evidence : sequence of Evidence
        Of the same concepts.
    scorers : mapping of str to Relevance
        Scorer of each kind of candidate.
    given : sequence of Scored or None, optional
        Names that concepts have already, and keep.

    Returns
    -------
    list of Scored or None
        None where no name is left that would not mislead.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Candidate, Evidence
    >>> from semascope.name.settle import Scored, settle
    >>> none = np.arange(0)
    >>> nothing = Evidence(0, Contrast(none, np.ones(0, dtype=np.float32), none, none))
    >>> a, b = Scored(Candidate("fees"), 0.9, 0.9), Scored(Candidate("charges"), 0.85, 0.85)
    >>> [s.candidate.name for s in settle([[a, b], [a, b]], [nothing, nothing], {})]
    ['fees', 'charges']
    """
    chosen: list[Scored | None] = [None] * len(options)
    taken = _Taken(scorers)
    for j, had in enumerate(given or ()):
        if had is not None:
            taken.add(had.candidate, j)
    order = sorted(
        (j for j in range(len(options)) if options[j]), key=lambda j: -_first(options, j)
    )
    for j in order:
        near = [s for s in options[j] if s.score >= options[j][0].score - _MOST_WORSE]
        best, owner = near[0], taken.by(near[0].candidate)
        if owner is not None:
            free = [s for s in near if taken.by(s.candidate) is None]
            if not free:
                continue
            rival = evidence[owner]
            best = max(free, key=lambda s: s.score + _apart(s, evidence[j], rival, scorers))
        chosen[j] = best
        taken.add(best.candidate, j)
    return chosen


def owners(
    options: Sequence[Sequence[Scored]],
    chosen: Sequence[Scored | None],
    scorers: Mapping[str, Relevance],
) -> dict[int, int]:
    """Return for each concept whose names are all taken who has its best one.

    Examples
    --------
    >>> from semascope.name import Candidate
    >>> from semascope.name.settle import Scored, owners
    >>> fees = Scored(Candidate("fees"), 0.9, 0.9)
    >>> owners([[fees], [fees], []], [fees, None, None], {})
    {1: 0}
    """
    taken = _Taken(scorers)
    for j, had in enumerate(chosen):
        if had is not None:
            taken.add(had.candidate, j)
    lost = [j for j, own in enumerate(options) if own and chosen[j] is None]
    found = {j: taken.by(options[j][0].candidate) for j in lost}
    return {j: owner for j, owner in found.items() if owner is not None}


def _first(options: Sequence[Sequence[Scored]], j: int) -> float:
    return options[j][0].score


class _Taken:
    """Names that were given out, and to whom."""

    def __init__(self, scorers: Mapping[str, Relevance]) -> None:
        self.scorers = scorers
        self.owners: dict[str, int] = {}
        # Room for twice the names each time it is full: each name is compared with all before it.
        self.vectors: dict[str, npt.NDArray[np.float32]] = {}
        self.latents: dict[str, list[int]] = {}

    def by(self, candidate: Candidate) -> int | None:
        """Return the concept that has this name, or one that says the same."""
        owner = self.owners.get(_key(candidate))
        latents = self.latents.get(candidate.kind)
        if owner is not None or not latents:
            return owner
        cosine = self.vectors[candidate.kind][: len(latents)] @ self._vector(candidate)
        nearest = int(cosine.argmax())
        return latents[nearest] if cosine[nearest] >= _SAME else None

    def add(self, candidate: Candidate, latent: int) -> None:
        self.owners[_key(candidate)] = latent
        if isinstance(self.scorers.get(candidate.kind), ByEncoder):
            vector = self._vector(candidate)
            latents = self.latents.setdefault(candidate.kind, [])
            room = self.vectors.setdefault(candidate.kind, np.zeros((16, len(vector)), np.float32))
            if len(latents) == len(room):
                room = self.vectors[candidate.kind] = np.concatenate([room, np.zeros_like(room)])
            room[len(latents)] = vector
            latents.append(latent)

    def _vector(self, candidate: Candidate) -> npt.NDArray[np.float32]:
        relevance = self.scorers[candidate.kind]
        if not isinstance(relevance, ByEncoder):
            raise TypeError(f"names of kind {candidate.kind} have no vectors")
        return np.asarray(relevance.vectors([candidate.name])[0])


def _key(candidate: Candidate) -> str:
    return candidate.name if candidate.kind in STATED else merge_key(candidate.name)


def _apart(
    scored: Scored, own: Evidence, other: Evidence, scorers: Mapping[str, Relevance]
) -> float:
    """AUROC of a name between the rows of two concepts that are only one's or the other's."""
    mine, theirs = only(own.contrast.active, other.contrast.active)
    relevance = scorers.get(scored.candidate.kind)
    if min(len(mine), len(theirs)) < FEWEST or relevance is None:
        return 0.5
    scores = relevance([scored.candidate.name], np.concatenate([mine, theirs]))
    return float(auroc(scores, len(mine))[0])


def only(a: Rows, b: Rows) -> tuple[Rows, Rows]:
    """Return the rows of the first alone and of the second alone, in their order.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.name.settle import only
    >>> only(np.array([3, 1, 2]), np.array([2, 5]))
    (array([3, 1]), array([5]))
    """
    return a[~np.isin(a, b)], b[~np.isin(b, a)]
