"""Families of concepts as edits leave them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from semascope.core import Codes
from semascope.lexicon.relevance import words

_BLOCK = 16_384
_DIFFERENCE = pl.Struct({"concept": pl.String, "name": pl.String})
# Columns of ``families.parquet``.
FAMILIES: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "name": pl.String,
    "parent": pl.String,
    "members": pl.List(pl.String),
    "apart": pl.String,
    "differences": pl.List(_DIFFERENCE),
    "trust": pl.Float64,
    "trust_low": pl.Float64,
    "trust_high": pl.Float64,
    "trust_null": pl.Float64,
    "p": pl.Float64,
    "q": pl.Float64,
    "verdict": pl.String,
    "n": pl.Int64,
    "description": pl.String,
}

# What is measured of a family's name, as of a concept's; ``n`` counts the rows.
FAMILY_SCORES = ("trust", "trust_low", "trust_high", "trust_null", "p", "q", "verdict", "n")


def edited_families(
    families: pl.DataFrame,
    concepts: pl.DataFrame,
    codes: Codes,
    renamed: Mapping[str, str] | None = None,
    measured: Mapping[tuple[str, str], Mapping[str, Any]] | None = None,
) -> pl.DataFrame:
    """Let families follow merges, splits and names; add names of members and the share of rows.

    A merged concept belongs where most of what it was made from belongs, the parts of a split where
    their parent did. Families that are left with one member are gone.

    Parameters
    ----------
    families : polars.DataFrame
        As in ``families.parquet``.
    concepts : polars.DataFrame
        The table of concepts with edits applied.
    codes : Codes
        Codes of all rows with edits applied.
    renamed : mapping of str to str, optional
        Names that people gave, by id of the family. What was measured was measured of the old name.
    measured : mapping of (str, str) to mapping, optional
        What was measured of these names since, by id of the family and name.

    Returns
    -------
    polars.DataFrame
        With ``names`` (of the members, null where there is none) and ``prevalence`` (the share of
        rows that show a member).

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.core import Codes
    >>> from semascope.lexicon import FAMILIES, edited_families
    >>> row = {"id": "f0", "name": "drinks", "members": ["c0", "c1"]}
    >>> table = pl.DataFrame({"id": ["c0", "c1"], "name": ["tea", None], "made_from": [[], []],
    ...     "became": [[], []]})
    >>> codes = Codes.from_scipy(np.eye(2))
    >>> found = edited_families(pl.DataFrame([row], schema=FAMILIES), table, codes)
    >>> found.select("name", "names", "prevalence").row(0)
    ('drinks', ['tea', None], 1.0)
    """
    rows = families.to_dicts()
    chains = _chains(rows, concepts)
    ids, names = concepts["id"].to_list(), concepts["name"].to_list()
    place = {id: j for j, id in enumerate(ids)}
    alive = [len(became) == 0 for became in concepts["became"].to_list()]
    kept: dict[str, dict[str, Any]] = {}
    for row in rows:
        members = [id for id in ids if alive[place[id]] and row["id"] in chains.get(id, ())]
        parent = kept.get(row["parent"] or "")
        if len(members) < 2 or (parent is not None and parent["members"] == members):
            continue
        latents = [place[id] for id in members]
        own = [names[j] for j in latents]
        row["parent"] = None if parent is None else parent["id"]
        row["differences"] = [
            d for d in row["differences"] or [] if d["concept"] in members
            and not set(words(d["name"])) <= set(words(names[place[d["concept"]]] or ""))
        ]  # fmt: skip
        called = (renamed or {}).get(row["id"])
        if called is not None and called != row["name"]:
            row |= dict.fromkeys(FAMILY_SCORES) | {"name": called, "description": None}
        found = (measured or {}).get((row["id"], row["name"] or ""), {})
        row |= {key: found[key] for key in FAMILY_SCORES if key in found}
        kept[row["id"]] = row | {
            "members": members,
            "names": own,
        }
    groups = [[place[id] for id in row["members"]] for row in kept.values()]
    for row, share in zip(kept.values(), _shares(codes, groups), strict=True):
        row["prevalence"] = share
    return pl.DataFrame(list(kept.values()), schema=_SHOWN)


_SHOWN = {
    name: kind
    for column, dtype in FAMILIES.items()
    for name, kind in (
        [(column, dtype), ("names", pl.List(pl.String)), ("prevalence", pl.Float64)]
        if column == "members"
        else [(column, dtype)]
    )
}


def _chains(rows: list[dict[str, Any]], concepts: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return the families of each concept, widest first."""
    first: dict[str, tuple[str, ...]] = {}
    for row in rows:
        for id in row["members"]:
            first[id] = (*first.get(id, ()), row["id"])
    made = {r["id"]: r["made_from"] or [] for r in concepts.iter_rows(named=True)}

    def originals(id: str) -> list[str]:
        return [o for source in made[id] for o in originals(source)] if made[id] else [id]

    out = {}
    for id in made:
        belongs = Counter(first.get(o, ()) for o in originals(id) if o in made)
        # Of equals the first stays, as `most_common` keeps their order.
        out[id] = belongs.most_common(1)[0][0] if belongs else ()
    return out


def _shares(codes: Codes, groups: list[list[int]]) -> list[float]:
    """Return for each group of latents the share of rows on which one of them is active."""
    within = np.zeros((codes.n_components, len(groups)), dtype=np.float32)
    for i, latents in enumerate(groups):
        within[latents, i] = 1
    rows = np.zeros(len(groups), dtype=np.int64)
    for start in range(0, len(codes), _BLOCK):
        block = codes[start : start + _BLOCK].to_scipy()
        rows += ((block > 0).astype(np.float32) @ within > 0).sum(axis=0)
    return [float(count) / max(1, len(codes)) for count in rows]


def family_tree(families: pl.DataFrame) -> list[tuple[int, dict[str, Any]]]:
    """Return families with their depth, each followed by its own; largest share of rows first.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon.families import family_tree
    >>> table = pl.DataFrame({"id": ["f0", "f1", "f2"], "parent": [None, None, "f0"],
    ...     "prevalence": [0.1, 0.3, 0.1]})
    >>> [(depth, family["id"]) for depth, family in family_tree(table)]
    [(0, 'f1'), (0, 'f0'), (1, 'f2')]
    """
    rows = families.to_dicts()

    def under(parent: str | None, depth: int) -> list[tuple[int, dict[str, Any]]]:
        own = [row for row in rows if row["parent"] == parent]
        own.sort(key=lambda row: -row["prevalence"])
        return [one for row in own for one in [(depth, row), *under(row["id"], depth + 1)]]

    return under(None, 0)
