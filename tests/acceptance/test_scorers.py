"""Scorers pick the true name of a class among near-misses, and pick nothing where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(os.environ.get("SEMASCOPE_DATA", "missing")).resolve()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="SEMASCOPE_DATA names no folder"),
]
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "scorers.py"


def test_scorers_beat_chance_clearly_and_only_on_the_right_rows(tmp_path):
    out = tmp_path / "scorers.json"
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--sets", "trec", "ap", "battig", "--json", str(out)],
        env=os.environ | {"SEMASCOPE_DATA": str(DATA)}, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    found = json.loads(out.read_text(encoding="utf-8"))
    scorers = {line["scorer"]: line for line in found["scorers"]}
    assert len(scorers) == 8
    for kind, line in scorers.items():
        assert line["puzzles"] > 100
        # A guess is right in one of ten, at rank 5.5.
        assert line["top1_interval"][0] > 0.35, kind
        assert line["mean_rank_interval"][1] < 2.5, kind
        assert line["top1_shuffled"] < 0.2, kind
        assert 4.5 < line["mean_rank_shuffled"] < 6.8, kind
    best = scorers["all together"]["top1"]
    assert best > 0.8
    assert all(best >= line["top1"] - 0.05 for line in scorers.values())
    agreed = found["agreement"]
    assert agreed["low"] > agreed["null"] + 0.2
