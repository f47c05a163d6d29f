"""Labels told by few codes: k-sparse probes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from semascope.core import InputError
from semascope.measure.yardsticks.inputs import Bools, Floats, Ints, codes_and_labels
from semascope.measure.yardsticks.probes import aurocs_of, choose_strength, fit_probe


@dataclass(frozen=True, eq=False)
class Probed:
    """What k-sparse probes say about labels on held-out rows.

    Parameters
    ----------
    latents : ndarray of int64, shape (c, k)
        The codes each label's probe reads, best first.
    scores : ndarray of float64, shape (test rows, c)
        Log-odds.
    truth : ndarray of bool, shape (test rows, c)

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import sparse_probes
    >>> y, rows = np.arange(40) % 2 == 1, np.arange(40)
    >>> codes = np.c_[0.0 * y, 1.0 * y]
    >>> sparse_probes(codes, y[:, None], k=1, train=rows[:20], test=rows[20:]).latents.tolist()
    [[1]]
    """

    latents: Ints
    scores: Floats
    truth: Bools

    def auroc(self, rows: Ints | slice = slice(None)) -> float:
        """Return the mean AUROC over labels that some of the rows have."""
        found = aurocs_of(self.scores[rows], self.truth[rows])
        return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")

    def f1(self, rows: Ints | slice = slice(None)) -> Floats:
        """Return the F1 of each label, shape (c,): *yes* where the probe finds it likelier."""
        return f1_of(self.scores[rows] > 0, self.truth[rows])


def sparse_probes(
    codes: Any,
    labels: Any,
    *,
    k: int,
    train: Ints,
    test: Ints,
    positive: bool = False,
    seed: int = 0,
) -> Probed:
    """Probe each label by the `k` codes whose means differ most between rows with and without it.

    Means are compared in units of each code's spread; a logistic probe weighs the chosen ones.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    labels : anything `as_labels` takes, n rows
    k : int
        Codes a probe.
    train, test : ndarray of int64
        Rows to choose and fit on, and to report on.
    positive : bool, default False
        Choose only codes that speak for a label, not those of other things.
    seed : int
        Rows that the strength of the penalty is chosen on.

    References
    ----------
    Gurnee et al., "Finding neurons in a haystack: case studies with sparse probing", 2023;
    Karvonen et al., "SAEBench", 2025. Chanin, "Are sparse autoencoder benchmarks reliable?", 2026,
    finds it the most reliable measure of that set, and still unable to tell variants of one
    architecture apart.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import sparse_probes
    >>> y, rows = np.arange(40) % 2 == 1, np.arange(40)
    >>> codes = np.c_[0.0 * y, 1.0 * y]
    >>> sparse_probes(codes, y[:, None], k=1, train=rows[:20], test=rows[20:]).auroc()
    1.0
    """
    x, truth = codes_and_labels(codes, labels)
    if not 1 <= k <= x.shape[1]:
        raise InputError(f"a probe can read 1 to {x.shape[1]} codes, not {k}")
    order = ranked_latents(x[train], truth[train], positive=positive)[:, :k]
    y = truth[train]
    usable = [c for c in range(y.shape[1]) if 0 < y[:, c].sum() < len(y)]
    scores = np.zeros((len(test), truth.shape[1]))
    strength = 1.0
    if usable:
        first = usable[:1]
        strength = choose_strength(
            x[np.ix_(train, order[first[0]])], [y[:, c].astype(np.int64) for c in first], seed=seed
        )
    for c in usable:
        probe = fit_probe(x[np.ix_(train, order[c])], y[:, c], strength=strength)
        scores[:, c] = probe.scores(x[np.ix_(test, order[c])])[:, 0]
    return Probed(order, scores, truth[test])


def ranked_latents(x: Floats, truth: Bools, *, positive: bool = False) -> Ints:
    """Return the codes in order of how much their means differ by each label, shape (c, m).

    With `positive`, codes that are higher on rows with the label come first.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.probing import ranked_latents
    >>> ranked_latents(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[True], [False]]))
    array([[1, 0]])
    """
    with_it = truth.sum(axis=0)
    means = (truth.T.astype(np.float64) @ x) / np.maximum(with_it, 1)[:, None]
    rest = (x.sum(axis=0) - truth.T.astype(np.float64) @ x) / np.maximum(len(x) - with_it, 1)[
        :, None
    ]
    spread = x.std(axis=0)
    gap = (means - rest) / np.where(spread > 1e-12, spread, np.inf)
    return np.argsort(-gap if positive else -np.abs(gap), axis=1, kind="stable")


def f1_of(said: Bools, truth: Bools) -> Floats:
    """Return the F1 of each column; 0 where nothing is said and nothing is true.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.probing import f1_of
    >>> f1_of(np.array([[True], [True]]), np.array([[True], [False]])).round(3)
    array([0.667])
    """
    hits = (said & truth).sum(axis=0)
    return np.asarray(2 * hits / np.maximum(said.sum(axis=0) + truth.sum(axis=0), 1))
