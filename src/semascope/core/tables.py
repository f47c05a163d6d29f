"""Write tables so that a full disk is reported as one."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_NO_ROOM = 1 << 16


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet.

    Raises
    ------
    OSError
        Also where polars calls a full disk a damaged file.

    Examples
    --------
    >>> from pathlib import Path
    >>> import polars as pl
    >>> from semascope.core import write_table
    >>> write_table(pl.DataFrame({"a": [1]}), Path("a.parquet"))
    >>> pl.read_parquet("a.parquet")["a"].to_list()
    [1]
    """
    from polars.exceptions import PolarsError

    try:
        table.write_parquet(path)
    except PolarsError as err:
        # While it writes the footer polars does not say what went wrong.
        full = shutil.disk_usage(path.parent).free < _NO_ROOM
        if full or f"os error {errno.ENOSPC}" in str(err):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from err
        raise
