"""What goes with an outcome: effects of concepts, tested on rows that nothing was chosen on."""

from semascope.explain.ablation import input_ablation
from semascope.explain.attribution import (
    gradient_input,
    integrated_gradients,
    occlusion,
    split_prediction,
)
from semascope.explain.betting import Bet, bet, bet_on_concepts, bet_on_item, e_adjusted
from semascope.explain.carried import carried
from semascope.explain.compare import Comparison, compare
from semascope.explain.curves import deletion, insertion, mu_fidelity
from semascope.explain.duplicates import Duplicates, duplicates
from semascope.explain.effects import Effects, effects
from semascope.explain.findings import Findings
from semascope.explain.joint import stability
from semascope.explain.kinds import KINDS, Outcome, read_outcome
from semascope.explain.knockoffs import Knockoffs, knockoff_filter
from semascope.explain.losses import Losses, read_losses
from semascope.explain.mixture import Mixture
from semascope.explain.outcome import outcome
from semascope.explain.predicted import Prediction
from semascope.explain.prediction import prediction
from semascope.explain.predictor import Predictor
from semascope.explain.problem import Problem, Setting, marginal
from semascope.explain.shape import Dose, Subgroups, by_subgroup, dose
from semascope.explain.shapley import exact_shapley, sampled_shapley, shapley
from semascope.explain.sliced import Slices
from semascope.explain.slices import slices
from semascope.explain.sobol import sobol_total
from semascope.explain.tcav import Tcav, tcav
from semascope.explain.tested import Options, concept_effects

__all__ = [
    "KINDS",
    "Bet",
    "Comparison",
    "Dose",
    "Duplicates",
    "Effects",
    "Findings",
    "Knockoffs",
    "Losses",
    "Mixture",
    "Options",
    "Outcome",
    "Prediction",
    "Predictor",
    "Problem",
    "Setting",
    "Slices",
    "Subgroups",
    "Tcav",
    "bet",
    "bet_on_concepts",
    "bet_on_item",
    "by_subgroup",
    "carried",
    "compare",
    "concept_effects",
    "deletion",
    "dose",
    "duplicates",
    "e_adjusted",
    "effects",
    "exact_shapley",
    "gradient_input",
    "input_ablation",
    "insertion",
    "integrated_gradients",
    "knockoff_filter",
    "marginal",
    "mu_fidelity",
    "occlusion",
    "outcome",
    "prediction",
    "read_losses",
    "read_outcome",
    "sampled_shapley",
    "shapley",
    "slices",
    "sobol_total",
    "split_prediction",
    "stability",
    "tcav",
]
