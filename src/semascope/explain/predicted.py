"""The result of explaining a model: tables, one item, and items decided for the same reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from semascope.core import InputError, listed

TOP = 10


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model uses; see `explain.prediction`.

    Parameters
    ----------
    table : polars.DataFrame
        A row for each concept.
    attributions : polars.DataFrame
        A row for each active concept of each explained item.
    split : polars.DataFrame
        A row for each explained item: ``prediction`` = ``base`` + ``labelled`` + ``unlabelled`` +
        ``remainder``.
    checks : polars.DataFrame
        A row for each method: how well it tells what the model uses.
    agreement : float
        Kendall's W of the methods over concepts; NaN for fewer than two methods.
    notes : list of str
        What to be wary of.

    Examples
    --------
    >>> from semascope.explain import Prediction
    >>> Prediction.__name__
    'Prediction'
    """

    table: pl.DataFrame
    attributions: pl.DataFrame
    split: pl.DataFrame
    checks: pl.DataFrame
    agreement: float
    notes: list[str]

    def item(self, row: int) -> pl.DataFrame:
        """Return the concepts of one item, and which of the ten most important it lacks.

        Column ``present`` is false for these: whatever their importance elsewhere, they had no
        part in this prediction.
        """
        own = self.attributions.filter(pl.col("item") == row)
        if not len(own):
            raise InputError(f"row {row} was not explained, or shows no concept")
        top = self.table.head(TOP).join(own, on="concept", how="anti").select("concept", "name")
        return pl.concat(
            [
                own.drop("item").with_columns(present=True),
                top.with_columns(present=False),
            ],
            how="diagonal",
        )

    def strategies(self, k: int = 3, *, method: str | None = None, seed: int = 0) -> pl.DataFrame:
        """Return groups of items that are decided for the same reasons, and a map of them.

        Items are profiles of attributions of length 1, grouped by k-means.

        Parameters
        ----------
        k : int, default 3
            Groups.
        method : str, optional
            By which attributions; by default the first that there is.
        seed : int, default 0
            Start of the grouping.

        Returns
        -------
        polars.DataFrame
            ``item``, ``strategy`` (0 is the largest), ``x``, ``y`` (the two main directions in
            which profiles differ), ``reasons`` (the three concepts with the largest mean
            attribution in the group).

        References
        ----------
        Lapuschkin, Waeldchen, Binder, Montavon, Samek and Mueller, "Unmasking Clever Hans
        predictors and assessing what machines really learn", 2019.
        """
        from sklearn.cluster import KMeans

        known = [m for m in self.table.columns if f"{m}_low" in self.table.columns]
        known = [m for m in known if m in self.attributions.columns]
        how = known[0] if method is None else method
        if how not in known:
            raise InputError(f"there are no attributions by '{how}'; there are {listed(known)}")
        items, row = np.unique(self.attributions["item"].to_numpy(), return_inverse=True)
        ids, column = np.unique(self.attributions["concept"].to_numpy(), return_inverse=True)
        if not 1 <= k <= len(items):
            raise InputError(f"k must be 1 to {len(items)}, the number of items, got {k}")
        profile = np.zeros((len(items), len(ids)))
        profile[row, column] = self.attributions[how].to_numpy()
        length = np.linalg.norm(profile, axis=1, keepdims=True)
        # Items that no concept decides have no reasons; rounding is none.
        flat = length <= 1e-6 * length.max()
        unit = np.where(flat, 0, profile / np.where(flat, 1, length))
        group = KMeans(k, n_init=5, random_state=seed).fit_predict(unit)
        order = np.argsort(np.argsort(-np.bincount(group, minlength=k), kind="stable"))
        left, size, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
        place = np.zeros((len(items), 2))
        place[:, : min(2, len(size))] = (left * size)[:, :2]
        labels = dict(zip(self.table["concept"], self.table["name"], strict=True))
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
