"""Trust: how well a name alone tells active from inactive rows that nothing was fitted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semascope.core import Score, auroc, generator
from semascope.lexicon import Contrast, Relevance
from semascope.measure.chance import p_names, p_rows
from semascope.measure.interval import RESAMPLES, auroc_interval, ends, share_draws
from semascope.measure.scored import scored

SHUFFLED = 50


@dataclass(frozen=True)
class Verdict:
    """How one name did on *verify* rows.

    Parameters
    ----------
    trust : Score
        AUROC of the name's relevance, with its interval (`auroc_interval`); its null is the mean
        AUROC that the names of other concepts reach on the same rows.
    null_high : float
        95th percentile of these other names.
    balanced_accuracy : Score
        At the threshold that was chosen on *name* rows.
    n_active, n_inactive : int
        Rows on either side.
    p : float
        How likely chance reaches this trust: the larger of `p_rows` (rows that have nothing to do
        with the name) and `p_names` (a name of another concept).

    Examples
    --------
    >>> from semascope.core import Score
    >>> from semascope.measure import Verdict
    >>> Verdict(Score("trust", 0.9), 0.6, Score("balanced accuracy", 0.8), 50, 50).null_high
    0.6
    """

    trust: Score
    null_high: float
    balanced_accuracy: Score
    n_active: int
    n_inactive: int
    p: float = 1.0


def verify_name(
    name: str,
    contrast: Contrast,
    relevance: Relevance,
    others: Sequence[str],
    *,
    threshold: float,
    seed: int = 0,
) -> Verdict | None:
    """Test one name on the *verify* rows of its concept.

    Parameters
    ----------
    name : str
        The name; nothing else of the concept is looked at.
    contrast : Contrast
        Active rows over all strengths; inactive rows, half near-misses, half random.
    relevance : Relevance
        How a name scores rows.
    others : sequence of str
        Names of other concepts: the null.
    threshold : float
        Relevance above which the name says *active*, from *name* rows.
    seed : int
        Bootstrap resamples.

    Returns
    -------
    Verdict or None
        None if either side has fewer than two rows that the relevance could score.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure import verify_name
    >>> texts = ByWords(pl.Series(["tea"] * 4 + ["car"] * 4))
    >>> one, none = np.ones(4, dtype=np.float32), np.arange(0)
    >>> contrast = Contrast(np.arange(4), one, none, np.arange(4, 8))
    >>> print(verify_name("tea", contrast, texts, ["car"], threshold=0.5).trust)
    trust 1.000 [0.546, 1.000], null 0.000, n=8
    """
    found = scored(name, contrast, relevance, others)
    if found is None:
        return None
    n, m = found.n_active, found.n - found.n_active
    value, low, high = auroc_interval(found.active[0], found.inactive[0], seed=seed)
    null = auroc(found.scores[1:], n) if others else np.array([0.5])
    said = found.scores[0] >= threshold
    accuracy, a_low, a_high = _balanced(said[:n], said[n:], seed)
    return Verdict(
        Score(
            "trust", value, low, high, float(null.mean()), found.n,
            failures=found.failures, by_band=found.by_band,
        ),
        float(np.quantile(null, 0.95)),
        Score("balanced accuracy", accuracy, a_low, a_high, 0.5, found.n),
        n,
        m,
        max(
            p_rows(found.scores[0], n, seed=seed),
            p_names(value, null, n, m) if others else 0.0,
        ),
    )  # fmt: skip


def verify_names(
    names: Sequence[str | None],
    thresholds: Sequence[float | None],
    drawn: Sequence[Contrast],
    relevance_of: Callable[[int], Relevance],
    *,
    most: int = SHUFFLED,
    seed: int = 0,
    on_done: Callable[[int], object] = lambda n: None,
) -> list[Verdict | None]:
    """Test the names of all concepts; the names of the others are each one's null.

    Parameters
    ----------
    names : sequence of str or None
        Names of all concepts; None where there is none.
    thresholds : sequence of float or None
        As in `verify_name`; None where a name is only in the null of the others.
    drawn : sequence of Contrast
        *Verify* rows of each concept.
    relevance_of : callable
        Returns how the name of a concept scores rows.
    most : int, default 50
        Names of other concepts in each null; fewer than five cannot tell a name from these.
    seed : int
        Choice of these names, bootstrap resamples.
    on_done : callable
        Told 1 for each concept.

    Returns
    -------
    list of Verdict or None

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure import verify_names
    >>> texts = ByWords(pl.Series(["tea"] * 4 + ["car"] * 4))
    >>> one, none = np.ones(4, dtype=np.float32), np.arange(0)
    >>> drawn = [Contrast(np.arange(4), one, none, np.arange(4, 8))]
    >>> verify_names(["tea"], [0.5], drawn, lambda j: texts)[0].n_active
    4
    """
    out: list[Verdict | None] = []
    for j, (name, threshold, contrast) in enumerate(zip(names, thresholds, drawn, strict=True)):
        verdict = None
        if name is not None and threshold is not None:
            others = other_names(names, relevance_of, j, most, seed)
            verdict = verify_name(
                name, contrast, relevance_of(j), others, threshold=threshold, seed=seed
            )
        out.append(verdict)
        on_done(1)
    return out


def other_names(
    names: Sequence[str | None],
    relevance_of: Callable[[int], Relevance],
    concept: int,
    most: int,
    seed: int,
) -> list[str]:
    """Draw names of other concepts that the same relevance understands: the null of a name.

    Examples
    --------
    >>> from semascope.measure.trust import other_names
    >>> other_names(["tea", None, "car"], lambda j: None, 0, 5, seed=0)
    ['car']
    """
    same = relevance_of(concept)
    pool = [
        j
        for j, name in enumerate(names)
        if name is not None and name != names[concept] and relevance_of(j) is same
    ]
    random = generator(seed, "shuffled names", concept)
    picked = random.choice(np.array(pool, dtype=np.int64), min(most, len(pool)), replace=False)
    return [str(names[j]) for j in picked]


def _balanced(
    positive: npt.NDArray[np.bool_], negative: npt.NDArray[np.bool_], seed: int
) -> tuple[float, float, float]:
    random = generator(seed, "bootstrap accuracy")
    p, q = float(positive.mean()), float((~negative).mean())
    left = share_draws(float(positive.sum()), len(positive), RESAMPLES, random)
    right = share_draws(float((~negative).sum()), len(negative), RESAMPLES, random)
    value = (p + q) / 2
    return value, *ends((left + right) / 2, value)
