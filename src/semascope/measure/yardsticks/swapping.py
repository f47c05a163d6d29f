"""Latents swapped between rows: one factor should change, and the others stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator
from semascope.measure.yardsticks.information import normalised, shared_information
from semascope.measure.yardsticks.inputs import (
    Bools,
    Floats,
    Ints,
    as_factors,
    fitting_parts,
    require_rows,
)
from semascope.measure.yardsticks.probes import fit_probe

_PAIRS = 400


@dataclass(frozen=True, eq=False)
class Swapped:
    """What probes say of rows in which one factor's latents come from another row.

    Parameters
    ----------
    base : ndarray of int64, shape (p,)
        The row that was changed, a pair each.
    caused : ndarray of bool, shape (p,)
        Whether the factor's probe now says the other row's value.
    isolated : ndarray of float64, shape (p,)
        Share of the other factors whose probes still say what they said.
    factor : ndarray of int64, shape (p,)
        Which factor was swapped.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import Swapped
    >>> yes = np.ones(2)
    >>> Swapped(np.arange(2), yes == 1, yes, np.zeros(2, dtype=int)).disentangled()
    1.0
    """

    base: Ints
    caused: Bools
    isolated: Floats
    factor: Ints

    def cause(self, rows: Ints | None = None) -> float:
        """Return the share of swaps that changed the factor, the mean over factors."""
        return self._mean(self.caused.astype(np.float64), rows)

    def isolation(self, rows: Ints | None = None) -> float:
        """Return how often other factors stayed, the mean over factors."""
        return self._mean(self.isolated, rows)

    def disentangled(self, rows: Ints | None = None) -> float:
        """Return the mean of cause and isolation; swapping all or nothing reaches about 0.5."""
        return (self.cause(rows) + self.isolation(rows)) / 2

    def _mean(self, values: Floats, rows: Ints | None) -> float:
        inside = np.ones(len(values), bool) if rows is None else np.isin(self.base, rows)
        found = [
            values[inside & (self.factor == f)].mean()
            for f in np.unique(self.factor)
            if (inside & (self.factor == f)).any()
        ]
        return float(np.mean(found)) if found else float("nan")


def swap_factors(
    codes: Any,
    atoms: npt.ArrayLike,
    vectors: Any,
    factors: Any,
    *,
    k: int = 10,
    train: Ints,
    test: Ints,
    pairs: int = _PAIRS,
    at_random: bool = False,
    seed: int = 0,
) -> Swapped:
    """Swap the latents of each factor between rows that differ in it, and ask probes what changed.

    RAVEL asks a language model; here logistic probes of the vectors, fitted on `train`, answer. The
    `k` latents that share most information with a factor are swapped, minus what they share most
    with another (they go to that one); what the dictionary does not rebuild stays. Pairs are *test*
    rows that differ in the factor and of which both are right before the swap. A probe can be
    fooled where a model would not be, and the other way round; look at cause and isolation, not at
    their mean alone, and at several `k`.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    atoms : array-like of shape (m, d)
    vectors : anything `as_vectors` takes, shape (n, d)
    factors : anything `as_factors` takes, n rows, two discrete factors or more
    k : int, default 10
        Latents a factor.
    train, test : ndarray of int64
    pairs : int, default 400
        Pairs a factor.
    at_random : bool, default False
        Swap `k` latents at random instead of those that know the factor: what chance reaches.
    seed : int

    References
    ----------
    Huang, Wu, Potts, Geva and Geiger, "RAVEL: evaluating interpretability methods on disentangling
    language model representations", 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import swap_factors
    >>> y = np.random.default_rng(0).integers(0, 2, (400, 2))
    >>> rows = np.arange(400)
    >>> found = swap_factors(
    ...     y * 1.0, np.eye(2), y * 1.0, y, k=1, train=rows[:200], test=rows[200:]
    ... )
    >>> found.cause(), found.isolation()
    (1.0, 1.0)
    """
    z, x, basis = fitting_parts(codes, atoms, vectors)
    known = as_factors(factors)
    require_rows(len(z), factors=known)
    kinds = np.flatnonzero(known.discrete)
    if len(kinds) < 2:
        raise InputError("swapping needs two discrete factors or more: one changes, others stay")
    values = known.values[:, kinds].astype(np.int64)
    normal = normalised(shared_information(z[train], values[train]))
    belongs = normal.argmax(axis=1)
    probes = [fit_probe(x[train], values[train, f], seed=seed) for f in range(len(kinds))]
    said = np.stack([probe.predict(x[test]) for probe in probes], axis=1)
    right = said == values[test]
    parts: list[tuple[Ints, Bools, Floats, Ints]] = []
    for f in range(len(kinds)):
        mine = np.flatnonzero((belongs == f) & (normal[:, f] > 0))
        mine = mine[np.argsort(-normal[mine, f], kind="stable")[:k]]
        if at_random:
            mine = generator(seed, "random latents", f).permutation(z.shape[1])[:k]
        usable = np.flatnonzero(right[:, f])
        if len(usable) < 2:
            continue
        random = generator(seed, "swaps", f)
        first, second = random.choice(usable, pairs), random.choice(usable, pairs)
        differ = values[test[first], f] != values[test[second], f]
        first, second = first[differ], second[differ]
        base, source = test[first], test[second]
        moved = x[base] + (z[np.ix_(source, mine)] - z[np.ix_(base, mine)]) @ basis[mine]
        after = np.stack([probe.predict(moved) for probe in probes], axis=1)
        stays = np.delete(after == said[first], f, axis=1).mean(axis=1)
        number = np.full(len(base), f)
        parts.append((base, after[:, f] == values[source, f], stays, number))
    if not parts:
        raise InputError("the probes are right on no pair of test rows; there is nothing to swap")
    base, caused, stayed, number = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Swapped(base, caused, stayed, number)
