"""Whether a name is true of a whole family, or of few of its members only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from semascope.lexicon import Contrast, Relevance
from semascope.name.held_in import aurocs

if TYPE_CHECKING:
    from semascope.name.families import Family

# A shared name must tell the rows of most members from rows outside, each by itself.
_TELLS = 0.6
_MOST_LEFT = 1 / 3


def tells(
    name: str,
    family: Family,
    drawn: Sequence[Contrast],
    relevance: Relevance,
    *,
    within: Contrast | None = None,
) -> bool:
    """Whether a name tells the rows of two thirds of the members, each by itself.

    Parameters
    ----------
    name : str
        What the members may share.
    family : Family
        Its members.
    drawn : sequence of Contrast
        *Name* rows of all concepts.
    relevance : Relevance
        How the name scores rows.
    within : Contrast, optional
        Look at these rows of the family only; members without any do not count.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.name import Family, tells
    >>> one, none = np.ones(2, dtype=np.float32), np.arange(0)
    >>> drawn = [Contrast(np.arange(i, i + 2), one, none, np.arange(4, 6)) for i in (0, 2)]
    >>> by = ByWords(pl.Series(["tea", "tea", "late tea", "late tea", "car", "car"]))
    >>> tells("tea", Family((0, 1)), drawn, by), tells("late", Family((0, 1)), drawn, by)
    (True, False)
    """
    own = np.unique(np.concatenate([drawn[m].active for m in family.members]))
    none = np.zeros(0, dtype=np.int64)
    told = []
    for member in family.members:
        c = drawn[member]
        outside = np.setdiff1d(c.inactive, own) if within is None else within.inactive
        here = slice(None) if within is None else np.isin(c.active, within.active)
        part = Contrast(c.active[here], c.activations[here], none, outside)
        if min(len(part.active), len(outside)):
            told.append(float(aurocs(relevance, [name], part)[0]) >= _TELLS)
    return bool(told) and sum(told) >= (1 - _MOST_LEFT) * len(told)
