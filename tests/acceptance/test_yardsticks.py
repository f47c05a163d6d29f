"""Yardsticks on real texts: a learned dictionary beats chance and axes that nobody learned."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from semascope.core import generator
from semascope.discover import TopKSAE
from semascope.embed import texts as embed
from semascope.measure import METRICS, evaluate

DATA = Path(os.environ.get("SEMASCOPE_DATA", "missing")).resolve()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="SEMASCOPE_DATA names no folder"),
]
INTENTS, EACH = 12, 60


def test_learned_codes_of_bank_questions_beat_chance_and_random_atoms() -> None:
    with (DATA / "banking77" / "train.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_intent: dict[str, list[str]] = {}
    for row in rows:
        by_intent.setdefault(row["category"], []).append(row["text"])
    some = [name for name in sorted(by_intent) if len(by_intent[name]) >= EACH][:INTENTS]
    texts = [text for name in some for text in by_intent[name][:EACH]]
    intent = np.repeat(some, EACH)
    x = np.asarray(embed(texts), dtype=np.float32)
    order = generator(0, "sides").permutation(len(x))
    choose, test = np.sort(order[:480]), np.sort(order[480:])
    sae = TopKSAE(48, 3, max_rows=40_000, random_state=0).fit(x[choose])
    table = evaluate(
        sae.transform(x), vectors=x, atoms=sae.atoms_, bias=sae.dictionary_.bias, labels=intent,
        factors=intent[:, None] == np.unique(intent), outcome=intent, choose=choose, test=test,
        metrics=["fvu", "best concept f1", "1-sparse probe", "mig", "infoc", "completeness"],
    )  # fmt: skip
    for row in table.filter(of="codes").iter_rows(named=True):
        random = table.filter(metric=row["metric"], of="random atoms")["value"].item()
        if METRICS[row["metric"]].better == "lower":
            assert row["high"] < min(row["null"], random), row
        else:
            assert row["low"] > row["null"], row
            assert row["value"] > random, row
