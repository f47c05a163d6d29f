"""The table of concepts: its columns, and what can be counted without names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import Codes
from semascope.lexicon.relevance import unit
from semascope.lexicon.rows import Contrast, Rows

BANDS = 4
BINS = 20

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "name": pl.String,
    "description": pl.String,
    "status": pl.String,
    "trust": pl.Float64,
    "trust_low": pl.Float64,
    "trust_high": pl.Float64,
    "trust_null": pl.Float64,
    "trust_null_high": pl.Float64,
    "p": pl.Float64,
    "q": pl.Float64,
    "verdict": pl.String,
    "balanced_accuracy": pl.Float64,
    "n_active": pl.Int64,
    "n_inactive": pl.Int64,
    "prevalence": pl.Float64,
    "mean_activation": pl.Float64,
    "max_activation": pl.Float64,
    "alternatives": pl.List(pl.String),
    "evidence": pl.List(pl.String),
    "name_kind": pl.String,
    "named_by": pl.String,
    "held_in": pl.Float64,
    "threshold": pl.Float64,
    "exemplar": pl.Int64,
    "top": pl.List(pl.Int64),
    "bands": pl.List(pl.List(pl.Int64)),
    "near_misses": pl.List(pl.Int64),
    "histogram": pl.List(pl.Int64),
    "similar": pl.List(pl.Int64),
    "coactive": pl.List(pl.Int64),
    "muted": pl.Boolean,
    "pinned": pl.Boolean,
}

# Columns of the table of concepts that people's edits bring, beside those of `SCHEMA`.
EDITED: dict[str, pl.DataType | type[pl.DataType]] = {
    "tags": pl.List(pl.String),
    "comments": pl.List(pl.String),
    "weight": pl.Float64,
    "made_by": pl.String,
    "made_from": pl.List(pl.String),
    "became": pl.List(pl.String),
}
# What was measured of a concept under its name, and does not hold for another name.
MEASURED = (
    "trust",
    "trust_low",
    "trust_high",
    "trust_null",
    "trust_null_high",
    "p",
    "q",
    "verdict",
    "balanced_accuracy",
    "n_active",
    "n_inactive",
    "held_in",
    "threshold",
)


def upgraded(table: pl.DataFrame) -> pl.DataFrame:
    """Give a table of an earlier schema the columns that came later, without values.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon import SCHEMA
    >>> from semascope.lexicon.concepts import upgraded
    >>> upgraded(pl.DataFrame({"id": ["c0"]})).columns == list(SCHEMA)
    True
    """
    missing = [pl.lit(None, kind).alias(name) for name, kind in SCHEMA.items()
               if name not in table.columns]  # fmt: skip
    others = [name for name in table.columns if name not in SCHEMA]
    return table.with_columns(missing).select(*SCHEMA, *others)


def describe_latents(
    codes: Codes, atoms: npt.NDArray[np.float32], drawn: Sequence[Contrast], ids: Sequence[str]
) -> pl.DataFrame:
    """Count and exemplify each latent: all columns of the table that need no name.

    Parameters
    ----------
    codes : Codes
        Codes of all rows.
    atoms : ndarray of shape (m, d)
        Atoms, for the most similar concepts.
    drawn : sequence of Contrast
        Rows of the *name* split for each latent; all examples come from here.
    ids : sequence of str
        Concept ids in the order of the latents.

    Returns
    -------
    polars.DataFrame
        One row a latent, with the columns of ``SCHEMA``; names and scores are still null.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import Codes
    >>> from semascope.lexicon import Contrast, describe_latents
    >>> none = np.zeros(0, dtype=np.int64)
    >>> empty = Contrast(none, np.zeros(0, dtype=np.float32), none, none)
    >>> codes = Codes.from_scipy(np.array([[1.0, 0.0], [0.0, 2.0]]))
    >>> table = describe_latents(codes, np.eye(2, dtype=np.float32), [empty, empty], ["c0", "c1"])
    >>> table["prevalence"].to_list(), table["max_activation"].to_list()
    ([0.5, 0.5], [1.0, 2.0])
    """
    m = codes.n_components
    total, largest, counts = _activation_moments(codes)
    histogram = _histograms(codes, largest)
    similar = _most(unit(atoms) @ unit(atoms).T, 5)
    together = _coactivity(codes, counts)
    rows: dict[str, list[object]] = {name: [None] * m for name in SCHEMA}
    for j in range(m):
        c = drawn[j]
        values: dict[str, object] = {
            "id": ids[j],
            "prevalence": counts[j] / max(1, len(codes)),
            "mean_activation": total[j] / counts[j] if counts[j] else None,
            "max_activation": float(largest[j]) if counts[j] else None,
            "alternatives": [],
            "evidence": [],
            "exemplar": int(c.active[0]) if len(c.active) else None,
            "top": c.active[:10].tolist(),
            "bands": _bands(c.active),
            "near_misses": c.near[:10].tolist(),
            "histogram": histogram[j].tolist(),
            "similar": similar[j],
            "coactive": together[j],
            "muted": False,
            "pinned": False,
        }
        for name, value in values.items():
            rows[name][j] = value
    return pl.DataFrame(rows, schema=SCHEMA)


def _activation_moments(
    codes: Codes,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    m = codes.n_components
    total, largest = np.zeros(m), np.zeros(m, dtype=np.float32)
    counts = np.zeros(m, dtype=np.int64)
    for part in _pairs(codes):
        total += np.bincount(codes.indices[part], weights=codes.values[part], minlength=m)
        counts += np.bincount(codes.indices[part], minlength=m)
        np.maximum.at(largest, codes.indices[part], codes.values[part])
    return total, largest, counts


def _histograms(codes: Codes, largest: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Count in `BINS` equal bins from zero to each latent's largest activation."""
    m = codes.n_components
    out = np.zeros(m * BINS, dtype=np.int64)
    width = np.where(largest > 0, largest, 1) / BINS
    for part in _pairs(codes):
        latents = codes.indices[part].astype(np.int64)
        bins = np.minimum((codes.values[part] / width[latents]).astype(np.int64), BINS - 1)
        out += np.bincount(latents * BINS + bins, minlength=m * BINS)
    return out.reshape(m, BINS)


def _coactivity(codes: Codes, counts: npt.NDArray[np.int64]) -> list[list[int]]:
    """Find the latents that are active together with each one most, by Jaccard index."""
    rows = np.arange(len(codes))
    if len(rows) > 200_000:
        # Evenly spaced rows: the ranking of the five most frequent partners is stable long before.
        rows = np.unique(np.linspace(0, len(codes) - 1, 200_000).astype(np.int64))
    part = codes[rows].to_scipy()
    part.data = np.ones_like(part.data)
    both = (part.T @ part).tocsr()
    seen = both.diagonal()
    out = []
    for j in range(codes.n_components):
        row = both[[j]]
        others, n = row.indices, row.data
        jaccard = n / np.maximum(1, seen[j] + seen[others] - n)
        jaccard[others == j] = 0
        order = np.lexsort((others, -jaccard))[:5]
        out.append([int(o) for o in others[order] if o != j])
    return out


def _most(score: npt.NDArray[np.float32], most: int) -> list[list[int]]:
    np.fill_diagonal(score, -np.inf)
    order = np.argsort(-score, axis=1, kind="stable")[:, : min(most, len(score) - 1)]
    return [[int(j) for j in row] for row in order]


def _bands(active: Rows) -> list[list[int]]:
    """Three examples from each band of activation, strongest band first."""
    return [part[:3].tolist() for part in np.array_split(active, BANDS)] if len(active) else []


def _pairs(codes: Codes) -> list[slice]:
    step = 1 << 22
    return [slice(start, start + step) for start in range(0, codes.nnz, step)]
