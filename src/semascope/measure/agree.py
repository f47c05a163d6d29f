"""Whether scorers agree on which names are good."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, Score, generator, kendall_w
from semascope.measure.interval import RESAMPLES, ends

Floats = npt.NDArray[np.float64]


def agreement(table: pl.DataFrame, *, seed: int = 0) -> Score:
    """Return Kendall's W over scorers: 1 if they rank the concepts alike.

    Parameters
    ----------
    table : polars.DataFrame
        One row a concept, one column of numbers a scorer, all with high meaning good. Concepts that
        a scorer has no score for are left out, and counted as failures.
    seed : int
        Resamples of concepts, for the interval.

    Returns
    -------
    Score
        Its null is one over the number of scorers: what unrelated rankings reach.

    References
    ----------
    Kendall and Babington Smith, "The problem of m rankings", 1939.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.measure import agreement
    >>> scores = {"ranking": [0.9, 0.7, 0.6, 0.5], "judge": [0.8, 0.75, 0.7, 0.5]}
    >>> agreement(pl.DataFrame(scores)).value
    1.0
    """
    values, left_out = _complete(table)
    random = generator(seed, "bootstrap agreement")
    n, k = values.shape
    value = kendall_w(values)
    draws = np.array([kendall_w(values[random.integers(0, n, n)]) for _ in range(RESAMPLES)])
    # A draw may hold one concept again and again, and then ranks nothing.
    known = np.isfinite(draws)
    draws = draws[known] if known.any() else draws
    return Score(
        "Kendall's W", value, *ends(draws, value), 1 / k, n,
        note=f"{k} scorers over {n} concepts", failures=left_out,
    )  # fmt: skip


def rank_correlations(table: pl.DataFrame, *, seed: int = 0) -> pl.DataFrame:
    """Return Spearman's correlation of each pair of scorers over concepts, with interval.

    Parameters
    ----------
    table, seed
        As in `agreement`.

    Returns
    -------
    polars.DataFrame
        ``first``, ``second``, ``value``, ``low``, ``high``, ``n``: one row a pair.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.measure import rank_correlations
    >>> scores = {"ranking": [0.9, 0.7, 0.6, 0.5], "judge": [0.5, 0.7, 0.75, 0.8]}
    >>> rank_correlations(pl.DataFrame(scores))["value"].to_list()
    [-1.0]
    """
    from scipy.stats import rankdata

    values, _ = _complete(table)
    random = generator(seed, "bootstrap correlations")
    n = len(values)
    correlation = _correlation(rankdata(values, axis=0))
    draws = np.stack(
        [_correlation(rankdata(values[random.integers(0, n, n)], axis=0)) for _ in range(RESAMPLES)]
    )
    rows = []
    for a, b in combinations(range(values.shape[1]), 2):
        value = float(correlation[a, b])
        low, high = ends(draws[:, a, b], value)
        rows.append((table.columns[a], table.columns[b], value, low, high, n))
    shape = {"first": pl.String, "second": pl.String, "value": pl.Float64, "low": pl.Float64,
             "high": pl.Float64, "n": pl.Int64}  # fmt: skip
    return pl.DataFrame(rows, schema=shape, orient="row")


def _complete(table: pl.DataFrame) -> tuple[Floats, int]:
    if table.width < 2:
        raise InputError(f"agreement needs at least two scorers, got {table.width}")
    known = table.cast(pl.Float64).fill_nan(None).drop_nulls()
    if len(known) < 3:
        raise InputError(
            f"only {len(known)} concepts have a score from every scorer; agreement needs three"
        )
    return known.to_numpy(), len(table) - len(known)


def _correlation(ranks: Floats) -> Floats:
    centred = ranks - ranks.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    scaled = centred / np.where(length > 0, length, 1)
    return np.asarray(scaled.T @ scaled)
