"""Where vectors and items are read from: sources, shuffled batches, stores and tables."""

from semascope.vectors.source import (
    ArraySource,
    Float32Array,
    Shuffled,
    VectorSource,
    as_source,
    blocks,
    moments,
)
from semascope.vectors.store import VectorStore
from semascope.vectors.tables import Items, items_from, read_items
from semascope.vectors.within import within

__all__ = [
    "ArraySource",
    "Float32Array",
    "Items",
    "Shuffled",
    "VectorSource",
    "VectorStore",
    "as_source",
    "blocks",
    "items_from",
    "moments",
    "read_items",
    "within",
]
