"""Learn dictionaries from vectors: estimators, one trainer, one inference form."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from semascope.discover.coder import Coder, Refine, check_refine
from semascope.discover.dictionary import Dictionary
from semascope.discover.encode import RowsToEncode, VectorRows, encode_rows
from semascope.discover.index import Index, make_index
from semascope.discover.recipe import Recipe, recipe_for
from semascope.discover.sizes import check_sizes, default_sizes

if TYPE_CHECKING:
    from semascope.discover.fit import Fit, fit_dictionaries, fit_dictionary, fit_more, fold
    from semascope.discover.sae import BatchTopKSAE, TopKSAE, fit_many
    from semascope.discover.state import State

# These import torch and scikit-learn, for which nobody waits who only reads a lexicon.
_TRAINING = {
    "BatchTopKSAE": "sae",
    "Fit": "fit",
    "State": "state",
    "TopKSAE": "sae",
    "fit_dictionaries": "fit",
    "fit_dictionary": "fit",
    "fit_many": "sae",
    "fit_more": "fit",
    "fold": "fit",
}

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


def __getattr__(name: str) -> Any:
    if name in _TRAINING:
        return getattr(importlib.import_module(f"{__name__}.{_TRAINING[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
