"""Asking: over real sockets, with all the trouble that endpoints make, and nothing paid twice."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

import pytest
from tests.unit.llm.conftest import Reply

from semascope.core import ArtifactError, InputError
from semascope.llm import (
    AnswerCache,
    Budget,
    Endpoint,
    EndpointError,
    Key,
    OverBudgetError,
    Request,
    ask,
    forecast,
)

SECRET = "sk-very-secret-0123456789"


def questions(n: int, **options) -> list[Request]:
    return [Request("Count.", f"Question {i}", max_tokens=20, **options) for i in range(n)]


def echo(messages) -> str:
    return messages[-1]["content"].removeprefix("Question ")


def at(server, **options) -> Endpoint:
    defaults = {"back_off": 0.001, "concurrency": 4, "timeout": 20.0, "tries": 5}
    return Endpoint(server.url, "small", **defaults | options)


def number(i: int, text: str) -> int:
    return int(text)


@pytest.fixture
def counting(server):
    server.model = echo
    return server


def first_then(bad, times: int = 1):
    """Misbehave the first times that a prompt is asked."""
    met: dict[str, int] = {}
    lock = threading.Lock()

    def plan(number, body):
        from_before = body["messages"][-1]["content"]
        with lock:
            met[from_before] = met.get(from_before, 0) + 1
            return bad() if met[from_before] <= times else Reply()

    return plan


def test_answers_come_in_the_order_of_the_requests(counting):
    asked = ask(questions(40), at(counting), number)
    assert asked.answers == list(range(40))
    assert asked.ends == ["parsed"] * 40
    report = asked.report
    assert (report.asked, report.parsed, report.paid, report.cached) == (40, 40, 40, 0)
    assert report.tokens_in == sum(len(json.dumps(s.body["messages"])) // 4 for s in counting.seen)
    assert (report.retried, report.resampled, report.cost) == (0, 0, None)


def test_requests_run_concurrently(counting):
    together = threading.Barrier(4)

    def plan(number, body):
        together.wait(20)  # breaks unless four requests are under way at once
        return Reply()

    counting.plan = plan
    assert ask(questions(8), at(counting), number).report.parsed == 8


def test_a_second_run_is_free(counting):
    ask(questions(10), at(counting), number)
    again = ask(questions(12), at(counting), number)
    assert again.answers == list(range(12))
    assert (again.report.cached, again.report.paid) == (10, 2)
    assert max(counting.answered.values()) == 1


def test_equal_requests_are_asked_once(counting):
    asked = ask([*questions(3), *questions(3)], at(counting), number)
    assert asked.answers == [0, 1, 2, 0, 1, 2]
    assert (asked.report.asked, asked.report.parsed, asked.report.paid) == (6, 6, 3)


def test_another_model_or_parameter_is_another_question(counting):
    ask(questions(2), at(counting), number)
    other = Endpoint(counting.url, "large", concurrency=1)
    assert ask(questions(2), other, number).report.paid == 2
    assert ask(questions(2, temperature=0.5), at(counting), number).report.paid == 2


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 429, "headers": {"Retry-After": "0.01"}},
        {"status": 429},
        {"status": 500},
        {"status": 503, "headers": {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}},
        {"cut": True},
        {"body": b'{"choices": [{"mess'},
        {"body": b"[]"},
        {"body": b'{"choices": []}'},
    ],
    ids=["429 and when", "429", "500", "503 until", "cut", "malformed", "list", "empty"],
)
def test_trouble_on_the_way_is_met_by_asking_again(counting, trouble):
    counting.plan = first_then(lambda: Reply(**trouble))
    asked = ask(questions(6), at(counting), number)
    assert asked.answers == list(range(6))
    assert (asked.report.paid, asked.report.retried, asked.report.failed) == (6, 6, 0)


def test_a_timeout_is_trouble_too(counting):
    release = threading.Event()
    counting.plan = first_then(lambda: Reply(hold=release))
    asked = ask(questions(2), at(counting, timeout=0.2), number)
    release.set()
    assert asked.answers == [0, 1]
    assert asked.report.retried == 2


def test_retry_after_holds_everybody_back(counting):
    """While the endpoint asks to be left alone, no other thread asks either."""
    times: list[float] = []
    wait = 0.3

    def plan(number, body):
        times.append(time.monotonic())
        return Reply(429, {"Retry-After": str(wait)}) if number == 0 else Reply()

    counting.plan = plan
    asked = ask(questions(5), at(counting, concurrency=1), number)
    assert asked.report.parsed == 5
    assert times[1] - times[0] >= wait


def test_what_fails_every_time_is_counted(counting):
    counting.plan = lambda i, body: Reply(500 if "Question 3" in str(body["messages"]) else 200)
    asked = ask(questions(6), at(counting, tries=3), number)
    assert asked.answers == [0, 1, 2, None, 4, 5]
    assert asked.ends[3] == "failed"
    assert (asked.report.failed, asked.report.parsed, asked.report.retried) == (1, 5, 2)
    assert "500" in asked.report.trouble


def test_what_was_not_understood_is_drawn_again_and_never_taken_for_an_answer(counting):
    counting.plan = first_then(lambda: Reply(text="hm"), times=2)
    asked = ask(questions(3), at(counting), number)
    assert asked.answers == [0, 1, 2]
    assert (asked.report.paid, asked.report.resampled) == (9, 6)
    # Another sample needs another temperature, or a sure model says the same again.
    assert {s.body["temperature"] for s in counting.seen} == {0.0, 0.7}


@pytest.mark.parametrize(
    ("reply", "end"),
    [
        ({"text": "hm"}, "unparsed"),
        ({"text": "I'm sorry, but I can't help with that."}, "refused"),
        ({"text": "", "refusal": "No."}, "refused"),
        ({"text": "", "finish": "content_filter"}, "refused"),
        ({"text": "12", "finish": "length"}, "unparsed"),
        ({"text": ""}, "unparsed"),
    ],
)
def test_unparsed_and_refused_answers_are_counted_and_kept(counting, reply, end):
    counting.plan = lambda i, body: Reply(**reply)
    asked = ask(questions(2), at(counting), number, samples=2)
    assert asked.answers == [None, None]
    assert asked.ends == [end, end]
    assert (getattr(asked.report, end), asked.report.paid) == (2, 4)
    again = ask(questions(2), at(counting), number, samples=2)
    assert (getattr(again.report, end), again.report.paid) == (2, 0)


def test_an_answer_that_was_cut_off_may_be_longer_the_next_time(counting):
    counting.plan = first_then(lambda: Reply(text="1", finish="length"))
    assert ask(questions(1), at(counting), number).answers == [0]
    assert [s.body["max_tokens"] for s in counting.seen] == [20, 40]


def test_tokens_that_the_endpoint_does_not_count_are_estimated_and_said(counting):
    counting.plan = lambda i, body: Reply(usage=False)
    report = ask(questions(3), at(counting), number).report
    assert report.uncounted == 3
    assert report.tokens_in == sum(r.tokens_in for r in questions(3))


def test_every_request_has_exactly_one_end(counting):
    def plan(i, body):
        n = int(echo(body["messages"]))
        return [Reply(), Reply(text="hm"), Reply(text="I cannot do that."), Reply(400)][n % 4]

    counting.plan = plan
    report = ask(questions(40), at(counting), number).report
    assert (report.parsed, report.unparsed, report.refused, report.failed) == (10, 10, 10, 10)
    assert report.paid == 10 + 3 * 20


def test_a_forecast_costs_nothing_and_comes_close(counting):
    here = at(counting, price_in=2.0, price_out=10.0)
    coming = forecast(questions(20), here)
    assert counting.seen == []
    assert (coming.requests, coming.cached) == (20, 0)
    report = ask(questions(20), here, number).report
    assert coming.tokens_in == pytest.approx(report.tokens_in, rel=1)
    assert report.cost == pytest.approx((2 * report.tokens_in + 10 * report.tokens_out) / 1e6)
    after = forecast(questions(25), here)
    assert (after.requests, after.cached) == (25, 20)
    assert after.cost == pytest.approx(coming.cost / 4, rel=0.1)


def test_a_forecast_above_the_budget_asks_nothing(counting):
    here = at(counting, price_in=1000.0, price_out=1000.0)
    with pytest.raises(
        OverBudgetError, match=r"forecast is above the budget: 20 requests.*has 0.01 left"
    ):
        ask(questions(20), here, number, budget=Budget(money=0.01))
    with pytest.raises(OverBudgetError, match="30 tokens left"):
        ask(questions(20), here, number, budget=Budget(tokens=30))
    assert counting.seen == []


def test_a_budget_in_money_needs_prices(counting):
    with pytest.raises(InputError, match="--price-in"):
        ask(questions(1), at(counting), number, budget=Budget(money=1.0))


def test_the_budget_stops_a_run_that_costs_more_than_forecast(counting):
    """Every answer has to be drawn three times, which no forecast knows."""
    counting.plan = lambda i, body: Reply(text="hm")
    cap = forecast(questions(20), at(counting)).tokens + 50
    budget = Budget(tokens=cap)
    asked = ask(questions(20), at(counting), number, budget=budget)
    report = asked.report
    assert report.stopped == "budget"
    assert 0 < report.paid < 60
    assert report.tokens_in + report.tokens_out == budget.spent_tokens <= cap
    assert report.unasked + report.unparsed == 20
    assert report.unasked > 0
    # What was paid for is there when somebody raises the budget.
    more = ask(questions(20), at(counting), number)
    assert more.report.cached == report.paid
    assert more.report.paid == 60 - report.paid


def test_stages_share_a_budget(counting):
    budget = Budget(tokens=10_000)
    ask(questions(5), at(counting), number, budget=budget)
    spent = budget.spent_tokens
    assert spent > 0
    ask(questions(10), at(counting), number, budget=budget)
    assert budget.spent_tokens == 2 * spent


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "SEMASCOPE_LLM_KEY"), (403, "SEMASCOPE_LLM_KEY"), (404, "/v1")]
)
def test_what_to_look_at_is_said(counting, status, hint):
    counting.plan = lambda i, body: Reply(status)
    with pytest.raises(EndpointError, match=f"answered {status}: .*{hint}"):
        ask(questions(1), at(counting), number)


def test_a_page_instead_of_an_answer_is_shown(counting):
    counting.plan = lambda i, body: Reply(body=b"<html>Bad gateway</html>")
    with pytest.raises(EndpointError, match="no JSON but '<html>Bad gateway</html>'; is the URL"):
        ask(questions(1), at(counting, tries=1), number)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_model_ends_the_run_at_once_and_shows_no_key(counting, status, caplog):
    caplog.set_level("DEBUG")
    said = f"Incorrect API key provided: {SECRET}"
    counting.plan = lambda i, body: Reply(status, text=said)
    with pytest.raises(EndpointError, match=f"answered {status}: Incorrect") as err:
        ask(questions(50), at(counting, key=Key(SECRET)), number)
    assert len(counting.seen) <= 4
    assert SECRET not in "".join(traceback.format_exception(err.value))
    assert SECRET not in caplog.text


def test_the_key_goes_to_the_endpoint_and_nowhere_else(counting, tmp_path):
    here = at(counting, key=Key(SECRET))
    with AnswerCache(tmp_path / "kept") as cache:
        ask(questions(2), here, number, cache=cache)
    assert {s.headers["authorization"] for s in counting.seen} == {f"Bearer {SECRET}"}
    assert SECRET not in f"{here} {here!r} {here.describe()}"
    for path in (tmp_path / "kept").rglob("*"):
        assert SECRET.encode() not in path.read_bytes()


def test_accounts_of_openai_are_not_told_to_other_servers(counting, monkeypatch):
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID"):
        monkeypatch.setenv(f"OPENAI_{name}", SECRET)
    ask(questions(1), at(counting), number)
    assert SECRET not in str(counting.seen[0].headers)


def test_nobody_there_is_said_soon():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    with pytest.raises(EndpointError, match=f"{url} does not answer: Connection error"):
        ask(questions(50), Endpoint(url, "small", back_off=0.001), number)


def test_an_endpoint_that_goes_away_ends_the_run_and_keeps_what_came(counting):
    counting.plan = lambda i, body: Reply(200 if i < 7 else 500)
    here = at(counting, tries=2, concurrency=1)
    with pytest.raises(EndpointError, match="what was answered before is kept"):
        ask(questions(50), here, number)
    counting.plan = lambda i, body: Reply()
    assert ask(questions(50), here, number).report.cached == 7


def test_parameters_that_a_model_does_not_know_are_left_out_or_renamed(counting):
    def plan(i, body):
        if "max_tokens" in body:
            return Reply(400, text="'max_tokens' is not supported: use 'max_completion_tokens'")
        if "temperature" in body:
            return Reply(400, text="Unsupported value: 'temperature' does not support 0")
        return Reply()

    counting.plan = plan
    asked = ask(questions(6), at(counting, concurrency=2), number)
    assert asked.answers == list(range(6))
    assert counting.seen[-1].body["max_completion_tokens"] == 20


def test_parameters_of_the_endpoint_replace_those_of_requests(counting):
    here = at(counting, parameters={"temperature": None, "top_k": 1, "seed": 5})
    ask(questions(1), here, number)
    body = counting.seen[0].body
    assert (body["top_k"], body["seed"], "temperature" in body) == (1, 5, False)


def test_pictures_travel_as_data_urls(counting):
    picture = b"\x89PNG\r\n\x1a\n" + bytes(20)
    counting.model = lambda messages: "7"
    assert ask([Request("Look.", "What?", (picture,))], at(counting), number).answers == [7]
    text, image = counting.seen[0].body["messages"][1]["content"]
    assert text == {"type": "text", "text": "What?"}
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")


def test_what_is_no_picture_is_refused_before_anything_is_sent(counting):
    with pytest.raises(InputError, match="must be PNG"):
        ask([Request("Look.", "What?", (b"text",))], at(counting), number)
    assert counting.seen == []


def test_an_error_of_the_parser_is_not_swallowed(counting):
    def broken(i: int, text: str) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(questions(5), at(counting), broken)


def test_a_cache_that_cannot_be_written_is_said_before_anything_is_paid(counting, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="answers cannot be kept"):
        ask(questions(1), at(counting), number, cache=tmp_path / "file")
    assert counting.seen == []


def test_a_damaged_cache_is_put_aside(counting, tmp_path):
    (tmp_path / "answers.1.sqlite").write_bytes(b"no database" * 500)
    with pytest.warns(UserWarning, match="was damaged"):
        asked = ask(questions(2), at(counting), number, cache=tmp_path)
    assert asked.answers == [0, 1]
    assert (tmp_path / "answers.1.damaged").exists()


def test_a_damaged_answer_is_asked_again(counting, tmp_path):
    import sqlite3

    ask(questions(2), at(counting), number, cache=tmp_path)
    db = sqlite3.connect(tmp_path / "answers.1.sqlite")
    with db:
        db.execute("UPDATE answers SET answer = replace(answer, '1', '8')")
    db.close()
    again = ask(questions(2), at(counting), number, cache=tmp_path)
    assert again.answers == [0, 1]
    assert again.report.paid >= 1


CLIENT = """
import sys
from semascope.llm import Endpoint, Request, ask
url, cache, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
here = Endpoint(url, "small", concurrency=3, back_off=0.001, timeout=60)
requests = [Request("Count.", f"Question {i}", max_tokens=20) for i in range(n)]
asked = ask(requests, here, lambda i, text: int(text), cache=cache)
assert asked.answers == list(range(n))
print(asked.report.cached, asked.report.paid)
"""


def start(server, folder, n: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, server.url, str(folder), str(n)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_a_run_that_is_stopped_in_the_middle_goes_on(counting, tmp_path, how):
    n, before = 30, 12
    release = threading.Event()
    counting.plan = lambda i, body: Reply(hold=release) if i >= before else Reply()
    running = start(counting, tmp_path / "kept", n)
    # All three threads hang in a request, so all answers before have arrived and are kept.
    counting.wait_for(before + 3)
    running.send_signal(how)
    if how == signal.SIGINT:
        # What is under way is waited for; the server hangs up without an answer.
        release.set()
    out, err = running.communicate(timeout=60)
    assert running.returncode != 0, out
    if how == signal.SIGINT:
        assert "KeyboardInterrupt" in err
    release.set()
    answered = sum(counting.answered.values())
    assert answered == before
    counting.plan = lambda i, body: Reply()
    out, err = start(counting, tmp_path / "kept", n).communicate(timeout=60)
    assert out.split() == [str(before), str(n - before)], err
    assert len(counting.answered) == n
    assert max(counting.answered.values()) == 1
