"""Trust taken apart: by band of activation, and by group of the items."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from semascope.core import InputError
from semascope.lexicon import Contrast, Relevance
from semascope.lexicon.concepts import BANDS
from semascope.measure.chance import p_rows
from semascope.measure.scored import bands_of, scored
from semascope.measure.scorers import ranking
from semascope.measure.trust import other_names

_SHUFFLED = 20
_SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "concept": pl.String,
    "name": pl.String,
    "group": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "null": pl.Float64,
    "p": pl.Float64,
    "n_active": pl.Int64,
    "n_inactive": pl.Int64,
    "failures": pl.Int64,
}


def trust_by_band(
    names: Sequence[str | None],
    drawn: Sequence[Contrast],
    relevance_of: Callable[[int], Relevance],
    *,
    ids: Sequence[str] | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """Return the trust of every name in each quarter of activation, against all inactive rows.

    A name may fit where a latent fires most and not where it fires a little.

    Parameters
    ----------
    names : sequence of str or None
        The names.
    drawn : sequence of Contrast
        *Verify* rows of each concept.
    relevance_of : callable
        How the name of a concept scores rows.
    ids : sequence of str, optional
        Ids of the concepts; by default their numbers.
    seed : int
        Draws of the intervals.

    Returns
    -------
    polars.DataFrame
        ``concept``, ``name``, ``group`` (``band 1`` is the strongest), ``value`` (AUROC), ``low``,
        ``high``, ``null``, ``p``, ``n_active``, ``n_inactive``, ``failures``: a row for each band
        of each name. Where there are fewer than two rows on a side, the numbers are null.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure import trust_by_band
    >>> texts = ByWords(pl.Series(["tea"] * 6 + ["car"] * 8))
    >>> one, none = np.ones(8, dtype=np.float32), np.arange(0)
    >>> contrast = Contrast(np.arange(8), one, none, np.arange(8, 14))
    >>> trust_by_band(["tea"], [contrast], lambda j: texts)["value"].to_list()
    [1.0, 1.0, 1.0, 0.5]
    """

    def parts(contrast: Contrast) -> list[tuple[str, Contrast]]:
        band = bands_of(len(contrast.active))
        return [(f"band {b + 1}", _active_only(contrast, band == b)) for b in range(BANDS)]

    return _table(names, drawn, relevance_of, parts, ids, seed)


def trust_by_group(
    names: Sequence[str | None],
    drawn: Sequence[Contrast],
    relevance_of: Callable[[int], Relevance],
    groups: pl.Series,
    *,
    ids: Sequence[str] | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """Return the trust of every name among the items of each group: its active, its inactive rows.

    A name that holds in one language, year or class of customers may not hold in another.

    Parameters
    ----------
    names, drawn, relevance_of, ids, seed
        As in `trust_by_band`.
    groups : polars.Series
        The group of each of all rows, such as a column of the items; rows without one are left out.

    Returns
    -------
    polars.DataFrame
        As of `trust_by_band`, a row for each group of each name.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure import trust_by_group
    >>> texts = ByWords(pl.Series(["tea", "tea", "thé", "thé"] + ["car"] * 4))
    >>> language = pl.Series(["en", "en", "fr", "fr"] * 2)
    >>> one, none = np.ones(4, dtype=np.float32), np.arange(0)
    >>> contrast = Contrast(np.arange(4), one, none, np.arange(4, 8))
    >>> found = trust_by_group(["tea"], [contrast], lambda j: texts, language)
    >>> found.select("group", "value").rows()
    [('en', 1.0), ('fr', 0.5)]
    """
    labels = groups.cast(pl.String)
    for contrast in drawn:
        rows = np.concatenate([contrast.active, contrast.inactive])
        if len(rows) and int(rows.max()) >= len(labels):
            raise InputError(
                f"{len(labels)} rows have a group, and row {int(rows.max())} is asked for"
            )
    values = labels.drop_nulls().unique().sort().to_list()

    def parts(contrast: Contrast) -> list[tuple[str, Contrast]]:
        found = []
        for value in values:
            inside = (labels == value).fill_null(False).to_numpy()
            active = inside[contrast.active]
            part = Contrast(
                contrast.active[active],
                contrast.activations[active],
                contrast.near[inside[contrast.near]],
                contrast.other[inside[contrast.other]],
            )
            found.append((value, part))
        return found

    return _table(names, drawn, relevance_of, parts, ids, seed)


def _active_only(contrast: Contrast, kept: np.ndarray) -> Contrast:
    return Contrast(
        contrast.active[kept], contrast.activations[kept], contrast.near, contrast.other
    )


def _table(
    names: Sequence[str | None],
    drawn: Sequence[Contrast],
    relevance_of: Callable[[int], Relevance],
    parts: Callable[[Contrast], list[tuple[str, Contrast]]],
    ids: Sequence[str] | None,
    seed: int,
) -> pl.DataFrame:
    rows: list[tuple[object, ...]] = []
    for j, (name, contrast) in enumerate(zip(names, drawn, strict=True)):
        if name is None:
            continue
        relevance = relevance_of(j)
        others = other_names(names, relevance_of, j, _SHUFFLED, seed)
        for group, part in parts(contrast):
            head = (str(j) if ids is None else ids[j], name, group)
            score = ranking(name, part, relevance, others, seed=seed)
            sizes = (len(part.active), len(part.inactive))
            if score is None:
                rows.append((*head, *[None] * 5, *sizes, 0))
                continue
            found = scored(name, part, relevance)
            p = p_rows(found.scores[0], found.n_active, seed=seed) if found else None
            rows.append(
                (*head, score.value, score.low, score.high, score.null, p, *sizes, score.failures)
            )
    return pl.DataFrame(rows, schema=_SHAPE, orient="row")
