"""Rows within a radius of each other joined, without comparing rows that are joined already."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Unit = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Squares = npt.NDArray[np.float64]

_BLOCK = 512
_CHUNK = 1 << 13
_LEADERS = 64
# More than what is left between two rows after rounding.
_SLACK = 1e-6


def join_within(unit: Unit, groups: Rows, radius: float) -> Rows:
    """Join the groups of all rows that lie within a radius of each other.

    Time grows with the square of the rows, but linearly with those of a clump: see `join_clumps`.

    Parameters
    ----------
    unit : ndarray of float32, shape (n, d)
    groups : ndarray of int64, shape (n,)
        The group that each row is known to belong to, below n.
    radius : float
        Euclidean.

    Returns
    -------
    ndarray of int64, shape (n,)

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.within import join_within
    >>> join_within(np.float32([[0], [3], [1], [2]]), np.arange(4), 1.0)
    array([0, 0, 0, 0])
    """
    groups, rest = join_clumps(unit, groups, radius)
    squares = _squares(unit)
    for start in range(0, len(rest), _BLOCK):
        own = groups[rest[start:]]
        if (own == own[0]).all():
            break
        some = rest[start : start + _BLOCK]
        for first in range(start, len(rest), _CHUNK):
            others = rest[first : first + _CHUNK]
            near = _between(unit, squares, some, others) <= radius**2
            near &= groups[some][:, None] != groups[others]
            head, tail = np.nonzero(near)
            groups = join_pairs(groups, [some[head]], [others[tail]])
    return groups


def join_clumps(unit: Unit, groups: Rows, radius: float) -> tuple[Rows, Rows]:
    """Join what lies around rows that many others are near to, and leave out what is done with.

    All that lies within the radius of a row is one group. What may be near to its members lies
    within twice the radius, and need be compared with them only until one is found. So a clump
    costs the comparison of all rows with one of it. Clumps are looked for around 64 rows, which
    miss one of a tenth of all rows with a chance of 0.001.

    Parameters
    ----------
    unit, groups, radius
        As in `join_within`.

    Returns
    -------
    groups : ndarray of int64, shape (n,)
    rest : ndarray of int64
        Rows that still must be compared with each other. Whatever is near to the others has been
        joined.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.within import join_clumps
    >>> groups, rest = join_clumps(np.ones((2000, 2), np.float32), np.arange(2000), 0.1)
    >>> len(set(groups.tolist())), len(rest)
    (1, 0)
    """
    groups, n = groups.copy(), len(unit)
    pool = np.arange(n)
    fewest = max(2 * _BLOCK, n // _LEADERS)
    if n < fewest:
        return groups, pool
    squares = _squares(unit)
    leaders = pool[:: max(1, n // _LEADERS)][:_LEADERS]
    near = np.concatenate(
        [
            _between(unit, squares, leaders, pool[first : first + _CHUNK]) <= radius**2
            for first in range(0, n, _CHUNK)
        ],
        axis=1,
    )
    left = np.ones(n, dtype=bool)
    while True:
        sizes = (near & left).sum(axis=1) * left[leaders]
        best = int(sizes.argmax())
        if sizes[best] < fewest:
            return groups, pool
        away = np.sqrt(_between(unit, squares, leaders[best : best + 1], pool)[0])
        _join_star(unit, squares, groups, pool, away, radius)
        pool = pool[away > radius]
        left[:] = False
        left[pool] = True


def _join_star(
    unit: Unit, squares: Squares, groups: Rows, pool: Rows, away: Squares, radius: float
) -> None:
    """Join in place what lies within the radius of a row with all in the pool that is near to it.

    `away` is the distance of each row of the pool to that row.
    """
    order = np.argsort(away, kind="stable")
    pool, away = pool[order], away[order]
    size = int(np.searchsorted(away, radius, side="right"))
    own = _merge(groups, pool[:size])
    for start in range(0, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        # Triangle inequality: rows further out are near to none of this block.
        reach = int(np.searchsorted(away, away[stop - 1] + radius + _SLACK, side="right"))
        around = pool[size:reach]
        around = around[groups[around] != own]
        for first in range(0, len(around), _CHUNK):
            others = around[first : first + _CHUNK]
            near = (_between(unit, squares, pool[start:stop], others) <= radius**2).any(axis=0)
            if near.any():
                own = _merge(groups, np.append(others[near], pool[0]))


def _merge(groups: Rows, rows: Rows) -> int:
    """Give the groups of some rows one number, in place, and return it."""
    joined = np.zeros(len(groups), dtype=bool)
    joined[groups[rows]] = True
    own = int(np.flatnonzero(joined)[0])
    groups[joined[groups]] = own
    return own


def join_pairs(groups: Rows, heads: list[Rows], tails: list[Rows]) -> Rows:
    """Join groups that pairs of rows connect.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.within import join_pairs
    >>> join_pairs(np.arange(3), [np.array([0])], [np.array([2])])
    array([0, 1, 0])
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not sum(map(len, heads)):
        return groups
    head, tail = groups[np.concatenate(heads)], groups[np.concatenate(tails)]
    count = int(groups.max()) + 1
    graph = coo_array((np.ones(len(head), dtype=bool), (head, tail)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)[groups]


def _squares(unit: Unit) -> Squares:
    return np.asarray(np.einsum("ij,ij->i", unit, unit, dtype=np.float64))


def _between(unit: Unit, squares: Squares, some: Rows, others: Rows) -> Squares:
    """Squared distances in float64, since float32 cannot tell rows that are nearly the same."""
    products = unit[some].astype(np.float64) @ unit[others].astype(np.float64).T
    return np.maximum(squares[some][:, None] + squares[others] - 2 * products, 0)
