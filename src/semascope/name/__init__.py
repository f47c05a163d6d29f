"""Names for concepts, without a language model: phrases and values that hold up."""

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
    "Conditions",
    "Found",
    "Proposal",
    "Sheet",
    "associations",
    "aurocs",
    "candidate_phrases",
    "combine_names",
    "conditions",
    "contrast_sheet",
    "describing_columns",
    "exemplars",
    "find_patterns",
    "find_rules",
    "name_concepts",
]
