"""Names for concepts, without a language model: phrases and values that hold up."""

from semascope.name.assign import Proposal, aurocs, name_concepts
from semascope.name.phrases import candidate_phrases
from semascope.name.values import Association, associations, describing_columns

__all__ = [
    "Association",
    "Proposal",
    "associations",
    "aurocs",
    "candidate_phrases",
    "describing_columns",
    "name_concepts",
]
