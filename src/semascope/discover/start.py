"""Where training begins: atoms drawn from the data, and the scale of the first encoder."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from semascope.core import generator
from semascope.discover.recipe import Recipe
from semascope.discover.trainer import select
from semascope.kernels import LinearEncoder, decode


def first_atoms(x: Tensor, m: int, seed: int) -> Tensor:
    """Draw unit-norm first atoms from the data: rows, without repetition.

    Parameters
    ----------
    x : Tensor of shape (n, d)
        Prepared rows.
    m : int
        How many atoms; beyond n, random directions are added.
    seed : int
        Which rows.

    Examples
    --------
    >>> import torch
    >>> from semascope.discover.start import first_atoms
    >>> first_atoms(torch.randn(20, 4), m=8, seed=0).norm(dim=1).round(decimals=4).unique()
    tensor([1.])
    """
    random = generator(seed, "atoms")
    usable = (x.norm(dim=1) > 1e-6).nonzero()[:, 0]
    chosen = usable[torch.from_numpy(random.permutation(len(usable))[:m])]
    atoms = x[chosen]
    if len(atoms) < m:
        extra = random.standard_normal((m - len(atoms), x.shape[1])).astype(np.float32)
        atoms = torch.cat([atoms, torch.from_numpy(extra)])
    unit: Tensor = atoms / atoms.norm(dim=1, keepdim=True)
    return unit


def first_scale(recipe: Recipe, atoms: Tensor, x: Tensor) -> float:
    """Return the encoder scale at which the first reconstruction is best, in closed form.

    Examples
    --------
    >>> import torch
    >>> from semascope.discover import Recipe
    >>> from semascope.discover.start import first_scale
    >>> first_scale(Recipe(2, 1), torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    1.0
    """
    encoder = LinearEncoder(atoms, torch.zeros(len(atoms)))
    out = decode(select(recipe, encoder, x), atoms)
    return float((out * x).sum() / out.square().sum().clamp(min=1e-12))
