"""Endpoints: found in arguments, the environment or the keyring; the key is never written down."""

from __future__ import annotations

import copy
import json
import pickle
import sys
import types
from dataclasses import asdict

import pytest

from semascope.core import InputError, MissingExtraError
from semascope.llm import Budget, Endpoint, Key, Request, ask, endpoint

SECRET = "sk-very-secret-0123456789"


def test_arguments_come_before_the_environment(monkeypatch):
    monkeypatch.setenv("SEMASCOPE_LLM_URL", "http://there/v1/")
    monkeypatch.setenv("SEMASCOPE_LLM_MODEL", "small")
    monkeypatch.setenv("SEMASCOPE_LLM_KEY", SECRET)
    found = endpoint()
    assert (found.url, found.model, found.key.reveal()) == ("http://there/v1", "small", SECRET)
    other = endpoint("http://here/v1", "large", "sk-2")
    assert (other.url, other.model, other.key.reveal()) == ("http://here/v1", "large", "sk-2")


def test_variables_of_openai_are_the_second_choice(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    found = endpoint(model="small")
    assert (found.url, found.key.reveal()) == ("https://api.openai.com/v1", SECRET)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://proxy/v1")
    found = endpoint(model="small")
    assert (found.url, found.key.reveal()) == ("http://proxy/v1", SECRET)


def test_the_key_of_openai_is_sent_to_nobody_else(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert endpoint("http://localhost:8000/v1", "small").key == Key("")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (
            {},
            r"its URL \(--llm-url or SEMASCOPE_LLM_URL\) and its name \(--llm-model or SEMASCOPE_L",
        ),
        ({"url": "http://here/v1"}, r"set its name \(--llm-model or SEMASCOPE_LLM_MODEL\), and"),
        ({"model": "small"}, r"set its URL \(--llm-url"),
    ],
)
def test_what_is_missing_is_said(given, missing):
    with pytest.raises(InputError, match=missing):
        endpoint(**given)


def test_a_keyring_is_asked_by_url(monkeypatch):
    kept = {("semascope", "http://here/v1"): SECRET}

    class KeyringError(Exception):
        pass

    ring = types.ModuleType("keyring")
    ring.errors = types.SimpleNamespace(KeyringError=KeyringError)
    ring.get_password = lambda service, name: kept.get((service, name))
    monkeypatch.setitem(sys.modules, "keyring", ring)
    assert endpoint("http://here/v1", "small").key.reveal() == SECRET
    assert endpoint("http://there/v1", "small").key.reveal() == ""

    def locked(service, name):
        raise KeyringError

    ring.get_password = locked
    assert endpoint("http://here/v1", "small").key.reveal() == ""


def test_without_a_keyring_there_is_no_key(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert endpoint("http://here/v1", "small").key.reveal() == ""


def test_the_key_shows_nowhere():
    here = Endpoint("http://here/v1", "small", Key(SECRET))
    assert SECRET not in f"{here} {here!r} {here.key} {here.describe()} {asdict_text(here)}"
    for write in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            write(here.key)


def asdict_text(here: Endpoint) -> str:
    try:
        return str(asdict(here))
    except TypeError:
        return ""


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:8000", "must look like"),
        ("ftp://here/v1", "must look like"),
        (f"http://me:{SECRET}@here/v1", "SEMASCOPE_LLM_KEY"),
        (f"http://here/v1?key={SECRET}", "SEMASCOPE_LLM_KEY"),
        (f"me:{SECRET}@here/v1?key={SECRET}", "must look like"),
    ],
)
def test_urls_that_cannot_be_used_are_refused_without_showing_secrets(url, message):
    with pytest.raises(InputError, match=message) as err:
        Endpoint(url, "small")
    assert SECRET not in str(err.value)


@pytest.mark.parametrize(
    "options",
    [{"price_in": -1.0}, {"concurrency": 0}, {"tries": 0}, {"timeout": 0.0}, {"back_off": -1.0}],
)
def test_settings_outside_of_their_range_are_refused(options):
    with pytest.raises(InputError):
        Endpoint("http://here/v1", "small", **options)
    with pytest.raises(InputError):
        Endpoint("http://here/v1", " ")


def test_budgets_are_numbers_from_zero():
    for caps in ({"money": -1.0}, {"tokens": -1}, {"money": float("inf")}):
        with pytest.raises(InputError, match="must be a number from 0"):
            Budget(**caps)


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'semascope\[llm\]'"):
        ask([Request("a", "b")], Endpoint("http://here/v1", "small"), lambda i, text: text)
