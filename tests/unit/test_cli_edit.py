"""``semascope edit``, ``log``, ``undo`` and ``redo`` as people use them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import semascope as sc
from semascope.core import Codes

SENTENCES = {
    "train": ("the train to {} was late", "my seat on the train to {} was taken"),
    "tea": ("a cup of warm tea in {}", "the tea we drank in {} was green"),
    "card": ("my bank card was stolen in {}", "please block the bank card I lost in {}"),
    "dog": ("a small dog barked at us in {}", "we walked the dog through {}"),
}
PLACES = ("Rome", "Oslo", "Lima", "Cairo", "Delhi", "Quito", "Perth", "Kyoto")
ROWS = 160

Cli = Callable[..., str]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = []
    for i in range(ROWS):
        topic = sorted(SENTENCES)[i % 4]
        sentence = SENTENCES[topic][i // 4 % 2].format(PLACES[i * 7 // 3 % 8])
        rows.append({"key": f"k{i:03}", "text": f"{sentence} case {i}"})
    out = tmp_path_factory.mktemp("learned") / "a.lexicon"
    sc.learn(
        pl.DataFrame(rows), text="text", id="key", components=10, active=2, max_rows=6000, out=out,
        baseline=False, progress=False,
    )  # fmt: skip
    return out


@pytest.fixture
def lex(learned: Path) -> Path:
    shutil.copytree(learned, "a.lexicon")
    return Path("a.lexicon")


def count(lexicon: Path, id: str) -> int:
    opened = sc.load(lexicon)
    return int((opened.codes.indices == opened.row_of(id)).sum())


def widest(lexicon: Path) -> str:
    return str(sc.load(lexicon).concepts.sort("prevalence", descending=True)["id"][0])


def test_words_about_concepts(cli: Cli, lex: Path) -> None:
    old = sc.load(lex).label(3)
    assert f"c3: '{old}' is now 'late delivery'" in cli(
        "edit", lex, "rename", "c3", "late delivery"
    )
    assert "billing" in cli("edit", lex, "tag", "late delivery", "billing")
    cli("edit", lex, "comment", "c3", "ask Kim")
    cli("edit", lex, "describe", "c3", "What comes late.")
    cli("edit", lex, "pin", "c3")
    printed = cli("show", lex, "--concept", "c3")
    for line in ("late delivery", "What comes late.", "tags      billing", "comment   ask Kim"):
        assert line in printed
    assert cli("show", lex).splitlines()[1].startswith("c3")
    only = json.loads(cli("show", lex, "--tag", "billing", "--format", "json"))
    assert [row["id"] for row in only] == ["c3"]
    assert "did you mean 'billing'" in cli("show", lex, "--tag", "biling", code=2)


def test_an_edit_that_changes_nothing_says_so(cli: Cli, lex: Path) -> None:
    cli("edit", lex, "mute", "c3")
    assert "is so already: nothing was changed" in cli("edit", lex, "mute", "c3")
    assert cli("undo", lex).splitlines() == ["undone: 1  mute c3", cli_stands(lex)]


def test_a_family_that_is_called_so_already(cli: Cli, lex: Path) -> None:
    cli("edit", lex, "rename", "f0", "travel")
    assert "is called so already" in cli("edit", lex, "rename", "f0", "travel")
    assert len(sc.load(lex).edits) == 1
    assert "1 edit since then changes concepts" in cli("show", lex)


def cli_stands(lexicon: Path) -> str:
    codes = sc.load(lexicon).codes
    return f"0 edits stand; {codes.nnz / len(codes):.2f} concepts a row"


def test_the_log_as_json_leaves_arrays_out(cli: Cli, lex: Path) -> None:
    cli("edit", lex, "rename", "c0", "one")
    cli("edit", lex, "merge", "c0", "c1", "--name", "both")
    assert "one (now e1)" in cli("show", lex, "--became", "--most", 0)
    cli("edit", lex, "add", "--examples", "k001,k002", "--name", "two")
    said = cli("log", lex, "--json")
    assert "base64" not in said
    assert len(said) < 2000
    _, merged, added = json.loads(said)
    assert merged["details"]["mix"] == {"dtype": "<f4", "shape": [2]}
    assert added["details"]["rule"]["weights"]["shape"][0] == 1


def test_weights_and_mutes_say_how_many_rows_fire(cli: Cli, lex: Path) -> None:
    id = widest(lex)
    before = count(lex, id)
    assert f"active on {before} of {ROWS} rows" in cli("edit", lex, "weight", id, "0.5")
    assert f"active on 0 of {ROWS} rows" in cli("edit", lex, "mute", id)
    assert f"active on {before} of {ROWS} rows" in cli("edit", lex, "unmute", id)
    assert "weight    0.5" in cli("show", lex, "--concept", id)


def test_merge_split_and_undo(cli: Cli, lex: Path) -> None:
    ids = sc.load(lex).concepts.sort("prevalence", descending=True)["id"][:2].to_list()
    printed = cli("edit", lex, "merge", *ids, "--name", "both", "--author", "ann")
    assert f"{', '.join(ids)} became e1" in printed
    assert f"e1  both: active on {count(lex, 'e1')} of {ROWS} rows" in printed
    printed = cli("edit", lex, "split", "both", "--into", "2")
    opened = sc.load(lex)
    assert f"e1 became e2, e3\ne2  {opened.label(opened.row_of('e2'))}: active on" in printed
    shown = json.loads(cli("show", lex, "--format", "json"))
    assert not {row["id"] for row in shown} & {*ids, "e1"}
    every = json.loads(cli("show", lex, "--format", "json", "--became"))
    assert {*ids, "e1"} <= {row["id"] for row in every}
    assert "became    e2, e3" in cli("show", lex, "--concept", "e1")
    assert "a part of e1" in cli("show", lex, "--concept", "e2")
    assert cli("show", lex)
    printed = cli("undo", lex)
    assert "split e1 -> e2, e3" in printed
    assert "1 edit stands" in printed
    assert sc.load(lex).concepts["id"].to_list()[-1] == "e1"
    assert "split e1" in cli("redo", lex)
    assert count(lex, "e2") > 0
    cli("undo", lex, "-n", "2")
    assert sc.load(lex).concepts["made_by"].is_null().all()
    assert "nothing to undo" in cli("undo", lex, code=2)
    log = json.loads(cli("log", lex, "--json"))
    assert log[0]["author"] == "ann"
    assert [row["stands"] for row in log if row["action"] in ("merge", "split")] == [False, False]
    assert "(undone)" in cli("log", lex)


def test_split_by_examples(cli: Cli, lex: Path) -> None:
    id = widest(lex)
    opened = sc.load(lex)
    rows = opened.view.column(opened.row_of(id))[0]
    keys = opened.items["key"].gather(rows).to_list()
    cli("edit", lex, "split", id, "--examples", ",".join(keys[:2]), "--examples", keys[-1],
        "--names", "first, second")  # fmt: skip
    assert sc.load(lex).concepts["name"].to_list()[-2:] == ["first", "second"]
    assert count(lex, "e1") + count(lex, "e2") == len(rows)


def test_concepts_by_phrase_and_examples(cli: Cli, lex: Path) -> None:
    printed = cli("edit", lex, "add", "--phrase", "stolen bank card")
    assert f"e1  stolen bank card: active on {count(lex, 'e1')} of {ROWS} rows" in printed
    opened = sc.load(lex)
    rows, values = opened.view.column(opened.row_of("e1"))
    assert opened.edits[-1].details["rule"]["source"] == "vectors"
    texts = opened.items["text"].gather(rows[np.argsort(-values)][:10])
    assert all("card" in text for text in texts)
    # New rows by their texts get what the stored ones have.
    again = opened.encode(opened.items["text"]).to_scipy().toarray()
    np.testing.assert_allclose(again, opened.codes.to_scipy().toarray(), atol=1e-5)
    found = json.loads(cli("find", lex, "stolen bank card", "--json"))
    assert found["concepts"][0]["concept"] == "e1"
    assert found["concepts"][0]["similarity"] == pytest.approx(1, abs=1e-4)
    dogs = opened.items.filter(pl.col("text").str.contains("dog"))["key"][:6].to_list()
    cli("edit", lex, "add", "--examples", ",".join(dogs), "--name", "pets")
    opened = sc.load(lex)
    rows, _ = opened.view.column(opened.row_of("pets"))
    assert opened.items["text"].gather(rows).str.contains("dog").mean() > 0.9


def test_measure_a_new_name(cli: Cli, lex: Path) -> None:
    id = widest(lex)
    assert f"verify {id}" in cli("edit", lex, "rename", id, "something else entirely")
    assert f"{id}  something else entirely: trust" in cli("edit", lex, "verify")
    assert "no name waits" in cli("edit", lex, "verify")
    assert "measure" in cli("log", lex)
    assert sc.load(lex).concepts.filter(id=id)["trust"][0] is not None


def test_patches(cli: Cli, lex: Path, learned: Path) -> None:
    cli("edit", lex, "rename", "c1", "mine")
    cli("edit", lex, "merge", "c2", "c3")
    assert "2 edits: p.jsonl" in cli("log", lex, "--export", "p.jsonl")
    assert "exists" in cli("log", lex, "--export", "p.jsonl", code=2)
    shutil.copytree(learned, "b.lexicon")
    assert "2 edits applied" in cli("edit", "b.lexicon", "--patch", "p.jsonl")
    assert sc.load("b.lexicon").edits == sc.load(lex).edits
    assert "0 edits applied, 2 were here" in cli("edit", "b.lexicon", "--patch", "p.jsonl")
    shutil.copytree(learned, "c.lexicon")
    cli("edit", "c.lexicon", "rename", "c1", "theirs")
    assert "'theirs' here and 'mine' there" in cli(
        "edit", "c.lexicon", "--patch", "p.jsonl", code=2
    )
    assert "conflict: " in cli("edit", "c.lexicon", "--patch", "p.jsonl", "--force")
    assert sc.load("c.lexicon").concepts["name"][1] == "mine"


@pytest.mark.parametrize("end", ["safetensors", "npz", "parquet"])
def test_encode_writes_edited_codes(cli: Cli, lex: Path, end: str) -> None:
    cli("edit", lex, "merge", "c0", "c1", "--name", "both")
    cli("edit", lex, "weight", "c2", "3")
    opened = sc.load(lex)
    x = np.random.default_rng(0).standard_normal((40, opened.info["d"])).astype(np.float32)
    np.save("x.npy", x)
    cli("encode", lex, "x.npy", "--out", f"x.{end}")
    wanted = opened.encode(x).to_scipy().toarray()
    if end == "safetensors":
        assert np.array_equal(Codes.load("x.safetensors").to_scipy().toarray(), wanted)
    elif end == "parquet":
        long = pl.read_parquet("x.parquet")
        assert "e1" in long["concept"]
        assert long["activation"].sum() == pytest.approx(wanted.sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "say what to do"),
        (("renam", "c3", "x"), "did you mean 'rename'"),
        (("rename", "c3"), "'rename' takes a concept and a name"),
        (("rename", "c3", "late", "delivery"), "in quotes"),
        (("mute", "c3", "x"), "'mute' takes a concept"),
        (("mute", "c99"), "no concept 'c99'"),
        (("merge", "c3"), "use: semascope edit LEXICON merge"),
        (("split",), "use: semascope edit LEXICON split"),
        (("split", "c3", "--phrase", "x"), "--phrase has nothing to do with 'split'"),
        (("add",), "by a phrase or by examples"),
        (("add", "--examples", "k000"), "needs a name"),
        (("add", "--examples", "zzz", "--name", "x"), "no item with key 'zzz'"),
        (("weight", "c3", "much"), "number from 0"),
        (("undo",), "semascope undo LEXICON"),
        (("mute", "c3", "--patch", "p.jsonl"), "leave the action out"),
        (("--patch", "none.jsonl"), "there is no patch at none.jsonl"),
        (("merge", "c2", "c3", "--how", "mean"), "--how must be"),
    ],
)
def test_wrong_use_is_one_clear_line(cli: Cli, lex: Path, words, message: str) -> None:
    before = (lex / "edits.jsonl").read_bytes()
    error = cli("edit", lex, *words, code=2)
    assert message in error
    assert error.count("\n") == 1
    assert (lex / "edits.jsonl").read_bytes() == before


def test_log_of_an_unedited_lexicon(cli: Cli, lex: Path) -> None:
    assert "nobody" in cli("log", lex)
    assert json.loads(cli("log", lex, "--json")) == []
