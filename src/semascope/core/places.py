"""Where things lie that can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """Return the folder of one kind of cache: ``$SEMASCOPE_CACHE/kind`` or in the user's cache.

    Examples
    --------
    >>> from semascope.core import cache_folder
    >>> cache_folder("vectors").name
    'vectors'
    """
    root = os.environ.get("SEMASCOPE_CACHE", "").strip()
    if root:
        return Path(root).expanduser() / kind
    import platformdirs

    return Path(platformdirs.user_cache_dir("semascope")) / kind
