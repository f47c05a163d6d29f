"""What each concept of one item brings to a prediction: occlusion, slopes, Shapley values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator
from semascope.explain.predictor import Predictor

Floats = npt.NDArray[np.float64]
Value = Callable[[Floats], Floats]

MOST_EXACT = 16
_NODES = 32


@dataclass(frozen=True, eq=False)
class Mixture:
    """One vector as a sum of parts that can be turned down: ``start + mask @ parts``.

    Parameters
    ----------
    predict : Predictor
        What is explained.
    start : ndarray of shape (d,)
        What is always there: the dictionary's bias and the remainder.
    parts : ndarray of shape (k, d)
        What each concept brings: its activation times its atom.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor
    >>> item = Mixture(Predictor(lambda x: x[:, 0]), np.zeros(2), np.eye(2))
    >>> item.value(np.array([[1.0, 1.0], [0.0, 1.0]]))
    array([1., 0.])
    """

    predict: Predictor
    start: Floats
    parts: Floats

    def __post_init__(self) -> None:
        if self.parts.ndim != 2 or self.start.shape != self.parts.shape[1:]:
            raise InputError(
                f"parts must be (k, d) and start (d,), got {self.parts.shape} and "
                f"{self.start.shape}"
            )

    def __len__(self) -> int:
        """Parts."""
        return len(self.parts)

    def value(self, masks: npt.NDArray[Any]) -> Floats:
        """Return predictions with parts as strong as in masks (b, k): 1 is as it was, 0 gone."""
        size = self.predict.batch
        found = [
            self.predict(self.start + masks[i : i + size] @ self.parts)
            for i in range(0, len(masks), size)
        ]
        return np.concatenate(found) if found else np.empty(0)

    def slopes(self, masks: Floats, step: float = 1e-3) -> Floats:
        """Return derivatives of the prediction by the masks (b, k), shape (b, k).

        By autograd of a module, else by central differences along the parts.
        """
        k = len(self)
        if self.predict.differentiable:
            return self.predict.gradient(self.start + masks @ self.parts) @ self.parts.T
        out = np.empty_like(masks)
        move = step * np.eye(k)
        for i, mask in enumerate(masks):
            up, down = np.split(self.value(np.concatenate([mask + move, mask - move])), 2)
            out[i] = (up - down) / (2 * step)
        return out


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
    k = len(item)
    found = item.value(np.concatenate([np.ones((1, k)), 1.0 - np.eye(k)]))
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
    return np.asarray(item.slopes(np.ones((1, len(item))))[0])


def integrated_gradients(item: Mixture, nodes: int = _NODES) -> Floats:
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
    points, weights = np.polynomial.legendre.leggauss(nodes)
    masks = np.repeat((points[:, None] + 1) / 2, len(item), axis=1)
    return np.asarray(weights / 2 @ item.slopes(masks))


def exact_shapley(value: Value, k: int) -> Floats:
    """Return the Shapley values of a game of `k` players by all ``2**k`` coalitions, (k,).

    Parameters
    ----------
    value : callable
        From masks (b, k) of 0 and 1 to values (b,).
    k : int
        Players, at most 16.

    Raises
    ------
    InputError
        If there are more.

    References
    ----------
    Shapley, "A value for n-person games", 1953.

    Examples
    --------
    >>> from semascope.explain import exact_shapley
    >>> exact_shapley(lambda masks: masks[:, 0] * masks[:, 1] + masks[:, 2], 3)
    array([0.5, 0.5, 1. ])
    """
    from scipy.special import binom

    if k > MOST_EXACT:
        raise InputError(f"{k} players have {2**k:,} coalitions; at most {MOST_EXACT} are exact")
    masks = (np.arange(2**k)[:, None] >> np.arange(k) & 1).astype(np.float64)
    found, size = value(masks), masks.sum(axis=1)
    out = np.empty(k)
    for j in range(k):
        without = masks[:, j] == 0
        weight = 1.0 / (k * binom(k - 1, size[without]))
        out[j] = weight @ (found[np.flatnonzero(without) + (1 << j)] - found[without])
    return out


def sampled_shapley(
    value: Value, k: int, permutations: int = 32, *, seed: int | None = 0
) -> tuple[Floats, Floats]:
    """Return Shapley values and their standard errors from random orders, each (k,).

    Orders come in pairs, each with its reverse, which makes the errors smaller; a pair is one draw.
    Values sum to what all players together bring, whatever the number of orders.

    Parameters
    ----------
    value : callable
        From masks (b, k) of 0 and 1 to values (b,).
    k : int
        Players.
    permutations : int, default 32
        Orders; even, at least 4. Each takes ``k - 1`` values.
    seed : int
        Orders.

    References
    ----------
    Castro, Gomez and Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009;
    Mitchell, Cooper, Frank and Holmes, "Sampling permutations for Shapley value estimation", 2022
    (antithetic pairs).

    Examples
    --------
    >>> from semascope.explain import sampled_shapley
    >>> found, error = sampled_shapley(lambda m: m[:, 0] * m[:, 1] + m[:, 2], 3)
    >>> found.round(6).tolist(), error.round(6).tolist()
    ([0.5, 0.5, 1.0], [0.0, 0.0, 0.0])
    """
    if permutations < 4 or permutations % 2:
        raise InputError(f"permutations must be even and at least 4, got {permutations}")
    random = generator(seed, "shapley")
    pairs = permutations // 2
    order = np.argsort(random.random((pairs, k)), axis=1)
    order = np.stack([order, order[:, ::-1]], axis=1).reshape(permutations, k)
    place = np.argsort(order, axis=1)
    masks = (place[:, None, :] < np.arange(1, k)[None, :, None]).astype(np.float64)
    ends = value(np.stack([np.zeros(k), np.ones(k)]))
    found = np.empty((permutations, k + 1))
    found[:, 0], found[:, -1] = ends
    found[:, 1:-1] = value(masks.reshape(-1, k)).reshape(permutations, max(k - 1, 0))
    gains = np.take_along_axis(np.diff(found, axis=1), place, axis=1)
    draws = gains.reshape(pairs, 2, k).mean(axis=1)
    return draws.mean(axis=0), draws.std(axis=0, ddof=1) / np.sqrt(pairs)


def shapley(
    item: Mixture, permutations: int = 32, *, most_exact: int = 6, seed: int | None = 0
) -> tuple[Floats, Floats]:
    """Return Shapley values of concepts and their standard errors, each (k,).

    Exact, with errors of 0, up to `most_exact` concepts; else by `sampled_shapley`.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor, shapley
    >>> item = Mixture(Predictor(lambda x: x[:, 0] * x[:, 1]), np.zeros(2), np.eye(2))
    >>> shapley(item)[0]
    array([0.5, 0.5])
    """
    k = len(item)
    if k <= min(most_exact, MOST_EXACT):
        return exact_shapley(item.value, k), np.zeros(k)
    return sampled_shapley(item.value, k, permutations, seed=seed)


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
    ends = item.value(np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]))
    return np.concatenate([ends, exact_shapley(item.value, 3)])
