"""Names for concepts: phrases and values that hold up; a language model's, if there is one."""

from semascope.name.asked import Case, ask_names, cases_of, naming_requests
from semascope.name.assign import Proposal, aurocs, name_concepts
from semascope.name.combine import combine_names
from semascope.name.conditions import Conditions, conditions
from semascope.name.found import Found
from semascope.name.phrases import candidate_phrases
from semascope.name.sequences import find_patterns
from semascope.name.sheets import Band, Sheet, contrast_sheet, exemplars
from semascope.name.subgroups import find_rules
from semascope.name.values import Association, associations, describing_columns

__all__ = [
    "Association",
    "Band",
    "Case",
    "Conditions",
    "Found",
    "Proposal",
    "Sheet",
    "ask_names",
    "associations",
    "aurocs",
    "candidate_phrases",
    "cases_of",
    "combine_names",
    "conditions",
    "contrast_sheet",
    "describing_columns",
    "exemplars",
    "find_patterns",
    "find_rules",
    "name_concepts",
    "naming_requests",
]
