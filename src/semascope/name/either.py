"""Rules joined by *or*: what the inactive rows have in common, turned round."""

from __future__ import annotations

import numpy as np
import polars as pl

from semascope.lexicon import (
    Clause,
    Conditions,
    Contrast,
    Junction,
    Negation,
    Rule,
    holds,
    parse_rule,
)
from semascope.name.chance import PRICE, SURER_THAN_SHORTER, signed_weights, z_of_change
from semascope.name.found import Found
from semascope.name.subgroups import find_rules

_OPPOSITE = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def find_either(
    items: pl.DataFrame, conditions: Conditions, contrast: Contrast, best: Found, *, seed: int = 0
) -> Found | None:
    """Find a rule such as ``genre = Horror or year < 1980`` that is better than the best other one.

    Where *a or b* is active, inactive rows are those of *not a and not b*: a conjunction, which
    `find_rules` finds with all its guards when active and inactive rows change places.

    Parameters
    ----------
    items : polars.DataFrame
        All rows.
    conditions, contrast
        As for `find_rules`.
    best : Found
        The best rule by `find_rules`, which showed that activity is no chance. The result exceeds
        it by more than its longer text costs, and by 1.6 standard errors.
    seed : int
        Of the shuffles.

    Returns
    -------
    Found or None

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import conditions, find_rules
    >>> from semascope.name.either import find_either
    >>> items = pl.DataFrame({"a": ["x", "y", "z", "y"] * 20, "b": ["u", "u", "v", "v"] * 20})
    >>> rows, one = np.arange(80), np.ones(60, dtype=np.float32)
    >>> drawn = Contrast(rows[rows % 4 != 3], one, np.arange(0), rows[rows % 4 == 3])
    >>> table = conditions(items, rows)
    >>> find_either(items, table, drawn, find_rules(table, drawn)[0]).name
    'a != y or b != v'
    """
    turned = Contrast(
        contrast.inactive,
        np.ones(len(contrast.inactive), dtype=np.float32),
        np.zeros(0, dtype=np.int64),
        contrast.active,
    )
    found = find_rules(conditions, turned, most=1, seed=seed)
    rule = parse_rule(found[0].name) if found else None
    if not isinstance(rule, Junction) or rule.word != "and":
        return None
    either = Junction("or", tuple(_opposite(part, items) for part in rule.rules))
    n, rows = len(contrast.active), np.concatenate([contrast.active, contrast.inactive])
    used = items[rows]
    cover = holds(either, used)
    change = cover.astype(np.float32) - holds(parse_rule(best.name), used)
    weights = signed_weights(contrast)
    if float(change @ weights) < PRICE * len(either.rules):
        return None
    if z_of_change(change, weights, n) < SURER_THAN_SHORTER:
        return None
    active, inactive = float(cover[:n].mean()), float(cover[n:].mean())
    auroc = (1 + active - inactive) / 2
    return Found(str(either), "rule", auroc, found[0].chance, found[0].p, active, inactive)


def _opposite(rule: Rule, items: pl.DataFrame) -> Rule:
    if isinstance(rule, Negation):
        return rule.rule
    if not isinstance(rule, Clause) or rule.operator not in _OPPOSITE:
        return Negation(rule)
    if items[rule.column].dtype == pl.Boolean:
        return Clause(rule.column, "=", ("false" if rule.values == ("true",) else "true",))
    if items[rule.column].dtype == pl.List:
        return Negation(rule)
    return Clause(rule.column, _OPPOSITE[rule.operator], rule.values)  # type: ignore[arg-type]
