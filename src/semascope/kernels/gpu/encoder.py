"""Selection of active latents on a GPU: what `LinearEncoder` hands over to."""

from __future__ import annotations

import torch
from torch import Tensor

from semascope.kernels.gpu import candidates
from semascope.kernels.gpu.lower import FORMATS, lower_rows
from semascope.kernels.gpu.peaks import Peaks, peaks, tiling
from semascope.kernels.ops import SparseRows


class Packed:
    """An encoder's weights in the precision in which candidates are found.

    The product keeps, for every row, the strongest two latents of each group of latents. Groups
    are disjoint, so the k-th largest of their scores, less the bound of what rounding may have
    taken, is reached by k latents: no latent is wanted whose score plus the bound stays below.
    Where the second of a group reaches that level, a third one may, and all of the group count.
    What counts is scored again in float32, and a row with too many candidates for its buffer scores
    all latents, in the same kernel: the host need not know.

    Parameters
    ----------
    weight : Tensor of shape (m, d)
    bias : Tensor of shape (m,)
    precision : {"auto", "float32", "bfloat16", "int8", "float8"}
        "auto" is bfloat16. Eight bits multiply at twice the rate, and leave more candidates: on
        MiniLM vectors the bound is 0.7 % of the norms' product with bfloat16, 1.5 % with int8,
        whose sums are exact, and 12 % with float8 (e4m3), which needs compute capability 9 and is
        bfloat16 without.
    """

    most = candidates.MOST

    def __init__(self, weight: Tensor, bias: Tensor, precision: str) -> None:
        if precision not in ("auto", *FORMATS):
            raise ValueError(f"precision '{precision}' is not known")
        old = weight.is_cuda and torch.cuda.get_device_capability(weight.device) < (9, 0)
        if precision == "auto" or (precision == "float8" and old):
            precision = "bfloat16"
        self.precision = precision
        self.form = FORMATS[precision]
        self.weight, self.bias = weight, bias
        self.low = lower_rows(weight, self.form)

    def _peaks(self, x: Tensor, k: int, bar: Tensor | None = None) -> Peaks:
        m, d = self.weight.shape
        bias, mass = self.bias, self.bias.abs()
        if bar is not None:
            # Candidates reach zero with their bar taken off the bias.
            bias, mass = bias - bar, mass + bar.abs()
        low, how = lower_rows(x, self.form), tiling(m, d, k, self.form)
        return peaks(low, self.low, bias, mass, self.form, d, how)

    def topk(self, x: Tensor, k: int, by_latent: bool) -> SparseRows:
        """Keep the `k` largest of each row."""
        found = self._peaks(x, k)
        latents, values = candidates.topk(found, self.weight, self.bias, x, k, by_latent)
        offsets = torch.arange(0, latents.numel(), k, device=x.device)
        return SparseRows(offsets, latents.reshape(-1), values.reshape(-1))

    def batch_topk(self, x: Tensor, k: int) -> tuple[SparseRows, Tensor]:
        """Keep the ``b * k`` largest positive ones of all rows; also the smallest of them."""
        most = len(x) * k
        found = self._peaks(x, k)
        level = candidates.level_of(found, most)
        rows, latents, scores = candidates.above(found, level, self.weight, self.bias, x)
        # Only candidates are sorted; of equal ones the first are kept.
        order = scores.sort(descending=True, stable=True).indices[:most]
        kept = torch.zeros_like(scores, dtype=torch.bool)
        kept[order] = True
        kept &= scores > 0
        codes = _ragged(rows[kept], latents[kept], scores[kept], len(x))
        none = not len(codes.values)
        return codes, codes.values.new_zeros(()) if none else codes.values.min()

    def threshold(self, x: Tensor, bar: Tensor) -> SparseRows:
        """Keep the scores above each latent's own bar."""
        found = self._peaks(x, 32, bar)
        level = torch.zeros(1, device=x.device)
        rows, latents, scores = candidates.above(found, level, self.weight, self.bias, x)
        kept = scores > bar[latents]
        return _ragged(rows[kept], latents[kept], scores[kept], len(x))


def _ragged(rows: Tensor, latents: Tensor, values: Tensor, b: int) -> SparseRows:
    offsets = torch.searchsorted(rows, torch.arange(b, device=rows.device))
    return SparseRows(offsets, latents, values)
