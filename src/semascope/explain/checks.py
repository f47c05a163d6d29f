"""Whether attributions tell what a model does: against random orders and plain re-evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.explain.curves import area
from semascope.explain.item_scores import Scored

Floats = npt.NDArray[np.float64]
# What attributions are for, and the measure that says how well they serve it.
TASKS = {
    "order": "for putting concepts in order",
    "keep": "for choosing what to keep",
    "remove": "for choosing what to take away",
    "amount": "for foretelling what taking concepts away costs",
}
_GRID = np.linspace(0, 1, 21)


def checked(scored: Sequence[Scored], methods: Sequence[str], task: str = "order") -> pl.DataFrame:
    """Compare each method with random orders of an item's concepts, and with re-evaluation.

    Parameters
    ----------
    scored : sequence of Scored
        Items of two concepts or more.
    methods : sequence of str
        What they were explained by.
    task : {"order", "keep", "remove", "amount"}
        What decides: areas under both curves beyond random orders, under insertion, under
        deletion, or mu-fidelity (of which random scores have 0).

    Returns
    -------
    polars.DataFrame
        See `explain.prediction`.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.checks import checked
    >>> from semascope.explain.item_scores import How, ask_scores
    >>> from semascope.explain.mixture import answered_by
    >>> way = np.array([3.0, -1, 1, 0.5])
    >>> how = How(("shapley", "sobol"))
    >>> some = [answered_by(lambda u, i=i: u @ (way * i), ask_scores(4, how)) for i in range(1, 9)]
    >>> found = checked(some, ["shapley", "sobol"])
    >>> found["beats_random_p"].round(3).to_list(), found["beats_reevaluation_p"].to_list()
    ([0.004, 0.004], [None, None])
    """
    # Plain re-evaluation: each concept alone is taken away.
    plain = _gains(scored, "occlusion")
    out = []
    for method in methods:
        own = _gains(scored, method)
        row: dict[str, Any] = {"method": method, "n": len(scored)}
        row |= _mean(own["keep"], "insertion_gain") | _mean(own["remove"], "deletion_gain")
        row["beats_random_p"] = _greater(own[task])
        row["beats_reevaluation_p"] = _greater(own[task] - plain[task])
        out.append(row | _mean(own["amount"], "mu_fidelity"))
    schema: Any = {"beats_random_p": pl.Float64, "beats_reevaluation_p": pl.Float64}
    return pl.DataFrame(out, infer_schema_length=None, schema_overrides=schema)


def mean_curves(scored: Sequence[Scored], methods: Sequence[str]) -> pl.DataFrame:
    """Return mean predictions over shares of concepts put back or taken away, highest first.

    Parameters
    ----------
    scored, methods
        As in `checked`.

    Returns
    -------
    polars.DataFrame
        ``method`` ("random" as well), ``curve`` ("insertion" or "deletion"), ``share`` (0 to 1 in
        steps of 0.05), ``value``.

    Examples
    --------
    >>> from semascope.explain.checks import mean_curves
    >>> from semascope.explain.item_scores import How, ask_scores
    >>> from semascope.explain.mixture import answered_by
    >>> asking = ask_scores(2, How(("shapley",)))
    >>> one = answered_by(lambda masks: masks @ [1.0, 2.0], asking)
    >>> mean_curves([one], ["shapley"])["value"].max()
    3.0
    """
    parts = []
    for method in (*methods, "random"):
        for c, curve in enumerate(("insertion", "deletion")):
            heights = np.zeros(len(_GRID))
            for one in scored:
                both = (one.chance, one.chance[::-1])
                own = both[c] if method == "random" else one.curves[method][c]
                heights += np.interp(_GRID, np.linspace(0, 1, len(own)), own)
            parts.append(
                pl.DataFrame({"share": _GRID, "value": heights / max(1, len(scored))}).select(
                    method=pl.lit(method), curve=pl.lit(curve), share="share", value="value"
                )
            )
    return pl.concat(parts)


def agreements(importance: pl.DataFrame) -> pl.DataFrame:
    """Return Kendall's tau of each two methods over concepts, from their columns of importance.

    References
    ----------
    Kendall, "A new measure of rank correlation", 1938 (here with the correction for ties).

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.checks import agreements
    >>> agreements(pl.DataFrame({"a": [1, 2, 3], "b": [2, 4, 9]})).row(0)
    ('a', 'b', 1.0)
    """
    from itertools import combinations

    from scipy.stats import kendalltau

    rows = [
        (a, b, float(kendalltau(importance[a].to_numpy(), importance[b].to_numpy()).statistic))
        for a, b in combinations(importance.columns, 2)
    ]
    schema: Any = {"method": pl.String, "other": pl.String, "tau": pl.Float64}
    return pl.DataFrame(rows, orient="row", schema=schema).fill_nan(None)


def _gains(scored: Sequence[Scored], method: str) -> dict[str, Floats]:
    chance = np.array([area(one.chance) for one in scored])
    curves = [one.curves[method] for one in scored]
    keep = np.array([area(c[0]) for c in curves]) - chance
    remove = chance - np.array([area(c[1]) for c in curves])
    amount = np.array([one.fidelity[method] for one in scored])
    return {"keep": keep, "remove": remove, "order": keep + remove, "amount": amount}


def _greater(gain: Floats) -> float | None:
    from scipy.stats import wilcoxon

    # Differences that come from rounding are none.
    gain = gain[np.abs(np.nan_to_num(gain)) > 1e-9]
    if len(gain) < 5:
        return None
    # With ties scipy would go through all signs of few items, which takes seconds.
    tied = len(np.unique(np.abs(gain))) < len(gain)
    method = "asymptotic" if tied else "auto"
    return float(wilcoxon(gain, alternative="greater", method=method).pvalue)


def _mean(values: Floats, name: str) -> dict[str, float | None]:
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return {name: float(values[0]) if len(values) else None, f"{name}_low": None,
                f"{name}_high": None}  # fmt: skip
    centre, half = values.mean(), 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return {name: float(centre), f"{name}_low": float(centre - half),
            f"{name}_high": float(centre + half)}  # fmt: skip
