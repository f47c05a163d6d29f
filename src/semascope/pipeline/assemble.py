"""Pieces from which a run puts a lexicon together."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import polars as pl

from semascope.core import Codes
from semascope.discover import Dictionary
from semascope.kernels import native
from semascope.lexicon import ByEncoder, Relevance
from semascope.measure import Verdict, decide
from semascope.name import Proposal
from semascope.vectors import Float32Array, VectorSource


@dataclass(frozen=True)
class Subset:
    """Some rows of a source, as a source.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.pipeline.assemble import Subset
    >>> from semascope.vectors import as_source
    >>> Subset(as_source(np.eye(3)), np.array([0, 2])).shape
    (2, 3)
    """

    source: VectorSource
    index: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return len(self.index), self.source.shape[1]

    def rows(self, start: int, stop: int) -> Float32Array:
        """Return rows `start` to `stop` in memory."""
        return self.source.take(self.index[start:stop])

    def take(self, index: np.ndarray) -> Float32Array:
        """Return the rows of an ascending index in memory."""
        return self.source.take(self.index[index])


def with_names(
    table: pl.DataFrame, proposals: Sequence[Proposal], verdicts: Sequence[Verdict | None]
) -> pl.DataFrame:
    """Fill the columns of names, scores and verdicts into a table of latents.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon import SCHEMA
    >>> from semascope.name import Proposal
    >>> from semascope.pipeline.assemble import with_names
    >>> table = pl.DataFrame({name: [None] for name in SCHEMA}, schema=SCHEMA)
    >>> with_names(table, [Proposal("named", "fees", "phrase")], [None])["name"].to_list()
    ['fees']
    """

    def scored(pick: Callable[[Verdict], float | None]) -> list[float | None]:
        return [None if v is None else pick(v) for v in verdicts]

    columns: dict[str, list[Any]] = {
        "name": [p.name for p in proposals],
        "description": [p.description or None for p in proposals],
        "status": [p.status for p in proposals],
        "name_kind": [p.kind for p in proposals],
        "named_by": [p.by for p in proposals],
        "held_in": [p.held_in for p in proposals],
        "alternatives": [p.alternatives for p in proposals],
        "evidence": [p.evidence for p in proposals],
        "trust": scored(lambda v: v.trust.value),
        "trust_low": scored(lambda v: v.trust.low),
        "trust_high": scored(lambda v: v.trust.high),
        "trust_null": scored(lambda v: v.trust.null),
        "trust_null_high": scored(lambda v: v.null_high),
        "balanced_accuracy": scored(lambda v: v.balanced_accuracy.value),
        "p": scored(lambda v: v.p),
        "threshold": [p.threshold for p in proposals],
        "n_active": scored(lambda v: v.n_active),
        "n_inactive": scored(lambda v: v.n_inactive),
    }
    return decide(
        table.with_columns(
            pl.Series(name, values, dtype=table.schema[name]) for name, values in columns.items()
        )
    )


def name_vectors(table: pl.DataFrame, relevance: Relevance | None, d: int) -> Float32Array:
    """Return the embedded names of all concepts, zero where there is none to embed.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.pipeline.assemble import name_vectors
    >>> name_vectors(pl.DataFrame({"name": ["fees"], "name_kind": ["phrase"]}), None, 2)
    array([[0., 0.]], dtype=float32)
    """
    out = np.zeros((len(table), d), dtype=np.float32)
    worded = ("phrase", "term", "combined")
    named = [j for j, kind in enumerate(table["name_kind"]) if kind in worded]
    if isinstance(relevance, ByEncoder) and named:
        out[named] = relevance.vectors([table["name"][j] for j in named])
    return out


def versions() -> dict[str, str]:
    """Return the versions of Python and of what the result depends on.

    Examples
    --------
    >>> from semascope.pipeline.assemble import versions
    >>> "numpy" in versions()
    True
    """
    found = {"python": platform.python_version(), "kernels": native.chosen()}
    for package in ("semascope", "numpy", "scipy", "torch", "polars", "scikit-learn"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def in_memory(codes: Codes, dictionary: Dictionary) -> tuple[Codes, Dictionary]:
    """Copy codes and dictionary out of mapped files.

    Files that are mapped stay readable after their folder is gone, but only on some systems; a
    lexicon in memory must not depend on that.

    Examples
    --------
    >>> from semascope.pipeline.assemble import in_memory
    >>> in_memory.__name__
    'in_memory'
    """
    parts = (np.array(codes.indptr), np.array(codes.indices), np.array(codes.values))
    arrays: dict[str, Any] = {
        name: np.array(getattr(dictionary, name))
        for name in ("encoder", "encoder_bias", "atoms", "bias", "threshold")
        if getattr(dictionary, name) is not None
    }
    return Codes(*parts, codes.n_components), replace(dictionary, **arrays)
