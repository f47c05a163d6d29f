"""How well codes rebuild vectors, how sparse they are, and how alike the atoms are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, as_vectors
from semascope.lexicon import unit
from semascope.measure.yardsticks.inputs import Floats, Ints, sparse_codes

_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """Per row, what fidelity is made of; sums over any rows give their measures.

    Parameters
    ----------
    error, total : ndarray of float64, shape (n,)
        Squared distance of each vector to its reconstruction, and to the mean.
    cosine : ndarray of float64, shape (n,)
        Cosine of each vector with its reconstruction.
    rebuilt, along : ndarray of float64, shape (n,)
        Squared length of the centred reconstruction, and its product with the centred vector.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import rebuild
    >>> x = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> rebuild(x, np.eye(2), x).fvu()
    0.0
    """

    error: Floats
    total: Floats
    cosine: Floats
    rebuilt: Floats
    along: Floats

    def fvu(self, rows: Ints | slice = slice(None)) -> float:
        """Return the fraction of variance unexplained: 0 is perfect, 1 what the mean reaches."""
        total = float(self.total[rows].sum())
        return float(self.error[rows].sum()) / total if total > 0 else 0.0

    def mean_cosine(self, rows: Ints | slice = slice(None)) -> float:
        """Return the mean cosine of vectors with their reconstructions."""
        return float(self.cosine[rows].mean())

    def shrinkage(self, rows: Ints | slice = slice(None)) -> float:
        """Return the factor by which reconstructions are too short (below 1) or too long.

        ``sum ||r||^2 / sum r.x`` of centred reconstructions and vectors: dividing by it would
        rebuild best (Rajamanoharan et al., "Improving dictionary learning with gated sparse
        autoencoders", 2024).
        """
        along = float(self.along[rows].sum())
        return float(self.rebuilt[rows].sum()) / along if along > 0 else float("nan")


def rebuild(
    codes: Any,
    atoms: npt.ArrayLike,
    vectors: Any,
    bias: npt.ArrayLike | None = None,
    mean: npt.ArrayLike | None = None,
) -> Rebuilt:
    """Rebuild vectors from codes, block by block, and keep what fidelity is made of.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    atoms : array-like of shape (m, d)
    vectors : anything `as_vectors` takes, shape (n, d)
    bias : array-like of shape (d,), optional
        Added to ``codes @ atoms``; by default nothing.
    mean : array-like of shape (d,), optional
        Centre of the variance; by default that of `vectors`. Pass that of training rows where these
        are others.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import rebuild
    >>> x = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> found = rebuild(x / 2, np.eye(2), x)
    >>> found.fvu(), round(found.mean_cosine(), 6)
    (0.5, 1.0)
    """
    matrix, basis, x = sparse_codes(codes), np.asarray(atoms), as_vectors(vectors)
    n, m = matrix.shape
    if basis.ndim != 2 or len(basis) != m or x.shape != (n, basis.shape[1]):
        raise InputError(
            f"codes {matrix.shape}, atoms {basis.shape} and vectors {x.shape} do not fit together"
        )
    offset = np.zeros(x.shape[1]) if bias is None else np.asarray(bias, dtype=np.float64)
    centre = x.mean(axis=0, dtype=np.float64) if mean is None else np.asarray(mean)
    out = np.empty((5, n))
    for start in range(0, n, _BLOCK):
        part = slice(start, start + _BLOCK)
        block = x[part].astype(np.float64)
        made = matrix[part] @ basis.astype(np.float64) + offset
        length = np.linalg.norm(block, axis=1) * np.linalg.norm(made, axis=1)
        out[0, part] = np.square(block - made).sum(axis=1)
        out[1, part] = np.square(block - centre).sum(axis=1)
        out[2, part] = (block * made).sum(axis=1) / np.maximum(length, 1e-12)
        out[3, part] = np.square(made - centre).sum(axis=1)
        out[4, part] = ((made - centre) * (block - centre)).sum(axis=1)
    return Rebuilt(*out)


@dataclass(frozen=True, eq=False)
class Activity:
    """Counts and sums of activations, by row and by latent.

    Parameters
    ----------
    active : ndarray of int64, shape (n,)
        Active latents of each row.
    strength : ndarray of float64, shape (n,)
        Sum of absolute activations.
    spread : ndarray of float64, shape (n,)
        Entropy of the shares of each row's activations, in nats.
    uses : ndarray of int64, shape (m,)
        Rows on which each latent is active.

    Examples
    --------
    >>> from semascope.measure.yardsticks import activity
    >>> activity([[0.0, 2.0, 2.0]]).active.tolist()
    [2]
    """

    active: Ints
    strength: Floats
    spread: Floats
    uses: Ints

    def dead_share(self) -> float:
        """Return the share of latents that are active on no row."""
        return float((self.uses == 0).mean())

    def use_entropy(self) -> float:
        """Return how evenly latents are used, from 0 (one does it all) to 1 (all as often).

        ``H(uses / sum uses) / ln m``.
        """
        share = self.uses[self.uses > 0] / max(1, self.uses.sum())
        if len(self.uses) < 2 or not len(share):
            return 0.0
        return float(-(share * np.log(share)).sum() / np.log(len(self.uses)))


def activity(codes: Any) -> Activity:
    """Count and add up activations.

    Examples
    --------
    >>> from semascope.measure.yardsticks import activity
    >>> found = activity([[0.0, 2.0, 2.0], [0.0, 1.0, 0.0]])
    >>> round(found.dead_share(), 3), found.strength.tolist()
    (0.333, [4.0, 1.0])
    """
    matrix = abs(sparse_codes(codes))
    total = np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()
    counts = np.diff(matrix.indptr).astype(np.int64)
    share = matrix.data / np.repeat(total, counts)
    rows = np.repeat(np.arange(len(counts)), counts)
    spread: Floats = np.bincount(rows, -share * np.log(share), minlength=len(counts)).astype(
        np.float64
    )
    uses = np.bincount(matrix.indices, minlength=matrix.shape[1])
    return Activity(counts, total, spread, uses.astype(np.int64))


def max_atom_cosine(atoms: npt.ArrayLike) -> Floats:
    """Return the largest cosine of each atom with another, shape (m,): near 1, it has a copy.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import max_atom_cosine
    >>> max_atom_cosine(np.eye(3)).tolist()
    [0.0, 0.0, 0.0]
    """
    table = unit(np.asarray(atoms))
    if len(table) < 2:
        raise InputError("atoms are compared with each other; there is one only")
    out = np.empty(len(table))
    for start in range(0, len(table), _BLOCK):
        part = table[start : start + _BLOCK] @ table.T
        part[np.arange(len(part)), start + np.arange(len(part))] = -np.inf
        out[start : start + _BLOCK] = part.max(axis=1)
    return out
