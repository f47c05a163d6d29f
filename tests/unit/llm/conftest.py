"""A server that speaks chat completions, over real sockets, and can be told to misbehave."""

from __future__ import annotations

import json
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import polars as pl
import pytest

import semascope as sc

Message = dict[str, Any]
TOPICS = ("train", "tea", "dog", "invoice")
FILLER = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("ala", "elo", "iru", "onu", "uri")]
STOP = set(
    re.findall(
        r"\w+", "the of a an and is was to in it on my i for with that this are be at very so"
    )
)


@dataclass
class Reply:
    """How one request is answered; by default as the model would."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    finish: str = "stop"
    refusal: str | None = None
    body: bytes | None = None
    cut: bool = False
    hold: threading.Event | None = None
    usage: bool = True


@dataclass
class Seen:
    body: dict[str, Any]
    headers: dict[str, str]
    answered: bool = False
    understood: bool = False

    @property
    def prompt(self) -> str:
        return json.dumps(self.body["messages"], sort_keys=True)


class ModelServer:
    """Counts what it is asked and what it answers; `plan(number, body)` says how."""

    def __init__(self) -> None:
        self.model: Callable[[list[Message]], str] = naive
        self.plan: Callable[[int, dict[str, Any]], Reply] = lambda number, body: Reply()
        self.latency = 0.0
        self.seen: list[Seen] = []
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.arrived = threading.Condition(self.lock)
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                owner.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a client that was killed

        self.http = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self.arrived:
            number = len(self.seen)
            seen = Seen(body, {k.lower(): v for k, v in handler.headers.items()})
            self.seen.append(seen)
            self.arrived.notify_all()
        reply = self.plan(number, body)
        if self.latency:
            self.closing.wait(self.latency)
        if reply.hold is not None:
            reply.hold.wait()
            handler.close_connection = True
            return
        content = reply.body if reply.body is not None else self.completion(body, reply)
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if reply.cut:
            handler.wfile.write(content[: len(content) // 2])
            handler.close_connection = True
            return
        if reply.status == 200 and reply.body is None:
            with self.lock:
                seen.answered = True
                seen.understood = reply.text is None
        handler.wfile.write(content)

    def completion(self, body: dict[str, Any], reply: Reply) -> bytes:
        if reply.status != 200:
            said = reply.text or "the server says no"
            return json.dumps({"error": {"message": said}}).encode()
        text = reply.text if reply.text is not None else self.model(body["messages"])
        message = {"role": "assistant", "content": text, "refusal": reply.refusal}
        out: dict[str, Any] = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": reply.finish, "message": message}],
        }
        if reply.usage:
            read = len(json.dumps(body["messages"])) // 4
            out["usage"] = {
                "prompt_tokens": read,
                "completion_tokens": len(text) // 4,
                "total_tokens": read + len(text) // 4,
            }
        return json.dumps(out).encode()

    def wait_for(self, n: int) -> None:
        """Wait until `n` requests have arrived."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.seen) >= n, timeout=60)

    @property
    def answered(self) -> Counter[str]:
        """How often each prompt was answered, and so paid for."""
        with self.lock:
            return Counter(s.prompt for s in self.seen if s.answered)

    def close(self) -> None:
        self.closing.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture(autouse=True)
def _own_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("SEMASCOPE_CACHE", str(tmp_path / "cache"))
    for name in [n for n in os.environ if n.startswith(("OPENAI_", "SEMASCOPE_LLM_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    running = ModelServer()
    yield running
    running.close()


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A lexicon of planted topics, from vectors: no encoder is needed."""
    folder = tmp_path_factory.mktemp("made")
    random = np.random.default_rng(0)
    topic = np.arange(1200) % len(TOPICS)
    texts = []
    for t in topic:
        said = [*random.choice(FILLER, 4), TOPICS[t]]
        random.shuffle(said)
        texts.append(" ".join(said))
    x = np.eye(8, dtype=np.float32)[topic] + 0.05 * random.standard_normal((1200, 8))
    np.save(folder / "x.npy", x.astype(np.float32))
    sc.learn(
        pl.DataFrame({"id": [f"r{i}" for i in range(1200)], "text": texts}), text="text", id="id",
        vectors=x, components=16, active=1, baseline=False, progress=False,
        out=folder / "a.lexicon",
    )  # fmt: skip
    return folder


def as_chat_template(messages: list[Message]) -> str:
    """Write messages as many servers do before they read special tokens wherever they stand."""
    return "".join(f"<|im_start|>{m['role']}\n{text_of(m)}<|im_end|>\n" for m in messages)


def roles_in(rendered: str) -> list[str]:
    return re.findall(r"<\|im_start\|>(\w+)", rendered)


def text_of(message: Message) -> str:
    content = message["content"]
    return content if isinstance(content, str) else content[0]["text"]


def fenced(user: str) -> tuple[str, list[tuple[str, str]]]:
    """Read code and items of a prompt as a model would: up to the first closing fence."""
    found = re.search(r"^<items-(\w+)>\n(.*?)\n?</items-\1>", user, re.DOTALL | re.MULTILINE)
    assert found is not None
    items = []
    for line in found[2].splitlines():
        head, text = line.split(": ", 1)
        items.append((head, json.loads(text)))
    return found[1], items


def said(text: str) -> set[str]:
    return {w for w in re.findall(r"\w+", text.lower()) if w not in STOP}


def naive(messages: list[Message]) -> str:
    """Answer each of semascope's prompts by counting words."""
    messages = read_back(messages)
    user = messages[-1]["content"]
    if "different names" in user:
        return name_it(user)
    code, items = fenced(user)
    if "was marked" in messages[0]["content"]:
        name = feature(user)
        parts = [" ".join(re.findall(r"⟦(.*?)⟧", text)) for _, text in items]
        return verdicts(code, [bool(name & said(part)) for part in parts])
    name = feature(user)
    if "how strongly" in messages[0]["content"]:
        strengths = [min(10, 5 * len(name & said(text))) for _, text in items]
        return json.dumps({"code": code} | {str(i): s for i, s in enumerate(strengths, 1)})
    return verdicts(code, [bool(name & said(text)) for _, text in items])


def read_back(messages: list[Message]) -> list[Message]:
    """Read messages out of the rendered template, as a server's tokenizer would."""
    rendered = as_chat_template(messages)
    parts = re.findall(r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>", rendered, re.DOTALL)
    return [{"role": role, "content": content} for role, content in parts]


def feature(user: str) -> set[str]:
    return said(json.loads(user.split("Feature: ", 1)[1].splitlines()[0]))


def verdicts(code: str, yes: list[bool]) -> str:
    answer = {str(i): "yes" if y else "no" for i, y in enumerate(yes, 1)}
    return "Let me see.\n```json\n" + json.dumps({"code": code} | answer) + "\n```"


def name_it(user: str) -> str:
    code, items = fenced(user)
    inside: Counter[str] = Counter()
    for head, text in items:
        sign = 1 if "strength" in head else -1 if "near-miss" in head else 0
        for word in said(text):
            inside[word] += sign
    best = [word for word, _ in sorted(inside.items(), key=lambda p: (-p[1], p[0]))[:4]]
    names = [{"name": word, "description": f"Texts that say {word}."} for word in best]
    return json.dumps({"code": code, "names": names})
