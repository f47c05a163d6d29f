"""What yardsticks are held against: codes, labels and factors in the forms people have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array, issparse

from semascope.core import Codes, CodeStore, InputError, as_frame, as_vectors, from_torch, generator

Floats = npt.NDArray[np.float64]
_MOST_NUMBERS = 50
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Factors:
    """What is known about rows: kinds, numbers, or both.

    Parameters
    ----------
    values : ndarray of float64, shape (n, k)
        Numbers; kinds are numbered from 0.
    discrete : ndarray of bool, shape (k,)
        Which columns hold kinds.
    names : tuple of str
        One a column.

    Examples
    --------
    >>> from semascope.measure.yardsticks import as_factors
    >>> as_factors([[0, 5], [1, 7]]).discrete.tolist()
    [True, True]
    """

    values: Floats
    discrete: Bools
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def k(self) -> int:
        """Number of factors."""
        return int(self.values.shape[1])

    def take(self, rows: npt.NDArray[Any]) -> Factors:
        """Return some rows."""
        return Factors(self.values[rows], self.discrete, self.names)

    def levels(self, bins: int = 20, *, even: bool = False) -> Ints:
        """Return each factor as whole numbers from 0; continuous ones are cut into `bins`.

        Bins are equally wide, or with `even` hold equally many rows.
        """
        out = np.empty(self.values.shape, dtype=np.int64)
        for f, column in enumerate(self.values.T):
            if not self.discrete[f]:
                if even:
                    inner = np.quantile(column, np.linspace(0, 1, bins + 1)[1:-1])
                    column = np.searchsorted(np.unique(inner), column, side="right")
                else:
                    column = equal_bins(column, float(column.min()), float(column.max()), bins)
            out[:, f] = np.unique(column, return_inverse=True)[1]
        return out


def equal_bins(values: npt.NDArray[Any], low: float, high: float, bins: int) -> Ints:
    """Return in which of `bins` equally wide intervals from `low` to `high` each value lies.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks.inputs import equal_bins
    >>> equal_bins(np.array([0.0, 0.5, 1.0]), 0, 1, 2).tolist()
    [0, 1, 1]
    """
    if high <= low:
        return np.zeros(len(values), dtype=np.int64)
    # Rounded, so that scaling the values by a constant moves none of them over an edge.
    place = np.round((np.asarray(values, dtype=np.float64) - low) / (high - low) * bins, 9)
    return np.clip(np.floor(place), 0, bins - 1).astype(np.int64)


def as_factors(factors: Any, *, discrete: Sequence[bool] | None = None) -> Factors:
    """Turn a table or an array into `Factors`.

    Parameters
    ----------
    factors : Factors, frame, mapping, series, or array-like of shape (n,) or (n, k)
        Of polars, pandas or Arrow. Text, booleans and whole numbers are kinds, other numbers are
        continuous.
    discrete : sequence of bool, optional
        Which are kinds, if the types mislead (a year that should be a number).

    Raises
    ------
    InputError
        If a value is missing, or a factor never varies.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.measure.yardsticks import as_factors
    >>> as_factors(pl.DataFrame({"kind": ["a", "b"], "size": [0.5, 2.0]})).discrete.tolist()
    [True, False]
    """
    if isinstance(factors, Factors):
        return factors
    array = _plain(factors)
    if array is None:
        factors = as_frame(factors, "factors")
        names = tuple(factors.columns)
        for name in names:
            if factors[name].dtype.is_nested():
                raise InputError(f"factor '{name}' holds lists; a factor has one value a row")
            if factors[name].null_count():
                raise InputError(
                    f"factor '{name}' has {factors[name].null_count()} missing values; "
                    "fill them or leave these rows out"
                )
        columns = [_numbers(factors[name]).to_numpy() for name in names]
        if not columns:
            raise InputError("factors have no columns")
    else:
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2 or 0 in array.shape:
            raise InputError(f"factors must have shape (rows, factors), found {array.shape}")
        columns = list(array.T)
        names = tuple(f"factor {f}" for f in range(len(columns)))
    kinds = [c.dtype.kind not in "fc" for c in columns] if discrete is None else list(discrete)
    if len(kinds) != len(columns):
        raise InputError(f"{len(columns)} factors, but discrete tells about {len(kinds)}")
    values = np.empty((len(columns[0]), len(columns)))
    for f, (column, kind) in enumerate(zip(columns, kinds, strict=True)):
        values[:, f] = np.unique(column, return_inverse=True)[1] if kind else column
        if not np.isfinite(values[:, f]).all():
            raise InputError(f"'{names[f]}' holds a value that is not finite; leave the row out")
        if np.ptp(values[:, f]) == 0:
            raise InputError(f"'{names[f]}' never varies; leave it out")
    return Factors(values, np.array(kinds, dtype=bool), names)


def _numbers(column: pl.Series) -> pl.Series:
    """Return times as amounts."""
    return column.to_physical().cast(pl.Float64) if column.dtype.is_temporal() else column


def _plain(given: Any) -> npt.NDArray[Any] | None:
    """Return what is an array already; None for tables, series, and lists with gaps or words."""
    tensor = from_torch(given)
    if tensor is not None:
        return tensor
    if not isinstance(given, np.ndarray | list | tuple) or isinstance(given, np.ma.MaskedArray):
        return None
    try:
        array = np.asarray(given)
    except ValueError as err:
        raise InputError(f"rows differ in length: {err}") from err
    words = isinstance(given, list | tuple) and array.dtype.kind == "U"
    return None if array.dtype.kind == "O" or words else array


def _kinds(column: pl.Series) -> npt.NDArray[Any]:
    gaps = column.is_null().arg_true()
    if len(gaps):
        raise InputError(
            f"labels are missing in {len(gaps)} rows, first at row {gaps[0]}; leave these rows out"
        )
    return np.asarray(column.to_numpy())


def as_labels(labels: Any, names: Sequence[str] | None = None) -> tuple[Bools, tuple[str, ...]]:
    """Turn one value a row, or a matrix of yes and no, into a bool matrix (n, c) and names.

    Examples
    --------
    >>> from semascope.measure.yardsticks import as_labels
    >>> as_labels(["tea", "car", "tea"])[0].tolist()
    [[False, True], [True, False], [False, True]]
    """
    array = _plain(labels)
    if array is None:
        frame = as_frame(labels, "labels")
        if frame.width == 1 and (frame.dtypes[0] == pl.String or not hasattr(labels, "columns")):
            array = _kinds(frame.to_series())
        else:
            names = frame.columns if names is None else names
            array = frame.to_numpy()
    if array.ndim == 1:
        found = np.unique(array)
        if array.dtype.kind == "f" and np.isnan(array).any():
            row = int(np.isnan(array).argmax())
            raise InputError(f"labels are missing in some rows, first at row {row}; leave them out")
        if array.dtype.kind == "f" and len(found) > _MOST_NUMBERS and (found % 1 != 0).any():
            raise InputError(
                f"labels are kinds, found {len(found)} different numbers; pass them as factors, or "
                "cut them into ranges"
            )
        out, known = array[:, None] == found, tuple(str(v) for v in found)
    elif array.ndim == 2 and array.dtype.kind in "biuf" and np.isin(array, (0, 1)).all():
        out, known = array.astype(bool), tuple(str(c) for c in range(array.shape[1]))
    else:
        raise InputError(
            "labels must be one value a row, or a matrix (rows, labels) of yes and no; found "
            f"shape {array.shape} of {array.dtype}"
        )
    if names is not None and len(names) != out.shape[1]:
        raise InputError(f"{out.shape[1]} labels have {len(names)} names")
    return out, tuple(names) if names is not None else known


def sparse_codes(codes: Any) -> csr_array:
    """Return codes as a sparse matrix of rows, without stored zeros.

    Examples
    --------
    >>> from semascope.measure.yardsticks import sparse_codes
    >>> sparse_codes([[0.0, 2.0]]).nnz
    1
    """
    if isinstance(codes, Codes | CodeStore):
        matrix = codes.to_scipy()
    elif issparse(codes):
        matrix = csr_array(codes)
    else:
        dense = np.asarray(codes)
        if dense.ndim != 2 or 0 in dense.shape or dense.dtype.kind not in "fiub":
            raise InputError(
                f"codes must be numbers of shape (rows, latents), found {dense.dtype} of shape "
                f"{dense.shape}"
            )
        matrix = csr_array(dense.astype(np.float64) if dense.dtype.kind != "f" else dense)
    if not np.isfinite(matrix.data).all():
        raise InputError("codes hold a value that is not finite; remove or repair that row")
    if matrix.nnz and (matrix.data == 0).any():
        matrix = matrix.copy()
        matrix.eliminate_zeros()
    return matrix


def dense_codes(codes: Any) -> Floats:
    """Return codes as a dense float64 array (n, m).

    Examples
    --------
    >>> from semascope.measure.yardsticks import dense_codes
    >>> dense_codes([[0, 2]])
    array([[0., 2.]])
    """
    if isinstance(codes, np.ndarray) and codes.dtype.kind == "f" and codes.ndim == 2:
        if not np.isfinite(codes).all():
            raise InputError("codes hold a value that is not finite; remove or repair that row")
        return np.asarray(codes, dtype=np.float64)
    return np.asarray(sparse_codes(codes).toarray(), dtype=np.float64)


def halves(n: int, seed: int = 0) -> tuple[Ints, Ints]:
    """Return rows for choosing and rows for testing, half of `n` each, ascending.

    Examples
    --------
    >>> from semascope.measure.yardsticks import halves
    >>> [len(rows) for rows in halves(5)]
    [2, 3]
    """
    if n < 4:
        raise InputError(f"{n} rows cannot be divided into rows to choose on and rows to test on")
    order = generator(seed, "halves").permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])


def codes_and_factors(codes: Any, factors: Any) -> tuple[Floats, Factors]:
    """Return dense codes and the factors of the same rows.

    Examples
    --------
    >>> from semascope.measure.yardsticks.inputs import codes_and_factors
    >>> codes_and_factors([[1], [2]], ["a", "b"])[1].k
    1
    """
    x, known = dense_codes(codes), as_factors(factors)
    require_rows(len(x), factors=known)
    return x, known


def codes_and_labels(codes: Any, labels: Any) -> tuple[Floats, Bools]:
    """Return dense codes and the labels of the same rows.

    Examples
    --------
    >>> from semascope.measure.yardsticks.inputs import codes_and_labels
    >>> codes_and_labels([[1], [2]], ["a", "b"])[1].shape
    (2, 2)
    """
    x, (truth, _) = dense_codes(codes), as_labels(labels)
    require_rows(len(x), labels=truth)
    return x, truth


def fitting_parts(codes: Any, atoms: npt.ArrayLike, vectors: Any) -> tuple[Floats, Floats, Floats]:
    """Return dense codes (n, m), vectors (n, d) and atoms (m, d) that fit together, as float64.

    Examples
    --------
    >>> from semascope.measure.yardsticks.inputs import fitting_parts
    >>> [part.shape for part in fitting_parts([[1, 2]], [[1], [3]], [[7]])]
    [(1, 2), (1, 1), (2, 1)]
    """
    z, basis = dense_codes(codes), np.asarray(atoms, dtype=np.float64)
    x = np.asarray(as_vectors(vectors), dtype=np.float64)
    require_rows(len(z), vectors=x)
    if basis.shape != (z.shape[1], x.shape[1]):
        raise InputError(f"atoms {basis.shape} do not fit codes {z.shape} and vectors {x.shape}")
    return z, x, basis


def require_rows(n: int, **parts: Any) -> None:
    """Refuse what has another number of rows than the codes.

    Examples
    --------
    >>> from semascope.measure.yardsticks.inputs import require_rows
    >>> require_rows(2, labels=[1, 0])
    """
    for name, part in parts.items():
        if part is not None and len(part) != n:
            raise InputError(f"codes have {n} rows, {name} {len(part)}")
