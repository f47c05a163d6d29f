"""A lexicon in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from semascope.lexicon.lexicon import Lexicon

_COLUMNS = ("id", "name", "trust", "trust_low", "trust_high", "trust_null", "prevalence")


def best(lexicon: Lexicon, most: int) -> pl.DataFrame:
    """Return the most trusted concepts, after those that people named and nobody has measured.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.summary import best
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> lex.edit("rename", "c3", "mine")
    >>> best(lex, 1)["name"].to_list()
    ['mine']
    """
    table = lexicon.concepts
    before = pl.Series([*lexicon.base["name"], *[None] * (len(table) - len(lexicon.base))])
    given = table["name"].ne_missing(before.cast(pl.String)) & table["name"].is_not_null()
    table = table.with_columns((given & table["trust"].is_null()).alias("given"))
    table = table.filter(
        pl.col("trust").is_not_null() | pl.col("given"), pl.col("became").list.len() == 0
    )
    table = table.sort("given", "trust", "id", descending=[True, True, False])
    return table.select(_COLUMNS).head(most)


def lines_of(lexicon: Lexicon, most: int) -> list[str]:
    """Say how large and how good a lexicon is, and name its best concepts, a line each.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.summary import lines_of
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> lines_of(lex, 0)
    ['Lexicon of 12 concepts (0 named) on 400 items, held-out FVU ...']
    """
    table = lexicon.concepts
    named = int((table["status"] == "named").sum())
    alive = int((table["became"].list.len() == 0).sum())
    fvu = lexicon.info["metrics"].get("fvu", {}).get("value", float("nan"))
    n = len(lexicon.base_codes)
    lines = [f"Lexicon of {alive} concepts ({named} named) on {n:,} items, held-out FVU {fvu:.3f}"]
    for row in best(lexicon, most).iter_rows(named=True):
        trust = "not measured     "
        if row["trust"] is not None:
            trust = f"{row['trust']:.2f} [{row['trust_low']:.2f}, {row['trust_high']:.2f}]"
        lines.append(f"  {row['id']:<6} {trust}  {row['name']}")
    return lines
