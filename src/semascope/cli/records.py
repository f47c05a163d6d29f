"""Write score records to a file that other tools read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from semascope.core import InputError, require_writable, write_atomic, write_table

_SUFFIXES = (".csv", ".json", ".parquet")


def check_out(out: Path) -> None:
    """Refuse a file that cannot be written, before any work.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.cli.records import check_out
    >>> check_out(Path("scores.txt"))
    Traceback (most recent call last):
    semascope.core.errors.InputError: --out writes .csv, .json, .parquet; got 'scores.txt'
    """
    if out.suffix not in _SUFFIXES:
        raise InputError(f"--out writes {', '.join(_SUFFIXES)}; got '{out.name}'")
    require_writable(out)


def write_records(table: pl.DataFrame, out: Path, data: Any = None) -> None:
    """Write a table, or for JSON other `data`; lists become words with spaces in CSV.

    Examples
    --------
    >>> from pathlib import Path
    >>> import polars as pl
    >>> from semascope.cli.records import write_records
    >>> write_records(pl.DataFrame({"n": [[1, 2]]}), Path("a.csv"))
    >>> Path("a.csv").read_text().split()
    ['n', '1', '2']
    """
    if out.suffix == ".parquet":
        write_atomic(out, lambda temporary: write_table(table, temporary))
        return
    if out.suffix == ".json":
        rows = table.to_dicts() if data is None else data
        text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    else:
        nested = [name for name, kind in table.schema.items() if kind.is_nested()]
        words = pl.col(nested).list.eval(pl.element().cast(pl.String)).list.join(" ")
        text = (table.with_columns(words) if nested else table).write_csv()
    write_atomic(out, lambda temporary: temporary.write_text(text, encoding="utf-8"))
