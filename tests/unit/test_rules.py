"""Rules: read back as written, evaluated as in plain Python, with errors that tell what to do."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semascope.core import InputError
from semascope.lexicon import (
    AnyName,
    ByRule,
    ByValue,
    Clause,
    Junction,
    Negation,
    Rule,
    clauses,
    holds,
    parse_rule,
)

WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["and", "OR", "not", "in", "is missing", "<=50K", "(none)", "a, b", '"', "\\"]),
    st.lists(st.sampled_from(["rock", "and", "Roll", "not", "is"]), min_size=1).map(" ".join),
)
SINGLE = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "contains"])
CLAUSES = st.one_of(
    st.builds(lambda c, o, v: Clause(c, o, (v,)), WORDS, SINGLE, WORDS),
    st.builds(lambda c, v: Clause(c, "in", tuple(v)), WORDS, st.lists(WORDS, min_size=1)),
    st.builds(lambda c: Clause(c, "is missing"), WORDS),
)
RULES = st.recursive(
    CLAUSES,
    lambda inner: st.one_of(
        st.builds(Negation, inner),
        st.builds(
            lambda word, parts: Junction(word, tuple(parts)),
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=2, max_size=3),
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(RULES)
def test_a_rule_is_read_as_it_was_written(rule: Rule) -> None:
    assert parse_rule(str(rule)) == rule


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='ab =<>!(),"\\andornti1', max_size=30))
def test_any_text_is_a_rule_or_an_input_error(text: str) -> None:
    try:
        rule = parse_rule(text)
    except InputError:
        return
    assert parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("genre = Horror", Clause("genre", "=", ("Horror",))),
        ("native country = United  States", Clause("native country", "=", ("United States",))),
        # Names that were made before there were rules.
        ("income = <=50K", Clause("income", "=", ("<=50K",))),
        ("genres = (no genres listed)", Clause("genres", "=", ("(no genres listed)",))),
        ("city = Paris, Texas", Clause("city", "=", ("Paris, Texas",))),
        ("genre = Rock And Roll", Clause("genre", "=", ("Rock And Roll",))),
        ("a==1", Clause("a", "=", ("1",))),
        ('a not in (1, b (c), "d, e")', Negation(Clause("a", "in", ("1", "b (c)", "d, e")))),
        ("a is not missing", Negation(Clause("a", "is missing"))),
        (
            "a < 1 and b > 2 OR c = 3",
            Junction(
                "or",
                (
                    Junction("and", (Clause("a", "<", ("1",)), Clause("b", ">", ("2",)))),
                    Clause("c", "=", ("3",)),
                ),
            ),
        ),
        (
            "not (a = 1 or b = 2) and c = 3",
            Junction(
                "and",
                (
                    Negation(Junction("or", (Clause("a", "=", ("1",)), Clause("b", "=", ("2",))))),
                    Clause("c", "=", ("3",)),
                ),
            ),
        ),
    ],
)
def test_what_people_write(text: str, wanted: Rule) -> None:
    assert parse_rule(text) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at its end: expected the name of a column"),
        ("horror films", "after 'horror films'"),
        ("genre = rock and roll", "a value that holds 'and' or 'or' must stand in double quotes"),
        ("year < ", "at its end: expected a value"),
        ("(year < 1980", "expected ')'"),
        ("year < 1980 and", "at its end: expected the name of a column"),
        ("a in 1, 2", "at '1, 2': expected '(' after 'in'"),
        ("a in (1, 2", "expected ',' or ')'"),
        ('a = "open', "double quotes"),
        ("a is odd", "at 'odd': expected 'missing'"),
        ('a = "b" c', "at 'c': expected 'and', 'or' or the end"),
        ("not " * 500 + "a = 1", "at most 50"),
    ],
)
def test_a_bad_rule_says_where_and_what(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_rule(text)
    assert said in str(caught.value)


ITEMS = pl.DataFrame(
    {
        "year": [1950, 1980, 1999, None],
        "price": [1.5, float("nan"), 2.0, 0.0],
        "genre": ["Horror", "Drama", None, "drama"],
        "tags": [["a", "b"], [], None, ["b", None]],
        "scores": [[1, 2], [2], [], None],
        "new": [True, False, None, True],
        "day": [date(1998, 3, 1), date(1998, 3, 31), date(1998, 4, 1), None],
        "at": [
            datetime(1998, 3, 1, 12),
            datetime(1998, 3, 1, 12, 0, 30),
            None,
            datetime(2000, 1, 1),
        ],
    },
    schema_overrides={"genre": pl.Categorical},
)


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("year < 1980", [0]),
        ("year <= 1980.0", [0, 1]),
        ("year != 1980", [0, 2]),
        ("not year = 1980", [0, 2]),
        ("year is missing", [3]),
        ("year is not missing and price is missing", [1]),
        ("year in (1950, 1999)", [0, 2]),
        ("year not in (1950, 1999)", [1]),
        ("price >= 1.5", [0, 2]),
        ("price < 1e9", [0, 2, 3]),
        ("year < 1960 or price = 0", [0, 3]),  # row 3 has no year
        ("genre = Drama", [1]),
        ("genre != Drama", [0, 3]),
        ("genre contains dra", [1, 3]),
        ("tags contains b", [0, 3]),
        ("tags = a", [0]),
        ("tags != a", [1, 3]),
        ("not tags contains a", [1, 3]),
        ("tags in (a, c)", [0]),
        ("scores contains 2", [0, 1]),
        ("new = true", [0, 3]),
        ("new != TRUE", [1]),
        ("day = 1998-03", [0, 1]),
        ("day > 1998-03", [2]),
        ("day < 1998-03-31", [0]),
        ("day <= 1998", [0, 1, 2]),
        ("day >= 1998-4-1", [2]),
        ("at = 1998-03-01 12:00", [0, 1]),
        ("at > 1998-03-01T12:00:00", [1, 3]),
    ],
)
def test_which_rows_a_rule_holds_for(rule: str, rows: list[int]) -> None:
    assert np.flatnonzero(holds(parse_rule(rule), ITEMS)).tolist() == rows
    assert np.flatnonzero(ByRule(ITEMS)([rule], np.arange(4))[0]).tolist() == rows


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("yeer < 1980", "did you mean 'year'? There are: year, price"),
        ("year < soon", "column 'year' holds numbers, and 'soon' is none"),
        ("price < nan", "and 'nan' is none"),
        ("genre < 3", "needs numbers or dates, and column 'genre' holds text"),
        ("new > false", "holds true and false"),
        ("new = maybe", "is true or false, not 'maybe'"),
        ("tags < 3", "which holds lists; ask for what they contain"),
        ("year contains 19", "does not work on column 'year', which holds numbers"),
        ("day > 1998-13", "holds dates, and '1998-13' is none"),
    ],
)
def test_a_rule_that_a_column_cannot_answer(rule: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        ByRule(ITEMS)([rule], np.arange(2))
    assert said in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 3)), min_size=1),
    st.recursive(
        st.builds(
            lambda c, o, v: Clause(c, o, (str(v),)),
            st.sampled_from("ab"),
            st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
            st.integers(0, 3),
        ),
        lambda inner: st.one_of(
            st.builds(Negation, inner),
            st.builds(
                lambda w, x, y: Junction(w, (x, y)), st.sampled_from(["and", "or"]), inner, inner
            ),
        ),
        max_leaves=5,
    ),
)
def test_rules_hold_as_in_three_valued_logic(rows: list, rule: Rule) -> None:
    items = pl.DataFrame(rows, schema={"a": pl.Int64, "b": pl.Int64}, orient="row")
    wanted = [_kleene(rule, {"a": a, "b": b}) is True for a, b in rows]
    assert holds(rule, items).tolist() == wanted
    # Of two opposite rules at most one holds, and both are unknown only if a value is missing.
    opposite = holds(Negation(rule), items)
    assert not (opposite & wanted).any()
    assert all(o or w or None in row for o, w, row in zip(opposite, wanted, rows, strict=True))


def _kleene(rule: Rule, row: dict[str, int | None]) -> bool | None:
    if isinstance(rule, Clause):
        value, asked = row[rule.column], int(rule.values[0])
        if value is None:
            return None
        compared = {
            "=": value == asked,
            "!=": value != asked,
            "<": value < asked,
            "<=": value <= asked,
            ">": value > asked,
            ">=": value >= asked,
        }
        return compared[rule.operator]
    if isinstance(rule, Negation):
        inner = _kleene(rule.rule, row)
        return None if inner is None else not inner
    parts = [_kleene(part, row) for part in rule.rules]
    decided = rule.word == "or"
    if decided in parts:
        return decided
    return None if None in parts else not decided


def test_by_rule_says_what_by_value_said() -> None:
    names = ["tags = b", "genre = Drama"]
    rows = np.array([3, 1, 0])
    assert np.array_equal(ByRule(ITEMS)(names, rows), ByValue(ITEMS)(names, rows))


def test_a_graded_score_is_the_share_of_conditions_that_hold() -> None:
    graded = ByRule(ITEMS, graded=True)
    names = [
        "year < 1990 and genre = Horror and new = true",
        "year < 1990 or genre = Horror",
        "not (year < 1990 and genre = Drama)",
        "not not (year < 1990 and genre = Drama)",
    ]
    wanted = [[1, 1 / 3, 0, 1 / 3], [1, 1, 0, 0], [1, 0, 1, 1], [0.5, 1, 0, 0]]
    assert graded(names, np.arange(4)) == pytest.approx(np.array(wanted))


def test_clauses_of_a_rule_are_listed_in_order() -> None:
    rule = parse_rule("a = 1 and not (b < 2 or c is missing)")
    assert [str(clause) for clause in clauses(rule)] == ["a = 1", "b < 2", "c is missing"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("genre = Rock", "value"),
        ("genre = Rock and year > 1990", "rule"),
        ("genre = Rock and Roll", "value"),
        ("genre = Jazz and year < 3", "value"),
        ("genre = Rock and nosuch > 3", "value"),
        ("year > 1990", "rule"),
        ("loud music", "phrase"),
    ],
)
def test_a_name_of_two_conditions_is_a_rule_unless_it_is_a_value(name: str, kind: str) -> None:
    genres = ["Rock", "Rock and Roll", "Jazz and year < 3"]
    items = pl.DataFrame({"genre": genres, "year": [1980, 1995, 2000]})
    named = AnyName({"value": ByValue(items), "rule": ByRule(items)})
    assert named.kind(name) == kind
