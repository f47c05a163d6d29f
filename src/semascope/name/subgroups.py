"""Rules that say which rows fire a concept: a beam search, guarded against chance."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from semascope.core import generator
from semascope.lexicon import Clause, Conditions, Contrast, Junction, Rule
from semascope.name.chance import (
    PRICE,
    SURE,
    SURER_THAN_SHORTER,
    Float32Array,
    chance_level,
    held_up,
    often_enough,
    signed_weights,
    z_of_change,
)
from semascope.name.found import Found

# A condition is one or more columns of the matrix: several are values of one set.
Part = tuple[int, ...]

_LARGEST_SET = 3
_AT_ONCE = 33


def find_rules(
    conditions: Conditions,
    contrast: Contrast,
    *,
    depth: int = 3,
    width: int = 5,
    shuffles: int = 99,
    most: int = 5,
    seed: int = 0,
) -> list[Found]:
    """Find rules such as ``genre = Horror and year < 1980`` that tell active rows.

    The quality of a rule is the share of activation it covers less the share of inactive rows,
    which is weighted relative accuracy on balanced classes, and twice its AUROC less 1. A beam
    search joins conditions by *and*; values of one column may stand together (``in``). Longer
    rules pay for each condition, and are taken only if each condition adds more than the best one
    adds when activity is shuffled among the rows that the others cover. Then activity is shuffled
    over all rows, and the same search is made: a rule is returned only if at most one in twenty
    shuffles leads to one as good.

    Parameters
    ----------
    conditions : Conditions
        From `semascope.lexicon.conditions`, over rows that hold those of the contrast.
    contrast : Contrast
        Active and inactive rows of the concept.
    depth, width : int
        Conditions of a rule at most; rules that are followed up at a time.
    shuffles : int, default 99
        How often activity is shuffled.
    most : int, default 5
        How many rules to return; after the best one, single conditions.
    seed : int
        Of the shuffles.

    Returns
    -------
    list of Found
        Best first; empty if nothing beats chance.

    References
    ----------
    Lavrač, Flach and Zupan, "Rule evaluation measures: a unifying view", 1999 (weighted relative
    accuracy). Atzmueller, "Subgroup discovery", 2015. Westfall and Young, "Resampling-based
    multiple testing", 1993 (the largest of many statistics under shuffling).

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import conditions, find_rules
    >>> items = pl.DataFrame({"genre": ["Horror", "Drama"] * 20, "year": range(1960, 2000)})
    >>> rows, none = np.arange(0, 40, 2), np.arange(0)
    >>> horror = Contrast(rows, np.ones(20, dtype=np.float32), none, rows + 1)
    >>> find_rules(conditions(items, np.arange(40)), horror)[0].name
    'genre = Horror'
    """
    n, m = len(contrast.active), len(contrast.inactive)
    if min(n, m) < 2 or not conditions.rules:
        return []
    held = conditions.at(np.concatenate([contrast.active, contrast.inactive]))
    weights = signed_weights(contrast)
    search = _Search(conditions, held.astype(np.float32), depth, width)
    _, beams = search.run(weights[None])
    chosen = _longest_sure(beams, search, weights, n, shuffles, seed)
    if chosen is None or chosen.score <= 0:
        return []
    null = _shuffled(search, weights, chosen.score, shuffles, seed)
    if null is None:
        return []
    level = chance_level(null)
    singles = [rule for rule in beams[0] if rule.score > level and rule.parts != chosen.parts]
    out = []
    for rule in [chosen, *singles][:most]:
        name = str(_written(rule.parts, conditions))
        out.append(held_up(name, "rule", search.cover(rule.parts) > 0, n, rule.score, null))
    return out


class _Candidate(NamedTuple):
    parts: tuple[Part, ...]
    columns: frozenset[str]
    quality: float
    score: float
    cost: float


_EVERYTHING = _Candidate((), frozenset(), 0.0, 0.0, 0.0)


class _Search:
    """The beam search, for many dealings of activity over the same rows at a time."""

    def __init__(self, conditions: Conditions, held: Float32Array, depth: int, width: int) -> None:
        self.conditions, self.held = conditions, held
        self.depth, self.width = depth, width
        k = len(conditions.rules)
        sizes = range(2, _LARGEST_SET + 1)
        # Options of a step: each condition, then the best two and three of each set.
        self.sets = [(which, size) for which in range(len(conditions.sets)) for size in sizes]
        extra = [1 + 0.5 * (size - 1) for _, size in self.sets]
        self.costs = np.concatenate([conditions.costs, extra])
        columns = [_column(rule) for rule in conditions.rules]
        self.columns = [*columns, *(columns[conditions.sets[which][0]] for which, _ in self.sets)]
        self.k = k
        self._covers: dict[Part, Float32Array] = {}

    def run(self, weights: Float32Array) -> tuple[npt.NDArray[np.float64], list[list[_Candidate]]]:
        """Return the best score for each dealing, and the beams of the first one."""
        best = np.full(len(weights), -np.inf)
        beams: list[list[_Candidate]] = []
        parents: list[list[_Candidate]] = [[_EVERYTHING] for _ in weights]
        for level in range(self.depth):
            owner = np.repeat(np.arange(len(weights)), [len(p) for p in parents])
            followed = [candidate for own in parents for candidate in own]
            rows = weights[owner]
            if level:
                rows = rows * np.stack([self.cover(c.parts) for c in followed])
            qualities, chosen = self.options(rows, self.held)
            paid = np.array([c.cost for c in followed])[:, None] + self.costs
            scores = qualities - PRICE * (paid - 1)
            np.maximum.at(best, owner, scores.max(axis=1))
            last = level == self.depth - 1
            starts = np.searchsorted(owner, np.arange(len(weights) + 1))
            for deal in range(1 if last else len(weights)):
                span = slice(int(starts[deal]), int(starts[deal + 1]))
                parents[deal] = self._keep(
                    followed[span], scores[span], qualities[span], paid[span], chosen, span.start
                )
            beams.append(parents[0])
            if last or not any(parents):
                break
        return best, beams

    def cover(self, parts: tuple[Part, ...]) -> Float32Array:
        """Return 1 where all parts hold, shape (rows,)."""
        out = np.ones(len(self.held), dtype=np.float32)
        for part in parts:
            if part not in self._covers:
                self._covers[part] = self.held[:, list(part)].max(axis=1)
            out *= self._covers[part]
        return out

    def options(
        self, rows: Float32Array, held: Float32Array
    ) -> tuple[npt.NDArray[np.float64], list[npt.NDArray[np.int64]]]:
        """Return the quality of each option for each row of weights, and members of the sets."""
        single = (rows @ held).astype(np.float64)
        members, extra = [], []
        for which, size in self.sets:
            own = self.conditions.sets[which]
            # Values exclude each other, so the best set is that of the best values.
            top = np.argsort(-single[:, own], axis=1, kind="stable")[:, :size]
            members.append(own[top])
            gains = np.take_along_axis(single[:, own], top, axis=1)
            # A set whose last value adds nothing is a smaller set.
            extra.append(np.where(gains[:, -1] > 0, gains.sum(axis=1), -np.inf))
        if not extra:
            return single, []
        return np.concatenate([single, np.stack(extra, axis=1)], axis=1), members

    def _keep(
        self,
        parents: list[_Candidate],
        scores: npt.NDArray[np.float64],
        qualities: npt.NDArray[np.float64],
        paid: npt.NDArray[np.float64],
        members: list[npt.NDArray[np.int64]],
        start: int,
    ) -> list[_Candidate]:
        flat = scores.ravel()
        most = min(len(flat), 8 * self.width)
        order = np.argpartition(-flat, most - 1)[:most]
        order = order[np.lexsort((order, -flat[order]))]
        kept: list[_Candidate] = []
        seen: set[frozenset[Part]] = set()
        about: dict[frozenset[str], int] = {}
        for place, score in zip(order.tolist(), flat[order].tolist(), strict=True):
            if not isfinite(score):
                break
            which, option = divmod(place, scores.shape[1])
            parent = parents[which]
            columns = parent.columns | {self.columns[option]}
            # Neighbouring cuts of one column would fill the beam with one rule.
            if about.get(columns, 0) >= 2:
                continue
            part: Part = (option,)
            if option >= self.k:
                part = tuple(sorted(members[option - self.k][start + which].tolist()))
            parts = (*parent.parts, part)
            key = frozenset(parts)
            if key in seen:
                continue
            seen.add(key)
            about[columns] = about.get(columns, 0) + 1
            quality, cost = float(qualities[which, option]), float(paid[which, option])
            kept.append(_Candidate(parts, columns, quality, score, cost))
            if len(kept) == self.width:
                break
        return kept


def _longest_sure(
    beams: list[list[_Candidate]],
    search: _Search,
    weights: Float32Array,
    n: int,
    shuffles: int,
    seed: int,
) -> _Candidate | None:
    """Return the best rule of which no part is there by chance."""
    everything = sorted((c for beam in beams for c in beam), key=lambda c: (c.cost, -c.score))
    if not everything:
        return None
    best = everything[0]
    steps: dict[tuple[Part, ...], bool] = {}
    for candidate in everything[1:]:
        if candidate.score <= best.score:
            continue
        change = search.cover(candidate.parts) - search.cover(best.parts)
        if z_of_change(change, weights, n) < SURER_THAN_SHORTER:
            continue
        for length in range(1, len(candidate.parts) + 1):
            step = candidate.parts[:length]
            if step not in steps:
                steps[step] = _adds(search, step, weights, n, shuffles, seed)
            if not steps[step]:
                break
        else:
            best = candidate
    return best


def _adds(
    search: _Search,
    parts: tuple[Part, ...],
    weights: Float32Array,
    n: int,
    shuffles: int,
    seed: int,
) -> bool:
    """Return whether the last part of a rule adds more than the best part would by chance.

    Activity is dealt out anew among the rows that the rule without its last part covers.
    """
    *before, last = parts
    if len(last) > 1:
        # The weakest value of a set, against a value that adds nothing, of all that there are.
        gains = [search.held[:, i] for i in last]
        sure = norm.isf(SURE / max(map(len, search.conditions.sets)))
        within = search.cover(tuple(before))
        if min(z_of_change(gain * within, weights, n) for gain in gains) < sure:
            return False
    if not before:
        return True
    covered = search.cover(tuple(before)) > 0
    inside = search.held[covered]
    dealt = generator(seed, "shuffled within", len(before)).permuted(
        np.tile(weights[covered], (shuffles, 1)), axis=1
    )
    costs = search.costs
    null = (search.options(dealt, inside)[0] - PRICE * costs).max(axis=1)
    cost = 1 + 0.5 * (len(last) - 1) if len(last) > 1 else costs[last[0]]
    reached = float(weights[covered] @ inside[:, list(last)].max(axis=1)) - PRICE * cost
    return not often_enough(null, reached, shuffles)


def _shuffled(
    search: _Search, weights: Float32Array, score: float, shuffles: int, seed: int
) -> npt.NDArray[np.float64] | None:
    """Return the best score for each shuffle; None as soon as chance is as good too often."""
    random = generator(seed, "shuffled activity")
    null = np.zeros(0)
    while len(null) < shuffles:
        n = min(_AT_ONCE, shuffles - len(null))
        dealt = random.permuted(np.tile(weights, (n, 1)), axis=1)
        null = np.append(null, search.run(dealt)[0])
        if often_enough(null, score, shuffles):
            return None
    return null


def _column(rule: Rule) -> str:
    while not isinstance(rule, Clause):
        rule = rule.rule if not isinstance(rule, Junction) else rule.rules[0]
    return rule.column


def _written(parts: tuple[Part, ...], conditions: Conditions) -> Rule:
    rules: list[Rule] = []
    for part in parts:
        own = [conditions.rules[i] for i in part]
        if len(own) == 1:
            rules.append(own[0])
            continue
        values = tuple(rule.values[0] for rule in own if isinstance(rule, Clause))
        rules.append(Clause(_column(own[0]), "in", values))
    if len(rules) == 1:
        return rules[0]
    # Conditions on one column stand together, and a span is read from its lower end.
    columns = list(dict.fromkeys(map(_column, rules)))
    upper = [isinstance(rule, Clause) and rule.operator == "<" for rule in rules]
    order = sorted(range(len(rules)), key=lambda i: (columns.index(_column(rules[i])), upper[i]))
    return Junction("and", tuple(rules[i] for i in order))
