"""Rows that speak for and against concepts of a finished lexicon, those that people made too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semascope.core import generator
from semascope.lexicon import Contrast, Lexicon, contrasts, split_rows
from semascope.vectors import VectorSource

_MOST = 100


def lexicon_contrasts(
    lexicon: Lexicon,
    source: VectorSource,
    picked: Sequence[int],
    split: str,
    *,
    most: int = _MOST,
) -> dict[int, Contrast]:
    """Draw the rows of one split for and against some concepts of a lexicon.

    Parameters
    ----------
    lexicon : Lexicon
        With its edits: concepts that people made are drawn for too.
    source : VectorSource
        Vectors of all rows, or of those of the split.
    picked : sequence of int
        Rows of the table of concepts.
    split : str
        ``discover``, ``name`` or ``verify``.
    most : int, default 100
        Active rows of each concept, and as many inactive ones, half of these near-misses.

    Returns
    -------
    dict of int to Contrast

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.pipeline.drawn import lexicon_contrasts
    >>> from semascope.vectors import as_source
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> len(lexicon_contrasts(lex, as_source(x), [3], "verify")[3].active) > 0
    True
    """
    seed = int(lexicon.info.get("seed") or 0)
    rows = split_rows(lexicon.splits, split, seed=seed)
    m = lexicon.dictionary.n_components
    out: dict[int, Contrast] = {}
    if any(j < m for j in picked):
        # The very rows that names of the dictionary's concepts are always measured on.
        drawn = contrasts(
            lexicon.dictionary, lexicon.base_codes, source, rows, most=most, seed=seed
        )
        out = {j: drawn[j] for j in picked if j < m}
    made = [j for j in picked if j >= m]
    if made:
        likeness = _along(source, rows, lexicon.view.made_directions[[j - m for j in made]])
        for i, j in enumerate(made):
            out[j] = _contrast(lexicon, j, rows, likeness[:, i], seed, most)
    return out


def _along(source: VectorSource, rows: np.ndarray, directions: np.ndarray) -> np.ndarray:
    starts = range(0, len(rows), 4096)
    parts = [source.take(rows[start : start + 4096]) @ directions.T for start in starts]
    return np.concatenate([np.zeros((0, len(directions)), dtype=np.float32), *parts])


def _contrast(
    lexicon: Lexicon, latent: int, rows: np.ndarray, likeness: np.ndarray, seed: int, most: int
) -> Contrast:
    """Draw rows for and against a made concept; near-misses lie along what it points to."""
    fired, values = lexicon.view.column(latent)
    inside = np.isin(fired, rows)
    fired, values = fired[inside], values[inside]
    order = np.argsort(-values, kind="stable")
    if len(order) > most:
        order = order[np.unique(np.linspace(0, len(order) - 1, most).round().astype(int))]
    silent = np.flatnonzero(~np.isin(rows, fired))
    near = silent[np.argsort(-likeness[silent], kind="stable")[: most // 2]]
    free = np.setdiff1d(silent, near)
    random = generator(seed, "inactive", str(lexicon.concepts["id"][latent]))
    other = np.sort(random.choice(free, min(len(free), most // 2), replace=False))
    return Contrast(fired[order], values[order], rows[near], rows[other])
