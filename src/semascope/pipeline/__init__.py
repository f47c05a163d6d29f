"""The stages behind `semascope.learn`, each resumable."""

from semascope.pipeline.request import Request
from semascope.pipeline.run import run

__all__ = ["Request", "run"]
