"""The stages behind `semascope.learn`, each resumable; new names for a lexicon that stands."""

from semascope.pipeline.renaming import Renaming, prepare_renaming
from semascope.pipeline.request import Request
from semascope.pipeline.run import run

__all__ = ["Renaming", "Request", "prepare_renaming", "run"]
from semascope.pipeline.edits import measure_edits, name_edits

__all__ = ["Request", "measure_edits", "name_edits", "run"]
