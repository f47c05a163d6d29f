"""A score is never a bare number: value, interval, chance level, counts and direction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Score:
    """One measured value with what is needed to judge it.

    Parameters
    ----------
    metric : str
        What was measured.
    value : float
        The value itself, in the metric's unit.
    low, high : float or None
        Ends of the 95 % interval; None where none applies.
    null : float or None
        What chance reaches: a shuffled name, a random atom.
    n : int
        How many rows it rests on.
    higher_is_better : bool
        Direction of the metric.
    note : str
        When it does not apply, or what was left out.
    failures : int
        Rows that were asked for and got no answer that could be read; they are not among `n`.
    by_band : tuple of int
        How many of the active rows lie in each band of activation, strongest first.

    Examples
    --------
    >>> from semascope.core import Score
    >>> print(Score("trust", 0.91, 0.88, 0.94, null=0.52, n=240))
    trust 0.910 [0.880, 0.940], null 0.520, n=240
    """

    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    null: float | None = None
    n: int = 0
    higher_is_better: bool = True
    note: str = ""
    failures: int = 0
    by_band: tuple[int, ...] = ()

    def __str__(self) -> str:
        interval = f" [{self.low:.3f}, {self.high:.3f}]" if self.low is not None else ""
        null = f", null {self.null:.3f}" if self.null is not None else ""
        return f"{self.metric} {self.value:.3f}{interval}{null}, n={self.n}"

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain data, for JSON."""
        return asdict(self)


def auroc(scores: npt.ArrayLike, n_positive: int) -> npt.NDArray[np.float64]:
    """Return the AUROC of each row of scores; ties count one half.

    From mean ranks (Mann-Whitney), for all rows at once.

    Parameters
    ----------
    scores : array-like of shape (r, n)
        Rows of scores; the first `n_positive` of each row should be high.
    n_positive : int
        From 1 to n - 1.

    Examples
    --------
    >>> from semascope.core import auroc
    >>> auroc([[3.0, 2.0, 1.0], [1.0, 1.0, 1.0]], n_positive=1)
    array([1. , 0.5])
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.asarray(scores), axis=1)
    negatives = ranks.shape[1] - n_positive
    wins = ranks[:, :n_positive].sum(axis=1) - n_positive * (n_positive + 1) / 2
    return np.asarray(wins / (n_positive * negatives))


def kendall_w(values: npt.ArrayLike) -> float:
    """Return Kendall's W, corrected for ties: 1 if all columns rank the rows alike.

    Parameters
    ----------
    values : array-like of shape (n, k)
        What `k` judges give to `n` things.

    Returns
    -------
    float
        From 0 to 1; unrelated rankings reach 1/k on average. NaN with fewer than three things or
        two judges, or where no judge tells any two things apart.

    References
    ----------
    Kendall and Babington Smith, "The problem of m rankings", 1939.

    Examples
    --------
    >>> from semascope.core import kendall_w
    >>> kendall_w([[1, 10], [2, 20], [3, 30]])
    1.0
    """
    from scipy.stats import rankdata

    table = np.asarray(values, dtype=np.float64)
    n, k = table.shape
    if n < 3 or k < 2:
        return float("nan")
    ranks = rankdata(table, axis=0)
    spread = ((ranks.sum(axis=1) - k * (n + 1) / 2) ** 2).sum()
    ties = sum((c**3 - c).sum() for c in (np.unique(r, return_counts=True)[1] for r in ranks.T))
    most = k**2 * (n**3 - n) - k * ties
    return float(12 * spread / most) if most > 0 else float("nan")
