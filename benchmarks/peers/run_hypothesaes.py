"""hypothesaes: ``SparseAutoencoder`` trained by its own ``fit``.

Defaults are those of ``fit``: Adam with learning rate 5e-4, batches of 512, auxiliary loss 1/32.
It trains in whole epochs, so it sees the largest number of them that fits in the budget, or the
budget's first rows once.
"""

from __future__ import annotations

import torch
from _common import Encode, Job, Sparse, run
from hypothesaes.sae import SparseAutoencoder
from torch import Tensor


def fit(x: Tensor, job: Job) -> tuple[Encode, Sparse]:
    """Train with ``SparseAutoencoder.fit`` and return the trained coder."""
    batch_topk = job.get("batch_topk", False)
    sae = SparseAutoencoder(
        x.shape[1],
        job.m,
        job.k,
        aux_k=job.get("aux_k", None),
        dead_neuron_threshold_steps=job.get("dead_steps", 256),
        use_batch_topk=batch_topk,
        device="cpu",
    )
    rows = x[: job.budget]
    epochs = job.budget // len(rows)
    job.served = epochs * len(rows)
    sae.fit(
        rows,
        batch_size=job.get("batch", 512),
        learning_rate=job.get("lr", 5e-4),
        n_epochs=epochs,
        aux_coef=job.get("aux", 1 / 32),
        show_progress=False,
    )
    sae.eval()

    def encode(rows: Tensor) -> tuple[Tensor, Tensor]:
        back, info = sae(rows)
        return info["activations"], back

    @torch.no_grad()
    def sparse(rows: Tensor) -> object:
        info = sae(rows)[1]
        if batch_topk:
            return info["activations"].to_sparse_csr()
        return info["topk_indices"], info["topk_values"]

    return encode, sparse


if __name__ == "__main__":
    run(fit)
