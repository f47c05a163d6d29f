"""Names by a language model: chosen on rows that it did not see, and only if they hold up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.unit.llm.conftest import Reply, fenced, naive

from semascope.core import InputError
from semascope.lexicon import ByRule, ByWords, Contrast
from semascope.llm import ByDetection, Endpoint, Report
from semascope.measure import Sample, detection
from semascope.name import Case, Part, ask_names, cases_of, naming_requests

TOPICS = ("train", "tea", "dog", "invoice")
FILLER = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("ala", "elo", "iru", "onu", "uri")]
PER_TOPIC = 60


def corpus() -> tuple[pl.Series, np.ndarray]:
    random = np.random.default_rng(0)
    topic = np.repeat(np.arange(len(TOPICS)), PER_TOPIC)
    texts = []
    for t in topic:
        said = [*random.choice(FILLER, 5), TOPICS[t]]
        random.shuffle(said)
        texts.append(" ".join(said))
    return pl.Series(texts), topic


def contrasts_of(topic: np.ndarray, rows: np.ndarray) -> list[Contrast]:
    drawn = []
    for t in range(len(TOPICS)):
        active, inactive = rows[topic[rows] == t], rows[topic[rows] != t]
        strengths = np.linspace(3, 1, len(active), dtype=np.float32)
        drawn.append(Contrast(active, strengths, inactive[:10], inactive[10:40]))
    return drawn


def split(topic: np.ndarray) -> tuple[list[Contrast], list[Contrast]]:
    rows = np.arange(len(topic))
    return contrasts_of(topic, rows[::2]), contrasts_of(topic, rows[1::2])


def at(server, **options) -> Endpoint:
    return Endpoint(server.url, "naive", **{"back_off": 0.001, "timeout": 30.0} | options)


def test_planted_topics_are_named_and_described(server):
    texts, topic = corpus()
    cases = cases_of(split(topic)[0], texts)
    proposals, report = ask_names(cases, at(server), relevance=ByWords(texts))
    assert [p.name for p in proposals] == list(TOPICS)
    for proposal, topic_word in zip(proposals, TOPICS, strict=True):
        assert (proposal.status, proposal.kind, proposal.held_in) == ("named", "phrase", 1.0)
        assert proposal.description == f"Texts that say {topic_word}."
        assert 0 < proposal.threshold <= 1
    assert (report.asked, report.parsed, report.paid) == (4, 4, 4)


def test_what_chooses_a_name_was_not_shown(server):
    texts, topic = corpus()
    for case in cases_of(split(topic)[0], texts):
        shown = {*case.active, *case.near}
        held = set(texts.gather(np.concatenate([case.held.active, case.held.inactive])))
        assert shown
        assert held
        assert not shown & held


def test_equal_texts_lie_on_one_side():
    texts = pl.Series(["the same"] * 30 + [f"another {i}" for i in range(30)])
    rows = np.arange(30)
    one = Contrast(rows, np.ones(30, dtype=np.float32), np.arange(0), rows + 30)
    case = cases_of([one], texts)[0]
    assert {len(case.active) > 0, len(case.held.active) > 0} == {True, False}


def test_the_prompt_shows_strengths_near_misses_values_and_marks():
    case = Case(
        ["late train", "a late bus"], [8.0, 2.0], ["early"], ["line = U1"], [[(0, 4)], [(2, 6)]]
    )
    (request,), _ = naming_requests([case])
    assert fenced(request.user)[1] == [
        ("1 (strength 10)", "⟦late⟧ train"),
        ("2 (strength 2)", "a ⟦late⟧ bus"),
        ("3 (near-miss)", "early"),
        ("4 (value)", "line = U1"),
    ]


def naming(names: list[str]):
    """A model that gives fixed names to whatever it is shown."""

    def model(messages):
        user = messages[-1]["content"]
        if "different names" not in str(user):
            return naive(messages)
        code = fenced(user if isinstance(user, str) else user[0]["text"])[0]
        return json.dumps({"code": code, "names": [{"name": n, "description": ""} for n in names]})

    return model


def test_the_best_on_held_rows_is_taken_not_the_first(server):
    texts, topic = corpus()
    server.model = naming(["life itself", "Train.", '"train"', "x" * 200, "tea"])
    proposals, _ = ask_names(cases_of(split(topic)[0], texts)[:1], at(server),
                             relevance=ByWords(texts), count=5)  # fmt: skip
    assert (proposals[0].name, proposals[0].alternatives) == ("Train", [])


def test_names_that_do_not_hold_up_leave_a_concept_unnamed(server):
    texts, topic = corpus()
    server.model = naming(["life itself", "something"])
    proposals, report = ask_names(cases_of(split(topic)[0], texts), at(server),
                                  relevance=ByWords(texts))  # fmt: skip
    assert [(p.status, p.name) for p in proposals] == [("unnamed", None)] * 4
    assert report.parsed == 4


def test_no_two_concepts_share_a_name(server):
    texts, topic = corpus()
    one = cases_of(split(topic)[0], texts)[0]
    proposals, _ = ask_names([one, one], at(server), relevance=ByWords(texts))
    assert [p.name for p in proposals].count("train") == 1


def drinks() -> tuple[pl.Series, list[Contrast]]:
    """Two topics that say the same word, and one of their own; two others; rows of all four."""
    texts, topic = corpus()
    said = {0: "drink coffee", 1: "drink tea", 2: "dog", 3: "invoice"}
    words = [t.replace(TOPICS[k], said[k]) for t, k in zip(texts, topic.tolist(), strict=True)]
    rows, drawn = np.arange(len(topic)), []
    for t in range(4):
        own, rest = rows[topic == t], rows[topic != t]
        strengths = np.linspace(3, 1, len(own), dtype=np.float32)
        drawn.append(Contrast(own, strengths, rest[::9], rest[1::3]))
    return pl.Series(words), drawn


def test_names_that_collide_are_resolved_in_a_second_pass(server):
    texts, drawn = drinks()

    def model(messages):
        code, items = fenced(messages[-1]["content"])
        first = not any("(taken)" in head for head, _ in items)
        if first and any("drink" in text for _, text in items[:3]):
            return json.dumps({"code": code, "names": ["drink"]})
        return naive(messages)

    server.model = model
    proposals, report = ask_names(cases_of(drawn, texts), at(server), relevance=ByWords(texts))
    assert [p.name for p in proposals] == ["drink", "tea", "dog", "invoice"]
    assert proposals[1].description == "Texts that say tea."
    second = fenced(server.seen[-1].body["messages"][-1]["content"])[1]
    assert [text for head, text in second if "(taken)" in head] == ["drink"]
    near = [text for head, text in second if "near-miss" in head]
    assert near
    assert all("coffee" in text for text in near)
    assert (report.asked, report.parsed) == (5, 5)


def test_a_second_name_that_does_not_tell_the_two_apart_is_none(server):
    texts, drawn = drinks()
    server.model = naming(["drink"])
    cases = cases_of(drawn, texts)[:2]
    proposals, report = ask_names(cases, at(server), relevance=ByWords(texts))
    assert [p.name for p in proposals] == ["drink", None]
    assert report.asked == 3


def test_a_current_name_has_to_be_beaten(server):
    texts, topic = corpus()
    drawn = split(topic)[0]
    server.model = naming(["life itself"])
    cases = cases_of(drawn, texts, current=["train", None, None, None])
    proposals, _ = ask_names(cases, at(server), relevance=ByWords(texts))
    assert [p.name for p in proposals] == ["train", None, None, None]


@pytest.mark.parametrize(("column", "kept"), [("exact", True), ("rough", False)])
def test_a_current_rule_has_to_be_beaten_too(server, column, kept):
    texts, topic = corpus()
    random = np.random.default_rng(0)
    rough = np.where(random.random(len(topic)) < 0.4, 3, topic)
    items = pl.DataFrame({"exact": topic, "rough": rough})
    if kept:
        # Half of the texts of each topic leave its word out: no phrase is as good as the rule.
        lost = random.random(len(texts)) < 0.5
        said = zip(texts, topic, lost, strict=True)
        texts = pl.Series([t.replace(TOPICS[k], "gala") if out else t for t, k, out in said])
    rules = [f"{column} = {t}" for t in range(4)]
    cases = cases_of(split(topic)[0], texts, current=rules, kinds=["rule"] * 4)
    proposals, _ = ask_names(
        cases, at(server), relevance=ByWords(texts), scorers={"rule": ByRule(items)}
    )
    for proposal, rule, word in zip(proposals[:3], rules, TOPICS, strict=False):
        assert (proposal.name, proposal.kind) == ((rule, "rule") if kept else (word, "phrase"))


def test_parts_of_shown_texts_are_marked():
    texts, topic = corpus()

    def parts(drawn):
        words = [[(r, texts[r].index(TOPICS[topic[r]])) for r in c.active.tolist()] for c in drawn]
        return [
            tuple(Part(r, TOPICS[j], 0.9, at, at + len(TOPICS[j])) for r, at in found)
            for j, found in enumerate(words)
        ]

    for case, word in zip(cases_of(split(topic)[0], texts, parts=parts), TOPICS, strict=True):
        marked = {t[a:b] for t, m in zip(case.active, case.marks, strict=True) for a, b in m}
        assert marked == {word}
        request = naming_requests([case])[0][0]
        assert f"⟦{word}⟧" in request.user


def test_the_model_itself_can_choose_by_detection(server):
    texts, topic = corpus()
    server.model = naming(["cup", "train", "dog", "tea"])
    judge = ByDetection(texts.to_list(), at(server))
    proposals, _ = ask_names(cases_of(split(topic)[0], texts), at(server), relevance=judge)
    assert [p.name for p in proposals] == ["train", "tea", "dog", None]
    assert judge.report.parsed == judge.report.asked > 0


def test_rare_and_dead_concepts_are_not_asked_about(server):
    texts, _ = corpus()
    none = np.arange(0)
    dead = Contrast(none, none.astype(np.float32), none, np.arange(40))
    rare = Contrast(np.arange(2), np.ones(2, dtype=np.float32), none, np.arange(40, 80))
    proposals, report = ask_names(cases_of([dead, rare], texts), at(server), relevance=None)
    assert [p.status for p in proposals] == ["dead", "rare"]
    assert report == Report()
    assert server.seen == []


def test_refusals_and_nonsense_leave_concepts_unnamed_and_are_counted(server):
    texts, topic = corpus()
    cases = cases_of(split(topic)[0], texts)

    def plan(i, body):
        items = fenced(body["messages"][-1]["content"])[1]
        if all("train" in text for head, text in items if "strength" in head):
            return Reply(text="I'm sorry, but I can't help with that.")
        return Reply()

    server.plan = plan
    proposals, report = ask_names(cases, at(server), relevance=ByWords(texts))
    assert [p.name for p in proposals] == [None, "tea", "dog", "invoice"]
    assert (report.refused, report.parsed, report.resampled) == (1, 3, 2)


def test_pictures_are_named_from_contrast_sheets(server):
    sheet = b"\x89PNG\r\n\x1a\n"
    server.model = naming(["striped shirts"])
    case = Case(sheets=(sheet + b"active", sheet + b"near"), values=["season = summer"])
    proposals, _ = ask_names([case], at(server), relevance=None)
    assert (proposals[0].status, proposals[0].name) == ("named", "striped shirts")
    text, *pictures = server.seen[0].body["messages"][1]["content"]
    assert len(pictures) == 2
    assert "season = summer" in text["text"]
    assert "The second is a sheet" in text["text"]


def test_a_count_below_one_is_refused(server):
    with pytest.raises(InputError, match="count must be at least 1"):
        naming_requests([Case(["a"], [1.0])], count=0)


def whole_way(url: str, cache: str) -> tuple[list, list, Report, Report]:
    here = Endpoint(url, "naive", concurrency=3, back_off=0.001, timeout=60)
    texts, topic = corpus()
    shown, verify = split(topic)
    cases = cases_of(shown, texts)
    proposals, named = ask_names(cases, here, relevance=ByWords(texts), cache=cache)
    samples = [
        Sample(texts.gather(c.active).to_list(), texts.gather(c.inactive).to_list()) for c in verify
    ]
    scores, judged = detection([p.name for p in proposals], samples, here, cache=cache)
    return proposals, scores, named, judged


CLIENT = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.unit.llm.test_names import whole_way
whole_way(*sys.argv[2:])
"""


def bad_days(i: int) -> Reply:
    """Every kind of trouble, again and again."""
    kinds = [
        Reply(429, {"Retry-After": "0.005"}), Reply(500), Reply(cut=True), Reply(body=b'{"choi'),
        Reply(text="Let me think."), Reply(text="I'm sorry, but I can't."),
    ]  # fmt: skip
    return kinds[i // 3 % len(kinds)] if i % 3 == 0 else Reply()


def test_naming_and_detection_survive_a_bad_day_and_a_kill(server, tmp_path):
    """Same names and scores as on a good day; nothing lost, nothing paid twice."""
    server.latency = 0.002
    good = whole_way(server.url, tmp_path / "good")
    n_good = len(server.seen)
    assert [p.name for p in good[0]] == list(TOPICS)
    assert [s.value for s in good[1]] == [1.0] * 4

    server.seen.clear()
    release = threading.Event()
    before = 20
    server.plan = lambda i, body: Reply(hold=release) if i >= before else bad_days(i)
    arguments = [str(Path(__file__).parents[3]), server.url, str(tmp_path / "bad")]
    running = subprocess.Popen(
        [sys.executable, "-c", CLIENT, *arguments], env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    # All three threads hang in a request, so every answer before has arrived and is kept.
    server.wait_for(before + 3)
    running.send_signal(signal.SIGKILL)
    running.wait(60)
    release.set()
    paid_before = sum(server.answered.values())
    assert 0 < paid_before < n_good

    server.plan = lambda i, body: bad_days(i)
    bad = whole_way(server.url, tmp_path / "bad")
    assert bad[:2] == good[:2]
    report = bad[2] + bad[3]
    assert report.cached == paid_before
    assert sum(server.answered.values()) == paid_before + report.paid
    assert (report.parsed, report.asked) == (n_good, n_good)
    # What could not be read was drawn again, and nothing else.
    unread = sum(s.answered and not s.understood for s in server.seen)
    assert unread > 0
    assert paid_before + report.paid == n_good + unread
    again = whole_way(server.url, tmp_path / "bad")
    assert again[:2] == good[:2]
    assert (again[2] + again[3]).paid == 0
