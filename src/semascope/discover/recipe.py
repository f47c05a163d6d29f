"""How a dictionary is trained: every choice, and what it is when the user does not say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from semascope.core import InputError
from semascope.discover.sizes import default_noise, default_sizes


@dataclass(frozen=True)
class Recipe:
    """How a dictionary is trained; every field is recorded with the result.

    Parameters
    ----------
    n_components, n_active : int
        Atoms, and how many of them are active on a row (on average, for batch top-k).
    batch_topk : bool
        Select over the whole batch instead of row by row.
    batch_size, max_rows : int
        Rows in a step, and how many rows are seen in all (epochs times rows).
    learning_rate : float
        Adam's rate at its peak, after a linear warm-up; it then falls to zero linearly.
    aux_coefficient : float
        Weight of the loss that lets dead latents explain what the others leave (Gao et al., 2024,
        who use 1/32).
    lead_coefficient : float
        Weight of a second loss in which each row's strongest latent reconstructs it alone (the
        Multi-TopK of Gao et al. with k = 1). It makes an atom mean one thing by itself, at some
        cost in FVU.
    noise : float
        Standard deviation of uniform noise on what the encoder sees, as a share of the rows' own
        spread; the target stays clean. It keeps small data from being learned by heart (Vincent et
        al., "Stacked denoising autoencoders", 2010): 0.3 lowers held-out FVU by 5 % on 10,000 rows
        of 384 dimensions.
    pursuit_share : float
        Share of the steps, the last ones, in which the atoms also learn from pursued codes; the
        held-out FVU is then that of pursued codes too. One half lowers it by a tenth.
    dead_after : int
        Rows without a single activation after which a latent counts as dead.
    patience : int
        Held-out evaluations in a row that are 1 % worse than the best one, after which training
        stops; 0 never stops.
    seed : int
        Order of the rows and choice of the first atoms.

    Examples
    --------
    >>> from semascope.discover import Recipe
    >>> Recipe(n_components=8, n_active=2).batch_size
    1024
    """

    n_components: int
    n_active: int
    batch_topk: bool = False
    batch_size: int = 1024
    max_rows: int = 1_000_000
    learning_rate: float = 2e-3
    aux_coefficient: float = 1 / 32
    lead_coefficient: float = 0.0
    noise: float = 0.0
    pursuit_share: float = 0.0
    dead_after: int = 50_000
    patience: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("n_components", "n_active", "batch_size", "max_rows", "dead_after"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        for name in ("patience", "seed"):
            object.__setattr__(self, name, whole(name, getattr(self, name), least=0))
        for name in ("aux_coefficient", "lead_coefficient", "noise"):
            object.__setattr__(self, name, number(name, getattr(self, name)))
        rate = number("learning_rate", self.learning_rate, least=1e-12)
        object.__setattr__(self, "learning_rate", rate)
        share = number("pursuit_share", self.pursuit_share, most=1)
        object.__setattr__(self, "pursuit_share", share)
        if self.pursuit_share > 0 and self.batch_topk:
            raise InputError("pursuit_share needs top-k: batch top-k has no number of atoms a row")


def whole(name: str, value: Any, least: int = 1) -> int:
    """Return a count as an int, or raise `InputError` if it is not a whole number of `least`.

    Examples
    --------
    >>> from semascope.discover.recipe import whole
    >>> whole("n_components", 8)
    8
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def number(name: str, value: Any, *, least: float = 0, most: float | None = None) -> float:
    """Return a finite number as a float, or raise `InputError` if it is none or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover.recipe import number
    >>> number("noise", np.float32(0.5))
    0.5
    """
    good = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (good and least <= value < math.inf and (most is None or value <= most)):
        wanted = f"from {least:g} to {most:g}" if most is not None else f"of at least {least:g}"
        raise InputError(f"{name} must be a number {wanted}, got {value!r}")
    return float(value)


def recipe_for(
    n_rows: int,
    n_dimensions: int,
    *,
    n_components: int | None = None,
    n_active: int | None = None,
    batch_topk: bool = False,
    max_rows: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    aux_coefficient: float = 1 / 32,
    lead_coefficient: float = 0.0,
    noise: float | None = None,
    refine: str = "none",
    pursuit_share: float | None = None,
    patience: int = 10,
    seed: int = 0,
) -> Recipe:
    """Fill in every default of a `Recipe` from the size of the data.

    Parameters
    ----------
    n_rows, n_dimensions : int
        Rows to learn from and their length.
    n_components, n_active : int, optional
        By default `default_sizes`.
    max_rows : int, optional
        By default 60 epochs, at most 4 million rows or 500 an atom, whichever is more.
    batch_size : int, optional
        By default a 32nd of the rows as a power of two, from 16 to 1024: on small data more steps
        beat larger batches at an equal budget of rows.
    learning_rate : float, optional
        By default 6e-3.
    refine : {"none", "refit", "pursuit"}
        How codes will be refined.
    pursuit_share : float, optional
        By default 0.5 if codes will be pursued, else 0.

    Examples
    --------
    >>> from semascope.discover import recipe_for
    >>> recipe_for(10_000, 384).batch_size
    256
    """
    m, k = default_sizes(whole("n_rows", n_rows), whole("n_dimensions", n_dimensions))
    if n_components is not None:
        m = whole("n_components", n_components)
        k = max(1, min(k, m))
    power = max(1, n_rows // 32).bit_length() - 1
    return Recipe(
        n_components=m,
        n_active=k if n_active is None else n_active,
        batch_topk=batch_topk,
        batch_size=max(16, min(1024, 1 << power)) if batch_size is None else batch_size,
        max_rows=min(60 * n_rows, max(4_000_000, 500 * int(m))) if max_rows is None else max_rows,
        learning_rate=6e-3 if learning_rate is None else learning_rate,
        aux_coefficient=aux_coefficient,
        lead_coefficient=lead_coefficient,
        noise=default_noise(n_rows, n_dimensions) if noise is None else noise,
        pursuit_share=(0.5 if refine == "pursuit" else 0.0)
        if pursuit_share is None
        else pursuit_share,
        # Counted in passes over the data where these are short, so that small data revives too.
        dead_after=min(5 * n_rows, 1_000_000),
        patience=patience,
        seed=seed,
    )
