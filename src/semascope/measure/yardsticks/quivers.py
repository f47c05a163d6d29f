"""Whether codes add to what probes of the vectors give: a quiver of probes, with them and without.

The kind of probe and its settings are chosen on rows that validate, as somebody would who has
nothing else; the AUROC comes from rows that neither fitted nor chose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from semascope.core import InputError, as_vectors, generator
from semascope.measure.yardsticks.inputs import Bools, Floats, Ints, dense_codes, require_rows
from semascope.measure.yardsticks.probes import STRENGTHS, aurocs_of, fit_probe, quiet_fits
from semascope.measure.yardsticks.probing import ranked_latents

_PAIRS, _FEW, _FOLDS, _HELD = 12, 128, 6, 100
_AXES, _NEAR = (4, 16, 64), (4, 16, 64)

# Takes inputs and answers to fit on, other inputs, and a setting; returns scores of the others.
Kind = Callable[[Ints, Ints, Any], Floats]


@dataclass(frozen=True)
class Quiver:
    """The best probe of several kinds, chosen without the test rows, with codes and without.

    Parameters
    ----------
    auroc : float
        On test rows, of the best probe if those of codes may be chosen.
    auroc_without : float
        The same if they may not.
    chosen, chosen_without : str
        Which kind was chosen.
    by_kind : dict of str to float
        AUROC of each kind on test rows.

    Examples
    --------
    >>> from semascope.measure.yardsticks import Quiver
    >>> round(Quiver(0.9, 0.8, "16 codes", "vectors", {}).gain, 3)
    0.1
    """

    auroc: float
    auroc_without: float
    chosen: str
    chosen_without: str
    by_kind: dict[str, float]

    @property
    def gain(self) -> float:
        """How much the codes add."""
        return self.auroc - self.auroc_without


def quiver(
    codes: Any,
    vectors: Any,
    y: Any,
    *,
    train: Ints,
    test: Ints,
    ks: tuple[int, ...] = (16, 128),
    nonlinear: bool = False,
    said: Any = None,
    seed: int = 0,
) -> Quiver:
    """Ask whether probes on codes add anything to probes on the vectors themselves.

    Without codes, the kinds are a logistic probe on the vectors, on their principal components,
    nearest neighbours, and the difference of means; with them, also k-sparse probes. Kind and
    settings (strength of the penalty, components, neighbours) are those with the best AUROC on
    *train* rows that are left out of the fit, divided as the paper does: every pair of one row of
    either value up to 12 rows, six folds up to 127, and a fifth of the rows (100 at most) beyond.
    The AUROC comes from `test`.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    vectors : anything `as_vectors` takes, n rows
    y : array-like of bool, shape (n,)
    train, test : ndarray of int64
    ks : tuple of int
        Numbers of codes, cut to those there are.
    nonlinear : bool, default False
        Try boosted trees and a small network too, as the paper does; seconds each.
    said : array-like of bool, shape (n,), optional
        What *train* rows are said to be, where that is not `y`: labels with noise.
    seed : int
        Rows that validate.

    References
    ----------
    Kantamneni, Engels, Rajamanoharan, Tegmark and Nanda, "Are sparse autoencoders useful? A case
    study in sparse probing", 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import quiver
    >>> y, rows = np.arange(60) % 2 == 1, np.arange(60)
    >>> x = np.c_[y, np.sin(rows)]
    >>> quiver(x, x, y, train=rows[:40], test=rows[40:]).auroc
    1.0
    """
    z, x = dense_codes(codes), np.asarray(as_vectors(vectors), dtype=np.float64)
    truth = np.asarray(y).astype(bool)
    told = truth if said is None else np.asarray(said).astype(bool)
    require_rows(len(z), vectors=x, y=truth, said=told)
    for name, rows, values in (("train", train, told), ("test", test, truth)):
        if not 0 < values[rows].sum() < len(rows):
            raise InputError(f"all {name} rows have the same value; a probe needs both")
    kinds = _kinds(z, x, told, ks, nonlinear, seed)
    parts = _validation(told[train], seed)
    validated, tested = {}, {}
    with quiet_fits():
        for name, (settings, fit) in kinds.items():
            reached = [_validated(fit, setting, parts, train, told) for setting in settings]
            best = int(np.argmax(reached))
            validated[name] = reached[best]
            scores = fit(train, test, settings[best])
            tested[name] = float(aurocs_of(scores[:, None], truth[test, None])[0])
    best_kind = max(kinds, key=lambda name: validated[name])
    without = [name for name in kinds if not name.endswith(" codes")]
    plain = max(without, key=lambda name: validated[name])
    return Quiver(tested[best_kind], tested[plain], best_kind, plain, tested)


def _kinds(
    z: Floats, x: Floats, y: Bools, ks: tuple[int, ...], nonlinear: bool, seed: int
) -> dict[str, tuple[tuple[Any, ...], Kind]]:
    def logistic(a: Ints, b: Ints, strength: float) -> Floats:
        return fit_probe(x[a], y[a], strength=strength).scores(x[b])[:, 0]

    def components(a: Ints, b: Ints, k: int) -> Floats:
        mean = x[a].mean(axis=0)
        axes = np.linalg.svd(x[a] - mean, full_matrices=False)[2][:k].T
        return fit_probe((x[a] - mean) @ axes, y[a], strength=1.0).scores((x[b] - mean) @ axes)[
            :, 0
        ]

    def neighbours(a: Ints, b: Ints, near: int) -> Floats:
        from sklearn.neighbors import KNeighborsClassifier

        model = KNeighborsClassifier(min(near, len(a))).fit(x[a], y[a])
        return np.asarray(model.predict_proba(x[b])[:, 1])

    def means(a: Ints, b: Ints, _: None) -> Floats:
        return np.asarray(x[b] @ (x[a][y[a]].mean(axis=0) - x[a][~y[a]].mean(axis=0)))

    def few_codes(a: Ints, b: Ints, setting: tuple[int, float]) -> Floats:
        k, strength = setting
        used = ranked_latents(z[a], y[a, None])[0, :k]
        probe = fit_probe(z[np.ix_(a, used)], y[a], strength=strength)
        return probe.scores(z[np.ix_(b, used)])[:, 0]

    def trees(a: Ints, b: Ints, _: None) -> Floats:
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(max_iter=100, max_depth=4, random_state=seed)
        return np.asarray(model.fit(x[a], y[a]).predict_proba(x[b])[:, 1])

    def network(a: Ints, b: Ints, _: None) -> Floats:
        from sklearn.neural_network import MLPClassifier

        mean, scale = x[a].mean(axis=0), np.maximum(x[a].std(axis=0), 1e-12)
        model = MLPClassifier((32,), alpha=1.0, max_iter=100, random_state=seed)
        model.fit((x[a] - mean) / scale, y[a])
        return np.asarray(model.predict_proba((x[b] - mean) / scale)[:, 1])

    out: dict[str, tuple[tuple[Any, ...], Kind]] = {
        "vectors": (STRENGTHS, logistic),
        "principal components": (_AXES, components),
        "nearest neighbours": (_NEAR, neighbours),
        "difference of means": ((None,), means),
    }
    if nonlinear:
        out |= {"boosted trees": ((None,), trees), "network": ((None,), network)}
    for k in sorted({min(k, z.shape[1]) for k in ks}):
        out[f"{k} codes"] = (tuple((k, strength) for strength in STRENGTHS), few_codes)
    return out


def _validation(y: Bools, seed: int) -> list[Ints]:
    """Places among the train rows that are left out together."""
    yes, no = np.flatnonzero(y), np.flatnonzero(~y)
    if len(y) <= _PAIRS:
        return [np.sort([a, b]) for a in yes for b in no]
    order = generator(seed, "validation").permutation(len(y))
    if len(y) < _FEW:
        # Each fold holds both values, as far as they go.
        order = order[np.argsort(y[order], kind="stable")]
        return [np.sort(order[i::_FOLDS]) for i in range(_FOLDS)]
    return [np.sort(order[: min(len(y) // 5, _HELD)])]


def _validated(fit: Kind, setting: Any, parts: list[Ints], train: Ints, y: Bools) -> float:
    found = []
    for part in parts:
        kept = np.delete(train, part)
        if len(kept) and 0 < y[kept].sum() < len(kept) and 0 < y[train[part]].sum() < len(part):
            scores = fit(kept, train[part], setting)
            found.append(float(aurocs_of(scores[:, None], y[train[part], None])[0]))
    return float(np.mean(found)) if found else 0.5
