"""Things become vectors: texts through an encoder on board, a model of your own or any function."""

from semascope.embed.cache import VectorCache
from semascope.embed.text import (
    EmbedReport,
    TextEncoder,
    Truncation,
    embed_texts,
    load_encoder,
    texts,
    truncation,
)

__all__ = [
    "EmbedReport",
    "TextEncoder",
    "Truncation",
    "VectorCache",
    "embed_texts",
    "load_encoder",
    "texts",
    "truncation",
]
