"""semascope: see what your embeddings mean."""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

# Imported now, so that the name always means the function and never the module.
from semascope.learn import learn

if TYPE_CHECKING:
    from semascope import (
        core,
        discover,
        embed,
        explain,
        kernels,
        lexicon,
        llm,
        measure,
        name,
        search,
        vectors,
    )
    from semascope.lexicon import Lexicon, load
    from semascope.search import find

__version__ = version("semascope")

_ROOMS = (
    "core",
    "discover",
    "embed",
    "explain",
    "kernels",
    "lexicon",
    "llm",
    "measure",
    "name",
    "search",
    "vectors",
)
_NAMES = {"load": "lexicon", "Lexicon": "lexicon", "find": "search"}

__all__ = [
    "Lexicon",
    "__version__",
    "core",
    "discover",
    "embed",
    "explain",
    "find",
    "kernels",
    "learn",
    "lexicon",
    "llm",
    "load",
    "measure",
    "name",
    "search",
    "vectors",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"semascope.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"semascope.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'semascope' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
