"""How concepts stand to each other on some rows: companions, parents, children, neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import Codes
from semascope.lexicon import Rows, unit

_MOST = 5
_MOST_COMPANION_ROWS = 10
# Of a child's rows, the parent is active on so many; and it is active on so many more rows.
_CONTAINED = 0.8
_LARGER = 1.5
_FEWEST = 5
_BLOCK = 1024


def relations(codes: Codes, rows: Rows, atoms: npt.ArrayLike | None = None) -> list[dict[str, Any]]:
    """Find companions, parents, children and neighbours of each latent on the given rows.

    A parent is active on at least 80 % of a latent's rows and on half as many rows again, and it
    is there because of the latent: twice as often as anywhere.

    Parameters
    ----------
    codes : Codes
        Codes of all rows.
    rows : ndarray of int64
        Rows to look at, ascending.
    atoms : array-like of shape (m, d), optional
        For the neighbours.

    Returns
    -------
    list of dict
        For each latent ``similar``, ``coactive``, ``parents``, ``children`` (tuples of latents)
        and ``companions`` (rows).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import Codes
    >>> from semascope.name.relations import relations
    >>> active = np.zeros((40, 2), dtype=np.float32)
    >>> active[:12, 0] = active[:6, 1] = 1
    >>> found = relations(Codes.from_scipy(active), np.arange(40))
    >>> found[1]["parents"], found[0]["children"], found[1]["companions"][:3]
    ((0,), (1,), array([6, 7, 8]))
    """
    part = codes[rows].to_scipy()
    part.data = (part.data > 0).astype(np.float32)
    part.eliminate_zeros()
    columns = part.tocsc()
    both = (part.T @ part).tocsr()
    count = np.asarray(both.diagonal())
    m = codes.n_components
    similar = [()] * m if atoms is None else _nearest(np.asarray(atoms))
    out: list[dict[str, Any]] = []
    for j in range(m):
        span = slice(both.indptr[j], both.indptr[j + 1])
        others, n = both.indices[span], both.data[span]
        others, n = others[others != j], n[others != j]
        order = np.argsort(others)
        others, n = others[order], n[order]
        jaccard = n / np.maximum(1, count[j] + count[others] - n)
        coactive = others[np.argsort(-jaccard, kind="stable")[:_MOST]]
        lift = n * len(rows) / np.maximum(1, count[j] * count[others])
        linked = lift >= 2
        above = linked & (n >= _CONTAINED * count[j]) & (count[others] >= _LARGER * count[j])
        below = linked & (n >= _CONTAINED * count[others]) & (count[j] >= _LARGER * count[others])
        out.append(
            {
                "similar": similar[j],
                "coactive": tuple(coactive.tolist()),
                "parents": _chosen(others, n, above & (count[j] >= _FEWEST)),
                "children": _chosen(others, n, below & (count[others] >= _FEWEST)),
                "companions": rows[_companions(columns, j, coactive)],
            }
        )
    return out


def _chosen(
    others: npt.NDArray[Any], n: npt.NDArray[Any], which: npt.NDArray[Any]
) -> tuple[int, ...]:
    order = np.argsort(-n[which], kind="stable")
    return tuple(int(o) for o in others[which][order])


def _companions(columns: Any, j: int, coactive: npt.NDArray[Any]) -> Rows:
    """Return places of the rows on which most companions are active, and the latent is not."""
    if not len(coactive):
        return np.zeros(0, dtype=np.int64)
    there = np.asarray(columns[:, coactive].sum(axis=1)).reshape(-1)
    there[columns.indices[columns.indptr[j] : columns.indptr[j + 1]]] = 0
    order = np.argsort(-there, kind="stable")[:_MOST_COMPANION_ROWS]
    return np.asarray(order[there[order] > 0], dtype=np.int64)


def _nearest(atoms: npt.NDArray[Any]) -> list[tuple[int, ...]]:
    atoms = unit(atoms)
    out: list[tuple[int, ...]] = []
    for start in range(0, len(atoms), _BLOCK):
        cosine = atoms[start : start + _BLOCK] @ atoms.T
        cosine[np.arange(len(cosine)), start + np.arange(len(cosine))] = -np.inf
        order = np.argsort(-cosine, axis=1, kind="stable")[:, : min(_MOST, len(atoms) - 1)]
        out += [tuple(row) for row in order.tolist()]
    return out
