"""An index over a dictionary's latents: looking at a part of them, with known recall."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from semascope.core import ArtifactError, InputError, generator
from semascope.discover.recipe import number, whole
from semascope.vectors import VectorSource

if TYPE_CHECKING:
    from semascope.kernels import Clusters

Floats = npt.NDArray[np.float32]

# Rows that clusters are learned from, and rows for recall, half to choose by and half to tell.
_ROWS, _CHECKED = 65_536, 2048
_LEAST_ROWS = 64


@dataclass(frozen=True, eq=False)
class Index:
    """Clusters of latents, how many of them each row looks into, and what that misses.

    Parameters
    ----------
    clusters : Clusters
    probes : int
        Clusters that each row looks into: the fewest whose recall on 1,024 rows, less two standard
        errors, reaches `asked`.
    recall : float
        Share of the latents of exact search that were found, on rows that neither the clusters nor
        `probes` were chosen on.
    cost : float
        Multiplications for a row, keys included, as a share of exact search.
    n_active : int
        Latents a row that `recall` was measured with.
    asked : float
        Recall that `probes` was chosen for.
    rows : int
        Rows that the index was learned from.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import make_index
    >>> from semascope.vectors import as_source
    >>> random = np.random.default_rng(0)
    >>> weight = random.standard_normal((200, 8)).astype(np.float32)
    >>> rows = as_source(random.standard_normal((500, 8)))
    >>> index = make_index(weight, weight[:, 0] * 0, rows, n_active=4)
    >>> index.clusters.n, index.asked
    (36, 0.95)
    """

    clusters: Clusters
    probes: int
    recall: float
    cost: float
    n_active: int
    asked: float
    rows: int
    seed: int

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays to save, by name."""
        parts = self.clusters
        return {
            "index.keys": parts.keys,
            "index.key_bias": parts.key_bias,
            "index.members": parts.members,
            "index.first": parts.first,
        }

    def metadata(self) -> dict[str, str]:
        """Return the facts to save, as text by name."""
        return {f"index.{name}": repr(getattr(self, name)) for name in _FACTS}

    @classmethod
    def restore(cls, tensors: dict[str, Any], metadata: dict[str, str]) -> Index | None:
        """Take an index out of the `tensors` of a file, or return None if there is none.

        Raises
        ------
        ArtifactError
            If it is not whole.
        """
        names = ("keys", "key_bias", "members", "first")
        found = [tensors.pop(f"index.{name}", None) for name in names]
        if all(part is None for part in found):
            return None
        # Only now: it brings torch along.
        from semascope.kernels import Clusters

        try:
            facts = {name: kind(metadata[f"index.{name}"]) for name, kind in _FACTS.items()}
            keys, key_bias, members, first = (np.asarray(part) for part in found)
            return cls(Clusters(keys, key_bias, members, first), **facts)
        except (KeyError, ValueError, TypeError, IndexError, InputError) as err:
            raise ArtifactError(f"the index of the dictionary is damaged ({err})") from err


_FACTS: dict[str, Any] = {
    "probes": int,
    "recall": float,
    "cost": float,
    "n_active": int,
    "asked": float,
    "rows": int,
    "seed": int,
}


def make_index(
    weight: Floats,
    bias: Floats,
    source: VectorSource,
    *,
    n_active: int,
    recall: float = 0.95,
    clusters: int | None = None,
    seed: int = 0,
) -> Index:
    """Learn an index over an encoder's latents from rows like those that will be encoded.

    Parameters
    ----------
    weight : ndarray of float32, shape (m, d)
        May be mapped from a file; memory holds blocks of it.
    bias : ndarray of float32, shape (m,)
    source : VectorSource
        At least 64 rows; at most 67,584 of them are used, drawn by `seed`. Rows that the
        dictionary was trained on will do.
    n_active : int
        Latents a row to find.
    recall : float, default 0.95
        Share of them to find; above 0, at most 1, which is exact search.
    clusters : int, optional
        By default ``8 sqrt(m)``, at which choosing among them costs less than looking into them.
    seed : int, default 0
        Same seed, same bytes.

    Raises
    ------
    InputError
        If there are too few rows or latents, or a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import make_index
    >>> from semascope.vectors import as_source
    >>> random = np.random.default_rng(0)
    >>> weight = random.standard_normal((200, 8)).astype(np.float32)
    >>> rows = as_source(random.standard_normal((500, 8)))
    >>> make_index(weight, weight[:, 0] * 0, rows, n_active=4, recall=1.0).recall
    1.0
    """
    from semascope.discover.clusters import cluster_latents, default_clusters, strongest

    m, n = len(weight), source.shape[0]
    if number("recall", recall, most=1) == 0:
        raise InputError("recall must be above 0, got 0")
    if clusters is not None and whole("clusters", clusters) > m:
        raise InputError(f"clusters must be from 1 to the {m} latents, got {clusters}")
    if n < _LEAST_ROWS:
        raise InputError(f"an index needs at least {_LEAST_ROWS} rows to learn from, got {n}")
    k = min(n_active, m)
    checked = min(_CHECKED, n // 4)
    drawn = generator(seed, "index rows").permutation(n)[: _ROWS + checked]
    told, chosen = (
        source.take(np.sort(drawn[: checked // 2])),
        source.take(np.sort(drawn[checked // 2 : checked])),
    )
    rows = source.take(np.sort(drawn[checked:]))
    # Twice as many as will be sought: the next ones are as good as evidence.
    hits = strongest(weight, bias, rows, min(2 * k, m))
    parts = cluster_latents(weight, rows, hits, clusters or default_clusters(m), seed)
    ranks = _ranks(parts, chosen, strongest(weight, bias, chosen, k))
    probes = _enough(ranks, parts.n, recall)
    found = _ranks(parts, told, strongest(weight, bias, told, k)) < probes
    return Index(
        clusters=parts,
        probes=probes,
        recall=float(found.mean()),
        cost=_cost(parts, told, probes),
        n_active=k,
        asked=recall,
        rows=len(rows),
        seed=seed,
    )


def _enough(ranks: npt.NDArray[np.int64], n: int, recall: float) -> int:
    """Return the least probes whose recall, less two standard errors, reaches the one asked for."""

    def surely(probes: int) -> float:
        rows = (ranks < probes).mean(axis=1)
        return float(rows.mean() - 2 * rows.std() / np.sqrt(len(rows)))

    if recall == 1:
        return n
    return min(n, 1 + bisect_left(range(n), recall, key=lambda fewer: surely(fewer + 1)))


def _order(parts: Clusters, rows: Floats) -> npt.NDArray[np.int64]:
    return np.argsort(-(rows @ parts.keys.T + parts.key_bias), axis=1, kind="stable")


def _ranks(parts: Clusters, rows: Floats, wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return after how many other clusters each wanted latent's cluster is probed, as `wanted`."""
    order = _order(parts, rows)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(parts.n)[None], axis=1)
    label = np.empty(len(parts.members), dtype=np.int64)
    label[parts.members] = np.repeat(np.arange(parts.n), np.diff(parts.first))
    return np.take_along_axis(rank, label[wanted], axis=1)


def _cost(parts: Clusters, rows: Floats, probes: int) -> float:
    members = np.diff(parts.first)[_order(parts, rows)[:, :probes]].sum(axis=1).mean()
    return float((parts.n + members) / len(parts.members))
