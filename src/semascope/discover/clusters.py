"""Latents that fire on the same rows, clustered, and keys that tell rows where to look."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from torch import Tensor

from semascope.core import generator, release_pages
from semascope.kernels import ClusteredEncoder, Clusters, LinearEncoder

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_BLOCK = 8192
_ROUNDS = 8
_SAMPLED = 64  # latents a cluster that k-means learns from
_RIDGE = 1e-3  # of the rows' mean square
_STRATA = (1 / 64, 1 / 16, 1 / 4)


def default_clusters(m: int) -> int:
    """Return a number of clusters for `m` latents: choosing among them costs as 8 sqrt(m).

    Examples
    --------
    >>> from semascope.discover.clusters import default_clusters
    >>> default_clusters(262_144), default_clusters(100)
    (4096, 25)
    """
    return max(1, min(round(8 * math.sqrt(m)), m // 4))


def strongest(weight: Floats, bias: Floats, rows: Floats, k: int) -> Ints:
    """Return the `k` strongest latents of each row (n, d) by exact search, int64 (n, k).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover.clusters import strongest
    >>> eye = np.eye(3, dtype=np.float32)
    >>> strongest(eye, eye[0] * 0, eye, k=1).tolist()
    [[0], [1], [2]]
    """
    encoder = ClusteredEncoder(weight, bias, Clusters.whole(*weight.shape))
    found = []
    for start in range(0, len(rows), _BLOCK):
        part = torch.from_numpy(np.ascontiguousarray(rows[start : start + _BLOCK]))
        found.append(encoder.topk(part, k, encoder.clusters.n).latents.reshape(-1, k).numpy())
        release_pages(weight)
    return np.concatenate(found)


def cluster_latents(weight: Floats, rows: Floats, hits: Ints, n: int, seed: int) -> Clusters:
    """Put latents that fire on similar rows together, and learn where each row should look.

    A few latents fire far more often than most. They are set apart in strata by how often they are
    among the strongest, the first 1/64 of all, the next up to 1/16, to 1/4, and the rest, and each
    stratum gets as many clusters: small ones for the frequent, large ones for the rare. Within a
    stratum latents are clustered by profile, the mean direction, from the rows' centre, of the rows
    on which they fire, with that of their own weights as one more row (spherical k-means): training
    spreads the weights, so that these hardly cluster, while the rows do.

    Keys are the least squares fit of the share of a cluster's members that fire on a row. Learning
    them from searches in place of centroids follows Vecchiato et al., "A learning-to-rank
    formulation of clustering-based approximate nearest neighbor search", 2024, arXiv:2404.11731.

    Parameters
    ----------
    weight : ndarray of float32, shape (m, d)
        The encoder's; may be mapped.
    rows : ndarray of float32, shape (s, d)
        Rows like those that will be encoded.
    hits : ndarray of int64, shape (s, k)
        Strongest latents of each.
    n : int
        Number of clusters, about.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover.clusters import cluster_latents
    >>> eye = np.eye(4, dtype=np.float32)
    >>> clusters = cluster_latents(eye, eye, np.arange(4)[:, None], n=2, seed=0)
    >>> sorted(clusters.members.tolist())
    [0, 1, 2, 3]
    """
    centre = rows.mean(axis=0)
    centred = rows - centre
    typical = float(np.linalg.norm(centred, axis=1).mean())
    m, (s, k) = len(weight), hits.shape
    fired = csr_array(
        (np.ones(s * k, np.float32), (hits.reshape(-1), np.repeat(np.arange(s), k))), shape=(m, s)
    )

    def profiles(index: Ints) -> Tensor:
        own = torch.from_numpy(np.array(weight[index], dtype=np.float32))
        seen = torch.from_numpy(np.asarray(fired[index] @ centred, dtype=np.float32))
        return _unit(seen + typical * _unit(own))

    random = generator(seed, "clusters")
    by_count = np.argsort(-np.diff(fired.indptr), kind="stable")
    edges = sorted({0, *(round(m * share) for share in _STRATA), m})
    each = max(1, round(n / (len(edges) - 1)))
    label, total = np.empty(m, np.int64), 0
    for low, high in pairwise(edges):
        stratum = np.sort(by_count[low:high])
        count = min(each, len(stratum))
        sample = np.sort(random.permutation(len(stratum))[: _SAMPLED * count])
        centroids = _spherical(profiles(stratum[sample]), count, random)
        nearest = LinearEncoder(centroids, torch.zeros(count))
        for start in range(0, len(stratum), _BLOCK):
            part = stratum[start : start + _BLOCK]
            label[part] = total + nearest.topk(profiles(part), 1).latents.numpy()
            release_pages(weight)
        total += count
    members = np.argsort(label, kind="stable").astype(np.int32)
    sizes = np.bincount(label, minlength=total)
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    keys, bias = _keys(centred, label[hits], sizes)
    return Clusters(keys, bias - keys @ centre, members, first)


def _keys(rows: Floats, hit: Ints, sizes: Ints) -> tuple[Floats, Floats]:
    """Fit the share of each cluster that fires on rows (s, d), linearly, from hits (s, k)."""
    (s, d), k, n = rows.shape, hit.shape[1], len(sizes)
    shape = (n, s)
    fired = csr_array(
        (
            1.0 / np.maximum(sizes, 1)[hit.reshape(-1)],
            (hit.reshape(-1), np.repeat(np.arange(s), k)),
        ),
        shape=shape,
    )
    x = rows.astype(np.float64)
    second = x.T @ x
    second += _RIDGE * max(np.trace(second) / d, 1e-30) * np.eye(d)
    # The rows are centred, so that slope and intercept separate.
    keys = np.linalg.solve(second, np.asarray(fired @ x).T).T
    # What is left of clusters that never fire slows products down by factors where it is denormal.
    keys[np.abs(keys) < 1e-12 * np.abs(keys).max()] = 0
    return np.ascontiguousarray(keys, dtype=np.float32), np.asarray(
        fired.sum(axis=1) / s, dtype=np.float32
    )


def _spherical(x: Tensor, n: int, random: np.random.Generator) -> Tensor:
    """Return unit-norm centroids (n, d) of unit-norm rows by k-means on the sphere."""
    centroids = x[torch.from_numpy(random.permutation(len(x))[:n])].clone()
    for _ in range(_ROUNDS):
        nearest = LinearEncoder(centroids, torch.zeros(n))
        label = torch.cat([nearest.topk(part, 1).latents for part in torch.split(x, _BLOCK)])
        sums = torch.zeros_like(centroids).index_add_(0, label, x)
        # An empty cluster begins again from a row.
        empty = torch.bincount(label, minlength=n) == 0
        sums[empty] = x[torch.from_numpy(random.integers(len(x), size=int(empty.sum())))]
        centroids = _unit(sums)
    return centroids


def _unit(x: Tensor) -> Tensor:
    unit: Tensor = x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return unit
