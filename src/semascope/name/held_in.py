"""How well names do on the *name* rows that choose among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from semascope.core import auroc
from semascope.lexicon import Contrast, Relevance

# A name that ranks held-in rows worse than this misleads more than it tells.
LEAST = 0.65


def aurocs(
    relevance: Relevance, names: Sequence[str], contrast: Contrast
) -> npt.NDArray[np.float64]:
    """Return how well each name ranks active above inactive rows, shape (names,).

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.name.held_in import aurocs
    >>> rows, none = np.array([0]), np.arange(0)
    >>> contrast = Contrast(rows, np.ones(1, dtype=np.float32), none, rows + 1)
    >>> aurocs(ByWords(pl.Series(["tea", "car"])), ["tea", "car"], contrast)
    array([1., 0.])
    """
    scores = relevance(names, np.concatenate([contrast.active, contrast.inactive]))
    return auroc(scores, len(contrast.active))


def lower_end(value: float, contrast: Contrast) -> float:
    """Return the lower end of the 95 % interval of an AUROC by Hanley and McNeil's error (1982).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name.held_in import lower_end
    >>> rows, none = np.arange(50), np.arange(0)
    >>> contrast = Contrast(rows, np.ones(50, dtype="f4"), none, rows + 50)
    >>> round(lower_end(0.8, contrast), 2)
    0.71
    """
    n, m = len(contrast.active), len(contrast.inactive)
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    spread = value * (1 - value) + (n - 1) * (q1 - value**2) + (m - 1) * (q2 - value**2)
    return float(value - 1.96 * np.sqrt(max(0.0, spread) / (n * m)))


def threshold(relevance: Relevance, name: str, contrast: Contrast) -> float:
    """Return the relevance that separates held-in active from inactive rows best.

    Zero if there are none on a side.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.name.held_in import threshold
    >>> rows, none = np.array([0]), np.arange(0)
    >>> contrast = Contrast(rows, np.ones(1, dtype=np.float32), none, rows + 1)
    >>> threshold(ByWords(pl.Series(["tea", "car"])), "tea", contrast)
    1.0
    """
    if not len(contrast.active) or not len(contrast.inactive):
        return 0.0
    scores = relevance([name], np.concatenate([contrast.active, contrast.inactive]))[0]
    truth = np.arange(len(scores)) < len(contrast.active)
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(truth[order]) / max(1, truth.sum())
    wrong = np.cumsum(~truth[order]) / max(1, (~truth).sum())
    ranked = scores[order]
    ends = np.append(ranked[:-1] > ranked[1:], True)
    return float(ranked[np.argmax(np.where(ends, right - wrong, -np.inf))])
