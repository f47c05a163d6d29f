"""What each concept of one item brings to a prediction: occlusion and slopes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semascope.explain.mixture import Ask, Asking, Mixture, answered
from semascope.explain.predictor import Predictor
from semascope.explain.shapley import ask_exact

Floats = npt.NDArray[np.float64]

NODES = 32


def occlusion(item: Mixture) -> Floats:
    """Return by how much the prediction falls when each concept alone is taken away, (k,).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor, occlusion
    >>> item = Mixture(Predictor(lambda x: x[:, 0] * x[:, 1]), np.zeros(2), np.eye(2))
    >>> occlusion(item)
    array([1., 1.])
    """
    return answered(item, ask_occlusion(len(item)))


def ask_occlusion(k: int) -> Asking[Floats]:
    """Ask for `occlusion`: ``k + 1`` vectors."""
    whole = np.ones((1, k), dtype=bool)
    (found,) = yield [Ask(np.concatenate([whole, ~np.eye(k, dtype=bool)]))]
    return np.asarray(found[0] - found[1:])


def gradient_input(item: Mixture) -> Floats:
    """Return the slope of the prediction at the item times what each concept brings, (k,).

    References
    ----------
    Shrikumar, Greenside, Shcherbina and Kundaje, "Not just a black box", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor, gradient_input
    >>> item = Mixture(Predictor(lambda x: x[:, 0] ** 2), np.zeros(2), 3 * np.eye(2))
    >>> gradient_input(item).round(3).tolist()
    [18.0, 0.0]
    """
    return answered(item, ask_gradient_input(len(item)))


def ask_gradient_input(k: int) -> Asking[Floats]:
    """Ask for `gradient_input`: ``2 k`` vectors, or 1 of a module."""
    (found,) = yield [Ask(np.ones((1, k)), slopes=True)]
    return np.asarray(found[0])


def integrated_gradients(item: Mixture, nodes: int = NODES) -> Floats:
    """Return slopes averaged on the way from no concept to all, (k,).

    They sum to the difference of the two predictions up to the error of the quadrature
    (Gauss-Legendre), which is none for polynomials up to degree ``2 nodes``.

    References
    ----------
    Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor, integrated_gradients
    >>> item = Mixture(Predictor(lambda x: x[:, 0] ** 2), np.zeros(2), 3 * np.eye(2))
    >>> integrated_gradients(item).round(3).tolist()
    [9.0, 0.0]
    """
    return answered(item, ask_integrated_gradients(len(item), nodes))


def ask_integrated_gradients(k: int, nodes: int = NODES) -> Asking[Floats]:
    """Ask for `integrated_gradients`: ``2 k nodes`` vectors, or `nodes` of a module."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    (found,) = yield [Ask(np.repeat((points[:, None] + 1) / 2, k, axis=1), slopes=True)]
    return np.asarray(weights / 2 @ found)


def split_prediction(
    item_start: Floats, labelled: Floats, unlabelled: Floats, remainder: Floats, predict: Predictor
) -> Floats:
    """Return a prediction as what labelled and unlabelled concepts and the remainder bring.

    Each is the exact Shapley value of three players, so that base and shares sum to the prediction.

    Parameters
    ----------
    item_start : ndarray of shape (d,)
        The dictionary's bias, whose prediction is the base.
    labelled, unlabelled, remainder : ndarray of shape (d,)
        The parts of the vector.
    predict : Predictor
        What is explained.

    Returns
    -------
    ndarray of shape (5,)
        Prediction, base, labelled, unlabelled, remainder.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Predictor, split_prediction
    >>> a, b, c = np.eye(3)
    >>> split_prediction(np.zeros(3), a, b, c, Predictor(lambda x: x @ [3.0, 2.0, 1.0] + 4))
    array([10.,  4.,  3.,  2.,  1.])
    """
    item = Mixture(predict, item_start, np.stack([labelled, unlabelled, remainder]))
    return answered(item, ask_split())


def ask_split() -> Asking[Floats]:
    """Ask for `split_prediction` of the three parts of a mixture: 8 vectors."""
    found = yield from ask_exact(3)
    return np.concatenate([found.curve[[-1, 0]], found.value])
