"""The table of items: files, folders and frames in, one checked polars frame out."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import itertools
import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from semascope.core.errors import InputError, did_you_mean, listed

__all__ = ["Items", "items_from", "read_items"]

BINARY_KINDS = ("parquet", "pq", "arrow", "feather", "ipc")
TEXT_KINDS = ("csv", "tsv", "jsonl", "ndjson", "json")
USUAL_TEXT = "text review body content document message abstract description"
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError)
# one literal prefix, so that a search of a large file stays fast
HALF_PAIR = re.compile(
    r"\\u[dD](?:[89abAB][\da-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][\da-fA-F]{2}\\u[dD])[c-fC-F][\da-fA-F]{2})"
)


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
    """Read a table of items from a file, or from a folder of .txt files.

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
    ...     _ = path.write_text("review;stars\\ngood soup;5\\ncold soup;1\\n")
    ...     items = read_items(path, text="review")
    >>> items.frame.rows()
    [('row-0', 'good soup', 5), ('row-1', 'cold soup', 1)]
    """
    found = _existing(path)
    source = str(path)
    if found.is_dir():
        frame, skipped = _read_folder(found, source, encoding)
        return _checked(frame, source, text, id or "id", need_text, skipped)
    name = found.name.lower()
    kind = name.removesuffix(".gz").rpartition(".")[2]
    if kind in BINARY_KINDS and not name.endswith(".gz"):
        if encoding is not None:
            raise InputError(f"--encoding is for text files, and {source} is .{kind}; leave it out")
        frame = _read_binary(found, source, kind)
    elif kind in TEXT_KINDS:
        content = _read_text(found, source, encoding)
        if not content.strip():
            raise InputError(f"{source} is empty; give a file with one item per row")
        if kind in ("csv", "tsv"):
            frame = _read_delimited(content, source, text, id, "," if kind == "csv" else "\t")
        else:
            frame = _read_json(content, source, lines=kind != "json")
    else:
        raise _unsupported(found, source)
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
            f"{source} does not make a table of items: {_first_line(err)}; pass a polars, pandas "
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


def _first_line(err: BaseException) -> str:
    return str(err).strip().partition("\n")[0].rstrip(".:;")


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
        if not keep.all():
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


# Files


def _existing(path: str | os.PathLike[str]) -> Path:
    found = Path(path).expanduser()
    # os.path.exists, because Path.exists raises for names that no file can have
    if os.path.exists(found):
        return found
    if not os.path.isdir(found.parent):
        raise InputError(f"no file {path}: there is no folder {found.parent}")
    raise InputError(f"no file {path}{did_you_mean(found.name, os.listdir(found.parent))}")


def _unsupported(path: Path, source: str) -> InputError:
    kinds = [f".{kind}" for kind in (*TEXT_KINDS, *BINARY_KINDS)]
    suffix = path.suffix.lower()
    found = f"the extension '{suffix}', which is not supported" if suffix else "no extension"
    hint = "; save the sheet as CSV" if suffix in (".xlsx", ".xls", ".ods") else ""
    return InputError(
        f"{source} has {found}{hint or did_you_mean(suffix, kinds)}; allowed: {', '.join(kinds)} "
        "(text kinds also .gz), or a folder of .txt files, one item each"
    )


def _read_text(path: Path, source: str, encoding: str | None) -> str:
    try:
        data = path.read_bytes()
        # told by content, because browsers and servers unpack files and keep the name
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as err:
        raise InputError(f"{source} cannot be read: {_first_line(err)}") from None
    if data[:4] == b"PK\x03\x04":
        raise InputError(f"{source} is a zip or Excel file, not text; unpack it or save it as CSV")
    if encoding is None:
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        encoding = "utf-16" if wide else "utf-8"
        if not wide and data[:4096].count(0) * 4 > len(data[:4096]):
            raise InputError(
                f"{source} is full of NUL bytes: it is not text, or UTF-16 without its mark; "
                "for the latter say --encoding utf-16-le (encoding='utf-16-le' in Python)"
            )
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as err:
        raise InputError(
            f"{source} is not {encoding.upper()}: byte 0x{data[err.start]:02x} at offset "
            f"{err.start} (line {data.count(10, 0, err.start) + 1}) cannot be decoded; say how it "
            "was written, such as --encoding latin-1 (encoding='latin-1' in Python)"
        ) from None
    except LookupError:
        raise InputError(
            f"'{encoding}' is not a text encoding; try utf-8, utf-16, latin-1 or cp1252"
        ) from None


def _read_folder(
    folder: Path, source: str, encoding: str | None
) -> tuple[pl.DataFrame, dict[str, int]]:
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    files = sorted(
        name for name, path in paths.items() if not re.search(r"(^|/)\.", name) and path.is_file()
    )
    names = [name for name in files if name.lower().endswith((".txt", ".txt.gz"))]
    if not names:
        found = f"found {listed(files, most=5)}" if files else "it is empty"
        raise InputError(
            f"the folder {source} holds no .txt file ({found}); give a folder of .txt files, one "
            "item each, or a table file"
        )
    texts = [_read_text(paths[name], f"{source}/{name}", encoding) for name in names]
    others = len(files) - len(names)
    return pl.DataFrame({"id": names, "text": texts}), {"not .txt": others} if others else {}


def _read_binary(path: Path, source: str, kind: str) -> pl.DataFrame:
    try:
        # An open file, because polars takes [ and * in a path for a pattern and a=1/ for a column.
        # Unbuffered, because polars reads on from where the system's own pointer stands.
        with path.open("rb", buffering=0) as file:
            if kind in ("parquet", "pq"):
                return pl.read_parquet(file)
            stream = file.read(6) != b"ARROW1"
            file.seek(0)
            return pl.read_ipc_stream(file) if stream else pl.read_ipc(file)
    except UNREADABLE as err:
        what = "is empty" if not path.stat().st_size else f"is not a readable .{kind} file"
        raise InputError(f"{source} {what}: {_first_line(err)}; write it again") from None


# Delimited text


@contextlib.contextmanager
def _long_cells() -> Iterator[None]:
    """Lift the csv module's limit of 131,072 characters in a cell, which long texts exceed."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


@_long_cells()
def _read_delimited(
    content: str, source: str, text: str | None, id: str | None, default: str
) -> pl.DataFrame:
    if "\n" not in content:
        content = content.replace("\r", "\n")
    content = content.lstrip("\r\n")
    asked = [name for name in (text, id) if name is not None]
    mark, header = _delimiter(content, asked, default)
    if len(header) > 1:
        # polars overlooks one delimiter too many where the last line has no end
        content = content.rstrip("\r\n") + "\n"
    twice = [name for name in asked if header.count(name) > 1]
    if twice:
        raise InputError(f"{source} has more than one column '{twice[0]}'; rename all but one")
    # ids keep their leading zeros
    types = {id: pl.String} if id else None

    def read(text: str) -> pl.DataFrame:
        return pl.read_csv(
            text.encode(), separator=mark, infer_schema_length=None, schema_overrides=types
        )

    frame = None
    if _is_well_quoted(content, mark):
        with contextlib.suppress(*UNREADABLE):
            frame = read(content)
        # polars fills a short row with nulls, so only a null at the end can hide one
        if frame is not None and (frame.width == 1 or not frame[:, -1].null_count()):
            return frame
    count = sum(1 for _ in _records(content, mark, source)) - 1
    if frame is not None and frame.height == count:
        return frame
    # polars misreads stray quotes and blank lines, which the csv module takes in its stride
    plain = io.StringIO()
    csv.writer(plain, delimiter=mark, lineterminator="\n").writerows(
        _records(content, mark, source)
    )
    try:
        return read(plain.getvalue())
    except UNREADABLE as err:
        raise InputError(f"{source} cannot be read as a table: {_first_line(err)}") from None


def _is_well_quoted(content: str, mark: str) -> bool:
    """Tell whether every quote opens a cell, closes one, or is doubled inside one (RFC 4180)."""
    parts = content.replace('""', "").split('"')
    ends = f"{mark}\r\n"
    outside = zip(parts[:-1:2], parts[2::2], strict=True) if len(parts) % 2 else None
    return outside is not None and all(
        (not before or before[-1] in ends) and (not after or after[0] in ends)
        for before, after in outside
    )


def _records(content: str, mark: str, source: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=mark, strict=True)
    width, line = 0, 1
    try:
        for cells in reader:
            width = width or len(cells)
            if len(cells) == width:
                yield cells
            elif not cells and width == 1:
                yield [""]
            elif cells:
                raise InputError(
                    f"line {line} of {source} has {len(cells)} cells and the header has {width}, "
                    f"with {mark!r} as delimiter; mend that line: a cell that contains "
                    "the delimiter needs quotes around it"
                )
            line = reader.line_num + 1
    except csv.Error as err:
        raise InputError(
            f"line {line} of {source} has a quote that is not closed or not doubled ({err}); write "
            'a quote inside a quoted cell as ""'
        ) from None


def _delimiter(content: str, asked: list[str], default: str) -> tuple[str, list[str]]:
    head = content[:1_000_000]
    best: tuple[tuple[int, bool, bool, int], str, list[str]] | None = None
    for mark in (default, *",;\t|"):
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=mark)
        header, *rows = [cells for cells in itertools.islice(reader, 200) if cells]
        if len(head) < len(content):
            del rows[-1:]  # the sample may cut it short
        width = len(header)
        even = width > 1 and all(len(cells) == width for cells in rows)
        # An asked column decides, then evenness. Where neither does, the delimiter that splits the
        # header most is taken, so that the row which does not fit it is named later.
        rank = (sum(name in header for name in asked), even, mark == default and width > 1, width)
        if best is None or rank > best[0]:
            best = rank, mark, header
    assert best is not None
    return best[1], best[2]


# JSON


def _read_json(content: str, source: str, *, lines: bool) -> pl.DataFrame:
    start = content.lstrip()
    first, _, rest = start.partition("\n")
    # many tools write JSON lines and call the file .json
    lines = lines or (first[0] == "{" and first.rstrip().endswith("}") and rest[:1] == "{")
    # polars turns some halves of surrogate pairs into NUL without a word
    if HALF_PAIR.search(content) or (start[0] != "[" and not lines):
        _check_json(content, source, lines)
    try:
        read = pl.read_ndjson if lines else pl.read_json
        return read(content.encode(), infer_schema_length=None)
    except UNREADABLE as err:
        _check_json(content, source, lines)
        raise InputError(f"{source} cannot be read as JSON: {_first_line(err)}") from None


def _check_json(content: str, source: str, lines: bool) -> None:
    if lines:
        rows = enumerate(content.split("\n"), 1)
        found = ((f"line {n}", _parsed(row, source, n)) for n, row in rows if row.strip())
    else:
        value = _parsed(content, source, 1)
        if not isinstance(value, list):
            raise InputError(f"{source} holds {_json_kind(value)}; it must hold a list of objects")
        found = ((f"row {n} (counted from 0)", row) for n, row in enumerate(value))
    for place, value in found:
        if not isinstance(value, dict):
            raise InputError(
                f"{place} of {source} holds {_json_kind(value)}; it must hold an object, such as "
                '{"text": "..."}'
            )


def _parsed(content: str, source: str, line: int) -> Any:
    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON value, write null")

    try:
        value = json.loads(content, parse_constant=refuse)
        half = HALF_PAIR.search(content)
        if half is not None:
            line += content.count("\n", 0, half.start())
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except json.JSONDecodeError as err:
        line, reason = line + err.lineno - 1, f"{err.msg} at column {err.colno}"
    except UnicodeEncodeError:
        reason = "half of a surrogate pair, such as \\ud83d alone, is no character"
    except ValueError as err:
        reason = str(err)
    raise InputError(f"line {line} of {source} is not valid JSON: {reason}; mend it")


def _json_kind(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with {listed(value, most=5) or 'no keys'}"
    return "a list" if isinstance(value, list) else json.dumps(value)[:40]
