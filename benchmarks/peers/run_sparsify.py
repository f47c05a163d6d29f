"""eai-sparsify: ``SparseCoder`` trained by the package's own ``Trainer``.

The trainer hooks a layer of a language model, so the rows are offered as a model of one layer that
looks them up by number. Defaults are the package's: signum with learning rate
5e-3 / sqrt(m / 2**14), no auxiliary loss. With ``optimizer: adam`` the schedule is its linear
warm-up and decay; the default warm-up of 1000 steps is cut to a share of a small budget.
"""

from __future__ import annotations

import tempfile
from types import SimpleNamespace

import torch
from _common import Encode, Job, Sparse, run
from sparsify import SparseCoderConfig, TrainConfig, Trainer
from torch import nn


class _Lookup(nn.Module):
    def __init__(self, x: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("x", x)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.x[ids]


class _Model(nn.Module):
    """Just enough of a language model for the trainer's hook."""

    def __init__(self, x: torch.Tensor) -> None:
        super().__init__()
        self.rows = _Lookup(x)
        self.config = SimpleNamespace(num_hidden_layers=1)
        self.dummy_inputs = {"input_ids": torch.zeros(1, 2, dtype=torch.long)}
        self.device = torch.device("cpu")

    @property
    def base_model(self) -> nn.Module:
        return self

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.rows(input_ids)


class _Ids(torch.utils.data.Dataset):
    """One sequence per batch, so that a sequence of the trainer is a batch of rows."""

    def __init__(self, order: torch.Tensor) -> None:
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        return {"input_ids": self.order[i]}


def fit(x: torch.Tensor, job: Job) -> tuple[Encode, Sparse]:
    """Train with ``Trainer.fit`` and return the trained coder."""
    options = {}
    if "dead_threshold" in job.config:
        options["dead_feature_threshold"] = job.config["dead_threshold"]
    with tempfile.TemporaryDirectory() as folder:
        cfg = TrainConfig(
            SparseCoderConfig(
                num_latents=job.m,
                k=job.k,
                multi_topk=job.get("multi_topk", False),
                # It has no batch top-k; the strongest of each of k groups is its fast selection.
                activation="groupmax" if job.get("batch_topk", False) else "topk",
            ),
            batch_size=1,
            optimizer=job.get("optimizer", "signum"),
            lr=job.get("lr", None),
            lr_warmup_steps=min(1000, int(job.get("warmup", 0.1) * job.steps)),
            auxk_alpha=job.get("aux", 0.0),
            hookpoints=["rows"],
            init_seeds=[job.seed],
            log_to_wandb=False,
            save_every=job.steps + 2,
            save_dir=folder,
            **options,
        )
        ids = _Ids(torch.from_numpy(job.order(len(x))))
        trainer = Trainer(cfg, ids, _Model(x))  # type: ignore[arg-type]
        trainer.fit()
        sae = trainer.saes["rows"]
    for optimizer in trainer.optimizers:
        # Schedule-free optimisers keep the averaged weights, which are the result, aside.
        if hasattr(optimizer, "eval"):
            optimizer.eval()
    sae.eval()
    job.atoms = lambda: sae.W_dec.detach().numpy()

    def encode(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        top, where, _ = sae.encode(rows)
        codes = torch.zeros(len(rows), job.m).scatter_(1, where, top)
        return codes, sae.decode(top, where)

    return encode, torch.no_grad()(sae.encode)


if __name__ == "__main__":
    run(fit)
