"""Names for concepts, without a language model: phrases, terms and values that hold up."""

from semascope.name.assign import Proposal, aurocs, name_concepts
from semascope.name.bank import Bank
from semascope.name.bank_files import read_bank
from semascope.name.candidates import Candidate, Namer, merged
from semascope.name.defaults import default_namers, default_scorers
from semascope.name.evidence import Evidence, Part, PartFinder, gather_evidence
from semascope.name.families import Family, group_concepts, name_families
from semascope.name.levels import by_bank
from semascope.name.matching import ByBank
from semascope.name.namers import book_of, by_contrast, by_encoder, by_parts, by_values
from semascope.name.parts import segments, text_parts
from semascope.name.phrases import PhraseBook, candidate_phrases, contrasted, phrase_book
from semascope.name.values import Association, associations, describing_columns

__all__ = [
    "Association",
    "Bank",
    "ByBank",
    "Candidate",
    "Evidence",
    "Family",
    "Namer",
    "Part",
    "PartFinder",
    "PhraseBook",
    "Proposal",
    "associations",
    "aurocs",
    "book_of",
    "by_bank",
    "by_contrast",
    "by_encoder",
    "by_parts",
    "by_values",
    "candidate_phrases",
    "contrasted",
    "default_namers",
    "default_scorers",
    "describing_columns",
    "gather_evidence",
    "group_concepts",
    "merged",
    "name_concepts",
    "name_families",
    "phrase_book",
    "read_bank",
    "segments",
    "text_parts",
]
