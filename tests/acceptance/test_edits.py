"""Edits of real texts: parts of a split mean more than the whole, additions find their rows."""

import csv
import dataclasses
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import semascope as sc
from semascope.core import auroc, generator
from semascope.pipeline import measure_edits, name_edits
from semascope.search import find

DATA = Path(os.environ.get("SEMASCOPE_DATA", "missing")).resolve()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="SEMASCOPE_DATA names no folder"),
]


@pytest.fixture(scope="module")
def learned():
    with (DATA / "banking77" / "train.csv").open(newline="", encoding="utf-8") as file:
        rows = pl.DataFrame(list(csv.DictReader(file)))[::2]
    # Intents must not become names: they are what names and concepts are judged by.
    texts = rows.select("text")
    lex = sc.learn(texts, text="text", baseline=False, progress=False)
    return lex, rows["category"].to_numpy()


def fresh(lex):
    return dataclasses.replace(lex, edits=[], path=None)


def agreement(intents, rows, choose, test):
    """Share of a concept's test rows that have the intent most of its other rows have."""
    other, held = rows[choose[rows]], rows[test[rows]]
    names, counts = np.unique(intents[other], return_counts=True)
    return float((intents[held] == names[counts.argmax()]).mean()) if len(held) else 0.0, len(held)


def test_parts_of_mixed_concepts_align_with_intents(learned):
    lex, intents = learned
    choose, test = lex.splits != 2, lex.splits == 2
    whole, parts, shuffled = [], [], []
    for latent in range(lex.codes.n_components):
        rows = lex.view.column(latent)[0]
        _, counts = np.unique(intents[rows], return_counts=True)
        if len(rows) < 80 or np.sort(counts)[-2] < 0.25 * len(rows):
            continue
        edited = fresh(lex)
        ids = edited.split(f"c{latent}", 2)
        found = [edited.view.column(edited.row_of(id))[0] for id in ids]
        whole.append(agreement(intents, rows, choose, test)[0])
        both = [agreement(intents, r, choose, test) for r in found]
        parts.append(sum(a * n for a, n in both) / sum(n for _, n in both))
        # Parts of the same sizes, drawn at random.
        mixed = generator(0, "parts", latent).permutation(rows)
        random = np.split(mixed, [len(found[0])])
        both = [agreement(intents, np.sort(r), choose, test) for r in random]
        shuffled.append(sum(a * n for a, n in both) / max(1, sum(n for _, n in both)))
    print(len(whole), np.mean(whole), np.mean(parts), np.mean(shuffled))
    assert len(whole) >= 5
    assert np.mean(parts) > np.mean(whole) + 0.12
    assert np.mean(parts) > np.mean(shuffled) + 0.12


def test_parts_get_names_that_hold(learned):
    lex, _ = fresh(learned[0]), learned[1]
    id = lex.concepts.filter(pl.col("prevalence").is_between(0.02, 0.05))["id"][0]
    parts = lex.split(id, 2)
    name_edits(lex, parts)
    found = measure_edits(lex)
    print(found)
    assert found["trust"].drop_nulls().max() > 0.8


@pytest.mark.parametrize(
    ("phrase", "wanted"),
    [
        ("lost card", ["lost_or_stolen_card"]),
        ("request a refund", ["request_refund", "Refund_not_showing_up"]),
        ("forgot my passcode", ["passcode_forgotten"]),
    ],
)
def test_a_phrase_finds_its_rows(learned, phrase, wanted):
    lex, intents = fresh(learned[0]), learned[1]
    truth = np.isin(intents, wanted)
    best = max(
        float(auroc([column_of(lex, j, truth)], int(truth.sum()))[0])
        for j in range(lex.codes.n_components)
    )
    id = lex.add(phrase)
    rows, values = lex.view.column(lex.row_of(id))
    top = rows[np.argsort(-values, kind="stable")][:20]
    own = float(auroc([column_of(lex, lex.row_of(id), truth)], int(truth.sum()))[0])
    print(phrase, len(rows), truth[top].mean(), truth[rows].mean(), own, best)
    assert truth[top].mean() >= 0.8
    assert truth[rows].mean() > 5 * truth.mean()
    assert own > 0.75
    # It leads what is found for the phrase.
    assert find(lex, phrase).concepts["concept"][0] == id
    assert measure_edits(lex)["trust"][0] > 0.9
    # Texts as new rows get what the stored rows have.
    again = lex.encode(lex.items["text"][:300]).to_scipy().toarray()
    stored = lex.codes[:300].to_scipy().toarray()
    np.testing.assert_allclose(again, stored, atol=1e-5)


def column_of(lex, latent, truth):
    rows, values = lex.view.column(latent)
    full = np.zeros(len(truth))
    full[rows] = values
    return np.concatenate([full[truth], full[~truth]])


def test_examples_find_their_intent(learned):
    lex, intents = learned
    random = generator(0, "intents")
    scores = []
    for intent in sorted(set(intents))[::8]:
        truth = intents == intent
        some = random.choice(np.flatnonzero(truth), 12, replace=False)
        edited = fresh(lex)
        id = edited.add(examples=some.tolist(), name=intent)
        rows = np.setdiff1d(edited.view.column(edited.row_of(id))[0], some)
        hits = truth[rows].sum()
        scores.append(2 * hits / (len(rows) + truth.sum() - len(some)))
    print(np.round(scores, 2), np.mean(scores))
    assert np.mean(scores) > 0.5
