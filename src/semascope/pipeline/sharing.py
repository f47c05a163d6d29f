"""What each concept of a lexicon has of what all of them tell about an outcome."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from semascope.core import InputError
from semascope.lexicon import Lexicon
from semascope.measure.yardsticks import completeness_shares, shared_information
from semascope.pipeline.measuring import require_columns, rows_and_vectors

# People can use some 32 concepts (Ramaswamy et al. 2023).
_MOST = 32


def share_concepts(
    lexicon: Lexicon,
    outcome: str,
    *,
    vectors: Any = None,
    most: int = _MOST,
    permutations: int = 100,
    show_progress: bool = False,
) -> pl.DataFrame:
    """Divide completeness among the concepts that share most information with an outcome.

    Concepts are chosen and models fitted on *discover* and *name* rows; shares come from *verify*
    rows.

    Parameters
    ----------
    lexicon : Lexicon
        With its edits.
    outcome : str
        Column of the items; a class each.
    vectors : anything that holds a matrix, optional
        The vectors it was learned from, if there is no encoder.
    most : int, default 32
        Concepts; as many as people can use.
    permutations : int, default 100
        Orders that Shapley values are averaged over.
    show_progress : bool
        Show a bar while texts are embedded.

    Returns
    -------
    polars.DataFrame
        ``id``, ``name``, ``shapley`` (they add up to the completeness of these concepts), its
        standard ``error``, and ``left_out``: what is lost without the concept; strongest first.

    References
    ----------
    Yeh, Kim, Arik, Li, Pfister and Ravikumar, "On completeness-aware concept-based explanations in
    deep neural networks", 2020.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> import semascope as sc
    >>> from semascope.pipeline.sharing import share_concepts
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> items = pl.DataFrame({"right": x[:, 0] > 0})
    >>> lexicon = sc.learn(items, vectors=x, components=12, active=2, progress=False)
    >>> share_concepts(lexicon, "right", vectors=x, most=3).columns
    ['id', 'name', 'shapley', 'error', 'left_out']
    """
    require_columns(lexicon.items, [outcome])
    if most < 1:
        raise InputError(f"shares are for 1 concept or more, got {most}")
    (choose, test), source = rows_and_vectors(lexicon, vectors, [], show_progress)
    if source is None:
        raise InputError("shares are of what the vectors tell; give them (--vectors FILE)")
    every = np.sort(np.concatenate([choose, test]))
    every = every[lexicon.items[outcome].is_not_null().to_numpy()[every]]
    classes = np.unique(lexicon.items[outcome].to_numpy()[every], return_inverse=True)[1]
    train, held = (np.flatnonzero(np.isin(every, part)) for part in (choose, test))
    codes = lexicon.codes[every]
    mutual = shared_information(codes[train], classes[train]).mutual[:, 0]
    best = np.argsort(-mutual, kind="stable")[:most]
    table = completeness_shares(
        codes.to_scipy()[:, best], classes, source.take(every), train=train, test=held,
        names=[str(j) for j in best], permutations=permutations,
        seed=int(lexicon.info.get("seed") or 0),
    )  # fmt: skip
    names = lexicon.concepts.with_row_index("concept").select(
        pl.col("concept").cast(pl.String), "id", "name"
    )
    return table.join(names, on="concept", how="left", maintain_order="left").select(
        "id", "name", "shapley", "error", "left_out"
    )
