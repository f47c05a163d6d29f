"""What goes with an outcome: effects of concepts, tested on rows that nothing was chosen on."""

from semascope.explain.carried import carried
from semascope.explain.compare import Comparison, compare
from semascope.explain.duplicates import Duplicates, duplicates
from semascope.explain.effects import Effects, effects
from semascope.explain.findings import Findings
from semascope.explain.joint import stability
from semascope.explain.kinds import KINDS, Outcome, read_outcome
from semascope.explain.knockoffs import Knockoffs, knockoff_filter
from semascope.explain.losses import Losses, read_losses
from semascope.explain.outcome import outcome
from semascope.explain.problem import Problem, Setting, marginal
from semascope.explain.shape import Dose, Subgroups, by_subgroup, dose
from semascope.explain.slices import Slices, slices
from semascope.explain.tested import Options, concept_effects

__all__ = [
    "KINDS",
    "Comparison",
    "Dose",
    "Duplicates",
    "Effects",
    "Findings",
    "Knockoffs",
    "Losses",
    "Options",
    "Outcome",
    "Problem",
    "Setting",
    "Slices",
    "Subgroups",
    "by_subgroup",
    "carried",
    "compare",
    "concept_effects",
    "dose",
    "duplicates",
    "effects",
    "knockoff_filter",
    "marginal",
    "outcome",
    "read_losses",
    "read_outcome",
    "slices",
    "stability",
]
