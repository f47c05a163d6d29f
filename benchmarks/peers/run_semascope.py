"""semascope itself, with its defaults."""

from __future__ import annotations

import torch
from _common import Encode, Job, Sparse, run

from semascope.discover import BatchTopKSAE, TopKSAE


def fit(x: torch.Tensor, job: Job) -> tuple[Encode, Sparse]:
    """Train with ``TopKSAE.fit`` and return the trained coder."""
    own = {"batch", "batch_topk", "kernels", "save_atoms"}
    options = {key: value for key, value in job.config.items() if key not in own}
    kind = BatchTopKSAE if job.get("batch_topk", False) else TopKSAE
    model = kind(
        n_components=job.m, n_active=job.k, random_state=job.seed, max_rows=job.budget, **options
    )
    model.fit(x.numpy())
    job.atoms = lambda: model.atoms_
    # The class draws its own batches and may stop early, so it is asked how many rows it saw.
    job.served = model._fit.state.rows_seen

    def encode(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        codes = model.transform(rows.numpy())
        back = model.inverse_transform(codes)
        return torch.from_numpy(codes.toarray()), torch.as_tensor(back)

    return encode, lambda rows: model.dictionary_.encode(rows.numpy())


if __name__ == "__main__":
    run(fit)
