"""Edits: a ledger that can be undone in any order, and codes that follow it, stored and new."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import semascope as sc
from semascope.core import ArtifactError, CodeStore, InputError, auroc
from semascope.lexicon import (
    Edit,
    Lexicon,
    apply_patch,
    export_edits,
    fingerprint,
    load,
    standing,
)
from semascope.lexicon.ledger_file import read_edits, write_edits
from semascope.pipeline import measure_edits, name_edits
from semascope.search import find

D, M = 12, 10
TOPICS = ("late train", "warm tea", "red car", "small dog", "old book")


def data(n: int = 600) -> tuple[pl.DataFrame, np.ndarray]:
    """Texts about one of five topics each, and vectors that point where the topic does."""
    random = np.random.default_rng(3)
    centres = np.linalg.qr(random.standard_normal((D, D)))[0][: len(TOPICS)]
    topic = random.integers(0, len(TOPICS), n)
    vectors = centres[topic] * random.uniform(0.8, 1.6, (n, 1))
    vectors += 0.15 * random.standard_normal((n, D))
    texts = [f"the {TOPICS[t]} was number {i}" for i, t in enumerate(topic)]
    frame = pl.DataFrame({"key": [f"k{i}" for i in range(n)], "text": texts})
    return frame, vectors.astype(np.float32)


def topics(lexicon: Lexicon) -> np.ndarray:
    return np.array(
        [[name in text for name in TOPICS].index(True) for text in lexicon.items["text"]]
    )


@pytest.fixture(scope="module")
def learned() -> Lexicon:
    frame, vectors = data()
    return sc.learn(
        frame, text="text", id="key", vectors=vectors, components=M, active=3, max_rows=12_000,
        baseline=False, progress=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return data()[1]


@pytest.fixture
def lex(learned: Lexicon) -> Lexicon:
    """The same lexicon, without the edits of other tests."""
    return dataclasses.replace(learned, edits=[], path=None)


def dense(lexicon: Lexicon) -> np.ndarray:
    return lexicon.codes.to_scipy().toarray()


def alive(lexicon: Lexicon) -> list[str]:
    table = lexicon.concepts.filter((pl.col("became").list.len() == 0) & ~pl.col("muted"))
    return table.filter(pl.col("weight") > 0)["id"].to_list()


# What each edit does to codes --------------------------------------------------------------------


@pytest.mark.parametrize("how", ["sum", "max"])
def test_merged_concepts_fire_together(lex: Lexicon, x: np.ndarray, how: str) -> None:
    before = dense(lex)
    id = lex.merge(["c0", "c1", "c5"], name="all", how=how)
    after = dense(lex)
    gather = np.sum if how == "sum" else np.max
    np.testing.assert_allclose(after[:, M], gather(before[:, [0, 1, 5]], axis=1), rtol=1e-6)
    assert not after[:, [0, 1, 5]].any()
    rest = [j for j in range(M) if j not in (0, 1, 5)]
    assert np.array_equal(after[:, rest], before[:, rest])
    assert np.array_equal(lex.encode(x).to_scipy().toarray(), after)
    assert lex.concepts["status"].to_list().count("merged") == 3
    assert lex.concepts.row(M, named=True)["made_from"] == ["c0", "c1", "c5"]
    assert lex.row_of("all") == lex.row_of(id) == M
    # The merged atom leaves least unexplained of what the members brought.
    brought = before[:, [0, 1, 5]] @ lex.dictionary.atoms[[0, 1, 5]]
    best = np.linalg.lstsq(after[:, [M]], brought, rcond=None)[0][0]
    np.testing.assert_allclose(lex.atoms[M], best, atol=1e-4)
    np.testing.assert_allclose(
        lex.decode(lex.codes), after @ lex.atoms + lex.dictionary.bias, atol=1e-5
    )


def test_parts_of_a_split_share_out_the_parent(lex: Lexicon, x: np.ndarray) -> None:
    before = dense(lex)
    widest = int((before > 0).sum(axis=0).argmax())
    whole = lex.decode(lex.codes)
    ids = lex.split(f"c{widest}", 3, names=["one", "two", "three"])
    after = dense(lex)
    assert np.array_equal(after[:, M:].sum(axis=1), before[:, widest])
    assert ((after[:, M:] > 0).sum(axis=1) <= 1).all()
    assert (after[:, M:] > 0).any(axis=0).all()
    assert not after[:, widest].any()
    assert np.array_equal(lex.encode(x).to_scipy().toarray(), after)
    np.testing.assert_allclose(lex.decode(lex.codes), whole, atol=1e-6)
    sizes = (after[:, M:] > 0).sum(axis=0)
    assert (np.diff(sizes) <= 0).all()
    assert [lex.row_of(i) for i in ids] == [M, M + 1, M + 2]
    assert [lex.row_of(n) for n in ("one", "two", "three")] == [M, M + 1, M + 2]


def test_a_mixed_concept_is_split_into_what_it_mixes(lex: Lexicon) -> None:
    """Two topics merged by hand come apart again, by clusters and by examples, on verify rows."""
    topic = topics(lex)
    full = dense(lex)
    best = [int(np.argmax([auroc_of(full[:, j], topic == t) for j in range(M)])) for t in (0, 1)]
    assert best[0] != best[1]
    for options in (
        {"into": 2},
        {"examples": [np.flatnonzero(topic == t)[:4].tolist() for t in (0, 1)]},
    ):
        mixed = lex.merge([f"c{j}" for j in best])
        parts = lex.split(mixed, **options)
        rows = [lex.view.column(lex.row_of(part))[0] for part in parts]
        held = [topic[r[lex.splits[r] == 2]] for r in rows]
        main = [np.bincount(t, minlength=5).argmax() for t in held]
        assert set(main) == {0, 1}
        if "examples" in options:
            assert main == [0, 1]
        for t, m in zip(held, main, strict=True):
            assert (t == m).sum() / np.isin(t, [0, 1]).sum() > 0.9
        lex.undo(count=2)


def auroc_of(values: np.ndarray, truth: np.ndarray) -> float:
    return float(auroc([np.concatenate([values[truth], values[~truth]])], int(truth.sum()))[0])


def test_weights_multiply_and_mutes_silence(lex: Lexicon, x: np.ndarray) -> None:
    before, decoded = dense(lex), lex.decode(lex.codes)
    lex.edit("weight", "c2", 0.5)
    lex.edit("mute", "c4")
    after = dense(lex)
    assert np.array_equal(after[:, 2], before[:, 2] * np.float32(0.5))
    assert not after[:, 4].any()
    assert np.array_equal(lex.encode(x).to_scipy().toarray(), after)
    less = 0.5 * before[:, [2]] * lex.atoms[2] + before[:, [4]] * lex.atoms[4]
    np.testing.assert_allclose(lex.decode(lex.codes), decoded - less, atol=1e-5)
    lex.edit("weight", "c2", 1)
    lex.edit("unmute", "c4")
    assert np.array_equal(dense(lex), before)
    assert lex.codes is lex.base_codes


def test_weights_change_what_items_are_made_of(lex: Lexicon) -> None:
    row = int(np.argmax(np.diff(lex.codes.indptr)))
    first = lex.explain_item(row).row(0, named=True)
    lex.edit("weight", first["concept"], 0.25)
    again = lex.explain_item(row)
    changed = again.filter(concept=first["concept"]).row(0, named=True)
    assert changed["activation"] == pytest.approx(first["activation"] / 4)
    assert changed["share"] < first["share"]
    assert again["share"].sum() == pytest.approx(1, abs=1e-5)
    lex.edit("mute", first["concept"])
    assert first["concept"] not in lex.explain_item(row)["concept"]


@pytest.mark.parametrize("source", ["vectors", "reconstruction"])
def test_concepts_by_examples_find_their_kind(lex: Lexicon, x: np.ndarray, source: str) -> None:
    topic = topics(lex)
    some = np.flatnonzero(topic == 2)[:8]
    given = x if source == "vectors" else None
    before, decoded = dense(lex), lex.decode(lex.codes)
    keys = lex.items["key"].gather(some).to_list()
    id = lex.add(examples=keys, name="cars", vectors=given)
    assert lex.edits[-1].details["rule"]["source"] == source
    after = dense(lex)
    assert np.array_equal(after[:, :M], before)
    assert (after[some, M] > 0).all()
    fired = after[:, M] > 0
    assert topic[fired].tolist().count(2) > 0.9 * fired.sum()
    assert fired[topic == 2].mean() > 0.3
    assert np.array_equal(lex.encode(x).to_scipy().toarray(), after)
    # It is seen in rows and is no part of them.
    np.testing.assert_array_equal(lex.decode(lex.codes), decoded)
    shares = lex.explain_item(int(some[0])).filter(concept=id)["share"]
    assert shares.to_list() == [0.0]


def test_share_sets_how_wide_an_added_concept_is(lex: Lexicon, x: np.ndarray) -> None:
    lex.add(examples=[0], name="few", vectors=x, share=0.05)
    name = lex.splits == 1
    assert (dense(lex)[name, M] > 0).mean() == pytest.approx(0.05, abs=0.02)


def test_phrases_need_an_encoder(lex: Lexicon) -> None:
    with pytest.raises(InputError, match=r"needs an encoder.*by examples"):
        lex.add("a warm drink")
    assert lex.edits == []


def test_encoding_into_a_folder_follows_edits(lex: Lexicon, x: np.ndarray) -> None:
    lex.merge(["c0", "c1"])
    lex.edit("weight", "c2", 2)
    lex.split("e1", 2)
    lex.add(examples=[0, 1, 2], name="these", vectors=x)
    store = lex.encode_to("a.codes", x, shard_rows=250)
    assert np.array_equal(store.to_scipy().toarray(), dense(lex))
    assert CodeStore("a.codes").n_components == len(lex.concepts) == M + 4
    lex.edit("weight", "c2", 3)
    with pytest.raises(ArtifactError, match="begun with other edits"):
        lex.encode_to("a.codes", x, shard_rows=250, resume=True)


def test_codes_of_the_dictionary_are_not_decoded_as_edited_ones(lex: Lexicon) -> None:
    lex.merge(["c0", "c1"])
    with pytest.raises(InputError, match=r"lexicon\.dictionary\.decode"):
        lex.decode(lex.base_codes)


# Any edits, in any order -------------------------------------------------------------------------


def act(lexicon: Lexicon, choice: int, pick: int, x: np.ndarray) -> None:
    """Do one edit, chosen by two numbers, if it can be done now."""
    ids = alive(lexicon)
    one, two = ids[pick % len(ids)], ids[(pick // 7 + 1) % len(ids)]
    if choice == 0:
        lexicon.edit("rename", one, f"name {pick} \u2028é")
    elif choice == 1:
        lexicon.edit("weight", one, (pick % 5) / 2)
    elif choice == 2:
        lexicon.edit("mute", one)
    elif choice == 3 and one != two:
        lexicon.merge([one, two], how="sum" if pick % 2 else "max")
    elif choice == 4 and len(lexicon.view.column(lexicon.row_of(one))[0]) > 60:
        lexicon.split(one, 2)
    elif choice == 5:
        lexicon.add(examples=[pick % 600], name=f"added {pick}", vectors=x if pick % 2 else None)
    elif choice == 6:
        lexicon.edit("tag", one, f"t{pick % 3}")
    elif choice == 7:
        lexicon.edit("comment", one, f"comment {pick}")
    elif choice in (8, 9):
        numbers = [n for n, _ in standing(lexicon.edits)]
        gone = [n for n in range(1, len(lexicon.edits) + 1) if n not in numbers]
        gone = [n for n in gone if lexicon.edits[n - 1].action not in ("undo", "redo")]
        if choice == 8 and numbers:
            attempt(lexicon.undo, numbers[pick % len(numbers)])
        elif choice == 9 and gone:
            attempt(lexicon.redo, gone[pick % len(gone)])


def attempt(do, number: int) -> None:
    """Take back or put back an edit; what others need, or lack, is refused."""
    try:
        do(number)
    except InputError as err:
        assert "cannot" in str(err)  # noqa: PT017


steps = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 10_000)), min_size=1, max_size=9)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_any_edits_replay_alike_everywhere(learned: Lexicon, x: np.ndarray, done) -> None:
    lexicon = dataclasses.replace(learned, edits=[], path=None)
    for choice, pick in done:
        act(lexicon, choice, pick, x)
    codes = lexicon.codes
    # The standing edits alone say the same as edits and undos.
    alone = dataclasses.replace(learned, edits=[edit for _, edit in standing(lexicon.edits)])
    assert alone.concepts.equals(lexicon.concepts)
    for part in ("indptr", "indices", "values"):
        assert np.array_equal(getattr(alone.codes, part), getattr(codes, part))
    # New rows get what stored ones have.
    assert np.array_equal(lexicon.encode(x).to_scipy().toarray(), codes.to_scipy().toarray())
    # So does a copy that is patched, once and twice.
    count = export_edits(lexicon, "p.jsonl")
    copy = dataclasses.replace(learned, edits=[], path=None)
    assert len(apply_patch(copy, "p.jsonl").applied) == count
    assert copy.concepts.equals(lexicon.concepts)
    assert np.array_equal(copy.codes.to_scipy().toarray(), codes.to_scipy().toarray())
    assert copy.edits == alone.edits
    again = apply_patch(copy, "p.jsonl")
    assert (again.applied, again.known, again.conflicts) == ([], count, [])
    # Rows of the table, columns of codes and atoms are the same concepts.
    assert codes.n_components == len(lexicon.concepts) == len(lexicon.atoms)
    assert codes.values.min(initial=1) > 0
    counted = np.rint(codes.prevalence() * len(codes))
    for row in lexicon.concepts.with_row_index("latent").iter_rows(named=True):
        if row["became"] or row["muted"] or row["weight"] == 0:
            assert counted[row["latent"]] == 0
        else:
            assert counted[row["latent"]] == round(row["prevalence"] * len(codes))


def test_the_folder_says_the_same(lex: Lexicon, x: np.ndarray) -> None:
    lex.save("a.lexicon")
    for choice, pick in [(3, 1), (4, 0), (5, 3), (1, 6), (2, 4), (0, 9), (8, 2), (5, 4), (4, 11)]:
        act(lex, choice, pick, x)
    assert len(lex.edits) >= 7
    back = load("a.lexicon")
    assert back.edits == lex.edits
    assert back.concepts.equals(lex.concepts)
    assert np.array_equal(back.codes.values, lex.codes.values)
    lex.save("b.lexicon")
    assert load("b.lexicon").concepts.equals(back.concepts)
    assert np.array_equal(load("b.lexicon").base_codes.values, lex.base_codes.values)


# The table ---------------------------------------------------------------------------------------


def test_made_concepts_are_counted_like_all_others(lex: Lexicon) -> None:
    """A merge with a concept that is never active leaves what the table said of the other."""
    lex.edit("weight", "c1", 1e-30)
    quiet = dataclasses.replace(lex, edits=list(lex.edits))
    quiet.merge(["c0", "c1"], how="max")
    old, new = lex.concepts.row(0, named=True), quiet.concepts.row(M, named=True)
    only = np.flatnonzero(dense(lex)[:, 0] > 0)
    assert new["top"] == old["top"]
    assert new["exemplar"] == old["exemplar"]
    assert new["max_activation"] == pytest.approx(old["max_activation"], rel=1e-6)
    assert new["prevalence"] >= len(only) / 600
    assert len(new["bands"]) == 4
    assert sum(new["histogram"]) == round(new["prevalence"] * 600)
    values = dense(quiet)
    assert not set(new["near_misses"]) & set(np.flatnonzero(values[:, M]).tolist())
    assert all((quiet.splits[r] == 1) for r in [*new["top"], *new["near_misses"]])
    assert M not in new["similar"]
    assert not {0, 1} & set(new["similar"])


def test_words_about_a_concept(lex: Lexicon) -> None:
    lex.edit("describe", "c1", "what was said")
    lex.edit("tag", "c1", "a")
    lex.edit("tag", "c1", "b")
    lex.edit("tag", "c1", "a")
    lex.edit("untag", "c1", "b")
    lex.edit("comment", "c1", "first")
    lex.edit("comment", "c1", "second")
    row = lex.concepts.row(1, named=True)
    assert row["description"] == "what was said"
    assert row["tags"] == ["a"]
    assert row["comments"] == ["first", "second"]
    lex.edit("describe", "c1", "")
    assert lex.concepts["description"][1] is None


def test_find_goes_by_new_names_and_concepts(lex: Lexicon) -> None:
    lex.merge(["c0", "c1"], name="zebra crossing")
    found = find(lex, "zebra")
    assert found.concepts["concept"].to_list() == ["e1"]
    hit = dense(lex)[:, M]
    assert found.items["row"][0] == int(hit.argmax())
    lex.edit("mute", "e1")
    assert len(find(lex, "zebra crossing").concepts) == 0


# Trust -------------------------------------------------------------------------------------------


def test_a_new_name_has_no_trust_until_it_is_measured(lex: Lexicon, x: np.ndarray) -> None:
    named = lex.concepts.sort("trust", descending=True, nulls_last=True).row(0, named=True)
    id = named["id"]
    lex.edit("rename", id, "zebra crossing")
    assert lex.concepts.filter(id=id)["trust"].to_list() == [None]
    wrong = measure_edits(lex, vectors=x).row(0, named=True)
    assert wrong["trust"] <= 0.5
    assert lex.concepts.filter(id=id)["trust"].to_list() == [wrong["trust"]]
    lex.edit("rename", id, named["name"])
    assert lex.concepts.filter(id=id)["trust"].to_list() == [named["trust"]]
    # Measured again, the old name gets the very scores that it had.
    again = measure_edits(lex, [id], vectors=x).row(0, named=True)
    for key in ("trust", "trust_low", "trust_high"):
        assert again[key] == named[key]
    row = lex.concepts.filter(id=id).row(0, named=True)
    assert row["n_active"] == named["n_active"]
    assert row["balanced_accuracy"] == pytest.approx(named["balanced_accuracy"])
    assert lex.edits[-1].action == "measure"
    # A measurement is no edit: undo takes back the renaming.
    assert lex.undo() == [3]
    assert lex.concepts.filter(id=id)["trust"].to_list() == [wrong["trust"]]


def test_a_statement_that_is_true_of_no_row_is_not_measured(lex: Lexicon, x: np.ndarray) -> None:
    lex.edit("rename", "c0", "key = k9999")
    lex.edit("rename", "c1", "key = k1 and nosuch > 3")
    found = measure_edits(lex, vectors=x)
    assert found["trust"].to_list() == [None, None]
    assert found["note"][0] == "it is true of no row"
    assert found["note"][1].startswith("it is true of no row: no column 'nosuch'")
    assert lex.concepts["trust"][:2].to_list() == [None, None]


def test_parts_of_a_split_are_named_and_measured(lex: Lexicon, x: np.ndarray) -> None:
    topic = topics(lex)
    full = dense(lex)
    best = [int(np.argmax([auroc_of(full[:, j], topic == t) for j in range(M)])) for t in (0, 1)]
    parts = lex.split(lex.merge([f"c{j}" for j in best]), 2)
    names = name_edits(lex, parts, vectors=x, together=True)
    assert {word for name in names.values() for word in str(name).split()} & {"train", "late"}
    assert {word for name in names.values() for word in str(name).split()} & {"tea", "warm"}
    found = measure_edits(lex, vectors=x)
    assert found["id"].to_list() == parts
    assert found["trust"].min() > 0.8
    # The names go with the split.
    assert lex.undo() == [2, 3, 4]
    assert lex.redo() == [2, 3, 4]
    assert lex.concepts.filter(pl.col("id").is_in(parts))["trust"].min() > 0.8


# Undo, redo, and what cannot be ------------------------------------------------------------------


def test_undo_and_redo_of_anything(lex: Lexicon) -> None:
    before = lex.concepts
    lex.edit("rename", "c0", "x")
    e1 = lex.merge(["c0", "c1"])
    lex.edit("tag", e1, "t")
    with pytest.raises(InputError, match=r"cannot undo 2: edit 3 would not hold any more.*'e1'"):
        lex.undo(2)
    assert lex.undo(1) == [1]  # under the merge, which keeps its own name
    assert lex.undo(2, 3) == [2, 3]
    assert lex.concepts.equals(before)
    assert lex.redo() == [2, 3]
    assert lex.concepts["tags"][M].to_list() == ["t"]
    with pytest.raises(InputError, match="edit 3 stands"):
        lex.redo(3)
    with pytest.raises(InputError, match="edit 1 was taken back already"):
        lex.undo(1)
    with pytest.raises(InputError, match="there is no edit 99"):
        lex.undo(99)
    with pytest.raises(InputError, match="there is no edit 4"):
        lex.undo(4)
    assert lex.redo() == [1]
    with pytest.raises(InputError, match="nothing to redo"):
        lex.redo()
    lex.undo(count=3)
    with pytest.raises(InputError, match="nothing to undo"):
        lex.undo()
    assert lex.concepts.equals(before)
    # An id is never used for another concept.
    assert lex.merge(["c2", "c3"]) == "e2"


def test_edits_that_cannot_be_are_refused_whole(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    lex.merge(["c0", "c1"])
    lex.edit("mute", "c2")
    before = Path("a.lexicon/edits.jsonl").read_bytes()
    for message, do in [
        (r"c0 has become e1 by edit 1.*undo edit 1", lambda: lex.edit("rename", "c0", "x")),
        (r"c1 has become e1", lambda: lex.merge(["c1", "c3"])),
        (r"c1 has become e1", lambda: lex.split("c1", 2)),
        (r"c2 is muted; unmute", lambda: lex.merge(["c2", "c3"])),
        (r"two concepts or more", lambda: lex.merge(["c3", "c3"])),
        (r"pass a list", lambda: lex.merge("c3")),
        (r"'sum' or 'max'", lambda: lex.merge(["c3", "c4"], how="mean")),
        (r"2 parts or more", lambda: lex.split("c3", 1)),
        (r"2 names do not fit 3 parts", lambda: lex.split("c3", 3, names=["a", "b"])),
        (r"no concept 'c99'", lambda: lex.split("c99", 2)),
        (r"example of more than one part", lambda: lex.split("c3", examples=[[1, 2], [2]])),
        (r"two lists of rows", lambda: lex.split("c3", examples=[[1, 2]])),
        (r"no item with key 'zzz'", lambda: lex.split("c3", examples=[["zzz"], [1]])),
        (r"row 600 is outside", lambda: lex.add(examples=[600], name="x")),
        (r"needs a name", lambda: lex.add(examples=[1])),
        (r"one of them", lambda: lex.add()),
        (r"no examples", lambda: lex.add(examples=[], name="x")),
        (r"share must be between", lambda: lex.add(examples=[1], name="x", share=2)),
        (r"have the shape", lambda: lex.add(examples=[1], name="x", vectors=np.ones((3, D)))),
        (r"number from 0, got '-1'", lambda: lex.edit("weight", "c3", -1)),
        (r"number from 0, got 'nan'", lambda: lex.edit("weight", "c3", float("nan"))),
        (r"needs a tag", lambda: lex.edit("tag", "c3")),
        (r"takes no value", lambda: lex.edit("mute", "c3", "loud")),
        (r"needs a concept", lambda: lex.edit("mute")),
        (r"use lexicon\.merge", lambda: lex.edit("merge", "c3")),
        (r"did you mean 'rename'", lambda: lex.edit("renam", "c3", "x")),
        (r"cannot be written as UTF-8", lambda: lex.edit("rename", "c3", "\ud800")),
    ]:
        with pytest.raises(InputError, match=message):
            do()
    assert Path("a.lexicon/edits.jsonl").read_bytes() == before
    assert load("a.lexicon").edits == lex.edits


# The ledger --------------------------------------------------------------------------------------


def test_what_is_so_already_is_no_edit(lex: Lexicon) -> None:
    for action, value in (("mute", ""), ("pin", ""), ("tag", "a"), ("weight", 2), ("rename", "b")):
        lex.edit(action, "c3", value)
        done = list(lex.edits)
        lex.edit(action, "c3", value)
        assert lex.edits == done
    lex.edit("untag", "c3", "z")
    lex.edit("unpin", "c4")
    assert len(lex.edits) == 5
    lex.edit("comment", "c3", "twice")
    lex.edit("comment", "c3", "twice")
    assert len(lex.concepts["comments"][3]) == 2


def test_a_measured_name_stays_measured_when_it_is_given_again(lex: Lexicon, x: np.ndarray) -> None:
    lex.edit("rename", "c0", "warm tea")
    measure_edits(lex, vectors=x)
    trust = lex.concepts["trust"][0]
    lex.edit("rename", "c0", "warm tea")
    assert trust is not None
    assert lex.concepts["trust"][0] == trust


def test_a_name_that_two_concepts_have_is_not_enough(lex: Lexicon) -> None:
    lex.edit("rename", "c0", "mine")
    lex.edit("rename", "c4", "mine")
    with pytest.raises(InputError, match="2 concepts are called 'mine': c0, c4; use an id"):
        lex.edit("tag", "mine", "a")
    lex.merge(["c0", "c1"], name="both")
    lex.edit("tag", "mine", "a")
    assert lex.concepts["tags"][4].to_list() == ["a"]


@pytest.mark.parametrize("said", ["two\nlines", "\x1b[2Jred", "bell\a", "nul\0"])
def test_nothing_that_steers_a_terminal_gets_into_a_name(lex: Lexicon, said: str) -> None:
    tries = (
        lambda: lex.edit("rename", "c0", said),
        lambda: lex.edit("tag", "c0", said),
        lambda: lex.merge(["c0", "c1"], name=said),
        lambda: lex.edit("mute", "c0", author=said),
    )
    for attempt in tries:
        with pytest.raises(InputError, match="control character"):
            attempt()
    assert lex.edits == []
    lex.edit("comment", "c0", "two\nlines")
    lex.edit("rename", "c0", "بطاقة 🎉 卡")
    assert lex.concepts["name"][0].endswith("卡")


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (lambda lex: lex.edit("rename", "c0", None), "'rename' needs a name, got None"),
        (lambda lex: lex.edit("rename", "c0", 5), "'rename' needs a name, got 5"),
        (lambda lex: lex.edit("weight", "c0", True), "'weight' needs a number, got True"),
        (lambda lex: lex.edit("rename", 0, "x"), "by its id or name, got 0"),
        (lambda lex: lex.merge([0, 1]), "by its id or name, got 0"),
        (lambda lex: lex.edit("mute", "f0"), "f0 is a family"),
        (lambda lex: lex.undo(count=0), "count must be at least 1 edit, got 0"),
        (
            lambda lex: lex.split("c0", examples=[["k1", "k2"], ["k2"]]),
            "k2 is an example of more than one part",
        ),
    ],
)
def test_wrong_use_is_said_in_words(lex: Lexicon, attempt, said: str) -> None:
    with pytest.raises(InputError, match=said):
        attempt(lex)
    assert lex.edits == []


def test_weights_may_be_numpy_numbers(lex: Lexicon) -> None:
    lex.edit("weight", "c0", np.float32(2.5))
    assert lex.concepts["weight"][0] == 2.5


def test_records_say_when_and_who(lex: Lexicon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMASCOPE_AUTHOR", "ann")
    lex.edit("pin", "c0")
    lex.edit("pin", "c1", author="bob")
    assert [edit.author for edit in lex.edits] == ["ann", "bob"]
    assert all(edit.time.endswith("+00:00") and len(edit.time) == 25 for edit in lex.edits)


def test_ledgers_of_old_still_load(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    old = [
        {"action": "rename", "concept": "c0", "value": "x"},
        {"action": "mute", "concept": "c1", "value": ""},
        {"action": "undo", "concept": "", "value": ""},
    ]
    Path("a.lexicon/edits.jsonl").write_text("".join(json.dumps(e) + "\n" for e in old))
    back = load("a.lexicon")
    assert back.concepts["name"][0] == "x"
    assert not back.concepts["muted"].any()
    back.edit("pin", "c2")
    assert [edit.time == "" for edit in load("a.lexicon").edits] == [True, True, True, False]


def test_damage_is_named_with_its_line(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    path = Path("a.lexicon/edits.jsonl")
    lex.edit("pin", "c1")
    lex.split("c3", 2)
    good = path.read_text()
    split = json.loads(good.splitlines()[1])

    def written(change) -> str:
        plain = json.loads(json.dumps(split))
        change(plain)
        return good.splitlines()[0] + "\n" + json.dumps(plain) + "\n"

    def flip(plain) -> None:
        text = plain["details"]["rule"]["weights"]["base64"]
        plain["details"]["rule"]["weights"]["base64"] = ("B" if text[0] == "A" else "A") + text[1:]

    for text, why in [
        (written(flip), "checksum"),
        (written(lambda p: p["details"].pop("rule")), "rule"),
        (written(lambda p: p.update(made=["e1"])), "cannot make 1"),
        (written(lambda p: p.update(made=["e1", "c0"])), "c0 exists already"),
        (written(lambda p: p.update(concept="c77")), "no concept 'c77'"),
        (written(lambda p: p.update(action="shout")), "no edit 'shout'"),
        (written(lambda p: p.update(details=3)), "'details' is no dict"),
        (written(lambda p: p.update(mood="good")), "unknown entry 'mood'"),
        (good.splitlines()[0] + "\n\n", "line 2"),
        (good.splitlines()[0] + '\n{"action": "un', "line 2"),
        (good.splitlines()[0] + '\n{"action": "undo", "details": {"edits": [7]}}', "no edit 7"),
    ]:
        path.write_text(text)
        with (
            pytest.raises(ArtifactError, match=rf"edits\.jsonl, line 2 is no edit.*{why}")
            if (why != "line 2")
            else pytest.raises(ArtifactError, match=r"edits\.jsonl, line 2")
        ):
            load("a.lexicon")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ArtifactError, match=r"edits\.jsonl is damaged"):
        load("a.lexicon")
    path.write_text(good)
    assert load("a.lexicon").edits == lex.edits


def test_two_openings_of_a_folder_keep_each_others_edits(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    one, two = load("a.lexicon"), load("a.lexicon")
    one.edit("rename", "c0", "x")
    two.edit("rename", "c1", "y")
    assert two.concepts["name"][:2].to_list() == ["x", "y"]
    one.merge(["c0", "c1"])
    with pytest.raises(InputError, match="c0 has become e1"):
        two.edit("mute", "c0")
    assert two.merge(["c2", "c3"]) == "e2"
    assert load("a.lexicon").edits == two.edits


def test_saving_over_its_own_folder_keeps_what_others_edited(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    load("a.lexicon").edit("rename", "c0", "theirs")
    lex.save("a.lexicon", overwrite=True)
    assert load("a.lexicon").concepts["name"][0] == "theirs"


def test_processes_that_edit_at_once_lose_nothing(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    script = (
        "import semascope as sc, sys\n"
        "lex = sc.load('a.lexicon')\n"
        "for i in range(10):\n"
        "    lex.edit('comment', 'c0', f'{sys.argv[1]} {i}')\n"
        "lex.merge([f'c{sys.argv[1]}', f'c{int(sys.argv[1]) + 1}'])\n"
    )

    def run(number: int) -> int:
        return subprocess.run([sys.executable, "-c", script, str(number)], check=False).returncode

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, (2, 4))) == [0, 0]
    back = load("a.lexicon")
    said = back.concepts["comments"][0].to_list()
    assert sorted(said) == sorted(f"{who} {i}" for who in (2, 4) for i in range(10))
    assert [c for c in said if c.startswith("4")] == [f"4 {i}" for i in range(10)]
    assert sorted(back.concepts["id"][M:]) == ["e1", "e2"]


def test_a_kill_in_the_middle_leaves_a_whole_ledger(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    script = (
        "import semascope as sc\n"
        "lex = sc.load('a.lexicon')\n"
        "print('ready', flush=True)\n"
        "i = 0\n"
        "while True:\n"
        "    lex.edit('comment', 'c0', f'{i}')\n"
        "    i += 1\n"
        "    print(i, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    said = 0
    with process:
        for line in process.stdout or ():
            said = int(line) if line.strip().isdigit() else 0
            if said == 25:
                process.kill()
                break
    found = load("a.lexicon").concepts["comments"][0].to_list()
    assert found == [str(i) for i in range(len(found))]
    assert len(found) >= said
    lex.path = Path("a.lexicon")
    lex.edit("pin", "c1")  # the dead process holds no lock
    assert len(load("a.lexicon").edits) == len(found) + 1


# Patches -----------------------------------------------------------------------------------------


def twin(lexicon: Lexicon) -> Lexicon:
    return dataclasses.replace(lexicon, edits=[], path=None)


def test_patches_of_several_people_come_together(lex: Lexicon) -> None:
    ann, bob = twin(lex), twin(lex)
    ann.edit("tag", ann.merge(["c0", "c1"], name="A", author="ann"), "t", author="ann")
    bob.edit("tag", bob.merge(["c2", "c3"], name="B", author="bob"), "t", author="bob")
    export_edits(ann, "ann.jsonl")
    done = apply_patch(bob, "ann.jsonl")
    assert done.renumbered == {"e1": "e2"}
    assert bob.concepts["name"][M:].to_list() == ["B", "A"]
    assert bob.concepts["tags"][M:].to_list() == [["t"], ["t"]]
    assert [edit.author for edit in bob.edits] == ["bob", "bob", "ann", "ann"]
    ann.edit("rename", "e1", "A2", author="ann")
    export_edits(ann, "ann.jsonl")
    again = apply_patch(bob, "ann.jsonl")
    assert (len(again.applied), again.known) == (1, 2)
    assert bob.concepts["name"][M:].to_list() == ["B", "A2"]


def test_conflicts_are_told_and_nothing_is_applied(lex: Lexicon) -> None:
    ann, bob = twin(lex), twin(lex)
    ann.edit("rename", "c0", "apples")
    ann.edit("pin", "c5")
    ann.edit("mute", "c1")
    bob.edit("rename", "c0", "pears")
    bob.merge(["c1", "c2"])
    export_edits(ann, "ann.jsonl")
    before = list(bob.edits)
    with pytest.raises(InputError, match=r"'pears' here and 'apples' there.*c1 has become e1"):
        apply_patch(bob, "ann.jsonl")
    assert bob.edits == before
    done = apply_patch(bob, "ann.jsonl", force=True)
    assert [edit.action for edit in done.applied] == ["rename", "pin"]
    assert len(done.conflicts) == 2
    assert bob.concepts["name"][0] == "apples"


def test_a_patch_goes_by_names_to_another_lexicon(lex: Lexicon, x: np.ndarray) -> None:
    frame, _ = data()
    other = sc.learn(
        frame, text="text", id="key", vectors=x, components=M + 2, active=3, max_rows=12_000,
        baseline=False, progress=False, seed=5,
    )  # fmt: skip
    assert fingerprint(other) != fingerprint(lex)
    shared = sorted(set(lex.concepts["name"].drop_nulls()) & set(other.concepts["name"]))
    assert len(shared) >= 2
    strange = lex.concepts.filter(pl.col("name").is_null())["id"][0]
    lex.edit("tag", shared[0], "yes")
    made = lex.merge(shared[:2], name="together")
    lex.edit("weight", made, 2)
    lex.edit("rename", strange, "mine")
    lex.add(examples=[1, 2], name="these", vectors=x)
    export_edits(lex, "p.jsonl")
    with pytest.raises(InputError, match="made for another lexicon"):
        apply_patch(other, "p.jsonl")
    done = apply_patch(other, "p.jsonl", force=True)
    assert [edit.action for edit in done.applied] == ["tag", "merge", "weight"]
    assert len(done.conflicts) == 2
    row = other.concepts.row(M + 2, named=True)
    assert (row["name"], row["weight"], row["tags"]) == ("together", 2.0, ["yes"])
    assert set(row["made_from"]) == {other.concepts["id"][other.row_of(n)] for n in shared[:2]}


def test_a_patch_brings_no_control_characters(lex: Lexicon, tmp_path: Path) -> None:
    other = dataclasses.replace(lex, edits=[])
    other.edit("rename", "c0", "plain")
    export_edits(other, tmp_path / "a.jsonl")
    text = (tmp_path / "a.jsonl").read_text().replace('"plain"', '"\\u001b[2J"')
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(InputError, match="control character"):
        apply_patch(lex, tmp_path / "a.jsonl")
    assert lex.edits == []


def test_what_is_no_patch_is_refused(lex: Lexicon) -> None:
    lex.edit("pin", "c0")
    lex.edit("pin", "c1")
    export_edits(lex, "p.jsonl")
    lines = Path("p.jsonl").read_text().splitlines(keepends=True)
    with pytest.raises(ArtifactError, match="there is no patch at none"):
        apply_patch(lex, "none.jsonl")
    for text, message in [
        ("", "no patch of edits"),
        ("hello\n", "no patch of edits"),
        ("[1]\n", "first line does not say so"),
        ("".join(lines[:-1]), "holds 2 edits, and holds 1"),
        (lines[0] + lines[1] + lines[2][:20], "line 3 is no edit"),
        (lines[0].replace('"patch": 1', '"patch": 9'), "upgrade"),
    ]:
        Path("bad.jsonl").write_text(text)
        with pytest.raises(ArtifactError, match=message):
            apply_patch(lex, "bad.jsonl")


def test_records_come_back_from_the_file_as_they_were(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    strange = "two\nlines, \u2028 a separator, \x85 and \x1c another"
    # What is refused now may stand in ledgers of old.
    edits = [Edit("comment", "c0", strange), Edit("rename", "c1", "é\r")]
    write_edits(Path("a.lexicon/edits.jsonl"), edits)
    assert read_edits(Path("a.lexicon/edits.jsonl")) == edits
    assert load("a.lexicon").concepts["comments"][0].to_list() == [strange]
