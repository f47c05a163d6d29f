"""Groups of unit vectors that are nearly the same: all compared with all, or by hashing."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, ceil, inf, log, log1p, pi, sqrt

import numpy as np

from semascope.core import generator
from semascope.explain.within import Rows, Unit, join_clumps, join_pairs, join_within

MOST_COMPARED = 20_000
MISSED = 1e-3
_MOST_TABLES = 100
_PASS = 1 << 16
# Buckets up to this size are compared side by side with all others, larger ones one by one.
_SMALL = 24


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which rows belong together.

    Parameters
    ----------
    groups : ndarray of int64, shape (n,)
        Number of the group of each row.
    tables : int
        Hash tables that were used; 0 if all rows were compared with all.
    missed : float
        Chance that a pair just near enough was not compared.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.near import Grouping
    >>> Grouping(np.array([0, 1, 0]), 0, 0.0).tables
    0
    """

    groups: Rows
    tables: int
    missed: float


def near_groups(unit: Unit, similarity: float, exact: bool | None = None) -> Grouping:
    """Join rows whose cosine reaches a similarity, and what chains of such rows join.

    Compared by hashing, only rows are that fall on the same side of each of ``log2(n)`` random
    hyperplanes through the mean, in one of as many tables as miss a pair just near enough with a
    chance of 0.001; nearer pairs are missed less often. Every pair found is checked, so nothing is
    joined that should not be. Large clumps are joined before, exactly, and hashed no more.

    Parameters
    ----------
    unit : ndarray of float32, shape (n, d)
        Of length 1.
    similarity : float
        Least cosine.
    exact : bool, optional
        Compare all rows with all. By default up to 20,000 rows outside of large clumps, and where
        the similarity asks for more than 100 tables.

    References
    ----------
    Charikar, "Similarity estimation techniques from rounding algorithms", 2002; Indyk and Motwani,
    "Approximate nearest neighbors: towards removing the curse of dimensionality", 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.near import near_groups
    >>> near_groups(np.float32([[1, 0], [0, 1], [1, 0]]), 0.9).groups
    array([0, 1, 0])
    """
    n = len(unit)
    if n < 2:
        return Grouping(np.zeros(n, dtype=np.int64), 0, 0.0)
    # Of unit vectors; with room for the rounding of float32.
    radius = sqrt(max(0.0, 2 - 2 * similarity)) + 1e-6
    if exact or (exact is None and n <= MOST_COMPARED):
        return Grouping(join_within(unit, np.arange(n), radius), 0, 0.0)
    # In a clump all is hashed alike, and its centre draws the mean.
    groups, rest = join_clumps(unit, np.arange(n), radius)
    if len(rest) < 2:
        return Grouping(groups, 0, 0.0)
    some = unit if len(rest) == n else unit[rest]
    known = np.unique(groups[rest], return_inverse=True)[1]
    mean = some.mean(axis=0, dtype=np.float64).astype(np.float32)
    bits = max(4, ceil(log(len(rest)) / log(2)))
    together = (1 - _angle(some, mean, radius) / pi) ** bits
    tables, missed = _tables(together), 0.0
    if exact is None and (len(rest) <= MOST_COMPARED or tables > _MOST_TABLES):
        tables = 0
    if 0 < tables < inf:
        found = _hashed(some, known, mean, radius, bits, int(tables))
        missed = (1 - together) ** tables
    else:
        found, tables = join_within(some, known, radius), 0
    return Grouping(join_pairs(groups, [rest], [_first_of(rest, found)]), int(tables), missed)


def _tables(together: float) -> float:
    """How many tables miss a pair with a chance of 0.001, if each shows it with that given."""
    if together <= 0:
        return inf
    return 1 if together >= 1 - MISSED else ceil(log(MISSED) / log1p(-together))


def _first_of(rows: Rows, groups: Rows) -> Rows:
    """Return for each row the first of its group."""
    first, owner = np.unique(groups, return_index=True, return_inverse=True)[1:]
    return np.asarray(rows[first[owner]])


def _angle(unit: Unit, mean: Unit, radius: float) -> float:
    """Angle at the mean between two rows just near enough; of nine rows in ten it is smaller."""
    some = unit[:: max(1, len(unit) // 20_000)]
    away = float(np.quantile(np.linalg.norm(some - mean, axis=1), 0.1))
    return pi if away <= radius / 2 else 2 * asin(radius / (2 * away))


def _hashed(unit: Unit, groups: Rows, mean: Unit, radius: float, bits: int, tables: int) -> Rows:
    least = np.float32(1 - radius**2 / 2)
    powers = 1 << np.arange(bits, dtype=np.int64)
    for table in range(tables):
        planes = generator(0, "hyperplanes", str(table)).standard_normal((unit.shape[1], bits))
        planes = planes.astype(np.float32)
        cuts = mean @ planes
        key = np.concatenate(
            [
                ((unit[start : start + _PASS] @ planes) > cuts) @ powers
                for start in range(0, len(unit), _PASS)
            ]
        )
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order], prepend=-1))
        sizes = np.diff(np.append(starts, len(order)))
        pairs = _small_pairs(unit, order, starts, sizes, groups, least)
        for start, size in zip(starts[sizes > _SMALL], sizes[sizes > _SMALL], strict=True):
            pairs += _large_pairs(unit, order[start : start + size], groups, radius)
        heads, tails = zip(*pairs, strict=True) if pairs else ((), ())
        groups = join_pairs(groups, list(heads), list(tails))
    return groups


def _small_pairs(
    unit: Unit, order: Rows, starts: Rows, sizes: Rows, groups: Rows, least: np.float32
) -> list[tuple[Rows, Rows]]:
    """Near pairs within small buckets: each row beside that one place on, two places on, ..."""
    small = (sizes > 1) & (sizes <= _SMALL)
    starts, sizes = starts[small], sizes[small]
    place = np.repeat(starts, sizes) + np.arange(sizes.sum()) - np.repeat(
        np.cumsum(sizes) - sizes, sizes
    )  # fmt: skip
    end = np.repeat(starts + sizes, sizes)
    found = []
    for step in range(1, int(sizes.max(initial=1))):
        kept = place + step < end
        place, end = place[kept], end[kept]
        head, tail = order[place], order[place + step]
        apart = groups[head] != groups[tail]
        head, tail = head[apart], tail[apart]
        for first in range(0, len(head), _PASS):
            a, b = head[first : first + _PASS], tail[first : first + _PASS]
            near = np.einsum("ij,ij->i", unit[a], unit[b]) >= least
            found.append((a[near], b[near]))
    return found


def _large_pairs(unit: Unit, rows: Rows, groups: Rows, radius: float) -> list[tuple[Rows, Rows]]:
    """Each row of a bucket beside the first of the group that it turns out to belong to."""
    own = groups[rows]
    if (own == own[0]).all():
        return []
    known = np.unique(own, return_inverse=True)[1]
    return [(rows, _first_of(rows, join_within(unit[rows], known, radius)))]
