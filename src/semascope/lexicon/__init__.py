"""The artifact that people save, share and open: dictionary, concepts, provenance, edits."""

from semascope.lexicon.by_rule import ByRule, check_rule, holds
from semascope.lexicon.combined import JOINS, Combined, Join, join_names, split_combined
from semascope.lexicon.concepts import SCHEMA, describe_latents
from semascope.lexicon.folder import load, write_lexicon
from semascope.lexicon.ledger import Edit, check_edit, replay
from semascope.lexicon.lexicon import SCHEMA_VERSION, Lexicon
from semascope.lexicon.match import Matching, match_concepts
from semascope.lexicon.patterns import ByPattern, Events, parse_pattern, write_pattern
from semascope.lexicon.relevance import ByEncoder, ByValue, ByWords, Relevance, unit, words
from semascope.lexicon.rows import Contrast, Rows, contrasts, split_rows
from semascope.lexicon.rules import Clause, Junction, Negation, Rule, clauses, parse_rule

__all__ = [
    "JOINS",
    "SCHEMA",
    "SCHEMA_VERSION",
    "ByEncoder",
    "ByPattern",
    "ByRule",
    "ByValue",
    "ByWords",
    "Clause",
    "Combined",
    "Contrast",
    "Edit",
    "Events",
    "Join",
    "Junction",
    "Lexicon",
    "Matching",
    "Negation",
    "Relevance",
    "Rows",
    "Rule",
    "check_edit",
    "check_rule",
    "clauses",
    "contrasts",
    "describe_latents",
    "holds",
    "join_names",
    "load",
    "match_concepts",
    "parse_pattern",
    "parse_rule",
    "replay",
    "split_combined",
    "split_rows",
    "unit",
    "words",
    "write_lexicon",
    "write_pattern",
]
