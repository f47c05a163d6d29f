"""One question put to some rows: outcome, covariates, groups, weights and pairs, ready to test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError
from semascope.explain.design import design, require_complete
from semascope.explain.effects import Effects, effects
from semascope.explain.kinds import Outcome

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_FEWEST_GROUPS = 5


@dataclass(frozen=True, eq=False)
class Setting:
    """An outcome of all rows with everything that belongs to it.

    Parameters
    ----------
    outcome : Outcome
        Of `n` rows.
    covariates : polars.DataFrame, optional
        What effects are adjusted for.
    smooth : tuple of str
        Covariates whose effect may bend.
    groups, pairs : ndarray of shape (n,), optional
        Rows that are not independent; rows that were compared with each other.
    weights : ndarray of float64, shape (n,), optional
        Weights of rows.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Setting, read_outcome
    >>> Setting(read_outcome([1.5, 2.0, 4.0])).problem(np.arange(3)).y
    array([1.5, 2. , 4. ])
    """

    outcome: Outcome
    covariates: pl.DataFrame | None = None
    smooth: tuple[str, ...] = ()
    groups: npt.NDArray[Any] | None = None
    weights: Floats | None = None
    pairs: npt.NDArray[Any] | None = None

    def problem(self, rows: Rows, *, strict: bool = True) -> Problem:
        """Return the question put to these rows; those without an outcome are left out.

        Without `strict`, covariates that say nothing about these rows are left out, too: a
        subgroup may be all that there is of a level.

        Raises
        ------
        InputError
            If these rows cannot answer it: a constant outcome or covariate, groups of one row.
        """
        outcome = self.outcome
        rows = rows[~np.isnan(outcome.values[rows])]
        values = outcome.values[rows]
        # All may have died: when is what survival asks.
        told = values if outcome.duration is None or not values.all() else outcome.duration[rows]
        if len(np.unique(told)) < 2:
            raise InputError(
                f"outcome '{outcome.name}' has fewer than two values in the {len(rows)} rows tested"
            )
        adjust = np.zeros((len(rows), 0))
        if self.covariates is not None:
            require_complete(self.covariates, rows, "covariates")
            adjust = design(self.covariates[rows], smooth=self.smooth, strict=strict)
        groups = None if self.groups is None else self.groups[rows]
        weights = None if self.weights is None else self.weights[rows]
        if weights is not None and not (weights > 0).any():
            raise InputError("weights are 0 in all rows tested")
        if outcome.kind == "paired":
            return self._paired(rows, values, groups, weights, strict)
        groups = _useful(groups)
        y = values
        if outcome.kind == "multiclass":
            y = (values[:, None] == np.arange(len(outcome.levels))).astype(np.float64)
        elif outcome.kind == "ordinal":
            y = ridits(values, weights)
        duration = None if outcome.duration is None else outcome.duration[rows]
        return Problem(outcome, rows, y, adjust, groups, weights, duration=duration)

    def _paired(
        self, rows: Rows, values: Floats, groups: Any, weights: Floats | None, strict: bool
    ) -> Problem:
        if self.pairs is None:
            raise InputError("a paired outcome needs pairs=: what was compared with what")
        first, second = pair_up(self.pairs[rows])
        told = np.sign(values[first] - values[second])
        kept = told != 0
        first, second = first[kept], second[kept]
        if len(first) < 2:
            raise InputError(
                f"{len(first)} pairs lie whole among the {len(rows)} rows tested and have a "
                "winner; learn with together= the column of pairs, so that a pair is not torn apart"
            )
        adjust = np.zeros((len(first), 0))
        if self.covariates is not None:
            whole = design(self.covariates[rows], smooth=self.smooth, strict=strict)
            adjust = whole[first] - whole[second]
            # What is the same for both of a pair needs no adjusting.
            adjust = adjust[:, (adjust != 0).any(axis=0)]
        if groups is not None:
            if (groups[first] != groups[second]).any():
                raise InputError("the two rows of a pair must belong to the same group")
            groups = _useful(groups[first])
        return Problem(
            self.outcome,
            rows,
            told[kept] / 2,
            adjust,
            groups,
            None if weights is None else (weights[first] + weights[second]) / 2,
            pairs=(first, second),
        )


@dataclass(frozen=True, eq=False)
class Problem:
    """What is regressed on concepts: a row for each unit of comparison (a row, or a pair of rows).

    Parameters
    ----------
    outcome : Outcome
        Of all rows.
    rows : ndarray of int64, shape (n,)
        Rows that were asked.
    y : ndarray of float64, shape (units,) or (units, levels)
        Outcome of each unit.
    adjust : ndarray of float64, shape (units, k)
        Covariates.
    groups, weights, duration : ndarray of shape (units,), optional
        As in `Setting` and `Outcome`.
    pairs : pair of ndarray, optional
        Positions among `rows` of the two of each pair.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Setting, marginal, read_outcome
    >>> problem = Setting(read_outcome([1.5, 2.0, 4.0, 5.5])).problem(np.arange(4))
    >>> marginal(problem, np.array([[0], [0], [1], [1]])).effect
    array([3.])
    """

    outcome: Outcome
    rows: Rows
    y: Floats
    adjust: Floats
    groups: npt.NDArray[Any] | None = None
    weights: Floats | None = None
    duration: Floats | None = None
    pairs: tuple[Rows, Rows] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def units(self, x: Any) -> Any:
        """Return columns of all tested rows as columns of units: differences, where paired."""
        if self.pairs is None:
            return x
        return x[self.pairs[0]] - x[self.pairs[1]]

    def also(self, columns: Floats) -> Problem:
        """Return the same with more covariates, given for units."""
        return replace(self, adjust=np.hstack([self.adjust, columns]))


def marginal(problem: Problem, x: Any, *, by_units: bool = False) -> Effects:
    """Return the effect of each column by itself, in the outcome's own units.

    Parameters
    ----------
    problem : Problem
        The question.
    x : array or scipy.sparse of shape (rows, m)
        Activity on the tested rows; on units if `by_units`.

    Returns
    -------
    Effects
        Of shape (m,), or (m, levels) for a multiclass outcome.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Setting, marginal, read_outcome
    >>> won = np.array([1, 0, 1, 0, 1, 0, 0, 1])
    >>> setting = Setting(read_outcome(won, "paired"), pairs=np.arange(8) // 2)
    >>> marginal(setting.problem(np.arange(8)), won[:, None]).effect
    array([50.])
    """
    x = x if by_units else problem.units(x)
    kind = problem.outcome.kind
    if kind in ("count", "survival"):
        from semascope.explain.models import ratios

        return ratios(problem, x)
    two = kind in ("binary", "multiclass", "paired")
    found = effects(
        x,
        problem.y,
        adjust=problem.adjust,
        groups=problem.groups,
        weights=problem.weights,
        binary=two,
        paired=kind == "paired",
    )
    return found if kind == "continuous" else scaled(found, 100.0)


def scaled(found: Effects, by: float) -> Effects:
    """Return effects in another unit.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import effects
    >>> from semascope.explain.problem import scaled
    >>> scaled(effects(np.array([[0], [0], [1], [1]]), [1.0, 2, 3, 4]), 100).effect
    array([200.])
    """
    return replace(
        found,
        effect=found.effect * by,
        low=found.low * by,
        high=found.high * by,
        error=found.error * by,
    )


def ridits(values: Floats, weights: Floats | None = None) -> Floats:
    """Return for each ordered value the share of rows below, ties by half: Bross's ridits (1958).

    A difference of mean ridits of 0.06 means six percentile points.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.problem import ridits
    >>> ridits(np.array([0.0, 0.0, 1.0, 2.0]))
    array([0.25 , 0.25 , 0.625, 0.875])
    """
    levels, place = np.unique(values, return_inverse=True)
    mass = np.bincount(place, weights=weights, minlength=len(levels))
    mass = mass / mass.sum()
    return np.asarray((np.cumsum(mass) - mass / 2)[place])


def pair_up(pairs: npt.NDArray[Any]) -> tuple[Rows, Rows]:
    """Return the positions of the two rows of each pair that is there whole.

    Raises
    ------
    InputError
        If three rows or more have one value.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.problem import pair_up
    >>> pair_up(np.array(["a", "b", "c", "a"]))
    (array([0]), array([3]))
    """
    names, place, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    if (counts > 2).any():
        worst = int(np.argmax(counts))
        raise InputError(f"a pair has two rows; pair '{names[worst]}' has {counts[worst]}")
    order = np.argsort(place, kind="stable")
    whole = np.flatnonzero(counts == 2)
    starts = (np.cumsum(counts) - counts)[whole]
    return order[starts], order[starts + 1]


def check_groups(groups: npt.NDArray[Any]) -> None:
    """Raise `InputError` where groups can say nothing: few of them, or one row in each.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.problem import check_groups
    >>> check_groups(np.arange(20) // 2)
    """
    count = len(np.unique(groups))
    if count == len(groups):
        raise InputError(f"each of the {count} rows is a group by itself; leave groups out")
    if count < _FEWEST_GROUPS:
        raise InputError(
            f"the rows fall into {count} groups; errors that allow for groups need at least "
            f"{_FEWEST_GROUPS}, better 20: take the column as a covariate instead"
        )


def _useful(groups: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
    """Of the rows tested, each may be all that there is of its group."""
    if groups is None or len(np.unique(groups)) == len(groups):
        return None
    check_groups(groups)
    return groups
