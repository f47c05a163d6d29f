"""How likely chance reaches what a name reached: over rows, and over names."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semascope.core import generator

_FEW_LEVELS = 64
_DRAWS = 9_999
_FEWEST_NAMES = 5


def p_rows(scores: npt.ArrayLike, n_positive: int, *, seed: int = 0) -> float:
    """Return the p-value of an AUROC above one half: the name does not go with the rows at all.

    The one-sided Mann-Whitney test. Few distinct scores (rules, words) make its normal form far too
    sure, so these are tested exactly (two values: Fisher) or by 9,999 permutations.

    Parameters
    ----------
    scores : array-like of shape (n,)
        Relevance; the first `n_positive` should be high.
    n_positive : int
        From 1 to n - 1.
    seed : int
        Permutations.

    Examples
    --------
    >>> from semascope.measure import p_rows
    >>> round(p_rows([1, 1, 1, 0, 0, 0], 3), 3)
    0.05
    """
    from scipy.stats import hypergeom, mannwhitneyu

    scores = np.asarray(scores, dtype=float)
    levels, level = np.unique(scores, return_inverse=True)
    sizes = np.bincount(level)
    if len(levels) == 1:
        return 1.0
    if len(levels) == 2:
        hits = int(level[:n_positive].sum())
        return float(hypergeom.sf(hits - 1, len(scores), int(sizes[1]), n_positive))
    if len(levels) > _FEW_LEVELS:
        positive, negative = scores[:n_positive], scores[n_positive:]
        test = mannwhitneyu(positive, negative, alternative="greater", method="asymptotic")
        return float(test.pvalue)
    midranks = np.cumsum(sizes) - (sizes - 1) / 2
    random = generator(seed, "permutations")
    drawn = random.multivariate_hypergeometric(sizes, n_positive, size=_DRAWS, method="marginals")
    found = midranks[level[:n_positive]].sum()
    return float((1 + (drawn @ midranks >= found - 1e-9).sum()) / (1 + _DRAWS))


def p_names(value: float, others: npt.ArrayLike, n_positive: int, n_negative: int) -> float:
    """Return how likely another concept's name reaches this AUROC on the same rows.

    The other names are a sample of what names reach that were not made for these rows; on the logit
    scale they are near to normal, so a t-test for one more draw from them tells how likely this one
    belongs there. Fewer than five other names say nothing, and give 0.

    Parameters
    ----------
    value : float
        AUROC of the name.
    others : array-like of shape (k,)
        AUROC of names of other concepts on the same rows.
    n_positive, n_negative : int
        Rows on either side.

    Examples
    --------
    >>> from semascope.measure import p_names
    >>> others = [0.45, 0.5, 0.55, 0.4, 0.6]
    >>> p_names(0.95, others, 50, 50) < 0.01 < 0.2 < p_names(0.55, others, 50, 50)
    True
    """
    from scipy.stats import t

    others = np.asarray(others, dtype=float)
    if len(others) < _FEWEST_NAMES:
        return 0.0
    null = _logit(others, n_positive * n_negative)
    spread = float(null.std(ddof=1)) * np.sqrt(1 + 1 / len(null))
    distance = float(_logit(np.asarray(value), n_positive * n_negative) - null.mean())
    if spread == 0:
        return 0.0 if distance > 0 else 1.0
    return float(t.sf(distance / spread, len(null) - 1))


def _logit(value: npt.NDArray[np.float64], pairs: int) -> npt.NDArray[np.float64]:
    # Half a pair is lent to either side, so that 0 and 1 stay finite.
    share = (value * pairs + 0.5) / (pairs + 1)
    return np.asarray(np.log(share / (1 - share)))
