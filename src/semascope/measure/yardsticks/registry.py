"""All yardsticks, as a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from semascope.core import InputError, did_you_mean, listed
from semascope.measure.yardsticks import of_codes, of_factors, of_labels, of_sets
from semascope.measure.yardsticks.metric import Metric

if TYPE_CHECKING:
    import polars as pl

_SLOW = "slow, measured only if they are named, or their group, or all"
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        *of_codes.METRICS,
        *of_labels.METRICS,
        *of_factors.METRICS,
        *of_sets.METRICS,
    )
}


def metrics() -> pl.DataFrame:
    """Return the registry: every yardstick with formula, source, direction, range and limits.

    Returns
    -------
    polars.DataFrame
        ``metric``, ``group``, ``formula``, ``source``, ``better``, ``low``, ``high``, ``chance``,
        ``limits`` (when it does not apply or misleads), ``cost``, ``needs`` (beside codes),
        ``baselines``.

    Examples
    --------
    >>> from semascope.measure import metrics
    >>> metrics()["metric"].to_list()[:3]
    ['fvu', 'cosine', 'shrinkage']
    """
    import polars as pl

    return pl.DataFrame(
        [
            {
                "metric": m.name,
                "group": m.group,
                "formula": m.formula,
                "source": m.source,
                "better": m.better,
                "low": float(m.low),
                "high": float(m.high),
                "chance": m.chance,
                "limits": m.limits,
                "cost": m.cost,
                "needs": list(m.needs),
                "baselines": list(m.baselines),
            }
            for m in METRICS.values()
        ],
        schema_overrides={"needs": pl.List(pl.String), "baselines": pl.List(pl.String)},
    )


def find_metrics(names: list[str]) -> list[Metric]:
    """Return metrics by name or by group; "all" is every one.

    Examples
    --------
    >>> from semascope.measure.yardsticks.registry import find_metrics
    >>> [m.name for m in find_metrics(["mig", "fvu"])]
    ['fvu', 'mig']
    """
    groups = {m.group for m in METRICS.values()}
    chosen = set()
    for name in names:
        if name == "all":
            chosen |= set(METRICS)
        elif name in groups:
            chosen |= {m.name for m in METRICS.values() if m.group == name}
        elif name in METRICS:
            chosen.add(name)
        else:
            known = [*METRICS, *sorted(groups), "all"]
            raise InputError(
                f"no metric '{name}'{did_you_mean(name, known)}; there are {listed(known, 60)}"
            )
    return [m for name, m in METRICS.items() if name in chosen]


def unmeasured(
    measured: Collection[str], given: Collection[str], names: Sequence[str] | None = None
) -> list[str]:
    """Say which metrics were not measured, and what each lacks.

    Parameters
    ----------
    measured : collection of str
        Metrics that were.
    given : collection of str
        Inputs that were there, beside codes.
    names : sequence of str, optional
        Metrics and groups that were asked for; by default all that are not slow.

    Examples
    --------
    >>> from semascope.measure.yardsticks import unmeasured
    >>> unmeasured(["nec"], ["outcome"], ["nec", "stability"])
    ['not measured without atoms and others: stability']
    """
    wanted = METRICS.values() if names is None else find_metrics(list(names))
    lines: dict[str, list[str]] = {}
    for metric in wanted:
        if metric.name in measured:
            continue
        lacks = [need for need in metric.needs if need not in given]
        why = f"not measured without {' and '.join(lacks)}" if lacks else _SLOW
        lines.setdefault(why, []).append(metric.name)
    return [f"{why}: {', '.join(found)}" for why, found in lines.items()]
