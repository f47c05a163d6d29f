"""Images of items: opened, made small, told apart by their content."""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, MissingExtraError, progress
from semascope.lexicon import Rows

if TYPE_CHECKING:
    from PIL.Image import Image

EDGE = 224
_QUALITY = 88
# Small images that are kept at hand, each some ten kilobytes.
_KEPT = 2048


@dataclass(frozen=True)
class Pillow:
    """The parts of Pillow that are used; see `pillow`.

    Examples
    --------
    >>> from semascope.name.images import Pillow
    >>> Pillow(None, None, None).font is None
    True
    """

    image: Any
    pen: Any
    font: Any


def pillow(purpose: str = "drawing a contrast sheet") -> Pillow:
    """Import Pillow, or say how to install it.

    Examples
    --------
    >>> from semascope.name.images import pillow
    >>> pillow().image.new("L", (2, 3)).size
    (2, 3)
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        raise MissingExtraError.of("pillow", "images", purpose) from None
    return Pillow(Image, ImageDraw, ImageFont)


def opened(images: Any, row: int, folder: str | Path | None, draw: Pillow) -> Image:
    """Return an image in colour with transparency, the right way up.

    Parameters
    ----------
    images : Series, sequence or ndarray
        As in `contrast_sheet`.
    row : int
        Which.
    folder : path or None
        What relative paths start from.
    draw : Pillow

    Raises
    ------
    InputError
        If there is no such row, or an array is no image.
    OSError, ValueError, SyntaxError
        If the image cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.name.images import opened, pillow
    >>> opened(np.zeros((1, 4, 5), dtype=np.uint8), 0, None, pillow()).size
    (5, 4)
    """
    if row >= len(images):
        raise InputError(f"there are {len(images)} images and no row {row}: give one for each row")
    value = images[row]
    if value is None:
        raise ValueError("no image")
    if not isinstance(value, bytes | str | Path):
        return draw.image.fromarray(_pixels(value)).convert("RGBA")
    from PIL import ImageOps

    file = io.BytesIO(value) if isinstance(value, bytes) else Path(folder or ".", value)
    try:
        with draw.image.open(file) as image:
            return ImageOps.exif_transpose(image).convert("RGBA")
    except draw.image.DecompressionBombError as err:
        raise ValueError(str(err)) from err


def sized(picture: Image, size: int, draw: Pillow) -> Image:
    """Scale an image so that its longer edge has `size` pixels.

    Examples
    --------
    >>> from semascope.name.images import pillow, sized
    >>> sized(pillow().image.new("RGBA", (20, 10)), 40, pillow()).size
    (40, 20)
    """
    scale = size / max(picture.size)
    shape = tuple(max(1, round(edge * scale)) for edge in picture.size)
    # Few pixels are shown as they are; many are averaged.
    way = draw.image.Resampling.NEAREST if scale >= 2 else draw.image.Resampling.LANCZOS
    return picture.resize(shape, way)


def encoded(picture: Image) -> bytes:
    """Return an image as PNG or JPEG, whichever is smaller, on white, without what came with it.

    Examples
    --------
    >>> from semascope.name.images import encoded, pillow
    >>> encoded(pillow().image.new("RGBA", (20, 10)))[1:4]
    b'PNG'
    """
    paper = pillow().image.new("RGB", picture.size, "#ffffff")
    paper.paste(picture, (0, 0), picture if picture.mode == "RGBA" else None)
    out = []
    for format, options in (("PNG", {}), ("JPEG", {"quality": _QUALITY})):
        file = io.BytesIO()
        paper.save(file, format, **options)
        out.append(file.getvalue())
    return min(out, key=len)


def _pixels(value: Any) -> npt.NDArray[np.uint8]:
    array = np.asarray(value.to_list() if isinstance(value, pl.Series) else value)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or array.ndim not in {2, 3} or array.shape[2:] not in {(), (3,), (4,)}:
        raise InputError(
            f"an image is an array of height by width, with 3 or 4 colours or none; got shape "
            f"{array.shape}"
        )
    if array.dtype == np.uint8:
        return array
    numbers = array.astype(np.float64)
    low, high = float(numbers.min()), float(numbers.max())
    if not np.isfinite([low, high]).all():
        raise ValueError("not all pixels are numbers")
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    return np.asarray((numbers - low) * (255 / (high - low)), dtype=np.uint8)


@dataclass(eq=False)
class Pictures(Sequence[bytes]):
    """Images of rows as a language model is sent them: small, on white, without names or notes.

    Read when they are asked for; the latest ones are kept.

    Parameters
    ----------
    paths : polars.Series
        Of all rows; null where there is no image.
    folder : Path
        What relative paths start from.
    edge : int, default 224
        Longer edge in pixels: about what models that see look at in one piece.

    Examples
    --------
    >>> from pathlib import Path
    >>> import polars as pl
    >>> from PIL import Image
    >>> from semascope.name import Pictures
    >>> Image.new("L", (600, 300), 90).save("grey.png")
    >>> pictures = Pictures(pl.Series("file", ["grey.png", None]), Path("."))
    >>> pictures[0][1:4], pictures.there.tolist()
    (b'PNG', [True, False])
    """

    paths: pl.Series
    folder: Path
    edge: int = EDGE
    _kept: OrderedDict[int, bytes] = field(default_factory=OrderedDict, repr=False)
    _digests: dict[int, bytes] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def there(self) -> npt.NDArray[np.bool_]:
        """Which rows have an image, shape (n,)."""
        return self.paths.is_not_null().to_numpy()

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> list[bytes]: ...
    def __getitem__(self, row: int | slice) -> bytes | list[bytes]:
        """Return the image of a row, small; raises `InputError` if it cannot be read."""
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        row = int(row)
        found = self._kept.get(row)
        if found is None:
            draw = pillow("showing images to a language model")
            try:
                found = encoded(sized(opened(self.paths, row, self.folder, draw), self.edge, draw))
            # What Pillow raises for files that are no images.
            except (OSError, ValueError, SyntaxError) as err:
                raise InputError(
                    f"the image of row {row} (counted from 0), {self._where(row)}, cannot be "
                    f"read: {err}"
                ) from err
            self._kept[row] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def some(self, rows: Rows) -> Sequence[bytes]:
        """Return the images of some rows, read when they are asked for."""
        return _Some(self, rows)

    def digest(self, row: int) -> bytes:
        """Return the hash of a file's content, so that equal images are known as such."""
        found = self._digests.get(row)
        if found is None:
            try:
                with Path(self._where(row)).open("rb") as file:
                    whole = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8))
            except OSError as err:
                raise InputError(
                    f"the image of row {row} (counted from 0) cannot be read: {err}"
                ) from err
            found = self._digests[row] = whole.digest()
        return found

    def check(self, rows: Rows, *, show_progress: bool = False) -> None:
        """Read the images of rows once, so that one that cannot be read is found now."""
        some = np.unique(rows)
        with progress("look at", len(some), "images", show=show_progress) as bar:
            for row in some.tolist():
                self[row]
                bar.advance()

    def _where(self, row: int) -> str:
        return str(self.folder / str(self.paths[row]))


@dataclass(frozen=True, eq=False)
class _Some(Sequence[bytes]):
    pictures: Pictures
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, i: int) -> bytes: ...
    @overload
    def __getitem__(self, i: slice) -> list[bytes]: ...
    def __getitem__(self, i: int | slice) -> bytes | list[bytes]:
        if isinstance(i, slice):
            return [self.pictures[int(row)] for row in self.rows[i]]
        return self.pictures[int(self.rows[i])]
