"""What a model uses, as people ask for it: any callable, budgets, sentences, figures, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge

import semascope as sc
from semascope.core import InputError
from semascope.discover import Dictionary
from semascope.explain import Mixture, Prediction, Predictor, prediction
from semascope.explain.item_scores import METHODS, How, ask_scores
from semascope.explain.mixture import answered

N, D, M = 240, 12, 10
NAMES = [None if j == 4 else f"name {j}" for j in range(M)]


@pytest.fixture(scope="module")
def planted() -> tuple[Dictionary, np.ndarray, np.ndarray]:
    """A dictionary, items that show 3 concepts each, and a direction made of two of them."""
    random = np.random.default_rng(3)
    atoms = np.linalg.qr(random.standard_normal((D, D)))[0][:M].astype(np.float32)
    dictionary = Dictionary(atoms, np.zeros(M, np.float32), atoms, np.zeros(D, np.float32),
                            n_active=3)  # fmt: skip
    shown = np.argsort(random.random((N, M)), axis=1) < 3
    x = (shown * random.uniform(1, 2, shown.shape)) @ atoms + 0.02 * random.standard_normal((N, D))
    return dictionary, x, (2 * atoms[2] - 2 * atoms[4]).astype(np.float64)


@pytest.fixture(scope="module")
def found(planted: Any) -> Prediction:
    dictionary, x, w = planted
    return prediction(dictionary, lambda v: expit(v @ w), x, names=NAMES, most_items=30,
                      items="parcels", called="P(late)")  # fmt: skip


class Counted:
    """A model that remembers how large its calls were."""

    def __init__(self, w: np.ndarray) -> None:
        self.w, self.sizes = w, list[int]()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.sizes.append(len(x))
        return expit(x @ self.w)


def test_calls_are_batched_and_a_budget_is_kept(planted: Any) -> None:
    dictionary, x, w = planted
    model = Counted(w)
    whole = prediction(dictionary, model, x, most_items=20)
    assert whole.how["asked"] == {"calls": len(model.sizes), "vectors": sum(model.sizes)}
    # Small calls are those that end a group of items, and bets.
    assert len(model.sizes) <= sum(model.sizes) / 8192 + 8
    small = Counted(w)
    same = prediction(dictionary, small, x, most_items=20, batch=50)
    assert max(small.sizes) == 50
    for method in METHODS:
        assert same.table[method].to_numpy() == pytest.approx(whole.table[method].to_numpy())
    poor = Counted(w)
    part = prediction(dictionary, poor, x, most_items=20, budget=4000)
    assert 2000 < sum(poor.sizes) <= 4000
    assert 2 <= len(part.split) < 20
    assert "a budget of 4,000 vectors" in part.notes[0]
    few = prediction(dictionary, poor, x, methods=["occlusion"], tests=(), most_rows=25)
    assert few.notes == ["25 of 240 items were explained: chosen at random"]
    with pytest.raises(InputError, match="n must be a power of 2"):
        prediction(dictionary, poor, x, points=3)
    with pytest.raises(InputError, match="a budget of 300 vectors is too small: two items take"):
        prediction(dictionary, poor, x, budget=300)


@settings(max_examples=15, deadline=None)
@given(k=st.integers(1, 11), methods=st.sets(st.sampled_from(METHODS), min_size=1))
def test_no_item_takes_more_than_is_foretold(k: int, methods: set[str]) -> None:
    random = np.random.default_rng(k)
    predict = Predictor(lambda x: np.tanh(x).sum(axis=1))
    item = Mixture(predict, np.zeros(3), random.standard_normal((k, 3)))
    how = How(tuple(methods), permutations=6, points=4)
    answered(item, ask_scores(k, how))
    # One more tells how exactly the model answers.
    assert predict.spent.vectors <= how.vectors(k) + 1


def test_models_of_every_kind_tell_the_same(planted: Any) -> None:
    dictionary, x, w = planted
    head = torch.nn.Sequential(torch.nn.Linear(D, 1), torch.nn.Sigmoid())
    with torch.no_grad():
        head[0].weight[:] = torch.as_tensor(w)
        head[0].bias[:] = 0

    def single(v: np.ndarray) -> torch.Tensor:
        return head(torch.as_tensor(v, dtype=torch.float32))

    def used(model: Any) -> pl.DataFrame:
        return prediction(dictionary, model, x, most_items=12, tests=["tcav"]).table.sort("concept")

    plain = used(lambda v: expit(v @ w))
    for other in (used(head), used(single)):
        for column in (*METHODS, "effect", "slope"):
            assert other[column].to_numpy() == pytest.approx(plain[column].to_numpy(), abs=2e-4)


def test_scikit_learn_heads(planted: Any) -> None:
    dictionary, x, w = planted
    score = x @ w
    classes = np.digitize(score, [-1.0, 1.0])
    options = {"methods": ["shapley"], "tests": (), "most_items": 20}
    many = LogisticRegression(max_iter=500).fit(x, classes)
    high = prediction(dictionary, many.predict_proba, x, target=2, **options)
    low = prediction(dictionary, many.decision_function, x, target=0, **options)
    line = prediction(dictionary, Ridge(1e-6).fit(x, score).predict, x, **options)
    for one, sign in ((high, 1), (low, -1), (line, 1)):
        effect = dict(one.table.select("concept", "effect").iter_rows())
        assert set(one.table["concept"][:2]) == {"c2", "c4"}
        assert effect["c2"] * sign > 0 > effect["c4"] * sign
    with pytest.raises(InputError, match="tell which to explain by target="):
        prediction(dictionary, many.predict_proba, x)
    named = LogisticRegression().fit(x, np.array(["no", "yes"])[(score > 0).astype(int)])
    with pytest.raises(InputError, match="pass predict_proba"):
        prediction(dictionary, named.predict, x)


def test_sentences_tell_what_matters(found: Prediction) -> None:
    first = found.sentences[:2]
    assert {line.split(" by ")[0] for line in first} == {
        "“name 2” raises P(late)", "c4 lowers P(late)"
    }  # fmt: skip
    assert all("in parcels that show it (" in line for line in first)
    split, agree, task = found.sentences[-3:]
    assert split.startswith("what moves P(late) away from its base: labelled concepts ")
    assert "Kendall's W" in agree
    assert task.startswith("for putting concepts in order, occlusion")
    assert found.agreements["tau"].min() > 0
    assert str(found).count("\n") == len(found.sentences) + len(found.notes)


def test_an_item_is_told_and_bet_on(found: Prediction) -> None:
    shows = found.attributions.filter(pl.col("concept") == "c2")["item"].to_list()
    lacks = next(i for i in found.split["item"] if i not in shows)
    assert not any("“name 2” is" in line and "careful" in line
                   for line in found.item_sentences(shows[0]))  # fmt: skip
    said = found.item_sentences(lacks)
    assert said[0].startswith("P(late) is ")
    assert "“name 2”" in said[-1]
    assert "more are among the most important" in said[-1]
    assert "this item does not show them: no part in this prediction" in said[-1]
    bets = found.bet(shows[0], pairs=150, level=0.05)
    own = set(found.attributions.filter(pl.col("item") == shows[0])["concept"])
    assert set(bets["concept"]) == own
    used = own & {"c2", "c4"}
    assert set(bets["concept"][: len(used)]) == used
    assert bets.filter(pl.col("concept").is_in(used))["rejected_at"].null_count() == 0
    assert bets.filter(~pl.col("concept").is_in(used))["rejected_at"].is_null().all()
    with pytest.raises(InputError, match="row 9999 was not looked at"):
        found.bet(9999)


def test_what_the_model_is_sensitive_to_but_items_lack_is_noted(planted: Any) -> None:
    dictionary, x, w = planted
    codes = dictionary.encode(x).to_scipy().toarray()
    # All items that could be explained lack the concept; others, on which TCAV learns it, show it.
    lacking = np.flatnonzero(codes[:, 2] == 0)[:2]
    shows = np.flatnonzero(codes[:, 2])
    some = x[np.concatenate([lacking, shows, np.flatnonzero(codes[:, 2] == 0)[2:60]])]
    for seed in range(40):
        used = prediction(dictionary, lambda v: v @ w, some, names=NAMES, methods=["occlusion"],
                          tests=["tcav"], most_items=2, seed=seed)  # fmt: skip
        if "c2" not in used.table["concept"].to_list():
            break
    assert any("sensitive to" in note and "“name 2”" in note for note in used.notes)


def test_shapley_beats_re_evaluation_where_concepts_stand_in_for_each_other() -> None:
    """Any of three concepts will do, so that taking one away costs nothing."""
    random = np.random.default_rng(1)
    eye, zero = np.eye(8, dtype=np.float32), np.zeros(8, dtype=np.float32)
    dictionary = Dictionary(eye, zero, eye, zero, n_active=6)
    shown = np.argsort(random.random((40, 8)), axis=1) < 6
    x = shown * random.uniform(0.8, 1.2, shown.shape)
    used = prediction(dictionary, lambda v: np.minimum(1, v[:, :3].max(axis=1)), x, tests=(),
                      methods=["occlusion", "shapley"], task="remove", seed=2)  # fmt: skip
    row = used.checks.row(by_predicate=pl.col("method") == "shapley", named=True)
    assert row["beats_reevaluation_p"] < 0.01
    assert row["deletion_gain"] > used.checks["deletion_gain"][0]
    assert "Shapley values beat taking concepts away one by one" in used.sentences[-1]
    assert used.sentences[-1].startswith("for choosing what to take away")


def test_figures_and_files(found: Prediction, tmp_path: Path) -> None:
    figure = found.plot(most=6)
    left = figure.axes[0]
    assert len(left.get_yticklabels()) == 6
    assert any("name 2" in label.get_text() for label in left.get_yticklabels())
    assert len(found.plot_strategies(2).axes) == 1
    found.save(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "attributions.parquet", "checks.parquet", "curves.parquet", "how.json",
        "prediction.parquet", "sentences.txt", "split.parquet",
    ]  # fmt: skip
    assert pl.read_parquet(tmp_path / "out/prediction.parquet").equals(found.table)
    found.save(tmp_path / "out.json")
    data = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert data["sentences"] == found.sentences
    assert "NaN" not in (tmp_path / "out.json").read_text("utf-8")
    with pytest.raises(InputError, match="no task 'removal'"):
        prediction(None, None, task="removal")


def test_on_the_command_line(monkeypatch: Any, capsys: Any, tmp_path: Path) -> None:
    import sys

    from semascope.cli import main

    x = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
    lex = sc.learn(vectors=x, components=10, active=3, max_rows=4000, baseline=False,
                   progress=False, out=tmp_path / "x.lexicon")  # fmt: skip
    np.save("x.npy", x)
    Path("heads.py").write_text("def score(x):\n    return x[:, 1] - x[:, 2]\n")

    def run(*arguments: object, code: int = 0) -> str:
        line = ["semascope", "prediction", str(tmp_path / "x.lexicon"), "--vectors", "x.npy"]
        monkeypatch.setattr(sys, "argv", [*line, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert int(stop.value.code or 0) == code, err
        return out if code == 0 else err

    asked = ("--method", "occlusion", "--test", "tcav", "--called", "score", "--most-items", "9")
    same = prediction(lex, lambda v: v[:, 1] - v[:, 2], x, methods=["occlusion"], tests=["tcav"],
                      called="score", most_items=9)  # fmt: skip
    row = int(same.attributions["item"][0])
    told = run("--predict", "heads.py:score", *asked, "--row", row, "--plot", "a.png")
    assert same.sentences[0] in told.replace("\n", " ")
    assert f"row {row}" in told
    assert Path("a.png").stat().st_size > 5000
    data = json.loads(run("--predict", "heads:score", *asked, "--row", row, "--json"))
    assert data["sentences"] == same.sentences
    assert data["rows"][str(row)] == same.item_sentences(row)
    for wrong, says in (
        ("heads.py", "--predict is module:function"),
        ("head.py:score", "there is no file head.py"),
        ("no_such_module:score", "there is no module no_such_module"),
        ("heads.py:scores", "has no function 'scores'; did you mean 'score'?"),
    ):
        assert says in run("--predict", wrong, *asked, code=2)
