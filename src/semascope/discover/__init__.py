"""Learn dictionaries from vectors: estimators, one trainer, one inference form."""

from semascope.discover.dictionary import Dictionary, Refine, check_refine
from semascope.discover.fit import Fit, fit_dictionary, fit_more, fold
from semascope.discover.index import Index, make_index
from semascope.discover.recipe import Recipe, recipe_for
from semascope.discover.sae import BatchTopKSAE, TopKSAE
from semascope.discover.sizes import check_sizes, default_sizes
from semascope.discover.trainer import State

__all__ = [
    "BatchTopKSAE",
    "Dictionary",
    "Fit",
    "Index",
    "Recipe",
    "Refine",
    "State",
    "TopKSAE",
    "check_refine",
    "check_sizes",
    "default_sizes",
    "fit_dictionary",
    "fit_more",
    "fold",
    "make_index",
    "recipe_for",
]
