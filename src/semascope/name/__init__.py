"""Names for concepts that hold up: phrases, terms, rules, patterns; a language model's, too."""

from semascope.lexicon import Conditions, conditions
from semascope.name.asked import ask_names, naming_requests
from semascope.name.assign import Proposal, name_concepts
from semascope.name.bank import Bank
from semascope.name.bank_files import read_bank
from semascope.name.by_columns import by_rules, by_values
from semascope.name.by_events import by_patterns
from semascope.name.candidates import STATED, Candidate, Namer, merged
from semascope.name.cases import Case, cases_of
from semascope.name.combine import combine_names
from semascope.name.defaults import default_namers, default_scorers
from semascope.name.evidence import Evidence, Part, PartFinder, gather_evidence
from semascope.name.families import (
    Difference,
    Family,
    apart_from_families,
    apart_from_siblings,
    group_concepts,
    name_families,
    shared_rows,
)
from semascope.name.found import Found
from semascope.name.held_in import aurocs
from semascope.name.images import Pictures
from semascope.name.item_parts import column_parts, event_parts, image_parts
from semascope.name.joins import with_joined_names
from semascope.name.levels import by_bank
from semascope.name.matching import ByBank
from semascope.name.namers import book_of, by_contrast, by_encoder, by_parts
from semascope.name.parts import firing_spans, segments, text_parts
from semascope.name.phrases import PhraseBook, candidate_phrases, contrasted, phrase_book
from semascope.name.picture_cases import few, picture_cases, with_images
from semascope.name.sequences import find_patterns
from semascope.name.sheets import Band, Sheet, contrast_sheet, exemplars
from semascope.name.subgroups import find_rules
from semascope.name.tells import tells
from semascope.name.values import Association, associations, describing_columns

__all__ = [
    "STATED",
    "Association",
    "Band",
    "Bank",
    "ByBank",
    "Candidate",
    "Case",
    "Conditions",
    "Difference",
    "Evidence",
    "Family",
    "Found",
    "Namer",
    "Part",
    "PartFinder",
    "PhraseBook",
    "Pictures",
    "Proposal",
    "Sheet",
    "apart_from_families",
    "apart_from_siblings",
    "ask_names",
    "associations",
    "aurocs",
    "book_of",
    "by_bank",
    "by_contrast",
    "by_encoder",
    "by_parts",
    "by_patterns",
    "by_rules",
    "by_values",
    "candidate_phrases",
    "cases_of",
    "column_parts",
    "combine_names",
    "conditions",
    "contrast_sheet",
    "contrasted",
    "default_namers",
    "default_scorers",
    "describing_columns",
    "event_parts",
    "exemplars",
    "few",
    "find_patterns",
    "find_rules",
    "firing_spans",
    "gather_evidence",
    "group_concepts",
    "image_parts",
    "merged",
    "name_concepts",
    "name_families",
    "naming_requests",
    "phrase_book",
    "picture_cases",
    "read_bank",
    "segments",
    "shared_rows",
    "tells",
    "text_parts",
    "with_images",
    "with_joined_names",
]
