"""Measures of names and dictionaries, each with interval, chance level and counts."""

from semascope.measure.asked import Sample, detection, false_parts, fuzzing
from semascope.measure.intervened import Trial, intervention
from semascope.measure.labels import LabelMatch, best_concepts
from semascope.measure.simulated import simulation
from semascope.measure.trust import Verdict, auroc_interval, verify_name, verify_names

__all__ = [
    "LabelMatch",
    "Sample",
    "Trial",
    "Verdict",
    "auroc_interval",
    "best_concepts",
    "detection",
    "false_parts",
    "fuzzing",
    "intervention",
    "simulation",
    "verify_name",
    "verify_names",
]
