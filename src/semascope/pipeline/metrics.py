"""What a run measures about its dictionary as a whole, beside the baselines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import polars as pl

from semascope.core import Codes, Score, progress
from semascope.discover import Dictionary
from semascope.measure import VERDICTS
from semascope.pipeline.assemble import Subset
from semascope.pipeline.baselines import baseline_scores, mean_interval
from semascope.pipeline.naming import Material
from semascope.vectors import moments

_STATUSES = ("named", "unnamed", "rare", "dead")
_BASELINES = ("random atoms", "PCA axes")


def measure_lexicon(
    material: Material,
    dictionary: Dictionary,
    codes: Codes,
    table: pl.DataFrame,
    *,
    baseline: bool = True,
    show_progress: bool = False,
) -> dict[str, dict[str, Any]]:
    """Measure L0, dead share, FVU, counts of statuses and mean trust, beside the baselines.

    Parameters
    ----------
    material : Material
        Items, vectors and splits; FVU is taken on *verify* rows, around the mean of *discover*.
    dictionary, codes
        The latents, and their activations on all rows.
    table : polars.DataFrame
        Concepts with status and trust.
    baseline : bool, default True
        Name random atoms and PCA axes too.
    show_progress : bool
        Show a bar for the baselines.

    Returns
    -------
    dict of str to dict
        Score records by name.
    """
    verify = material.rows["verify"]
    scores = {"l0": Score("L0", codes.nnz / len(codes), n=len(codes), note="active a row")}
    dead = float((codes.prevalence() == 0).mean())
    scores["dead_share"] = Score(
        "dead share", dead, n=len(table), higher_is_better=False, note="latents never active"
    )
    if len(verify) > 1:
        held = Subset(material.source, verify)
        fvu = dictionary.fvu(held, moments(material.source, material.rows["discover"])[0])
        scores["fvu"] = Score("FVU", fvu, n=len(verify), higher_is_better=False, note="verify rows")
    scores |= count_names(table, material.seed)
    metrics = {key: asdict(score) for key, score in scores.items()}
    if baseline and "mean_trust" in scores and len(verify) > 1:
        with progress("baseline", len(_BASELINES), "kinds", show=show_progress) as bar:
            for kind in _BASELINES:
                for record in baseline_scores(kind, dictionary, material):
                    metrics[record["metric"]] = record
                bar.advance()
    return metrics


def count_names(table: pl.DataFrame, seed: int) -> dict[str, Score]:
    """Count concepts by status and names by verdict, and average their trust.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.pipeline.metrics import count_names
    >>> columns = {"status": ["named"], "trust": [0.9], "verdict": ["trusted"]}
    >>> print(count_names(pl.DataFrame(columns), 0)["trusted"])
    trusted names 1.000, n=1
    """
    scores = {}
    for status in _STATUSES:
        n = int((table["status"] == status).sum())
        scores[status] = Score(f"{status} concepts", n, n=len(table))
    trust = table["trust"].drop_nulls().to_numpy()
    if len(trust):
        low, high = mean_interval(trust, seed)
        for verdict in VERDICTS:
            n = int((table["verdict"] == verdict).sum())
            scores[verdict] = Score(f"{verdict} names", n, n=len(trust))
        scores["mean_trust"] = Score("mean trust", float(trust.mean()), low, high, 0.5, len(trust))
    return scores
