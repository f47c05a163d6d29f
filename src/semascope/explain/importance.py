"""The table of concepts that a model uses: attributions over items, ranks, and tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.explain.betting import bet_on_concepts, e_adjusted
from semascope.explain.decoded import Decoded
from semascope.explain.tcav import Tcav

Floats = npt.NDArray[np.float64]


def importance(
    attributions: pl.DataFrame, methods: Sequence[str], some: Decoded, items: int
) -> pl.DataFrame:
    """Return a row for each concept that some item shows, with the mean of each method.

    Parameters
    ----------
    attributions : polars.DataFrame
        ``latent`` and a column for each method; a row for each concept of each item.
    methods : sequence of str
        Columns; ``effect`` is that of Shapley if there is one, else of the first.
    some : Decoded
        Rows that prevalence is measured on.
    items : int
        Explained items, those that show no concept included.

    Returns
    -------
    polars.DataFrame
        By ``latent``; see `explain.prediction`.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.discover import Dictionary
    >>> from semascope.explain.decoded import decode
    >>> from semascope.explain.importance import importance
    >>> eye, zero = np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    >>> some = decode(Dictionary(eye, zero, eye, zero, n_active=1), np.eye(2))
    >>> told = pl.DataFrame({"latent": [0, 1, 0], "occlusion": [1.0, 0.0, 2.0]})
    >>> importance(told, ["occlusion"], some, 3)["occlusion"].to_list()
    [1.0, 0.0]
    """
    from scipy.stats import rankdata
    from scipy.stats import t as student

    latents, which = np.unique(attributions["latent"].to_numpy(), return_inverse=True)
    counts = np.bincount(which)
    shown = np.asarray((some.codes != 0).mean(axis=0)).ravel()[latents]
    signed = attributions[main_method(methods)].to_numpy()
    effect = np.bincount(which, signed) / counts
    spread = np.bincount(which, (signed - effect[which]) ** 2) / np.maximum(counts - 1, 1)
    half = student.ppf(0.975, np.maximum(counts - 1, 1)) * np.sqrt(spread / counts)
    half = np.where(counts > 1, half, np.nan)
    out: dict[str, Any] = {
        "latent": latents, "prevalence": shown, "n_items": counts,
        "effect": effect, "effect_low": effect - half, "effect_high": effect + half,
    }  # fmt: skip
    ranks = np.zeros(len(latents))
    for method in methods:
        size = np.abs(attributions[method].to_numpy())
        mean = np.bincount(which, size) / items
        spread = np.maximum(np.bincount(which, size**2) / items - mean**2, 0)
        half = 1.96 * np.sqrt(spread / max(items - 1, 1))
        out |= {method: mean, f"{method}_low": np.maximum(mean - half, 0),
                f"{method}_high": mean + half}  # fmt: skip
        ranks += rankdata(-coarse(mean))
    out["rank"] = rankdata(ranks, method="min")
    return pl.DataFrame(out)


def main_method(methods: Sequence[str]) -> str:
    """Return the method that effects are told by: Shapley if there is one, else the first.

    Examples
    --------
    >>> from semascope.explain.importance import main_method
    >>> main_method(["occlusion", "shapley"])
    'shapley'
    """
    return "shapley" if "shapley" in methods else methods[0]


def with_tcav(table: pl.DataFrame, found: Tcav) -> pl.DataFrame:
    """Add what `tcav` found of the concepts of a table.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.explain import Tcav
    >>> from semascope.explain.importance import with_tcav
    >>> found = Tcav(*np.full((7, 2), 0.5))
    >>> with_tcav(pl.DataFrame({"latent": [1]}), found)["q"].to_list()
    [0.5]
    """
    at = table["latent"].to_numpy()
    return table.with_columns(
        tcav=found.score[at], tcav_low=found.low[at], tcav_high=found.high[at],
        slope=found.slope[at], p=found.p[at], q=found.q[at],
    )  # fmt: skip


def with_bets(table: pl.DataFrame, y: Floats, codes: Any, level: float, seed: int) -> pl.DataFrame:
    """Add bets on the concepts of a table; those on which bets end first rank first.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.explain.importance import with_bets
    >>> shown = (np.random.default_rng(0).random((300, 2)) < 0.4) * 1.0
    >>> with_bets(pl.DataFrame({"latent": [0, 1]}), shown[:, 1], shown, 0.05, 0)["bet_rank"][1]
    1
    """
    bets = bet_on_concepts(y, codes[:, table["latent"].to_numpy()], level=level, seed=seed)
    wealth = np.array([np.nan if b is None else b.e for b in bets])
    stopped = [None if b is None else b.rejected_at for b in bets]
    # The sooner the null hypothesis falls, the more the concept counts; the rest go by wealth.
    key = [(np.inf if s is None else s, -w) for s, w in zip(stopped, wealth, strict=True)]
    order = sorted((j for j, b in enumerate(bets) if b is not None), key=lambda j: key[j])
    rank: list[int | None] = [None] * len(bets)
    for place, j in enumerate(order):
        rank[j] = place + 1
    return table.with_columns(
        wealth=wealth,
        rejected_at=pl.Series(stopped, dtype=pl.Int64),
        bet_p=np.array([np.nan if b is None else b.p for b in bets]),
        bet_q=e_adjusted(wealth),
        bet_rank=pl.Series(rank, dtype=pl.Int64),
    )


def coarse(values: Floats) -> Floats:
    """Drop differences that come from rounding, so that what is not used is tied.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.importance import coarse
    >>> coarse(np.array([2.0, 1e-9]))
    array([1., 0.])
    """
    most = float(np.abs(values).max())
    return np.round(values / most, 5) if most > 0 else values
