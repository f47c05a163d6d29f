"""Covariates as numbers: what effects are adjusted for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, as_frame, did_you_mean, listed

Floats = npt.NDArray[np.float64]

_MOST_LEVELS = 50
_KNOTS = 4


def read_columns(given: Any, items: pl.DataFrame | None, n: int, what: str) -> pl.DataFrame:
    """Return columns by name, or those that were passed, as a table of `n` rows without gaps.

    Parameters
    ----------
    given : str, sequence of str, frame, mapping, series or array
        Names of columns of `items`, or values.
    items : polars.DataFrame, optional
        Where names are looked up.
    n : int
        Rows that there must be.
    what : str
        For messages: ``covariates``, ``groups``.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.design import read_columns
    >>> read_columns("year", pl.DataFrame({"year": [1, 2]}), 2, "covariates").columns
    ['year']
    """
    if isinstance(given, str):
        given = [given]
    named = isinstance(given, Sequence) and len(given) and all(isinstance(g, str) for g in given)
    if named and items is None and len(given) == 1 != n:
        raise InputError(
            f"{what}: '{given[0]}' is a name; pass values, since there is no table of items"
        )
    if named and items is not None and (len(given) != n or set(given) <= set(items.columns)):
        missing = [name for name in given if name not in items.columns]
        if missing:
            raise InputError(
                f"{what}: there is no column '{missing[0]}'; columns: {listed(items.columns)}"
                f"{did_you_mean(missing[0], items.columns)}"
            )
        frame = items.select(given)
    else:
        frame = as_frame(given, what)
    if len(frame) != n:
        raise InputError(
            f"{what} have {len(frame)} values for {n} rows; they must match, row by row"
        )
    return frame


def read_column(given: Any, items: pl.DataFrame | None, n: int, what: str) -> pl.Series:
    """Return one column, as `read_columns` does; `InputError` if there are several.

    Examples
    --------
    >>> from semascope.explain.design import read_column
    >>> read_column(["a", "b"], None, 2, "groups").to_list()
    ['a', 'b']
    """
    frame = read_columns(given, items, n, what)
    if frame.width != 1:
        raise InputError(f"{what}: one column is needed, found {listed(frame.columns) or 'none'}")
    return frame.to_series()


def require_complete(frame: pl.DataFrame, rows: npt.NDArray[np.int64], what: str) -> None:
    """Raise `InputError` if a value is missing, naming the column and the first row.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.explain.design import require_complete
    >>> require_complete(pl.DataFrame({"year": [1, None]}), np.array([0]), "covariates")
    """
    for column in frame:
        gaps = column.is_null()
        if column.dtype.is_float():
            gaps = gaps | ~column.is_finite().fill_null(False)
        bad = rows[gaps.to_numpy()[rows]]
        if len(bad):
            raise InputError(
                f"{what}: column '{column.name}' is missing in {len(bad)} rows, first at row "
                f"{bad[0]}; fill it or leave these rows out"
            )


def design(frame: pl.DataFrame, *, smooth: Sequence[str] = (), strict: bool = True) -> Floats:
    """Turn covariates into a matrix: numbers scaled, words as indicators, the first level left out.

    Parameters
    ----------
    frame : polars.DataFrame
        Without gaps.
    smooth : sequence of str
        Numeric columns whose effect may bend: natural in time. Cubic splines.
    strict : bool, default True
        Refuse columns that say nothing; else leave them out.

    Returns
    -------
    ndarray of float64, shape (n, k)

    Raises
    ------
    InputError
        If a column is constant, has too many levels, or says what others already say.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.design import design
    >>> design(pl.DataFrame({"side": list("abab"), "year": [1, 2, 4, 9]})).shape
    (4, 2)
    """
    n = len(frame)
    parts, owners = [], []
    for column in frame:
        if not strict and column.n_unique() == 1:
            continue
        part = _columns(column, column.name in smooth)
        parts.append(part)
        owners += [column.name] * part.shape[1]
    matrix: Floats = np.hstack([np.zeros((n, 0)), *parts])
    if matrix.shape[1] >= n - 1:
        raise InputError(
            f"the covariates make {matrix.shape[1]} columns for {n} rows; leave some out"
        )
    return np.asarray(matrix[:, _independent(matrix, owners, strict)])


def _columns(column: pl.Series, smooth: bool) -> Floats:
    plain = column.dtype.is_numeric() or column.dtype.is_temporal()
    if not plain and column.dtype not in (pl.Boolean, pl.String, pl.Enum, pl.Categorical):
        raise InputError(
            f"covariate '{column.name}' has the type {column.dtype}; numbers, dates, booleans and "
            "words can be adjusted for"
        )
    distinct = column.n_unique()
    if distinct == 1:
        raise InputError(
            f"covariate '{column.name}' is {column[0]!r} in all {len(column)} rows used; leave it "
            "out"
        )
    if column.dtype.is_temporal():
        column = column.cast(pl.Date if column.dtype == pl.Date else pl.Datetime("us"))
        column = column.to_physical()
    if column.dtype.is_numeric():
        values = column.cast(pl.Float64).to_numpy()
        values = ((values - values.mean()) / values.std())[:, None]
        return _bent(values) if smooth and distinct > 2 * _KNOTS else np.asarray(values)
    if distinct > min(_MOST_LEVELS, len(column) / 2):
        raise InputError(
            f"covariate '{column.name}' has {distinct} levels in {len(column)} rows; rows that "
            "belong together are told with groups="
        )
    levels = column.cast(pl.String).unique().sort().to_list()
    told = column.cast(pl.String).to_numpy()
    return np.asarray(np.stack([told == one for one in levels[1:]], axis=1), dtype=np.float64)


def _bent(values: Floats) -> Floats:
    from sklearn.preprocessing import SplineTransformer

    spline = SplineTransformer(_KNOTS, degree=3, knots="quantile", include_bias=False)
    out: Floats = np.asarray(spline.fit_transform(values), dtype=np.float64)
    return np.asarray(out - out.mean(axis=0))


def _independent(matrix: Floats, owners: list[str], strict: bool) -> list[int]:
    kept = []
    basis = np.ones((len(matrix), 1)) / np.sqrt(len(matrix))
    for j, owner in enumerate(owners):
        length = float(np.linalg.norm(matrix[:, j]))
        rest = matrix[:, j] - basis @ (basis.T @ matrix[:, j])
        rest -= basis @ (basis.T @ rest)
        if np.linalg.norm(rest) < 1e-7 * max(length, 1e-300):
            if not strict:
                continue
            others = listed([o for o in dict.fromkeys(owners[:j]) if o != owner])
            raise InputError(
                f"covariate '{owner}' is collinear: what it says follows from {others or 'itself'};"
                " leave one of them out"
            )
        kept.append(j)
        basis = np.hstack([basis, (rest / np.linalg.norm(rest))[:, None]])
    return kept
