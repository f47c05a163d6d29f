"""One entry of the registry, and what reading it off a subject gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from semascope.measure.yardsticks.inputs import Ints
from semascope.measure.yardsticks.subject import Subject

Group = Literal["core", "labels", "disentanglement", "concept sets"]
Better = Literal["higher", "lower", "neither"]
Cost = Literal["cheap", "medium", "slow"]


@dataclass(frozen=True)
class Reading:
    """A number that can be taken again without some of what it rests on.

    Parameters
    ----------
    of : callable
        Takes places among the `n` units and returns the number on these.
    n : int
        Rows (or concepts) it rests on.
    note : str
        What was left out, or how it was done.
    fixed : bool
        That it does not rest on a sample; it has no interval.

    Examples
    --------
    >>> from semascope.measure.yardsticks import Reading
    >>> Reading(lambda places: float(len(places)), 3).n
    3
    """

    of: Callable[[Ints], float]
    n: int
    note: str = ""
    fixed: bool = False


@dataclass(frozen=True)
class Metric:
    """One yardstick: what it says, where it comes from and when it does not apply.

    Parameters
    ----------
    name : str
    group : {"core", "labels", "disentanglement", "concept sets"}
    formula : str
    source : str
        Paper.
    better : {"higher", "lower", "neither"}
        Direction.
    low, high : float
        Range.
    chance : str
        What chance reaches, in words.
    limits : str
        When it does not apply, or misleads.
    cost : {"cheap", "medium", "slow"}
        For some thousand rows and a few hundred codes: below a second, some seconds, longer.
    needs : tuple of str
        Inputs beside the codes.
    read : callable
        Takes a `Subject`.
    baselines : tuple of str
        Which stand-ins it is read off as well.
    null : float or "shuffled" or callable or None
        A number that chance reaches, or that labels are dealt out at random to learn it, or what
        finds it for a `Subject`.

    Examples
    --------
    >>> from semascope.measure import METRICS
    >>> METRICS["mig"].better
    'higher'
    """

    name: str
    group: Group
    formula: str
    source: str
    better: Better
    low: float
    high: float
    chance: str
    limits: str
    cost: Cost
    needs: tuple[str, ...]
    read: Callable[[Subject], Reading]
    baselines: tuple[str, ...] = ()
    null: float | Literal["shuffled"] | Callable[[Subject], float] | None = None
