"""The stages behind `semascope.learn`, each resumable."""

from semascope.pipeline.edits import measure_edits, name_edits
from semascope.pipeline.request import Request
from semascope.pipeline.run import run

__all__ = ["Request", "measure_edits", "name_edits", "run"]
