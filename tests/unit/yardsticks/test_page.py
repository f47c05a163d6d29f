"""The page about the yardsticks says what the registry says."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_page_is_what_the_registry_gives() -> None:
    made = runpy.run_path(str(DOCS / "yardsticks.py"))["page"]()
    written = (DOCS / "yardsticks.md").read_text(encoding="utf-8")
    assert made == written, "run: python docs/yardsticks.py"
