"""The yardsticks laid on a finished lexicon, or on codes, with columns of items for labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import (
    ArtifactError,
    Codes,
    CodeStore,
    InputError,
    as_vectors,
    did_you_mean,
    generator,
    listed,
)
from semascope.lexicon import Lexicon, split_rows
from semascope.measure import evaluate
from semascope.measure.yardsticks import halves, sparse_codes, unmeasured
from semascope.pipeline.reopened import reopen
from semascope.vectors import VectorSource, as_source, items_from

_MOST_ROWS, _MOST_LABELS = 15_000, 200
# Whole numbers with more values than this are amounts.
_KINDS = 20
_SIDES = ("discover", "name", "verify")
_NO_VECTORS = (
    "without the vectors (--vectors FILE, vectors=...) there are no baselines, and nothing that "
    "needs vectors"
)


@dataclass(frozen=True)
class Measured:
    """Score records of a lexicon, and what was left out of them.

    Parameters
    ----------
    table : polars.DataFrame
        As `measure.evaluate` returns it.
    notes : list of str
        What the numbers do not rest on.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.pipeline.measuring import Measured
    >>> Measured(pl.DataFrame()).notes
    []
    """

    table: pl.DataFrame
    notes: list[str] = field(default_factory=list)


def measure_saved(
    lexicon: Lexicon,
    *,
    labels: Sequence[str] = (),
    groups: str | None = None,
    metrics: Sequence[str] | None = None,
    vectors: Any = None,
    others: Sequence[Lexicon] = (),
    baselines: bool = True,
    on_step: Callable[[str], None] = lambda name: None,
    show_progress: bool = False,
) -> Measured:
    """Measure a lexicon: fit and choose on *discover* and *name* rows, report on *verify* rows.

    Of one column, each value is a label, and a factor of yes and no; of several, the columns are
    the factors and all their values the labels. Lists of values (genres) are labels only. Numbers
    with more than 20 values are continuous factors and no labels.

    Parameters
    ----------
    lexicon : Lexicon
        With its edits.
    labels : sequence of str
        Columns of the items.
    groups : str, optional
        Column that tells where rows come from, for sensitivity.
    metrics : sequence of str, optional
        As in `measure.evaluate`.
    vectors : anything that holds a matrix, optional
        The vectors it was learned from, if there is no encoder; without either there are neither
        baselines nor metrics that need vectors.
    others : sequence of Lexicon
        Of other fits to vectors of the same encoder, for stability; if their items are the same
        rows, for UDR too.
    baselines : bool, default True
    on_step : callable
        Told the name of each metric.
    show_progress : bool
        Show a bar while texts are embedded.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> import semascope as sc
    >>> from semascope.pipeline.measuring import measure_saved
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> items = pl.DataFrame({"right": x[:, 0] > 0})
    >>> lexicon = sc.learn(items, vectors=x, components=12, active=2, progress=False)
    >>> found = measure_saved(lexicon, labels=["right"], vectors=x, metrics=["best concept f1"])
    >>> found.table["of"].to_list()[:2]
    ['codes', 'random atoms']
    """
    notes: list[str] = []
    rows, x = rows_and_vectors(lexicon, vectors, notes, show_progress)
    for other in others:
        if other.atoms.shape[1] != lexicon.atoms.shape[1]:
            raise InputError(
                f"the other lexicon is of vectors of length {other.atoms.shape[1]}, this one of "
                f"{lexicon.atoms.shape[1]}; their atoms cannot be compared"
            )
    return _evaluated(
        lexicon.codes, lexicon.items, rows, labels, groups, x, notes,
        atoms=lexicon.atoms,
        bias=lexicon.dictionary.bias,
        runs=[o.codes for o in others if _same_rows(lexicon, o)],
        others=[other.atoms for other in others],
        metrics=metrics,
        baselines=baselines,
        seed=int(lexicon.info.get("seed") or 0),
        on_step=on_step,
    )  # fmt: skip


def measure_codes(
    codes: Any,
    *,
    items: Any = None,
    labels: Sequence[str] = (),
    groups: str | None = None,
    metrics: Sequence[str] | None = None,
    vectors: Any = None,
    atoms: Any = None,
    bias: Any = None,
    others: Sequence[Any] = (),
    baselines: bool = True,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda name: None,
) -> Measured:
    """Measure codes of a dictionary that was not made here, with columns of a table for labels.

    Half of the rows, at random, are there to fit and choose on; numbers come from the others.

    Parameters
    ----------
    codes : Codes, sparse matrix, array or path
        A path names a ``.npy`` array, a matrix that ``scipy.sparse.save_npz`` wrote, codes that
        were saved here, or any file that `as_vectors` reads.
    items : whatever `read_items` takes, n rows, optional
    labels, groups, metrics, baselines, on_step
        As in `measure_saved`.
    vectors : anything that holds a matrix (n, d), optional
        What they are codes of.
    atoms : anything `as_vectors` takes, shape (m, d), optional
    bias : array-like of shape (d,), or the path of a ``.npy`` file, optional
        Added to ``codes @ atoms``; by default nothing.
    others : sequence of anything `as_vectors` takes, optional
        Atoms of other fits, for stability.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.pipeline.measuring import measure_codes
    >>> y = np.arange(200) % 2
    >>> found = measure_codes(
    ...     np.c_[y, 1 - y], items={"odd": y}, labels=["odd"], metrics=["best concept f1"]
    ... )
    >>> found.table["value"].item()
    1.0
    """
    matrix = _read_codes(codes)
    n, notes = matrix.shape[0], list[str]()
    table = pl.DataFrame() if items is None else items_from(items, need_text=False).frame
    if items is not None and len(table) != n:
        raise InputError(f"codes have {n:,} rows, the items {len(table):,}")
    source = None if vectors is None else as_source(vectors)
    if source is None:
        notes.append(_NO_VECTORS)
    elif source.shape[0] != n:
        raise InputError(f"codes have {n:,} rows, the vectors {source.shape[0]:,}")
    used = np.arange(n)
    if n > _MOST_ROWS:
        used = np.sort(generator(seed, "measured rows").permutation(n)[:_MOST_ROWS])
        notes.append(f"a sample of {_MOST_ROWS:,} of {n:,} rows")
    sides = halves(len(used), seed)
    return _evaluated(
        matrix, table, (used[sides[0]], used[sides[1]]), labels, groups, source, notes,
        atoms=None if atoms is None else as_vectors(atoms),
        bias=None if bias is None else _read_bias(bias),
        others=[as_vectors(other) for other in others],
        metrics=metrics,
        baselines=baselines,
        seed=seed,
        on_step=on_step,
    )  # fmt: skip


def _evaluated(
    codes: Any,
    table: pl.DataFrame,
    rows: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    labels: Sequence[str],
    groups: str | None,
    x: VectorSource | None,
    notes: list[str],
    *,
    runs: Sequence[Any] = (),
    metrics: Sequence[str] | None,
    **given: Any,
) -> Measured:
    """Measure on the second part of the rows, with columns for labels, factors and groups."""
    require_columns(table, [*labels, *([groups] if groups else [])])
    every = np.sort(np.concatenate(rows))
    used = dict.fromkeys([*labels, *([groups] if groups else [])])
    items = table[every].select(list(used)) if used else table.select(())
    known_rows = np.ones(len(every), dtype=bool)
    for name in items.columns:
        known_rows &= ~items[name].is_null().to_numpy()
    if not known_rows.all():
        notes.append(f"{int((~known_rows).sum()):,} rows without a value are left out")
        every, items = every[known_rows], items.filter(pl.Series(known_rows))
    columns = items.select(labels)
    truth, names, left_out = _labels(columns)
    if left_out:
        notes.append(f"{left_out} rarer labels are left out; the {_MOST_LABELS} commonest stay")
    kinds = [name for name in columns.columns if _is_kind(columns[name])]
    test = np.isin(every, rows[1])
    if min(test.sum(), (~test).sum()) < 4:
        raise InputError(
            f"{int(test.sum())} verify rows and {int((~test).sum())} others can be measured; "
            "four of either are needed"
        )
    inputs: dict[str, Any] = {
        **given,
        "vectors": None if x is None else x.take(every),
        "labels": truth,
        "factors": _factors(columns, truth),
        "outcome": columns[kinds[0]].to_numpy() if kinds else None,
        "groups": items[groups].to_numpy() if groups else None,
        "runs": [run[every] for run in runs],
    }
    found = evaluate(
        codes[every],
        names=names,
        metrics=metrics,
        choose=np.flatnonzero(~test),
        test=np.flatnonzero(test),
        **inputs,
    )
    has = [name for name, part in inputs.items() if _there(part)]
    return Measured(found, notes + unmeasured(found["metric"].to_list(), has, metrics))


def _read_bias(bias: Any) -> npt.NDArray[Any]:
    array = np.load(bias) if isinstance(bias, str | Path) else np.asarray(bias)
    return np.asarray(array, dtype=np.float64).ravel()


def _there(part: Any) -> bool:
    return part is not None and not (isinstance(part, list | tuple) and not part)


def _read_codes(codes: Any) -> Any:
    if not isinstance(codes, str | Path):
        return sparse_codes(codes)
    path = Path(codes)
    if path.is_dir():
        return sparse_codes(CodeStore(path))
    if path.suffix == ".npz" and path.exists():
        from scipy.sparse import load_npz

        try:
            return sparse_codes(load_npz(path))
        except (ValueError, OSError, KeyError):
            pass  # an archive of arrays
    if path.suffix == ".safetensors" and path.exists():
        try:
            return sparse_codes(Codes.load(path))
        except ArtifactError:
            pass  # tensors of another kind
    return sparse_codes(as_vectors(path))


def require_columns(items: pl.DataFrame, names: Sequence[str]) -> None:
    """Refuse columns that items do not have.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.pipeline.measuring import require_columns
    >>> require_columns(pl.DataFrame({"topic": ["tea"]}), ["topic"])
    """
    for name in names:
        if name not in items.columns:
            raise InputError(
                f"no column '{name}' among the items{did_you_mean(name, items.columns)}; "
                f"there are {listed(items.columns) if items.columns else 'none'}"
            )


def rows_and_vectors(
    lexicon: Lexicon, vectors: Any, notes: list[str], show_progress: bool
) -> tuple[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]], VectorSource | None]:
    """Return rows to choose on and to test on, and the vectors if they can be had.

    Of many rows a sample; what was left out is added to `notes`.

    Examples
    --------
    >>> from semascope.pipeline.measuring import rows_and_vectors
    >>> rows_and_vectors.__name__
    'rows_and_vectors'
    """
    seed = int(lexicon.info.get("seed") or 0)
    most = _MOST_ROWS // len(_SIDES)
    sides = [split_rows(lexicon.splits, side, seed=seed, most=most) for side in _SIDES]
    used = sum(len(side) for side in sides)
    if used < len(lexicon.splits):
        notes.append(f"a sample of {used:,} of {len(lexicon.splits):,} rows")
    rows = np.sort(np.concatenate(sides[:2])), sides[2]
    source: VectorSource | None = None
    encoded = lexicon.encoder is not None or lexicon.info.get("encoder") is not None
    if vectors is not None:
        source = as_source(vectors)
        shape = len(lexicon.items), lexicon.dictionary.n_dimensions
        if source.shape != shape:
            raise InputError(f"the vectors have shape {source.shape}, the lexicon's are {shape}")
    elif encoded and lexicon.text is not None:
        source = reopen(lexicon, sides=_SIDES, show_progress=show_progress).source
    else:
        notes.append(_NO_VECTORS)
    return rows, source


def _same_rows(lexicon: Lexicon, other: Lexicon) -> bool:
    a, b = (lex.items.get_column(str(lex.info.get("id", "id")), default=None)
            for lex in (lexicon, other))  # fmt: skip
    return a is not None and b is not None and len(a) == len(b) and bool((a == b).all())


def _is_kind(column: pl.Series) -> bool:
    if column.dtype.is_nested() or column.dtype.is_float():
        return False
    if column.dtype.is_integer():
        return column.n_unique() <= _KINDS
    return not column.dtype.is_temporal()


def _labels(
    table: pl.DataFrame,
) -> tuple[npt.NDArray[np.bool_] | None, list[str] | None, int]:
    """Every value of every column of kinds or lists, the commonest, and how many are left out."""
    parts: list[npt.NDArray[np.bool_]] = []
    names: list[str] = []
    for column in table:
        if isinstance(column.dtype, pl.List):
            values = column.explode().drop_nulls().unique().sort()
            held = [column.list.contains(value).to_numpy() for value in values]
        elif _is_kind(column):
            values = column.unique().sort()
            held = [(column == value).to_numpy() for value in values]
        else:
            continue
        parts += [np.asarray(part, dtype=bool) for part in held]
        names += [str(v) if table.width == 1 else f"{column.name} = {v}" for v in values]
    if not parts:
        return None, None, 0
    truth = np.stack(parts, axis=1)
    common = np.sort(np.argsort(-truth.sum(axis=0), kind="stable")[:_MOST_LABELS])
    return truth[:, common], [names[c] for c in common], len(names) - len(common)


def _factors(table: pl.DataFrame, truth: npt.NDArray[np.bool_] | None) -> Any:
    usable = [c.name for c in table if _is_kind(c) or c.dtype.is_numeric()]
    if len(usable) > 1:
        return pl.DataFrame(
            [c if _is_kind(c) else c.cast(pl.Float64) for c in table.select(usable)]
        )
    if truth is None:
        return table.select(usable).cast(pl.Float64) if usable else None
    # A factor each, as one factor alone cannot be entangled with another.
    varies = truth.any(axis=0) & ~truth.all(axis=0)
    return truth[:, varies] if varies.any() else None
