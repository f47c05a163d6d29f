"""Banks are read from whatever users have, and bad ones are said to be bad."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semascope.core import InputError
from semascope.name import Bank, read_bank

WORDNET = """synset\tmembers\thypernyms\tinstance_hypernyms\tdefinition
1\tapple|pome\t3\t\tx
2\tfig\t\t3\tx
3\tfruit\t9\t\tx
"""


def written(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "apple\nfig\n\nfruit\n"),
        ("a.csv", "apple\nfig\nfruit\n"),
        ("a.csv", "term\napple\nfig\nfruit\n"),
        ("a.tsv", "Term\tDescription\napple\ta \"pome\"\nfig\t\nfruit\tsweet\n"),
        ("a.csv", "term,description,parent\napple,,fruit\nfig,,fruit\n"),
        ("a.csv", "child,parent,count\napple,fruit,3\nfig,fruit,2\n"),
        ("a.csv", "narrower,broader\napple,fruit\nfig,fruit\n"),
        (
            "a.tsv",
            WORDNET,
        ),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_terms(name: str, text: str) -> None:
    bank = read_bank(written(name, text))
    assert sorted(bank.terms) == ["apple", "fig", "fruit"]
    assert [bank.terms[i] for i in bank.lookup("Figs")] == ["fig"]
    if "fruit" in text.replace("\nfruit", ""):
        apple = bank.lookup("apple")[0]
        assert [bank.terms[i] for i in bank.above(apple)] == ["apple", "fruit"]
        assert bank.prior.tolist() == [
            pytest.approx(1 if t == "fruit" else 1 / 3) for t in bank.terms
        ]
    packed = Path(name + ".gz")
    packed.write_bytes(gzip.compress(text.encode()))
    assert read_bank(packed).terms == bank.terms


def test_senses_synonyms_and_quotes() -> None:
    bank = read_bank(written("a.tsv", 'term\tsynonyms\tdescription\nbank\tshore|edge\ta "slope"\n'))
    assert bank.lookup("shores") == bank.lookup("edge") == (0,)
    assert bank.descriptions == ('a "slope"',)
    lines = read_bank(written("l.csv", 'term,description\nfig,"a\nfruit, ""sweet"""\npear\n,,\n'))
    assert lines.terms == ("fig", "pear")
    assert lines.descriptions == ('a fruit, "sweet"', "")
    senses = read_bank(
        written("w.tsv", "synset\tmembers\thypernyms\tdefinition\n1\tbank\t\ta\n2\tbank\t\tb\n")
    )
    assert senses.lookup("bank") == (0, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("colour,size\nred,3\n", "term"),
        ("\n \n", "empty"),
        ("term,description\n\n", "no terms below its header"),
        ('term,description\nfig,"a fruit\npear,another\n', "quotes that do not close"),
        ("term,description\nfig,green, or not\n", "row 1 .*'fig,green', has 3 fields for 2"),
        ("child,parent\nfig,fruit\npear,fruit,pome\n", "row 2 .* has 3 fields for 2"),
        ("term,description\nfig,a fruit\n,without a term\n", "row 2 .* 'without a term' and no"),
    ],
)
def test_bad_banks(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_bank(written("bad.csv", text))


def test_missing_damaged_and_misencoded_banks() -> None:
    with pytest.raises(InputError, match="no bank"):
        read_bank("none.csv")
    Path("cut.csv.gz").write_bytes(gzip.compress(b"term\na\n" * 99)[:-9])
    with pytest.raises(InputError, match="cannot be read"):
        read_bank("cut.csv.gz")
    Path("latin.csv").write_bytes("term\ncafé\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        read_bank("latin.csv")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_what_lies_above_is_what_can_be_walked_to(seed: int, n: int) -> None:
    """In any graph, also one with circles."""
    random = np.random.default_rng(seed)
    parents = tuple(
        tuple(int(p) for p in np.flatnonzero(random.random(n) < 0.2) if p != i) for i in range(n)
    )
    bank = Bank(tuple(f"t{i}" for i in range(n)), parents=parents)
    for start in range(n):
        seen, todo = {start}, [start]
        while todo:
            for p in parents[todo.pop()]:
                if p not in seen:
                    seen.add(p)
                    todo.append(p)
        assert set(bank.above(start)) == seen
        assert bank.steps_up(start, n) == seen
        assert bank.steps_up(start, 1) == {start, *parents[start]}
