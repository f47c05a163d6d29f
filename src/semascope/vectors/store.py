"""A folder of memory-mapped ``.npy`` shards that grows atomically and is read in bounded memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import (
    ArtifactError,
    FloatArray,
    InputError,
    ShardFile,
    as_vectors,
    check_content,
    damaged,
    gather,
    listed,
    new_folder,
    row_blocks,
)
from semascope.vectors.shards import (
    MANIFEST,
    Shard,
    State,
    dtype_name,
    hash_of,
    locked,
    plain_json,
    read_state,
    remove_leftovers,
    require_in_range,
    require_items,
    write_items,
    write_state,
    write_vectors,
)
from semascope.vectors.source import Float32Array, Shuffled

__all__ = ["VectorStore"]

_SHARD_BYTES = 256 << 20


class VectorStore:
    """Vectors on disk, with their items: a folder that is appended to and read piece by piece.

    A store is a `VectorSource`: estimators and `as_vectors` take it as it is. An open store shows
    the rows that were there when it was opened, and those that it appended itself.

    Parameters
    ----------
    path : str or Path
        Folder of the store. Use `VectorStore.create` and `VectorStore.open`.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.vectors import VectorStore
    >>> store = VectorStore.create("soups.store", dimensions=2, encoder={"name": "tiny"})
    >>> store.append([[1, 2], [3, 4]], pl.DataFrame({"id": ["a", "b"]}))
    >>> store.append([[5, 6]], pl.DataFrame({"id": ["c"]}))
    >>> VectorStore.open("soups.store")
    VectorStore at soups.store: 3 rows of 2 dimensions, float32, 2 shards, items (id), encoder tiny
    >>> store.rows(1, 3)
    array([[3., 4.],
           [5., 6.]], dtype=float32)
    >>> store.items()["id"].to_list()
    ['a', 'b', 'c']
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._show(read_state(self.path))

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        dimensions: int,
        dtype: npt.DTypeLike = "float32",
        encoder: dict[str, Any] | None = None,
    ) -> VectorStore:
        """Make a store without rows.

        Parameters
        ----------
        path : str or Path
            Folder to make; its parent must exist, and it must not.
        dimensions : int
            Length of a vector.
        dtype : {"float32", "float16", "float64"}
            How values are kept on disk.
        encoder : dict, optional
            What made the vectors, as JSON data: kept with its hash, and shown by its ``"name"``.

        Raises
        ------
        ArtifactError
            If something is at `path` already.
        InputError
            If an argument cannot be used, or the folder cannot be written.
        """
        path = Path(path)
        if path.exists():
            raise ArtifactError(
                f"{path} exists; open a store with VectorStore.open('{path}'), or choose another "
                "name for a new one"
            )
        if not isinstance(dimensions, int | np.integer) or dimensions < 1:
            raise InputError(f"dimensions must be a whole number above 0, got {dimensions!r}")
        state = State(int(dimensions), dtype_name(dtype), plain_json(encoder))
        with new_folder(path) as folder:
            write_state(folder, state)
        return cls(path)

    @classmethod
    def open(cls, path: str | Path, *, verify: bool = False) -> VectorStore:
        """Open a store, after a look at the size of every file.

        Parameters
        ----------
        path : str or Path
            Folder of the store.
        verify : bool, default False
            Read all files and compare checksums as well, as `verify` does.

        Raises
        ------
        ArtifactError
            If there is no store, it is damaged, or a newer version of semascope wrote it.
        """
        store = cls(path)
        if verify:
            store.verify()
        return store

    def _show(self, state: State) -> None:
        self._state = state
        self._starts = np.cumsum([0, *(shard.rows for shard in state.shards)], dtype=np.int64)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return self._state.rows, self._state.dimensions

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values on disk; reading returns float32."""
        return np.dtype(self._state.dtype)

    @property
    def encoder(self) -> dict[str, Any] | None:
        """What made the vectors, as it was passed to `create`."""
        return copy.deepcopy(self._state.encoder)

    @property
    def encoder_hash(self) -> str:
        """SHA-256 of the encoder's description: equal for vectors that can be compared."""
        return hash_of(self._state.encoder)

    def __len__(self) -> int:
        return self._state.rows

    def __repr__(self) -> str:
        (n, d), shards = self.shape, self._state.shards
        about = [f"{n:,} row{'s' * (n != 1)} of {d:,} dimension{'s' * (d != 1)}", self._state.dtype]
        about.append(f"{len(shards)} shard{'s' * (len(shards) != 1)}")
        if shards and shards[0].items is not None:
            about.append(f"items ({listed(self._item_schema(), most=6)})")
        if self._state.encoder is not None:
            about.append(f"encoder {self._state.encoder.get('name') or self.encoder_hash[:12]}")
        return f"VectorStore at {self.path}: {', '.join(about)}"

    # Reading

    def rows(self, start: int, stop: int) -> Float32Array:
        """Return rows `start` to `stop` in memory, float32; counted as a slice counts."""
        start, stop, _ = slice(start, stop).indices(len(self))
        out = np.empty((max(0, stop - start), self.shape[1]), dtype=np.float32)
        number = int(np.searchsorted(self._starts, start, side="right")) - 1
        while start < stop and self._starts[number] < stop:
            first, last = int(self._starts[number]), int(self._starts[number + 1])
            low, high = max(start, first), min(stop, last)
            for at, block in row_blocks(self._mapped(number)[low - first : high - first]):
                begin = low - start + at
                out[begin : begin + len(block)] = block
            number += 1
        return out

    def take(self, index: npt.ArrayLike) -> Float32Array:
        """Return the rows of an index, in its order, in memory, float32.

        Raises
        ------
        InputError
            If the index does not hold whole numbers from 0 to the number of rows less one.
        """
        wanted = np.asarray(index)
        if wanted.ndim != 1 or (wanted.size and wanted.dtype.kind not in "iu"):
            raise InputError(
                "an index must be a list of row numbers, found an array of "
                f"shape {wanted.shape} and dtype {wanted.dtype}"
            )
        outside = wanted[(wanted < 0) | (wanted >= len(self))]
        if len(outside):
            raise InputError(
                f"row {outside[0]} is outside of the {len(self):,} rows of {self.path}"
            )
        out = np.empty((len(wanted), self.shape[1]), dtype=np.float32)
        order = np.argsort(wanted, kind="stable")
        self.take_into(wanted[order].astype(np.int64), out, order)
        return out

    def take_into(
        self, index: npt.NDArray[np.int64], out: Float32Array, places: npt.NDArray[np.int64]
    ) -> None:
        """Copy the rows of an ascending index, which is not checked, to places of an array."""
        # Shard by shard, so that one shard is mapped at a time and each is read front to back.
        cuts = np.searchsorted(index, self._starts)
        for number in np.flatnonzero(np.diff(cuts)).tolist():
            part = slice(cuts[number], cuts[number + 1])
            gather(self._mapped(number), index[part] - self._starts[number], out, places[part])

    def batches(
        self, batch_size: int, seed: int, epoch: int = 0, *, skip: int = 0
    ) -> Iterator[Float32Array]:
        """Return the shuffled batches of one epoch; see `Shuffled` for the order of rows.

        Parameters
        ----------
        batch_size : int
            Rows in a batch; the last batch may have fewer.
        seed, epoch : int
            Fix the order.
        skip : int, default 0
            Leave out this many batches at the start, for going on where a run stopped.
        """
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {batch_size}")
        return Shuffled(self, np.arange(len(self)), batch_size, seed).epoch(epoch, skip)

    def items(self) -> pl.DataFrame | None:
        """Return the items in the order of rows, or None if the store was filled without items."""
        frames = []
        for shard in self._state.shards:
            if shard.items is None:
                return None
            # An open file, because polars takes [ and * in a path for a pattern.
            try:
                with (self.path / shard.items.name).open("rb", buffering=0) as file:
                    frames.append(pl.read_parquet(file))
            except (OSError, pl.exceptions.PolarsError) as err:
                raise damaged(self.path / shard.items.name, err) from err
        return pl.concat(frames) if frames else None

    def to_vectors(self) -> FloatArray:
        """Return all rows in the store's dtype: a map of one shard, else a copy in memory."""
        if len(self._state.shards) == 1:
            return self._mapped(0)
        out = np.empty(self.shape, dtype=self.dtype)
        for number, start in enumerate(self._starts[:-1]):
            for at, block in row_blocks(self._mapped(number)):
                out[start + at : start + at + len(block)] = block
        return out

    def verify(self) -> None:
        """Read every file and compare its checksum; raise `ArtifactError` for the first bad one."""
        for number, shard in enumerate(self._state.shards):
            for file in shard.files:
                check_content(self.path / file.name, file)
            self._mapped(number)

    def _mapped(self, number: int) -> FloatArray:
        # Mapped anew for each read: a map keeps its file open, and there can be more shards than a
        # process may have files. Nothing stays resident after a read either.
        shard = self._state.shards[number]
        path = self.path / shard.vectors.name
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as err:
            raise damaged(path, err) from err
        wanted = (shard.rows, self.shape[1])
        if array.shape != wanted or array.dtype != self.dtype:
            raise ArtifactError(
                f"{path} holds {array.dtype} of shape {array.shape} where {MANIFEST} says "
                f"{self.dtype} of shape {wanted}; restore both from a copy"
            )
        return array  # type: ignore[no-any-return]

    def _item_schema(self) -> dict[str, pl.DataType]:
        first = self._state.shards[0].items
        if first is None:
            return {}
        try:
            with (self.path / first.name).open("rb", buffering=0) as file:
                return dict(pl.read_parquet_schema(file))
        except (OSError, pl.exceptions.PolarsError) as err:
            raise damaged(self.path / first.name, err) from err

    # Writing

    def append(self, vectors: Any, items: pl.DataFrame | None = None) -> None:
        """Add rows at the end: all of them or, if anything fails, none.

        Parameters
        ----------
        vectors : array, tensor, frame, path...
            Anything that `as_vectors` takes. Memory maps are copied block by block.
        items : polars.DataFrame, optional
            One row for each vector, with the columns of earlier appends. Either all appends to a
            store have items or none has.

        Raises
        ------
        InputError
            If vectors or items do not fit the store; nothing is written then.
        ArtifactError
            If another process is appending, or the store was damaged.
        """
        array = as_vectors(vectors)
        if array.shape[1] != self.shape[1]:
            raise InputError(
                f"vectors have {array.shape[1]} dimensions and {self.path} has {self.shape[1]}; "
                "use the encoder that filled the store, or make another store"
            )
        require_in_range(array, self.dtype)
        if items is not None:
            require_items(items, len(array))
        with locked(self.path):
            # Another process may have appended since this store was opened.
            now = read_state(self.path)
            if (now.dimensions, now.dtype) != (self._state.dimensions, self._state.dtype):
                raise ArtifactError(f"{self.path} was replaced by another store; open it again")
            self._show(now)
            if now.shards:
                items = self._fitted_items(items)
            remove_leftovers(self.path)
            try:
                shards = self._write_shards(array, items)
                state = replace(self._state, shards=(*self._state.shards, *shards))
                write_state(self.path, state)
            except BaseException:
                remove_leftovers(self.path)
                raise
            self._show(state)

    def _fitted_items(self, items: pl.DataFrame | None) -> pl.DataFrame | None:
        schema = self._item_schema()
        if items is None:
            if not schema:
                return None
            raise InputError(
                f"{self.path} has items ({listed(schema)}); pass items with these columns, one "
                "row for each vector"
            )
        if not schema:
            raise InputError(f"{self.path} was filled without items; append without items")
        if set(schema) != set(items.columns):
            raise InputError(
                f"items have the columns {listed(items.columns)} and those of {self.path} have "
                f"{listed(schema)}; columns must be the same in all appends"
            )
        for name, dtype in schema.items():
            if items[name].dtype != dtype:
                raise InputError(
                    f"column '{name}' of items is {items[name].dtype} and that of {self.path} is "
                    f"{dtype}; cast it before appending"
                )
        return items.select(list(schema))

    def _write_shards(self, array: FloatArray, items: pl.DataFrame | None) -> list[Shard]:
        step = max(1, _SHARD_BYTES // (self.shape[1] * self.dtype.itemsize))
        shards: list[Shard] = []
        for start in range(0, len(array), step):
            number = len(self._state.shards) + len(shards)
            part = array[start : start + step]
            vectors = write_vectors(self.path / f"vectors-{number:05d}.npy", part, self.dtype)
            described = None
            if items is not None:
                path = self.path / f"items-{number:05d}.parquet"
                write_items(path, items.slice(start, len(part)))
                described = ShardFile.of(path)
            shards.append(Shard(len(part), vectors, described))
        return shards
