"""Ordered patterns of events that tell active rows: frequent ones, guarded against chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semascope.core import generator
from semascope.lexicon import Contrast, Events, write_pattern
from semascope.name.chance import (
    PRICE,
    SURER_THAN_SHORTER,
    Float32Array,
    chance_level,
    held_up,
    often_enough,
    signed_weights,
    z_of_change,
)
from semascope.name.found import Found

Pattern = tuple[int, ...]

_RAREST = 0.05
_CONTENDERS = 20


def find_patterns(
    events: Events,
    contrast: Contrast,
    *,
    longest: int = 3,
    at_once: int = 1000,
    shuffles: int = 99,
    most: int = 5,
    seed: int = 0,
) -> list[Found]:
    """Find ordered patterns such as ``visit then purchase`` that tell active rows, gaps allowed.

    Frequent patterns of all rows, active or not, are grown event by event from the rows that hold
    the pattern so far, as PrefixSpan does. Their quality is the share of activation they cover less
    the share of inactive rows. A longer pattern is taken only if it adds more to each pattern that
    it grew from than the best one does when activity is shuffled among the rows of that pattern;
    and nothing is returned unless the best pattern beats the best on shuffled activity in all but
    one of twenty shuffles.

    Parameters
    ----------
    events : Events
        Sequences of all rows; `Events.of` reads a column of lists.
    contrast : Contrast
        Active and inactive rows of the concept.
    longest : int, default 3
        Events of a pattern at most.
    at_once : int, default 1000
        Patterns of one length that are grown further, the most frequent ones.
    shuffles : int, default 99
        How often activity is shuffled.
    most : int, default 5
        How many patterns to return.
    seed : int
        Of the shuffles.

    Returns
    -------
    list of Found
        Best first; empty if nothing beats chance.

    References
    ----------
    Pei et al., "PrefixSpan: mining sequential patterns efficiently by prefix-projected pattern
    growth", 2001. Westfall and Young, "Resampling-based multiple testing", 1993.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast, Events
    >>> from semascope.name import find_patterns
    >>> lists = [["visit", "mail", "buy"]] * 20 + [["mail", "buy", "visit"]] * 20
    >>> events = Events.of(pl.Series(lists))
    >>> rows, none = np.arange(20), np.arange(0)
    >>> buyers = Contrast(rows, np.ones(20, dtype=np.float32), none, rows + 20)
    >>> [found.name for found in find_patterns(events, buyers)][:2]
    ['visit then buy', 'visit then mail']
    """
    n, m = len(contrast.active), len(contrast.inactive)
    if min(n, m) < 2:
        return []
    own = events.take(np.concatenate([contrast.active, contrast.inactive]))
    pool = _frequent(own, longest, at_once)
    if not pool.patterns:
        return []
    weights = signed_weights(contrast)
    scores = _scores(pool, weights[None])[0]
    chosen = _longest_sure(pool, scores, weights, n, shuffles, seed)
    if chosen is None or scores[chosen] <= 0:
        return []
    random = generator(seed, "shuffled activity")
    dealt = random.permuted(np.tile(weights, (shuffles, 1)), axis=1)
    null = _scores(pool, dealt).max(axis=1)
    if often_enough(null, float(scores[chosen]), shuffles):
        return []
    level = chance_level(null)
    order = np.lexsort((np.arange(len(scores)), -scores))
    length = len(pool.patterns[chosen])
    rest = [
        int(i)
        for i in order
        if i != chosen and scores[i] > level and len(pool.patterns[i]) <= length
    ]
    out = []
    for i in [chosen, *rest][:most]:
        name = write_pattern([events.vocabulary[event] for event in pool.patterns[i]])
        out.append(held_up(name, "pattern", pool.held[i], n, float(scores[i]), null))
    return out


@dataclass(frozen=True)
class _Pool:
    patterns: list[Pattern]
    held: npt.NDArray[np.bool_]


def _frequent(events: Events, longest: int, at_once: int) -> _Pool:
    """Grow all patterns that at least a twentieth of the rows hold."""
    n = len(events)
    least = max(2, int(np.ceil(_RAREST * n)))
    row_of = np.repeat(np.arange(n), np.diff(events.starts))
    present = np.unique(np.stack([events.codes.astype(np.int64), row_of]), axis=1)[0]
    often = np.flatnonzero(np.bincount(present, minlength=len(events.vocabulary)) >= least)
    # Where each event comes last tells which rows hold it after any place.
    last = np.full((len(often), n), -1, dtype=np.int64)
    number = np.full(len(events.vocabulary), -1)
    number[often] = np.arange(len(often))
    known = number[events.codes] >= 0
    np.maximum.at(
        last, (number[events.codes[known]], row_of[known]), np.flatnonzero(known).astype(np.int64)
    )
    patterns: list[Pattern] = []
    held: list[npt.NDArray[np.bool_]] = []
    parents: list[tuple[Pattern, npt.NDArray[np.int64]]] = [((), events.begin())]
    for _ in range(longest):
        grown: list[tuple[int, Pattern, npt.NDArray[np.int64]]] = []
        for parent, places in parents:
            after = last > places
            support = after.sum(axis=1)
            for i in np.flatnonzero(support >= least):
                pattern = (*parent, int(often[i]))
                patterns.append(pattern)
                held.append(after[i])
                grown.append((int(support[i]), pattern, places))
        grown.sort(key=lambda one: (-one[0], one[1]))
        parents = [(p, events.after(p[-1], places)) for _, p, places in grown[:at_once]]
    return _Pool(patterns, np.stack(held) if held else np.zeros((0, n), dtype=np.bool_))


def _scores(pool: _Pool, weights: Float32Array) -> npt.NDArray[np.float64]:
    """Return quality less price, shape (weights, patterns)."""
    prices = PRICE * (np.array([len(p) for p in pool.patterns]) - 1)
    return (weights @ pool.held.T.astype(np.float32)).astype(np.float64) - prices


def _longest_sure(
    pool: _Pool,
    scores: npt.NDArray[np.float64],
    weights: Float32Array,
    n: int,
    shuffles: int,
    seed: int,
) -> int | None:
    """Return the best pattern of which no event is there by chance."""
    index = {pattern: i for i, pattern in enumerate(pool.patterns)}
    order = np.lexsort((np.arange(len(scores)), -scores))
    lengths = np.array([len(pattern) for pattern in pool.patterns])
    best: int | None = None
    for length in range(1, int(lengths.max()) + 1):
        contenders = [int(i) for i in order if lengths[i] == length][:_CONTENDERS]
        for i in contenders:
            if best is None:
                best = i
                continue
            if scores[i] <= scores[best]:
                break
            change = pool.held[i].astype(np.float32) - pool.held[best]
            if z_of_change(change, weights, n) >= SURER_THAN_SHORTER and all(
                _adds(pool, index[shorter], i, weights, shuffles, seed)
                for shorter in _shorter(pool.patterns[i])
                if length > 1
            ):
                best = i
                break
    return best


def _shorter(pattern: Pattern) -> set[Pattern]:
    return (
        {pattern[:i] + pattern[i + 1 :] for i in range(len(pattern))} if len(pattern) > 1 else set()
    )


def _adds(
    pool: _Pool, before: int, after: int, weights: Float32Array, shuffles: int, seed: int
) -> bool:
    """Return whether an event adds more than the best event would by chance."""
    shorter = pool.patterns[before]
    options = [i for i, p in enumerate(pool.patterns) if shorter in _shorter(p)]
    covered = pool.held[before]
    dealt = generator(seed, "shuffled within", *shorter).permuted(
        np.tile(weights[covered], (shuffles, 1)), axis=1
    )
    inside = pool.held[:, covered].astype(np.float32)
    null = (dealt @ inside[options].T).max(axis=1)
    return not often_enough(
        null.astype(np.float64), float(inside[after] @ weights[covered]), shuffles
    )
