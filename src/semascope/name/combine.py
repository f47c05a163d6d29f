"""Two names for a concept that one name does not describe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from semascope.core import auroc
from semascope.lexicon import JOINS, Combined, Contrast, Join, join_names
from semascope.lexicon.combined import WITHOUT
from semascope.name.chance import PRICE, SURE
from semascope.name.found import Found

_FIRST = 5
_CONTENDERS = 20


def combine_names(
    names: Sequence[str],
    contrast: Contrast,
    relevance: Combined,
    *,
    partners: Sequence[str] = (),
    most: int = 3,
) -> list[Found]:
    """Find ``X and Y``, ``X or Y`` or ``X but not Y`` that beat the best single name.

    Each of the first five names is joined with each other one and with each partner, in all three
    ways. A combination is returned only if its AUROC exceeds that of the best single name by 0.01
    and by more than chance: the test of two AUROCs on the same rows, with its level divided by the
    number of combinations tried.

    Parameters
    ----------
    names : sequence of str
        Single names of the concept, best first.
    contrast : Contrast
        Held-in rows of the concept.
    relevance : Combined
        Scores rows by single and by joined names.
    partners : sequence of str
        More names to join with: of neighbours, or over-represented among near-misses. Give the
        whole pool: one that was chosen from many on the same rows makes chance look good.
    most : int, default 3
        How many to return.

    Returns
    -------
    list of Found
        Best first; mostly empty. Their `chance` is what a combination that adds nothing to the best
        name stays under, their `p` is corrected for the number tried.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver
    operating characteristic curves", 1988.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Combined, Contrast
    >>> from semascope.name import combine_names
    >>> texts = pl.Series(["late train", "late bus", "red train", "tea"] * 20)
    >>> rows, none = np.arange(80), np.arange(0)
    >>> one = np.ones(20, dtype=np.float32)
    >>> some = Contrast(rows[rows % 4 == 1], one, none, rows[rows % 4 != 1])
    >>> combined = Combined(ByWords(texts), rows)
    >>> combine_names(["late", "tea"], some, combined, partners=["train"])[0].name
    'late but not train'
    """
    firsts = list(dict.fromkeys(names))
    pool = list(dict.fromkeys([*firsts, *partners]))
    pairs = _pairs(firsts, pool)
    return better_joins(pairs, firsts, contrast, relevance, most=most)


def better_joins(
    pairs: Sequence[tuple[str, Join, str]],
    singles: Sequence[str],
    contrast: Contrast,
    relevance: Combined,
    *,
    tried: int | None = None,
    most: int = 3,
) -> list[Found]:
    """Return the joined names that beat the best single name by 0.01 AUROC and more than chance.

    Parameters
    ----------
    pairs : sequence of (str, str, str)
        What is tried: a name, how it is joined, another name.
    singles : sequence of str
        What has to be beaten.
    contrast, relevance, most
        As for `combine_names`.
    tried : int, optional
        Among how many the pairs were chosen on the same rows; by default there are no others.

    Returns
    -------
    list of Found
        Best first; their `p` is corrected for the number tried.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Combined, Contrast
    >>> from semascope.name.combine import better_joins
    >>> texts = pl.Series(["late", "bus", "red train", "tea"] * 20)
    >>> rows, none = np.arange(80), np.arange(0)
    >>> one = np.ones(40, dtype=np.float32)
    >>> some = Contrast(rows[rows % 4 < 2], one, none, rows[rows % 4 > 1])
    >>> combined = Combined(ByWords(texts), rows)
    >>> better_joins([("late", "or", "bus")], ["late"], some, combined)[0].name
    'late or bus'
    """
    n, m = len(contrast.active), len(contrast.inactive)
    if min(n, m) < 2 or not pairs or not singles:
        return []
    rows = np.concatenate([contrast.active, contrast.inactive])
    names = [join_names(*pair) for pair in pairs]
    scores = relevance(names, rows)
    reached = auroc(scores, n)
    known = relevance.shares(list(singles), rows)
    single = auroc(known, n)
    best = int(single.argmax())
    before = _placements(known[best], n)
    tries = max(len(pairs), tried or 0)
    out: list[Found] = []
    for k in np.argsort(-reached, kind="stable")[:_CONTENDERS]:
        gain = float(reached[k] - single[best])
        if gain < PRICE / 2 or len(out) == most:
            break
        spread = _spread(before, _placements(scores[k], n))
        p = min(1.0, tries * float(norm.sf(gain / spread)))
        if p <= SURE:
            level = float(single[best] + norm.isf(SURE / tries) * spread)
            out.append(Found(names[k], "combined", float(reached[k]), level, p))
    return out


def _pairs(firsts: Sequence[str], pool: Sequence[str]) -> list[tuple[str, Join, str]]:
    """List combinations of a first name with another; *and* and *or* of two first names once."""
    return [
        (first, join, other)
        for i, first in enumerate(firsts[:_FIRST])
        for j, other in enumerate(pool)
        for join in JOINS
        if join != WITHOUT and i != j and (join == "but not" or j > i)
    ]


def _placements(
    scores: npt.NDArray[np.float32], n: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the share of the other side that each active and inactive row is placed right to."""
    wins = (scores[:n, None] > scores[None, n:]) + 0.5 * (scores[:n, None] == scores[None, n:])
    return wins.mean(axis=1), wins.mean(axis=0)


def _spread(
    a: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    b: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
) -> float:
    """Return the standard error of the difference of two AUROCs on the same rows."""
    total = sum(float(np.var(y - x, ddof=1)) / len(x) for x, y in zip(a, b, strict=True))
    # One more row on either side keeps a difference without variance from being certain.
    return float(np.sqrt(total + 1 / (len(a[0]) + len(a[1])) ** 2))
