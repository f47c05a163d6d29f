"""How wrong a model is on each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, as_frame, as_series, listed

LOSSES = ("error", "log", "absolute", "squared")

Floats = npt.NDArray[np.float64]
_CLIP = 1e-12
# Probabilities may be rounded.
_OFF = 0.02


@dataclass(frozen=True, eq=False)
class Losses:
    """Losses of a model.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        One a row, NaN where truth or prediction is missing.
    kind : {"error", "log", "absolute", "squared"}
        What they are: 0 or 1, nats, or in the outcome's units or their square.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.losses import Losses
    >>> Losses(np.array([0.0, 1.0]), "error").called
    'error rate'
    """

    values: Floats
    kind: str

    @property
    def called(self) -> str:
        """What a mean of them is called."""
        return {"error": "error rate", "log": "log loss"}.get(self.kind, f"{self.kind} error")

    @property
    def unit(self) -> str:
        """Unit of effects."""
        return "points" if self.kind == "error" else self.called


def read_losses(y_true: pl.Series, y_pred: Any, kind: str = "auto") -> Losses:
    """Return the losses of predictions.

    Parameters
    ----------
    y_true : polars.Series of length n
        What is so: classes (words, truth values, whole numbers), or numbers.
    y_pred : array-like of shape (n,) or (n, classes)
        Classes, numbers, or probabilities: of the second of two classes, or of each class in
        sorted order.
    kind : str, default "auto"
        "error" (0 or 1), "log", "absolute" or "squared". "auto": "log" if predictions are
        probabilities, "error" if truth and predictions are classes, else "absolute", which has
        the outcome's unit and does not follow a few outliers as squares do.

    Raises
    ------
    InputError
        If lengths or types do not fit, or the loss is the same in all rows.

    References
    ----------
    Gneiting and Raftery, "Strictly proper scoring rules, prediction, and estimation", 2007 (log).

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.losses import read_losses
    >>> read_losses(pl.Series(["a", "b"]), ["a", "a"]).values
    array([0., 1.])
    >>> read_losses(pl.Series([1.5, 2.0]), [1.0, 2.0]).kind
    'absolute'
    """
    if kind not in ("auto", *LOSSES):
        raise InputError(f"loss must be auto, {', '.join(LOSSES)}, got '{kind}'")
    given = as_column(y_pred, "y_pred")
    if len(given) != len(y_true):
        raise InputError(
            f"y_pred has {len(given)} rows, y_true {len(y_true)}; they must match, row by row"
        )
    if isinstance(given, pl.Series):
        y_true, given = _alike(y_true, given)
    truth = y_true.fill_nan(None) if y_true.dtype.is_float() else y_true
    present = truth.drop_nulls()
    if not len(present):
        raise InputError(f"y_true is missing in all {len(truth)} rows")
    if kind == "auto":
        kind = _kind(present, given)
    if isinstance(given, np.ndarray) and kind != "log":
        raise InputError(f"y_pred has {given.shape[1]} columns; these are for loss='log'")
    if kind == "log":
        values = _log(truth, present, given)
    elif kind == "error":
        values = _wrong(truth, given)
    else:
        for what, one in (("y_true", truth), ("y_pred", given)):
            if not one.dtype.is_numeric():
                raise InputError(f"loss '{kind}' needs numbers; {what} is {one.dtype}")
        apart = np.abs(_numbers(truth) - _numbers(given))
        values = apart if kind == "absolute" else apart**2
    known = values[~np.isnan(values)]
    if not len(known) or np.ptp(known) == 0:
        said = f"{known[0]:g} in all {len(known)} rows" if len(known) else "missing in all rows"
        raise InputError(
            f"the loss ({kind}) is {said}; there is no slice in which the model is worse"
        )
    return Losses(values, kind)


def as_column(given: Any, called: str) -> Any:
    """Return values of rows as a series, several columns of numbers as an array.

    Examples
    --------
    >>> from semascope.explain.losses import as_column
    >>> as_column([1, 2], "y_pred").dtype, as_column([[0.5, 0.5]], "y_pred").shape
    (Int64, (1, 2))
    """
    found = as_frame(given, called) if len(np.shape(given)) == 2 else None
    if found is None or found.width == 1:
        return as_series(given if found is None else found.to_series(), called)
    if not all(dtype.is_numeric() for dtype in found.dtypes):
        raise InputError(
            f"{called} is one value a row, or a row of probabilities; found columns of "
            f"{listed(sorted({str(dtype) for dtype in found.dtypes}))}"
        )
    return found.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def _alike(truth: pl.Series, given: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Take truth values as 0 and 1 where the others are numbers."""
    if truth.dtype == pl.Boolean and given.dtype.is_numeric():
        return truth.cast(pl.Int64), given
    if given.dtype == pl.Boolean and truth.dtype.is_numeric():
        return truth, given.cast(pl.Int64)
    return truth, given


def _kind(present: pl.Series, given: Any) -> str:
    if isinstance(given, np.ndarray):
        return "log"  # probabilities of classes
    if not present.dtype.is_numeric() and not given.dtype.is_numeric():
        return "error"
    known = given.drop_nulls()
    if present.n_unique() == 2 and given.dtype.is_float():
        inside = bool(((known >= 0) & (known <= 1)).all())
        if inside and bool(((known > 0) & (known < 1)).any()):
            return "log"
    if not present.dtype.is_numeric():
        return "error"
    whole = present.dtype.is_integer() or bool((present % 1 == 0).all())
    if whole and bool(known.is_in(present.unique().cast(known.dtype).implode()).all()):
        return "error"
    return "absolute"


def _wrong(truth: pl.Series, given: pl.Series) -> Floats:
    if truth.dtype.is_numeric() and given.dtype.is_numeric():
        first, second = _numbers(truth), _numbers(given)
        return np.where(np.isnan(first) | np.isnan(second), np.nan, (first != second) * 1.0)
    if truth.dtype.is_numeric() != given.dtype.is_numeric():
        raise InputError(f"y_true is {truth.dtype}, y_pred {given.dtype}; classes must be alike")
    apart = truth.cast(pl.String) != given.cast(pl.String)
    return np.asarray(apart.cast(pl.Float64).fill_null(float("nan")).to_numpy())


def _log(truth: pl.Series, present: pl.Series, given: Any) -> Floats:
    classes = present if present.dtype.is_numeric() else present.cast(pl.String)
    order = classes.unique().sort().to_list()
    if isinstance(given, pl.Series):
        if len(order) != 2:
            raise InputError(
                f"one probability a row is for two classes, y_true has {len(order)}; pass one "
                "column of probabilities for each"
            )
        if not given.dtype.is_numeric():
            raise InputError(f"loss 'log' needs probabilities; y_pred is {given.dtype}")
        second = _numbers(given)
        given = np.column_stack([1 - second, second])
    if given.shape[1] != len(order):
        raise InputError(
            f"y_pred has {given.shape[1]} columns, y_true {len(order)} classes; they must match"
        )
    bad = np.flatnonzero(((given < 0) | (given > 1)).any(axis=1))
    if len(bad):
        raise InputError(f"probabilities lie between 0 and 1; row {bad[0]} of y_pred does not")
    sums = given.sum(axis=1)
    bad = np.flatnonzero(np.abs(sums - 1) > _OFF)
    if len(bad):
        raise InputError(
            f"the probabilities of a row add up to 1; those of row {bad[0]} of y_pred add up to "
            f"{sums[bad[0]]:.3g}"
        )
    texts = truth if truth.dtype.is_numeric() else truth.cast(pl.String)
    place = texts.replace_strict(order, range(len(order)), default=None, return_dtype=pl.Int64)
    at = place.fill_null(0).to_numpy()
    values = -np.log(np.maximum(given[np.arange(len(at)), at], _CLIP))
    return np.where(place.is_null().to_numpy(), np.nan, values)


def _numbers(series: pl.Series) -> Floats:
    values = series.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
    endless = np.flatnonzero(np.isinf(values))
    if len(endless):
        raise InputError(f"'{series.name}' is infinite at row {endless[0]}")
    return values
