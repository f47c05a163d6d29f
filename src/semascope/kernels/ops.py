"""Dictionary learning in plain torch: the reference, and the way without compiled kernels.

A batch of codes is a `SparseRows`: the encoder's product is dense, all that follows touches active
latents.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from semascope.kernels.devices import on_triton


@dataclass(frozen=True)
class SparseRows:
    """Codes of one batch: the active latents of each row and their activations.

    Parameters
    ----------
    offsets : int64 tensor of shape (b,)
        Where each row starts in `latents` and `values`.
    latents : int64 tensor of shape (nnz,)
        Active latents, row after row.
    values : float32 tensor of shape (nnz,)
        Their activations.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import select_topk
    >>> codes = select_topk(torch.eye(2), k=1)
    >>> codes.latents.tolist(), codes.values.tolist()
    ([0, 1], [1.0, 1.0])
    """

    offsets: Tensor
    latents: Tensor
    values: Tensor

    @property
    def first(self) -> Tensor:
        """Where each row starts, and the end; int64 of shape (b + 1,)."""
        return torch.nn.functional.pad(self.offsets, (0, 1), value=len(self.latents))

    @cached_property
    def rows(self) -> Tensor:
        """The row of every active pair, int64 of shape (nnz,)."""
        rows = torch.arange(len(self.offsets), device=self.offsets.device)
        return torch.repeat_interleave(rows, torch.diff(self.first), output_size=len(self.latents))

    @cached_property
    def by_latent(self) -> tuple[Tensor, Tensor]:
        """Order that sorts the pairs by latent (rows ascending), and the sorted latents."""
        latents, order = torch.sort(self.latents, stable=True)
        return order, latents


def scores(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the encoder's pre-activations ``x @ weight.T + bias``, shape (b, m).

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import scores
    >>> scores(torch.ones(1, 2), torch.eye(2), torch.tensor([0.0, 1.0])).tolist()
    [[1.0, 2.0]]
    """
    return torch.addmm(bias, x, weight.T)


def select_topk(pre: Tensor, k: int) -> SparseRows:
    """Keep the `k` largest of each row of pre-activations (b, m), cut at zero.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import select_topk
    >>> select_topk(torch.tensor([[1.0, 3.0, -2.0]]), k=2).values
    tensor([3., 1.])
    """
    values, latents = torch.topk(pre, k, dim=1, sorted=True)
    offsets = torch.arange(0, values.numel(), k, device=pre.device)
    return SparseRows(offsets, latents.reshape(-1), values.clamp_(min=0).reshape(-1))


def select_batch_topk(pre: Tensor, k: int) -> tuple[SparseRows, float]:
    """Keep the `b * k` largest positive pre-activations of a whole batch (Bussmann et al., 2024).

    Returns
    -------
    (SparseRows, float)
        The codes, ragged from row to row, and the smallest activation that was kept.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import select_batch_topk
    >>> codes, smallest = select_batch_topk(torch.tensor([[1.0, 3.0], [0.5, 0.1]]), k=1)
    >>> codes.rows.tolist(), smallest
    ([0, 0], 1.0)
    """
    b, m = pre.shape
    flat, index = torch.topk(pre.reshape(-1), b * k, sorted=False)
    kept = index[flat > 0].sort().values
    values = pre.reshape(-1)[kept]
    smallest = float(values.min()) if len(values) else 0.0
    return _ragged(kept // m, kept % m, values, b), smallest


def select_threshold(pre: Tensor, threshold: Tensor) -> SparseRows:
    """Keep the pre-activations above each latent's own threshold (m,).

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import select_threshold
    >>> select_threshold(torch.tensor([[1.0, 3.0]]), torch.tensor([2.0, 2.0])).latents
    tensor([1])
    """
    rows, latents = torch.nonzero(pre > threshold, as_tuple=True)
    return _ragged(rows, latents, pre[rows, latents], len(pre))


def _ragged(rows: Tensor, latents: Tensor, values: Tensor, b: int) -> SparseRows:
    counts = torch.bincount(rows, minlength=b)
    return SparseRows(torch.cumsum(counts, 0) - counts, latents, values)


def decode(codes: SparseRows, atoms: Tensor) -> Tensor:
    """Return ``codes @ atoms``, shape (b, d), touching active atoms only.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import decode, select_topk
    >>> codes = select_topk(torch.tensor([[1.0, 3.0]]), k=1)
    >>> decode(codes, torch.eye(2)).tolist()
    [[0.0, 3.0]]
    """
    if on_triton(atoms, codes.values):
        from semascope.kernels.gpu import rows

        return rows.decode(codes, atoms)
    return embedding_bag(
        codes.latents, atoms, codes.offsets, mode="sum", per_sample_weights=codes.values
    )


def code_gradients(codes: SparseRows, output_gradient: Tensor, atoms: Tensor) -> Tensor:
    """Return the gradient with respect to the active activations, shape (nnz,).

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import code_gradients, select_topk
    >>> codes = select_topk(torch.tensor([[1.0, 3.0]]), k=1)
    >>> code_gradients(codes, torch.tensor([[5.0, 7.0]]), torch.eye(2)).tolist()
    [7.0]
    """
    if on_triton(atoms, codes.values, output_gradient):
        from semascope.kernels.gpu import rows

        return rows.code_gradients(codes, output_gradient, atoms)
    # The backward pass of embedding_bag is the one dot product of gathered rows in torch that never
    # writes the gathered rows down: fifteen times faster here than index_select and a product.
    values = codes.values.detach().requires_grad_(True)
    with torch.enable_grad():
        out = embedding_bag(
            codes.latents, atoms.detach(), codes.offsets, mode="sum", per_sample_weights=values
        )
    return torch.autograd.grad(out, values, output_gradient)[0]


def weight_gradients(codes: SparseRows, values: Tensor, dense: Tensor, m: int) -> Tensor:
    """Return ``transpose(values) @ dense``, shape (m, d), where `values` sit on the active pairs.

    With the activations and the output's gradient this is the gradient of the atoms; with the
    activations' gradient and the inputs it is the gradient of the encoder.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import select_topk, weight_gradients
    >>> codes = select_topk(torch.tensor([[1.0, 3.0]]), k=1)
    >>> weight_gradients(codes, codes.values, torch.tensor([[1.0, 2.0]]), m=2).tolist()
    [[0.0, 0.0], [3.0, 6.0]]
    """
    if on_triton(values, dense):
        from semascope.kernels.gpu import training

        return training.weight_gradients(codes, values, dense, m)
    order, latents = codes.by_latent
    offsets = torch.searchsorted(latents, torch.arange(m, device=latents.device))
    return embedding_bag(
        codes.rows[order], dense, offsets, mode="sum", per_sample_weights=values[order]
    )
