"""One item explained by several methods at once, and how well each tells what the model does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.explain.attribution import (
    NODES,
    ask_gradient_input,
    ask_integrated_gradients,
    ask_occlusion,
)
from semascope.explain.curves import DRAWS, ask_costs, ask_curves, ask_random_curve, fidelity
from semascope.explain.mixture import Asking, all_of
from semascope.explain.shapley import FEW, ask_shapley
from semascope.explain.sobol import ask_sobol

Floats = npt.NDArray[np.float64]
METHODS = ("occlusion", "gradient_input", "integrated_gradients", "shapley", "sobol")
_ORDERS = 10
_REPEATS = 2


@dataclass(frozen=True)
class How:
    """By which methods, and how closely.

    Parameters
    ----------
    methods : tuple of str
        Of `METHODS`.
    permutations, points : int
        See `explain.prediction`.
    seed : int
        Orders, points, sets.

    Examples
    --------
    >>> from semascope.explain.item_scores import How
    >>> How(("occlusion",)).vectors(3)
    149
    """

    methods: tuple[str, ...] = METHODS
    permutations: int = 32
    points: int = 32
    seed: int = 0

    def vectors(self, k: int, *, differentiable: bool = False) -> int:
        """Return how many vectors an item of `k` concepts takes at most, its checks included."""
        slopes = 1 if differentiable else 2 * k
        each = {
            "occlusion": 0,
            "gradient_input": slopes,
            "integrated_gradients": NODES * slopes,
            "shapley": 2**k if k <= FEW else self.permutations * (k - 1),
            "sobol": _REPEATS * self.points * (k + 1),
        }
        order = 0 if "shapley" in self.methods else 2 * _ORDERS * max(0, k - 1)
        checks = DRAWS + order + 2 * len({"occlusion", *self.methods}) * max(0, k - 1)
        return k + 2 + checks + sum(each[m] for m in self.methods)


@dataclass(frozen=True, eq=False)
class Scored:
    """What was found of one item.

    Parameters
    ----------
    scores : dict of str to ndarray of shape (k,)
        By method; ``shapley_error`` and ``sobol_error`` as well.
    curves : dict of str to (ndarray, ndarray) of shape (k + 1,)
        Insertion and deletion by method, and by occlusion in any case.
    chance : ndarray of shape (k + 1,)
        Insertion in random order.
    fidelity : dict of str to float
        mu-fidelity, likewise.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.item_scores import How, ask_scores
    >>> from semascope.explain.mixture import answered_by
    >>> asking = ask_scores(2, How(("occlusion",)))
    >>> answered_by(lambda masks: masks @ [1.0, 2.0], asking).chance
    array([0. , 1.5, 3. ])
    """

    scores: dict[str, Floats]
    curves: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)
    chance: Floats = field(default_factory=lambda: np.empty(0))
    fidelity: dict[str, float] = field(default_factory=dict)


def ask_scores(k: int, how: How) -> Asking[Scored]:
    """Ask for all of it, about the same sets of concepts where that is possible."""
    asked: dict[str, Asking[Any]] = {"occlusion": ask_occlusion(k)}
    if "gradient_input" in how.methods:
        asked["gradient_input"] = ask_gradient_input(k)
    if "integrated_gradients" in how.methods:
        asked["integrated_gradients"] = ask_integrated_gradients(k)
    if "shapley" in how.methods:
        asked["shapley"] = ask_shapley(k, how.permutations, seed=how.seed)
    elif k > 1:
        asked["chance"] = ask_random_curve(k, _ORDERS, seed=how.seed)
    if "sobol" in how.methods:
        asked["sobol"] = ask_sobol(k, how.points, repeats=_REPEATS, seed=how.seed)
    if k > 1:
        asked["costs"] = ask_costs(k, seed=how.seed)
    found = yield from all_of(asked)
    scores: dict[str, Floats] = {}
    for method in how.methods:
        if method == "shapley":
            scores |= {"shapley": found["shapley"].value, "shapley_error": found["shapley"].error}
        elif method == "sobol":
            scores["sobol"], scores["sobol_error"] = found["sobol"]
        else:
            scores[method] = found[method]
    if k < 2:
        return Scored(scores)
    # Occlusion is plain re-evaluation, with which the others are compared.
    told = {"occlusion": found["occlusion"]} | {m: scores[m] for m in how.methods}
    # Sobol indices have no sign; whether a concept raises or lowers is told by occlusion.
    sign = np.sign(found["occlusion"])
    signed = {m: given * sign if m == "sobol" else given for m, given in told.items()}
    curves = yield from ask_curves(signed)
    chance = found["shapley"].curve if "shapley" in how.methods else found["chance"]
    return Scored(scores, curves, chance, {m: fidelity(signed[m], *found["costs"]) for m in signed})


def in_groups(costs: Sequence[int], size: int) -> list[range]:
    """Return runs of items that cost `size` vectors or more together, so that calls are full.

    Examples
    --------
    >>> from semascope.explain.item_scores import in_groups
    >>> in_groups([3, 4, 5, 1], 6)
    [range(0, 2), range(2, 4)]
    """
    out, start, total = [], 0, 0
    for i, cost in enumerate(costs):
        total += cost
        if total >= size or i == len(costs) - 1:
            out.append(range(start, i + 1))
            start, total = i + 1, 0
    return out
