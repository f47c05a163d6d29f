"""The artifact that people save, share and open: dictionary, concepts, provenance, edits."""

from semascope.lexicon.concepts import SCHEMA, describe_latents
from semascope.lexicon.folder import load, write_lexicon
from semascope.lexicon.ledger import Edit, check_edit, replay
from semascope.lexicon.lexicon import SCHEMA_VERSION, Lexicon
from semascope.lexicon.match import Matching, match_concepts
from semascope.lexicon.relevance import ByEncoder, ByValue, ByWords, Relevance, unit, words
from semascope.lexicon.rows import Contrast, Rows, contrasts, split_rows

__all__ = [
    "SCHEMA",
    "SCHEMA_VERSION",
    "ByEncoder",
    "ByValue",
    "ByWords",
    "Contrast",
    "Edit",
    "Lexicon",
    "Matching",
    "Relevance",
    "Rows",
    "check_edit",
    "contrasts",
    "describe_latents",
    "load",
    "match_concepts",
    "replay",
    "split_rows",
    "unit",
    "words",
    "write_lexicon",
]
