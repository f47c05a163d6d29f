"""Measures of names and dictionaries, each with interval, chance level and counts."""

from semascope.measure.labels import LabelMatch, best_concepts
from semascope.measure.trust import Verdict, auroc_interval, verify_name, verify_names

__all__ = [
    "LabelMatch",
    "Verdict",
    "auroc_interval",
    "best_concepts",
    "verify_name",
    "verify_names",
]
