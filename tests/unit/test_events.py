"""Orders of events as names, from ``learn(events=...)`` to edits of a lexicon that was reopened."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import semascope as sc
from semascope.cli import main
from semascope.core import InputError
from semascope.lexicon import ByPattern, as_events
from semascope.pipeline import measure_edits, name_edits, verify

PATTERNS = ("visit then buy", "buy then visit", "mail")
OTHERS = ("search", "read", "help")


def planted(n: int = 900) -> tuple[pl.DataFrame, np.ndarray]:
    """Histories, and vectors that know nothing but which pattern each one was made to hold."""
    random = np.random.default_rng(0)
    which = random.integers(len(PATTERNS), size=n)
    histories = []
    for kind in which:
        first, *second = PATTERNS[kind].split(" then ")
        rest = random.choice(OTHERS, 2).tolist()
        histories.append([rest[0], first, rest[1], *second])
    vectors = 3 * np.eye(6, dtype=np.float32)[which] + 0.1 * random.standard_normal((n, 6))
    items = pl.DataFrame({"id": [f"u{i}" for i in range(n)], "history": histories})
    return items, vectors.astype(np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    items, vectors = planted()
    np.save(folder / "x.npy", vectors)
    items.with_columns(pl.col("history").list.join("> ")).write_csv(folder / "users.csv")
    sc.learn(
        folder / "users.csv", vectors=vectors, id="id", events="history", components=6, active=1,
        out=folder / "a.lexicon", baseline=False, progress=False,
    )  # fmt: skip
    return folder


def test_planted_orders_become_names_that_hold(made):
    lexicon = sc.load(made / "a.lexicon")
    assert lexicon.items["history"].to_list() == planted()[0]["history"].to_list()
    named = lexicon.concepts.filter(pl.col("prevalence") > 0.2)
    assert set(named["name"]) == set(PATTERNS)
    for row in named.iter_rows(named=True):
        assert (row["name_kind"], row["named_by"], row["verdict"]) == (
            "pattern", "patterns", "trusted"
        )  # fmt: skip
        assert row["trust_low"] > 0.9 > row["trust_null"]
        assert row["name"] in row["description"]
    assert "events of the column `history`" in (made / "a.lexicon" / "README.md").read_text()


def test_lists_and_strings_give_the_same_lexicon(made):
    items, vectors = planted()
    lexicon = sc.learn(
        items, vectors=vectors, id="id", events="history", components=6, active=1, baseline=False,
        progress=False,
    )  # fmt: skip
    assert lexicon.concepts.equals(sc.load(made / "a.lexicon").concepts)
    without = sc.learn(
        items, vectors=vectors, id="id", components=6, active=1, baseline=False, progress=False
    )
    assert not set(PATTERNS) & set(without.concepts["name"])


def test_names_that_people_give_are_measured_as_patterns(made):
    lexicon = sc.load(made / "a.lexicon")
    lexicon.path = None
    table = lexicon.concepts
    id, other = (table.filter(name=name)["id"][0] for name in PATTERNS[:2])
    before = table.filter(id=id).row(0, named=True)
    for name, low, high in (("buy then visit", 0, 0.4), ("visit", 0.5, 0.9), (PATTERNS[0], 0.9, 1)):
        lexicon.edit("rename", id, name)
        found = measure_edits(lexicon, [id], vectors=made / "x.npy")
        assert low <= found["trust"][0] <= high, name
        assert lexicon.concepts.filter(id=id)["name_kind"][0] == "pattern"
    assert found["trust"][0] == before["trust"]
    lexicon.edit("rename", id, "visit then by")
    assert "an order of events" in measure_edits(lexicon, [id], vectors=made / "x.npy")["note"][0]
    merged = lexicon.merge([id, other], name="x")
    assert name_edits(lexicon, [merged], vectors=made / "x.npy")[merged] is not None
    scores = verify(lexicon, ["ranking", "rule"], vectors=made / "x.npy").scores
    assert scores.filter(metric="AUROC", name=PATTERNS[2])["value"][0] > 0.9


def test_the_command_line_learns_and_shows_orders(made, tmp_path, monkeypatch, capsys):
    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["semascope", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "160")
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return out if not stop.value.code else err

    lexicon = made / "a.lexicon"
    id = sc.load(lexicon).concepts.filter(name=PATTERNS[0])["id"][0]
    shown = run("show", lexicon, "--concept", id)
    assert "whatever comes between: 100 %" in shown
    assert "visit → " in shown
    found = run("show", lexicon, "--concept", id, "--contradictions", "--vectors", made / "x.npy")
    assert found.startswith(PATTERNS[0])
    options = ("--vectors", made / "x.npy", "--out", tmp_path / "b.lexicon", "--events")
    wrong = run("learn", made / "users.csv", *options, "histori")
    assert "did you mean 'history'" in wrong
    wrong = run("learn", made / "users.csv", *options, "history", "--events-separator", "|")
    assert "split at '|' holds more than one event" in wrong
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pl.Series("e", [1, 2]), "must hold a list of events"),
        (pl.Series("e", [["a"], ["b"]]), "more than one event"),
        (pl.Series("e", [None, None], dtype=pl.List(pl.String)), "more than one event"),
        (pl.Series("e", ["a,b"]), "split at '>'"),
    ],
)
def test_columns_without_an_order_are_refused(column, said):
    with pytest.raises(InputError, match=said):
        as_events(column)
    with pytest.raises(InputError, match="separator of events is empty"):
        as_events(column, "")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "b c", "d"]), max_size=4), min_size=1))
def test_strings_are_read_as_the_lists_they_were_written_from(lists):
    lists.append(["a", "b c"])
    written = pl.Series("e", [" > ".join(events) for events in lists])
    read = as_events(written)
    assert read.to_list() == lists
    assert as_events(read).to_list() == lists
    rows = np.arange(len(lists))
    said = ByPattern(read)(["a then d"], rows)[0]
    assert said.tolist() == [
        float("a" in e and "d" in e[e.index("a") + 1 :] if "a" in e else False) for e in lists
    ]
