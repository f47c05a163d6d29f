"""Write the page about the yardsticks from the registry.

Run: python docs/yardsticks.py
"""

from __future__ import annotations

from pathlib import Path

from semascope.measure import METRICS
from semascope.measure.yardsticks.metric import Metric

PAGE = Path(__file__).with_suffix(".md")

HEAD = """\
# Yardsticks

How good is a dictionary? No number alone tells, so there are {count} of them. Each comes with a 95 % interval, with
what chance reaches, with the number of rows it rests on, and with what simple baselines reach on the same rows:
random atoms, as many and as sparse; principal components; the raw embedding; the difference of means of each label.
Whatever is fitted or chosen is fitted and chosen on one part of the rows, and the number comes from the other.

A lexicon, with a column of its items for labels:

```
$ semascope measure reviews.lexicon --labels topic
$ semascope measure reviews.lexicon --labels topic --labels year --metrics disentanglement --out scores.csv
$ semascope measure reviews.lexicon --other second.lexicon --metrics stability
$ semascope measure --list
```

Codes of any dictionary, also one that was not made here, as arrays or files:

```python
from semascope.measure import evaluate

table = evaluate(codes, atoms=atoms, vectors=x, labels=topic, metrics=["core", "labels"])
```
```
$ semascope measure codes.npz --atoms atoms.npy --vectors x.npy --items items.csv --labels topic
```

Every yardstick is also a function of arrays in `semascope.measure.yardsticks`, with more settings, and with parts
that a single number does not show: rows that are absorbed, the share of each concept in completeness
(`completeness_shares`), probes under few rows, rare labels and wrong labels (`probe_regimes`).

Of one column, each value is a label, and a factor of yes and no; of several, the columns are the factors and all
their values the labels. By default everything is measured that is not slow and whose inputs are there; the notes
under the table say what was left out and why.

**What to read first.** *FVU* at the *L0* you need; *best concept f1* and *1-sparse probe* if you have labels, beside
the difference of means; *stability* before you quote single concepts. Compare with the baselines before you compare
with papers: a value that random atoms reach says nothing, whatever its range.

*Cost*, for some thousand rows and a few hundred codes: cheap below a second, medium some seconds, slow longer.
"""

GROUPS = {
    "core": "Fidelity, sparsity, redundancy",
    "labels": "With labels",
    "disentanglement": "Disentanglement",
    "concept sets": "Sets of concepts",
}
BETTER = {
    "higher": "higher is better",
    "lower": "lower is better",
    "neither": "neither direction is better",
}


def section(metric: Metric) -> str:
    needs = f"; needs {', '.join(metric.needs)}" if metric.needs else ""
    lines = [
        f"### {metric.name}",
        "",
        f"`{metric.formula}`",
        "",
        f"- {BETTER[metric.better]}; range {metric.low:g} to {metric.high:g}; {metric.cost}{needs}",
        f"- chance: {metric.chance}",
    ]
    if metric.limits:
        lines.append(f"- when not to use it: {metric.limits}")
    if metric.baselines:
        lines.append(f"- beside it: {'; '.join(metric.baselines)}")
    return "\n".join([*lines, f"- source: {metric.source}", ""])


def page() -> str:
    parts = [HEAD.format(count=len(METRICS))]
    for group, title in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [section(metric) for metric in METRICS.values() if metric.group == group]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
