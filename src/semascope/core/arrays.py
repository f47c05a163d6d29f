"""The one door for vectors: whatever holds a matrix becomes a checked ``(n, d)`` float array."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core.errors import InputError, did_you_mean, listed
from semascope.core.tensors import load_tensors

FloatArray = npt.NDArray[np.floating[Any]]

_BLOCK_BYTES = 32 << 20
# Each row that is read maps its neighbours too, some 64 KB of them where they are cached.
_SCATTERED = 1024
_AHEAD_BYTES = 16 << 20
_GAP_BYTES = 64 << 10
_SUFFIXES = (".npy", ".npz", ".safetensors", ".parquet", ".arrow", ".feather")


def as_vectors(x: Any, *, check_finite: bool = True) -> FloatArray:
    """Turn anything that holds a matrix into a checked float array of shape ``(n, d)``.

    Parameters
    ----------
    x : array, tensor, frame, column of lists, sparse matrix, path or VectorStore
        NumPy (memory maps stay mapped), torch, scipy.sparse (made dense), a polars, pandas or
        Arrow frame (all columns numeric, or one column of equally long lists), a nested list, or a
        path to ``.npy``, ``.npz``, ``.safetensors``, ``.parquet``, ``.arrow`` or ``.feather``.
    check_finite : bool, default True
        Look for NaN and infinity, block by block.

    Returns
    -------
    ndarray of float16, float32 or float64, shape (n, d)
        A view or a memory map wherever the input allows it. Integers become float32.

    Raises
    ------
    InputError
        If the input is not two-dimensional, is empty, is not numeric, or holds a value that is not
        finite (the message names the first bad row).

    Examples
    --------
    >>> import semascope as sc
    >>> sc.core.as_vectors([[1, 2], [3, 4]])
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    array = _to_numpy(x)
    if array.dtype == object or array.dtype.kind not in "fiub":
        raise InputError(f"vectors must be numbers, found dtype {array.dtype}")
    if array.ndim != 2:
        hint = "; reshape one vector with x.reshape(1, -1)" if array.ndim == 1 else ""
        raise InputError(
            f"vectors must have two dimensions (rows, dimensions), found shape {array.shape}{hint}"
        )
    if 0 in array.shape:
        raise InputError(f"vectors are empty: shape {array.shape}")
    if array.dtype.kind != "f":
        array = array.astype(np.float32)
    if array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    if not array.dtype.isnative:  # torch and compiled code take no other
        array = array.astype(array.dtype.newbyteorder("="))
    if check_finite:
        _require_finite(array)
    return array


def row_blocks(array: FloatArray, rows: int | None = None) -> Iterator[tuple[int, FloatArray]]:
    """Walk an array in blocks of rows, letting go of mapped pages behind it.

    A memory map that is read from end to end would otherwise count fully as resident memory.

    Parameters
    ----------
    array : ndarray of shape (n, d)
        In memory or mapped.
    rows : int, optional
        Rows in a block; by default as many as make 32 MB.

    Yields
    ------
    (int, ndarray)
        Index of the block's first row, and the block.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import row_blocks
    >>> [(start, block.shape) for start, block in row_blocks(np.ones((5, 2)), rows=3)]
    [(0, (3, 2)), (3, (2, 2))]
    """
    step = rows or max(1, _BLOCK_BYTES // max(1, array.shape[1] * array.dtype.itemsize))
    expect_rows(array, slice(0, step))
    for start in range(0, len(array), step):
        expect_rows(array, slice(start + step, start + 2 * step))
        yield start, array[start : start + step]
        release_pages(array)


def gather(
    array: npt.NDArray[Any],
    index: npt.NDArray[np.int64],
    out: npt.NDArray[Any],
    places: npt.NDArray[np.int64] | None = None,
) -> None:
    """Copy rows of an array, in memory or mapped, to places of another.

    Of a memory map, what comes next is asked for while something is copied, and pages are let go
    of behind, so that reading from a disc runs at its speed and little of it stays resident.

    Parameters
    ----------
    array : ndarray of shape (n, d)
        Where the rows are.
    index : ndarray of int64, shape (b,)
        Which rows; a map is read fastest if they ascend.
    out : ndarray of shape (p, d)
        Where the rows go.
    places : ndarray of int64, shape (b,), optional
        Rows of `out`, one for each of `index`; by default in its order.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import gather
    >>> out = np.zeros((2, 1))
    >>> gather(np.arange(4.0).reshape(4, 1), np.array([1, 3]), out, np.array([1, 0]))
    >>> out
    array([[3.],
           [1.]])
    """
    ahead = max(1, _AHEAD_BYTES // max(1, array.nbytes // max(1, len(array))) // _SCATTERED)
    ahead *= _SCATTERED
    expect_rows(array, index[:ahead])
    for start in range(0, len(index), _SCATTERED):
        if start % ahead == 0:
            expect_rows(array, index[start + ahead : start + 2 * ahead])
        part = slice(start, start + _SCATTERED)
        out[part if places is None else places[part]] = np.take(array, index[part], axis=0)
        release_pages(array)


def expect_rows(array: npt.NDArray[Any], rows: npt.NDArray[np.int64] | slice) -> None:
    """Ask the system to read rows of a memory map in the background; no-op for arrays in memory.

    Parameters
    ----------
    array : ndarray of shape (n, d)
        In memory or mapped.
    rows : ndarray of int64, or slice without a step
        Which rows.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import expect_rows
    >>> expect_rows(np.ones((3, 2)), np.array([0, 2]))
    """
    root, width = _mapped_root(array), array.strides[0]
    # Rows of a map in Fortran's order do not lie in one piece.
    if root is None or not hasattr(root.base, "madvise") or width < array[:1].nbytes:
        return
    import mmap

    if isinstance(rows, slice):
        first, stop, _ = rows.indices(len(array))
        rows = np.array([first, stop - 1] if stop > first else [], dtype=np.int64)
        gaps = np.zeros(0, dtype=np.int64)
    else:
        gaps = np.flatnonzero(np.abs(np.diff(rows)) * width > _GAP_BYTES)
    if len(rows) == 0:
        return
    begin = array.ctypes.data - root.ctypes.data + root.offset % mmap.ALLOCATIONGRANULARITY
    ends = np.sort([rows[np.append(0, gaps + 1)], rows[np.append(gaps, len(rows) - 1)]], axis=0)
    for first, last in ends.T.tolist():
        low = (begin + first * width) // mmap.PAGESIZE * mmap.PAGESIZE
        high = min(len(root.base), begin + (last + 1) * width)
        root.base.madvise(mmap.MADV_WILLNEED, low, high - low)


def is_mapped(array: npt.NDArray[Any]) -> bool:
    """Tell whether an array is a memory map or part of one.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import is_mapped
    >>> is_mapped(np.ones(3))
    False
    """
    return _mapped_root(array) is not None


def release_pages(array: npt.NDArray[Any]) -> None:
    """Tell the system that a memory map's pages can go; a no-op for arrays in memory.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import release_pages
    >>> release_pages(np.ones(3))
    """
    root = _mapped_root(array)
    # Only maps that cannot hold unsaved changes: dropping a writable page may lose what is in it.
    if root is not None and root.mode == "r" and hasattr(root.base, "madvise"):
        import mmap

        root.base.madvise(mmap.MADV_DONTNEED)


def _mapped_root(array: npt.NDArray[Any]) -> Any:
    """Return the memory map that an array is part of, which alone knows its place in the file."""
    root: Any = array
    while isinstance(getattr(root, "base", None), np.ndarray):
        root = root.base
    return root if isinstance(root, np.memmap) and root.base is not None else None


def _require_finite(array: FloatArray) -> None:
    for start, block in row_blocks(array):
        # A sum is finite only if all terms are (or overflow, which the second look clears up).
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(block.sum(dtype=np.float64)):
                continue
        bad = np.argwhere(~np.isfinite(block))
        if len(bad):
            row, column = int(bad[0, 0]), int(bad[0, 1])
            raise InputError(
                f"vectors hold a value that is not finite at row {start + row}, column {column} "
                f"({block[row, column]}); remove or repair that row"
            )


def _to_numpy(x: Any) -> npt.NDArray[Any]:
    if isinstance(x, np.ma.MaskedArray):
        # What is masked is missing, never the number that happens to lie under the mask.
        x = x.astype(np.result_type(x.dtype, np.float32))
        return np.asarray(np.ma.filled(x, np.nan))
    if isinstance(x, np.ndarray):
        return x
    if isinstance(x, str | Path):
        return _from_file(Path(x))
    if hasattr(x, "to_vectors"):  # VectorStore, which lives a floor above
        return np.asanyarray(x.to_vectors())
    tensor = from_torch(x)
    if tensor is not None:
        return tensor
    if hasattr(x, "tocsr") and hasattr(x, "toarray"):
        return np.asarray(x.toarray())
    module = type(x).__module__.split(".")[0]
    if module in {"polars", "pandas", "pyarrow"}:
        return _from_frame(x)
    try:
        return np.asarray(x)
    except ValueError as err:
        raise InputError(
            f"vectors must be a matrix, found rows of different lengths: {err}"
        ) from err
    except (TypeError, RuntimeError) as err:
        raise InputError(f"vectors must be a matrix, found {type(x).__name__}: {err}") from err


def from_torch(x: Any) -> npt.NDArray[Any] | None:
    """Return a torch tensor as an array, off its device and without gradients; None if it is none.

    Examples
    --------
    >>> import torch
    >>> from semascope.core import from_torch
    >>> from_torch(torch.tensor([0.5], dtype=torch.bfloat16, requires_grad=True))
    array([0.5], dtype=float32)
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(x, torch.Tensor):
        return None
    x = x.detach().cpu()
    x = x if x.layout == torch.strided else x.to_dense()
    return np.asarray(x.float().numpy() if x.dtype == torch.bfloat16 else x.numpy())


def _from_frame(x: Any) -> npt.NDArray[Any]:
    import polars as pl

    module = type(x).__module__.split(".")[0]
    frame = (
        x if module == "polars" else pl.from_pandas(x) if module == "pandas" else pl.from_arrow(x)
    )
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.Series) and frame.dtype.is_numeric():
        return np.asarray(frame.to_numpy())
    series = [frame] if isinstance(frame, pl.Series) else frame.get_columns()
    lists = [s for s in series if s.dtype in (pl.List, pl.Array)]
    if len(lists) == 1:
        return _from_list_column(lists[0])
    numeric = [s for s in series if s.dtype.is_numeric()]
    if len(numeric) != len(series) or not series:
        found = listed(f"{s.name}: {s.dtype}" for s in series)
        raise InputError(
            f"vectors in a frame must be one column of lists or numeric columns only; found {found}"
        )
    return np.asarray(pl.DataFrame(series).to_numpy())


def _from_list_column(column: Any) -> npt.NDArray[Any]:
    import polars as pl

    lengths = column.list.len() if column.dtype == pl.List else None
    if column.null_count():
        row = int(column.is_null().arg_true()[0])
        raise InputError(f"vectors in column '{column.name}' are missing at row {row}")
    if lengths is not None:
        usual = int(lengths[0]) if len(lengths) else 0
        odd = (lengths != usual).arg_true()
        if len(odd):
            row = int(odd[0])
            raise InputError(
                f"vectors in column '{column.name}' have {usual} values at row 0 "
                f"but {lengths[row]} at row {row}"
            )
        if not usual:
            return np.zeros((len(column), 0))
        flat = column.explode(empty_as_null=False)
        return np.asarray(flat.to_numpy()).reshape(len(column), usual)
    return np.asarray(column.to_numpy())


def _from_file(path: Path) -> npt.NDArray[Any]:
    path = path.expanduser()
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as err:  # a name that no file can have, such as a text
        raise InputError(f"'{str(path)[:60]}...' is no path of a file: {err.strerror}") from err
    if is_folder:
        raise InputError(f"{path} is a folder; open a vector store with VectorStore.open('{path}')")
    if not is_there:
        near = (p.name for p in path.parent.glob("*")) if path.parent.is_dir() else ()
        raise InputError(f"no file of vectors at {path}{did_you_mean(path.name, near)}")
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            return np.asanyarray(np.load(path, mmap_mode="r", allow_pickle=False))
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return np.asarray(archive[_only(path, list(archive.files))])
        if suffix == ".safetensors":
            tensors, _ = load_tensors(path)
            return tensors[_only(path, list(tensors))]
        if suffix in {".parquet", ".arrow", ".feather"}:
            import polars as pl

            read = pl.read_parquet if suffix == ".parquet" else pl.read_ipc
            return _from_frame(read(path))
    except InputError:
        raise
    except Exception as err:
        raise InputError(f"cannot read vectors from {path}: {err}") from err
    raise InputError(
        f"cannot read vectors from {path}: suffix '{suffix}' is not one of {listed(_SUFFIXES)}"
    )


def _only(path: Path, names: list[str]) -> str:
    for preferred in ("vectors", "embeddings"):
        if preferred in names:
            return preferred
    if len(names) != 1:
        raise InputError(
            f"{path} holds {len(names)} arrays ({listed(names)}); "
            "name one of them 'vectors', or save one array a file"
        )
    return names[0]
