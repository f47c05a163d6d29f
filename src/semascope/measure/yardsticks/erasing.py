"""Latents taken out to remove one concept and no other: SCR and TPP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator
from semascope.measure.yardsticks.inputs import (
    Bools,
    Floats,
    Ints,
    as_labels,
    fitting_parts,
    require_rows,
)
from semascope.measure.yardsticks.probes import Probe, choose_strength, fit_probe

_FEWEST = 4


@dataclass(frozen=True, eq=False)
class Removal:
    """Whether a biased probe is right on balanced rows: as it is, repaired, and trained without.

    Parameters
    ----------
    biased, repaired, fair : ndarray of bool, shape (n,)
        Whether each row of a balanced test set is right by the biased probe on vectors as they are,
        by the same probe after latents were taken out, and by a probe trained on balanced rows.
    latents : ndarray of int64
        What was taken out.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import Removal
    >>> yes, no = np.ones(4, dtype=bool), np.arange(4) % 2 == 0
    >>> Removal(no, yes, yes, np.array([0])).score()
    1.0
    """

    biased: Bools
    repaired: Bools
    fair: Bools
    latents: Ints

    def score(self, rows: Ints | slice = slice(None)) -> float:
        """Return the share of the loss by bias that was made good; not a number without loss."""
        loss = float(self.fair[rows].mean()) - float(self.biased[rows].mean())
        gain = float(self.repaired[rows].mean()) - float(self.biased[rows].mean())
        return gain / loss if loss > 0 else float("nan")


def spurious_removal(
    codes: Any,
    atoms: npt.ArrayLike,
    vectors: Any,
    target: Any,
    spurious: Any,
    *,
    k: int = 10,
    train: Ints,
    test: Ints,
    at_random: bool = False,
    seed: int = 0,
) -> Removal:
    """Measure SCR: take the latents of a spurious concept out of a probe that learned it.

    A probe learns `target` on rows where `spurious` always equals it. The `k` latents that most
    carry `spurious` along a probe of it (difference of mean activation times atom along probe) are
    set to their mean over balanced rows; such rows also tell how much of the accuracy that a probe
    trained on them has comes back. The paper sets latents to 0, which moves all rows to one side of
    the probe's threshold, whatever they are.

    Do not rank dictionaries by this alone. Chanin (2026) finds SCR negatively correlated with the
    true quality of synthetic dictionaries at large `k`, unstable over seeds, and advises against
    it; its denominator, the loss by bias, may be small, and it rests on a probe that may use
    something else than the concept. The result depends on `k`: report several.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    atoms : array-like of shape (m, d)
    vectors : anything `as_vectors` takes, shape (n, d)
    target, spurious : array-like of bool, shape (n,)
    k : int, default 10
    train, test : ndarray of int64
    at_random : bool, default False
        Take out `k` latents at random instead: what chance reaches.
    seed : int
        Which rows balance.

    Raises
    ------
    InputError
        If one of the four combinations has fewer than four rows on either side.

    References
    ----------
    Karvonen, Rager, Marks and Nanda, "Evaluating sparse autoencoders on targeted concept erasure
    tasks", 2024; Chanin, "Are sparse autoencoder benchmarks reliable?", 2026.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import spurious_removal
    >>> y = np.random.default_rng(0).integers(0, 2, (400, 2)).astype(bool)
    >>> x, rows = y * np.array([1.0, 3.0]), np.arange(400)
    >>> found = spurious_removal(
    ...     x / [1, 3], np.diag([1.0, 3.0]), x, y[:, 0], y[:, 1], k=1,
    ...     train=rows[:200], test=rows[200:],
    ... )
    >>> found.latents.tolist()
    [1]
    """
    z, x, basis = fitting_parts(codes, atoms, vectors)
    wanted, other = np.asarray(target).astype(bool), np.asarray(spurious).astype(bool)
    require_rows(len(z), target=wanted, spurious=other)
    random = generator(seed, "balanced rows")
    even = _balanced(wanted, other, train, random, "train")
    tested = _balanced(wanted, other, test, random, "test")
    together = train[wanted[train] == other[train]]
    biased = fit_probe(x[together], wanted[together], seed=seed)
    fair = fit_probe(x[even], wanted[even], seed=seed)
    about = fit_probe(x[even], other[even], seed=seed)
    latents = _carriers(z[even], basis, other[even], about.weights[0], k)
    if at_random:
        latents = generator(seed, "random latents").permutation(len(basis))[:k]
    usual = z[np.ix_(even, latents)].mean(axis=0)
    without = x[tested] - (z[np.ix_(tested, latents)] - usual) @ basis[latents]
    truth = wanted[tested]
    return Removal(
        biased.predict(x[tested]) == truth,
        biased.predict(without) == truth,
        fair.predict(x[tested]) == truth,
        latents,
    )


@dataclass(frozen=True, eq=False)
class Perturbed:
    """Whether each probe is right on each row, before and after each label's latents are out.

    Parameters
    ----------
    before : ndarray of bool, shape (n, c)
        Rows by probe.
    after : ndarray of bool, shape (c, n, c)
        Label whose latents are out, rows, probe.
    weights : ndarray of float64, shape (n, c)
        Weights of rows, so that rows with and without a label count alike.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import Perturbed
    >>> yes = np.ones((3, 2), dtype=bool)
    >>> Perturbed(yes, np.stack([yes, yes]), np.ones((3, 2))).score()
    0.0
    """

    before: Bools
    after: Bools
    weights: Floats

    def drops(self, rows: Ints | slice = slice(None)) -> Floats:
        """Return the fall in balanced accuracy, shape (c taken out, c probes)."""
        w = self.weights[rows]
        total = np.maximum(w.sum(axis=0), 1e-12)
        fell = self.before[rows].astype(np.float64) - self.after[:, rows]
        return np.asarray((fell * w).sum(axis=1) / total)

    def score(self, rows: Ints | slice = slice(None)) -> float:
        """Return the mean fall of a label's own probe less that of the other labels' probes."""
        drops = self.drops(rows)
        c = len(drops)
        own = float(np.trace(drops)) / c
        return own - (float(drops.sum()) - own * c) / max(1, c * (c - 1))


def targeted_perturbation(
    codes: Any,
    atoms: npt.ArrayLike,
    vectors: Any,
    labels: Any,
    *,
    k: int = 10,
    train: Ints,
    test: Ints,
    most: int = 20,
    seed: int = 0,
) -> Perturbed:
    """Measure TPP: taking out the latents of a label should blind its probe and no other.

    For each label, the `k` latents that most carry it along its probe (as in `spurious_removal`)
    are taken out of the vectors (``x - a atom``); its own probe should lose accuracy, those of
    other labels none.

    Do not rank dictionaries by this alone. Chanin (2026) finds that TPP gets worse the longer a
    dictionary is trained, and advises against it. It rewards latents that carry much, whether or
    not they carry one thing, and a probe of correlated labels should lose with either.

    Parameters
    ----------
    codes, atoms, vectors
        As in `spurious_removal`.
    labels : anything `as_labels` takes, n rows, two labels or more
    k : int, default 10
    train, test : ndarray of int64
    most : int, default 20
        Labels used, the commonest; the work grows with their square.
    seed : int

    References
    ----------
    Karvonen et al., 2024; Chanin, 2026: as in `spurious_removal`.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import targeted_perturbation
    >>> y = np.random.default_rng(0).integers(0, 2, (400, 2)).astype(bool)
    >>> x, rows = y * 1.0, np.arange(400)
    >>> found = targeted_perturbation(
    ...     x, np.eye(2), x, y, k=1, train=rows[:200], test=rows[200:]
    ... )
    >>> round(found.score(), 6)
    0.5
    """
    z, x, basis = fitting_parts(codes, atoms, vectors)
    truth, _ = as_labels(labels)
    require_rows(len(z), labels=truth)
    common = np.argsort(-truth[train].sum(axis=0), kind="stable")[:most]
    truth = truth[:, np.sort(common)]
    c = truth.shape[1]
    if c < 2:
        raise InputError("targeted perturbation compares labels; it needs two or more")
    y, tested = truth[train], truth[test]
    if not (y.any(axis=0) & ~y.all(axis=0)).all():
        raise InputError("a label has no rows, or all, among those to train on; leave it out")
    targets = [y[:, i].astype(np.int64) for i in range(c)]
    strength = choose_strength(x[train], targets, seed=seed)
    probes: list[Probe] = [_balanced_probe(x[train], t, strength, seed) for t in targets]
    weights = np.concatenate([p.weights for p in probes])
    bias = np.concatenate([p.bias for p in probes])
    before = (x[test] @ weights.T + bias > 0) == tested
    after = np.empty((c, len(test), c), dtype=bool)
    for i in range(c):
        latents = _carriers(z[train], basis, y[:, i], weights[i], k)
        without = x[test] - z[np.ix_(test, latents)] @ basis[latents]
        after[i] = (without @ weights.T + bias > 0) == tested
    share = tested.mean(axis=0)
    balance = np.where(tested, 0.5 / np.maximum(share, 1e-12), 0.5 / np.maximum(1 - share, 1e-12))
    return Perturbed(before, after, balance)


def _balanced_probe(x: Floats, y: Ints, strength: float, seed: int) -> Probe:
    """Rows without the label are drawn as often as there are rows with it, but all of few."""
    yes, no = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    size = max(_FEWEST, 3 * min(len(yes), len(no)))
    random = generator(seed, "balanced probe")
    rows = np.concatenate(
        [s if len(s) <= size else random.choice(s, size, replace=False) for s in (yes, no)]
    )
    probe = fit_probe(x[rows], y[rows], strength=strength)
    # The threshold that balances: midway between the mean scores of either side.
    scores = probe.scores(x[rows])[:, 0]
    sides = scores[y[rows] == 1].mean() + scores[y[rows] == 0].mean()
    return Probe(probe.values, probe.weights, probe.bias - sides / 2)


def _carriers(z: Floats, basis: Floats, label: Bools, direction: Floats, k: int) -> Ints:
    gap = z[label].mean(axis=0) - z[~label].mean(axis=0)
    return np.argsort(-(gap * (basis @ direction)), kind="stable")[: min(k, len(basis))]


def _balanced(
    target: Bools, spurious: Bools, rows: Ints, random: np.random.Generator, name: str
) -> Ints:
    cells = [
        rows[(target[rows] == a) & (spurious[rows] == b)]
        for a in (False, True)
        for b in (False, True)
    ]
    size = min(len(cell) for cell in cells)
    if size < _FEWEST:
        raise InputError(
            f"of the four combinations of target and spurious label one has {size} {name} rows; "
            f"each needs {_FEWEST} or more"
        )
    return np.sort(np.concatenate([random.choice(c, size, replace=False) for c in cells]))
