"""Contrast sheets: what fires a concept, from strong to weak, above what only nearly does."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from semascope.core import InputError, write_atomic
from semascope.lexicon import Contrast, Rows
from semascope.name.fonts import lettering
from semascope.name.images import opened, pillow, sized

_INK, _PALE, _PAPER = "#1b2430", "#5d6976", "#ffffff"
_TILE, _EDGE = "#eef1f4", "#d5dbe1"
_ACTIVE, _INACTIVE, _FRAME = "#0b7285", "#d9480f", "#e64980"
_MARGIN, _GAP, _APART, _LABEL, _TITLE = 20, 6, 16, 148, 62
_NAMES = {
    1: ["Active"],
    2: ["Strongest", "Weakest"],
    3: ["Strongest", "Middle", "Weakest"],
    4: ["Strongest", "Strong", "Weak", "Weakest"],
    5: ["Strongest", "Strong", "Middle", "Weak", "Weakest"],
}


Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Band:
    """Some rows of a concept under one heading.

    Parameters
    ----------
    heading, note : str
        What they are, and their span of activation.
    rows : ndarray of int64
        Row numbers, strongest or nearest first.
    active : bool
        Whether the concept is active on them.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.name import Band
    >>> Band("Near-misses", "not active", np.array([3]), active=False).rows
    array([3])
    """

    heading: str
    note: str
    rows: Rows
    active: bool


@dataclass(frozen=True)
class Sheet:
    """A contrast sheet.

    Parameters
    ----------
    png : bytes
        The picture.
    shown : int
        Images on it.
    unreadable : list of str
        Images that could not be read, and why; they are drawn as crosses.

    Examples
    --------
    >>> from semascope.name import Sheet
    >>> Sheet(b"", 0).unreadable
    []
    """

    png: bytes
    shown: int
    unreadable: list[str] = field(default_factory=list)

    def save(self, path: str | Path) -> None:
        """Write the PNG."""
        write_atomic(Path(path), lambda temporary: temporary.write_bytes(self.png))


def exemplars(contrast: Contrast, *, bands: int = 3, each: int = 10) -> list[Band]:
    """Choose rows of several strengths, near-misses and random inactive rows, for any kind of item.

    Parameters
    ----------
    contrast : Contrast
        Rows of the concept.
    bands : int, default 3
        Bands of activation, equal in rows; the first shows the strongest rows of all, the others
        rows evenly spread over the band. From 1 to 5.
    each : int, default 10
        Rows of a band.

    Returns
    -------
    list of Band
        Bands without rows are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import exemplars
    >>> strengths = np.arange(9, 0, -1, dtype=np.float32)
    >>> some = Contrast(np.arange(9), strengths, np.array([10]), np.array([11]))
    >>> for band in exemplars(some, each=2):
    ...     print(band.heading, band.note, band.rows.tolist())
    Strongest 9 to 7 [0, 1]
    Middle 6 to 4 [3, 5]
    Weakest 3 to 1 [6, 8]
    Near-misses not active [10]
    Random not active [11]
    """
    if bands not in _NAMES:
        raise InputError(f"a sheet has 1 to {len(_NAMES)} bands, got {bands}")
    if each < 1:
        raise InputError(f"a band shows at least 1 item, got {each}")
    order = np.argsort(-contrast.activations, kind="stable")
    parts = [part for part in np.array_split(order, bands) if len(part)]
    out = []
    for i, (heading, part) in enumerate(zip(_NAMES[max(1, len(parts))], parts, strict=False)):
        picks = np.unique(np.linspace(0, len(part) - 1, min(each, len(part))).round().astype(int))
        chosen = part[:each] if i == 0 else part[picks]
        high, low = contrast.activations[part[0]], contrast.activations[part[-1]]
        out.append(Band(heading, f"{high:.3g} to {low:.3g}", contrast.active[chosen], active=True))
    inactive = [("Near-misses", contrast.near), ("Random", contrast.other)]
    out += [Band(h, "not active", rows[:each], active=False) for h, rows in inactive if len(rows)]
    return out


def contrast_sheet(
    images: Any,
    contrast: Contrast,
    *,
    title: str = "",
    note: str = "",
    folder: str | Path | None = None,
    bands: int = 3,
    each: int = 10,
    size: int = 84,
    boxes: Mapping[int, Sequence[Box]] | None = None,
) -> Sheet:
    """Draw the images that fire a concept, band by band, above near-misses and random ones.

    Parameters
    ----------
    images : Series, sequence or ndarray
        An image for each row of the data: paths, encoded images as bytes, or arrays of shape
        (height, width), (height, width, 3) or (height, width, 4).
    contrast : Contrast
        Rows of the concept.
    title, note : str
        Heading of the sheet, such as the concept's name; a line under it, such as its scores.
    folder : path, optional
        What relative paths start from.
    bands, each : int
        See `exemplars`.
    size : int, default 84
        Edge of an image in pixels.
    boxes : dict of int to sequences of (left, top, right, bottom), optional
        Patches of rows to frame, as shares of width and height; see `image_parts`.

    Returns
    -------
    Sheet

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import contrast_sheet
    >>> images = np.zeros((6, 8, 8), dtype=np.uint8)
    >>> some = Contrast(np.arange(3), np.ones(3, dtype=np.float32), np.array([4]), np.array([5]))
    >>> sheet = contrast_sheet(images, some, title="Black squares")
    >>> sheet.shown, sheet.png[1:4]
    (5, b'PNG')
    """
    draw = pillow()
    if size < 8:
        raise InputError(f"an image on a sheet is at least 8 pixels wide, got {size}")
    groups = exemplars(contrast, bands=bands, each=each)
    across = max((len(group.rows) for group in groups), default=1)
    step = size + _GAP
    # The heading needs room, however few images there are.
    width = max(2 * _MARGIN + _LABEL + across * step - _GAP, 480)
    tops = _tops(groups, step)
    paper = draw.image.new("RGB", (width, tops[-1] - _GAP + _MARGIN), _PAPER)
    pen = draw.pen.Draw(paper)
    for top, text, points, ink in ((14, title, 20, _INK), (39, note, 13, _PALE)):
        text, font = lettering(text, points, draw)
        pen.text((_MARGIN, top), _fitting(pen, text, font, width - 2 * _MARGIN), ink, font)
    shown = 0
    unreadable: list[str] = []
    for group, top in zip(groups, tops, strict=False):
        middle, colour = top + size // 2, _ACTIVE if group.active else _INACTIVE
        pen.rectangle((_MARGIN, top, _MARGIN + 3, top + size - 1), colour)
        pen.text((_MARGIN + 12, middle - 20), group.heading, _INK, draw.font.load_default(15))
        pen.text((_MARGIN + 12, middle + 2), group.note, _PALE, draw.font.load_default(13))
        for i, row in enumerate(group.rows):
            left = _MARGIN + _LABEL + i * step
            pen.rectangle((left, top, left + size - 1, top + size - 1), _TILE)
            try:
                picture = sized(opened(images, int(row), folder, draw), size, draw)
            except InputError:
                raise
            # What Pillow raises for files that are no images.
            except (OSError, ValueError, SyntaxError) as err:
                unreadable.append(f"row {row}: {err}")
                far = size - 9
                pen.line((left + 8, top + 8, left + far, top + far), _PALE, 2)
                pen.line((left + 8, top + far, left + far, top + 8), _PALE, 2)
                continue
            place = (left + (size - picture.width) // 2, top + (size - picture.height) // 2)
            paper.paste(picture, place, picture)
            # White images need an edge.
            pen.rectangle((left, top, left + size - 1, top + size - 1), outline=_EDGE)
            for box in (boxes or {}).get(int(row), ()):
                pen.rectangle(_framed(box, place, picture.size), outline=_FRAME, width=2)
            shown += 1
    out = io.BytesIO()
    paper.save(out, "PNG", optimize=True)
    return Sheet(out.getvalue(), shown, unreadable)


def _framed(box: Box, place: tuple[int, int], size: tuple[int, int]) -> tuple[int, ...]:
    edges = [
        start + round(share * length)
        for share, start, length in zip(box, place * 2, size * 2, strict=True)
    ]
    return edges[0], edges[1], edges[2] - 1, edges[3] - 1


def _tops(groups: list[Band], step: int) -> list[int]:
    """Return where each band starts, and where the last one ends."""
    tops = [_TITLE]
    for i, group in enumerate(groups):
        apart = i + 1 < len(groups) and group.active and not groups[i + 1].active
        tops.append(tops[-1] + step + (_APART if apart else 0))
    return tops


def _fitting(pen: Any, text: str, font: Any, width: int) -> str:
    text = " ".join(text.split())
    if pen.textlength(text, font) <= width:
        return text
    while text and pen.textlength(f"{text}…", font) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"
