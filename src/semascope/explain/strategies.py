"""Items that a model decides for the same reasons, and a map of them."""

from __future__ import annotations

import numpy as np
import polars as pl

from semascope.core import InputError


def strategies(
    attributions: pl.DataFrame, method: str, k: int = 3, *, seed: int = 0
) -> pl.DataFrame:
    """Return groups of items that are decided for the same reasons, and a map of them.

    Items are profiles of attributions of length 1, grouped by k-means.

    Parameters
    ----------
    attributions : polars.DataFrame
        ``item``, ``concept``, ``name``, and a column named as the method.
    method : str
        By which attributions.
    k : int, default 3
        Groups.
    seed : int, default 0
        Start of the grouping.

    Returns
    -------
    polars.DataFrame
        ``item``, ``strategy`` (0 is the largest), ``x``, ``y`` (the two main directions in which
        profiles differ), ``reasons`` (the three concepts with the largest mean attribution in the
        group).

    References
    ----------
    Lapuschkin, Waeldchen, Binder, Montavon, Samek and Mueller, "Unmasking Clever Hans predictors
    and assessing what machines really learn", 2019.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.strategies import strategies
    >>> told = pl.DataFrame({"item": range(6), "concept": ["c0", "c1"] * 3,
    ...                      "name": ["tea", None] * 3, "shapley": [1.0, 2.0] * 3})
    >>> strategies(told, "shapley", 2)["reasons"].to_list()[:2]
    [['tea'], ['c1']]
    """
    from sklearn.cluster import KMeans

    items, row = np.unique(attributions["item"].to_numpy(), return_inverse=True)
    ids, column = np.unique(attributions["concept"].to_numpy(), return_inverse=True)
    if not 1 <= k <= len(items):
        raise InputError(f"k must be 1 to {len(items)}, the number of items, got {k}")
    profile = np.zeros((len(items), len(ids)))
    profile[row, column] = attributions[method].to_numpy()
    length = np.linalg.norm(profile, axis=1, keepdims=True)
    # Items that no concept decides have no reasons; rounding is none.
    flat = length <= 1e-6 * length.max()
    unit = np.where(flat, 0, profile / np.where(flat, 1, length))
    group = KMeans(k, n_init=5, random_state=seed).fit_predict(unit)
    order = np.argsort(np.argsort(-np.bincount(group, minlength=k), kind="stable"))
    left, size, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    place = np.zeros((len(items), 2))
    place[:, : min(2, len(size))] = (left * size)[:, :2]
    labels = dict(attributions.select("concept", "name").unique().iter_rows())
    reasons = []
    for g in range(k):
        mean = profile[group == g].mean(axis=0)
        top = [
            j
            for j in np.argsort(-np.abs(mean), kind="stable")[:3]
            if abs(mean[j]) > 1e-6 * length.max()
        ]
        reasons.append([labels[ids[j]] or str(ids[j]) for j in top])
    return pl.DataFrame(
        {
            "item": items,
            "strategy": order[group],
            "x": place[:, 0],
            "y": place[:, 1],
            "reasons": [reasons[g] for g in group],
        }
    )
