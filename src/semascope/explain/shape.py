"""The shape of an effect: by strength of activation, and from subgroup to subgroup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError
from semascope.explain.effects import Effects
from semascope.explain.problem import Problem, Setting, marginal

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_FEWEST_A_THIRD = 10
_LEVEL = 0.05
_MOST_SUBGROUPS = 12
_FEWEST_OF_A_SUBGROUP = 5


@dataclass(frozen=True)
class Dose:
    """How an effect depends on strength.

    Parameters
    ----------
    thirds : tuple of float
        Effect of the weakest, the middle and the strongest third of active rows, each against the
        inactive ones.
    shape : str
        ``rises`` or ``falls`` (a trend over the thirds that never turns), ``bends`` (the middle
        third stands out) or ``even`` (no sign that strength matters). *Rises* is away from no
        effect where all thirds are on one side of it.
    p_trend, p_bend : float
        Tests of a trend over the thirds, and of a departure from it.

    Examples
    --------
    >>> from semascope.explain.shape import Dose
    >>> Dose((1.0, 2.0, 3.0), "rises", 0.001, 0.9).shape
    'rises'
    """

    thirds: tuple[float, float, float]
    shape: str
    p_trend: float
    p_bend: float


def dose(problem: Problem, strength: Floats, cuts: tuple[float, float]) -> Dose | None:
    """Tell how the effect of one concept depends on its strength; None with too few rows.

    Parameters
    ----------
    problem : Problem
        The question; its outcome must be one number a row.
    strength : ndarray of float64, shape (rows,)
        Activation on the tested rows, zero where inactive.
    cuts : (float, float)
        Between the thirds, from rows that are not tested.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Setting, dose, read_outcome
    >>> random = np.random.default_rng(0)
    >>> strength = np.maximum(random.standard_normal(400), 0)
    >>> y = 3 * strength + random.standard_normal(400)
    >>> dose(Setting(read_outcome(y)).problem(np.arange(400)), strength, (0.4, 1.0)).shape
    'rises'
    """
    third = np.where(strength > 0, 1 + np.searchsorted(np.array(cuts), strength, "right"), 0)
    if min(np.bincount(third, minlength=4)[1:]) < _FEWEST_A_THIRD:
        return None
    x = problem.units((third[:, None] == np.arange(1, 4)).astype(np.float64))
    try:
        effects = [
            float(
                marginal(
                    problem.also(np.delete(x, k, axis=1)), x[:, [k]], by_units=True
                ).effect.ravel()[0]
            )
            for k in range(3)
        ]
        active = x.sum(axis=1, keepdims=True)
        line = x @ np.array([[-1.0], [0.0], [1.0]])
        bend = x @ np.array([[1.0], [-2.0], [1.0]])
        trend = marginal(problem.also(active), line, by_units=True)
        bent = marginal(problem.also(np.hstack([active, line])), bend, by_units=True)
    except np.linalg.LinAlgError:
        return None
    p_trend, p_bend = float(trend.p.ravel()[0]), float(bent.p.ravel()[0])
    if not np.isfinite([*effects, p_trend, p_bend]).all():
        return None
    none = 1.0 if problem.outcome.is_ratio else 0.0
    turns = not min(effects[0], effects[2]) <= effects[1] <= max(effects[0], effects[2])
    if p_bend < _LEVEL and turns:
        shape = "bends"
    elif p_trend < _LEVEL and not turns:
        grows = effects[2] > effects[0]
        if all(e < none for e in effects):
            grows = not grows
        shape = "rises" if grows else "falls"
    else:
        shape = "even"
    return Dose((effects[0], effects[1], effects[2]), shape, p_trend, p_bend)


@dataclass(frozen=True, eq=False)
class Subgroups:
    """Effects in each subgroup, and whether they differ.

    Parameters
    ----------
    levels : tuple of str
        Subgroups.
    effects : tuple of Effects
        One for each subgroup.
    p : ndarray of float64
        Test that effects are equal in all of them.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Subgroups
    >>> Subgroups(("a", "b"), (), np.ones(1)).levels
    ('a', 'b')
    """

    levels: tuple[str, ...]
    effects: tuple[Effects, ...]
    p: Floats


def by_subgroup(setting: Setting, x: Any, rows: Rows, column: pl.Series) -> Subgroups:
    """Estimate effects within each value of a column, and test whether they differ.

    Welch's test for means of unequal variances, put to effects: each subgroup is regressed by
    itself, so covariates may act differently in each. Numbers of more than twelve values are cut
    into thirds. Rows without a value are left out, and so are subgroups in which all rows have one
    outcome; one in which fewer than five rows show a concept, or do not, is left out for that
    concept.

    Parameters
    ----------
    setting : Setting
        Outcome of all rows.
    x : array or scipy.sparse of shape (n, m)
        Activity of all rows.
    rows : ndarray of int64
        Rows to test.
    column : polars.Series
        Of all rows.

    References
    ----------
    Welch, "On the comparison of several mean values: an alternative approach", 1951.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.explain import Setting, by_subgroup, read_outcome
    >>> random = np.random.default_rng(0)
    >>> x, side = random.random((400, 1)) < 0.5, np.arange(400) % 2
    >>> y = x[:, 0] * side + 0.5 * random.standard_normal(400)
    >>> column = pl.Series("side", np.array(["left", "right"])[side])
    >>> found = by_subgroup(Setting(read_outcome(y)), x, np.arange(400), column)
    >>> float(found.p[0]) < 0.001
    True
    """
    from scipy.stats import f

    told = _levels_of(column, rows)
    levels = sorted(set(told[told != ""].tolist()))
    if len(levels) < 2:
        raise InputError(f"column '{column.name}' has one value in the rows tested; no subgroups")
    parts, kept = [], []
    for level in levels:
        here = rows[told == level]
        try:
            problem = setting.problem(here, strict=False)
        except InputError:
            continue  # so few rows that the outcome is the same in all
        found = marginal(problem, x[problem.rows])
        parts.append(_with_enough(found, problem, x[problem.rows]))
        kept.append(level)
    if len(kept) < 2:
        raise InputError(
            f"column '{column.name}': {len(kept)} of {len(levels)} subgroups have rows enough "
            "to be compared"
        )
    centre = np.stack([np.log(e.effect) if setting.outcome.is_ratio else e.effect for e in parts])
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = 1 / np.stack([e.error for e in parts]) ** 2
        dof = np.stack([e.dof for e in parts])
        usable = np.isfinite(centre) & np.isfinite(weight)
        weight = np.where(usable, weight, 0.0)
        count = usable.sum(axis=0)
        total = weight.sum(axis=0)
        mean = (weight * np.where(usable, centre, 0)).sum(axis=0) / total
        between = (weight * np.where(usable, centre - mean, 0) ** 2).sum(axis=0) / (count - 1)
        doubt = np.where(usable, (1 - weight / total) ** 2 / dof, 0).sum(axis=0)
        ratio = between / (1 + 2 * (count - 2) / (count**2 - 1) * doubt)
        p = np.where(count > 1, f.sf(ratio, count - 1, (count**2 - 1) / (3 * doubt)), np.nan)
    return Subgroups(tuple(kept), tuple(parts), p)


def _with_enough(found: Effects, problem: Problem, x: Any) -> Effects:
    """Blank effects that too few rows of the subgroup carry."""
    shown = np.asarray(abs(problem.units(x)).sum(axis=0)).ravel()
    few = shown < _FEWEST_OF_A_SUBGROUP
    if problem.pairs is None:
        few |= len(problem) - shown < _FEWEST_OF_A_SUBGROUP
    parts = {name: np.array(part, dtype=np.float64) for name, part in vars(found).items()}
    for part in parts.values():
        part[few] = np.nan
    return Effects(**parts)


def _levels_of(column: pl.Series, rows: Rows) -> npt.NDArray[Any]:
    some = column.gather(rows)
    if some.dtype.is_float():
        some = some.fill_nan(None)
    if some.dtype.is_numeric() and some.n_unique() > _MOST_SUBGROUPS:
        low, high = (some.quantile(q) for q in (1 / 3, 2 / 3))
        if low is None or high is None or low >= high:
            raise InputError(f"column '{column.name}' cannot be cut into thirds")
        words = [f"up to {low:g}", f"{low:g} to {high:g}", f"above {high:g}"]
        place = np.searchsorted([low, high], some.cast(pl.Float64).fill_null(np.nan).to_numpy())
        return np.where(some.is_null().to_numpy(), "", np.array(words)[place])
    if some.n_unique() > _MOST_SUBGROUPS:
        raise InputError(
            f"column '{column.name}' has {some.n_unique()} values; at most {_MOST_SUBGROUPS} "
            "subgroups are compared"
        )
    return some.cast(pl.String).fill_null("").to_numpy().astype(str)
