"""A linear encoder and a rule of selection, as one operation that never writes all scores down."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor

from semascope.kernels import native
from semascope.kernels.devices import on_triton
from semascope.kernels.ops import (
    SparseRows,
    scores,
    select_batch_topk,
    select_threshold,
    select_topk,
)

Precision = Literal["auto", "float32", "bfloat16", "int8", "float8"]


class LinearEncoder:
    """Weights of an encoder, laid out so that the active latents of a batch are found fast.

    The compiled kernels compute scores in tiles that stay in cache, in bytes or bfloat16 where the
    processor multiplies them, and keep every latent whose score, plus a bound on what rounding may
    have taken from it, reaches the row's current level. The bound is that of Cauchy and Schwarz on
    the parts that rounding took from the row and from the latent's weights, so no latent is missed.
    The few that are kept are scored again in float32. Codes are therefore those of float32 scores,
    up to ties within float32's own rounding.

    On a GPU the Triton kernels do the same, in tiles that stay in registers: see `gpu.encoder`.
    Other tensors (float64, say) and installations without compiled kernels take torch's way.

    Parameters
    ----------
    weight : Tensor of shape (m, d)
    bias : Tensor of shape (m,)
    precision : {"auto", "float32", "bfloat16", "int8", "float8"}, default "auto"
        In what candidates are found, where the processor can; the codes are the same. "auto" is
        int8 for 2,048 latents or more if bytes hold their weights well enough, else bfloat16. On a
        GPU it is bfloat16; float8 is e4m3 from Hopper on, and bfloat16 elsewhere.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import LinearEncoder
    >>> encoder = LinearEncoder(torch.eye(2), torch.zeros(2))
    >>> encoder.topk(torch.tensor([[1.0, 3.0]]), k=1).latents.tolist()
    [1]
    """

    def __init__(self, weight: Tensor, bias: Tensor, *, precision: Precision = "auto") -> None:
        self.weight, self.bias, self.precision = weight, bias, precision
        self._packed: Any = None
        self._lowered: Any = None
        self._versions = (-1, -1)

    def __getstate__(self) -> dict[str, Any]:
        # The layout belongs to this processor; it is made again where it is needed.
        return self.__dict__ | {"_packed": None, "_lowered": None}

    def packed(self, *others: Tensor) -> Any:
        """Return the weights as the compiled kernels want them, or None if these cannot serve."""
        if not native.serves(self.weight, self.bias, *others):
            return None
        if self._changed() or self._packed is None:
            precision = "bfloat16" if self.precision == "float8" else self.precision
            self._packed = native.compiled().Packed(
                *native.plain(self.weight, self.bias), precision, torch.get_num_threads()
            )
        return self._packed

    def lowered(self, *others: Tensor) -> Any:
        """Return the weights as the Triton kernels want them, or None if these cannot serve."""
        if not on_triton(self.weight, self.bias, *others):
            return None
        if self._changed() or self._lowered is None:
            from semascope.kernels.gpu.encoder import Packed

            self._lowered = Packed(self.weight, self.bias, self.precision)
        return self._lowered

    def _changed(self) -> bool:
        """Forget layouts after in-place changes made through torch; the kernels' own follow."""
        versions = (self.weight._version, self.bias._version)
        changed = versions != self._versions
        if changed:
            self._packed, self._lowered, self._versions = None, None, versions
        return changed

    def topk(self, x: Tensor, k: int, *, by_latent: bool = False) -> SparseRows:
        """Keep the `k` largest of each row (b, d), cut at zero (TopK; Gao et al., 2024).

        Rows with fewer than `k` positive scores keep zeros, so that every row has `k` pairs.
        They stand strongest first, or by latent.
        """
        lowered = self.lowered(x)
        if lowered is not None and k <= lowered.most:
            return cast(SparseRows, lowered.topk(x, k, by_latent))
        packed = self.packed(x)
        if packed is None:
            rows = select_topk(scores(x, self.weight, self.bias), k)
            return _by_latent(rows, k) if by_latent else rows
        latents = torch.empty(len(x) * k, dtype=torch.int64)
        values = torch.empty(len(x) * k)
        packed.topk(
            *native.plain(self.weight, self.bias, x),
            k,
            by_latent,
            *native.plain(latents, values),
            torch.get_num_threads(),
        )
        return SparseRows(torch.arange(0, len(latents), k), latents, values)

    def batch_topk(self, x: Tensor, k: int) -> tuple[SparseRows, float]:
        """Keep the `b * k` largest positive scores of a whole batch (Bussmann et al., 2024).

        Returns
        -------
        (SparseRows, float)
            The codes, ragged from row to row, and the smallest activation that was kept.
        """
        lowered = self.lowered(x)
        if lowered is not None:
            found, smallest = lowered.batch_topk(x, k)
            return found, float(smallest)
        packed = self.packed(x)
        if packed is None:
            return select_batch_topk(scores(x, self.weight, self.bias), k)
        arrays = native.plain(self.weight, self.bias, x)
        rows = _ragged(packed.batch_topk(*arrays, len(x) * k, torch.get_num_threads()))
        return rows, float(rows.values.min()) if len(rows.values) else 0.0

    def threshold(self, x: Tensor, threshold: Tensor) -> SparseRows:
        """Keep the scores above each latent's own threshold (m,)."""
        lowered = self.lowered(x, threshold)
        if lowered is not None:
            return cast(SparseRows, lowered.threshold(x, threshold))
        packed = self.packed(x, threshold)
        if packed is None:
            return select_threshold(scores(x, self.weight, self.bias), threshold)
        arrays = native.plain(self.weight, self.bias, x, threshold)
        return _ragged(packed.threshold(*arrays, torch.get_num_threads()))


def _ragged(found: tuple[Any, Any, Any]) -> SparseRows:
    first, latents, values = (torch.from_numpy(part) for part in found)
    return SparseRows(first[:-1], latents, values)


def _by_latent(rows: SparseRows, k: int) -> SparseRows:
    latents, order = rows.latents.reshape(-1, k).sort(dim=1)
    values = rows.values.reshape(-1, k).gather(1, order)
    return SparseRows(rows.offsets, latents.reshape(-1), values.reshape(-1))
