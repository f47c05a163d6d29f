"""Families named by a language model: what members share, verified, and only if it holds."""

from __future__ import annotations

import dataclasses
import json

import polars as pl
import pytest
from tests.unit.llm.conftest import fenced, naive
from tests.unit.llm.test_names import naming
from tests.unit.test_families import GROUPS, planted

from semascope.lexicon import FAMILIES, FAMILY_SCORES, Lexicon, load
from semascope.llm import Endpoint
from semascope.pipeline import prepare_renaming


@pytest.fixture(scope="module")
def made() -> Lexicon:
    """Groups of three concepts; their families have lost their names."""
    lexicon = planted(each=60)
    lost = [pl.lit(None, dtype=FAMILIES[c]).alias(c) for c in ("name", *FAMILY_SCORES)]
    return dataclasses.replace(lexicon, base_families=lexicon.base_families.with_columns(lost))


def run(made: Lexicon, server):
    here = Endpoint(server.url, "naive", back_off=0.001)
    ready = prepare_renaming(made, vectors=made.decode(made.codes))
    coming = ready.forecast(here)
    assert server.seen == []
    return (*ready.run(here), coming)


def test_what_members_share_becomes_the_name(made, server, tmp_path):
    named, report, coming = run(made, server)
    assert named.families["name"].to_list() == list(GROUPS)
    for row in named.families.iter_rows(named=True):
        assert (row["trust"], row["verdict"]) == (1.0, "trusted")
        assert row["trust_low"] > 0.9 > row["trust_null"]
        assert row["n"] > 50
        assert row["description"] == f"Texts that say {row['name']}."
    assert report.asked == coming.requests == len(server.seen)
    parts = []
    for seen in server.seen:
        _, items = fenced(seen.body["messages"][-1]["content"])
        parts.append([text for head, text in items if "(part)" in head])
    # Concepts have no parts; families show the names of all their members, as they are now.
    assert sorted(map(sorted, filter(None, parts))) == sorted(
        sorted(names) for names in named.families["names"].to_list()
    )
    named.save(tmp_path / "a.lexicon")
    assert load(tmp_path / "a.lexicon").families.equals(named.families)


@pytest.mark.parametrize("names", [["life itself"], ["train"]])
def test_a_name_that_does_not_fit_all_members_is_none(made, server, names):
    def model(messages):
        _, items = fenced(messages[-1]["content"])
        family = any("(part)" in head for head, _ in items)
        return naming(names)(messages) if family else naive(messages)

    server.model = model
    named, _, _ = run(made, server)
    assert named.families["name"].to_list() == [None] * len(GROUPS)
    assert named.families["trust"].null_count() == len(GROUPS)


def test_a_family_keeps_a_name_that_is_no_worse(server):
    lexicon = planted(each=60)
    named, _, _ = run(lexicon, server)
    assert named.families.equals(lexicon.families)
    assert json.dumps(named.info["language_model"]["report"])


def test_differences_go_when_new_names_say_them(server):
    lexicon = planted(each=60)
    told = [[{"concept": "c0", "name": "train"}], [], []]
    kept = pl.Series("differences", told, dtype=lexicon.base_families.schema["differences"])
    with_one = dataclasses.replace(lexicon, base_families=lexicon.base_families.with_columns(kept))
    named, _, _ = run(with_one, server)
    assert named.base_families["differences"].list.len().sum() == 0
