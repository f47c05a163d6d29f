"""Things become vectors: texts through an encoder on board, a model of your own or any function."""

from semascope.embed.cache import VectorCache
from semascope.embed.encoder import TextEncoder, load_encoder
from semascope.embed.text import EmbedReport, Truncation, embed_texts, texts, truncation

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
