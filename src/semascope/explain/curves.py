"""Whether an attribution is right: insertion and deletion, mu-fidelity, agreement of methods."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator
from semascope.explain.attribution import Mixture

Floats = npt.NDArray[np.float64]


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
    return item.value((_places(item, scores)[None, :] >= np.arange(len(item) + 1)[:, None]) * 1.0)


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
    return item.value((_places(item, scores)[None, :] < np.arange(len(item) + 1)[:, None]) * 1.0)


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
    item: Mixture, scores: npt.ArrayLike, draws: int = 100, *, share: float = 0.5,
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
    gone = generator(seed, "mu-fidelity").random((draws, len(item))) < share
    whole = item.value(np.ones((1, len(item))))[0]
    cost = whole - item.value(1.0 - gone)
    said = gone @ given
    if min(cost.std(), said.std()) <= 1e-12 * max(1.0, abs(whole)):
        return float("nan")
    return float(np.corrcoef(said, cost)[0, 1])


def random_area(item: Mixture, draws: int = 10, *, seed: int | None = 0) -> float:
    """Return the mean area under curves of random orders, of insertion and deletion alike.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor
    >>> from semascope.explain.curves import random_area
    >>> item = Mixture(Predictor(lambda x: x @ [1.0, 1.0]), np.zeros(2), np.eye(2))
    >>> random_area(item)
    1.0
    """
    random = generator(seed, "random orders")
    k = len(item)
    places = np.argsort(random.random((draws, k)), axis=1)
    # Each order stands with its reverse, whose deletion is the order's insertion.
    masks = places[:, None, :] < np.arange(k + 1)[None, :, None]
    both = np.stack([masks, ~masks]).astype(np.float64)
    found = item.value(both.reshape(-1, k)).reshape(-1, k + 1)
    return float(np.mean([area(curve) for curve in found]))


def _places(item: Mixture, scores: npt.ArrayLike) -> npt.NDArray[np.int64]:
    order = np.argsort(-_checked(item, scores), kind="stable")
    return np.argsort(order, kind="stable")


def _checked(item: Mixture, scores: npt.ArrayLike) -> Floats:
    given = np.asarray(scores, dtype=np.float64)
    if given.shape != (len(item),) or not np.isfinite(given).all():
        raise InputError(f"scores must be {len(item)} finite numbers, got the shape {given.shape}")
    return given
