"""Learn dictionaries from vectors: estimators, one trainer, one inference form."""

from semascope.discover.coder import Coder, Refine, check_refine
from semascope.discover.dictionary import Dictionary
from semascope.discover.encode import RowsToEncode, VectorRows, encode_rows
from semascope.discover.fit import Fit, fit_dictionaries, fit_dictionary, fit_more, fold
from semascope.discover.index import Index, make_index
from semascope.discover.recipe import Recipe, recipe_for
from semascope.discover.sae import BatchTopKSAE, TopKSAE, fit_many
from semascope.discover.sizes import check_sizes, default_sizes
from semascope.discover.state import State

__all__ = [
    "BatchTopKSAE",
    "Coder",
    "Dictionary",
    "Fit",
    "Index",
    "Recipe",
    "Refine",
    "RowsToEncode",
    "State",
    "TopKSAE",
    "VectorRows",
    "check_refine",
    "check_sizes",
    "default_sizes",
    "encode_rows",
    "fit_dictionaries",
    "fit_dictionary",
    "fit_many",
    "fit_more",
    "fold",
    "make_index",
    "recipe_for",
]
