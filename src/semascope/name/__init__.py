"""Names for concepts: phrases and values that hold up; a language model's, if there is one."""

from semascope.name.asked import Case, ask_names, cases_of, naming_requests
from semascope.name.assign import Proposal, aurocs, name_concepts
from semascope.name.phrases import candidate_phrases
from semascope.name.values import Association, associations, describing_columns

__all__ = [
    "Association",
    "Case",
    "Proposal",
    "ask_names",
    "associations",
    "aurocs",
    "candidate_phrases",
    "cases_of",
    "describing_columns",
    "name_concepts",
    "naming_requests",
]
