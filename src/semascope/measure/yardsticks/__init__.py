"""Yardsticks of dictionaries and representations: pure functions, a registry, and `evaluate`."""

from semascope.measure.yardsticks.absorption import (
    Absorption,
    absorption,
    split_latents,
    splitting,
)
from semascope.measure.yardsticks.attributes import (
    Attributed,
    attribute,
    attribute_scores,
    sap,
)
from semascope.measure.yardsticks.completeness import (
    Complete,
    completeness,
    completeness_shares,
)
from semascope.measure.yardsticks.contributions import (
    contributing_concepts,
    effective_concepts,
)
from semascope.measure.yardsticks.dci import (
    completeness_of,
    disentanglement,
    importances,
    informativeness,
)
from semascope.measure.yardsticks.erasing import (
    Perturbed,
    Removal,
    spurious_removal,
    targeted_perturbation,
)
from semascope.measure.yardsticks.evaluate import (
    evaluate,
)
from semascope.measure.yardsticks.explicit import (
    Predicted,
    explicitness,
    info_explicitness,
    predict_factors,
)
from semascope.measure.yardsticks.fixed import (
    beta_vae,
    factor_vae,
    robustness,
)
from semascope.measure.yardsticks.information import (
    Shared,
    info_compactness,
    info_modularity,
    mig,
    modularity,
    shared_information,
)
from semascope.measure.yardsticks.inputs import (
    Factors,
    as_factors,
    as_labels,
    dense_codes,
    halves,
    sparse_codes,
)
from semascope.measure.yardsticks.metric import (
    Metric,
    Reading,
)
from semascope.measure.yardsticks.probes import (
    Probe,
    fit_probe,
)
from semascope.measure.yardsticks.probing import (
    Probed,
    sparse_probes,
)
from semascope.measure.yardsticks.purity import (
    Niches,
    niche_impurity,
    niches,
    oracle_impurity,
    stand_ins,
)
from semascope.measure.yardsticks.quivers import (
    Quiver,
    quiver,
)
from semascope.measure.yardsticks.reconstruction import (
    Activity,
    Rebuilt,
    activity,
    max_atom_cosine,
    rebuild,
)
from semascope.measure.yardsticks.regimes import (
    PAPER_LEVELS,
    Draw,
    draw_regime,
    probe_regimes,
)
from semascope.measure.yardsticks.registry import (
    METRICS,
    metrics,
    unmeasured,
)
from semascope.measure.yardsticks.sets import (
    compositionality,
    learnability,
    mean_directions,
    probe_sensitivity,
)
from semascope.measure.yardsticks.several import (
    matched_cosines,
    stability,
    total_correlation,
    udr,
)
from semascope.measure.yardsticks.supervised import (
    Compared,
    compare_supervised,
    label_atoms,
)
from semascope.measure.yardsticks.swapping import (
    Swapped,
    swap_factors,
)

__all__ = [
    "METRICS",
    "PAPER_LEVELS",
    "Absorption",
    "Activity",
    "Attributed",
    "Compared",
    "Complete",
    "Draw",
    "Factors",
    "Metric",
    "Niches",
    "Perturbed",
    "Predicted",
    "Probe",
    "Probed",
    "Quiver",
    "Reading",
    "Rebuilt",
    "Removal",
    "Shared",
    "Swapped",
    "absorption",
    "activity",
    "as_factors",
    "as_labels",
    "attribute",
    "attribute_scores",
    "beta_vae",
    "compare_supervised",
    "completeness",
    "completeness_of",
    "completeness_shares",
    "compositionality",
    "contributing_concepts",
    "dense_codes",
    "disentanglement",
    "draw_regime",
    "effective_concepts",
    "evaluate",
    "explicitness",
    "factor_vae",
    "fit_probe",
    "halves",
    "importances",
    "info_compactness",
    "info_explicitness",
    "info_modularity",
    "informativeness",
    "label_atoms",
    "learnability",
    "matched_cosines",
    "max_atom_cosine",
    "mean_directions",
    "metrics",
    "mig",
    "modularity",
    "niche_impurity",
    "niches",
    "oracle_impurity",
    "predict_factors",
    "probe_regimes",
    "probe_sensitivity",
    "quiver",
    "rebuild",
    "robustness",
    "sap",
    "shared_information",
    "sparse_codes",
    "sparse_probes",
    "split_latents",
    "splitting",
    "spurious_removal",
    "stability",
    "stand_ins",
    "swap_factors",
    "targeted_perturbation",
    "total_correlation",
    "udr",
    "unmeasured",
]
