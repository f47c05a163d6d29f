"""What one row is made of: how much each concept brings to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from semascope.lexicon.lexicon import Lexicon


def shares_of_item(lexicon: Lexicon, row: int) -> pl.DataFrame:
    """Return the concepts of a row with their shares; see `Lexicon.explain_item`.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.items import shares_of_item
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> round(shares_of_item(lex, 3)["share"].sum(), 3)
    1.0
    """
    codes = lexicon.codes[row]
    parts = codes.values[:, None] * lexicon.view.atoms_of(codes.indices)
    whole = parts.sum(axis=0)
    length = float(whole @ whole)
    shares = parts @ whole / length if length > 0 else np.zeros(len(parts))
    table = lexicon.concepts
    return pl.DataFrame(
        {
            "concept": table["id"].gather(codes.indices),
            "name": table["name"].gather(codes.indices),
            "activation": codes.values,
            "share": shares.astype(np.float64),
        }
    ).sort("share", descending=True, maintain_order=True)
