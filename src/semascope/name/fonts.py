"""Fonts for names in any script, on sheets of images."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Pillow's own font has little beyond ASCII. These are looked for where the system keeps fonts; they
# are of Linux, macOS and Windows, those of most scripts first.
_OTHERS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf",
    "segoeui.ttf", "arial.ttf", "PingFang.ttc", "AppleSDGothicNeo.ttc", "Hiragino Sans GB.ttc",
    "msyh.ttc", "malgun.ttf", "YuGothM.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc", "unifont.ttf",
    "unifont.otf",
)  # fmt: skip
# Not a character, so what is drawn for it is drawn for all that a font does not have.
_NOTHING = "\uffff"


def lettering(text: str, points: int, draw: Any) -> tuple[str, Any]:
    """Return a text as it can be drawn here, and the font that has most of its characters.

    Parameters
    ----------
    text : str
        In any script.
    points : int
        Size of the font.
    draw : Pillow
        From `images.pillow`.

    Returns
    -------
    (str, font)
        With an ellipsis for characters that no font of this machine has.

    Examples
    --------
    >>> from semascope.name.fonts import lettering
    >>> from semascope.name.images import pillow
    >>> lettering("ankle boots", 20, pillow())[0]
    'ankle boots'
    """
    best, lacking = None, text
    for name in (None, *_OTHERS):
        font = _font(name, points, draw.font)
        if font is None:
            continue
        missing = "".join(c for c in text if not _has(font, c))
        if best is None or len(missing) < len(lacking):
            best, lacking = font, missing
        if not lacking:
            break
    if lacking:
        text = re.sub(f"[{re.escape(lacking)}]+", "…", text)
    return text, best


@cache
def _font(name: str | None, points: int, fonts: Any) -> Any:
    if name is None:
        return fonts.load_default(points)
    try:
        return fonts.truetype(name, points)
    except OSError:
        pass
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        return None
    # matplotlib brings one of them along.
    path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / name
    return fonts.truetype(str(path), points) if path.exists() else None


@cache
def _has(font: Any, character: str) -> bool:
    return character.isspace() or _drawn(font, character) != _drawn(font, _NOTHING)


@cache
def _drawn(font: Any, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
