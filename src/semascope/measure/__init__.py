"""Measures of names and dictionaries, each with interval, chance level and counts."""

from semascope.measure.chance import p_names, p_rows
from semascope.measure.decide import VERDICTS, decide
from semascope.measure.interval import auroc_interval
from semascope.measure.labels import LabelMatch, best_concepts
from semascope.measure.trust import Verdict, verify_name, verify_names

__all__ = [
    "VERDICTS",
    "LabelMatch",
    "Verdict",
    "auroc_interval",
    "best_concepts",
    "decide",
    "p_names",
    "p_rows",
    "verify_name",
    "verify_names",
]
