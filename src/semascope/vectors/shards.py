"""The files of a vector store: what they are called and hold, and how they come and go whole.

Layout of a store::

    store.json            schema, dtype, shape, encoder and its hash, rows and checksums by shard
    vectors-00000.npy     rows of the first shard; NumPy's own format
    items-00000.parquet   the items of the same rows, if the store has items
    .lock                 held by the one process that is appending

Every shard has its own file of items, so that an append only ever adds files: what exists is never
rewritten, and the append becomes visible in one step, when ``store.json`` is replaced.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import (
    FloatArray,
    InputError,
    ShardFile,
    check_size,
    did_you_mean,
    held,
    listed,
    read_manifest,
    row_blocks,
    write_atomic,
    write_json,
)

__all__ = [
    "MANIFEST",
    "Shard",
    "State",
    "dtype_name",
    "hash_of",
    "locked",
    "plain_json",
    "read_state",
    "remove_leftovers",
    "require_in_range",
    "require_items",
    "write_items",
    "write_state",
    "write_vectors",
]

SCHEMA = 1
KIND = "semascope vector store"
MANIFEST = "store.json"
DTYPES = ("float16", "float32", "float64")
SHARD_NAME = re.compile(r"vectors-\d{5,}\.npy|items-\d{5,}\.parquet")
LEFTOVER_NAME = re.compile(rf"({SHARD_NAME.pattern})|\.({SHARD_NAME.pattern}|store\.json)\..*")


@dataclass(frozen=True)
class Shard:
    """Some consecutive rows: a file of vectors and, unless the store has none, one of items."""

    rows: int
    vectors: ShardFile
    items: ShardFile | None

    @property
    def files(self) -> list[ShardFile]:
        """The files there are."""
        return [self.vectors] if self.items is None else [self.vectors, self.items]


@dataclass(frozen=True)
class State:
    """What ``store.json`` says."""

    dimensions: int
    dtype: str
    encoder: dict[str, Any] | None
    shards: tuple[Shard, ...] = ()

    @property
    def rows(self) -> int:
        """Rows in all shards."""
        return sum(shard.rows for shard in self.shards)


def write_vectors(path: Path, array: FloatArray, dtype: np.dtype[Any]) -> ShardFile:
    """Write rows as ``.npy``, block by block, and describe the file."""
    little = dtype.newbyteorder("<")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": little.str, "fortran_order": False, "shape": array.shape}
    )
    digest = hashlib.sha256(header.getvalue())

    def write(temporary: Path) -> None:
        # Plain writes: pages written through a map would count as resident memory.
        with temporary.open("wb") as file:
            file.write(header.getvalue())
            for _, block in row_blocks(array):
                data = np.ascontiguousarray(block, dtype=little).view(np.uint8).data
                digest.update(data)
                file.write(data)

    write_atomic(path, write)
    return ShardFile(path.name, path.stat().st_size, digest.hexdigest())


def write_items(path: Path, items: pl.DataFrame) -> None:
    """Write items as Parquet."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            items.write_parquet(file)

    try:
        write_atomic(path, write)
    except pl.exceptions.PolarsError as err:
        raise InputError(f"items cannot be written as Parquet: {err}") from err


def require_in_range(array: FloatArray, dtype: np.dtype[Any]) -> None:
    """Raise `InputError` for the first value that would become infinite in a narrower dtype."""
    if array.dtype.itemsize <= dtype.itemsize:
        return
    for start, block in row_blocks(array):
        with np.errstate(over="ignore"):
            bad = np.argwhere(~np.isfinite(block.astype(dtype)))
        if len(bad):
            row, column = int(bad[0, 0]), int(bad[0, 1])
            raise InputError(
                f"the value {block[row, column]} at row {start + row}, column {column} is too "
                f"large for {dtype} (at most {np.finfo(dtype).max}); "
                "make a store with a wider dtype"
            )


def require_items(items: Any, rows: int) -> None:
    """Raise `InputError` for items that are no frame of so many rows."""
    if not isinstance(items, pl.DataFrame):
        raise InputError(f"items must be a polars DataFrame, got {type(items).__name__}")
    if not items.width:
        raise InputError("items have no columns; leave items out to append vectors alone")
    if items.height != rows:
        raise InputError(
            f"there are {items.height} items for {rows} vectors; pass one item for each"
        )
    odd = [name for name, dtype in items.schema.items() if dtype == pl.Object]
    if odd:
        raise InputError(f"column '{odd[0]}' of items holds Python objects; cast or drop it")


def dtype_name(dtype: npt.DTypeLike) -> str:
    """Return the name of a dtype that a store can have."""
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in DTYPES:
        raise InputError(
            f"dtype must be one of {listed(DTYPES)}, got {name}{did_you_mean(name, DTYPES)}"
        )
    return name


def plain_json(encoder: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return an encoder's description as JSON will give it back."""
    if encoder is None:
        return None
    try:
        plain = json.loads(json.dumps(encoder, allow_nan=False))
    except (TypeError, ValueError) as err:
        raise InputError(f"the encoder's description must be JSON data: {err}") from err
    if not isinstance(plain, dict):
        raise InputError(f"the encoder's description must be a dict, got {type(encoder).__name__}")
    return plain


def hash_of(encoder: dict[str, Any] | None) -> str:
    """Return the SHA-256 of an encoder's description, whatever the order of its keys."""
    text = json.dumps(encoder, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_state(folder: Path, state: State) -> None:
    """Replace ``store.json``, which makes new shards count."""
    write_json(
        folder / MANIFEST,
        {
            "kind": KIND,
            "schema": SCHEMA,
            "dtype": state.dtype,
            "shape": [state.rows, state.dimensions],
            "encoder": state.encoder,
            "encoder_sha256": hash_of(state.encoder),
            "shards": [asdict(shard) for shard in state.shards],
        },
    )


def read_state(folder: Path) -> State:
    """Read ``store.json``, and compare the size of every file with it."""
    state = read_manifest(
        folder,
        MANIFEST,
        _parsed,
        what="vector store",
        kind=KIND,
        schema=SCHEMA,
        make="VectorStore.create",
    )
    for shard in state.shards:
        for file in shard.files:
            check_size(folder / file.name, file)
    return state


def _parsed(raw: dict[str, Any]) -> State:
    def file(entry: dict[str, Any]) -> ShardFile:
        if not SHARD_NAME.fullmatch(entry["name"]):
            raise ValueError(f"{entry['name']!r} is no name of a shard")
        return ShardFile(entry["name"], int(entry["bytes"]), str(entry["sha256"]))

    shards = tuple(
        Shard(int(s["rows"]), file(s["vectors"]), file(s["items"]) if s["items"] else None)
        for s in raw["shards"]
    )
    rows, dimensions = map(int, raw["shape"])
    state = State(dimensions, dtype_name(raw["dtype"]), raw["encoder"], shards)
    if state.rows != rows or dimensions < 1 or any(shard.rows < 1 for shard in shards):
        raise ValueError(f"shape {raw['shape']} does not fit {state.rows} rows in shards")
    if len({shard.items is None for shard in shards}) > 1:
        raise ValueError("some shards have items and some have none")
    if hash_of(state.encoder) != raw["encoder_sha256"]:
        raise ValueError("the encoder's description does not fit its hash")
    return state


def remove_leftovers(folder: Path) -> None:
    """Delete shards and temporary files of appends that did not come to their end."""
    # Read again, never passed in: an interrupt may come after store.json was replaced.
    known = {file.name for shard in read_state(folder).shards for file in shard.files}
    for path in folder.iterdir():
        if path.name not in known and LEFTOVER_NAME.fullmatch(path.name):
            path.unlink(missing_ok=True)


def locked(folder: Path) -> AbstractContextManager[None]:
    """Hold the store's lock, which the system drops if this process dies."""
    return held(
        folder / ".lock", f"another process is appending to {folder}; wait until it is done"
    )
