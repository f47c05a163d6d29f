"""How much of what can be predicted the named concepts carry, against what else could be used."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, generator
from semascope.explain.joint import as_number
from semascope.explain.problem import Problem

Floats = npt.NDArray[np.float64]

RESAMPLES = 500
_WIDE = 512
_PENALTIES = np.logspace(-3, 4, 15)
_LOGISTIC_PENALTIES = np.logspace(-4, 2, 7)


@dataclass(frozen=True)
class Yardstick:
    """What held-out predictions are scored by.

    Parameters
    ----------
    name : str
        ``R2``, ``AUC``, ``pairs right`` or ``C-index``.
    chance : float
        What guessing reaches.
    score : callable
        Of outcome (n, r), prediction (n, r) and durations (n,).

    Examples
    --------
    >>> from semascope.explain.carried import yardstick
    >>> yardstick("binary").chance
    0.5
    """

    name: str
    chance: float
    score: Callable[[Floats, Floats, Floats | None], float]


def yardstick(kind: str) -> Yardstick:
    """Return the yardstick for a kind of outcome.

    Examples
    --------
    >>> from semascope.explain.carried import yardstick
    >>> yardstick("continuous").name
    'R2'
    """
    if kind in ("binary", "multiclass"):
        return Yardstick("AUC", 0.5, _auc)
    if kind == "paired":
        return Yardstick("pairs right", 0.5, _right)
    if kind == "survival":
        return Yardstick("C-index", 0.5, _c_index)
    return Yardstick("R2", 0.0, _r2)


def carried(
    features: Mapping[str, Any],
    train: Problem,
    test: Problem,
    *,
    whole: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pl.DataFrame:
    """Predict the outcome from each set of columns, trained and scored on different rows.

    Ridge regression; logistic with the same penalty for two or more classes, without intercept on
    differences for pairs. The penalty is chosen by cross-validation on the training rows. Counts
    are predicted as logarithms, survival as martingale residuals. Each set is scaled as a whole;
    what should weigh alike within a set is to be scaled before.

    Parameters
    ----------
    features : mapping of str to array or scipy.sparse of shape (n, k)
        Sets of columns, of all rows.
    train, test : Problem
        The question on *discover* and *name* rows, and on *verify* rows.
    whole : str, optional
        The set whose predictive power counts as 100 %: the raw embedding.
    resamples : int, default 500
        Bootstrap draws of the tested rows, or groups.
    seed : int
        Draws and folds.

    Returns
    -------
    polars.DataFrame
        ``features``, ``columns``, ``metric``, ``value``, ``low``, ``high``, ``chance``, ``n``; and
        ``kept``, ``kept_low``, ``kept_high``: the share, above chance, of what `whole` reaches.
        Shares are null where `whole` itself is not surely above chance.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Setting, carried, read_outcome
    >>> random = np.random.default_rng(0)
    >>> x = random.standard_normal((300, 4))
    >>> setting = Setting(read_outcome(x[:, 0] + 0.1 * random.standard_normal(300)))
    >>> train, test = setting.problem(np.arange(200)), setting.problem(np.arange(200, 300))
    >>> table = carried({"all": x, "one": x[:, :1], "none": x[:, 1:]}, train, test, whole="all")
    >>> table["value"].round(1).to_list(), round(table["kept"][1], 1)
    ([1.0, 1.0, -0.0], 1.0)
    """
    if whole is not None and whole not in features:
        raise InputError(f"there is no set of columns called '{whole}'")
    stick = yardstick(test.outcome.kind)
    truth = _truth(test)
    draws = _draws(test, resamples, seed)
    values, spreads, widths = {}, {}, {}
    for name, x in features.items():
        predicted = _predict(x, train, test, seed)
        values[name] = stick.score(truth, predicted, test.duration)
        widths[name] = int(x.shape[1])
        spreads[name] = np.array(
            [
                stick.score(truth[d], predicted[d], _at(test.duration, d))
                for d in draws
            ]
        )  # fmt: skip
    rows = []
    for name, value in values.items():
        low, high = np.nanquantile(spreads[name], [0.025, 0.975])
        row: dict[str, Any] = {
            "features": name,
            "columns": widths[name],
            "metric": stick.name,
            "value": value,
            "low": float(low),
            "high": float(high),
            "chance": stick.chance,
            "n": len(test),
        }
        kept: tuple[float | None, ...] = (None, None, None)
        if whole is not None:
            above = spreads[whole] - stick.chance
            if np.nanquantile(above, 0.025) > 0:
                share = (spreads[name] - stick.chance) / above
                ends = np.nanquantile(share, [0.025, 0.975])
                kept = ((value - stick.chance) / (values[whole] - stick.chance), *map(float, ends))
        rows.append(row | dict(zip(("kept", "kept_low", "kept_high"), kept, strict=True)))
    numbers = ("value", "low", "high", "chance", "kept", "kept_low", "kept_high")
    return pl.DataFrame(rows, schema_overrides=dict.fromkeys(numbers, pl.Float64))


def _truth(problem: Problem) -> Floats:
    if problem.outcome.kind in ("survival",):
        return problem.y[:, None]
    return as_number(problem)


def _predict(x: Any, train: Problem, test: Problem, seed: int) -> Floats:
    from sklearn.linear_model import LogisticRegressionCV, RidgeCV
    from sklearn.multiclass import OneVsRestClassifier

    paired = train.outcome.kind == "paired"
    learn, score = (_columns(p.units(x[p.rows])) for p in (train, test))
    # One scale for the whole set, so that penalties mean the same for all sets.
    square = learn.multiply(learn).sum() if hasattr(learn, "multiply") else (learn**2).sum()
    scale = 10 / max(1e-12, float(np.sqrt(square / learn.shape[0])))
    learn, score = learn * scale, score * scale
    weights = train.weights
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if train.outcome.kind in ("binary", "multiclass", "paired"):
            y = train.y.argmax(axis=1) if train.y.ndim == 2 else (train.y > 0).astype(int)
            if paired:
                # Which of a pair comes first says nothing; a fit needs some of both orders.
                turned = np.arange(len(y)) % 2 == y
                learn = _turned(learn, turned)
                y = np.where(turned, 1 - y, y)
            model = LogisticRegressionCV(
                Cs=_LOGISTIC_PENALTIES, cv=_folds(train, y, seed), fit_intercept=not paired,
                scoring="neg_log_loss", max_iter=200, tol=1e-3,
            )  # fmt: skip
            if train.outcome.kind == "multiclass":
                single = OneVsRestClassifier(model.set_params(cv=3))
                single.fit(learn, y)
                return np.asarray(single.predict_proba(score))
            model.fit(learn, y, sample_weight=weights)
            return np.asarray(model.decision_function(score))[:, None]
        y = as_number(train)[:, 0]
        model = RidgeCV(_PENALTIES, cv=_folds(train, None, seed))
        model.fit(learn, y, sample_weight=weights)
        return np.asarray(model.predict(score))[:, None]


def _folds(problem: Problem, y: Any, seed: int) -> Any:
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

    n = np.zeros(len(problem))
    if problem.groups is not None:
        folds = GroupKFold(5)
        return list(folds.split(n, groups=problem.groups))
    shuffled = {"shuffle": True, "random_state": seed}
    return list(
        KFold(5, **shuffled).split(n) if y is None else StratifiedKFold(5, **shuffled).split(n, y)
    )


def _turned(x: Any, which: npt.NDArray[np.bool_]) -> Any:
    sign = np.where(which, -1.0, 1.0)[:, None]
    return x.multiply(sign).tocsr() if hasattr(x, "multiply") else x * sign


def _columns(x: Any) -> Any:
    if hasattr(x, "toarray"):
        return x.toarray() if x.shape[1] <= _WIDE else x
    return np.asarray(x, dtype=np.float64)


def _at(values: Floats | None, rows: npt.NDArray[np.int64]) -> Floats | None:
    return None if values is None else values[rows]


def _draws(problem: Problem, resamples: int, seed: int) -> list[npt.NDArray[np.int64]]:
    random = generator(seed, "bootstrap", "carried")
    n = len(problem)
    if problem.groups is None:
        return [random.integers(n, size=n) for _ in range(resamples)]
    _, place = np.unique(problem.groups, return_inverse=True)
    order = np.argsort(place, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(place))[:-1])
    k = len(members)
    return [
        np.concatenate([members[i] for i in random.integers(k, size=k)]) for _ in range(resamples)
    ]


def _r2(y: Floats, predicted: Floats, duration: Floats | None) -> float:
    total = float(((y - y.mean(axis=0)) ** 2).sum())
    return 1 - float(((y - predicted) ** 2).sum()) / total if total > 0 else float("nan")


def _auc(y: Floats, predicted: Floats, duration: Floats | None) -> float:
    from scipy.stats import rankdata

    hits = y > 0.5
    positive, negative = hits.sum(axis=0), (~hits).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ranks = (rankdata(predicted, axis=0) * hits).sum(axis=0)
        each = (ranks - positive * (positive + 1) / 2) / (positive * negative)
    return float(np.nanmean(each)) if np.isfinite(each).any() else float("nan")


def _right(y: Floats, predicted: Floats, duration: Floats | None) -> float:
    agree = np.sign(y) * np.sign(predicted)
    return float(((agree > 0) + 0.5 * (agree == 0)).mean())


def _c_index(y: Floats, predicted: Floats, duration: Floats | None) -> float:
    """Harrell's: of comparable pairs of rows, how often what happened first was expected first."""
    if duration is None:
        raise InputError("a C-index needs durations")
    event, risk = y[:, 0] > 0, predicted[:, 0]
    right = total = 0.0
    for i in np.flatnonzero(event):
        later = (duration > duration[i]) | ((duration == duration[i]) & ~event)
        total += later.sum()
        right += (risk[i] > risk[later]).sum() + 0.5 * (risk[i] == risk[later]).sum()
    return right / total if total else float("nan")
