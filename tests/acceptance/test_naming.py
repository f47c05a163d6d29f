"""Names of things whose names are known: clusters of words, with WordNet as the bank."""

import csv
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from semascope.embed import texts as embed
from semascope.lexicon import ByEncoder, Contrast, unit
from semascope.name import gather_evidence, name_concepts, read_bank
from semascope.vectors import as_source

DATA = Path(os.environ.get("SEMASCOPE_DATA", "missing")).resolve()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="SEMASCOPE_DATA names no folder"),
]
# Of AP's categories those whose label is a noun of the bank as it stands.
LABELS = (
    "animal", "creator", "feeling", "game", "illness", "pain", "time", "tree", "vehicle",
    "chemical_element", "edible_fruit", "legal_document", "monetary_unit", "social_unit",
)  # fmt: skip


def test_planted_clusters_of_words_get_their_label_or_one_just_above() -> None:
    with (DATA / "word_categories" / "word-categorization_ap.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows = list({r["word"]: r for r in rows if r["word"]}.values())
    items = pl.DataFrame({"text": [r["word"] for r in rows]})
    category = np.array([r["category"] for r in rows])
    bank = read_bank(DATA / "wordnet_nouns" / "wordnet_nouns.tsv.gz")
    vectors = embed(items["text"])
    x = unit(vectors)
    drawn = []
    for label in LABELS:
        own, rest = np.flatnonzero(category == label), np.flatnonzero(category != label)
        near = rest[np.argsort(-x[rest] @ x[own].mean(0), kind="stable")]
        one = np.ones(len(own), dtype=np.float32)
        drawn.append(Contrast(own, one, near[:50], np.sort(near[50:])[::7]))
    relevance = ByEncoder(lambda names: embed(names), as_source(vectors))
    evidence = gather_evidence(drawn)
    found = name_concepts(
        drawn, items, text="text", relevance=relevance, evidence=evidence, bank=bank
    )

    def right(name: str | None, label: str) -> bool:
        wanted = {s for e in bank.lookup(label.replace("_", " ")) for s in bank.steps_up(e, 2)}
        return name is not None and bool(set(bank.lookup(name)) & wanted)

    hits = sum(right(p.name, label) for p, label in zip(found, LABELS, strict=True))
    shuffled = sum(
        right(p.name, label) for p, label in zip(found, LABELS[1:] + LABELS[:1], strict=True)
    )
    assert hits >= 0.8 * len(LABELS)
    assert shuffled <= 0.2 * len(LABELS)
