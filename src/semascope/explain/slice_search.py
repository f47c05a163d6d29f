"""The search for slices: combinations of concepts and conditions whose rows have larger losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from semascope.explain.literals import Literals, Mask, Rows

Floats = npt.NDArray[np.float64]
Parts = tuple[int, ...]

# What a slice must reach in the search to be tested at all: fewer tests find more.
_WORTH = 2.0
_ADDS = 0.05
# The z of losses that lie in a slice falls by this much if its rows are joined by a tenth as many
# others: a part that leaves out fewer is not worth its words.
_PRICE = 0.95
_POOL = 5


@dataclass(frozen=True, eq=False)
class Candidate:
    """A slice that the search found: literals, its rows among those searched, and its z.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.slice_search import Candidate
    >>> Candidate((0, 3), np.array([True, False]), 4.2).parts
    (0, 3)
    """

    parts: Parts
    rows: Mask
    z: float


def search(
    literals: Literals,
    searched: Rows,
    loss: Floats,
    *,
    depth: int,
    width: int,
    fewest: int,
    most: int,
    overlap: float,
) -> list[Candidate]:
    """Find slices with larger losses than the rest, largest z first, none of them redundant.

    A beam search joins literals by *and*. A literal is joined only if it adds more than the best
    of as many literals would by chance (Bonferroni over them and over the beam, at 5 %), and if
    each of the others still adds. Then slices are taken by their z, 5 % less for each part after
    the first; one is left out if it overlaps with a taken one, or if outside the taken ones its
    losses are not larger (z of 1.64).

    Parameters
    ----------
    literals : Literals
        What slices are made of.
    searched : ndarray of int64
        Rows to search.
    loss : ndarray of float64
        Theirs.
    depth, width, fewest, most, overlap
        See `slices`; `fewest` counts searched rows.

    Returns
    -------
    list of Candidate

    References
    ----------
    Chung, Kraska, Polyzotis, Tae and Whang, "Automated data slicing for model validation", 2019,
    for the task. Atzmueller, "Subgroup discovery", 2015 (beam search).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from semascope.explain.literals import literals
    >>> from semascope.explain.slice_search import search
    >>> x = np.random.default_rng(0).random((400, 3)) < 0.4
    >>> rows = np.arange(400)
    >>> options = literals(csr_array(x * 1.0), np.ones(3, bool), None, rows, 20)
    >>> loss = 1.0 * (x[:, 0] & x[:, 1])
    >>> found = search(options, rows, loss, depth=3, width=10, fewest=20, most=5, overlap=0.5)
    >>> [one.parts for one in found]
    [(0, 1)]
    """
    if not len(literals):
        return []
    board = _Board(literals, searched, loss, fewest, width)
    beam: list[Candidate] = [Candidate((), np.ones(len(loss), dtype=bool), 0.0)]
    pool: dict[bytes, Candidate] = {}
    for _ in range(depth):
        found: dict[bytes, Candidate] = {}
        for parent in beam:
            for child in board.children(parent, max(width, _POOL * most)):
                found.setdefault(np.packbits(child.rows).tobytes(), child)
        beam = sorted(found.values(), key=_order)[:width]
        for key, child in found.items():
            # The same rows in fewer words were there first.
            pool.setdefault(key, child)
        if not beam:
            break
    worth = sorted((one for one in pool.values() if one.z >= _WORTH), key=_order)
    return _distinct(worth[: 10 * _POOL * most], board, most, overlap)


def _order(one: Candidate) -> tuple[float, Parts]:
    return -one.z * _PRICE ** len(one.parts), one.parts


class _Board:
    """The literals on the rows searched, with what all steps share."""

    def __init__(
        self, literals: Literals, searched: Rows, loss: Floats, fewest: int, width: int
    ) -> None:
        self.literals, self.fewest = literals, fewest
        self.searched = searched
        self.across: Any = literals.matrix.tocsr()[searched].T.tocsr()
        self.rest = loss - loss.mean()
        self.square = self.rest**2
        self.sure = float(-ndtri(_ADDS / (len(literals) * width)))

    def children(self, parent: Candidate, most: int) -> list[Candidate]:
        """Return the parent with one more literal, where that adds; best first."""
        inside = parent.rows.astype(np.float64)
        sums = self.across @ np.column_stack([inside, inside * self.rest])
        total = np.array([inside.sum(), (inside * self.rest).sum()])
        sums = np.concatenate([sums, total - sums[self.literals.absent]])
        size, loss = sums[:, 0], sums[:, 1]
        z = self._z(size, loss, np.array([len(self.rest), 0.0]), self.square.mean())
        if parent.parts:
            mean = total[1] / total[0]
            spread = (inside * self.square).sum() / total[0] - mean**2
            enough = self._z(size, loss, total, spread) >= self.sure
        else:
            enough = z > 0
        order = np.flatnonzero(
            enough & (size >= self.fewest) & (len(self.rest) - size >= self.fewest)
        )
        order = order[np.argsort(-z[order], kind="stable")][:most]
        out = []
        for literal in order.tolist():
            if literal in parent.parts or self.literals.excludes(literal, parent.parts):
                continue
            parts = tuple(sorted((*parent.parts, literal)))
            rows = parent.rows & self.literals.holds(literal)[self.searched]
            if len(parts) > 1 and not self._all_add(parts, rows):
                continue
            out.append(Candidate(parts, rows, float(z[literal])))
        return out

    def z_among(self, rows: Mask, among: Mask) -> float:
        """Return the z of larger losses in some rows than in the others of `among`."""
        rows = rows & among
        size, loss = rows.sum(keepdims=True), self.rest[rows].sum(keepdims=True)
        total = np.array([among.sum(), self.rest[among].sum()])
        if total[0] < 2:
            return 0.0
        spread = float(self.square[among].mean() - (total[1] / total[0]) ** 2)
        return float(self._z(size, loss, total, spread)[0])

    def _all_add(self, parts: Parts, rows: Mask) -> bool:
        at = self.searched
        return all(
            self.z_among(rows, self.literals.all_hold(without)[at]) >= -ndtri(_ADDS)
            for without in (tuple(one for one in parts if one != left) for left in parts)
        )

    def _z(self, size: Any, loss: Any, total: Floats, spread: float) -> Floats:
        """Difference of means between some rows and the other ones of a whole, over its error."""
        others = total[0] - size
        some = (size > 0) & (others > 0) & (spread > 0)
        safe, left = np.where(some, size, 1), np.where(some, others, 1)
        apart = loss / safe - (total[1] - loss) / left
        error = np.sqrt(max(spread, 1e-300) * (1 / safe + 1 / left))
        return np.where(some, apart / error, 0.0)


def _distinct(
    ordered: list[Candidate], board: _Board, most: int, overlap: float
) -> list[Candidate]:
    kept: list[Candidate] = []
    open_rows = np.ones(len(board.rest), dtype=bool)
    for one in ordered:
        if len(kept) == most:
            break
        if any(_jaccard(one.rows, other.rows) > overlap for other in kept):
            continue
        if kept and board.z_among(one.rows, open_rows) < -ndtri(_ADDS):
            continue
        kept.append(one)
        open_rows &= ~one.rows
    return kept


def _jaccard(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))
