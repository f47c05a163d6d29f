"""The artifact that people save, share and open: dictionary, concepts, provenance, edits."""

from semascope.lexicon.adding import add
from semascope.lexicon.any_name import AnyName, names_on_one_scale, phrase_relevance
from semascope.lexicon.by_rule import ByRule, check_rule, holds
from semascope.lexicon.combined import JOINS, Combined, Join, join_names, split_combined
from semascope.lexicon.concepts import EDITED, MEASURED, SCHEMA, describe_latents
from semascope.lexicon.conditions import Conditions, conditions
from semascope.lexicon.cuts import date_cuts, number_cuts
from semascope.lexicon.edited import replay
from semascope.lexicon.editing import record
from semascope.lexicon.families import FAMILIES, FAMILY_SCORES, edited_families, family_tree
from semascope.lexicon.folder import load, write_lexicon
from semascope.lexicon.ledger import ACTIONS, Edit, check_edit, standing
from semascope.lexicon.lexicon import SCHEMA_VERSION, Lexicon
from semascope.lexicon.match import Matching, match_concepts
from semascope.lexicon.merging import merge
from semascope.lexicon.patch import Patched, apply_patch, export_edits, fingerprint
from semascope.lexicon.patterns import (
    ByPattern,
    Events,
    as_events,
    parse_pattern,
    write_pattern,
)
from semascope.lexicon.relevance import ByEncoder, ByValue, ByWords, Relevance, unit, words
from semascope.lexicon.rows import Contrast, Rows, contrasts, split_rows
from semascope.lexicon.rules import Clause, Junction, Negation, Rule, clauses, parse_rule
from semascope.lexicon.splitting import split
from semascope.lexicon.stored import Embedded, Reconstructed, stored_vectors

__all__ = [
    "ACTIONS",
    "EDITED",
    "FAMILIES",
    "FAMILY_SCORES",
    "JOINS",
    "MEASURED",
    "SCHEMA",
    "SCHEMA_VERSION",
    "AnyName",
    "ByEncoder",
    "ByPattern",
    "ByRule",
    "ByValue",
    "ByWords",
    "Clause",
    "Combined",
    "Conditions",
    "Contrast",
    "Edit",
    "Embedded",
    "Events",
    "Join",
    "Junction",
    "Lexicon",
    "Matching",
    "Negation",
    "Patched",
    "Reconstructed",
    "Relevance",
    "Rows",
    "Rule",
    "add",
    "apply_patch",
    "as_events",
    "check_edit",
    "check_rule",
    "clauses",
    "conditions",
    "contrasts",
    "date_cuts",
    "describe_latents",
    "edited_families",
    "export_edits",
    "family_tree",
    "fingerprint",
    "holds",
    "join_names",
    "load",
    "match_concepts",
    "merge",
    "names_on_one_scale",
    "number_cuts",
    "parse_pattern",
    "parse_rule",
    "phrase_relevance",
    "record",
    "replay",
    "split",
    "split_combined",
    "split_rows",
    "standing",
    "stored_vectors",
    "unit",
    "words",
    "write_lexicon",
    "write_pattern",
]
