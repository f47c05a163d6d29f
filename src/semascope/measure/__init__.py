"""Measures of names and dictionaries, each with interval, chance level and counts."""

from semascope.measure.agree import agreement, rank_correlations
from semascope.measure.asked import detection, detection_requests, fuzzing, fuzzing_requests
from semascope.measure.breakdown import trust_by_band, trust_by_group
from semascope.measure.chance import p_names, p_rows
from semascope.measure.coherence import coherence
from semascope.measure.contradict import Contradictions, contradictions
from semascope.measure.decide import VERDICTS, decide
from semascope.measure.interval import auroc_difference, auroc_interval
from semascope.measure.intervened import Trial, intervention, intervention_requests
from semascope.measure.judge import Judge, judged, train_judge
from semascope.measure.labels import LabelMatch, best_concepts
from semascope.measure.samples import Sample, false_parts
from semascope.measure.scorers import RuleScores, intruder, ranking, rule_scores
from semascope.measure.simulated import simulation, simulation_requests
from semascope.measure.steered import steering
from semascope.measure.strength import predicted_strength
from semascope.measure.trust import Verdict, verify_name, verify_names
from semascope.measure.yardsticks import METRICS, Metric, evaluate, metrics

__all__ = [
    "METRICS",
    "VERDICTS",
    "Contradictions",
    "Judge",
    "LabelMatch",
    "Metric",
    "RuleScores",
    "Sample",
    "Trial",
    "Verdict",
    "agreement",
    "auroc_difference",
    "auroc_interval",
    "best_concepts",
    "coherence",
    "contradictions",
    "decide",
    "detection",
    "detection_requests",
    "evaluate",
    "false_parts",
    "fuzzing",
    "fuzzing_requests",
    "intervention",
    "intervention_requests",
    "intruder",
    "judged",
    "metrics",
    "p_names",
    "p_rows",
    "predicted_strength",
    "rank_correlations",
    "ranking",
    "rule_scores",
    "simulation",
    "simulation_requests",
    "steering",
    "train_judge",
    "trust_by_band",
    "trust_by_group",
    "verify_name",
    "verify_names",
]
