"""``semascope name``: forecast, budget, new names, the old lexicon left alone."""

from __future__ import annotations

import re
import shutil
import sys

import polars as pl
import pytest
from tests.unit.llm.conftest import TOPICS, Reply

import semascope as sc
from semascope.cli import main
from semascope.core import InputError
from semascope.pipeline import prepare_renaming

SECRET = "sk-very-secret-0123456789"


@pytest.fixture
def name(made, server, monkeypatch, capsys):
    monkeypatch.setenv("SEMASCOPE_LLM_KEY", SECRET)

    def run(*options: object, code: int = 0) -> tuple[str, str]:
        arguments = ["name", made / "a.lexicon", "--vectors", made / "x.npy", *options]
        monkeypatch.setattr(sys, "argv", ["semascope", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert SECRET not in out + err
        assert int(stop.value.code or 0) == code, err
        return out, err

    run.at = ("--llm-url", server.url, "--llm-model", "naive")
    return run


def test_without_an_endpoint_it_says_what_to_set(name):
    _, err = name(code=2)
    assert "--llm-url or SEMASCOPE_LLM_URL" in err
    assert "SEMASCOPE_LLM_KEY" in err


def test_a_dry_run_asks_nothing_and_writes_nothing(name, server, tmp_path):
    prices = ("--price-in", 1, "--price-out", 2)
    out, _ = name(*name.at, "--dry-run", *prices, "--out", tmp_path / "b.lexicon")
    assert "requests, about" in out
    assert "cost 0.0" in out
    assert server.seen == []
    assert not (tmp_path / "b.lexicon").exists()


def test_the_budget_is_checked_before_anything_is_asked(name, server, tmp_path):
    _, err = name(*name.at, "--budget-tokens", 10, "--out", tmp_path / "b.lexicon", code=2)
    assert "the forecast is above the budget" in err
    _, err = name(*name.at, "--budget", 10, "--out", tmp_path / "b.lexicon", code=2)
    assert "--price-in" in err
    assert server.seen == []


def test_new_names_are_chosen_verified_and_written_beside_the_old(name, server, made, tmp_path):
    before = sc.load(made / "a.lexicon")
    # A model that knows better than the phrases: it names in capitals.
    server.model = capital
    out, err = name(*name.at, "--out", tmp_path / "b.lexicon")
    after = sc.load(tmp_path / "b.lexicon")
    found = set(after.concepts["name"].drop_nulls())
    new = {word.title() for word in TOPICS}
    assert new <= found
    assert not new & set(before.concepts["name"])
    for row in after.concepts.filter(pl.col("name").is_in(sorted(new))).iter_rows(named=True):
        assert row["trust_low"] > 0.9
        assert row["trust_low"] <= row["trust"] <= row["trust_high"]
        assert row["trust_null_high"] < 0.7
    record = after.info["language_model"]
    assert (record["model"], record["url"]) == ("naive", server.url)
    assert record["report"]["parsed"] == record["report"]["asked"] > 0
    said = set(after.concepts["description"].drop_nulls())
    assert {"Texts that say train.", "Texts that say tea."} <= said
    assert after.codes.shape == before.codes.shape
    assert "concepts have a new name" in out
    assert "asked:" in err
    for path in (tmp_path / "b.lexicon").iterdir():
        assert SECRET.encode() not in path.read_bytes()
    assert sc.load(made / "a.lexicon").base.equals(before.base)
    _, err = name(*name.at, "--out", tmp_path / "b.lexicon", code=2)
    assert "--overwrite" in err
    n = len(server.seen)
    name(*name.at, "--out", tmp_path / "b.lexicon", "--overwrite", "--quiet")
    assert len(server.seen) == n
    assert sc.load(tmp_path / "b.lexicon").base.equals(after.base)


def test_some_concepts_only(name, server, made, tmp_path):
    named = sc.load(made / "a.lexicon").concepts.filter(pl.col("status") == "named")
    two = ", ".join(named["id"][:2])
    name(*name.at, "--concepts", two, "--out", tmp_path / "b.lexicon", "--quiet")
    assert len(server.answered) == 2


def test_only_what_was_asked_is_counted(name, server, made, tmp_path):
    server.plan = lambda i, body: Reply(text="It is about trains.")
    named = sc.load(made / "a.lexicon").concepts.filter(pl.col("status") == "named")
    two = ",".join(named["id"][:2])
    out, _ = name(*name.at, "--concepts", two, "--out", tmp_path / "b.lexicon")
    assert "0 of 2 concepts have a new name" in out
    assert "2 of 2 requests have no answer that can be used" in out
    assert "families" not in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--concepts", ","), "no concepts are named"),
        (("--prompts", "nowhere"), "no folder of prompts"),
        (("--out", "none/b.lexicon"), "cannot write none/b.lexicon|there is no folder none"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_asked(name, server, options, said):
    _, err = name(*name.at, *options, code=2)
    assert re.search(said, err)
    assert "embed" not in err
    assert server.seen == []


def test_a_model_that_only_refuses_changes_nothing(name, server, made, tmp_path):
    server.plan = lambda i, body: Reply(text="I'm sorry, but I can't help with that.")
    _, err = name(*name.at, "--out", tmp_path / "b.lexicon", "--quiet")
    assert "refused" in err
    assert sc.load(tmp_path / "b.lexicon").base.equals(sc.load(made / "a.lexicon").base)


def test_a_lexicon_without_texts_and_images_is_refused(
    name, made, server, tmp_path, monkeypatch, capsys
):
    sc.learn(vectors=made / "x.npy", components=6, active=1, progress=False,
             out=tmp_path / "v.lexicon")  # fmt: skip
    argv = ["semascope", "name", str(tmp_path / "v.lexicon"), *name.at]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit):
        main()
    assert "has no texts and no images to show" in capsys.readouterr().err
    assert server.seen == []


def capital(messages) -> str:
    from tests.unit.llm.conftest import naive

    answer = naive(messages)
    for word in TOPICS:
        answer = answer.replace(f'"name": "{word}"', f'"name": "{word.title()}"')
    return answer


def test_names_that_people_gave_are_not_paid_for_again(name, server, made, tmp_path):
    shutil.copytree(made / "a.lexicon", tmp_path / "c.lexicon")
    edited = sc.load(tmp_path / "c.lexicon")
    ids = edited.concepts.filter(pl.col("status") == "named")["id"].to_list()
    edited.edit("rename", ids[0], "what people say")
    edited.edit("mute", ids[1])
    x = made / "x.npy"
    before = len(prepare_renaming(sc.load(made / "a.lexicon"), vectors=x, families=False).cases)
    ready = prepare_renaming(edited, vectors=x, families=False)
    assert len(ready.cases) == before
    assert ready.left_out == {ids[0]: "has a name that people gave it", ids[1]: "is muted"}
    asked = [case.status == "unnamed" for case in ready.cases]
    assert not asked[edited.row_of(ids[0])]
    assert not asked[edited.row_of(ids[1])]
    assert asked[edited.row_of(ids[2])]
    prepare_renaming(edited, vectors=x, concepts=[ids[1]])
    with pytest.raises(InputError, match=f"concept {ids[0]} has a name that people gave it"):
        prepare_renaming(edited, vectors=x, concepts=[ids[0]])
