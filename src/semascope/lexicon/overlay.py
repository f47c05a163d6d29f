"""From the codes of a dictionary to those of its edited lexicon: merged, split, added, weighted.

Each made concept is computed from the dictionary's codes alone, so that stored rows and new ones
get the same activations, block by block. Only a concept that was added from vectors looks at the
vectors; its activations on the stored rows are kept with the edit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import Codes, InputError
from semascope.discover import Dictionary
from semascope.lexicon.linear import (
    Column,
    Floats,
    LinearRule,
    above_zero,
    reconstructed_scores,
    vector_scores,
)

BLOCK = 65_536


@dataclass(frozen=True, eq=False)
class Step:
    """One edit that makes concepts.

    Parameters
    ----------
    action : {"merge", "split", "add"}
    made : int
        The first latent that it makes.
    count : int
        How many.
    sources : tuple of int
        Latents that it takes the place of.
    factors : tuple of float
        Their weights at that time.
    how : {"sum", "max"}
        What a merge does with its members' activations.
    rule : LinearRule or None
        Of a split, whose best score takes the parent's activation; of an added concept, whose
        score above zero is the activation.
    mix : ndarray of float32, shape (sources,), or None
        The members' shares in the atom of a merge.
    directions : ndarray of float32, shape (count, d), or None
        What the parts of a split point to.

    Examples
    --------
    >>> from semascope.lexicon.overlay import Step
    >>> Step("merge", 4, 1, (0, 1), (1.0, 1.0)).how
    'sum'
    """

    action: str
    made: int
    count: int
    sources: tuple[int, ...] = ()
    factors: tuple[float, ...] = ()
    how: str = "sum"
    rule: LinearRule | None = None
    mix: npt.NDArray[Any] | None = None
    directions: Floats | None = None


@dataclass(frozen=True, eq=False)
class Overlay:
    """What the standing edits make of a dictionary's codes.

    Parameters
    ----------
    dictionary : Dictionary
        Whose codes.
    steps : tuple of Step
        Edits that make concepts, in order.
    factors : dict of int to float
        Weights of latents that are not 1; 0 for those that are muted or have become others.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Dictionary
    >>> from semascope.lexicon.overlay import Overlay, Step
    >>> eye, zero = np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    >>> dictionary = Dictionary(eye, zero, eye, zero, n_active=2)
    >>> step = Step("merge", 2, 1, (0, 1), (1.0, 1.0), mix=np.ones(2, dtype=np.float32))
    >>> overlay = Overlay(dictionary, (step,), {0: 0.0, 1: 0.0})
    >>> overlay.apply(dictionary.encode([[1.0, 3.0]])).to_scipy().toarray()
    array([[0., 0., 4.]], dtype=float32)
    """

    dictionary: Dictionary
    steps: tuple[Step, ...] = ()
    factors: dict[int, float] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether codes stay as they are."""
        return not self.steps and not self.factors

    @property
    def n_components(self) -> int:
        """Latents of the edited codes."""
        return self.dictionary.n_components + sum(step.count for step in self.steps)

    @property
    def needs_vectors(self) -> bool:
        """Whether new rows need their vectors beside their codes."""
        return any(s.rule is not None and s.rule.source == "vectors" for s in self.steps)

    def apply(self, codes: Codes, vectors: Any = None, *, first: int | None = None) -> Codes:
        """Return the edited codes of consecutive rows.

        Parameters
        ----------
        codes : Codes
            The dictionary's codes of the rows.
        vectors : ndarray of shape (b, d), optional
            Their vectors, for concepts that were added from vectors.
        first : int, optional
            Number of the first row, if these are stored rows; takes the place of vectors.
        """
        if self.plain:
            return codes
        m = self.dictionary.n_components
        made = self._made(codes, vectors, first)
        indptr, indices, values = codes.indptr, codes.indices, codes.values
        if any(latent < m for latent in self.factors):
            factor = self._factor[indices]
            keep = factor != 0
            before = np.concatenate([[0], np.cumsum(keep, dtype=np.int64)])
            indptr, indices = before[indptr], indices[keep]
            values = values[keep] * factor[keep]
        if not self.steps:
            return Codes(indptr, indices, values, m)
        parts = [(latent, *column) for latent, column in sorted(made.items()) if len(column[0])]
        rows = np.concatenate([np.zeros(0, np.int64), *(rows for _, rows, _ in parts)])
        latents = np.repeat(
            np.array([latent for latent, _, _ in parts], dtype=np.int32),
            [len(rows) for _, rows, _ in parts],
        )
        extra = np.concatenate([np.zeros(0, np.float32), *(v for _, _, v in parts)])
        order = np.argsort(rows, kind="stable")
        counts = np.bincount(rows, minlength=len(codes))
        after = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        # Made latents come after all others, so each row is its old part, then its new one.
        place = np.arange(len(rows)) + indptr[1:][rows[order]]
        both = np.zeros(len(indices) + len(rows), dtype=bool)
        both[place] = True
        all_indices = np.empty(len(both), dtype=np.int32)
        all_values = np.empty(len(both), dtype=np.float32)
        all_indices[both], all_indices[~both] = latents[order], indices
        all_values[both], all_values[~both] = extra[order], values
        return Codes(indptr + after, all_indices, all_values, self.n_components)

    @cached_property
    def _factor(self) -> Floats:
        factor = np.ones(self.dictionary.n_components, dtype=np.float32)
        for latent, value in self.factors.items():
            if latent < len(factor):
                factor[latent] = value
        return factor

    @cached_property
    def _wanted(self) -> npt.NDArray[np.bool_]:
        """Which of the dictionary's latents some step needs."""
        wanted = np.zeros(self.dictionary.n_components, dtype=bool)
        for step in self.steps:
            wanted[[j for j in step.sources if j < len(wanted)]] = True
        return wanted

    def _made(self, codes: Codes, vectors: Any, first: int | None) -> dict[int, Column]:
        """Columns of the made latents, with their weights; those that became others are empty."""
        if not self.steps:
            return {}
        known = columns_of(codes, self._wanted)
        for step in self.steps:
            sources = [
                weighted(known.get(j, _EMPTY), f)
                for j, f in zip(step.sources, step.factors, strict=True)
            ]
            if step.action == "merge":
                known[step.made] = together(sources, step.how)
            elif step.action == "split":
                parts = self._parted(step, codes, sources[0])
                known |= {step.made + c: part for c, part in enumerate(parts)}
            else:
                known[step.made] = self._added(step, codes, vectors, first)
        m = self.dictionary.n_components
        return {
            j: weighted(column, self.factors.get(j, 1.0))
            for j, column in known.items()
            if j >= m and self.factors.get(j, 1.0) != 0
        }

    def _parted(self, step: Step, codes: Codes, parent: Column) -> list[Column]:
        rows, values = parent
        if not len(rows) or step.rule is None:
            return [_EMPTY] * step.count
        best = reconstructed_scores(self.dictionary, step.rule, codes[rows]).argmax(axis=1)
        return [(rows[best == c], values[best == c]) for c in range(step.count)]

    def _added(self, step: Step, codes: Codes, vectors: Any, first: int | None) -> Column:
        rule = step.rule
        if rule is None:
            return _EMPTY
        if rule.source == "reconstruction":
            return above_zero(reconstructed_scores(self.dictionary, rule, codes)[:, 0])
        if first is not None and rule.stored is not None:
            rows, values = rule.stored
            span = slice(*np.searchsorted(rows, [first, first + len(codes)]))
            return rows[span] - first, values[span]
        if vectors is None:
            raise InputError(
                "a concept of this lexicon was added from vectors, so that codes alone do not tell "
                "its activations; encode the vectors"
            )
        return above_zero(vector_scores(rule, vectors)[:, 0])


_EMPTY: Column = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


def weighted(column: Column, factor: float) -> Column:
    """Return a column with its activations times a factor; those that become zero fall out.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon.overlay import weighted
    >>> weighted((np.array([3]), np.ones(1, dtype=np.float32)), 0.5)[1].tolist()
    [0.5]
    """
    if factor == 1:
        return column
    values = column[1] * np.float32(factor)
    return column[0][values > 0], values[values > 0]


def together(columns: list[Column], how: str) -> Column:
    """Merge columns: the sum of their activations, or the largest.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon.overlay import together
    >>> a = np.array([0, 2]), np.array([1.0, 2.0], dtype=np.float32)
    >>> rows, values = together([a, a], "sum")
    >>> rows.tolist(), values.tolist()
    ([0, 2], [2.0, 4.0])
    """
    rows = np.concatenate([column[0] for column in columns])
    values = np.concatenate([column[1] for column in columns])
    if not len(rows):
        return _EMPTY
    order = np.argsort(rows, kind="stable")
    rows, values = rows[order], values[order]
    starts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))
    gather = np.add if how == "sum" else np.maximum
    return rows[starts], np.asarray(gather.reduceat(values, starts), dtype=np.float32)


def columns_of(codes: Codes, wanted: npt.NDArray[np.bool_]) -> dict[int, Column]:
    """Return the columns of some latents: rows, ascending, and activations.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import Codes
    >>> from semascope.lexicon.overlay import columns_of
    >>> codes = Codes.from_scipy(np.array([[0, 2.0], [1.0, 3.0]]))
    >>> columns_of(codes, np.array([False, True]))[1][1].tolist()
    [2.0, 3.0]
    """
    hits = np.flatnonzero(wanted[codes.indices])
    latents = codes.indices[hits]
    order = np.argsort(latents, kind="stable")
    hits, latents = hits[order], latents[order]
    rows = np.searchsorted(codes.indptr, hits, side="right") - 1
    values = codes.values[hits]
    cuts = np.flatnonzero(np.diff(latents)) + 1
    parts = zip(np.split(latents, cuts), np.split(rows, cuts), np.split(values, cuts), strict=True)
    return {int(part[0]): (r, v) for part, r, v in parts if len(part)}
