"""``semascope verify`` and `pipeline.verify`: any scorer, on a lexicon that stands."""

from __future__ import annotations

import json
import sys

import numpy as np
import polars as pl
import pytest
from tests.unit.llm.conftest import FILLER, TOPICS, Reply, naive
from tests.unit.llm.test_scores import chooses

import semascope as sc
from semascope.cli import main
from semascope.core import InputError
from semascope.llm import Endpoint
from semascope.name import firing_spans
from semascope.pipeline import prepare_verifying, verify

ASKED = ("detection", "simulation", "intervention")


@pytest.fixture
def run(made, monkeypatch, capsys):
    def run(*options: object, code: int = 0) -> tuple[str, str]:
        arguments = ["verify", made / "a.lexicon", "--vectors", made / "x.npy", *options]
        monkeypatch.setattr(sys, "argv", ["semascope", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "140")
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert int(stop.value.code or 0) == code, err
        return out, err

    return run


@pytest.fixture
def at(server) -> tuple[str, ...]:
    return ("--llm-url", server.url, "--llm-model", "naive")


def topics_of(table: pl.DataFrame) -> dict[str, str]:
    """Return the ids of concepts that are called by their planted topic."""
    return dict(table.filter(pl.col("name").is_in(TOPICS)).select("name", "id").iter_rows())


def test_ranking_is_the_trust_that_learning_measured(run, made):
    data = json.loads(run("--scorers", "ranking", "--json", "--quiet")[0])
    table = sc.load(made / "a.lexicon").concepts.filter(pl.col("trust").is_not_null())
    found = {row["concept"]: row for row in data["scores"]}
    assert set(found) == set(table["id"])
    for row in table.iter_rows(named=True):
        score = found[row["id"]]
        assert score["metric"] == "AUROC"
        assert [score[key] for key in ("value", "low", "high")] == [
            row["trust"], row["trust_low"], row["trust_high"]
        ]  # fmt: skip
    assert data["report"] is None
    assert data["agreement"] is None


def test_free_scorers_are_the_default_and_print_one_row_each(run, server):
    out, err = run("--quiet", "--most", "1")
    for metric in ("AUROC", "F1", "intruder found", "coherence", "steering (add)"):
        assert metric in out
    assert "Kendall's W" in out
    assert "more concepts (all with --most 0" in out
    assert "detection" not in out
    assert server.seen == []
    assert err == ""


def test_a_language_model_scores_true_names_high(run, made, at, server, tmp_path):
    server.model = lambda m: (naive if "Feature: " in m[-1]["content"] else chooses)(m)
    names = topics_of(sc.load(made / "a.lexicon").concepts)
    chosen = ("--scorers", ",".join(("ranking", *ASKED)), "--concepts", ",".join(names.values()))
    out = tmp_path / "scores.parquet"
    data = json.loads(run(*at, *chosen, "--json", "--out", out, "--quiet")[0])
    assert len(names) >= 3
    for row in data["scores"]:
        assert row["low"] <= row["value"] <= row["high"]
        assert row["failures"] == 0
        if row["scorer"] in ("ranking", "detection"):
            assert row["value"] > 0.9 > 0.6 > row["null"]
    assert {row["scorer"] for row in data["scores"]} == {"ranking", *ASKED}
    assert data["report"]["parsed"] == data["report"]["asked"] > 0
    assert data["agreement"]["n"] == len(names)
    pairs = {(row["first"], row["second"]) for row in data["correlations"]}
    assert ("AUROC", "detection") in pairs
    assert pl.read_parquet(out).drop("by_band").to_dicts() == [
        {key: value for key, value in row.items() if key != "by_band"} for row in data["scores"]
    ]
    asked = len(server.seen)
    _, err = run(*at, *chosen, "--quiet")
    assert len(server.seen) == asked
    assert "answered already" in err


def test_a_forecast_counts_what_is_asked(run, at, server):
    chosen = ("--scorers", "detection,simulation", "--quiet")
    out, _ = run(*at, *chosen, "--dry-run")
    assert server.seen == []
    _, err = run(*at, *chosen, "--budget-tokens", 10, code=2)
    assert "the forecast is above the budget" in err
    assert server.seen == []
    run(*at, *chosen)
    said = out.split(": ", 1)[1].split(" requests")[0]
    assert len(server.seen) == int(said.replace(",", "")) > 0


def test_answers_that_cannot_be_read_are_failures(run, at, server):
    server.plan = lambda i, body: Reply(text="I'm sorry, but I can't help with that.")
    out, err = run(*at, "--scorers", "detection", "--json", "--quiet")
    scores = json.loads(out)["scores"]
    assert scores
    for row in scores:
        assert row["value"] is None
        assert (row["n"], row["failures"]) == (0, 40)
    assert "refused" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scorers", "detection"), "--llm-url or SEMASCOPE_LLM_URL"),
        (("--scorers", "rankin"), "did you mean 'ranking'"),
        (("--scorers", ","), "name at least one scorer"),
        (("--concepts", "c99"), "no concept 'c99'"),
        (("--concepts", ","), "no concepts are named"),
        (("--scorers", "detection", "--llm-url", "http://localhost:1/v1", "--llm-model", "m",
          "--prompts", "nowhere"), "no folder of prompts at nowhere"),
        (("--out", "scores.txt"), "--out writes .csv, .json, .parquet; got 'scores.txt'"),
        (("--scorers", "fuzzing", "--llm-url", "http://localhost:1/v1", "--llm-model", "m"),
         "fuzzing needs the encoder"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_before_work_starts(run, options, said):
    assert said in run(*options, "--quiet", code=2)[1]


def test_a_concept_that_too_few_rows_show_is_left_out_by_name(made):
    lexicon = sc.load(made / "a.lexicon")
    lexicon.path = None
    x = np.load(made / "x.npy")
    id = lexicon.add(examples=[0], name="tea", vectors=x, share=1e-6)
    found = verify(lexicon, ["ranking"], concepts=[id], vectors=x)
    assert len(found.scores) == 0
    assert found.left_out == {id: "fewer than two verify rows on a side"}


def test_all_formats_hold_the_same_scores(run, tmp_path):
    for name in ("a.csv", "a.json"):
        run("--scorers", "ranking", "--out", tmp_path / name, "--quiet")
    rows = json.loads((tmp_path / "a.json").read_text())["scores"]
    assert pl.read_csv(tmp_path / "a.csv")["value"].to_list() == pytest.approx(
        [row["value"] for row in rows]
    )
    out, _ = run("--dry-run", "--quiet")
    assert "costs nothing" in out


# In Python ---------------------------------------------------------------------------------------


def embed(texts: list[str]) -> np.ndarray:
    """Count the topics' words; what else is said moves a vector a little."""
    vocabulary = {word: i for i, word in enumerate((*TOPICS, *FILLER))}
    out = np.zeros((len(texts), len(vocabulary)), dtype=np.float32)
    for row, text in zip(out, texts, strict=True):
        for word in text.split():
            if word in vocabulary:
                row[vocabulary[word]] += 1.0 if word in TOPICS else 0.15
    return out + 0.01


@pytest.fixture(scope="module")
def lexicon():
    random = np.random.default_rng(1)
    texts = []
    for i in range(800):
        words = [*random.choice(FILLER, 4), TOPICS[i % len(TOPICS)]]
        random.shuffle(words)
        texts.append(" ".join(words))
    items = pl.DataFrame({"text": texts, "kind": [TOPICS[i % 4].upper() for i in range(800)]})
    return sc.learn(
        items, text="text", encoder=embed, components=8, active=1, baseline=False, cache=False,
        progress=False,
    )  # fmt: skip


def test_fuzzing_marks_the_words_that_fire_a_concept(lexicon, server):
    names = topics_of(lexicon.concepts)
    assert names
    found = verify(
        lexicon, ["fuzzing"], concepts=list(names.values()),
        endpoint=Endpoint(server.url, "naive", back_off=0.001),
    )  # fmt: skip
    assert found.scores["value"].min() > 0.9
    assert found.scores["concept"].to_list() == sorted(names.values())
    prompts = [seen.body["messages"][-1]["content"] for seen in server.seen]
    assert any(f"⟦{word}⟧" in prompt for word in names for prompt in prompts)


def test_parts_that_fire_are_those_that_cannot_be_left_out():
    direction = np.zeros(4 + len(FILLER), dtype=np.float32)
    direction[0] = 1
    texts = ["bala train belo", "train train bala", "bala belo", ""]
    spans = firing_spans(texts, embed, direction, bias=-0.01)
    cut = [[t[a:b] for a, b in part] for t, part in zip(texts, spans, strict=True)]
    assert cut == [["train"], ["train train"], [], []]


def test_names_that_state_columns_are_no_matter_for_texts(lexicon):
    edited = sc.lexicon.Lexicon(**{
        key: getattr(lexicon, key)
        for key in ("dictionary", "base", "base_codes", "items", "splits", "name_vectors", "info",
                    "encoder")
    })  # fmt: skip
    first, second, third, *_ = edited.concepts.filter(status="named")["id"]
    edited.edit("rename", first, "kind = TRAIN")
    edited.edit("mute", third)
    ready = prepare_verifying(edited, ["ranking", "detection"], concepts=[first, second, third])
    assert list(ready.tested.left_out) == [first]
    assert ready.asked.names[edited.row_of(first)] is None
    table = verify(edited, ["ranking", "rule", "strength"], concepts=[first, third]).scores
    # A muted concept is as true as it was; one that was renamed has no threshold for yes and no.
    assert set(table.filter(concept=third)["scorer"]) == {"ranking", "rule", "strength"}
    assert set(table.filter(concept=first)["scorer"]) == {"ranking", "strength"}
    edited.edit("unmute", third)
    made = edited.merge([second, third], name="both")
    assert verify(edited, ["ranking", "steering"], concepts=[made]).scores["value"].min() > 0
    with pytest.raises(InputError, match=f"concept {second} has become {made}"):
        verify(edited, ["ranking"], concepts=[second])
    with pytest.raises(InputError, match="ask a language model"):
        verify(edited, ["detection"])


def test_pushed_rows_come_near_what_the_concept_is_about(lexicon):
    ready = prepare_verifying(lexicon, ["intervention"])
    said = dict(enumerate(ready.asked.names))
    trials = [trial for trial in ready.asked.trials if said[trial.concept] in TOPICS]
    assert {trial.change for trial in trials} == {"strengthened", "removed"}
    nearer = []
    for trial in trials:
        word = str(said[trial.concept])
        before, after = (
            sum(word in text.split() for text in side) for side in (trial.before, trial.after)
        )
        assert trial.before != trial.after
        nearer.append(after > before if trial.change == "strengthened" else after <= before)
    assert np.mean(nearer) > 0.8
