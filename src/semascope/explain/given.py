"""What was given to explain: read, matched row by row, and checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, did_you_mean, listed, split_of
from semascope.explain.design import read_column, read_columns, require_complete
from semascope.explain.kinds import Outcome, read_outcome
from semascope.explain.problem import Setting, check_groups
from semascope.explain.tested import as_strengths
from semascope.lexicon import Lexicon


@dataclass(frozen=True, eq=False)
class Given:
    """Codes, concepts and the question about them.

    Parameters
    ----------
    codes : scipy.sparse.csr_array of shape (n, m)
        Strengths.
    concepts, names : polars.Series
        Ids and names (null where there is none) of the columns.
    alive : ndarray of bool, shape (m,)
        Concepts that stand: neither muted nor merged into others.
    setting : Setting
        The question.
    by : polars.Series, optional
        Subgroups.
    covariate_names : tuple of str
        What effects are adjusted for.
    left_out : dict of str to int
        Rows left out, by reason.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.given import read_given
    >>> read_given(np.eye(3), [1.5, 2.0, 4.0]).concepts.to_list()
    ['c0', 'c1', 'c2']
    """

    codes: Any
    concepts: pl.Series
    names: pl.Series
    alive: npt.NDArray[np.bool_]
    setting: Setting
    by: pl.Series | None
    covariate_names: tuple[str, ...]
    left_out: dict[str, int]

    def label(self, table: pl.DataFrame) -> pl.DataFrame:
        """Put ids and names first in a table with a column of ``latent``; keep those that stand."""
        latent = table["latent"].to_numpy()
        table = table.select(
            self.concepts.gather(latent).alias("concept"),
            self.names.gather(latent).alias("name"),
            pl.exclude("concept", "name"),
        )
        return table.filter(pl.Series(self.alive[latent]))


def read_given(
    lex: Any,
    y: Any,
    *,
    kind: str = "auto",
    covariates: Any = None,
    groups: Any = None,
    weights: Any = None,
    time: Any = None,
    pairs: Any = None,
    by: Any = None,
    missing: str = "error",
    name: str | None = None,
    unit: str | None = None,
    names: Any = None,
    order: Sequence[str] | None = None,
) -> Given:
    """Read what `explain.outcome` was given; its parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.given import read_given
    >>> read_given(np.eye(3), [1.5, 2.0, 4.0], weights=[1, 1, 2]).setting.weights
    array([1., 1., 2.])
    """
    if missing not in ("error", "drop"):
        raise InputError(f"missing must be 'error' or 'drop', got '{missing}'")
    items = lex.items if isinstance(lex, Lexicon) else None
    codes, concepts, told, alive = read_concepts(lex, names)
    n = codes.shape[0]
    if isinstance(y, str):
        y = _column(y, items, "outcome")
    if pairs is not None and kind == "auto":
        kind = "paired"
    if (kind == "paired") != (pairs is not None):
        raise InputError("kind 'paired' and pairs= go together: which two rows were compared")
    moment = None if time is None else read_column(time, items, n, "time")
    duration = moment if kind == "survival" else None
    found = read_outcome(y, kind, name=name, unit=unit, duration=duration, order=order)
    if len(found) != n:
        also = ""
        if isinstance(lex, Lexicon) and lex.info.get("skipped"):
            also = f" ({sum(lex.info['skipped'].values())} rows were left out when it was learned)"
        raise InputError(
            f"outcome '{found.name}' has {len(found)} rows, the codes {n}{also}; they must match, "
            "row by row"
        )
    left_out = _missing(found, missing)
    table = None if covariates is None else read_columns(covariates, items, n, "covariates")
    smooth: tuple[str, ...] = ()
    if moment is not None and found.kind != "survival":
        smooth = (moment.name,)
        table = moment.to_frame() if table is None else table.with_columns(moment)
    if table is not None:
        _check_covariates(table, found, items)
    group = read_keys(groups, items, n, "groups")
    if group is not None:
        check_groups(group)
    setting = Setting(
        found,
        table,
        smooth,
        group,
        read_weights(weights, items, n),
        read_keys(pairs, items, n, "pairs"),
    )
    column = None if by is None else read_column(by, items, n, "by")
    adjusted_for = () if table is None else tuple(table.columns)
    return Given(codes, concepts, told, alive, setting, column, adjusted_for, left_out)


def read_concepts(lex: Any, names: Any) -> tuple[Any, pl.Series, pl.Series, npt.NDArray[np.bool_]]:
    """Return codes, ids, names, and which concepts stand, of a lexicon or of codes.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.given import read_concepts
    >>> read_concepts(np.eye(2), ["tea", "train"])[2].to_list()
    ['tea', 'train']
    """
    if isinstance(lex, Lexicon):
        if names is not None:
            raise InputError("a lexicon has names; leave names out")
        table = lex.concepts
        codes = as_strengths(lex.codes)
        stand = (table["became"].list.len() == 0) & ~table["muted"].fill_null(False)
        return codes, table["id"], table["name"], stand.to_numpy()
    matrix = lex.to_scipy() if hasattr(lex, "to_scipy") else lex
    if not hasattr(matrix, "tocsr"):
        matrix = np.asarray(matrix)
        if matrix.ndim != 2 or matrix.dtype.kind not in "fiub":
            raise InputError(
                f"codes must be a matrix of numbers (rows, concepts), found {matrix.dtype} of "
                f"shape {matrix.shape}"
            )
        if not np.isfinite(matrix).all():
            row, column = np.argwhere(~np.isfinite(matrix))[0]
            raise InputError(f"codes hold a value that is not finite at row {row}, column {column}")
    codes = as_strengths(matrix)
    m = codes.shape[1]
    ids = pl.Series("concept", [f"c{j}" for j in range(m)])
    told = pl.Series("name", [None] * m if names is None else list(names), dtype=pl.String)
    if len(told) != m:
        raise InputError(f"{len(told)} names do not fit {m} concepts")
    return codes, ids, told, np.ones(m, dtype=bool)


def read_splits(
    lex: Any, splits: Any, n: int, owner: npt.NDArray[Any] | None = None
) -> npt.NDArray[np.uint8]:
    """Return the split of each row: a lexicon's own, a given one, or one by a hash.

    Parameters
    ----------
    lex : Lexicon or codes
        A lexicon carries its split.
    splits : array-like of shape (n,), optional
        0 *discover*, 1 *name*, 2 *verify*.
    n : int
        Rows.
    owner : ndarray of shape (n,), optional
        Rows of one owner (pair, group) stay together.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.given import read_splits
    >>> read_splits(np.eye(3), None, 3)
    array([0, 2, 0], dtype=uint8)
    """
    if isinstance(lex, Lexicon):
        if splits is not None:
            raise InputError("a lexicon carries its split; leave splits out")
        return np.asarray(lex.splits)
    if splits is None:
        return split_of(f"row-{i}" for i in (range(n) if owner is None else owner))
    found = np.asarray(splits)
    if found.shape != (n,) or not np.isin(found, [0, 1, 2]).all():
        raise InputError(
            f"splits must be 0 (discover), 1 (name) or 2 (verify) for each of {n} rows"
        )
    return found.astype(np.uint8)


def require_unseen(lex: Any, y: Any) -> None:
    """Raise `InputError` if a lexicon may have been named by the column that it is to explain.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.given import require_unseen
    >>> require_unseen(np.eye(3), [1.5, 2.0, 4.0])
    """
    name = y if isinstance(y, str) else getattr(y, "name", None)
    if not isinstance(lex, Lexicon) or name not in lex.items.columns:
        return
    if name not in (lex.info.get("leave_out") or []):
        raise InputError(
            f"the lexicon was named with '{name}' at hand, so its names are not independent of it "
            f"outside the verify rows; learn with leave_out=['{name}'], or leave rows='all' out"
        )


def _column(name: str, items: pl.DataFrame | None, what: str) -> pl.Series:
    if items is None:
        raise InputError(
            f"{what} '{name}' is a name; pass values, since there is no table of items"
        )
    if name not in items.columns:
        raise InputError(
            f"there is no column '{name}'; columns: {listed(items.columns)}"
            f"{did_you_mean(name, items.columns)}"
        )
    return items[name]


def _check_covariates(table: pl.DataFrame, found: Outcome, items: pl.DataFrame | None) -> None:
    known = np.flatnonzero(~np.isnan(found.values))
    require_complete(table, known, "covariates")
    for column in table:
        same = items is not None and column.name == found.name
        if not same and column.dtype.is_numeric():
            there = column.gather(known).cast(pl.Float64).to_numpy()
            same = np.array_equal(there, found.values[known])
        if same:
            raise InputError(
                f"the outcome '{found.name}' cannot be a covariate as well"
                + (f"; '{column.name}' holds its values" if column.name != found.name else "")
            )


def _missing(found: Outcome, missing: str) -> dict[str, int]:
    gaps = np.flatnonzero(np.isnan(found.values))
    if len(gaps) and missing == "error":
        raise InputError(
            f"outcome '{found.name}' is missing in {len(gaps)} of {len(found)} rows, first at row "
            f"{gaps[0]}; leave them out with missing='drop' (--drop-missing)"
        )
    return {"rows without an outcome": len(gaps)} if len(gaps) else {}


def read_keys(given: Any, items: pl.DataFrame | None, n: int, what: str) -> npt.NDArray[Any] | None:
    """Return keys of rows (groups, pairs), a value for each; None if none were given.

    Examples
    --------
    >>> from semascope.explain.given import read_keys
    >>> read_keys(["a", "b"], None, 2, "groups")
    array(['a', 'b'], dtype='<U1')
    """
    if given is None:
        return None
    column = read_column(given, items, n, what)
    column = column.fill_nan(None) if column.dtype.is_float() else column
    if column.null_count():
        row = int(column.is_null().arg_true()[0])
        raise InputError(f"{what}: column '{column.name}' is missing at row {row}")
    values = np.asarray(column.to_numpy())
    return values.astype(str) if column.dtype == pl.String else values


def read_weights(given: Any, items: pl.DataFrame | None, n: int) -> npt.NDArray[np.float64] | None:
    """Return weights of rows, a number from 0 on for each; None if none were given.

    Examples
    --------
    >>> from semascope.explain.given import read_weights
    >>> read_weights([1, 2], None, 2)
    array([1., 2.])
    """
    if given is None:
        return None
    column = read_column(given, items, n, "weights")
    if not column.dtype.is_numeric():
        raise InputError(f"weights are numbers; column '{column.name}' is {column.dtype}")
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        at = "missing" if np.isnan(values[bad[0]]) else f"{values[bad[0]]:g}"
        raise InputError(f"weights must be 0 or more; they are {at} at row {bad[0]}")
    return np.asarray(values, dtype=np.float64)
