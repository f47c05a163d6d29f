"""Rules on films that nobody planted: concepts of ratings are named by their genre."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

DATA = os.environ.get("SEMASCOPE_DATA")
GALLERY = Path(__file__).parents[2] / "docs" / "gallery"

pytestmark = pytest.mark.skipif(DATA is None, reason="needs SEMASCOPE_DATA")


def gallery(name: str) -> dict[str, float]:
    """Run an example; names and the lower ends of their trust."""
    done = subprocess.run(
        [sys.executable, str(GALLERY / f"{name}.py")], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    found: dict[str, float] = {}
    for above, line in pairwise(lines):
        if line.startswith("       trust "):
            name = above.split(maxsplit=1)[1]
            found[name] = max(found.get(name, 0), float(line.split("[")[1].split(",")[0]))
    return found


def test_films_that_horror_fans_rate_are_named_horror() -> None:
    found = gallery("films")
    assert found["genre contains Horror"] > 0.6
    assert any("Comedy" in name and low > 0.6 for name, low in found.items())


def test_census_concepts_are_named_by_their_columns() -> None:
    found = gallery("census")
    assert len(found) >= 10
    assert min(found.values()) > 0.8
    assert {"marital status = Divorced", "occupation is missing"} <= set(found)


def test_tissues_are_named() -> None:
    found = gallery("genes")
    # 40 rows on verify: an interval's lower end is about 0.7 even where no row is wrong.
    sure = {name for name, low in found.items() if low > 0.65}
    assert {"tissue = hippocampus", "tissue = liver"} <= sure
