"""Families of a lexicon: planted groups are found, named and verified; edits are followed."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from semascope.cli import main
from semascope.core import InputError
from semascope.discover import Dictionary
from semascope.lexicon import FAMILIES, ByWords, Lexicon, describe_latents, edited_families, load
from semascope.pipeline import measure_edits
from semascope.pipeline.assemble import with_names
from semascope.pipeline.families import find_families
from semascope.pipeline.naming import Material, name_and_verify
from semascope.vectors import as_source

GROUPS = {
    "travel": ("train", "ferry", "flight"),
    "food": ("soup", "bread", "cheese"),
    "music": ("violin", "drum", "flute"),
}
KINDS = [(group, kind) for group, own in GROUPS.items() for kind in own]
FILLER = tuple(f"{a}{b}" for a in "bdfgklmnprst" for b in ("ala", "elo", "iru", "onu", "uri"))
IDS = [f"c{j}" for j in range(len(KINDS))]


def planted(*, shuffled: bool = False, each: int = 120) -> Lexicon:
    """Texts that say their group and their kind, vectors that point to both, a latent a kind."""
    random = np.random.default_rng(0)
    m, g = len(KINDS), len(GROUPS)
    directions = np.zeros((m, m + g), dtype=np.float32)
    for j, (group, _) in enumerate(KINDS):
        directions[j, [j, m + list(GROUPS).index(group)]] = 1
    directions /= np.sqrt(2)
    kind = random.permutation(np.repeat(np.arange(m), each))
    texts = [" ".join(random.permutation([*KINDS[k], *random.choice(FILLER, 3)])) for k in kind]
    if shuffled:
        texts = [texts[i] for i in random.permutation(len(texts))]
    x = directions[kind] * random.uniform(0.8, 1.4, (len(kind), 1)).astype(np.float32)
    dictionary = Dictionary(
        directions, np.zeros(m, dtype=np.float32), directions,
        np.zeros(m + g, dtype=np.float32), n_active=1,
    )  # fmt: skip
    items = pl.DataFrame({"id": [f"r{i}" for i in range(len(x))], "text": texts})
    splits = np.array([0, 1, 2, 1, 2], dtype=np.uint8)[np.arange(len(x)) % 5]
    rows = {s: np.flatnonzero(splits == i) for i, s in enumerate(("discover", "name", "verify"))}
    material = Material(as_source(x), items, rows, "text", ByWords(items["text"]), ["id"])
    codes = dictionary.encode(x)
    drawn = material.contrasts(dictionary, codes, "name")
    table = describe_latents(codes, dictionary.atoms, drawn, IDS)
    table = with_names(table, *name_and_verify(material, dictionary, codes, drawn))
    families = find_families(material, dictionary, codes, table, sizes=(3,))
    again = find_families(material, dictionary, codes, table, sizes=(3,))
    assert families.equals(again)
    return Lexicon(
        dictionary, table, codes, items, splits, np.zeros((m, m + g), dtype=np.float32),
        {"text": "text", "id": "id", "n": len(x), "d": m + g, "metrics": {}, "encoder": None},
        base_families=families,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Lexicon:
    return planted()


@pytest.fixture
def lex(made: Lexicon) -> Lexicon:
    """The same lexicon, without the edits of other tests."""
    return dataclasses.replace(made, edits=[], path=None)


def groups(lexicon: Lexicon) -> dict[str, list[str]]:
    return dict(lexicon.families.select("name", "members").iter_rows())


def test_planted_groups_are_found_named_and_verified(lex: Lexicon) -> None:
    families = lex.families
    assert groups(lex) == {g: IDS[3 * i : 3 * i + 3] for i, g in enumerate(GROUPS)}
    assert families["trust"].to_list() == [1.0] * len(GROUPS)
    assert families["verdict"].to_list() == ["trusted"] * len(GROUPS)
    np.testing.assert_allclose(families["prevalence"].to_numpy(), 1 / len(GROUPS))
    names = dict(zip(lex.concepts["id"], lex.concepts["name"], strict=True))
    for row in families.iter_rows(named=True):
        assert row["names"] == [names[id] for id in row["members"]]
        # Names of concepts say what is theirs alone; nothing is left that differs.
        assert row["differences"] == []


def test_what_texts_do_not_say_gives_no_name(lex: Lexicon) -> None:
    """Groups of vectors whose texts were shuffled: there is nothing to say about them."""
    families = planted(shuffled=True).families
    assert families["members"].to_list() == lex.families["members"].to_list()
    assert families["name"].null_count() == families["trust"].null_count() == len(families)
    assert families["differences"].list.len().sum() == 0


def test_families_survive_saving(lex: Lexicon) -> None:
    lex.save("a.lexicon")
    assert load("a.lexicon").families.equals(lex.families)
    card = Path("a.lexicon/README.md").read_text(encoding="utf-8")
    assert all(f"**{name}**" in card for name in GROUPS)


@pytest.mark.parametrize("schema", [1, 2])
def test_a_lexicon_from_before_families_has_none(lex: Lexicon, schema: int) -> None:
    lex.save("a.lexicon")
    folder = Path("a.lexicon")
    (folder / "families.parquet").unlink()
    sums = json.loads((folder / "checksums.json").read_text())
    del sums["families.parquet"], sums["lexicon.json"]
    info = json.loads((folder / "lexicon.json").read_text()) | {"schema": schema}
    (folder / "lexicon.json").write_text(json.dumps(info))
    (folder / "checksums.json").write_text(json.dumps(sums))
    old = load(folder)
    assert len(old.families) == 0
    assert old.families.columns == lex.families.columns
    old.save("b.lexicon")
    assert len(load("b.lexicon").families) == 0


def test_renamed_concepts_show_their_present_names(lex: Lexicon) -> None:
    lex.edit("rename", "c1", "boats")
    assert lex.families["names"].list.contains("boats").to_list() == [True, False, False]


def test_merged_and_split_concepts_are_followed(lex: Lexicon) -> None:
    before = lex.families
    merged = lex.merge(["c0", "c1"], name="land and sea")
    assert groups(lex)["travel"] == ["c2", merged]
    parts = lex.split("c3", 2)
    assert groups(lex)["food"] == ["c4", "c5", *parts]
    # The same rows show a member as before.
    assert sorted(lex.families["prevalence"]) == sorted(before["prevalence"])
    whole = lex.merge([merged, "c2"])
    assert list(groups(lex)) == ["food", "music"]
    mixed = lex.merge([whole, "c6"])
    assert groups(lex)["music"] == ["c7", "c8"]
    assert mixed not in lex.families["members"].explode().to_list()
    lex.undo(count=4)
    assert lex.families.equals(before)


def test_a_merge_over_families_belongs_where_most_of_it_does(lex: Lexicon) -> None:
    one = lex.merge(["c0", "c3", "c4"])
    assert groups(lex)["food"] == ["c5", one]
    assert groups(lex)["travel"] == ["c1", "c2"]


def test_muted_concepts_stay_members_and_bring_no_rows(lex: Lexicon) -> None:
    lex.edit("mute", "c0")
    assert groups(lex)["travel"] == ["c0", "c1", "c2"]
    assert lex.families["prevalence"][0] == pytest.approx(2 / len(KINDS))


def test_a_difference_goes_when_the_name_says_it(lex: Lexicon) -> None:
    row = {"id": "f0", "members": ["c0", "c1"],
           "differences": [{"concept": "c0", "name": "late trains"}]}  # fmt: skip
    base = pl.DataFrame([row], schema=FAMILIES)
    for name, left in (("trains", 1), ("trains that are late", 0)):
        lex.edit("rename", "c0", name)
        assert len(edited_families(base, lex.concepts, lex.codes)["differences"][0]) == left


def test_nested_families_collapse_with_their_members(lex: Lexicon) -> None:
    rows = [
        {"id": "f0", "members": ["c0", "c1", "c2"], "differences": []},
        {"id": "f1", "parent": "f0", "members": ["c0", "c1"], "differences": []},
    ]
    lex.base_families = pl.DataFrame(rows, schema=FAMILIES)
    assert lex.families["parent"].to_list() == [None, "f0"]
    id = lex.merge(["c0", "c1"])
    assert lex.families["members"].to_list() == [["c2", id]]
    lex.undo()
    lex.merge(["c0", "c2"])
    # A sub-family of one is gone; so is one with all members of its parent.
    assert lex.families["id"].to_list() == ["f0"]


# Command line ------------------------------------------------------------------------------------


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    monkeypatch.setattr(sys, "argv", ["semascope", "show", "a.lexicon", "--families", *more])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    return capsys.readouterr().out


def test_show_families(
    lex: Lexicon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lex.edit("rename", "c8", "recorders")
    lex.save("a.lexicon")
    out = shown(monkeypatch, capsys)
    for group in GROUPS:
        assert f"{group}  3 concepts, 33.3 % of rows  1.00" in out
    assert out.index("music") < out.index("recorders")
    found = json.loads(shown(monkeypatch, capsys, "--format", "json"))
    assert [f["name"] for f in found] == lex.families["name"].to_list()
    assert [m["id"] for f in found for m in f["members"]] == IDS
    lex.base_families = pl.DataFrame(schema=FAMILIES)
    lex.save("a.lexicon", overwrite=True)
    assert "no families" in shown(monkeypatch, capsys)
    assert json.loads(shown(monkeypatch, capsys, "--format", "json")) == []


def test_show_families_as_csv_is_refused(
    lex: Lexicon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lex.save("a.lexicon")
    monkeypatch.setattr(
        sys, "argv", ["semascope", "show", "a.lexicon", "--families", "--format", "csv"]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code
    assert "table or json" in capsys.readouterr().err


def test_a_name_that_people_gave_is_measured_on_request(made: Lexicon, tmp_path: Path) -> None:
    made.save(tmp_path / "a.lexicon")
    lexicon = load(tmp_path / "a.lexicon")
    x = lexicon.decode(lexicon.codes)
    ids = dict(lexicon.families.select("name", "id").iter_rows())
    lexicon.edit("rename", ids["travel"], "train travel")
    lexicon.edit("rename", ids["food"], "violin")
    found = measure_edits(lexicon, vectors=x)
    assert found["name"].to_list() == ["train travel", "violin"]
    right, wrong = (load(tmp_path / "a.lexicon").families.filter(id=ids[old]).row(0, named=True)
                    for old in ("travel", "food"))  # fmt: skip
    assert right["trust_low"] <= right["trust"] <= right["trust_high"]
    assert (right["verdict"], wrong["verdict"]) == ("trusted", "rejected")
    assert right["trust"] > 0.9 > right["trust_null"]
    assert right["n"] == wrong["n"] > 50
    # What was measured is of that name only.
    lexicon.edit("rename", ids["travel"], "journeys")
    assert lexicon.families.filter(id=ids["travel"])["trust"].to_list() == [None]
    lexicon.undo()
    assert lexicon.families.filter(id=ids["travel"])["trust"].to_list() == [right["trust"]]
    lexicon.undo(count=2)
    assert lexicon.families.equals(made.families)
    assert measure_edits(lexicon, vectors=x).is_empty()


def test_sizes_are_checked(made: Lexicon) -> None:
    material = Material(as_source(np.eye(12)), made.items, {"name": np.arange(3)})
    with pytest.raises(InputError, match="sizes"):
        find_families(material, made.dictionary, made.codes, made.base, sizes=(3, 9))


def test_a_family_can_be_renamed_and_the_name_taken_back(made, tmp_path: Path) -> None:
    made.save(tmp_path / "a.lexicon")
    lexicon = load(tmp_path / "a.lexicon")
    before = lexicon.families
    id = before["id"][0]
    lexicon.edit("rename", id, "what I call them")
    reopened = load(tmp_path / "a.lexicon")
    row = reopened.families.filter(id=id).row(0, named=True)
    assert (row["name"], row["trust"], row["verdict"]) == ("what I call them", None, None)
    assert reopened.families.drop("name", "^trust.*$", "p", "q", "verdict", "n").equals(
        before.drop("name", "^trust.*$", "p", "q", "verdict", "n")
    )
    assert reopened.concepts.equals(made.concepts)
    reopened.undo()
    assert load(tmp_path / "a.lexicon").families.equals(before)
    reopened.redo()
    assert reopened.families["name"][0] == "what I call them"
    with pytest.raises(InputError, match="empty name"):
        reopened.edit("rename", id, " ")
    with pytest.raises(InputError, match="no concept 'f99'"):
        reopened.edit("rename", "f99", "x")
