"""Names of concepts with two subjects: found where they are, not where one name does."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from semascope.lexicon import ByEncoder, Combined, Contrast, unit
from semascope.name import Proposal, name_concepts
from semascope.vectors import as_source

SUBJECTS = ("refund", "passport", "exchange", "weather", "music", "garden")
# What is asked of a subject; the last one is asked most.
ASKED = ("monday", "tuesday", "friday", "sunday", "april", "august", "urgent")
WORDS = (*SUBJECTS, *ASKED)
N = 1200


class World:
    """Texts of one subject each, and an encoder that adds up the directions of words."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.axes = np.linalg.qr(random.standard_normal((32, len(WORDS))))[0].T
        self.subject = random.integers(len(SUBJECTS), size=N)
        asked = random.choice(len(ASKED), N, p=[0.1] * 6 + [0.4])
        self.urgent = asked == len(ASKED) - 1
        self.texts = pl.Series(
            "text",
            [f"{SUBJECTS[s]}, {ASKED[a]}" for s, a in zip(self.subject, asked, strict=True)],
        )
        self.random = random
        noise = 0.12 * random.standard_normal((N, 32))
        self.relevance = ByEncoder(self.embed, as_source(unit(self.embed(self.texts) + noise)))

    def embed(self, texts) -> np.ndarray:
        # What is asked weighs little, as in real encoders.
        weight = np.array([1.0] * len(SUBJECTS) + [0.2] * len(ASKED))
        said = [[g * (w in t) for g, w in zip(weight, WORDS, strict=True)] for t in texts]
        return np.asarray(np.array(said) @ self.axes, dtype=np.float32)

    def name(self, on: np.ndarray, size: int = 60) -> Proposal:
        active, others = np.flatnonzero(on), np.flatnonzero(~on)
        active = self.random.permutation(active)[:size]
        # Near-misses, as `contrasts` draws them: inactive rows like the active ones.
        x = self.relevance.source.take(np.arange(N))
        near = others[np.argsort(-x[others] @ x[active].mean(0), kind="stable")[:size]]
        far = self.random.permutation(np.setdiff1d(others, near))[:size]
        drawn = Contrast(active, np.ones(len(active), np.float32), near, far)
        return name_concepts(
            [drawn],
            pl.DataFrame({"text": self.texts}),
            text="text",
            relevance=self.relevance,
            scorers={"combined": Combined(self.relevance, np.arange(300), self.texts)},
        )[0]


@pytest.mark.parametrize("seed", range(3))
def test_two_subjects_are_joined_by_or(seed: int) -> None:
    world = World(seed)
    found = world.name(np.isin(world.subject, (0, 1)))
    assert found.kind == "combined"
    assert found.name in ("refund or passport", "passport or refund")
    assert found.held_in > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_say_a_word_are_left_out(seed: int) -> None:
    world = World(seed)
    found = world.name((world.subject == 2) & ~world.urgent)
    assert found.name == "exchange without the word urgent"
    assert found.held_in > 0.95


def test_one_subject_keeps_its_one_name() -> None:
    for seed in range(3):
        world = World(seed)
        for subject, word in enumerate(SUBJECTS[:3]):
            assert world.name(world.subject == subject).name == word


def test_activity_at_random_gets_no_joined_name() -> None:
    lucky = 0
    for seed in range(40):
        world = World(100 + seed)
        lucky += world.name(world.random.random(N) < 0.05).kind == "combined"
    assert lucky <= binom.ppf(0.999, 40, 0.05)
