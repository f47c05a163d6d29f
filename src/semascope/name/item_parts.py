"""What fires a concept in items that are no texts: patches of images, columns of rows, events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError
from semascope.discover import Dictionary
from semascope.lexicon import Contrast
from semascope.name.evidence import Part, PartFinder
from semascope.name.images import opened, pillow
from semascope.name.occlusion import occluded

_MOST_PASSES = 4096
_MOST_EVENTS = 64
_IMAGES_AT_ONCE = 128

Encode = Callable[[Any], npt.NDArray[np.float32]]


def image_parts(
    images: Any,
    encode: Encode,
    dictionary: Dictionary,
    *,
    folder: str | Path | None = None,
    grid: int = 4,
    each: int = 3,
    most: int = 12,
    most_passes: int = _MOST_PASSES,
) -> PartFinder:
    """Make a function that finds the patches of images that fire each concept.

    Each image is cut into a grid, and embedded with each patch in turn painted over with the
    image's mean colour; a patch's share is how much of the pre-activation is lost with it.

    Parameters
    ----------
    images : Series, sequence or ndarray
        An image for each row, as `contrast_sheet` takes them.
    encode : callable
        From a list of ``PIL.Image`` in RGB to vectors (n, d): what made the rows' vectors.
    dictionary : Dictionary
        Its encoder says how strongly a vector fires.
    folder : path, optional
        What relative paths start from.
    grid : int, default 4
        Patches along each edge. ``grid**2 + 1`` images are embedded for one.
    each : int, default 3
        Images looked at for each concept.
    most : int, default 12
        Patches kept of each concept.
    most_passes : int, default 4096
        Images embedded at most.

    Returns
    -------
    callable
        For `gather_evidence`; a `Part` has the patch's ``box``.

    Raises
    ------
    InputError
        If `grid` is less than 2, an image cannot be read, or what `encode` returns does not fit
        the dictionary.

    References
    ----------
    Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Dictionary
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import image_parts
    >>> one, zero = np.ones((1, 1), dtype=np.float32), np.zeros(1, dtype=np.float32)
    >>> red = lambda images: np.array([[np.asarray(i)[..., 0].max()] for i in images], dtype="f4")
    >>> images = np.zeros((1, 8, 8, 3), dtype=np.uint8)
    >>> images[0, 1, 6] = 255, 0, 0
    >>> find = image_parts(images, red, Dictionary(one, zero, one, zero, n_active=1), grid=2)
    >>> row, none = np.arange(1), np.arange(0)
    >>> part = find([Contrast(row, np.ones(1, dtype=np.float32), none, none)])[0][0]
    >>> part.text, part.box
    ('top right', (0.5, 0.0, 1.0, 0.5))
    """
    if grid < 2:
        raise InputError(f"grid must be at least 2, got {grid}")
    draw = pillow("finding the parts of images")
    cells = [(r, c) for r in range(grid) for c in range(grid)]

    def without(row: int, parts: list[tuple[int, int]]) -> list[Any]:
        try:
            picture = opened(images, row, folder, draw)
        except InputError:
            raise
        except (OSError, ValueError, SyntaxError) as err:
            raise InputError(f"the image of row {row} cannot be read: {err}") from err
        # On white, as the sheets are.
        whole = draw.image.new("RGB", picture.size, "#ffffff")
        whole.paste(picture, (0, 0), picture)
        mean = tuple(np.asarray(whole).reshape(-1, 3).mean(axis=0).round().astype(int).tolist())
        out = [whole]
        for part in parts:
            left, top, right, bottom = _box(part, grid)
            less = whole.copy()
            less.paste(
                mean,
                (
                    round(left * whole.width),
                    round(top * whole.height),
                    round(right * whole.width),
                    round(bottom * whole.height),
                ),
            )
            out.append(less)
        return out

    def find(drawn: Sequence[Contrast]) -> list[tuple[Part, ...]]:
        return occluded(
            drawn, dictionary, cut=lambda row: [] if images[row] is None else cells,
            without=without, embed=encode, most_passes=most_passes, each=each, most=most,
            named=lambda row, at, share: Part(row, _place(at, grid), share, box=_box(at, grid)),
            batch=_IMAGES_AT_ONCE,
        )  # fmt: skip

    return find


def column_parts(
    items: pl.DataFrame,
    encode: Encode,
    dictionary: Dictionary,
    *,
    columns: Sequence[str] | None = None,
    each: int = 3,
    most_passes: int = _MOST_PASSES,
) -> PartFinder:
    """Make a function that finds the columns of rows that fire each concept.

    Each row is embedded with each of its values in turn replaced by the usual one: the median of
    numbers, the most frequent of other values, no entry of lists.

    Parameters
    ----------
    items : polars.DataFrame
        All rows.
    encode : callable
        From a table with these columns to vectors (n, d): what made the rows' vectors.
    dictionary : Dictionary
        Its encoder says how strongly a vector fires.
    columns : sequence of str, optional
        Columns to look at; by default all.
    each : int, default 3
        Rows looked at for each concept.
    most_passes : int, default 4096
        Rows embedded at most.

    Returns
    -------
    callable
        For `gather_evidence`.

    Raises
    ------
    InputError
        If a column is not there, or what `encode` returns does not fit the dictionary.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.discover import Dictionary
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import column_parts
    >>> one, zero = np.ones((1, 1), dtype=np.float32), np.zeros(1, dtype=np.float32)
    >>> items = pl.DataFrame({"price": [1, 1, 90], "town": ["Graz", "Linz", "Linz"]})
    >>> encode = lambda table: table.select(pl.col("price").cast(pl.Float32)).to_numpy()
    >>> find = column_parts(items, encode, Dictionary(one, zero, one, zero, n_active=1))
    >>> row, none = np.array([2]), np.arange(0)
    >>> find([Contrast(row, np.ones(1, dtype=np.float32), none, none)])[0][0].text
    'price = 90'
    """
    looked = items.columns if columns is None else list(columns)
    for name in looked:
        if name not in items.columns:
            raise InputError(f"there is no column '{name}'; there are {', '.join(items.columns)}")
    usual = {name: _usual(items[name]) for name in looked}

    def cut(row: int) -> list[str]:
        values = items.row(row, named=True)
        return [name for name in looked if values[name] != usual[name]]

    def without(row: int, parts: list[str]) -> list[dict[str, Any]]:
        values = items.row(row, named=True)
        return [values, *(values | {name: usual[name]} for name in parts)]

    def named(row: int, name: str, share: float) -> Part:
        value = items[name][row]
        shown = value.to_list() if isinstance(value, pl.Series) else value
        return Part(row, f"{name} is missing" if value is None else f"{name} = {shown}", share)

    def find(drawn: Sequence[Contrast]) -> list[tuple[Part, ...]]:
        return occluded(
            drawn, dictionary, cut=cut, without=without, named=named,
            embed=lambda rows: encode(pl.DataFrame(rows, schema=items.schema)),
            most_passes=most_passes, each=each,
        )  # fmt: skip

    return find


def event_parts(
    sequences: pl.Series,
    encode: Encode,
    dictionary: Dictionary,
    *,
    each: int = 3,
    most_passes: int = _MOST_PASSES,
) -> PartFinder:
    """Make a function that finds the events of sequences that fire each concept.

    Each sequence is embedded without each of its events, the latest 64 of them; sequences of one
    event are left out, as nothing would be left of them.

    Parameters
    ----------
    sequences : polars.Series
        Lists of events, one a row; see `as_events` for strings.
    encode : callable
        From a list of lists of events to vectors (n, d): what made the rows' vectors.
    dictionary : Dictionary
        Its encoder says how strongly a vector fires.
    each : int, default 3
        Sequences looked at for each concept.
    most_passes : int, default 4096
        Sequences embedded at most.

    Returns
    -------
    callable
        For `gather_evidence`; ``start`` of a `Part` is the event's place, from 0.

    Raises
    ------
    InputError
        If what `encode` returns does not fit the dictionary.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.discover import Dictionary
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import event_parts
    >>> one, zero = np.ones((1, 1), dtype=np.float32), np.zeros(1, dtype=np.float32)
    >>> encode = lambda lists: np.array([[events.count("buy")] for events in lists], dtype="f4")
    >>> sequences = pl.Series([["visit", "mail", "buy"]])
    >>> find = event_parts(sequences, encode, Dictionary(one, zero, one, zero, n_active=1))
    >>> row, none = np.arange(1), np.arange(0)
    >>> part = find([Contrast(row, np.ones(1, dtype=np.float32), none, none)])[0][0]
    >>> part.text, part.start
    ('buy', 2)
    """

    def of(row: int) -> list[Any]:
        events = sequences[row]
        return [] if events is None else [e for e in events.to_list() if e is not None]

    def cut(row: int) -> list[int]:
        n = len(of(row))
        return list(range(max(0, n - _MOST_EVENTS), n)) if n > 1 else []

    def without(row: int, parts: list[int]) -> list[list[Any]]:
        events = of(row)
        return [events, *(events[:i] + events[i + 1 :] for i in parts)]

    def find(drawn: Sequence[Contrast]) -> list[tuple[Part, ...]]:
        return occluded(
            drawn, dictionary, cut=cut, without=without, embed=encode, most_passes=most_passes,
            named=lambda row, i, share: Part(row, str(of(row)[i]), share, i, i + 1), each=each,
        )  # fmt: skip

    return find


def _box(at: tuple[int, int], grid: int) -> tuple[float, float, float, float]:
    row, column = at
    return column / grid, row / grid, (column + 1) / grid, (row + 1) / grid


def _place(at: tuple[int, int], grid: int) -> str:
    """Say where a patch lies, by thirds of the image."""
    down, across = ((2 * i + 1) / (2 * grid) for i in at)
    vertical = "top" if down < 1 / 3 else "bottom" if down > 2 / 3 else ""
    horizontal = "left" if across < 1 / 3 else "right" if across > 2 / 3 else ""
    return " ".join(filter(None, (vertical, horizontal))) or "centre"


def _usual(column: pl.Series) -> Any:
    if column.dtype == pl.List:
        return []
    if column.dtype.is_numeric():
        middle = column.drop_nulls().quantile(0.5, interpolation="nearest")
        return int(middle) if middle is not None and column.dtype.is_integer() else middle
    known = column.drop_nulls()
    return known.mode().sort()[0] if len(known) else None
