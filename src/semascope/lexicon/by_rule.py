"""Which rows a rule holds for: rules as names that can be tested without any codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, did_you_mean, listed
from semascope.lexicon.rows import Rows
from semascope.lexicon.rules import Clause, Junction, Negation, Rule, clauses, parse_rule

Float32Array = npt.NDArray[np.float32]

_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?)?)?)?$")


@dataclass
class ByRule:
    """Whether a row satisfies a rule such as ``genre = Horror and year < 1980``.

    Parameters
    ----------
    items : polars.DataFrame
        All rows.
    graded : bool, default False
        Score the share of satisfied conditions of an *and*, instead of 0 or 1.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByRule
    >>> items = pl.DataFrame({"genre": ["Horror", "Horror", "Drama"], "year": [1968, 1999, None]})
    >>> rule = "genre = Horror and year < 1980"
    >>> ByRule(items)([rule], np.arange(3)).tolist()
    [[1.0, 0.0, 0.0]]
    >>> ByRule(items, graded=True)([rule], np.arange(3)).tolist()
    [[1.0, 0.5, 0.0]]
    """

    items: pl.DataFrame
    graded: bool = False

    def __call__(self, names: Sequence[str], rows: Rows) -> Float32Array:
        """Return scores from 0 to 1, shape (names, rows)."""
        rules = [parse_rule(name) for name in names]
        for rule in rules:
            check_rule(rule, self.items)
        used = {clause.column for rule in rules for clause in clauses(rule)}
        frame = self.items.select(sorted(used))[rows] if used else pl.DataFrame()
        out = np.zeros((len(names), len(rows)), dtype=np.float32)
        for i, rule in enumerate(rules):
            out[i] = _share(rule, frame) if self.graded else holds(rule, frame)
        return out


def holds(rule: Rule, items: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Return for each row whether the rule holds.

    A condition on a missing value is unknown: neither it nor its negation holds, but *or* with a
    condition that holds does (Kleene's logic, as in SQL). NaN counts as missing. Dates may be
    written in part: ``day = 1998-03`` is any day of that month.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon import holds, parse_rule
    >>> items = pl.DataFrame({"year": [1968, None]})
    >>> holds(parse_rule("year != 1999"), items), holds(parse_rule("not year = 1999"), items)
    (array([ True, False]), array([ True, False]))
    """
    check_rule(rule, items)
    return _held(rule, items)


def check_rule(rule: Rule, items: pl.DataFrame) -> None:
    """Raise if a rule asks for a column that is not there, or for what the column cannot answer.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.core import InputError
    >>> from semascope.lexicon import check_rule, parse_rule
    >>> try:
    ...     check_rule(parse_rule("yaer < 1980"), pl.DataFrame({"year": [1968]}))
    ... except InputError as err:
    ...     print(err)
    no column 'yaer' for 'yaer < 1980'; did you mean 'year'? There are: year
    """
    for clause in clauses(rule):
        if clause.column not in items.columns:
            raise InputError(
                f"no column '{clause.column}' for '{clause}'"
                f"{did_you_mean(clause.column, items.columns) or '.'}"
                f" There are: {listed(items.columns)}"
            )
        _answers(clause, items[clause.column].head(0))


def _held(rule: Rule, items: pl.DataFrame) -> npt.NDArray[np.bool_]:
    known = _known(rule, items)
    # Thousands of rules are asked, mostly of columns without gaps, where each call counts.
    if known.null_count():
        known = known.fill_null(False)
    return np.asarray(known.to_numpy(), dtype=np.bool_)


def _known(rule: Rule, items: pl.DataFrame) -> pl.Series:
    """Return true, false, or null where a missing value leaves it open."""
    if isinstance(rule, Clause):
        return _answers(rule, items[rule.column])
    if isinstance(rule, Negation):
        return ~_known(rule.rule, items)
    found = _known(rule.rules[0], items)
    for part in rule.rules[1:]:
        other = _known(part, items)
        found = found & other if rule.word == "and" else found | other
    return found


def _share(rule: Rule, items: pl.DataFrame) -> npt.NDArray[np.float64]:
    if isinstance(rule, Negation) and not isinstance(rule.rule, Clause):
        inner = rule.rule
        if isinstance(inner, Negation):
            return _share(inner.rule, items)
        # De Morgan, so that what is counted are always single conditions.
        word = "or" if inner.word == "and" else "and"
        return _share(Junction(word, tuple(map(Negation, inner.rules))), items)  # type: ignore[arg-type]
    if isinstance(rule, Junction):
        parts = np.stack([_share(part, items) for part in rule.rules])
        return np.asarray(parts.mean(axis=0) if rule.word == "and" else parts.max(axis=0))
    return _held(rule, items).astype(np.float64)


def _answers(clause: Clause, column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if dtype.is_float() and np.isnan(float(column.sum())):
        column = column.fill_nan(None)
    if clause.operator == "is missing":
        return column.is_null()
    if dtype == pl.List or dtype == pl.Array:
        return _of_lists(clause, column)
    if clause.operator == "contains":
        return _of_texts(clause, column)
    if dtype.is_numeric():
        numbers = [_number(clause, value) for value in clause.values]
        return _compared(clause, column, [(number, number) for number in numbers])
    if dtype == pl.Date or dtype == pl.Datetime:
        moments = column.cast(pl.Datetime("us")) if dtype == pl.Date else column
        if dtype == pl.Datetime:
            moments = column.dt.replace_time_zone(None).dt.cast_time_unit("us")
        return _compared(clause, moments, [_span(clause, value) for value in clause.values])
    if clause.operator not in {"=", "!=", "in"}:
        raise InputError(
            f"'{clause.operator}' in '{clause}' needs numbers or dates, and column "
            f"'{clause.column}' holds {_kind(dtype)}"
        )
    if dtype == pl.Boolean:
        truths = [_truth(clause, value) for value in clause.values]
        return _compared(clause, column.cast(pl.Int8), [(t, t) for t in truths])
    _require_texts(clause, column)
    found = column.cast(pl.String).is_in(list(clause.values))
    return ~found if clause.operator == "!=" else found


def _compared(clause: Clause, column: pl.Series, spans: list[tuple[object, object]]) -> pl.Series:
    """Compare with values that are numbers, or spans of time from a start up to an end."""
    low, high = spans[0]

    def within() -> pl.Series:
        return reduce(or_, ((column >= start) & (column <= end) for start, end in spans))

    operators: dict[str, Callable[[], pl.Series]] = {
        "=": within,
        "in": within,
        "!=": lambda: ~within(),
        "<": lambda: column < low,
        "<=": lambda: column <= high,
        ">": lambda: column > high,
        ">=": lambda: column >= low,
    }
    return operators[clause.operator]()


def _of_lists(clause: Clause, column: pl.Series) -> pl.Series:
    inner = column.dtype.inner  # type: ignore[attr-defined]
    if clause.operator not in {"=", "!=", "in", "contains"} or inner.is_nested():
        raise InputError(
            f"'{clause.operator}' in '{clause}' does not work on column '{clause.column}', which "
            f"holds {_kind(column.dtype)}; ask for what they contain"
        )
    lists = column.cast(pl.List(inner))
    single = Clause(clause.column, "in", clause.values)
    numbers = pl.int_range(len(lists), eager=True)
    parts = pl.DataFrame({"row": numbers, "value": lists}).explode("value")
    hit = _answers(single, parts["value"]).fill_null(False)
    found = np.zeros(len(lists), dtype=np.bool_)
    found[parts["row"].filter(hit).to_numpy()] = True
    out = pl.Series(found).set(lists.is_null(), None)
    return ~out if clause.operator == "!=" else out


def _of_texts(clause: Clause, column: pl.Series) -> pl.Series:
    _require_texts(clause, column)
    texts = column.cast(pl.String).str.to_lowercase()
    return texts.str.contains(clause.values[0].lower(), literal=True)


def _require_texts(clause: Clause, column: pl.Series) -> None:
    dtype = column.dtype
    if not (dtype == pl.String or dtype == pl.Categorical or dtype == pl.Enum or dtype == pl.Null):
        raise InputError(
            f"'{clause.operator}' in '{clause}' does not work on column '{clause.column}', which "
            f"holds {_kind(dtype)}"
        )


def _number(clause: Clause, text: str) -> int | float:
    for read in (int, float):
        try:
            value: int | float = read(text)
        except ValueError:
            continue
        if not np.isnan(value):
            return value
    raise InputError(f"column '{clause.column}' holds numbers, and '{text}' is none")


def _truth(clause: Clause, text: str) -> int:
    if text.lower() not in {"true", "false"}:
        raise InputError(f"column '{clause.column}' is true or false, not '{text}'")
    return int(text.lower() == "true")


def _span(clause: Clause, text: str) -> tuple[datetime, datetime]:
    """Return the first and last microsecond of a date that may be written in part."""
    match = _DATE.match(text)
    try:
        if match is None:
            raise ValueError
        year, *rest = [int(part) for part in match.groups() if part is not None]
        defaults = [1, 1, 0, 0, 0]
        start = datetime(year, *[*rest, *defaults[len(rest) :]])  # type: ignore[arg-type]
        if len(rest) == 0:
            end = start.replace(month=12, day=31, hour=23, minute=59, second=59, microsecond=999999)
        elif len(rest) == 1:
            month_on = (start.replace(day=28) + timedelta(days=4)).replace(day=1)
            end = month_on - timedelta(microseconds=1)
        else:
            step = {2: 86400, 4: 60, 5: 1}[len(rest)]
            end = start + timedelta(seconds=step) - timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise InputError(
            f"column '{clause.column}' holds dates, and '{text}' is none: write 1998, 1998-03, "
            "1998-03-31 or 1998-03-31 12:00"
        ) from None
    return start, end


def _kind(dtype: pl.DataType) -> str:
    if dtype == pl.List or dtype == pl.Array:
        return "lists"
    if dtype == pl.Boolean:
        return "true and false"
    if dtype.is_numeric():
        return "numbers"
    return "text" if dtype in (pl.String, pl.Categorical, pl.Enum) else str(dtype).lower()
