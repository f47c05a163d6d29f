"""Latents in clusters: those of a row are sought in the clusters most likely to hold them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from semascope.core import InputError
from semascope.kernels import native
from semascope.kernels.encoder import LinearEncoder, Precision
from semascope.kernels.ops import SparseRows, scores

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Clusters:
    """A partition of `m` latents, and what tells which parts a row should look into.

    Parameters
    ----------
    keys : ndarray of float32, shape (c, d)
        A row `x` probes the clusters with the largest ``keys @ x + key_bias``.
    key_bias : ndarray of float32, shape (c,)
    members : ndarray of int32, shape (m,)
        Latents, cluster after cluster.
    first : ndarray of int64, shape (c + 1,)
        Where each cluster starts in `members`, and the end.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.kernels import Clusters
    >>> len(Clusters.whole(m=5, d=2, size=2).key_bias)
    3
    """

    keys: Floats
    key_bias: Floats
    members: npt.NDArray[np.int32]
    first: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        c = len(self.first) - 1
        if self.keys.ndim != 2 or len(self.keys) != c or self.key_bias.shape != (c,):
            raise InputError(
                f"the parts of the clusters do not fit together: keys {self.keys.shape}, "
                f"key_bias {self.key_bias.shape}, first {self.first.shape}"
            )

    @property
    def n(self) -> int:
        """Number of clusters."""
        return len(self.key_bias)

    @classmethod
    def whole(cls, m: int, d: int, size: int = 4096) -> Clusters:
        """Cut the latents into runs; who probes all of them searches exactly."""
        first = np.append(np.arange(0, m, size), m).astype(np.int64)
        zeros = np.zeros((len(first) - 1, d), dtype=np.float32)
        return cls(zeros, zeros[:, 0].copy(), np.arange(m, dtype=np.int32), first)


class ClusteredEncoder:
    """Finds the active latents of a batch among the members of a few clusters a row.

    Rows are grouped by the clusters they probe, so that each cluster's weights are read once for
    all of them. Scores of members find candidates as in `LinearEncoder`, which are scored again in
    float32: what is found has exact activations, and who probes all clusters finds what exact
    search finds.

    Parameters
    ----------
    weight : ndarray of float32, shape (m, d)
        May be mapped from a file; no copy is made unless `packed`.
    bias : ndarray of float32, shape (m,)
    clusters : Clusters
    packed : bool, default False
        Lay all clusters out for the product once, in bytes where the processor multiplies them:
        ``m * d`` bytes (four times that without), and faster for few rows at a time. Otherwise
        clusters are laid out as rows come to them, and memory is bounded by the batch.
    precision : {"auto", "float32", "bfloat16", "int8"}, default "auto"
        In what candidates are found; the codes are the same. "auto" is int8 where it is at hand.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from semascope.kernels import ClusteredEncoder, Clusters
    >>> eye = np.eye(4, dtype=np.float32)
    >>> encoder = ClusteredEncoder(eye, eye[0] * 0, Clusters.whole(4, 4, size=2))
    >>> encoder.topk(torch.tensor([[0.0, 1.0, 0.0, 3.0]]), k=1, probes=2).latents.tolist()
    [3]
    """

    def __init__(
        self,
        weight: Floats,
        bias: Floats,
        clusters: Clusters,
        *,
        packed: bool = False,
        precision: Precision = "auto",
    ) -> None:
        m, d = weight.shape
        if clusters.keys.shape[1] != d or len(clusters.members) != m or bias.shape != (m,):
            raise InputError(
                f"clusters of {len(clusters.members)} latents in {clusters.keys.shape[1]} "
                f"dimensions do not fit weights {weight.shape} and bias {bias.shape}"
            )
        self.weight, self.bias, self.clusters = weight, bias, clusters
        self.packed = packed
        self.precision: Precision = "int8" if precision == "auto" else precision

    @cached_property
    def _keys(self) -> LinearEncoder:
        keys, bias = self.clusters.keys, self.clusters.key_bias
        # Copies in rows: maps cannot be written, and columns would not reach the kernels.
        parts = (torch.from_numpy(np.array(part, order="C")) for part in (keys, bias))
        return LinearEncoder(*parts, precision="float32")

    @cached_property
    def _groups(self) -> Any:
        core = native.compiled()
        if core is None or self.weight.dtype != np.float32:
            return None
        # Plain arrays over the same memory: a map is an array of its own kind.
        parts = (self.weight, self.bias, self.clusters.members, self.clusters.first)
        plain = [np.ascontiguousarray(part).view(np.ndarray) for part in parts]
        return core.Groups(*plain, self.precision, self.packed, torch.get_num_threads())

    def chosen(self, x: Tensor, probes: int) -> Tensor:
        """Return the clusters that each row (b, d) probes, ascending; int64 (b, probes)."""
        c = self.clusters.n
        if not 1 <= probes <= c:
            raise InputError(f"probes must be from 1 to the {c} clusters, got {probes}")
        if probes == c:
            return torch.arange(c).repeat(len(x), 1)
        packed = self._keys.packed(x)
        if packed is None:
            best = scores(x, self._keys.weight, self._keys.bias).topk(probes, dim=1).indices
            return best.sort(dim=1).values
        chosen = torch.empty((len(x), probes), dtype=torch.int64)
        flat = native.plain(chosen.reshape(-1))[0]
        packed.choose(*native.plain(x), probes, flat, torch.get_num_threads())
        return chosen

    def topk(self, x: Tensor, k: int, probes: int, *, by_latent: bool = False) -> SparseRows:
        """Keep the `k` largest of each row (b, d) among the clusters it probes, cut at zero.

        Rows that found fewer are filled with other latents at zero, so that every row has `k`
        pairs. They stand strongest first, or by latent.
        """
        if not 1 <= k <= len(self.bias):
            raise InputError(f"k must be from 1 to the {len(self.bias)} latents, got {k}")
        x = x.contiguous()
        chosen = self.chosen(x, probes)
        offsets = torch.arange(0, len(x) * k, k)
        if self._groups is None:
            values, latents = self._plain(x, k, chosen)
            if by_latent:
                latents, order = latents.sort(dim=1)
                values = values.gather(1, order)
            return SparseRows(offsets, latents.reshape(-1), values.reshape(-1).clamp_(min=0))
        latents, values = torch.empty(len(x) * k, dtype=torch.int64), torch.empty(len(x) * k)
        self._groups.topk(
            *native.plain(x, chosen.reshape(-1)),
            k,
            by_latent,
            *native.plain(latents, values),
            torch.get_num_threads(),
        )
        return SparseRows(offsets, latents, values)

    def _plain(self, x: Tensor, k: int, chosen: Tensor) -> tuple[Tensor, Tensor]:
        first, members = self.clusters.first, self.clusters.members
        best = torch.full((len(x), k), -torch.inf, dtype=x.dtype)
        which = torch.zeros((len(x), k), dtype=torch.int64)
        flat = chosen.reshape(-1).numpy()
        order = torch.from_numpy(np.argsort(flat, kind="stable") // max(1, chosen.shape[1]))
        numbers, counts = np.unique(flat, return_counts=True)
        parts = torch.split(order, counts.tolist())
        for c, rows in zip(numbers.tolist(), parts, strict=True):
            own = members[first[c] : first[c + 1]]
            weight, bias = torch.from_numpy(self.weight[own]), torch.from_numpy(self.bias[own])
            found = torch.addmm(bias, x[rows], weight.T)
            latents = torch.from_numpy(own.astype(np.int64)).expand(len(rows), -1)
            values, at = torch.cat([best[rows], found], 1).topk(k, dim=1)
            best[rows] = values
            which[rows] = torch.cat([which[rows], latents], 1).gather(1, at)
        for row in torch.isinf(best).any(1).nonzero()[:, 0].tolist():
            missing = torch.isinf(best[row])
            free = np.setdiff1d(np.arange(min(2 * k, len(self.bias))), which[row, ~missing].numpy())
            which[row, missing] = torch.from_numpy(free[: int(missing.sum())])
            best[row, missing] = 0.0
        return best, which
