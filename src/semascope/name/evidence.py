"""What speaks for a name: one record for each concept, made from *name* rows only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from semascope.core import Codes
from semascope.lexicon import Contrast, Rows
from semascope.name.relations import relations
from semascope.name.values import Association, associations

BANDS = 4
# Fewer active or inactive rows than this on the *name* side can show nothing.
FEWEST = 5


@dataclass(frozen=True)
class Part:
    """A part of an item that fires a concept.

    Parameters
    ----------
    row : int
        The item.
    text : str
        The part as people read it: words, a sentence, ``column = value``, an event, where a patch
        of an image lies.
    share : float
        How much of the activation is lost without the part, from 0 to 1.
    start, stop : int or None
        Where it stands in the item's text, in characters; of events, in the sequence.
    box : tuple of four float, optional
        Left, top, right and bottom of a patch, as shares of the image's width and height.

    Examples
    --------
    >>> from semascope.name import Part
    >>> Part(3, "late", 0.8, 4, 8).share
    0.8
    """

    row: int
    text: str
    share: float
    start: int | None = None
    stop: int | None = None
    box: tuple[float, float, float, float] | None = None


PartFinder = Callable[[Sequence[Contrast]], list[tuple[Part, ...]]]


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that a namer, a page or a language model is shown about one concept.

    Parameters
    ----------
    latent : int
        The concept.
    contrast : Contrast
        The rows that names are chosen on: active ones of all strengths, near-misses (inactive with
        the highest pre-activation), random inactive ones.
    bands : tuple of ndarray
        Active rows by quantile of activation, strongest band first.
    companions : ndarray of int64
        Rows on which its usual companions are active and it is not, most companions first.
    values : tuple of Association
        Over-represented values of columns.
    parts : tuple of Part
        Parts of active items that fire it, largest share first.
    similar, coactive : tuple of int
        Latents with near atoms, and latents that are active on the same rows.
    parents, children : tuple of int
        Latents whose rows contain nearly all of its rows, and the other way round.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Evidence
    >>> none = np.arange(0)
    >>> Evidence(0, Contrast(none, np.ones(0, dtype=np.float32), none, none)).status
    'dead'
    """

    latent: int
    contrast: Contrast
    bands: tuple[Rows, ...] = ()
    companions: Rows = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    values: tuple[Association, ...] = ()
    parts: tuple[Part, ...] = ()
    similar: tuple[int, ...] = ()
    coactive: tuple[int, ...] = ()
    parents: tuple[int, ...] = ()
    children: tuple[int, ...] = ()

    @property
    def status(self) -> str:
        """``dead``, ``rare`` (too few rows to name) or ``ready``."""
        n, m = len(self.contrast.active), len(self.contrast.inactive)
        return "dead" if n == 0 else "rare" if min(n, m) < FEWEST else "ready"


def gather_evidence(
    drawn: Sequence[Contrast],
    *,
    items: pl.DataFrame | None = None,
    columns: Sequence[str] = (),
    codes: Codes | None = None,
    rows: Rows | None = None,
    atoms: np.ndarray | None = None,
    parts: PartFinder | None = None,
) -> list[Evidence]:
    """Gather what is known about each concept from *name* rows.

    Parameters
    ----------
    drawn : sequence of Contrast
        *Name* rows for and against each latent.
    items : polars.DataFrame, optional
        All rows; with `columns`, for over-represented values.
    columns : sequence of str
        Columns that describe rows.
    codes : Codes, optional
        Codes of all rows; with `rows`, for companions, parents and children.
    rows : ndarray of int64, optional
        The *name* rows, ascending: the only ones that are looked at.
    atoms : ndarray of shape (m, d), optional
        For similar latents.
    parts : callable, optional
        Finds the parts that fire each concept; `text_parts` makes one for texts.

    Returns
    -------
    list of Evidence
        One for each latent.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import gather_evidence
    >>> items = pl.DataFrame({"genre": ["Horror"] * 20 + ["Drama"] * 20})
    >>> one, none = np.ones(20, dtype=np.float32), np.arange(0)
    >>> drawn = [Contrast(np.arange(20), one, none, np.arange(20, 40))]
    >>> evidence = gather_evidence(drawn, items=items, columns=["genre"])[0]
    >>> evidence.values[0].rule, len(evidence.bands)
    ('genre = Horror', 4)
    """
    found = [()] * len(drawn) if parts is None else parts(drawn)
    if codes is not None and rows is not None:
        linked = relations(codes, rows, atoms)
    else:
        linked = [{} for _ in drawn]
    out = []
    for latent, contrast in enumerate(drawn):
        values = [] if items is None else associations(items, columns, contrast)
        bands = tuple(b for b in np.array_split(contrast.active, BANDS) if len(b))
        more = linked[latent]
        out.append(
            Evidence(latent, contrast, bands, values=tuple(values), parts=found[latent], **more)
        )
    return out
