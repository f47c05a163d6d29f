"""Phrases are whole, and forms of the same words are one phrase."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from semascope.lexicon import Contrast
from semascope.name import (
    Candidate,
    Evidence,
    Part,
    by_contrast,
    by_parts,
    candidate_phrases,
    merged,
    phrase_book,
)
from semascope.name.words import merge_key

NONE = np.zeros(0, dtype=np.int64)


def found(texts: list[str], other: list[str] = ()) -> list[str]:
    return [p for p, _ in candidate_phrases(texts, np.ones(len(texts)), list(other))]


def test_phrases_do_not_cross_punctuation() -> None:
    texts = [f"a random variable. Before notes {w}" for w in ("we", "you", "they")]
    assert not any("variable before" in p for p in found(texts))


def test_words_of_texts_that_were_cut_off_are_left_out() -> None:
    base = "a new version of the method that is better in all that we know of and more than that, "
    texts = [(base + end)[:100] for end in ("meth is one of", "method is too", "metho is all of")]
    texts = [t[:93] + "meth is"[:7] for t in texts]
    assert {len(t) for t in texts} == {100}
    cut = [t[:97] for t in texts]  # they now end in "meth"
    assert all(t.endswith("meth") for t in cut)
    assert "meth" in found([t + "." for t in cut])
    padded = ["x" * 20 + " " + t for t in cut]
    assert "meth" not in found(padded)


@pytest.mark.parametrize(
    ("one", "same"),
    [("card payments", "payment card"), ("loss of the card", "card loss"), ("fees", "fee")],
)
def test_forms_of_the_same_words_are_one_name(one: str, same: str) -> None:
    assert merge_key(one) == merge_key(same)
    assert [c.name for c in merged([Candidate(one), Candidate(same, support=0.5)])] == [one]
    assert merged([Candidate(one), Candidate(same, support=0.5)])[0].support == 0.5
    assert merge_key("card not working") != merge_key("card working")


def test_a_phrase_is_written_as_most_texts_write_it() -> None:
    book = phrase_book(["late trains", "late trains", "late train", "tea"], np.arange(4))
    assert book.phrases == ["late trains"]
    assert book.counts([0, 2, 3]).tolist() == [2.0]
    assert book.counts([7]).tolist() == [0.0]


def test_a_phrase_does_not_end_in_a_word_that_leads_on() -> None:
    texts = [f"deep neural {w} are seen" for w in ("nets", "nets", "models", "models", "codes")]
    assert any("neural" in p for p in found(texts))
    assert not any(p.endswith(" neural") for p in found(texts))


def test_no_phrase_dangles() -> None:
    texts = [f"I didn't get what was the charge of {w}" for w in ("rent", "food", "tea", "it")]
    assert found(texts) == ["charge"]


def test_a_namer_proposes_the_words_that_the_activation_depends_on() -> None:
    texts = pl.Series(["the late train came", "a late train again", "late tea", "train"])
    drawn = Contrast(np.arange(2), np.ones(2, dtype=np.float32), NONE, np.arange(2, 4))
    parts = (Part(0, "train", 0.7, 9, 14), Part(0, "late", 0.2, 4, 8), Part(1, "train", 0.6, 7, 12))
    best = by_parts(texts)(Evidence(0, drawn, parts=parts))
    assert best[0].name in ("train", "late train")
    assert {c.name for c in best} == {"train", "late", "late train"}
    assert {c.name: round(c.support, 2) for c in best} == {
        "train": 0.65, "late": 0.1, "late train": 0.75,
    }  # fmt: skip
    assert by_parts(texts)(Evidence(0, drawn)) == []
    assert by_contrast(phrase_book([], NONE))(Evidence(0, drawn)) == []
