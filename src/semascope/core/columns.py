"""Values of rows in the forms people have them: lists, arrays, tensors, series, frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from semascope.core.arrays import from_torch
from semascope.core.errors import InputError

if TYPE_CHECKING:
    import polars as pl


def as_series(given: Any, name: str) -> pl.Series:
    """Return one value for each row as a series; what is missing becomes null.

    Parameters
    ----------
    given : list, array, tensor, or series of polars, pandas or Arrow
        Shape (n,). NaN, NA and what is masked are missing; numbers may be whole or not. An ordered
        pandas Categorical becomes an Enum, which keeps the order. Rows are taken in their order: an
        index is not looked at.
    name : str
        What the values are called where they have no name of their own.

    Raises
    ------
    InputError
        If there is not one value for each row, or words stand among numbers.

    Examples
    --------
    >>> from semascope.core import as_series
    >>> as_series([1, 2.5, None], "stars").to_list()
    [1.0, 2.5, None]
    >>> as_series([1, "a"], "stars")
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: stars: numbers and words are mixed: 'a' at row 1
    """
    import polars as pl

    try:
        found = _series(given, name)
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as err:
        said = str(err).strip().split("\n")[0]
        raise InputError(f"{name} must be one value for each row; {said}") from err
    return found.fill_nan(None) if found.dtype.is_float() else found


def as_frame(given: Any, name: str) -> pl.DataFrame:
    """Return columns of values as a table: of a frame, a mapping, a matrix, or one column.

    Examples
    --------
    >>> from semascope.core import as_frame
    >>> as_frame({"year": [1, 2], "side": ["a", None]}, "covariates").columns
    ['year', 'side']
    >>> as_frame([[1, 2], [3, 4]], "covariates").columns
    ['covariate 1', 'covariate 2']
    """
    import polars as pl

    if isinstance(given, pl.LazyFrame):
        given = given.collect()
    if isinstance(given, pl.DataFrame):
        return given
    module = type(given).__module__.split(".")[0]
    columns = getattr(given, "columns", None)
    if module == "pandas" and columns is not None:
        given = {str(column): given.iloc[:, i] for i, column in enumerate(columns)}
    elif module == "pyarrow" and columns is not None:
        given = dict(zip(given.column_names, columns, strict=True))
    if isinstance(given, Mapping):
        parts = [as_series(one, str(key)).alias(str(key)) for key, one in given.items()]
        sizes = {len(part) for part in parts}
        if len(sizes) > 1:
            raise InputError(f"{name} have columns of {' and '.join(map(str, sorted(sizes)))} rows")
        return pl.DataFrame(parts)
    one = name.removesuffix("s")
    tensor = from_torch(given)
    array = tensor if tensor is not None else given
    if not hasattr(array, "ndim") and isinstance(given, list | tuple) and len(given):
        # A row of values each, or one value each.
        array = np.asarray(given) if isinstance(given[0], list | tuple | np.ndarray) else given
    if getattr(array, "ndim", 1) != 2:
        return as_series(array, one).to_frame()
    names = [one] if array.shape[1] == 1 else [f"{one} {i + 1}" for i in range(array.shape[1])]
    return pl.DataFrame([as_series(array[:, i], key) for i, key in enumerate(names)])


def _series(given: Any, name: str) -> pl.Series:
    import polars as pl

    if isinstance(given, pl.Series):
        return given if given.name else given.alias(name)
    if isinstance(given, pl.DataFrame):
        raise TypeError("found a table; pass one of its columns")
    module = type(given).__module__.split(".")[0]
    if module == "pandas" and len(getattr(given, "shape", ())) == 1:
        return _from_pandas(given, name)
    if module == "pyarrow" and not hasattr(given, "columns"):
        return pl.Series(name, pl.from_arrow(given))
    tensor = from_torch(given)
    given = given if tensor is None else tensor
    if isinstance(given, np.ma.MaskedArray):
        given = given.tolist()
    array = np.asarray(given, dtype=object if isinstance(given, list | tuple) else None)
    if array.ndim != 1:
        raise TypeError(f"found shape {array.shape}")
    if array.dtype != object:
        return pl.Series(name, array, nan_to_null=array.dtype.kind == "f")
    return _of_objects(array.tolist(), name)


def _of_objects(values: list[Any], name: str) -> pl.Series:
    import polars as pl

    values = [None if _is_missing(value) else value for value in values]
    words = next((i for i, value in enumerate(values) if isinstance(value, str)), None)
    if words is not None and not all(value is None or isinstance(value, str) for value in values):
        raise InputError(f"{name}: numbers and words are mixed: {values[words]!r} at row {words}")
    return pl.Series(name, values, strict=False)


def _is_missing(value: Any) -> bool:
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    return type(value).__name__ in {"NAType", "NaTType"}


def _from_pandas(given: Any, name: str) -> pl.Series:
    import polars as pl

    kind = given.dtype
    called = getattr(given, "name", None)
    called = name if called is None else str(called)
    if hasattr(kind, "categories"):
        values = [None if _is_missing(value) else str(value) for value in given]
        order = [str(value) for value in kind.categories]
        return pl.Series(called, values, dtype=pl.Enum(order) if kind.ordered else pl.String)
    if hasattr(given, "index"):
        return pl.Series(called, pl.from_pandas(given))
    return _of_objects(list(given), called)
