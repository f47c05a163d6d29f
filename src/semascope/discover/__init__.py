"""Learn dictionaries from vectors: estimators, one trainer, one inference form."""

from semascope.discover.dictionary import Dictionary, Refine, check_refine
from semascope.discover.fit import Fit, fit_dictionaries, fit_dictionary, fit_more, fold
from semascope.discover.recipe import Recipe, recipe_for
from semascope.discover.sae import BatchTopKSAE, TopKSAE, fit_many
from semascope.discover.sizes import check_sizes, default_sizes
from semascope.discover.state import State

__all__ = [
    "BatchTopKSAE",
    "Dictionary",
    "Fit",
    "Recipe",
    "Refine",
    "State",
    "TopKSAE",
    "check_refine",
    "check_sizes",
    "default_sizes",
    "fit_dictionaries",
    "fit_dictionary",
    "fit_many",
    "fit_more",
    "fold",
    "recipe_for",
]
