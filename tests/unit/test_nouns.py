"""Lone words that are no nouns become names only where no noun does nearly as well."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from semascope.lexicon import ByWords, Contrast
from semascope.name import name_concepts
from semascope.name.nouns import noun_stems
from semascope.name.words import stem

TEXTS = [
    "I definitely need the refund.", "Was my refund late?", "They definitely lost the parcel",
    "My parcel is late", "It is necessary.", "A necessary step", "late again with a parcel",
    "Please send the refund", "the late parcel",
]  # fmt: skip


def test_words_where_nouns_stand_are_found() -> None:
    found = noun_stems(TEXTS)
    assert {"refund", "parcel"} <= found
    assert not {stem(w) for w in ("definitely", "necessary", "late")} & found


@given(st.lists(st.sampled_from(TEXTS)), st.randoms())
def test_the_order_of_texts_does_not_matter(texts: list[str], random) -> None:
    before = noun_stems(texts)
    random.shuffle(texts)
    assert noun_stems(texts) == before


def named(share: float) -> str | None:
    """All active texts say "definitely", and a share of them "the refund"."""
    random = np.random.default_rng(0)
    fill = [f"{a}{b}" for a in "bdfgklmn" for b in ("ala", "elo", "iru", "onu")]
    lines = []
    for i in range(400):
        said = list(random.choice(fill, 3))
        if i < 100:
            said += [", definitely,"] + (["the", "refund", "is"] if random.random() < share else [])
        lines.append(" ".join(said))
    texts = pl.Series("text", [*lines, "the refund is", "my refund is"])
    one = np.ones(100, dtype=np.float32)
    drawn = [Contrast(np.arange(100), one, np.arange(0), np.arange(100, 402))]
    return name_concepts(drawn, texts.to_frame(), text="text", relevance=ByWords(texts))[0].name


def test_a_noun_is_preferred_if_it_does_nearly_as_well() -> None:
    assert named(0.995) == "refund"
    assert named(0.6) == "definitely"
