"""The table of concepts as edits leave it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from semascope.lexicon.concepts import EDITED, MEASURED
from semascope.lexicon.ledger import Edit
from semascope.lexicon.replay import Concept, Replayed, replay_edits


def replay(concepts: pl.DataFrame, edits: Sequence[Edit]) -> pl.DataFrame:
    """Apply edits in order to a table of concepts; ``undo`` takes back the latest edit before it.

    Concepts that edits made come after all others; those that became others stay in their place,
    with the status ``merged`` or ``split``, so that the row of a concept is the column of its
    codes. A concept with another name than it was measured under has no trust until it is measured
    again.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon import Edit, replay
    >>> table = pl.DataFrame({"id": ["c0"], "name": ["a"], "muted": [False], "pinned": [False]})
    >>> replay(table, [Edit("rename", "c0", "b"), Edit("mute", "c0"), Edit("undo")]).row(0)[:4]
    ('c0', 'b', False, False)
    """
    return edited_table(concepts, replay_edits(concepts, edits))


def edited_table(base: pl.DataFrame, replayed: Replayed) -> pl.DataFrame:
    """Return the table of concepts after edits; counts of made concepts are still null.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon.replay import Replayed
    >>> from semascope.lexicon.edited import edited_table
    >>> table = pl.DataFrame({"id": ["c0"], "name": ["a"], "muted": [False], "pinned": [False]})
    >>> edited_table(table, Replayed())["weight"].to_list()
    [1.0]
    """
    defaults = {"tags": [], "comments": [], "weight": 1.0, "made_from": [], "became": []}
    table = base.with_columns(
        pl.lit(pl.Series([defaults.get(name)], dtype=dtype)).first().alias(name)
        for name, dtype in EDITED.items()
        if name not in base.columns
    )
    if not replayed.concepts:
        return table
    touched = sorted(replayed.concepts.values(), key=lambda concept: concept.latent)
    old = [c for c in touched if c.latent < len(base)]
    before = table[[c.latent for c in old]]
    rows = [_edited(c, r) for c, r in zip(old, before.iter_rows(named=True), strict=True)]
    rows += [_made(c, table.schema) for c in touched if c.latent >= len(base)]
    if "status" not in table.columns:
        rows = [{key: row[key] for key in table.columns} for row in rows]
    changed = pl.DataFrame(rows, schema=table.schema, orient="row")
    whole = pl.concat([table, changed])
    order = np.arange(len(base) + len(replayed.made))
    order[[c.latent for c in touched]] = len(base) + np.arange(len(touched))
    return whole[order]


def _edited(concept: Concept, row: dict[str, Any]) -> dict[str, Any]:
    if concept.became:
        _ended(concept, row)
    elif concept.name != row["name"]:
        row |= dict.fromkeys((key for key in (*MEASURED, "name_kind") if key in row), None)
        if row.get("status") in ("unnamed", "rare"):
            row["status"] = "named"
    return _shared(concept, row)


def _made(concept: Concept, schema: pl.Schema) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: [] if isinstance(dtype, pl.List) else None for name, dtype in schema.items()
    }
    row["id"] = concept.id
    row["status"] = "named" if concept.name is not None else "unnamed"
    if concept.became:
        _ended(concept, row)
    return _shared(concept, row)


def _ended(concept: Concept, row: dict[str, Any]) -> None:
    """Say of a concept that became others what it is now: never active, never measured."""
    row |= dict.fromkeys((key for key in MEASURED if key in row), None)
    row["status"] = {1: "merged"}.get(len(concept.became), "split")
    if "prevalence" in row:
        row["prevalence"] = 0.0


def _shared(concept: Concept, row: dict[str, Any]) -> dict[str, Any]:
    if concept.weight not in (0.0, 1.0):
        for key in ("mean_activation", "max_activation"):
            if row.get(key) is not None:
                row[key] *= concept.weight
    keys = ("name", "description", "tags", "comments", "muted", "pinned", "weight", "made_by")
    row |= {key: getattr(concept, key) for key in (*keys, "made_from", "became")}
    if concept.scores is not None and not concept.became:
        row |= {key: concept.scores.get(key) for key in MEASURED if key in row}
        if "name_kind" in row and concept.scores.get("name_kind") is not None:
            row["name_kind"] = concept.scores["name_kind"]
    return row
