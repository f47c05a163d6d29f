"""The lexicon: evidence against brute force, stable ids, edits, folders whole or absent."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import semascope as sc
from semascope.core import ArtifactError, Codes, InputError, write_checksums
from semascope.discover import Dictionary
from semascope.lexicon import (
    EDITED,
    SCHEMA,
    SCHEMA_VERSION,
    Contrast,
    Edit,
    Lexicon,
    check_edit,
    contrasts,
    describe_latents,
    load,
    match_concepts,
    replay,
    split_rows,
)
from semascope.measure import VERDICTS, decide
from semascope.search import find
from semascope.vectors import as_source

TOPICS = ("late train", "warm tea", "red car", "small dog")


def topical(n: int = 480, d: int = 10) -> tuple[pl.DataFrame, np.ndarray]:
    """Texts about one of four topics each, and vectors that point where the topic does."""
    random = np.random.default_rng(0)
    centres = np.linalg.qr(random.standard_normal((d, d)))[0][:4]
    topic = random.integers(0, 4, n)
    vectors = centres[topic] * random.uniform(0.8, 1.6, (n, 1))
    vectors += 0.08 * random.standard_normal((n, d))
    texts = [f"the {TOPICS[t]} was number {i}" for i, t in enumerate(topic)]
    frame = pl.DataFrame({"key": [f"k{i}" for i in range(n)], "text": texts})
    return frame, vectors.astype(np.float32)


@pytest.fixture(scope="module")
def learned() -> Lexicon:
    frame, vectors = topical()
    return sc.learn(
        frame, text="text", id="key", vectors=vectors, components=12, active=2, max_rows=12_000,
        baseline=False, progress=False,
    )  # fmt: skip


@pytest.fixture
def lex(learned: Lexicon) -> Lexicon:
    """The same lexicon, without the edits of other tests."""
    return dataclasses.replace(learned, edits=[], path=None)


# Evidence ----------------------------------------------------------------------------------------


def dictionary(random: np.random.Generator, m: int, d: int, k: int) -> Dictionary:
    atoms = random.standard_normal((m, d)).astype(np.float32)
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    shift = 0.3 * random.standard_normal(m).astype(np.float32)
    return Dictionary(atoms, shift, atoms, np.zeros(d, dtype=np.float32), n_active=k)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 120),
    m=st.integers(1, 8),
    most=st.integers(1, 40),
    share=st.floats(0.2, 1),
)
def test_contrasts_against_brute_force(seed, n, m, most, share) -> None:
    random = np.random.default_rng(seed)
    model = dictionary(random, m, 5, min(2, m))
    x = random.standard_normal((n, 5)).astype(np.float32)
    rows = np.flatnonzero(random.random(n) < share)
    if not len(rows):
        return
    codes = model.encode(x)
    full, pre = codes.to_scipy().toarray(), x @ model.encoder.T + model.encoder_bias
    drawn = contrasts(model, codes, as_source(x), rows, most=most, seed=seed)
    assert len(drawn) == m
    for j, c in enumerate(drawn):
        everything = np.concatenate([c.active, c.inactive])
        assert len(set(everything.tolist())) == len(everything)
        assert set(everything.tolist()) <= set(rows.tolist())
        assert (full[c.active, j] > 0).all()
        assert (full[c.inactive, j] == 0).all()
        np.testing.assert_array_equal(c.activations, full[c.active, j])
        assert (np.diff(c.activations) <= 0).all()
        active = rows[full[rows, j] > 0]
        if not len(active):
            assert len(everything) == 0
            continue
        assert len(c.active) == min(most, len(active))
        # The strongest row speaks, and if there is room for two, so does the weakest.
        assert c.activations[0] == full[active, j].max()
        if most > 1:
            assert c.activations[-1] == full[active, j].min()
        silent = rows[full[rows, j] == 0]
        half = max(1, most // 2)
        wanted = np.sort(pre[silent, j])[::-1][:half]
        np.testing.assert_allclose(pre[c.near, j], wanted, atol=1e-5)
        assert len(c.other) == min(half, len(silent) - len(c.near))


def test_contrasts_repeat_with_their_seed_only() -> None:
    random = np.random.default_rng(0)
    model, x = dictionary(random, 4, 5, 1), random.standard_normal((400, 5))
    codes, rows = model.encode(x), np.arange(400)
    one, same, other = (
        contrasts(model, codes, as_source(x), rows, most=20, seed=s)[0].other for s in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_split_rows_are_a_seeded_sample() -> None:
    splits = (np.arange(300) % 3).astype(np.uint8)
    assert split_rows(splits, "verify").tolist() == list(range(2, 300, 3))
    some = split_rows(splits, "verify", most=10)
    assert len(some) == 10
    assert (np.diff(some) > 0).all()
    assert (splits[some] == 2).all()
    assert np.array_equal(some, split_rows(splits, "verify", most=10))
    assert not np.array_equal(some, split_rows(splits, "verify", most=10, seed=1))


def test_describe_latents_against_dense_numbers() -> None:
    random = np.random.default_rng(2)
    full = np.maximum(random.standard_normal((200, 7)), 0).astype(np.float32)
    full[:, 3] = 0  # a dead latent
    atoms = random.standard_normal((7, 5)).astype(np.float32)
    none = np.zeros(0, dtype=np.int64)
    drawn = []
    for j in range(7):
        order = np.argsort(-full[:, j], kind="stable")
        order = order[full[order, j] > 0]
        near = np.flatnonzero(full[:, j] == 0)[:15]
        drawn.append(Contrast(order, full[order, j], near if len(order) else none, none))
    ids = [f"c{j}" for j in range(7)]
    table = describe_latents(Codes.from_scipy(full), atoms, drawn, ids)
    assert dict(table.schema) == {name: pl.Schema(SCHEMA)[name] for name in SCHEMA}
    unit = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    for j, row in enumerate(table.iter_rows(named=True)):
        column = full[:, j]
        on = column > 0
        assert row["id"] == ids[j]
        assert row["prevalence"] == pytest.approx(on.mean())
        cosine = np.where(np.arange(7) == j, -np.inf, unit @ unit[j])
        assert row["similar"] == np.argsort(-cosine)[:5].tolist()
        assert not row["muted"]
        assert not row["pinned"]
        if j == 3:
            assert row["mean_activation"] is row["max_activation"] is row["exemplar"] is None
            assert row["top"] == row["bands"] == row["coactive"] == []
            assert sum(row["histogram"]) == 0
            continue
        assert row["mean_activation"] == pytest.approx(column[on].mean(), rel=1e-5)
        assert row["max_activation"] == column.max()
        assert row["exemplar"] == column.argmax()
        assert row["top"] == drawn[j].active[:10].tolist()
        assert row["near_misses"] == drawn[j].near[:10].tolist()
        wanted = np.histogram(column[on], bins=20, range=(0, column.max()))[0]
        # A value on the edge of two bins may fall to either side.
        assert sum(row["histogram"]) == on.sum()
        assert np.abs(np.array(row["histogram"]) - wanted).sum() <= 2
        jaccard = {
            i: (on & (full[:, i] > 0)).sum() / (on | (full[:, i] > 0)).sum()
            for i in range(7)
            if i not in (j, 3)
        }
        best = sorted(jaccard, key=lambda i: (-jaccard[i], i))[: len(row["coactive"])]
        assert row["coactive"] == best
        assert len(best) >= 4
        means = [column[band].mean() for band in row["bands"] if band]
        assert means == sorted(means, reverse=True)
        assert len(row["bands"]) == 4


# Stable ids --------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(1, 20))
def test_permuted_atoms_keep_their_ids(seed: int, m: int) -> None:
    random = np.random.default_rng(seed)
    atoms = np.linalg.qr(random.standard_normal((24, 24)))[0][:m]
    ids = [f"c{j}" for j in range(m)]
    order = random.permutation(m)
    moved = atoms[order] + 0.05 * random.standard_normal((m, 24))
    matching = match_concepts(atoms, ids, moved)
    assert matching.ids == [f"c{j}" for j in order]
    assert set(matching.fate.values()) == {"kept"}


def test_fates_of_concepts() -> None:
    e = np.eye(8)
    old = np.stack([e[0], e[1], e[2], e[3] + 0.3 * e[6], e[3] - 0.3 * e[6]])
    ids = ["c0", "c4", "c7", "c8", "c9"]
    new = np.stack([e[0], e[1] + 0.2 * e[4], e[1] - 0.3 * e[4], e[3], e[5]])
    found = match_concepts(old, ids, new)
    assert found.ids[:2] == ["c0", "c4"]
    assert found.ids[3] in {"c8", "c9"}
    merged = ({"c8", "c9"} - {found.ids[3]}).pop()
    fresh = [i for i in found.ids if i not in ids]
    assert fresh == ["c10", "c11"]  # never an id that was used before
    assert found.fate == {
        "c0": "kept",
        "c4": "split",
        "c10": "split",
        found.ids[3]: "kept",
        merged: "merged",
        "c7": "lost",
        "c11": "new",
    }


# Edits -------------------------------------------------------------------------------------------

edits = st.lists(
    st.one_of(
        st.builds(
            Edit,
            st.sampled_from(["mute", "unmute", "pin", "unpin"]),
            st.sampled_from(["c0", "c1", "c2"]),
        ),
        st.builds(
            Edit,
            st.just("rename"),
            st.sampled_from(["c0", "c1", "c2"]),
            st.text(min_size=1).filter(str.strip),
        ),
    ),
    max_size=8,
)


def three() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": ["c0", "c1", "c2"],
            "name": ["a", None, "b"],
            "muted": [False] * 3,
            "pinned": [False] * 3,
        }
    )


@given(edits, st.integers(0, 10))
def test_undo_takes_back_the_latest_edits(done: list[Edit], undone: int) -> None:
    both = replay(three(), [*done, *[Edit("undo")] * undone])
    assert both.equals(replay(three(), done[: max(0, len(done) - undone)]))


@given(edits)
def test_replay_is_one_edit_after_the_other(done: list[Edit]) -> None:
    table = three()
    for edit in done:
        row = {"rename": ("name", edit.value), "mute": ("muted", True), "unmute": ("muted", False),
               "pin": ("pinned", True), "unpin": ("pinned", False)}[edit.action]  # fmt: skip
        here = pl.col("id") == edit.concept
        table = table.with_columns(
            pl.when(here).then(pl.lit(row[1])).otherwise(pl.col(row[0])).alias(row[0])
        )
    assert replay(three(), done).select(table.columns).equals(table)


def test_edits_that_cannot_be_are_refused() -> None:
    ids = ["c0", "c1"]
    with pytest.raises(InputError, match=r"no edit 'renam'.*did you mean 'rename'"):
        check_edit(Edit("renam", "c0", "x"), ids)
    with pytest.raises(InputError, match="no concept 'c9'"):
        check_edit(Edit("mute", "c9"), ids)
    with pytest.raises(InputError, match="cannot be renamed to an empty name"):
        check_edit(Edit("rename", "c0", "  "), ids)
    assert check_edit(Edit("undo"), ids).action == "undo"


def test_edits_live_in_the_folder_and_can_be_undone(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    before = lex.concepts
    lex.edit("rename", "c3", "späte Züge")
    lex.edit("mute", "späte Züge")
    assert load("a.lexicon").concepts.equals(lex.concepts)
    row = load("a.lexicon").concepts.row(3, named=True)
    assert (row["name"], row["muted"]) == ("späte Züge", True)
    lex.edit("undo")
    assert load("a.lexicon").concepts["muted"].sum() == 0
    lex.edit("undo")
    assert load("a.lexicon").concepts.equals(before)
    with pytest.raises(InputError, match="no concept 'späte Züge'"):
        lex.edit("mute", "späte Züge")
    assert len(load("a.lexicon").edits) == 4


def test_muted_concepts_stay_silent(lex: Lexicon) -> None:
    _, x = topical()
    before = lex.encode(x).to_scipy().toarray()
    loudest = int((before > 0).sum(0).argmax())
    lex.edit("mute", f"c{loudest}")
    after = lex.encode(x).to_scipy().toarray()
    assert before[:, loudest].any()
    assert not after[:, loudest].any()
    rest = np.arange(12) != loudest
    assert np.array_equal(after[:, rest], before[:, rest])
    lex.edit("unmute", f"c{loudest}")
    assert np.array_equal(lex.encode(x).to_scipy().toarray(), before)


# What a lexicon tells ----------------------------------------------------------------------------


def test_codes_are_those_of_the_vectors(lex: Lexicon) -> None:
    _, x = topical()
    full = lex.codes.to_scipy().toarray()
    np.testing.assert_allclose(lex.encode(x).to_scipy().toarray(), full, rtol=1e-5)
    np.testing.assert_allclose(lex.decode(full), full @ lex.atoms + lex.dictionary.bias, atol=1e-5)


def test_shares_of_an_item_follow_their_formula(lex: Lexicon) -> None:
    full = lex.codes.to_scipy().toarray().astype(np.float64)
    for i in range(0, 480, 7):
        table = lex.explain_item(i)
        whole = full[i] @ lex.atoms
        shares = full[i] * (lex.atoms @ whole) / (whole @ whole)
        assert table["share"].sum() == pytest.approx(1, abs=1e-5)
        assert table["share"].is_sorted(descending=True)
        for row in table.iter_rows(named=True):
            j = lex.row_of(row["concept"])
            assert row["share"] == pytest.approx(shares[j], abs=1e-5)
            assert row["activation"] == pytest.approx(full[i, j])
        assert len(table) == (full[i] > 0).sum()
    assert lex.explain_item("k5").equals(lex.explain_item(5))
    assert lex.explain_item(-1).equals(lex.explain_item(479))


def test_items_and_concepts_that_do_not_exist(lex: Lexicon) -> None:
    with pytest.raises(InputError, match="no item with key 'k999'"):
        lex.explain_item("k999")
    with pytest.raises(InputError, match=r"row 480 is outside 0\.\.479"):
        lex.explain_item(480)
    with pytest.raises(InputError, match="no concept 'c99'"):
        lex.row_of("c99")
    with pytest.raises(InputError, match="pass a list of texts"):
        lex.encode("a text")
    with pytest.raises(InputError, match="no encoder"):
        lex.encode(["a text"])


def test_planted_topics_have_trusted_names(lex: Lexicon) -> None:
    words = {w for topic in TOPICS for w in topic.split()}
    named = lex.concepts.filter(pl.col("status") == "named")
    assert len(named) >= 3
    assert named["name"].n_unique() == len(named)
    assert all(set(name.split()) & words for name in named["name"])
    assert named["trust"].max() > 0.95
    assert lex.concepts.schema == pl.Schema({**SCHEMA, **EDITED})


def test_repr_shows_the_names(lex: Lexicon) -> None:
    best = lex.concepts.drop_nulls("trust").sort("trust", "id", descending=[True, False])["name"][0]
    assert repr(lex).startswith("Lexicon of 12 concepts (")
    assert "on 480 items" in repr(lex)
    assert best in repr(lex)
    assert best in lex._repr_html_()
    concept = lex.concepts.filter(pl.col("name") == best)["id"][0]
    lex.edit("rename", concept, "my own name")
    assert "my own name" in repr(lex)
    assert "my own name" in lex._repr_html_()


def test_find_by_words_without_an_encoder(lex: Lexicon) -> None:
    name = str(lex.concepts.drop_nulls("trust").sort("trust", descending=True)["name"][0])
    topic = next(t for t in TOPICS if set(t.split()) & set(name.split()))
    found = find(lex, name, most=7)
    assert found.concepts["name"][0] == name
    assert len(found.items) == 7
    assert all(topic in text for text in found.items["text"])
    assert found.items["score"].is_sorted(descending=True)
    for row in found.items.iter_rows(named=True):
        shares = [part["share"] for part in row["because"]]
        assert 0 < sum(shares) <= 1 + 1e-6
        assert shares == sorted(shares, reverse=True)
        assert row["key"] == f"k{row['row']}"
        codes = lex.codes[row["row"]]
        assert {lex.row_of(p["concept"]) for p in row["because"]} <= set(codes.indices.tolist())
    with pytest.raises(InputError, match="shares a word with 'zebra'"):
        find(lex, "zebra")
    with pytest.raises(InputError, match="empty"):
        find(lex, "  ")
    lex.edit("mute", name)
    again = find(lex, name)
    assert name not in again.concepts["name"].to_list()
    for because in again.items["because"]:
        assert name not in [part["name"] for part in because]


# The folder --------------------------------------------------------------------------------------


def test_folder_holds_everything(lex: Lexicon) -> None:
    lex.edit("pin", "c1")
    lex.save("a.lexicon")
    back = load("a.lexicon")
    assert back.base.equals(lex.base)
    assert back.concepts.equals(lex.concepts)
    assert back.items.equals(lex.items)
    assert back.edits == lex.edits
    assert back.info == lex.info | {"schema": SCHEMA_VERSION}
    assert np.array_equal(back.splits, lex.splits)
    assert np.array_equal(back.name_vectors, lex.name_vectors)
    assert np.array_equal(back.codes.to_scipy().toarray(), lex.codes.to_scipy().toarray())
    assert np.array_equal(back.atoms, lex.atoms)
    assert repr(back) == repr(lex)
    readme = Path("a.lexicon/README.md").read_text(encoding="utf-8")
    assert readme.startswith("# a.lexicon\n")
    for name in back.concepts["name"].drop_nulls():
        assert name in readme


FILES = (
    "README.md",
    "codes.safetensors",
    "concepts.parquet",
    "dictionary.safetensors",
    "families.parquet",
    "items.parquet",
    "lexicon.json",
    "names.safetensors",
    "splits.safetensors",
)


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_named(lex: Lexicon, name: str) -> None:
    lex.save("a.lexicon")
    path = Path("a.lexicon") / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    with pytest.raises(ArtifactError, match=name):
        load("a.lexicon")
    place = len(whole) // 2
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(ArtifactError, match=name):
        load("a.lexicon")
    path.unlink()
    with pytest.raises(ArtifactError, match=name):
        load("a.lexicon")
    path.write_bytes(whole)
    assert load("a.lexicon").base.equals(lex.base)


def test_list_of_files_above_is_complete(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    found = {p.name for p in Path("a.lexicon").iterdir()}
    assert found == {*FILES, "checksums.json", "edits.jsonl"}


@pytest.mark.parametrize("verify", [True, False])
def test_truncated_files_are_found_without_reading_them(lex: Lexicon, verify: bool) -> None:
    lex.save("a.lexicon")
    path = Path("a.lexicon/codes.safetensors")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ArtifactError, match=r"codes\.safetensors has \d+ bytes instead of"):
        load("a.lexicon", verify=verify)


def test_broken_ledger_is_named_with_its_line(lex: Lexicon) -> None:
    lex.edit("pin", "c1")
    lex.save("a.lexicon")
    with Path("a.lexicon/edits.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"action": "mu')
    with pytest.raises(ArtifactError, match=r"edits\.jsonl, line 2 is no edit"):
        load("a.lexicon")


def test_edits_that_cannot_be_in_the_ledger_are_refused(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    line = {"action": "mute", "concept": "c99", "value": ""}
    Path("a.lexicon/edits.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"edits\.jsonl, line 1.*c99"):
        load("a.lexicon")
    text = json.dumps(line | {"action": "shout", "concept": "c0"})
    Path("a.lexicon/edits.jsonl").write_text(text + "\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"edits\.jsonl, line 1.*no edit 'shout'"):
        load("a.lexicon")


def test_lexicon_of_the_first_schema_opens_without_what_came_later(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    folder = Path("a.lexicon")
    later = ["description", "named_by", "p", "q", "verdict", "threshold"]
    lex.base.drop(later).write_parquet(folder / "concepts.parquet")
    info = json.loads((folder / "lexicon.json").read_text(encoding="utf-8"))
    (folder / "lexicon.json").write_text(json.dumps(info | {"schema": 1}), encoding="utf-8")
    (folder / "edits.jsonl").unlink()
    write_checksums(folder)
    back = load(folder)
    assert back.base.columns == list(SCHEMA)
    assert back.base.select(later).null_count().row(0) == (len(back.base),) * len(later)
    assert back.base.drop(later).equals(lex.base.drop(later))
    assert repr(back) == repr(lex)
    back.save("b.lexicon")
    assert load("b.lexicon").info["schema"] == SCHEMA_VERSION


def test_verdicts_are_those_of_the_table(lex: Lexicon) -> None:
    named = lex.concepts.filter(pl.col("trust").is_not_null())
    assert named["verdict"].is_in(VERDICTS).all()
    assert lex.concepts.filter(pl.col("trust").is_null())["verdict"].null_count() == len(
        lex.concepts
    ) - len(named)
    assert (named["q"] >= named["p"]).all()
    counts = {v: int((named["verdict"] == v).sum()) for v in VERDICTS}
    assert counts == {v: lex.info["metrics"][v]["value"] for v in VERDICTS}
    assert decide(lex.base).equals(lex.base)


def test_newer_schema_is_refused(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    path = Path("a.lexicon/lexicon.json")
    info = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(info | {"schema": SCHEMA_VERSION + 1}), encoding="utf-8")
    with pytest.raises(ArtifactError, match=rf"schema {SCHEMA_VERSION + 1}.*upgrade"):
        load("a.lexicon")
    del info["schema"]
    path.write_text(json.dumps(info), encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"lexicon\.json states no schema"):
        load("a.lexicon")


def test_what_is_no_lexicon_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"no lexicon at nothing\.lexicon"):
        load("nothing.lexicon")
    Path("folder").mkdir()
    with pytest.raises(ArtifactError, match=r"folder is not a lexicon: it has no lexicon\.json"):
        load("folder")


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_saving_over_something_is_refused(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    before = snapshot(Path())
    other = dataclasses.replace(lex, edits=[Edit("mute", "c0")])
    with pytest.raises(ArtifactError, match=r"a\.lexicon exists"):
        other.save("a.lexicon")
    assert snapshot(Path()) == before
    other.save("a.lexicon", overwrite=True)
    assert load("a.lexicon").edits == other.edits
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(ArtifactError, match="mine exists and is not a lexicon"):
        lex.save("mine", overwrite=True)
    assert Path("mine/thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_failed_save_leaves_nothing_behind(lex: Lexicon) -> None:
    # The card is written after all the large files, and stumbles over what is no number.
    broken = dataclasses.replace(lex, info=lex.info | {"metrics": {"x": {"value": "much"}}})
    with pytest.raises((KeyError, ValueError, TypeError)):
        broken.save("a.lexicon")
    assert list(Path().iterdir()) == []
    assert broken.path is None
    lex.save("a.lexicon")
    before = snapshot(Path())
    with pytest.raises((KeyError, ValueError, TypeError)):
        broken.save("a.lexicon", overwrite=True)
    assert snapshot(Path()) == before


def test_same_seed_gives_the_same_bytes(learned: Lexicon) -> None:
    _, vectors = topical()
    for name in ("a.lexicon", "b.lexicon"):
        sc.learn(vectors=vectors, components=12, active=2, max_rows=2000, out=name, progress=False)
    same = ("codes.safetensors", "concepts.parquet", "dictionary.safetensors", "items.parquet")
    for name in same:
        assert Path("a.lexicon", name).read_bytes() == Path("b.lexicon", name).read_bytes()
    assert len(load("a.lexicon").codes) == len(learned.codes)
