"""Whether an attribution is right: insertion and deletion, mu-fidelity, agreement of methods."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator
from semascope.explain.mixture import Ask, Asking, Mixture, answered

Floats = npt.NDArray[np.float64]

DRAWS = 100


def deletion(item: Mixture, scores: npt.ArrayLike) -> Floats:
    """Return predictions as concepts are taken away, the highest score first, (k + 1,).

    References
    ----------
    Petsiuk, Das and Saenko, "RISE", 2018; of concepts: Fel et al., "A holistic approach to unifying
    automatic concept extraction and concept importance estimation", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor, deletion
    >>> item = Mixture(Predictor(lambda x: x @ [1.0, 2.0]), np.zeros(2), np.eye(2))
    >>> deletion(item, [1, 2])
    array([3., 1., 0.])
    """
    return answered(item, ask_curves({"given": _checked(item, scores)}))["given"][1]


def insertion(item: Mixture, scores: npt.ArrayLike) -> Floats:
    """Return predictions as concepts are put back, the highest score first, (k + 1,).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor, insertion
    >>> item = Mixture(Predictor(lambda x: x @ [1.0, 2.0]), np.zeros(2), np.eye(2))
    >>> insertion(item, [1, 2])
    array([0., 2., 3.])
    """
    return answered(item, ask_curves({"given": _checked(item, scores)}))["given"][0]


def ask_curves(scores: dict[str, Floats]) -> Asking[dict[str, tuple[Floats, Floats]]]:
    """Ask for `insertion` and `deletion` by several scores: up to ``2 k`` vectors each."""
    asks = []
    for given in scores.values():
        order = np.argsort(-given, kind="stable")
        place = np.argsort(order, kind="stable")
        masks = place[None, :] < np.arange(len(given) + 1)[:, None]
        asks += [Ask(masks), Ask(~masks)]
    replies = yield asks
    return dict(zip(scores, zip(replies[::2], replies[1::2], strict=True), strict=True))


def area(curve: npt.ArrayLike) -> float:
    """Return the mean height of a curve by the trapezoidal rule.

    Examples
    --------
    >>> from semascope.explain.curves import area
    >>> area([0, 2, 3])
    1.75
    """
    heights = np.asarray(curve, dtype=np.float64)
    return float(np.trapezoid(heights) / (len(heights) - 1)) if len(heights) > 1 else heights.item()


def mu_fidelity(
    item: Mixture, scores: npt.ArrayLike, draws: int = DRAWS, *, share: float = 0.5,
    seed: int | None = 0,
) -> float:  # fmt: skip
    """Return the correlation of summed scores and of what taking these concepts away costs.

    1 for the parts of a linear model, -1 for their negatives; NaN where one of the two does not
    vary.

    Parameters
    ----------
    item : Mixture
        The item.
    scores : array of shape (k,)
        The attribution.
    draws : int, default 100
        Random sets of concepts.
    share : float, default 0.5
        Chance of a concept to be in a set.
    seed : int
        Sets.

    References
    ----------
    Bhatt, Weller and Moura, "Evaluating and aggregating feature-based model explanations", 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor, mu_fidelity
    >>> item = Mixture(Predictor(lambda x: x @ [1.0, 2.0]), np.zeros(2), np.eye(2))
    >>> round(mu_fidelity(item, [1, 2]), 9), round(mu_fidelity(item, [-1, -2]), 9)
    (1.0, -1.0)
    """
    given = _checked(item, scores)
    cost = answered(item, ask_costs(len(item), draws, share=share, seed=seed))
    return fidelity(given, *cost)


def ask_costs(
    k: int, draws: int = DRAWS, *, share: float = 0.5, seed: int | None = 0
) -> Asking[tuple[npt.NDArray[np.bool_], Floats, float]]:
    """Ask what taking random sets away costs; sets, costs, prediction: ``draws + 1`` vectors."""
    gone = generator(seed, "mu-fidelity").random((draws, k)) < share
    whole, left = yield [Ask(np.ones((1, k), dtype=bool)), Ask(~gone)]
    return gone, whole[0] - left, float(whole[0])


def fidelity(scores: Floats, gone: npt.NDArray[np.bool_], cost: Floats, whole: float) -> float:
    """Return the correlation of what was said, and of what sets that were taken away cost.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.curves import fidelity
    >>> round(fidelity(np.array([1.0, 2]), ~np.eye(2, dtype=bool), np.array([2.0, 1]), 3.0), 9)
    1.0
    """
    said = gone @ scores
    if min(cost.std(), said.std()) <= 1e-12 * max(1.0, abs(whole)):
        return float("nan")
    return float(np.corrcoef(said, cost)[0, 1])


def random_curve(item: Mixture, draws: int = 10, *, seed: int | None = 0) -> Floats:
    """Return mean predictions as concepts are put back in random order, (k + 1,).

    Taken away in random order it is the same curve from its other end.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor
    >>> from semascope.explain.curves import random_curve
    >>> item = Mixture(Predictor(lambda x: x @ [1.0, 1.0]), np.zeros(2), np.eye(2))
    >>> random_curve(item)
    array([0., 1., 2.])
    """
    return answered(item, ask_random_curve(len(item), draws, seed=seed))


def ask_random_curve(k: int, draws: int = 10, *, seed: int | None = 0) -> Asking[Floats]:
    """Ask for `random_curve`, each order and its reverse: ``2 draws (k - 1) + 2`` vectors."""
    random = generator(seed, "random orders")
    places = np.argsort(random.random((draws, k)), axis=1)
    places = np.concatenate([places, k - 1 - places])
    masks = places[:, None, :] < np.arange(k + 1)[None, :, None]
    (found,) = yield [Ask(masks.reshape(-1, k))]
    return np.asarray(found.reshape(-1, k + 1).mean(axis=0))


def _checked(item: Mixture, scores: npt.ArrayLike) -> Floats:
    given = np.asarray(scores, dtype=np.float64)
    if given.shape != (len(item),) or not np.isfinite(given).all():
        raise InputError(f"scores must be {len(item)} finite numbers, got the shape {given.shape}")
    return given
