"""The formats a table of items comes in: text, JSON and binary files, read into polars frames."""

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from semascope.core.errors import InputError, did_you_mean, listed

__all__ = [
    "BINARY_KINDS",
    "TEXT_KINDS",
    "UNREADABLE",
    "existing",
    "first_line",
    "read_binary",
    "read_delimited",
    "read_folder",
    "read_json_table",
    "read_text",
    "unsupported",
]

BINARY_KINDS = ("parquet", "pq", "arrow", "feather", "ipc")
TEXT_KINDS = ("csv", "tsv", "jsonl", "ndjson", "json")
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError)
# one literal prefix, so that a search of a large file stays fast
HALF_PAIR = re.compile(
    r"\\u[dD](?:[89abAB][\da-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][\da-fA-F]{2}\\u[dD])[c-fC-F][\da-fA-F]{2})"
)


def first_line(err: BaseException) -> str:
    """Return the first line of an error message, ready to be followed by more text."""
    return str(err).strip().partition("\n")[0].rstrip(".:;")


# Files


def existing(path: str | os.PathLike[str]) -> Path:
    """Return the path if something is there, or raise an error that suggests the closest name."""
    found = Path(path).expanduser()
    # os.path, because the methods of Path raise for names that no file can have
    if os.path.exists(found):  # noqa: PTH110
        return found
    if not os.path.isdir(found.parent):  # noqa: PTH112
        raise InputError(f"no file {path}: there is no folder {found.parent}")
    raise InputError(
        f"no file {path}{did_you_mean(found.name, (p.name for p in found.parent.iterdir()))}"
    )


def unsupported(path: Path, source: str) -> InputError:
    """Build the error for a file whose extension is not known."""
    kinds = [f".{kind}" for kind in (*TEXT_KINDS, *BINARY_KINDS)]
    suffix = path.suffix.lower()
    found = f"the extension '{suffix}', which is not supported" if suffix else "no extension"
    hint = "; save the sheet as CSV" if suffix in (".xlsx", ".xls", ".ods") else ""
    return InputError(
        f"{source} has {found}{hint or did_you_mean(suffix, kinds)}; allowed: {', '.join(kinds)} "
        "(text kinds also .gz), or a folder of .txt files, one item each"
    )


def read_text(path: Path, source: str, encoding: str | None) -> str:
    """Read a text file, plain or gzipped, in an encoding that was given or is told by its mark."""
    try:
        data = path.read_bytes()
        # told by content, because browsers and servers unpack files and keep the name
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as err:
        raise InputError(f"{source} cannot be read: {first_line(err)}") from None
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


def read_folder(
    folder: Path, source: str, encoding: str | None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Read the .txt files of a folder, one item each, and count the files of other kinds."""
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
    texts = [read_text(paths[name], f"{source}/{name}", encoding) for name in names]
    others = len(files) - len(names)
    return pl.DataFrame({"id": names, "text": texts}), {"not .txt": others} if others else {}


def read_binary(path: Path, source: str, kind: str) -> pl.DataFrame:
    """Read a Parquet or Arrow file."""
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
        raise InputError(f"{source} {what}: {first_line(err)}; write it again") from None


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
def read_delimited(
    content: str, source: str, text: str | None, id: str | None, default: str
) -> pl.DataFrame:
    """Read CSV or TSV; the delimiter is found out, and bad rows are named."""
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
        raise InputError(f"{source} cannot be read as a table: {first_line(err)}") from None


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
    best: tuple[tuple[int, bool, bool, int], str, list[str]] = (-1, False, False, 0), default, []
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
        if rank > best[0]:
            best = rank, mark, header
    return best[1], best[2]


# JSON


def read_json_table(content: str, source: str, *, lines: bool) -> pl.DataFrame:
    """Read JSON lines, or a JSON list of objects."""
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
        raise InputError(f"{source} cannot be read as JSON: {first_line(err)}") from None


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
