"""A bank is asked for once, checked before work starts, and recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import semascope as sc
from semascope.core import InputError
from semascope.name import read_bank

KINDS = {"fruit": ("apple", "fig", "plum"), "vehicle": ("bus", "tram", "van")}


def encoder(texts: list[str]) -> np.ndarray:
    """What a text is about, and a little that is its own."""
    own = [w for kind in KINDS.values() for w in kind]
    out = np.zeros((len(texts), 2 + len(own) + 8), dtype=np.float32)
    for i, text in enumerate(texts):
        for j, (kind, members) in enumerate(KINDS.items()):
            out[i, j] = any(m in text for m in members) or kind in text
        for j, word in enumerate(own):
            out[i, 2 + j] = 0.5 * (word in text)
        out[i, -8 + sum(text.encode()) % 8] += 0.3
    return out


def items() -> pl.DataFrame:
    words = [w for kind in KINDS.values() for w in kind]
    return pl.DataFrame({"text": [f"{w} {chr(97 + i % 26)}{i}" for i in range(70) for w in words]})


def bank_file() -> Path:
    path = Path("kinds.csv")
    rows = [f"{w},{kind}" for kind, own in KINDS.items() for w in own]
    path.write_text("\n".join(["child,parent", *rows]))
    return path


def learned(**options) -> sc.Lexicon:
    return sc.learn(
        items(), text="text", encoder=encoder, components=8, active=1, progress=False, **options
    )


def test_names_come_from_the_bank_and_the_bank_is_recorded() -> None:
    path = bank_file()
    lexicon = learned(bank=path, baseline=False)
    assert lexicon.info["bank"] == read_bank(path).describe()
    assert lexicon.info["bank"]["entries"] == 8
    named = lexicon.concepts.filter(pl.col("name").is_not_null())
    assert len(named)
    kinds = set(named["name"]) & {*KINDS, *(w for own in KINDS.values() for w in own)}
    assert kinds
    again = learned(bank=read_bank(path), baseline=False)
    assert again.concepts.equals(lexicon.concepts)
    assert learned(baseline=False).info["bank"] is None


def test_a_bad_bank_is_said_before_work_starts() -> None:
    with pytest.raises(InputError, match="no bank"):
        learned(bank="none.csv", out="a.lexicon")
    assert not list(Path().glob("a.lexicon*"))
    with pytest.raises(InputError, match="needs"):
        sc.learn(vectors=np.random.default_rng(0).random((50, 4)), bank=bank_file(), progress=False)
