"""Evidence comes from the rows it may come from, and says which parts fire a concept."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from semascope.core import Codes
from semascope.discover import Dictionary
from semascope.lexicon import Contrast
from semascope.name import firing_spans, gather_evidence, segments, text_parts

NONE = np.zeros(0, dtype=np.int64)
WORDS = ("late", "train", "tea", "the", "sea")


def contrast(active: np.ndarray, inactive: np.ndarray = NONE) -> Contrast:
    return Contrast(active, np.linspace(2, 1, len(active), dtype=np.float32), NONE, inactive)


def counting() -> tuple[Dictionary, list[int]]:
    """A dictionary over counts of words, and a record of how many texts were embedded."""
    eye, zero = np.eye(len(WORDS), dtype=np.float32), np.zeros(len(WORDS), dtype=np.float32)
    return Dictionary(eye, zero, eye, zero, n_active=len(WORDS)), []


def embed_into(passes: list[int]):
    def embed(texts: list[str]) -> np.ndarray:
        passes.append(len(texts))
        return np.float32([[text.split().count(w) for w in WORDS] for text in texts])

    return embed


def test_the_word_that_fires_a_concept_is_its_part() -> None:
    texts = pl.Series(["the late train", "tea the sea", "late tea late"])
    dictionary, passes = counting()
    find = text_parts(texts, embed_into(passes), dictionary)
    drawn = [contrast(np.flatnonzero([w in t.split() for t in texts])) for w in WORDS]
    evidence = gather_evidence(drawn, parts=find)
    for word, e in zip(WORDS, evidence, strict=True):
        assert {p.text for p in e.parts} == {word}
        assert all(texts[p.row][p.start : p.stop] == word for p in e.parts)
        assert {p.row for p in e.parts} == set(e.contrast.active.tolist())
    # One of two mentions is half of the activation.
    assert sorted(p.share for p in evidence[0].parts) == [0.5, 0.5, 1.0]
    # Every text is embedded whole and without each part, once for all concepts.
    assert sum(passes) == 3 * 4


def test_the_only_word_of_a_text_is_all_of_it() -> None:
    """Encoders refuse texts without words, which is what is left of it without its word."""
    dictionary, passes = counting()

    def embed(batch: list[str]) -> np.ndarray:
        assert all(text.strip() for text in batch)
        return embed_into(passes)(batch)

    found = text_parts(pl.Series(["late"]), embed, dictionary)([contrast(np.arange(1))])
    assert [(p.text, p.share) for p in found[0]] == [("late", 1.0)]
    assert firing_spans(["late"], embed, dictionary.encoder[0]) == [[(0, 4)]]


def test_passes_are_bounded() -> None:
    texts = pl.Series([f"the late train {i}" for i in range(50)])
    dictionary, passes = counting()
    find = text_parts(texts, embed_into(passes), dictionary, most_passes=12)
    found = find([contrast(np.arange(i, i + 10)) for i in range(0, 50, 10)])
    assert 0 < sum(passes) <= 12
    assert any(found)
    assert not any(found[3:])


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab .!\n", max_size=200), st.integers(2, 20))
def test_segments_are_in_order_and_cover_every_word(text: str, most: int) -> None:
    found = segments(text, most=most)
    assert len(found) <= most
    assert all(a < b for a, b in found)
    assert all(b <= c for (_, b), (c, _) in pairwise(found))
    covered = "".join(text[a:b] for a, b in found)
    assert "".join(covered.split()) == "".join(text.split())


def test_only_the_given_rows_are_looked_at() -> None:
    """On the other rows everything is the other way round."""
    active = np.zeros((200, 3), dtype=np.float32)
    rows = np.arange(0, 200, 2)
    active[rows[:40], 0] = active[rows[:20], 1] = 1
    active[rows[60:], 2] = 1
    active[rows + 1, 2] = active[rows + 1, 1] = 1
    drawn = [contrast(rows[:5], rows[60:70])] * 3
    found = gather_evidence(drawn, codes=Codes.from_scipy(active), rows=rows, atoms=np.eye(3))
    assert [e.parents for e in found] == [(), (0,), ()]
    assert [e.children for e in found] == [(1,), (), ()]
    assert set(found[1].companions) <= set(rows[20:40])
    assert len(found[1].companions)
    assert found[2].companions.tolist() == []
    assert found[0].coactive == (1,)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_relations_against_counting_by_hand(seed: int) -> None:
    random = np.random.default_rng(seed)
    active = random.random((60, 5)) < random.choice([0.1, 0.3, 0.5], 5)
    active[:, 1] |= active[:, 0]
    rows = np.arange(60)
    drawn = [contrast(np.flatnonzero(active[:, j])) for j in range(5)]
    found = gather_evidence(drawn, codes=Codes.from_scipy(active.astype(np.float32)), rows=rows)
    n = active.sum(axis=0)
    for j, e in enumerate(found):
        both = (active[:, [j]] & active).sum(axis=0)
        parents = {
            i
            for i in range(5)
            if i != j and n[j] >= 5 and both[i] >= 0.8 * n[j] and n[i] >= 1.5 * n[j]
            and both[i] * 60 >= 2 * n[i] * n[j]
        }  # fmt: skip
        assert set(e.parents) == parents
        assert all(j in found[i].children for i in e.parents)
        assert not active[e.companions, j].any()
        if len(e.companions):
            assert active[np.ix_(e.companions, e.coactive)].any(axis=1).all()


def test_bands_divide_the_active_rows_by_strength() -> None:
    e = gather_evidence([contrast(np.arange(10))])[0]
    assert np.concatenate(e.bands).tolist() == list(range(10))
    assert len(e.bands) == 4
    assert gather_evidence([contrast(NONE)])[0].status == "dead"
    assert gather_evidence([contrast(np.arange(4), np.arange(4, 30))])[0].status == "rare"
