"""Effects within subgroups, as columns of the table of findings and as a table of their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError
from semascope.explain.given import Given
from semascope.explain.shape import by_subgroup
from semascope.explain.tested import adjusted


def subgroup_effects(
    given: Given, table: pl.DataFrame, rows: npt.NDArray[np.int64]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return whether effects differ between subgroups, and what they are in each.

    Parameters
    ----------
    given : Given
        With a column of subgroups.
    table : polars.DataFrame
        What `concept_effects` returned; concepts that were not tested are left out.
    rows : ndarray of int64
        Rows to test.

    Returns
    -------
    (polars.DataFrame, polars.DataFrame)
        ``by_p`` and ``by_q`` for each row of the table; and ``latent``, ``subgroup``, ``level``,
        ``effect``, ``low``, ``high``, ``p`` for each concept tested and subgroup.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.core import split_of
    >>> from semascope.explain import concept_effects
    >>> from semascope.explain.given import read_given
    >>> from semascope.explain.subgroups import subgroup_effects
    >>> random = np.random.default_rng(0)
    >>> shown, side = random.random((600, 2)) < 0.5, pl.Series("side", ["left", "right"] * 300)
    >>> given = read_given(shown, shown[:, 0] + random.standard_normal(600), by=side)
    >>> splits = split_of(map(str, range(600)))
    >>> table = concept_effects(given.codes, given.setting, splits)
    >>> subgroup_effects(given, table, np.flatnonzero(splits == 2))[1]["subgroup"].to_list()
    ['left', 'left', 'right', 'right']
    """
    if given.by is None:
        raise InputError("there is no column of subgroups")
    active = given.codes.copy()
    active.data = (active.data != 0).astype(np.float64)
    m = given.codes.shape[1]
    r = len(table) // m
    tested = np.asarray(table["p"].is_not_null().to_numpy().reshape(m, r).any(axis=1))
    which = np.flatnonzero(tested)
    found = by_subgroup(given.setting, active[:, which], rows, given.by)
    p = np.full((m, r), np.nan)
    p[which] = found.p.reshape(len(which), r)
    parts = []
    for level, effect in zip(found.levels, found.effects, strict=True):
        part = {"latent": np.repeat(which, r), "subgroup": [level] * (len(which) * r)}
        if "level" in table.columns:
            part["level"] = list(given.setting.outcome.levels) * len(which)
        part |= {c: getattr(effect, c).ravel() for c in ("effect", "low", "high", "p")}
        parts.append(pl.DataFrame(part).with_columns(pl.selectors.float().fill_nan(None)))
    extra = pl.DataFrame({"by_p": p.ravel(), "by_q": adjusted(p).ravel()})
    return extra.fill_nan(None), pl.concat(parts)
