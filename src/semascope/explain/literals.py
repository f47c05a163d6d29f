"""What slices are made of: concepts that rows show, or do not, and conditions on columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.lexicon import Junction, Rule, conditions, holds

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
# What nine in ten rows do not show is no description of them.
_COMMON = 0.1


@dataclass(frozen=True, eq=False)
class Literals:
    """Concepts and conditions, and which rows each holds for.

    The first columns of `matrix` are concepts, the others conditions. Literal ``j`` below
    ``matrix.shape[1]`` says that column ``j`` holds, literal ``matrix.shape[1] + i`` that the
    concept ``absent[i]`` is not shown.

    Parameters
    ----------
    matrix : scipy.sparse.csc_array of shape (n, c + k)
        1 where something holds.
    concepts : ndarray of int64, shape (c,)
        Concepts of the first columns.
    rules : list of Rule, length k
        Conditions of the others.
    absent : ndarray of int64
        Columns whose absence may be said.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from semascope.explain.literals import literals
    >>> active = csr_array(np.array([[1.0], [0], [1], [0]]))
    >>> literals(active, np.ones(1, bool), None, np.arange(4), 1).holds(1)
    array([False,  True, False,  True])
    """

    matrix: Any
    concepts: Rows
    rules: list[Rule]
    absent: Rows

    def __len__(self) -> int:
        return int(self.matrix.shape[1]) + len(self.absent)

    def holds(self, literal: int) -> Mask:
        """Return for which rows one literal holds, shape (n,)."""
        width = self.matrix.shape[1]
        column = literal if literal < width else int(self.absent[literal - width])
        out = np.zeros(self.matrix.shape[0], dtype=bool)
        out[self.matrix.indices[self.matrix.indptr[column] : self.matrix.indptr[column + 1]]] = True
        return out if literal < width else ~out

    def all_hold(self, literals: tuple[int, ...]) -> Mask:
        """Return for which rows all of several literals hold."""
        return np.asarray(np.logical_and.reduce([self.holds(one) for one in literals]), dtype=bool)

    def excludes(self, literal: int, others: tuple[int, ...]) -> bool:
        """Tell whether a literal says of a concept or column what others have said already."""
        return any(self._about(literal) == self._about(one) for one in others)

    def parts(self, literals: tuple[int, ...]) -> tuple[list[int], list[int], Rule | None]:
        """Return concepts shown, concepts not shown, and the rule over columns."""
        width, c = self.matrix.shape[1], len(self.concepts)
        shown = [int(self.concepts[j]) for j in literals if j < c]
        absent = [int(self.concepts[self.absent[j - width]]) for j in literals if j >= width]
        rules = tuple(self.rules[j - c] for j in literals if c <= j < width)
        if not rules:
            return shown, absent, None
        return shown, absent, rules[0] if len(rules) == 1 else Junction("and", rules)

    def _about(self, literal: int) -> str:
        width, c = self.matrix.shape[1], len(self.concepts)
        if literal >= width:
            return f"concept {self.absent[literal - width]}"
        return f"concept {literal}" if literal < c else f"rule {self.rules[literal - c]}"


def literals(
    active: Any, alive: Mask, items: pl.DataFrame | None, searched: Rows, fewest: int
) -> Literals:
    """Collect what slices are made of; cuts and values of columns come from searched rows.

    Parameters
    ----------
    active : scipy.sparse.csr_array of shape (n, m)
        1 where a concept is active.
    alive : ndarray of bool, shape (m,)
        Concepts to use.
    items : polars.DataFrame, optional
        Columns to make conditions of.
    searched : ndarray of int64
        Rows that the search sees.
    fewest : int
        What fewer searched rows show, or do not show, is left out.

    Returns
    -------
    Literals

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from scipy.sparse import csr_array
    >>> from semascope.explain.literals import literals
    >>> active = csr_array(np.array([[1.0], [0], [1], [0]]))
    >>> items = pl.DataFrame({"kind": ["a", "a", "b", "b"] * 1})
    >>> len(literals(active, np.ones(1, bool), items, np.arange(4), 1))
    2
    """
    from scipy.sparse import csc_array, hstack

    n = len(searched)
    counts = np.asarray(active[searched].sum(axis=0)).ravel()
    concepts = np.flatnonzero(alive & (counts >= fewest))
    counts = counts[concepts]
    rules: list[Rule] = []
    held = []
    if items is not None and items.width:
        found = conditions(items, searched)
        sizes = found.held.sum(axis=0)
        for rule, size in zip(found.rules, sizes, strict=True):
            if min(size, n - size) >= fewest:
                rules.append(rule)
                held.append(holds(rule, items))
    blocks = [active.tocsc()[:, concepts]]
    if held:
        blocks.append(csc_array(np.stack(held, axis=1).astype(np.float64)))
    matrix = csc_array(hstack(blocks, format="csc"))
    whole = n - counts < fewest
    absent = np.flatnonzero((counts >= _COMMON * n) & ~whole)
    return Literals(matrix, concepts, rules, absent)
