"""The table of items: files, folders and frames in, one checked polars frame out."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from semascope.core.errors import InputError, did_you_mean, listed
from semascope.vectors.formats import (
    BINARY_KINDS,
    TEXT_KINDS,
    UNREADABLE,
    existing,
    first_line,
    read_binary,
    read_delimited,
    read_folder,
    read_json_table,
    read_text,
    unsupported,
)

__all__ = ["Items", "items_from", "read_items"]

USUAL_TEXT = "text review body content document message abstract description"


@dataclass(frozen=True, eq=False)
class Items:
    """A table of items, one row each, with unique ids and (when asked for) a text in every row.

    Attributes
    ----------
    frame : polars.DataFrame, shape (n_items, n_columns)
        The columns as read, in the original row order, without the skipped rows. The id column,
        and the text column if there is one, hold strings.
    text : str or None
        Name of the text column.
    id : str
        Name of the id column. Without an id column of the user's it is ``"id"`` (``"row_id"`` where
        the table has an ``"id"`` already) and holds ``"row-0"``, ``"row-1"``...: row numbers of the
        table as it was before rows were skipped.
    skipped : dict of str to int
        How many rows (or files of a folder) were left out, by reason; empty when none was.
    source : str
        Where the table came from, as messages name it.

    Examples
    --------
    >>> from semascope.vectors.tables import items_from
    >>> items = items_from(["good soup", "", "cold soup"])
    >>> items.text, items.id, items.skipped
    ('text', 'id', {'no text': 1})
    >>> items.frame["id"].to_list()
    ['row-0', 'row-2']
    """

    frame: pl.DataFrame
    text: str | None
    id: str
    skipped: dict[str, int] = field(default_factory=dict)
    source: str = "table"


def read_items(
    path: str | os.PathLike[str],
    *,
    text: str | None = None,
    id: str | None = None,
    encoding: str | None = None,
    need_text: bool = True,
) -> Items:
    r"""Read a table of items from a file, or from a folder of .txt files.

    Parameters
    ----------
    path : str or path
        A .csv, .tsv, .jsonl, .ndjson or .json file (a list of objects), each also .gz; a .parquet,
        .pq, .arrow, .feather or .ipc file; or a folder, where every .txt file is one item whose id
        is its relative path (hidden files are passed over). Of a CSV the delimiter is found out.
    text : str or None
        Name of the text column. None takes the one string column that has a usual name (such as
        "text" or "review") or else the only one with more than 20 characters on average.
    id : str or None
        Name of the id column: unique, never empty, text or whole numbers. None numbers the rows.
    encoding : str or None
        Encoding of a text file. None means UTF-8, or what a byte-order mark says.
    need_text : bool
        False allows a table without texts: ``text=None`` then means that there is no text column.

    Returns
    -------
    Items
        Rows whose text is null, empty or blank are left out and counted in ``skipped``.

    Raises
    ------
    InputError
        When the file, a row of it, or a column that was asked for cannot be used.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from semascope.vectors.tables import read_items
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "soups.csv")
    ...     _ = path.write_text("review;stars\ngood soup;5\ncold soup;1\n")
    ...     items = read_items(path, text="review")
    >>> items.frame.rows()
    [('row-0', 'good soup', 5), ('row-1', 'cold soup', 1)]
    """
    found = existing(path)
    source = str(path)
    if found.is_dir():
        frame, skipped = read_folder(found, source, encoding)
        return _checked(frame, source, text, id or "id", need_text, skipped)
    name = found.name.lower()
    kind = name.removesuffix(".gz").rpartition(".")[2]
    if kind in BINARY_KINDS and not name.endswith(".gz"):
        if encoding is not None:
            raise InputError(f"--encoding is for text files, and {source} is .{kind}; leave it out")
        frame = read_binary(found, source, kind)
    elif kind in TEXT_KINDS:
        content = read_text(found, source, encoding)
        if not content.strip():
            raise InputError(f"{source} is empty; give a file with one item per row")
        if kind in ("csv", "tsv"):
            frame = read_delimited(content, source, text, id, "," if kind == "csv" else "\t")
        else:
            frame = read_json_table(content, source, lines=kind != "json")
    else:
        raise unsupported(found, source)
    return _checked(frame, source, text, id, need_text, {})


def items_from(
    data: Any,
    *,
    text: str | None = None,
    id: str | None = None,
    encoding: str | None = None,
    need_text: bool = True,
) -> Items:
    """Make a table of items from what is in memory, or from a path.

    Parameters
    ----------
    data : table, list or path
        A polars, pandas or pyarrow table, or one of its string columns; a list of str (None stands
        for a missing text); a dict of columns; a list of dicts; or a path for `read_items`.
    text, id, encoding, need_text
        As in `read_items`; a bare list or column of texts is called `text`, or "text".

    Returns
    -------
    Items
        Rows whose text is null, empty or blank are left out and counted in ``skipped``.

    Raises
    ------
    InputError
        When the data is no table, or a column that was asked for cannot be used.

    Examples
    --------
    >>> from semascope.vectors.tables import items_from
    >>> items = items_from({"key": [7, 8], "review": ["good soup", "cold soup"]}, id="key")
    >>> items.text, items.frame["key"].to_list()
    ('review', ['7', '8'])
    """
    if isinstance(data, str) and ("\n" in data or len(data) > 255):
        raise InputError("a path was expected, and one long string found; pass texts as a list")
    if isinstance(data, (str, os.PathLike)):
        return read_items(data, text=text, id=id, encoding=encoding, need_text=need_text)
    if type(data).__module__ == "numpy" and getattr(data, "ndim", 0) == 1:
        data = data.tolist()
    kind = f"{type(data).__module__.partition('.')[0]} {type(data).__name__}"
    source = f"the {kind.removeprefix('builtins ')}"
    try:
        frame = _from_memory(data, text or "text")
    except InputError:
        raise
    # pyarrow and polars raise TypeError for a column of mixed types
    except (*UNREADABLE, TypeError) as err:
        raise InputError(
            f"{source} does not make a table of items: {first_line(err)}; pass a polars, pandas "
            "or pyarrow table (collected, if lazy) with one type in each column, a list of str, a "
            "dict of columns, a list of dicts, or a path"
        ) from None
    return _checked(frame, source, text, id, need_text, {})


def _from_memory(data: Any, name: str) -> pl.DataFrame:
    if isinstance(data, Mapping):
        return pl.DataFrame(dict(data))
    if not isinstance(data, (list, tuple)):
        import narwhals as nw

        frame = nw.from_native(data, eager_only=True, allow_series=True).to_polars()
        return frame.to_frame(name) if isinstance(frame, pl.Series) else frame
    wanted = dict if data and isinstance(data[0], dict) else str
    for row, value in enumerate(data):
        if not isinstance(value, wanted) and (value is not None or wanted is dict):
            raise InputError(
                f"a list of items must hold only texts or only dicts: row {row} (counted from 0) "
                f"is of type {type(value).__name__}"
            )
    if wanted is dict:
        return pl.from_dicts(data, infer_schema_length=None)
    return pl.DataFrame({name: data}, schema={name: pl.String})


# What every table must satisfy


def _checked(
    frame: pl.DataFrame,
    source: str,
    text: str | None,
    id: str | None,
    need_text: bool,
    skipped: dict[str, int],
) -> Items:
    if not frame.width or not frame.height:
        columns = f"the columns {listed(frame.columns)} and " if frame.width else ""
        raise InputError(f"{source} has {columns}no rows; give it at least one row")
    for column, option in ((text, "text"), (id, "id")):
        if column is not None and column not in frame.columns:
            raise InputError(
                f"--{option} asks for column '{column}', which is not in {source}"
                f"{did_you_mean(column, frame.columns)}; columns: {listed(frame.columns)}"
            )
    if text is None and need_text:
        text = _guessed_text(frame, source, id)
    rows = pl.int_range(frame.height, eager=True)
    if text is not None:
        frame = frame.with_columns(_as_text(frame[text], source, frame, id))
        keep = (frame[text].str.strip_chars().str.len_bytes() > 0).fill_null(False)
        if not keep.any():
            raise InputError(
                f"no row of {source} has a text in column '{text}': all {frame.height} are empty; "
                "say another column with --text"
            )
        # Rows that already have a vector stay: their place in the matrix counts.
        if need_text and not keep.all():
            skipped = {**skipped, "no text": int((~keep).sum())}
            frame, rows = frame.filter(keep), rows.filter(keep)
    if id is not None:
        return Items(
            frame.with_columns(_as_ids(frame[id], rows, source)), text, id, skipped, source
        )
    free = itertools.chain(["id", "row_id"], (f"row_id_{n}" for n in itertools.count(2)))
    id = next(name for name in free if name not in frame.columns)
    made = ("row-" + rows.cast(pl.String)).alias(id)
    return Items(frame.select(made, pl.all()), text, id, skipped, source)


def _is_stringy(dtype: pl.DataType) -> bool:
    return dtype == pl.String or dtype == pl.Categorical or dtype == pl.Enum


def _text_columns(frame: pl.DataFrame, id: str | None) -> list[str]:
    return [name for name, dtype in frame.schema.items() if _is_stringy(dtype) and name != id]


def _guessed_text(frame: pl.DataFrame, source: str, id: str | None) -> str:
    names = _text_columns(frame, id)
    usual = [name for name in names if name.strip().lower() in USUAL_TEXT.split()]
    if len(usual) == 1:
        return usual[0]
    lengths = frame.select(pl.col(name).cast(pl.String).str.len_chars().mean() for name in names)
    long = [name for name in names if (lengths[name].item() or 0) > 20]
    if len(long) == 1 and not usual:
        return long[0]
    if not names:
        found = listed(f"{name} ({dtype})" for name, dtype in frame.schema.items())
        raise InputError(f"{source} has no column of text; columns: {found}")
    raise InputError(
        f"which column of {source} holds the text is not clear; say which with --text "
        f"(text= in Python); columns of text: {listed(names)}"
    )


def _as_text(column: pl.Series, source: str, frame: pl.DataFrame, id: str | None) -> pl.Series:
    if not _is_stringy(column.dtype) and column.dtype != pl.Null:
        raise InputError(
            f"column '{column.name}' of {source} holds {column.dtype}, not text, and is not turned "
            f"into text; columns of text: {listed(_text_columns(frame, id)) or 'none'}"
        )
    return column.cast(pl.String)


def _as_ids(column: pl.Series, rows: pl.Series, source: str) -> pl.Series:
    where = f"in column '{column.name}' of {source}"
    if not (_is_stringy(column.dtype) or column.dtype.is_integer() or column.dtype == pl.Null):
        raise InputError(
            f"the ids {where} are {column.dtype}; ids must be text or whole numbers; say another "
            "column with --id, or leave --id out to number the rows"
        )
    ids = column.cast(pl.String)
    empty = (ids.str.strip_chars().str.len_bytes() == 0).fill_null(True)
    if empty.any():
        raise InputError(
            f"an id is empty {where}: row {rows.filter(empty)[0]} (counted from 0); fill it in, or "
            "leave --id out to number the rows"
        )
    repeated = ids.is_duplicated()
    if repeated.any():
        first = ids.filter(repeated)[0]
        one, other = rows.filter(ids == first).head(2)
        raise InputError(
            f"the id '{first}' occurs more than once {where}: rows {one} and {other} (counted from "
            "0); make ids unique, or leave --id out to number the rows"
        )
    return ids
