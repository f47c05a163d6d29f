"""Rules over columns, such as ``genre = Horror and year < 1980``: what they are, read, written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from semascope.core import InputError

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "contains", "is missing"]

_SYMBOL = re.compile(r"!=|<=|>=|==|=|<|>")
_WORD = re.compile(r'[^\s"(),<>=!]+')
_NEXT_WORD = re.compile(r'\s+([^\s"(),<>=!]+)')
_PLAIN = re.compile(r'[^\s"(),<>=!]+(?: [^\s"(),<>=!]+)*')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
# Far above what people read, far below what Python can nest.
_DEEPEST = 50
_KEYWORDS = {"and", "or", "not", "in", "contains", "is"}


@dataclass(frozen=True)
class Clause:
    """One condition on one column.

    Parameters
    ----------
    column : str
        Name of the column.
    operator : {"=", "!=", "<", "<=", ">", ">=", "in", "contains", "is missing"}
        What is asked of it.
    values : tuple of str
        As written; they are read as numbers, dates or truth values when the column is one of such.

    Examples
    --------
    >>> from semascope.lexicon import Clause
    >>> str(Clause("year", "<", ("1980",)))
    'year < 1980'
    >>> str(Clause("native country", "in", ("Cuba", "Trinidad, Tobago")))
    'native country in (Cuba, "Trinidad, Tobago")'
    """

    column: str
    operator: Operator
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wanted = {"in": len(self.values) or 1, "is missing": 0}.get(self.operator, 1)
        if len(self.values) != wanted:
            raise InputError(f"'{self.operator}' takes {wanted} value(s), got {len(self.values)}")

    def __str__(self) -> str:
        name = _written(self.column)
        if self.operator == "is missing":
            return f"{name} is missing"
        if self.operator == "in":
            return f"{name} in ({', '.join(map(_written, self.values))})"
        return f"{name} {self.operator} {_written(self.values[0])}"


@dataclass(frozen=True)
class Negation:
    """The opposite of a rule; a row whose value is missing satisfies neither.

    Examples
    --------
    >>> from semascope.lexicon import Clause, Negation
    >>> str(Negation(Clause("genres", "contains", ("Drama",))))
    'not genres contains Drama'
    """

    rule: Rule

    def __str__(self) -> str:
        return f"not {_grouped(self.rule)}"


@dataclass(frozen=True)
class Junction:
    """Two or more rules, of which all or any must hold.

    Examples
    --------
    >>> from semascope.lexicon import Clause, Junction
    >>> str(Junction("or", (Clause("age", "<", ("18",)), Clause("age", ">=", ("65",)))))
    'age < 18 or age >= 65'
    """

    word: Literal["and", "or"]
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        if len(self.rules) < 2:
            raise InputError(f"'{self.word}' joins two or more rules, got {len(self.rules)}")

    def __str__(self) -> str:
        return f" {self.word} ".join(map(_grouped, self.rules))


Rule = Clause | Negation | Junction


def clauses(rule: Rule) -> Iterator[Clause]:
    """Go through the conditions of a rule, from left to right.

    Examples
    --------
    >>> from semascope.lexicon import clauses, parse_rule
    >>> [clause.column for clause in clauses(parse_rule("a = 1 and not (b = 2 or c = 3)"))]
    ['a', 'b', 'c']
    """
    if isinstance(rule, Clause):
        yield rule
    elif isinstance(rule, Negation):
        yield from clauses(rule.rule)
    else:
        for part in rule.rules:
            yield from clauses(part)


def parse_rule(text: str) -> Rule:
    """Read a rule; ``str`` writes it again.

    Conditions are ``column = value``, with ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``,
    ``column in (value, ...)``, ``column contains value`` and ``column is missing``. They are joined
    by ``and``, which binds closer, ``or``, ``not`` and parentheses. Columns and values may have
    spaces; where they hold such a word or a sign of the grammar they stand in double quotes, with
    JSON's escapes.

    Parameters
    ----------
    text : str
        The rule.

    Raises
    ------
    InputError
        If it cannot be read; the message says where and what was expected.

    Examples
    --------
    >>> from semascope.lexicon import parse_rule
    >>> parse_rule("year < 1980")
    Clause(column='year', operator='<', values=('1980',))
    >>> str(parse_rule('genre = "Rock and Roll" and (year<1980 or not artist is missing)'))
    'genre = "Rock and Roll" and (year < 1980 or not artist is missing)'
    """
    return _Reader(text).rule()


def _written(text: str) -> str:
    """Return a column or value as it must stand in a rule."""
    plain = _PLAIN.fullmatch(text) and not any(
        _keyword(word) in _KEYWORDS for word in text.split(" ")
    )
    return text if plain else json.dumps(text, ensure_ascii=False)


def _grouped(rule: Rule) -> str:
    return f"({rule})" if isinstance(rule, Junction) else str(rule)


def _keyword(word: str) -> str:
    """Return what a word says to the grammar: "Rock And Roll" has no keyword, "AND" is one."""
    return word.lower() if word in {word.lower(), word.upper()} else ""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.depth, self.nested = 0, 0

    def rule(self) -> Rule:
        found = self.junction("or")
        self.skip()
        if self.at < len(self.text):
            raise self.error("expected 'and', 'or' or the end")
        return found

    def junction(self, word: Literal["and", "or"]) -> Rule:
        parts = [self.part(word)]
        while self.take_word(word):
            parts.append(self.part(word))
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def part(self, word: str) -> Rule:
        return self.junction("and") if word == "or" else self.unary()

    def unary(self) -> Rule:
        self.nested += 1
        if self.nested > _DEEPEST:
            raise self.error(f"expected at most {_DEEPEST} 'not' and '(' inside each other")
        found = self.opposite_or_group()
        self.nested -= 1
        return found

    def opposite_or_group(self) -> Rule:
        if self.take_word("not"):
            return Negation(self.unary())
        if self.take("("):
            self.depth += 1
            inside = self.junction("or")
            self.depth -= 1
            if not self.take(")"):
                raise self.error("expected ')'")
            return inside
        return self.clause()

    def clause(self) -> Rule:
        column = self.column()
        self.skip()
        symbol = _SYMBOL.match(self.text, self.at)
        if symbol:
            self.at = symbol.end()
            operator: Operator = "=" if symbol[0] == "==" else symbol[0]  # type: ignore[assignment]
            return Clause(column, operator, (self.value(),))
        if self.take_word("contains"):
            return Clause(column, "contains", (self.value(),))
        if self.take_word("in"):
            return Clause(column, "in", self.values())
        if self.take_word("not") and self.take_word("in"):
            return Negation(Clause(column, "in", self.values()))
        if self.take_word("is"):
            opposite = self.take_word("not")
            if self.take_word("missing"):
                missing = Clause(column, "is missing")
                return Negation(missing) if opposite else missing
            raise self.error("expected 'missing'")
        raise self.error(
            f"expected =, !=, <, <=, >, >=, in, contains or is missing after '{column}' "
            "(a value that holds 'and' or 'or' must stand in double quotes)"
        )

    def column(self) -> str:
        quoted = self.quoted()
        if quoted is not None:
            return quoted
        found: list[str] = []
        while True:
            self.skip()
            word = _WORD.match(self.text, self.at)
            if word is None or _keyword(word[0]) in _KEYWORDS:
                break
            found.append(word[0])
            self.at = word.end()
        if not found:
            raise self.error(
                "expected the name of a column (in double quotes if it holds a word of the grammar)"
            )
        return " ".join(found)

    def values(self) -> tuple[str, ...]:
        if not self.take("("):
            raise self.error("expected '(' after 'in'")
        self.depth += 1
        out = [self.value(listed=True)]
        while self.take(","):
            out.append(self.value(listed=True))
        self.depth -= 1
        if not self.take(")"):
            raise self.error("expected ',' or ')'")
        return tuple(out)

    def value(self, *, listed: bool = False) -> str:
        quoted = self.quoted()
        if quoted is not None:
            return quoted
        self.skip()
        start, inner = self.at, 0
        while self.at < len(self.text):
            sign = self.text[self.at]
            if sign.isspace() and self.word_after() in {"and", "or"}:
                break
            if listed and sign == "," and not inner:
                break
            if sign == ")" and self.depth and not inner:
                break
            # A value like "Pan (dance)" has parentheses of its own.
            inner += (sign == "(") - (sign == ")" and inner > 0)
            self.at += 1
        found = " ".join(self.text[start : self.at].split())
        if not found:
            raise self.error("expected a value")
        return found

    def quoted(self) -> str | None:
        self.skip()
        if not self.text.startswith('"', self.at):
            return None
        match = _QUOTED.match(self.text, self.at)
        try:
            value = json.loads(match[0], strict=False) if match else None
        except json.JSONDecodeError:
            value = None
        if match is None or value is None:
            raise self.error('expected a text in double quotes, with \\" for a quote inside')
        self.at = match.end()
        return str(value)

    def word_after(self) -> str:
        match = _NEXT_WORD.match(self.text, self.at)
        return _keyword(match[1]) if match else ""

    def take_word(self, word: str) -> bool:
        self.skip()
        match = _WORD.match(self.text, self.at)
        if match is None or _keyword(match[0]) != word:
            return False
        self.at = match.end()
        return True

    def take(self, sign: str) -> bool:
        self.skip()
        found = self.text.startswith(sign, self.at)
        self.at += len(sign) if found else 0
        return found

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def error(self, expected: str) -> InputError:
        rest = self.text[self.at :].strip()
        where = f"at '{rest[:40]}'" if rest else "at its end"
        return InputError(f"cannot read the rule '{self.text}' {where}: {expected}")
