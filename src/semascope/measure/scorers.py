"""Scorers of a name that need no language model: ranking, saying yes or no, spotting intruders.

Each takes a name, the rows of its concept, a relevance, and names of other concepts (the null), and
returns a score record, or None if either side has fewer than two rows that could be scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, Score, auroc, generator
from semascope.lexicon import Contrast, Relevance
from semascope.measure.interval import RESAMPLES, auroc_interval, ends, row_weights, share_draws
from semascope.measure.scored import Scored, scored

Floats = npt.NDArray[np.float64]


def ranking(
    name: str,
    contrast: Contrast,
    relevance: Relevance,
    others: Sequence[str] = (),
    *,
    seed: int = 0,
) -> Score | None:
    """Score how well a name ranks active above inactive rows: AUROC.

    Parameters
    ----------
    name : str
        The name; nothing else of the concept is looked at.
    contrast : Contrast
        *Verify* rows of the concept.
    relevance : Relevance
        How a name scores rows; rows without a number are failures.
    others : sequence of str
        Names of other concepts, whose mean on the same rows is the null.
    seed : int
        Draws of the interval.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure import ranking
    >>> texts = ByWords(pl.Series(["tea"] * 4 + ["car"] * 4))
    >>> one, none = np.ones(4, dtype=np.float32), np.arange(0)
    >>> contrast = Contrast(np.arange(4), one, none, np.arange(4, 8))
    >>> print(ranking("tea", contrast, texts, ["car"]))
    AUROC 1.000 [0.546, 1.000], null 0.000, n=8
    """
    found = scored(name, contrast, relevance, others)
    if found is None:
        return None
    value, low, high = auroc_interval(found.active[0], found.inactive[0], seed=seed)
    null = float(auroc(found.scores[1:], found.n_active).mean()) if others else 0.5
    return _record("AUROC", value, (low, high), null, found)


class RuleScores(NamedTuple):
    """What a name is worth that says yes or no.

    Examples
    --------
    >>> from semascope.core import Score
    >>> from semascope.measure import RuleScores
    >>> RuleScores(Score("precision", 0.9), Score("recall", 0.6), Score("F1", 0.72)).f1.value
    0.72
    """

    precision: Score
    recall: Score
    f1: Score


def rule_scores(
    name: str,
    contrast: Contrast,
    relevance: Relevance,
    others: Sequence[str] = (),
    *,
    threshold: float = 0.5,
    n_active: int | None = None,
    n_rows: int | None = None,
    seed: int = 0,
) -> RuleScores | None:
    """Score a rule, or a name with a threshold: precision, recall and F1.

    Inactive rows are a sample, half of it near-misses. With the numbers of all active and of all
    rows of the split, near-misses stand for themselves and the random ones for all others, so that
    precision is what a user would see who takes every row for which the name says yes.

    Parameters
    ----------
    name, contrast, relevance, others, seed
        As in `ranking`; the null is the mean of the other names at the same threshold.
    threshold : float, default 0.5
        Relevance from which on the name says yes; chosen on other rows. 0.5 is right for rules.
    n_active, n_rows : int, optional
        Active rows and all rows of the split; by default the sample itself.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByValue, Contrast
    >>> from semascope.measure import rule_scores
    >>> rule = ByValue(pl.DataFrame({"kind": ["a"] * 8 + ["b"] * 8}))
    >>> one, none = np.ones(8, dtype=np.float32), np.arange(0)
    >>> contrast = Contrast(np.r_[0:6, 14:16], one, none, np.r_[6:14])
    >>> scores = rule_scores("kind = a", contrast, rule)
    >>> print(scores.recall)
    recall 0.750 [0.411, 0.962], null 0.500, n=16
    """
    found = scored(name, contrast, relevance, others)
    if found is None:
        return None
    said = found.scores >= threshold
    near = found.kept[found.n_active :] < len(contrast.active) + len(contrast.near)
    yes = [said[:, : found.n_active], said[:, found.n_active :][:, near]]
    yes.append(said[:, found.n_active :][:, ~near])
    masses = _masses([y.shape[1] for y in yes], n_active, n_rows)
    random = generator(seed, "bootstrap rule")
    draws = [
        share_draws(float(y[0].sum()), y.shape[1], RESAMPLES, random)
        if y.shape[1]
        else np.zeros(RESAMPLES)
        for y in yes
    ]
    rates = [y.mean(axis=1) if y.shape[1] else np.zeros(len(y)) for y in yes]
    values = np.stack(_precision_recall_f1(rates, masses))
    drawn = np.stack(_precision_recall_f1(draws, masses))
    by_chance = np.array([masses[0] / sum(masses), said[0].mean(), masses[0] / sum(masses)])
    null = values[:, 1:].mean(axis=1) if others else by_chance
    note = "" if said[0].any() else "says yes to no row"
    return RuleScores(
        *(
            _record(metric, float(v[0]), ends(d, float(v[0])), float(c), found, note)
            for metric, v, d, c in zip(
                ("precision", "recall", "F1"), values, drawn, null, strict=True
            )
        )
    )


def intruder(
    name: str,
    contrast: Contrast,
    relevance: Relevance,
    others: Sequence[str] = (),
    *,
    k: int = 4,
    seed: int = 0,
) -> Score | None:
    """Score how often a name singles out the one inactive row among `k` active ones.

    The intruder is found if the name fits it worst; ties count as guesses. All draws are counted in
    closed form. With ``k=1`` this is the AUROC; guessing finds one of ``k + 1``.

    Parameters
    ----------
    name, contrast, relevance, others, seed
        As in `ranking`.
    k : int, default 4
        Active rows beside the intruder.

    References
    ----------
    Chang, Boyd-Graber, Wang, Gerrish and Blei, "Reading tea leaves: how humans interpret topic
    models", 2009.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure import intruder
    >>> texts = ByWords(pl.Series(["tea"] * 8 + ["car"] * 8))
    >>> one, none = np.ones(8, dtype=np.float32), np.arange(0)
    >>> contrast = Contrast(np.arange(8), one, none, np.arange(8, 16))
    >>> score = intruder("tea", contrast, texts, ["car"])
    >>> score.value, score.null
    (1.0, 0.0)
    """
    if k < 1:
        raise InputError(f"an intruder needs at least one active row beside it, got k={k}")
    found = scored(name, contrast, relevance, others)
    if found is None or found.n_active < k:
        return None
    values = np.array(
        [_found_of(a, b, k) for a, b in zip(found.active, found.inactive, strict=True)]
    )
    draws = _intruder_draws(found, k, generator(seed, "bootstrap intruder"))
    null = float(values[1:].mean()) if others else 1 / (k + 1)
    value = float(values[0])
    note = f"one intruder among {k} active rows; guessing finds {1 / (k + 1):.2f}"
    return _record("intruder found", value, ends(draws, value), null, found, note)


def _masses(sizes: Sequence[int], n_active: int | None, n_rows: int | None) -> list[float]:
    """How many rows of the split the active, the near and the other rows stand for."""
    if n_active is None or n_rows is None:
        return [float(size) for size in sizes]
    rest = n_rows - n_active - sizes[1]
    if n_active < sizes[0] or rest < sizes[2]:
        raise InputError(
            f"{n_active} active of {n_rows} rows cannot hold the {sizes[0]} active and "
            f"{sizes[1] + sizes[2]} inactive rows of this contrast"
        )
    return [float(n_active), float(sizes[1]), float(rest)]


def _precision_recall_f1(
    rates: Sequence[npt.NDArray[np.float64]], masses: Sequence[float]
) -> tuple[Floats, Floats, Floats]:
    right = rates[0] * masses[0]
    said = right + rates[1] * masses[1] + rates[2] * masses[2]
    precision = np.divide(right, said, out=np.zeros_like(right), where=said > 0)
    return precision, np.asarray(rates[0]), 2 * right / (said + masses[0])


def _found_of(active: Floats, inactive: Floats, k: int) -> float:
    """Mean over intruders of the chance that it is the lowest of itself and `k` distinct rows."""
    from scipy.special import comb

    ranked = np.sort(active)
    above = len(ranked) - np.searchsorted(ranked, inactive, "right")
    tied = len(ranked) - np.searchsorted(ranked, inactive, "left") - above
    ways = sum(comb(tied, i) * comb(above, k - i) / (1 + i) for i in range(k + 1))
    return float(np.mean(ways) / comb(len(ranked), k))


def _intruder_draws(found: Scored, k: int, random: np.random.Generator) -> Floats:
    active = np.r_[-np.inf, np.inf, found.active[0]]
    inactive = np.r_[-np.inf, np.inf, found.inactive[0]]
    left = row_weights(len(active) - 2, RESAMPLES, random)
    right = row_weights(len(inactive) - 2, RESAMPLES, random)
    order = np.argsort(-active, kind="stable")
    upper = np.zeros((RESAMPLES, len(active) + 1))
    np.cumsum(left[:, order], axis=1, out=upper[:, 1:])
    ranked = active[order][::-1]
    above = upper[:, len(ranked) - np.searchsorted(ranked, inactive, "right")]
    upto = upper[:, len(ranked) - np.searchsorted(ranked, inactive, "left")]
    # k rows drawn with these weights: the mean over ties of 1 / (1 + ties) is an integral of x^k.
    tied = upto - above
    alone = tied < 1e-9
    shared = (upto ** (k + 1) - above ** (k + 1)) / ((k + 1) * np.where(alone, 1, tied))
    return np.asarray((right * np.where(alone, above**k, shared)).sum(axis=1))


def _record(
    metric: str,
    value: float,
    interval: tuple[float, float],
    null: float,
    found: Scored,
    note: str = "",
) -> Score:
    return Score(
        metric,
        value,
        *interval,
        null,
        found.n,
        note=note,
        failures=found.failures,
        by_band=found.by_band,
    )
