"""sae-lens: its training SAE classes trained by its own ``SAETrainer``.

Defaults are those of the package's trainer: Adam with learning rate 3e-4, constant schedule,
auxiliary loss coefficient 1, decoder rows initialised to norm 0.1, inputs scaled to norm sqrt(d)
by the trainer itself ("expected_average_only_in").
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from _common import Encode, Job, Sparse, run
from sae_lens import (
    BatchTopKTrainingSAE,
    BatchTopKTrainingSAEConfig,
    TopKTrainingSAE,
    TopKTrainingSAEConfig,
)
from sae_lens.config import LoggingConfig, SAETrainerConfig
from sae_lens.training.sae_trainer import SAETrainer


def fit(x: torch.Tensor, job: Job) -> tuple[Encode, Sparse]:
    """Train with ``SAETrainer.fit`` and return the trained coder."""
    kind, sizes = TopKTrainingSAE, TopKTrainingSAEConfig
    if job.get("batch_topk", False):
        kind, sizes = BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
    sae = kind(
        sizes(
            d_in=x.shape[1],
            d_sae=job.m,
            k=job.k,
            device="cpu",
            normalize_activations=job.get("normalize", "expected_average_only_in"),
            decoder_init_norm=job.get("decoder_init_norm", 0.1),
            aux_loss_coefficient=job.get("aux", 1.0),
        )
    )
    lr = job.get("lr", 3e-4)
    cfg = SAETrainerConfig(
        total_training_samples=job.steps * job.batch,
        train_batch_size_samples=job.batch,
        lr=lr,
        lr_end=lr,
        autocast=job.get("autocast", False),
        lr_warm_up_steps=math.ceil(job.get("warmup", 0.0) * job.steps),
        lr_decay_steps=int(job.get("decay", 0.0) * job.steps),
        adam_beta1=job.get("beta1", 0.9),
        dead_feature_window=job.get("dead_window", 1000),
        # The sparsity window only feeds logging, and it draws on wandb when it closes.
        feature_sampling_window=job.steps + 1,
        logger=LoggingConfig(log_to_wandb=False),
        n_batches_for_norm_estimate=1,
    )
    # The trainer draws the batches of its norm estimate from the same stream. They are not
    # trained on, so they come on top of the budget.
    norm_batches = [x] if _estimates(sae) else []

    def provider() -> Iterator[torch.Tensor]:
        yield from norm_batches
        yield from job.stream(x)

    SAETrainer(cfg=cfg, sae=sae, data_provider=provider()).fit()
    sae.eval()

    def encode(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        codes = sae.encode(batch)
        return codes, sae.decode(codes)

    return encode, torch.no_grad()(lambda rows: sae.encode(rows).to_sparse_csr())


def _estimates(sae: TopKTrainingSAE) -> bool:
    return sae.cfg.normalize_activations in ("expected_average_only_in", "covariance_whitening")


if __name__ == "__main__":
    run(fit)
