"""dictionary-learning: ``TopKTrainer`` driven by the package's own ``trainSAE``.

Defaults are the package's and those of its published demonstration: learning rate scaled as
2e-4 / sqrt(m / 2**14), activations normalised to unit mean square, auxiliary loss 1/32, linear
decay over the last fifth of the steps. The default warm-up of 1000 steps is longer than a small
budget and the trainer refuses it, so it becomes a share of the steps.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from _common import Encode, Job, Sparse, run
from dictionary_learning.trainers.batch_top_k import BatchTopKSAE, BatchTopKTrainer
from dictionary_learning.trainers.top_k import AutoEncoderTopK, TopKTrainer
from dictionary_learning.training import trainSAE


class _Data:
    """A stream that can be restarted: one pass for the norm estimate, one for training."""

    def __init__(self, x: torch.Tensor, job: Job, normalise: bool) -> None:
        self.x, self.job, self.estimate = x, job, normalise

    def __iter__(self) -> Iterator[torch.Tensor]:
        if self.estimate:
            self.estimate = False
            return iter([self.x])
        return self.job.stream(self.x)


def fit(x: torch.Tensor, job: Job) -> tuple[Encode, Sparse]:
    """Train with ``trainSAE`` and return the coder it saved."""
    threshold = job.get("dead_threshold", None)

    batch = job.get("batch_topk", False)

    class Trainer(BatchTopKTrainer if batch else TopKTrainer):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            # Fixed at ten million rows in the package, which no small data set reaches.
            if threshold is not None:
                self.dead_feature_threshold = threshold

    warmup = min(1000, max(1, int(job.get("warmup", 0.1) * job.steps)))
    decay = job.get("decay_start", 0.8)
    normalise = job.get("normalize", True)
    config = {
        "trainer": Trainer,
        "steps": job.steps,
        "activation_dim": x.shape[1],
        "dict_size": job.m,
        "k": job.k,
        "layer": 0,
        "lm_name": "vectors",
        "lr": job.get("lr", None),
        "auxk_alpha": job.get("aux", 1 / 32),
        "warmup_steps": warmup,
        "decay_start": None if decay is None else max(warmup + 1, int(decay * job.steps)),
        "seed": job.seed,
        "device": "cpu",
    }
    if batch:
        # The threshold of inference is followed from then on; by default from step 1000.
        config["threshold_start_step"] = job.steps // 2
    with tempfile.TemporaryDirectory() as folder:
        trainSAE(
            data=_Data(x, job, normalise),
            trainer_configs=[config],
            steps=job.steps,
            save_dir=folder,
            normalize_activations=normalise,
            device="cpu",
        )
        kind = BatchTopKSAE if batch else AutoEncoderTopK
        sae = kind.from_pretrained(str(Path(folder) / "trainer_0" / "ae.pt"))
    sae.eval()

    def encode(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        codes = sae.encode(rows)
        return codes, sae.decode(codes)

    return encode, torch.no_grad()(lambda rows: sae.encode(rows).to_sparse_csr())


if __name__ == "__main__":
    run(fit)
