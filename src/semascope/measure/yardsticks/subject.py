"""What is measured, with all that is known about it, and the stand-ins it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from semascope.core import InputError, generator
from semascope.discover import Dictionary
from semascope.lexicon import unit
from semascope.measure.yardsticks.inputs import (
    Bools,
    Factors,
    Floats,
    Ints,
    as_factors,
    sparse_codes,
)
from semascope.measure.yardsticks.sets import mean_directions

T = TypeVar("T")
_MOST_REFIT = 64
# 2 GB of float64.
_MOST_DENSE = 1 << 28


@dataclass(frozen=True, eq=False)
class Subject:
    """Codes, and whatever else there is to measure them by.

    Parameters
    ----------
    codes : scipy.sparse.csr_array, shape (n, m)
    choose, test : ndarray of int64
        Rows to fit and choose on, and rows that numbers come from; ascending.
    vectors : ndarray of shape (n, d), optional
    atoms : ndarray of shape (m, d), optional
    bias : ndarray of shape (d,), optional
    labels : ndarray of bool, shape (n, c), optional
    names : tuple of str
        One a label.
    factors : Factors, optional
    outcome : ndarray of int64, shape (n,), optional
        A class each.
    groups : ndarray of shape (n,), optional
        Where rows come from.
    runs : tuple of csr_array
        Other codings of the same rows.
    others : tuple of ndarray
        Atoms of other fits.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from semascope.measure.yardsticks.subject import Subject
    >>> Subject(csr_array(np.eye(4)), np.arange(2), np.arange(2, 4)).dense.shape
    (4, 4)
    """

    codes: csr_array
    choose: Ints
    test: Ints
    vectors: npt.NDArray[Any] | None = None
    atoms: npt.NDArray[Any] | None = None
    bias: npt.NDArray[Any] | None = None
    labels: Bools | None = None
    names: tuple[str, ...] = ()
    factors: Factors | None = None
    outcome: Ints | None = None
    groups: npt.NDArray[Any] | None = None
    runs: tuple[csr_array, ...] = ()
    others: tuple[npt.NDArray[Any], ...] = ()
    seed: int = 0
    _known: dict[str, Any] = field(default_factory=dict, repr=False)

    def once(self, key: str, make: Callable[[], T]) -> T:
        """Return what `make` returned the first time; metrics share fits this way."""
        if key not in self._known:
            try:
                self._known[key] = make()
            except InputError as err:  # it would fail again, after the same work
                self._known[key] = err
        found = self._known[key]
        if isinstance(found, InputError):
            raise found
        return found  # type: ignore[no-any-return]

    def given(self, name: str) -> Any:
        """Return an input that a metric cannot do without."""
        found = getattr(self, name)
        if found is None or (isinstance(found, tuple) and not found):
            raise InputError(f"this needs {name}")
        return found

    @property
    def dense(self) -> Floats:
        """Codes as a dense array; refused where it would not fit."""
        n, m = self.codes.shape
        if n * m > _MOST_DENSE:
            raise InputError(
                f"{n:,} rows of {m:,} codes take {8 * n * m / 2**30:.1f} GB as a dense array; "
                f"pass at most {_MOST_DENSE // m:,} rows"
            )
        return self.once("dense", lambda: np.asarray(self.codes.toarray(), dtype=np.float64))

    def shuffled(self, draw: int) -> Subject:
        """Return this with labels, factors and outcome dealt out to other rows at random."""
        n = self.codes.shape[0]
        order = generator(self.seed, "shuffled", draw).permutation(n)
        return replace(
            self,
            labels=None if self.labels is None else self.labels[order],
            factors=None if self.factors is None else self.factors.take(order),
            outcome=None if self.outcome is None else self.outcome[order],
            _known={key: self._known[key] for key in ("dense",) if key in self._known},
        )

    def with_codes(self, codes: Any, atoms: npt.NDArray[Any], bias: npt.NDArray[Any]) -> Subject:
        """Return the same rows with other codes."""
        return replace(
            self, codes=sparse_codes(codes), atoms=atoms, bias=bias, runs=(), others=(), _known={}
        )


def random_atoms(subject: Subject) -> Subject:
    """Return codes over random unit atoms, as many and as sparse.

    Activations are refitted on the atoms that the encoder chooses, as random ones overlap.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from semascope.measure.yardsticks.subject import Subject, random_atoms
    >>> x = np.random.default_rng(0).standard_normal((8, 4))
    >>> given = Subject(csr_array(np.eye(8)[:, :6]), np.arange(4), np.arange(4, 8), vectors=x)
    >>> random_atoms(given).codes.shape
    (8, 6)
    """
    x, mean = _vectors(subject)
    m = subject.codes.shape[1]
    k = _usual_active(subject)
    axes = unit(generator(subject.seed, "random atoms").standard_normal((m, x.shape[1])))
    dictionary = Dictionary(
        axes, -(axes @ mean), axes, mean, n_active=k,
        refine="refit" if k <= _MOST_REFIT else "none",
    )  # fmt: skip
    return subject.with_codes(dictionary.encode(x), axes, mean)


def principal_axes(subject: Subject) -> Subject:
    """Return the scores of as many principal components as there are codes, if there are as many.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from semascope.measure.yardsticks.subject import Subject, principal_axes
    >>> x = np.random.default_rng(0).standard_normal((8, 4))
    >>> given = Subject(csr_array(np.eye(8)[:, :6]), np.arange(4), np.arange(4, 8), vectors=x)
    >>> principal_axes(given).codes.shape
    (8, 3)
    """
    return _components(subject, subject.codes.shape[1])


def few_axes(subject: Subject) -> Subject:
    """Return the scores of as many principal components as codes are active in a row.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from semascope.measure.yardsticks.subject import Subject, few_axes
    >>> x = np.random.default_rng(0).standard_normal((8, 4))
    >>> given = Subject(csr_array(np.eye(8)[:, :6]), np.arange(4), np.arange(4, 8), vectors=x)
    >>> few_axes(given).codes.shape
    (8, 1)
    """
    return _components(subject, _usual_active(subject))


def raw_embedding(subject: Subject) -> Subject:
    """Return the centred vectors themselves as codes.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from semascope.measure.yardsticks.subject import Subject, raw_embedding
    >>> x = np.random.default_rng(0).standard_normal((8, 4))
    >>> given = Subject(csr_array(np.eye(8)), np.arange(4), np.arange(4, 8), vectors=x)
    >>> raw_embedding(given).codes.shape
    (8, 4)
    """
    x, mean = _vectors(subject)
    return subject.with_codes(x - mean, np.eye(x.shape[1]), mean)


def difference_of_means(subject: Subject) -> Subject:
    """Return as codes how far each row lies along the difference of means of each label.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from semascope.measure.yardsticks.subject import Subject, difference_of_means
    >>> x = np.random.default_rng(0).standard_normal((8, 4))
    >>> given = Subject(
    ...     csr_array(np.eye(8)), np.arange(4), np.arange(4, 8), x, labels=np.eye(8, 2) > 0
    ... )
    >>> difference_of_means(given).codes.shape
    (8, 2)
    """
    if subject.labels is None:
        raise InputError("a difference of means needs labels")
    x, mean = _vectors(subject)
    axes = unit(mean_directions(x[subject.choose], subject.labels[subject.choose]))
    return subject.with_codes((x - mean) @ axes.T, axes, mean)


BASELINES: dict[str, Callable[[Subject], Subject]] = {
    "random atoms": random_atoms,
    "PCA": principal_axes,
    "PCA, as many axes as active": few_axes,
    "raw embedding": raw_embedding,
    "difference of means": difference_of_means,
}


def parse_factors(factors: Any, n: int) -> Factors | None:
    """Return factors of `n` rows, or None.

    Examples
    --------
    >>> from semascope.measure.yardsticks.subject import parse_factors
    >>> parse_factors(None, 3) is None
    True
    """
    if factors is None:
        return None
    known = as_factors(factors)
    if len(known) != n:
        raise InputError(f"codes have {n} rows, factors {len(known)}")
    return known


def _vectors(subject: Subject) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    if subject.vectors is None:
        raise InputError("there are no vectors to compare with")
    x = np.asarray(subject.vectors, dtype=np.float32)
    return x, x[subject.choose].mean(axis=0)


def _usual_active(subject: Subject) -> int:
    n, m = subject.codes.shape
    return int(max(1, min(m, round(subject.codes.nnz / n))))


def _components(subject: Subject, most: int) -> Subject:
    x, mean = _vectors(subject)
    axes = np.linalg.svd(x[subject.choose] - mean, full_matrices=False)[2]
    axes = axes[: min(most, len(subject.choose) - 1, len(axes))]
    return subject.with_codes((x - mean) @ axes.T, axes, mean)
