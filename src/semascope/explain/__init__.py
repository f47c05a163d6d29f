"""What goes with an outcome: effects of concepts, tested on rows that nothing was chosen on."""

from semascope.explain.attribution import (
    Mixture,
    exact_shapley,
    gradient_input,
    integrated_gradients,
    occlusion,
    sampled_shapley,
    shapley,
    split_prediction,
)
from semascope.explain.carried import carried
from semascope.explain.compare import Comparison, compare
from semascope.explain.effects import Effects, effects
from semascope.explain.findings import Findings
from semascope.explain.joint import stability
from semascope.explain.kinds import KINDS, Outcome, read_outcome
from semascope.explain.knockoffs import Knockoffs, knockoff_filter
from semascope.explain.outcome import outcome
from semascope.explain.predictor import Predictor
from semascope.explain.problem import Problem, Setting, marginal
from semascope.explain.shape import Dose, Subgroups, by_subgroup, dose
from semascope.explain.tested import Options, concept_effects

__all__ = [
    "KINDS",
    "Comparison",
    "Dose",
    "Effects",
    "Findings",
    "Knockoffs",
    "Mixture",
    "Options",
    "Outcome",
    "Predictor",
    "Problem",
    "Setting",
    "Subgroups",
    "by_subgroup",
    "carried",
    "compare",
    "concept_effects",
    "dose",
    "effects",
    "exact_shapley",
    "gradient_input",
    "integrated_gradients",
    "knockoff_filter",
    "marginal",
    "occlusion",
    "outcome",
    "read_outcome",
    "sampled_shapley",
    "shapley",
    "split_prediction",
    "stability",
]
