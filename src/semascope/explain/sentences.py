"""Findings in plain English, with effects in the outcome's own units."""

from __future__ import annotations

import re
from typing import Any

from semascope.explain.kinds import Outcome

_BEFORE = "$€£¥"


def sentence(row: dict[str, Any], outcome: Outcome, items: str = "items") -> str:
    """Say what one row of the table of findings says.

    Parameters
    ----------
    row : dict
        Of `Findings.table`.
    outcome : Outcome
        What was explained.
    items : str, default "items"
        What rows are, in the plural.

    Examples
    --------
    >>> from semascope.explain import read_outcome
    >>> from semascope.explain.sentences import sentence
    >>> row = {"concept": "c1", "name": "a question", "effect": 6.0, "low": 3.0, "high": 9.0}
    >>> sentence(row, read_outcome([0, 1], "paired"), "headlines")
    'headlines with “a question” win 6 points more often [3, 9]'
    >>> sentence(row | {"level": "offensive"}, read_outcome(["offensive", "hateful", "fine"]))
    'items with “a question” are 6 points more often offensive [3, 9]'
    """
    who = f"{items} with {_named(row)}"
    effect, low, high = row["effect"], row["low"], row["high"]
    if outcome.is_ratio:
        return f"{who} have {_times(effect, low, high, f' the {_of(outcome)}')}"
    size, ends = ends_text(effect, low, high)
    more = "more" if effect >= 0 else "less"
    if outcome.kind == "paired":
        return f"{who} win {size} points {more} often {ends}"
    if outcome.kind == "ordinal":
        return f"{who} rank {size} percentile points {_way(effect)} on {outcome.name} {ends}"
    if outcome.kind in ("binary", "multiclass"):
        return f"{who} are {size} points {more} often {_hit(outcome, row.get('level'))} {ends}"
    return f"{who} have a {outcome.name} that is {_sized(size, outcome)} {_way(effect)} {ends}"


def by_name(row: dict[str, Any], outcome: Outcome) -> str:
    """Say whether the name alone, without the codes, goes with the outcome too.

    Examples
    --------
    >>> from semascope.explain import read_outcome
    >>> from semascope.explain.sentences import by_name
    >>> row = {"name_effect": 4.0, "name_low": 1.0, "name_high": 7.0}
    >>> by_name(row, read_outcome([0, 1], "paired"))
    'by the words alone 4 [1, 7]'
    >>> by_name({"name_effect": 1.0, "name_low": -2.0, "name_high": 4.0}, read_outcome([0, 1]))
    'not by the words alone: 1 [-2, 4]'
    """
    if row.get("name_effect") is None:
        return ""
    effect, low, high = row["name_effect"], row["name_low"], row["name_high"]
    none = 1.0 if outcome.is_ratio else 0.0
    up = row.get("effect", effect) >= none
    same = low > none if up else high < none
    if not up and not outcome.is_ratio:
        # Told in the direction of the finding.
        effect, low, high = -effect, -high, -low
    width = high - low
    said = f"{number(effect, width)} [{number(low, width)}, {number(high, width)}]"
    if outcome.is_ratio:
        said = _times(effect, low, high)
    return f"by the words alone {said}" if same else f"not by the words alone: {said}"


def number(value: float, width: float) -> str:
    """Write a number with as many digits as its interval's width deserves.

    Examples
    --------
    >>> from semascope.explain.sentences import number
    >>> number(12345.6, 800.0), number(0.1234, 0.02), number(6.04, 5.0)
    ('12,300', '0.123', '6')
    """
    import math

    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if not math.isfinite(width) or width <= 0:
        width = abs(value) or 1.0
    digits = -math.floor(math.log10(width / 5))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}" if rounded else "0"


def _named(row: dict[str, Any]) -> str:
    return f"“{row['name']}”" if row["name"] is not None else f"concept {row['concept']}"


def _hit(outcome: Outcome, level: str | None) -> str:
    if level is None:
        level = outcome.levels[1] if outcome.levels else "1"
        if level.lower() in ("1", "true", "yes"):
            return outcome.name
    # A word says by itself what it is; numbers and abbreviations need the column.
    alone = re.fullmatch(r"[^\W\d_]{4,}([ -][^\W\d_]+)*", level) is not None
    return level if alone else f"{outcome.name} = {level}"


def _sized(size: str, outcome: Outcome) -> str:
    if outcome.unit == outcome.name:
        return size
    return f"{outcome.unit}{size}" if outcome.unit in _BEFORE else f"{size} {outcome.unit}"


def _way(effect: float) -> str:
    return "higher" if effect >= 0 else "lower"


def _of(outcome: Outcome) -> str:
    return f"hazard of {outcome.name}" if outcome.kind == "survival" else outcome.name


def _times(effect: float, low: float, high: float, what: str = "") -> str:
    digits = ".2f" if high < 100 else ".3g"
    return f"{effect:{digits}} times{what} [{low:{digits}}, {high:{digits}}]"


def ends_text(effect: float, low: float, high: float) -> tuple[str, str]:
    """Return size without sign, and the interval in the same direction, its smaller end first.

    Examples
    --------
    >>> from semascope.explain.sentences import ends_text
    >>> ends_text(-6.0, -9.0, -3.0)
    ('6', '[3, 9]')
    """
    if effect < 0:
        effect, low, high = -effect, -high, -low
    width = high - low
    return number(effect, width), f"[{number(low, width)}, {number(high, width)}]"
