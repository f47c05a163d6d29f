"""Yardsticks for trust: random atoms and PCA axes, named by the same procedure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from sklearn.decomposition import IncrementalPCA

from semascope.core import Codes, Score, generator
from semascope.discover import Dictionary
from semascope.measure import decide
from semascope.measure.interval import share_interval
from semascope.pipeline.naming import Material, name_and_verify
from semascope.vectors import VectorSource

_MOST_AXES = 48
_PCA_ROWS = 50_000


def baseline_scores(kind: str, dictionary: Dictionary, material: Material) -> list[dict[str, Any]]:
    """Measure the names of a baseline dictionary of up to 48 axes.

    Parameters
    ----------
    kind : {"random atoms", "PCA axes"}
        Unit directions drawn at random, or principal axes in both signs.
    dictionary : Dictionary
        The learned dictionary, whose sizes and mean are taken over.
    material : Material
        As for naming.

    Returns
    -------
    list of dict
        Score records: share of named axes, of axes with a trusted name, and mean trust.
    """
    source, rows, seed = material.source, material.rows, material.seed
    axes, mean = _axes(kind, dictionary, source, rows["discover"], seed)
    k = min(dictionary.n_active or _usual_active(dictionary, source, rows["verify"]), len(axes))
    other = Dictionary(axes, -(axes @ mean), axes, mean, n_active=k)
    everything = np.unique(np.concatenate([rows["name"], rows["verify"]]))
    codes = _codes_on(other, source, everything)
    drawn = material.contrasts(other, codes, "name")
    proposals, verdicts = name_and_verify(material, other, codes, drawn)
    trusts = np.array([v.trust.value for v in verdicts if v is not None])
    named = sum(p.name is not None for p in proposals)
    note = f"{named} of {len(axes)} {kind} could be named"
    scores = [Score(f"named share, {kind}", named / len(axes), n=len(axes), note=note)]
    if len(trusts):
        tested = [v for v in verdicts if v is not None]
        decided = decide(
            pl.DataFrame({"p": [v.p for v in tested], "trust_low": [v.trust.low for v in tested]})
        )
        trusted = int((decided["verdict"] == "trusted").sum())
        share = share_interval(trusted, len(axes))
        scores.append(
            Score(
                f"trusted share, {kind}",
                trusted / len(axes),
                *share,
                n=len(axes),
                note=f"{trusted} of {len(axes)} {kind} got a name that is trusted",
            )
        )
        low, high = mean_interval(trusts, seed)
        scores.append(
            Score(f"mean trust, {kind}", float(trusts.mean()), low, high, 0.5, len(trusts))
        )
    return [asdict(score) for score in scores]


def mean_interval(values: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.pipeline.baselines import mean_interval
    >>> mean_interval(np.ones(5), seed=0)
    (1.0, 1.0)
    """
    random = generator(seed, "bootstrap mean")
    draws = values[random.integers(len(values), size=(1000, len(values)))].mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _axes(
    kind: str, dictionary: Dictionary, source: VectorSource, rows: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    d = dictionary.n_dimensions
    sample = rows
    if len(rows) > _PCA_ROWS:
        sample = np.sort(generator(seed, "pca rows").choice(rows, _PCA_ROWS, replace=False))
    most = min(_MOST_AXES, dictionary.n_components)
    if kind == "random atoms":
        axes = generator(seed, kind).standard_normal((most, d))
        mean = np.mean(
            [source.take(sample[i::8]).mean(0) for i in range(8) if len(sample[i::8])], 0
        )
    else:
        pca = IncrementalPCA(min(max(1, most // 2), d, len(sample)))
        pca.fit(source.take(sample))
        axes = np.concatenate([pca.components_, -pca.components_])
        mean = pca.mean_
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    return np.ascontiguousarray(axes, dtype=np.float32), np.asarray(mean, dtype=np.float32)


def _usual_active(dictionary: Dictionary, source: VectorSource, rows: np.ndarray) -> int:
    codes = dictionary.encode(source.take(rows[:4096]))
    return max(1, round(codes.nnz / max(1, len(codes))))


def _codes_on(dictionary: Dictionary, source: VectorSource, rows: np.ndarray) -> Codes:
    """Codes with one row for every row of the source, empty outside `rows`."""
    indptr = np.zeros(source.shape[0] + 1, dtype=np.int64)
    parts = []
    for start in range(0, len(rows), 4096):
        part = rows[start : start + 4096]
        codes = dictionary.encode(source.take(part))
        indptr[part + 1] = np.diff(codes.indptr)
        parts.append(codes)
    return Codes(
        np.cumsum(indptr),
        np.concatenate([c.indices for c in parts]),
        np.concatenate([c.values for c in parts]),
        dictionary.n_components,
    )
