"""What a language model that sees is shown of each concept: contrast sheets, and few rows held."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from semascope.lexicon import Contrast
from semascope.name.cases import NOTHING, Case, evenly, halved, status_of
from semascope.name.images import Pictures, encoded, opened, pillow
from semascope.name.sheets import contrast_sheet

HELD = 8
_BANDS, _EACH, _NEAR, _SIZE = 3, 4, 6, 112


def picture_cases(
    drawn: Sequence[Contrast],
    pictures: Pictures,
    *,
    values: Sequence[Sequence[str]] | None = None,
    current: Sequence[str | None] | None = None,
    kinds: Sequence[str | None] | None = None,
    members: Sequence[Sequence[str]] | None = None,
    held: int = HELD,
) -> list[Case]:
    """Divide the *name* rows of each concept into two sheets to show and a few rows to choose on.

    Which half an image belongs to is decided by a hash of its file's content, so equal images never
    lie on both sides. The first sheet shows up to 12 active images of three strengths, the second
    up to 6 near-misses. Nothing of a file's name is shown.

    Parameters
    ----------
    drawn : sequence of Contrast
        Rows of the *name* split for each latent; those without an image are left out.
    pictures : Pictures
        Images of all rows.
    values, current, kinds, members
        As in `cases_of`.
    held : int, default 8
        Active rows that names are chosen on, and as many inactive ones: each is judged by a model,
        by each name.

    Raises
    ------
    InputError
        If an image cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import polars as pl
    >>> from PIL import Image
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Pictures, picture_cases
    >>> for i in range(24):
    ...     Image.new("RGB", (8, 8), (200 * (i < 12), 9 * i, 0)).save(f"{i}.png")
    >>> pictures = Pictures(pl.Series("file", [f"{i}.png" for i in range(24)]), Path("."))
    >>> rows, none = np.arange(12), np.arange(0)
    >>> one = Contrast(rows, np.ones(12, dtype=np.float32), none, rows + 12)
    >>> case = picture_cases([one], pictures)[0]
    >>> len(case.sheets), len(case.held.active) <= 8
    (2, True)
    """
    out = []
    for j, contrast in enumerate(drawn):
        some = with_images(contrast, pictures.there)
        status = status_of(j, some)
        shown, kept = halved(some, pictures.digest) if status == "unnamed" else (NOTHING, NOTHING)
        out.append(
            Case(
                values=() if values is None else values[j],
                sheets=_sheets(shown, pictures),
                held=few(kept, held),
                current=(current[j] or "") if current is not None else "",
                current_kind=(kinds[j] or "phrase") if kinds is not None else "phrase",
                members=() if members is None else members[j],
                status=status,
            )
        )
    return out


def with_images(contrast: Contrast, there: npt.NDArray[np.bool_]) -> Contrast:
    """Leave rows out that have no image.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name.picture_cases import with_images
    >>> one, none = np.ones(2, dtype=np.float32), np.arange(0)
    >>> with_images(Contrast(np.arange(2), one, none, none), np.array([False, True])).active
    array([1])
    """
    here = there[contrast.active]
    return Contrast(
        contrast.active[here],
        contrast.activations[here],
        contrast.near[there[contrast.near]],
        contrast.other[there[contrast.other]],
    )


def few(contrast: Contrast, each: int) -> Contrast:
    """Keep at most `each` active rows, over their ranks, and as many inactive ones.

    Half of these are near-misses, over their ranks as well, if there are enough.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name.picture_cases import few
    >>> rows, one = np.arange(9), np.ones(9, dtype=np.float32)
    >>> some = few(Contrast(rows, one, rows + 10, rows + 20), 4)
    >>> some.active, some.near, some.other
    (array([0, 3, 5, 8]), array([10, 18]), array([20, 28]))
    """
    active = evenly(len(contrast.active), each)
    n_near = max(each // 2, each - len(contrast.other))
    near = evenly(len(contrast.near), n_near)
    other = evenly(len(contrast.other), each - len(near))
    return Contrast(
        contrast.active[active],
        contrast.activations[active],
        contrast.near[near],
        contrast.other[other],
    )


def _sheets(shown: Contrast, pictures: Pictures) -> tuple[bytes, ...]:
    none = NOTHING.active
    if not len(shown.active):
        return ()
    active = Contrast(shown.active, shown.activations, none, none)
    sheets = [
        contrast_sheet(pictures, active, title="Active", bands=_BANDS, each=_EACH, size=_SIZE)
    ]
    # Near-misses teach a name its border; where there are none, other rows must do.
    near = Contrast(none, NOTHING.activations, shown.near, none)
    if not len(near.near):
        near = Contrast(none, NOTHING.activations, none, shown.other)
    if len(near.inactive):
        sheets.append(contrast_sheet(pictures, near, title="Not active", each=_NEAR, size=_SIZE))
    draw = pillow()
    return tuple(encoded(opened([sheet.png], 0, None, draw)) for sheet in sheets)
