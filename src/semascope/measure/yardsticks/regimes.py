"""Probes where they are hard put: few rows, rare labels, wrong labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from semascope.core import InputError, as_vectors, generator, listed
from semascope.measure.yardsticks.inputs import (
    Bools,
    Ints,
    as_labels,
    require_rows,
    sparse_codes,
)
from semascope.measure.yardsticks.quivers import Quiver, quiver

Regime = Literal["standard", "scarce", "imbalanced", "noisy"]
_MOST_TRAIN, _FEWEST_TEST = 1024, 100
_RAREST = 0.05

# Rows; rows; share of rows with the label; share of labels that are turned round.
PAPER_LEVELS: dict[Regime, tuple[float, ...]] = {
    "standard": (_MOST_TRAIN,),
    "scarce": tuple(float(v) for v in np.unique(np.round(np.logspace(1, 10, 20, base=2)))),
    "imbalanced": tuple(float(v) for v in np.round(np.linspace(_RAREST, 1 - _RAREST, 19), 2)),
    "noisy": tuple(float(v) for v in np.round(np.linspace(0, 0.5, 11), 2)),
}


@dataclass(frozen=True, eq=False)
class Draw:
    """Rows to fit and to test probes on.

    Parameters
    ----------
    train, test : ndarray of int64
        Ascending.
    said : ndarray of bool, shape (n,)
        Labels to fit on; those of *train* rows may be wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import draw_regime
    >>> draw_regime(np.arange(400) % 2 == 0, "scarce", 8).train.shape
    (8,)
    """

    train: Ints
    test: Ints
    said: Bools


def draw_regime(y: Any, regime: Regime, level: float | None = None, *, seed: int = 0) -> Draw:
    """Draw rows for one regime.

    Parameters
    ----------
    y : array-like of bool, shape (n,)
    regime : {"standard", "scarce", "imbalanced", "noisy"}
        *standard*: as many rows with the label as without, up to `level` (1,024) to train on, all
        others to test on, at least 100. *scarce*: `level` of these train rows, two or more, and the
        same test rows. *imbalanced*: a share `level` of both has the label; sizes are the largest
        that all shares from 0.05 to 0.95 allow, so that levels can be compared. *noisy*: the share
        `level` of the train labels is turned round, up to a half; test labels are left alone.
    level : float, optional
        By default the first of `PAPER_LEVELS`.
    seed : int
        Which rows.

    Raises
    ------
    InputError
        If there are too few rows of either value, or the level is out of range.

    References
    ----------
    Kantamneni et al., "Are sparse autoencoders useful? A case study in sparse probing", 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import draw_regime
    >>> y = np.arange(3000) % 3 == 0
    >>> drawn = draw_regime(y, "imbalanced", 0.05)
    >>> len(drawn.train), int(y[drawn.train].sum())
    (952, 48)
    """
    truth = np.asarray(y).astype(bool)
    if regime not in get_args(Regime):
        raise InputError(f"no regime '{regime}'; there are {listed(list(get_args(Regime)))}")
    level = PAPER_LEVELS[regime][0] if level is None else float(level)
    low, high = {
        "standard": (2, np.inf), "scarce": (2, np.inf), "imbalanced": (_RAREST, 1 - _RAREST),
        "noisy": (0, 0.5),
    }[regime]  # fmt: skip
    if not low <= level <= high:
        raise InputError(f"the level of '{regime}' lies between {low:g} and {high:g}, not {level}")
    random = generator(seed, "regime")
    yes, no = (random.permutation(np.flatnonzero(side)) for side in (truth, ~truth))
    share = level if regime == "imbalanced" else 0.5
    extreme = 1 - _RAREST if regime == "imbalanced" else 0.5
    whole = int(min(len(yes), len(no)) / extreme)
    if whole < _FEWEST_TEST + 2:
        raise InputError(
            f"{len(yes)} rows with the label and {len(no)} without leave fewer than two to train "
            f"on beside {_FEWEST_TEST} to test on"
        )
    most = int(level) if regime == "standard" else _MOST_TRAIN
    n_train = min(most, whole - _FEWEST_TEST)
    with_it = [round(share * size) for size in (n_train, whole - n_train)]
    without = [n_train - with_it[0], whole - n_train - with_it[1]]
    test = np.concatenate(
        [yes[with_it[0] : with_it[0] + with_it[1]], no[without[0] : without[0] + without[1]]]
    )
    fit_yes, fit_no = yes[: with_it[0]], no[: without[0]]
    if regime == "scarce":
        half = min(int(level), n_train) / 2
        fit_yes, fit_no = fit_yes[: int(np.ceil(half))], fit_no[: int(half)]
    train = np.sort(np.concatenate([fit_yes, fit_no]))
    said = truth.copy()
    if regime == "noisy":
        wrong = random.choice(train, int(level * len(train)), replace=False)
        said[wrong] = ~said[wrong]
    return Draw(train, np.sort(test), said)


def probe_regimes(
    codes: Any,
    vectors: Any,
    labels: Any,
    *,
    names: Sequence[str] | None = None,
    regimes: Mapping[Regime, Sequence[float]] | None = None,
    ks: tuple[int, ...] = (16, 128),
    nonlinear: bool = False,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda name: None,
) -> pl.DataFrame:
    """Ask of each label and regime whether probes on codes add to probes on vectors.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    vectors : anything `as_vectors` takes, n rows
    labels : anything `as_labels` takes, n rows
    names : sequence of str, optional
        Of the labels.
    regimes : mapping of regime to levels, optional
        By default the standard one; `PAPER_LEVELS` holds all the paper's.
    ks, nonlinear
        As in `quiver`.
    seed : int
        Which rows, and which of them validate.
    on_step : callable
        Told the name of each label.

    Returns
    -------
    polars.DataFrame
        ``label``, ``regime``, ``level``, ``n_train``, ``n_test``, ``auroc`` of the probe chosen
        among all, ``auroc_without`` codes, ``gain``, ``chosen``, ``chosen_without``, and a column
        with the AUROC of each kind of probe. Where a label has too few rows, or draws leave one
        value only, its row holds numbers of rows and no AUROC.

    References
    ----------
    Kantamneni et al., "Are sparse autoencoders useful? A case study in sparse probing", 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import probe_regimes
    >>> y = np.arange(300) % 2 == 0
    >>> x = np.c_[y, np.sin(np.arange(300))]
    >>> table = probe_regimes(x, x, y[:, None], regimes={"noisy": [0.2]}, ks=(1,))
    >>> table["n_train"].to_list(), table["auroc"].to_list()
    ([200], [1.0])
    """
    z, x = sparse_codes(codes), as_vectors(vectors)
    truth, known = as_labels(labels, names)
    require_rows(z.shape[0], vectors=x, labels=truth)
    rows = []
    for c, label in enumerate(known):
        on_step(label)
        for regime, levels in (regimes or {"standard": PAPER_LEVELS["standard"]}).items():
            for level in levels:
                row: dict[str, Any] = {"label": label, "regime": regime, "level": float(level)}
                rows.append(row | _probed(z, x, truth[:, c], regime, level, ks, nonlinear, seed))
    return pl.DataFrame(rows, infer_schema_length=None)


def _probed(
    z: Any, x: Any, y: Bools, regime: Regime, level: float, ks: tuple[int, ...], nonlinear: bool,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    try:
        drawn = draw_regime(y, regime, level, seed=seed)
    except InputError:
        if regime not in get_args(Regime):
            raise
        return {"n_train": 0, "n_test": 0}
    used = np.concatenate([drawn.train, drawn.test])
    train, test = np.arange(len(drawn.train)), np.arange(len(drawn.train), len(used))
    counts = {"n_train": len(train), "n_test": len(test)}
    try:
        found: Quiver = quiver(
            z[used], x[used], y[used], train=train, test=test, ks=ks, nonlinear=nonlinear,
            said=drawn.said[used], seed=seed,
        )  # fmt: skip
    except InputError:
        return counts
    return counts | {
        "auroc": found.auroc,
        "auroc_without": found.auroc_without,
        "gain": found.gain,
        "chosen": found.chosen,
        "chosen_without": found.chosen_without,
        **found.by_kind,
    }
