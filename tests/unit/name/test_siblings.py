"""No two concepts say the same; siblings say what differs, families what is shared."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from semascope.core import Codes, InputError
from semascope.lexicon import ByEncoder, ByWords, Contrast
from semascope.name import (
    Candidate,
    Evidence,
    Proposal,
    gather_evidence,
    group_concepts,
    name_concepts,
    name_families,
)
from semascope.name.settle import Scored, settle
from semascope.vectors import as_source

NONE = np.zeros(0, dtype=np.int64)
GROUPS = {"travel": ("train", "ferry", "flight"), "food": ("soup", "bread", "cheese")}
FILLER = tuple(f"{a}{b}" for a in "bdfgklmnprst" for b in ("ala", "elo", "iru", "onu", "uri"))


def world(each: int = 40) -> tuple[pl.DataFrame, Codes, np.ndarray]:
    """Texts that say their group and their kind; a latent for each kind."""
    random = np.random.default_rng(0)
    texts, active = [], []
    kinds = [(g, k) for g, own in GROUPS.items() for k in own]
    for j, (group, kind) in enumerate(kinds):
        for _ in range(each):
            said = [group, kind, *random.choice(FILLER, 3)]
            random.shuffle(said)
            texts.append(" ".join(said))
            active.append(j)
    codes = np.eye(len(kinds))[active]
    atoms = np.float32(
        [[g == "travel", g == "food", *np.eye(6)[j]] for j, (g, _) in enumerate(kinds)]
    )
    return pl.DataFrame({"text": texts}), Codes.from_scipy(codes), atoms


def drawn(codes: Codes) -> list[Contrast]:
    out = []
    for j in range(codes.n_components):
        rows, values = codes.column(j)
        rest = np.setdiff1d(np.arange(len(codes)), rows)
        out.append(Contrast(rows, values, NONE, rest[::2]))
    return out


def test_families_say_what_is_shared_and_siblings_what_differs() -> None:
    items, codes, atoms = world()
    rows = np.arange(len(items))
    evidence = gather_evidence(drawn(codes), codes=codes, rows=rows, atoms=atoms)
    families = group_concepts(atoms, codes, rows, sizes=(3,))
    assert [f.members for f in families] == [(0, 1, 2), (3, 4, 5)]
    relevance = ByWords(items["text"])
    proposals = [Proposal("unnamed")] * 6
    found = name_families(families, evidence, proposals, items, text="text", relevance=relevance)
    assert [f.name for f in found] == ["travel", "food"]
    for family, own in zip(found, GROUPS.values(), strict=True):
        assert [d.member for d in family.differences] == list(family.members)
        assert [set(own) & set(d.name.split()) for d in family.differences] == [{k} for k in own]


def test_a_name_of_one_member_is_no_name_of_the_family() -> None:
    """A word that half of all rows of one member say, and nobody else."""
    items, codes, atoms = world()
    texts = [t.replace("travel", "").replace("food", "") for t in items["text"]]
    items = pl.DataFrame({"text": texts})
    rows = np.arange(len(items))
    evidence = gather_evidence(drawn(codes), codes=codes, rows=rows, atoms=atoms)
    families = group_concepts(atoms, codes, rows, sizes=(3,))
    relevance = ByWords(items["text"])
    found = name_families(
        families, evidence, [Proposal("unnamed")] * 6, items, text="text", relevance=relevance
    )
    assert [f.name for f in found] == [None, None]


def test_families_of_wider_and_narrower_kind_are_nested() -> None:
    random = np.random.default_rng(0)
    atoms = random.standard_normal((40, 8)).astype(np.float32)
    codes = Codes.from_scipy(random.random((300, 40)) < 0.1)
    families = group_concepts(atoms, codes, np.arange(300))
    assert families
    for family in families:
        assert len(family.members) > 1
        if family.parent is not None:
            assert set(family.members) < set(families[family.parent].members)
    assert families == group_concepts(atoms, codes, np.arange(300))
    with pytest.raises(InputError, match="sizes"):
        group_concepts(atoms, codes, np.arange(300), sizes=(4, 16))
    assert group_concepts(atoms[:2], Codes.from_scipy(np.eye(2)), np.arange(2)) == []


def test_names_that_mean_the_same_are_not_given_twice() -> None:
    """The second concept chooses what best tells its rows from those of the first."""
    meaning = {"fees": [1, 0, 0], "charges": [1, 0.1, 0], "bank": [1, 1, 0.2], "atm": [1, 0, 1]}
    vectors = np.repeat(np.float32([[1, 0, 0], [1, 0, 1], [0, 1, 0]]), 40, axis=0)
    relevance = ByEncoder(lambda names: np.array([meaning[n] for n in names]), as_source(vectors))
    one = np.ones(60, dtype=np.float32)
    evidence = [
        Evidence(j, Contrast(rows, one, NONE, np.arange(80, 120)))
        for j, rows in enumerate([np.arange(60), np.arange(20, 80)])
    ]
    options = [
        [Scored(Candidate("fees"), 0.97, 0.95)],
        [Scored(Candidate(n), v, v) for n, v in [("charges", 0.96), ("bank", 0.95), ("atm", 0.9)]],
    ]
    chosen = settle(options, evidence, {"phrase": relevance})
    assert [s and s.candidate.name for s in chosen] == ["fees", "atm"]
    # What is much worse than the best would mislead: better no name.
    worse = [options[0], [*options[1][:1], Scored(Candidate("atm"), 0.8, 0.8)]]
    assert settle(worse, evidence, {"phrase": relevance})[1] is None


def test_a_kind_without_a_scorer_is_refused() -> None:
    items = pl.DataFrame({"text": ["a"] * 20})
    some = Contrast(np.arange(10), np.ones(10, dtype=np.float32), NONE, np.arange(10, 20))
    with pytest.raises(InputError, match="scorer"):
        name_concepts(
            [some],
            items,
            text="text",
            relevance=ByWords(items["text"]),
            namers=[lambda e: [Candidate("x", "picture", by="me")]],
        )
    assert Evidence(0, some).status == "ready"
