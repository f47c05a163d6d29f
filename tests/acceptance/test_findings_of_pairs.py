"""Which of two headlines was clicked more: found by all pairs, and nothing where lots are drawn."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import semascope as sc
from semascope.explain import outcome
from semascope.vectors import within

DATA = Path(os.environ.get("SEMASCOPE_DATA", "missing")).resolve()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="SEMASCOPE_DATA names no folder"),
]


@pytest.fixture(scope="module")
def headlines() -> tuple[sc.Lexicon, np.ndarray]:
    """Pairs by how their words differ; no text stands in two pairs."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows, seen = [], set()
    for part in ("train", "val", "test"):
        path = DATA / "upworthy_headlines" / f"headline_binary_{part}.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        for a, b, label in zip(data["headline_1"], data["headline_2"], data["label"], strict=True):
            if a != b and not {a, b} & seen:
                won = label.startswith("Headline 1")
                pair = f"p{len(rows)}"
                rows += [(pair, a, won), (pair, b, not won)]
            seen |= {a, b}
    items = pl.DataFrame(rows, schema=["pair", "headline", "won"], orient="row")
    items = items.with_columns(pl.col("won").cast(pl.Int64))
    counts = TfidfVectorizer(min_df=5, sublinear_tf=True, ngram_range=(1, 2))
    x = TruncatedSVD(96, random_state=0).fit_transform(
        counts.fit_transform(items["headline"].to_list())
    )
    x = within(x, items["pair"])
    lex = sc.learn(items, text="headline", vectors=x, components=48, active=3, together="pair",
                   leave_out=["won", "pair"], baseline=False, progress=False)  # fmt: skip
    return lex, x


def test_what_makes_headlines_win(headlines: tuple[sc.Lexicon, np.ndarray]) -> None:
    lex, x = headlines
    few, every = (
        outcome(lex, "won", pairs="pair", vectors=x, rows=rows, baselines=False)
        for rows in ("verify", "all")
    )
    assert len(few.findings) < len(every.findings) >= 3
    assert every.findings["effect"].abs().max() < 35
    assert every.how["tested"]["units"] == len(x) // 2


def test_nothing_makes_winners_that_were_drawn(headlines: tuple[sc.Lexicon, np.ndarray]) -> None:
    lex, x = headlines
    random = np.random.default_rng(1)
    drawn = [
        np.repeat(random.integers(2, size=len(x) // 2), 2) ^ np.tile([0, 1], len(x) // 2)
        for _ in range(4)
    ]
    found = [
        outcome(lex, won, pairs="pair", vectors=x, rows="all", baselines=False) for won in drawn
    ]
    assert sum(len(one.findings) > 0 for one in found) <= 1
