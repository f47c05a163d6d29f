"""Scorers with a language model: true names high, others at chance, failures never a "no"."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.llm.conftest import Reply, fenced, naive

from semascope.core import InputError
from semascope.llm import Budget, Endpoint, OverBudgetError
from semascope.measure import (
    Sample,
    Trial,
    detection,
    false_parts,
    fuzzing,
    intervention,
    simulation,
)

WORDS = ("train", "tea", "dog", "invoice", "river", "violin")
FILLER = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("ala", "elo", "iru", "onu", "uri")]


def at(server, **options) -> Endpoint:
    return Endpoint(server.url, "naive", **{"back_off": 0.001, "timeout": 30.0} | options)


def sentence(random: np.random.Generator, word: str, times: int = 1) -> str:
    said = [*random.choice(FILLER, 6), *[word] * times]
    random.shuffle(said)
    return " ".join(said)


def samples(n: int = 30) -> list[Sample]:
    random = np.random.default_rng(0)
    out = []
    for word in WORDS:
        others = [w for w in WORDS if w != word]
        # Strong items say the word twice.
        active = [sentence(random, word, 2 if i < n // 2 else 1) for i in range(n)]
        inactive = [sentence(random, others[i % len(others)]) for i in range(n)]
        strengths = np.where(np.arange(n) < n // 2, 2.0, 1.0)
        parts = [[m.span() for m in re.finditer(word, t)] for t in active]
        out.append(Sample(active, inactive, strengths.tolist(), parts))
    return out


SCORERS = {"detection": (detection, 0.5), "fuzzing": (fuzzing, 0.5), "simulation": (simulation, 0)}


@pytest.mark.parametrize("which", SCORERS)
def test_true_names_score_above_shuffled_ones(server, which):
    scorer, chance = SCORERS[which]
    scores, report = scorer(WORDS, samples(), at(server))
    for score in scores:
        assert score.metric == which
        assert score.low <= score.value <= score.high
        assert score.value > 0.8
        # Another name finds nothing but its own items among the inactive ones.
        assert score.null <= chance
        assert score.null < score.low
        assert score.failures == 0
        assert len(score.by_band) == 4
        assert min(score.by_band) > 0
    assert report.parsed == report.asked
    assert report.paid <= report.asked


def test_a_perfect_judge_reaches_one_and_counts_are_right(server):
    (score, *_), report = detection(WORDS, samples(), at(server))
    assert (score.value, score.high) == (1.0, 1.0)
    assert 0.8 < score.low < 1.0
    assert (score.n, score.by_band) == (40, (5, 5, 5, 5))
    # Six names, each with two of others, four batches of ten.
    assert report.asked == 6 * 3 * 4


@pytest.mark.parametrize("which", SCORERS)
def test_a_judge_that_guesses_scores_at_its_null(server, which):
    """Interval contains chance when answers have nothing to do with the items."""

    def guess(messages):
        code, items = fenced(messages[-1]["content"])
        random = np.random.default_rng(int(code, 16))
        if which == "simulation":
            numbers = random.integers(0, 11, len(items)).tolist()
            return json.dumps({"code": code} | {str(i): v for i, v in enumerate(numbers, 1)})
        yes = random.integers(0, 2, len(items))
        return json.dumps({"code": code} | {str(i): "ny"[v] for i, v in enumerate(yes, 1)})

    server.model = guess
    scorer, chance = SCORERS[which]
    scores, _ = scorer(WORDS, samples(), at(server))
    inside = [s.low <= chance <= s.high for s in scores]
    assert sum(inside) >= 5


@pytest.mark.parametrize("which", SCORERS)
def test_items_without_an_answer_are_failures_and_no_verdict(server, which):
    """A judge that never answers one batch in three keeps its score on the others."""

    def plan(i, body):
        code = fenced(body["messages"][-1]["content"])[0]
        return Reply(text="I cannot judge this.") if int(code, 16) % 3 == 0 else Reply()

    server.plan = plan
    scorer, _ = SCORERS[which]
    scores, report = scorer(WORDS, samples(), at(server))
    assert report.refused > 0
    assert report.refused + report.parsed == report.asked
    assert sum(s.failures for s in scores) > 0
    full, _ = scorer(WORDS, samples(), at(server, parameters={"top_p": 1}))
    for score, whole in zip(scores, full, strict=True):
        assert score.n + score.failures == whole.n + whole.failures
        if not math.isnan(score.value):
            assert score.value > 0.7


def test_no_answer_at_all_is_said_and_is_not_zero(server):
    server.plan = lambda i, body: Reply(text="hm")
    scores, report = detection(WORDS[:2], samples()[:2], at(server))
    for score in scores:
        assert math.isnan(score.value)
        assert (score.n, score.failures) == (0, 40)
        assert "no answer" in score.note
    assert report.unparsed == report.asked


def test_detection_shows_neither_order_nor_sides(server):
    detection(WORDS, samples(), at(server), batch=40, shuffled=0)
    for seen, word in zip(server.seen, WORDS, strict=False):
        texts = [text for _, text in fenced(seen.body["messages"][-1]["content"])[1]]
        shows = np.array([word in text for text in texts])
        if shows.sum() == 20:
            assert 5 < shows[:20].sum() < 15


def test_the_same_seed_asks_the_same(server):
    first, _ = detection(WORDS, samples(), at(server), seed=3)
    again, report = detection(WORDS, samples(), at(server), seed=3)
    assert again == first
    assert report.paid == 0
    assert detection(WORDS, samples(), at(server), seed=4)[1].paid > 0


def test_fuzzing_marks_half_of_the_items_wrongly(server):
    fuzzing(WORDS[:1], samples()[:1], at(server), batch=100)
    items = fenced(server.seen[0].body["messages"][-1]["content"])[1]
    right = ["⟦train⟧" in text for _, text in items]
    assert all(text.count("⟦") in {1, 2} for _, text in items)
    assert sum(right) == len(right) / 2


@given(st.text(alphabet="ab ", max_size=40), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_false_parts_are_words_that_are_not_right(text, which, seed):
    spans = [(m.start(), m.end()) for m in re.finditer(r"\w+", text)]
    parts = spans[which : which + 1]
    wrong = false_parts(text, parts, np.random.default_rng(seed))
    assert not set(wrong) & set(parts)
    assert set(wrong) <= set(spans)
    assert len(wrong) == (1 if len(spans) > len(parts) else 0)


def test_simulation_is_the_correlation_of_what_was_said(server):
    """Against numpy, on what the server answered."""
    (score, *_), _ = simulation(WORDS, samples(), at(server), batch=100, shuffled=0)
    seen = next(s for s in server.seen if '"train"' in s.body["messages"][-1]["content"])
    user = seen.body["messages"][-1]["content"]
    said = json.loads(naive(seen.body["messages"]))
    truth, predicted = [], []
    for i, (_, text) in enumerate(fenced(user)[1], 1):
        truth.append({0: 0.0, 1: 1.0, 2: 2.0}[text.split().count("train")])
        predicted.append(said[str(i)])
    assert score.value == pytest.approx(np.corrcoef(truth, predicted)[0, 1])
    assert score.n == 40


def trials(per: int = 6) -> list[Trial]:
    random = np.random.default_rng(1)
    out = []
    for j, word in enumerate(WORDS):
        for _ in range(per):
            before = [sentence(random, str(random.choice(FILLER))) for _ in range(3)]
            after = [sentence(random, word) for _ in range(3)]
            out.append(Trial(j, before, after))
    return out


def chooses(messages):
    """Take the option whose words came up after the change."""
    user = messages[-1]["content"]
    code, items = fenced(user)
    after = " ".join(text for head, text in items if "after" in head)
    options = [
        line
        for line in user.split("</items-")[1].splitlines()
        if line[:1].isdigit() and '"' in line
    ]
    hits = [i for i, line in enumerate(options, 1) if line.split('"')[1] in after]
    return json.dumps({"code": code, "feature": (hits or [1])[0]})


def test_an_edit_is_recognised_by_its_name(server):
    server.model = chooses
    scores, report = intervention(WORDS, trials(), at(server), options=4)
    for score in scores:
        assert (score.metric, score.value, score.n) == ("intervention", 1.0, 6)
        assert score.null == 0.0
    assert report.asked == 36


def test_edits_under_wrong_names_are_not_recognised(server):
    server.model = chooses
    wrong = [*WORDS[1:], WORDS[0]]
    scores, _ = intervention(wrong, trials(), at(server), options=4)
    assert np.mean([s.value for s in scores]) < 0.3


def test_trials_without_an_answer_are_failures(server):
    server.plan = lambda i, body: Reply(text="I can't tell.") if i < 3 else Reply()
    server.model = chooses
    here = at(server, concurrency=1)
    scores, report = intervention(WORDS[:2], trials()[:12], here)
    assert (scores[0].n, scores[0].failures) == (5, 1)
    assert report.refused == 1


def test_what_has_no_name_or_no_rows_is_left_out(server):
    some = samples()
    few = Sample(some[0].active[:1], some[0].inactive[:1], [1.0], some[0].parts[:1])
    for scorer in (detection, fuzzing, simulation):
        scores, report = scorer([None, "tea"], [some[0], few], at(server))
        assert scores == [None, None]
        assert report.asked == 0
    assert intervention([None, "tea"], [Trial(0, ["a"], ["b"])], at(server))[0] == [None, None]
    assert server.seen == []


def test_a_budget_holds_for_scorers_too(server):
    with pytest.raises(OverBudgetError):
        detection(WORDS, samples(), at(server), budget=Budget(tokens=1000))
    assert server.seen == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: detection(["a"], [], e), "1 names have 0 samples"),
        (lambda e: simulation(["a"], [], e), "1 names have 0 samples"),
        (lambda e: simulation(["a"], [Sample(["x"], ["y"])], e), "an activation for each"),
        (lambda e: Sample(["x"], ["y"], [1.0, 2.0]), "1 active items have 2 activations"),
        (lambda e: intervention(["a"], [Trial(3, [], [])], e), "trial 0 is of concept 3"),
        (lambda e: intervention(["a"], [], e, options=1), "at least 2 options"),
        (lambda e: detection(["a"], samples()[:1], e, batch=0), "at least 1 item"),
    ],
)
def test_bad_input_is_said(server, call, message):
    with pytest.raises(InputError, match=message):
        call(at(server))
    assert server.seen == []


def test_pictures_are_judged_too(server):
    def looks(messages):
        text, *pictures = messages[-1]["content"]
        code = text["text"].split('"code": "')[1].split('"')[0]
        red = [p["image_url"]["url"].endswith("AQEB") for p in pictures]
        return json.dumps({"code": code} | {str(i): bool(r) for i, r in enumerate(red, 1)})

    server.model = looks
    start = b"\x89PNG\r\n\x1a\n\x00"
    some = Sample([start + b"\x01\x01\x01"] * 4, [start + b"\x00\x00\x00"] * 4)
    (score, _), _ = detection(["red", "blue"], [some, some], at(server))
    assert score.value == 1.0
