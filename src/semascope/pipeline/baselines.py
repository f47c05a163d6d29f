"""Yardsticks: random atoms, rows and PCA axes, named by the same procedure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from sklearn.decomposition import IncrementalPCA

from semascope.core import Codes, InputError, Score, generator, listed
from semascope.discover import Dictionary
from semascope.lexicon import Lexicon, describe_latents, split_rows, stored_vectors
from semascope.measure import decide
from semascope.measure.interval import share_interval
from semascope.pipeline.assemble import name_vectors, with_names
from semascope.pipeline.naming import Material, name_and_verify
from semascope.pipeline.reopened import reopen
from semascope.vectors import VectorSource

BASELINES = ("random atoms", "random rows", "PCA axes")

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
    most = min(_MOST_AXES, dictionary.n_components)
    axes, mean = _axes(kind, most, source, rows["discover"], seed)
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


def baseline_lexicon(
    lexicon: Lexicon, kind: str, prevalence: Sequence[float], *, vectors: Any = None, seed: int = 0
) -> Lexicon:
    """Return a lexicon over the same rows whose atoms were not learned, named alike.

    What it yields (names that are trusted, findings about an outcome) is what the same number of
    directions, shown as often as the concepts are, yield without a dictionary.

    Parameters
    ----------
    lexicon : Lexicon
        Rows, split, texts and encoder are taken over.
    kind : {"random atoms", "random rows", "PCA axes"}
        Directions drawn at random; from the mean to rows drawn from the *discover* rows; principal
        axes in both signs.
    prevalence : sequence of float
        An atom for each: on which share of the *discover* rows it is to be active.
    vectors : anything that holds a matrix, optional
        What the lexicon was learned from, unless it has texts and an encoder.
    seed : int
        Draw of atoms or rows.

    Raises
    ------
    InputError
        If there are no such baselines, or the vectors cannot be made again.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.pipeline import baseline_lexicon
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> other = baseline_lexicon(lex, "random rows", [0.1, 0.2], vectors=x)
    >>> other.concepts["prevalence"].round(1).to_list()
    [0.1, 0.2]
    """
    if kind not in BASELINES:
        raise InputError(f"there is no baseline '{kind}'; baselines: {listed(BASELINES)}")
    shares = np.asarray(prevalence, dtype=np.float64)
    if not len(shares) or not ((shares > 0) & (shares < 1)).all():
        raise InputError("prevalence is one share or more, each above 0 and below 1")
    source, stored = stored_vectors(lexicon, vectors)
    if stored == "reconstruction":
        raise InputError("this lexicon cannot make its vectors again; pass vectors=")
    rows = split_rows(lexicon.splits, "discover", seed=seed)
    axes, mean = _axes(kind, len(shares), source, rows, seed)
    shares = shares[: len(axes)]
    along = (source.take(rows) - mean) @ axes.T
    cuts = np.array([np.quantile(a, 1 - share) for a, share in zip(along.T, shares, strict=True)])
    threshold = np.maximum(cuts, 0).astype(np.float32)
    other = Dictionary(axes, -(axes @ mean), axes, mean, threshold=threshold)
    codes = _codes_on(other, source, np.arange(source.shape[0]))
    material = reopen(lexicon, vectors=vectors)
    drawn = material.contrasts(other, codes, "name")
    table = describe_latents(codes, axes, drawn, [f"c{j}" for j in range(len(axes))])
    table = with_names(table, *name_and_verify(material, other, codes, drawn))
    return Lexicon(
        dictionary=other,
        base=table,
        base_codes=codes,
        items=lexicon.items,
        splits=lexicon.splits,
        name_vectors=name_vectors(table, material.relevance, source.shape[1]),
        info=lexicon.info | {"form": other.form, "refine": "none", "metrics": {}, "baseline": kind},
        encoder=lexicon.encoder,
    )


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
    kind: str, most: int, source: VectorSource, rows: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    d = source.shape[1]
    sample = rows
    if len(rows) > _PCA_ROWS:
        sample = np.sort(generator(seed, "pca rows").choice(rows, _PCA_ROWS, replace=False))
    if kind != "PCA axes":
        mean = np.mean(
            [source.take(sample[i::8]).mean(0) for i in range(8) if len(sample[i::8])], 0
        )
        random = generator(seed, kind)
        if kind == "random atoms":
            axes = random.standard_normal((most, d))
        else:
            chosen = random.choice(sample, min(most, len(sample)), replace=False)
            axes = source.take(np.sort(chosen)) - mean
    else:
        pca = IncrementalPCA(min((most + 1) // 2, d, len(sample)))
        pca.fit(source.take(sample))
        # Both ends of each axis, those of the first axes first.
        axes = np.stack([pca.components_, -pca.components_], axis=1).reshape(-1, d)[:most]
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
