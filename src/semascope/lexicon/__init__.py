"""The artifact that people save, share and open: dictionary, concepts, provenance, edits."""

from semascope.lexicon.adding import add
from semascope.lexicon.concepts import EDITED, MEASURED, SCHEMA, describe_latents
from semascope.lexicon.edited import replay
from semascope.lexicon.editing import merge, record
from semascope.lexicon.folder import load, write_lexicon
from semascope.lexicon.ledger import ACTIONS, Edit, check_edit, standing
from semascope.lexicon.lexicon import SCHEMA_VERSION, Lexicon
from semascope.lexicon.match import Matching, match_concepts
from semascope.lexicon.patch import Patched, apply_patch, export_edits, fingerprint
from semascope.lexicon.relevance import ByEncoder, ByValue, ByWords, Relevance, unit, words
from semascope.lexicon.rows import Contrast, Rows, contrasts, split_rows
from semascope.lexicon.splitting import split
from semascope.lexicon.stored import Embedded, Reconstructed, stored_vectors

__all__ = [
    "ACTIONS",
    "EDITED",
    "MEASURED",
    "SCHEMA",
    "SCHEMA_VERSION",
    "ByEncoder",
    "ByValue",
    "ByWords",
    "Contrast",
    "Edit",
    "Embedded",
    "Lexicon",
    "Matching",
    "Patched",
    "Reconstructed",
    "Relevance",
    "Rows",
    "add",
    "apply_patch",
    "check_edit",
    "contrasts",
    "describe_latents",
    "export_edits",
    "fingerprint",
    "load",
    "match_concepts",
    "merge",
    "record",
    "replay",
    "split",
    "split_rows",
    "standing",
    "stored_vectors",
    "unit",
    "words",
    "write_lexicon",
]
