"""What all codes together say about factors, on rows they were not fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from semascope.measure.yardsticks.inputs import Factors, Floats, Ints, codes_and_factors
from semascope.measure.yardsticks.probes import aurocs_of, choose_strength, fit_probe, ridge

_PARTS = 4


@dataclass(frozen=True, eq=False)
class Predicted:
    """What linear probes of all codes say about factors on held-out rows.

    Parameters
    ----------
    factors : Factors
        The truth on these rows.
    said : tuple of ndarray
        A factor each: probabilities (n, values) of a discrete one, predictions (n, 1) of another.
    values : tuple of ndarray
        A factor each: the values that columns stand for; empty if continuous.
    before : tuple of ndarray
        A factor each: what is said without codes, probabilities (values,) or the mean (1,).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import explicitness, predict_factors
    >>> y, rows = np.arange(80) % 2, np.arange(80)
    >>> found = predict_factors(y[:, None], y, train=rows[:40], test=rows[40:])
    >>> explicitness(found)
    1.0
    """

    factors: Factors
    said: tuple[Floats, ...]
    values: tuple[Ints, ...]
    before: tuple[Floats, ...]


def predict_factors(
    codes: Any, factors: Any, *, train: Ints, test: Ints, seed: int = 0
) -> Predicted:
    """Fit linear probes from all codes to each factor on `train`, and use them on `test`.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import info_explicitness, predict_factors
    >>> y, rows = np.arange(80) % 2, np.arange(80)
    >>> found = predict_factors(y[:, None], y, train=rows[:40], test=rows[40:])
    >>> info_explicitness(found) > 0.9
    True
    """
    x, known = codes_and_factors(codes, factors)
    learned = known.take(train)
    kinds = [learned.values[:, f].astype(np.int64) for f in np.flatnonzero(known.discrete)]
    strength = choose_strength(x[train], kinds, seed=seed) if kinds else 1.0
    said, values, before = [], [], []
    for f in range(known.k):
        target = learned.values[:, f]
        if known.discrete[f]:
            probe = fit_probe(x[train], target, strength=strength)
            said.append(probe.probabilities(x[test]))
            values.append(probe.values)
            before.append(np.array([(target == v).mean() for v in probe.values]))
        else:
            weights, bias = ridge(x[train], target[:, None])
            said.append(x[test] @ weights + bias)
            values.append(np.zeros(0, dtype=np.int64))
            before.append(np.array([target.mean()]))
    return Predicted(known.take(test), tuple(said), tuple(values), tuple(before))


def explicitness(found: Predicted, rows: Ints | None = None) -> float:
    """Return the mean AUROC with which probes of all codes tell each value of a factor from others.

    Continuous factors are cut into quarters and scored by the prediction. Chance is 0.5.

    References
    ----------
    Ridgeway and Mozer, "Learning deep disentangled embeddings with the F-statistic loss", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import explicitness, predict_factors
    >>> y, rows = np.arange(80) % 2, np.arange(80)
    >>> explicitness(predict_factors(0.5 + 0 * y[:, None], y, train=rows[:40], test=rows[40:]))
    0.5
    """
    rows = np.arange(len(found.factors)) if rows is None else rows
    out = []
    for f, said in enumerate(found.said):
        truth = found.factors.values[rows, f]
        if found.factors.discrete[f]:
            scores = aurocs_of(said[rows], truth[:, None] == found.values[f])
        else:
            cut = np.quantile(truth, np.arange(1, _PARTS) / _PARTS)
            scores = aurocs_of(np.repeat(said[rows], len(cut), axis=1), truth[:, None] > cut)
        scores = scores[np.isfinite(scores)]
        if len(scores):
            out.append(scores.mean())
    return float(np.mean(out)) if out else float("nan")


def info_explicitness(found: Predicted, rows: Ints | None = None) -> float:
    """Return InfoE: the share of each factor's entropy that linear probes of all codes remove.

    ``mean_f 1 - loss(f | codes) / loss(f)``, both losses on held-out rows: log-loss, or squared
    error of a continuous factor. Hsu et al. fit and measure on the same rows, which lets many codes
    explain noise; here codes that only overfit score below 0, the level of saying nothing.

    References
    ----------
    Hsu, Dorrell, Whittington, Wu and Finn, "Disentanglement via latent quantization", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import info_explicitness, predict_factors
    >>> y, rows = np.arange(80) % 2, np.arange(80)
    >>> found = predict_factors(0.5 + 0 * y[:, None], y, train=rows[:40], test=rows[40:])
    >>> abs(round(info_explicitness(found), 6))
    0.0
    """
    rows = np.arange(len(found.factors)) if rows is None else rows
    out = []
    for f, said in enumerate(found.said):
        truth, before = found.factors.values[rows, f], found.before[f]
        if found.factors.discrete[f]:
            # A value that the fit never saw is as unlikely as one row among those it saw.
            place = np.searchsorted(found.values[f], truth).clip(max=len(before) - 1)
            seen = found.values[f][place] == truth
            p = said[rows, place]
            loss = -np.log(np.where(seen, np.maximum(p, 1e-6), 1e-6)).mean()
            base = -np.log(np.where(seen, before[place], 1e-6)).mean()
        else:
            loss = np.square(said[rows, 0] - truth).mean()
            base = np.square(before[0] - truth).mean()
        if base > 0:
            out.append(1 - loss / base)
    return float(np.mean(out)) if out else float("nan")
