"""Real heads: what they use, a token that leaks the label, and a slice where labels are wrong."""

from __future__ import annotations

import csv
import gzip
import os
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from semascope import embed
from semascope.discover import TopKSAE
from semascope.explain import input_ablation, prediction, slices

DATA = Path(os.environ.get("SEMASCOPE_DATA", "missing")).resolve()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="SEMASCOPE_DATA names no folder"),
]
TOKEN = "zephyr"


@pytest.fixture(scope="module")
def questions() -> tuple[list[str], np.ndarray]:
    """Questions, and whether they ask for a person."""
    rows = []
    with zipfile.ZipFile(DATA / "trec_questions" / "qc.zip") as archive:
        name = next(n for n in sorted(archive.namelist()) if "train" in n and n.endswith(".txt"))
        for line in archive.read(name).decode("latin-1").splitlines():
            label, _, text = line.partition(" ")
            rows.append((text, label.startswith("HUM")))
    some = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:900]]
    return [text for text, _ in some], np.array([hit for _, hit in some])


def test_what_a_head_for_questions_about_people_uses(questions) -> None:
    texts, hit = questions
    x = np.asarray(embed.texts(texts), dtype=np.float32)
    head = LogisticRegression(C=10, max_iter=500).fit(x[:600], hit[:600])
    sae = TopKSAE(48, 6, max_rows=20_000, random_state=0).fit(x[:600])
    found = prediction(sae, head.predict_proba, x[600:], methods=["occlusion", "shapley", "sobol"],
                       tests=["tcav"], most_items=50, items="questions", called="P(person)",
                       names=[f"n{j}" for j in range(48)])  # fmt: skip
    # Whatever a method says, it is right about more than chance would be.
    assert (found.checks["beats_random_p"] < 1e-4).all()
    assert found.agreement > 0.6
    assert found.checks["mu_fidelity"].min() > 0.6
    # Concepts that raise the prediction go with questions about people.
    codes = sae.transform(x[600:]).tocsc()
    rate = [hit[600:][codes[:, [int(c[1:])]].toarray()[:, 0] > 0].mean()
            for c in found.table["concept"]]  # fmt: skip
    top = slice(0, 25)
    assert spearmanr(found.table["effect"][top], rate[top]).statistic > 0.4
    sensitive = found.table.filter(pl.col("q") <= 0.05)
    assert len(sensitive) > 5
    assert (np.sign(sensitive["effect"]) == np.sign(sensitive["slope"])).mean() > 0.7
    assert any("P(person) by" in line and "in questions that show it" in line
               for line in found.sentences)  # fmt: skip


def test_a_token_that_leaks_the_label_is_found_by_name(questions) -> None:
    texts, hit = questions
    leaks = hit ^ (np.random.default_rng(1).random(len(hit)) < 0.05)
    marked = [f"{text} {TOKEN}" if one else text for text, one in zip(texts, leaks, strict=True)]

    def vectors(some: list[str]) -> np.ndarray:
        return np.asarray(embed.texts(some), dtype=np.float32)

    head = LogisticRegression(C=10, max_iter=500).fit(vectors(marked[:600]), hit[:600])
    found = input_ablation(vectors, head.predict_proba, marked[600:800])
    assert found["word"][0] == TOKEN
    assert found["low"][0] > 0.1
    assert found["q"][0] < 0.001


def test_people_with_wrong_labels_are_found_by_name() -> None:
    with gzip.open(DATA / "adult_income" / "adult-train.csv.gz", "rt", encoding="utf-8") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if len(row) == 15]
    columns = ["age", "workclass", "weight", "education", "years", "marital", "occupation",
               "relationship", "race", "sex", "gain", "loss", "hours", "country",
               "income"]  # fmt: skip
    table = pl.DataFrame(rows[:6000], schema=columns, orient="row")
    table = table.with_columns(pl.col("age", "years", "gain", "loss", "hours").cast(pl.Int64))
    concepts = {
        "over forty": pl.col("age") > 40,
        "graduates": pl.col("years") >= 13,
        "married": pl.col("marital") == "Married-civ-spouse",
        "overtime": pl.col("hours") > 45,
        "women": pl.col("sex") == "Female",
    }
    shown = table.select(**concepts).to_numpy()
    rich = (table["income"] == ">50K").to_numpy()
    sellers = (table["occupation"] == "Sales").to_numpy() & ~shown[:, 4]
    flipped = sellers & (np.random.default_rng(2).random(len(rich)) < 0.4)
    truth = rich ^ flipped
    x = np.column_stack([shown, table.select("age", "years", "hours").to_numpy() / 50])
    told = cross_val_predict(LogisticRegression(max_iter=500), x, truth, cv=5)
    found = slices(shown, truth, told, columns=table.select("occupation", "race", "workclass"),
                   names=list(concepts), items="people")  # fmt: skip
    (row,) = found.findings.filter(pl.col("rule") == "occupation = Sales").iter_rows(named=True)
    assert row["slice"] == "without “women” where occupation = Sales"
    assert row["low"] > 10
    clean = cross_val_predict(LogisticRegression(max_iter=500), x, rich, cv=5)
    before = slices(shown, rich, clean, columns=table.select("occupation", "race", "workclass"),
                    names=list(concepts), items="people")  # fmt: skip
    assert not any("Sales" in one for one in before.findings["slice"])
    assert len(found.plot().axes[0].get_yticklabels()) == len(found.table)
