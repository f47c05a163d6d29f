"""overcomplete: ``TopKSAE`` trained by the package's own ``train_sae``.

Defaults follow its README: Adam with learning rate 5e-4, batches of 1024, mean squared error,
gradients clipped at norm 1.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from functools import partial

import torch
from _common import Encode, Job, Sparse, run
from torch import Tensor

# The package imports torchvision for its image models only. A published build of it does not load
# next to a CPU build of torch, so an empty module stands in.
_vision = types.ModuleType("torchvision")
_vision.transforms = types.ModuleType("torchvision.transforms")  # type: ignore[attr-defined]
sys.modules["torchvision"] = _vision

from overcomplete.sae import BatchTopKSAE, CosineScheduler, TopKSAE, train_sae  # noqa: E402
from overcomplete.sae.losses import top_k_auxiliary_loss  # noqa: E402


class _Batches:
    """The whole row budget as one pass of a data loader."""

    def __init__(self, x: Tensor, job: Job) -> None:
        self.x, self.job = x, job

    def __iter__(self) -> Iterator[Tensor]:
        return self.job.stream(self.x)


def _mse(x: Tensor, x_hat: Tensor, pre: Tensor, codes: Tensor, atoms: Tensor) -> Tensor:
    return (x - x_hat).square().mean()


def fit(x: Tensor, job: Job) -> tuple[Encode, Sparse]:
    """Train with ``train_sae`` and return the trained coder."""
    options = {"use_multiplier": True} if job.get("multiplier", False) else {}
    # Its batch top-k counts the active pairs of the whole batch.
    kind, k = (
        (BatchTopKSAE, job.k * job.batch) if job.get("batch_topk", False) else (TopKSAE, job.k)
    )
    sae = kind(x.shape[1], nb_concepts=job.m, top_k=k, dictionary_params=options)
    if job.get("tied_init", False):
        sae = sae.untied(bias=True)
    lr = job.get("lr", 5e-4)
    optimizer = torch.optim.Adam(sae.parameters(), lr=lr)
    scheduler = None
    if job.get("cosine", False):
        warmup = max(1, job.steps // 20)
        scheduler = CosineScheduler(optimizer, lr, lr * 1e-2, job.steps + 1, warmup)
    penalty = job.get("aux", 0.0)

    criterion = partial(top_k_auxiliary_loss, penalty=penalty) if penalty else _mse
    sae.train()
    train_sae(sae, _Batches(x, job), criterion, optimizer, scheduler, nb_epochs=1, monitoring=0)
    sae.eval()

    def encode(rows: Tensor) -> tuple[Tensor, Tensor]:
        _, codes, back = sae(rows)
        return codes, back

    return encode, torch.no_grad()(lambda rows: sae.encode(rows)[1].to_sparse_csr())


if __name__ == "__main__":
    run(fit)
