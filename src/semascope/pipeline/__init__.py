"""The stages behind `semascope.learn`, each resumable; what is done to a lexicon that stands."""

from semascope.pipeline.baselines import BASELINES, baseline_lexicon
from semascope.pipeline.broken_down import BrokenDown, trust_by
from semascope.pipeline.edits import measure_edits, name_edits
from semascope.pipeline.firing import firing_parts
from semascope.pipeline.renaming import Renaming, prepare_renaming
from semascope.pipeline.request import Request
from semascope.pipeline.run import run
from semascope.pipeline.sheets import write_sheets
from semascope.pipeline.verifying import SCORERS, Verified, Verifying, prepare_verifying, verify

__all__ = [
    "BASELINES",
    "SCORERS",
    "BrokenDown",
    "Renaming",
    "Request",
    "Verified",
    "Verifying",
    "baseline_lexicon",
    "firing_parts",
    "measure_edits",
    "name_edits",
    "prepare_renaming",
    "prepare_verifying",
    "run",
    "trust_by",
    "verify",
    "write_sheets",
]
