"""A dictionary made from the labels, and how near an unsupervised one comes to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import as_vectors
from semascope.measure.labels import LabelMatch, best_concepts
from semascope.measure.yardsticks.absorption import split_latents
from semascope.measure.yardsticks.inputs import (
    Bools,
    Floats,
    Ints,
    as_labels,
    fitting_parts,
    require_rows,
)
from semascope.measure.yardsticks.probes import choose_strength, fit_probe, ridge


@dataclass(frozen=True, eq=False)
class Compared:
    """An unsupervised dictionary beside one that is made from the labels.

    Parameters
    ----------
    explained, explained_by_labels : ndarray of float64, shape (test rows,)
        What of each row's squared distance from the mean, in the subspace that labels span, the
        dictionary explains, and what the labels explain.
    flipped, flipped_by_labels : ndarray of bool, shape (edits,)
        Whether taking a label out of a row (its matched latents; its atom) turned its probe round.
    matches : list of LabelMatch
        Best latent of each label and its F1, chosen on *train*.
    table : polars.DataFrame
        ``label``, ``strength`` (length of its atom), ``latent``, ``f1``, ``latents`` (how many
        stand for it) and ``occluded_by``: a stronger label that has the same best latent.
    edited : ndarray of int64, shape (edits,)
        Test row of each edit.

    Examples
    --------
    >>> from semascope.measure.yardsticks import Compared
    >>> Compared.__name__
    'Compared'
    """

    explained: Floats
    explained_by_labels: Floats
    flipped: Bools
    flipped_by_labels: Bools
    matches: list[LabelMatch]
    table: pl.DataFrame
    edited: Ints

    def approximation(self, rows: Ints | slice = slice(None)) -> float:
        """Return what the dictionary explains of what the labels do; 1 is as much."""
        whole = float(self.explained_by_labels[rows].sum())
        return float(self.explained[rows].sum()) / whole if whole > 0 else float("nan")

    def control(self) -> float:
        """Return the share of edits that work, relative to edits by the labels' own atoms."""
        by_labels = float(self.flipped_by_labels.mean()) if len(self.flipped) else 0.0
        return float(self.flipped.mean()) / by_labels if by_labels > 0 else float("nan")

    def interpretability(self) -> float:
        """Return the mean F1 of the best latents; the labels' own reach 1."""
        return float(np.mean([match.f1 for match in self.matches]))

    def occlusion(self) -> float:
        """Return the share of labels whose best latent is that of a stronger label."""
        return float(self.table["occluded_by"].is_not_null().mean())  # type: ignore[arg-type]

    def over_splitting(self) -> float:
        """Return how many latents stand for a label beyond the first, the mean over labels."""
        return float(self.table["latents"].mean() or 1.0) - 1  # type: ignore[arg-type]


def label_atoms(vectors: Any, labels: Any) -> tuple[Floats, Floats]:
    """Return the dictionary whose codes are the labels: atoms (c, d) and bias (d,), least squares.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import label_atoms
    >>> y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 3, dtype=bool)
    >>> label_atoms(y * [2.0, 3.0], y)[0].round(1)
    array([[2., 0.],
           [0., 3.]])
    """
    x, (truth, _) = np.asarray(as_vectors(vectors), dtype=np.float64), as_labels(labels)
    require_rows(len(x), labels=truth)
    weights, bias = ridge(truth.astype(np.float64), x, penalty=1e-6)
    return weights, bias


def compare_supervised(
    codes: Any,
    atoms: npt.ArrayLike,
    vectors: Any,
    labels: Any,
    *,
    bias: npt.ArrayLike | None = None,
    train: Ints,
    test: Ints,
    own: list[Ints] | None = None,
    seed: int = 0,
) -> Compared:
    """Hold a dictionary against one made from labels: approximation, control, interpretability.

    The supervised dictionary has the labels for codes and atoms by least squares. *Approximation*:
    how much of the vectors' variance in the span of its atoms is explained, relative to the labels.
    *Control*: a label is taken out of rows that have it, by removing the latents that stand for it
    (`split_latents`) or its own atom; both are judged by a logistic probe of the vectors.
    *Interpretability*: F1 of the best latents. The table shows *occlusion* (a label with a weaker
    atom has no latent but that of a stronger one) and *over-splitting*.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
        Not negative.
    atoms : array-like of shape (m, d)
    vectors : anything `as_vectors` takes, shape (n, d)
    labels : anything `as_labels` takes, n rows
    bias : array-like of shape (d,), optional
        Added to ``codes @ atoms``; by default nothing.
    train, test : ndarray of int64
    own : list of ndarray of int64, optional
        What `split_latents` found for these labels, if that is known.
    seed : int

    References
    ----------
    Makelov, Lange and Nanda, "Towards principled evaluations of sparse autoencoders for
    interpretability and control", 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import compare_supervised
    >>> y = np.random.default_rng(0).integers(0, 2, (200, 2)).astype(bool)
    >>> rows, x = np.arange(200), y * [2.0, 3.0]
    >>> found = compare_supervised(
    ...     y * 1.0, np.diag([2.0, 3.0]), x, y, train=rows[:100], test=rows[100:]
    ... )
    >>> found.interpretability(), found.control(), found.occlusion()
    (1.0, 1.0, 0.0)
    """
    z, x, basis = fitting_parts(codes, atoms, vectors)
    truth, names = as_labels(labels)
    require_rows(len(z), labels=truth)
    own_atoms, own_bias = label_atoms(x[train], truth[train])
    explained, by_labels = _explained(z, basis, x, truth, own_atoms, own_bias, bias, train, test)
    matches = best_concepts(z, truth, names, choose=train, test=test)
    if own is None:
        own = split_latents(z, truth, train=train, seed=seed)
    flipped, flipped_by_labels, edited = _edits(z, basis, x, truth, own_atoms, own, train, test)
    strength = np.linalg.norm(own_atoms, axis=1)
    rows = []
    for c, match in enumerate(matches):
        stronger = [
            o for o, other in enumerate(matches)
            if other.latent == match.latent and strength[o] > strength[c] and match.f1_chosen > 0
        ]  # fmt: skip
        hidden = names[max(stronger, key=lambda o: strength[o])] if stronger else None
        rows.append((names[c], strength[c], match.latent, match.f1, len(own[c]), hidden))
    schema = {
        "label": pl.String, "strength": pl.Float64, "latent": pl.Int64, "f1": pl.Float64,
        "latents": pl.Int64, "occluded_by": pl.String,
    }  # fmt: skip
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return Compared(explained, by_labels, flipped, flipped_by_labels, matches, table, edited)


def _explained(
    z: Floats,
    basis: Floats,
    x: Floats,
    truth: Bools,
    own_atoms: Floats,
    own_bias: Floats,
    bias: npt.ArrayLike | None,
    train: Ints,
    test: Ints,
) -> tuple[Floats, Floats]:
    offset = np.zeros(x.shape[1]) if bias is None else np.asarray(bias, dtype=np.float64)
    mean = x[train].mean(axis=0)
    _, sizes, axes = np.linalg.svd(own_atoms, full_matrices=False)
    axes = axes[sizes > 1e-9 * max(float(sizes.max()), 1e-12)].T
    there = (x[test] - mean) @ axes
    made = (z[test] @ basis + offset - mean) @ axes
    known = (truth[test] @ own_atoms + own_bias - mean) @ axes
    total = np.square(there).sum(axis=1)
    return (
        total - np.square(there - made).sum(axis=1),
        total - np.square(there - known).sum(axis=1),
    )


def _edits(
    z: Floats,
    basis: Floats,
    x: Floats,
    truth: Bools,
    own_atoms: Floats,
    own: list[Ints],
    train: Ints,
    test: Ints,
) -> tuple[Bools, Bools, Ints]:
    y = truth[train]
    usable = [c for c in range(truth.shape[1]) if 1 < y[:, c].sum() < len(y)]
    strength = choose_strength(x[train], [y[:, c].astype(np.int64) for c in usable])
    flipped, by_labels, edited = [], [], []
    for c in usable:
        probe = fit_probe(x[train], y[:, c], strength=strength)
        found = test[truth[test, c]]
        found = found[probe.predict(x[found]) == 1]
        if not len(found):
            continue
        without = x[found] - z[np.ix_(found, own[c])] @ basis[own[c]]
        flipped.append(probe.predict(without) == 0)
        by_labels.append(probe.predict(x[found] - own_atoms[c]) == 0)
        edited.append(found)
    if not edited:
        none = np.zeros(0, dtype=np.int64)
        return none.astype(bool), none.astype(bool), none
    return np.concatenate(flipped), np.concatenate(by_labels), np.concatenate(edited)
