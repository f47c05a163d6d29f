"""Shapley values of the concepts of one item: exact for few, from random orders for more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator
from semascope.explain.mixture import Ask, Asking, Mixture, Value, answered, answered_by

Floats = npt.NDArray[np.float64]

MOST_EXACT = 16
# So many concepts have about as many sets as 32 random orders have.
FEW = 8


@dataclass(frozen=True, eq=False)
class Shapley:
    """Shapley values, and what they were made of.

    Parameters
    ----------
    value, error : ndarray of shape (k,)
        Values and their standard errors.
    curve : ndarray of shape (k + 1,)
        Mean value of sets of 0, 1, ..., k players that join in random order.

    Examples
    --------
    >>> from semascope.explain.mixture import answered_by
    >>> from semascope.explain.shapley import ask_exact
    >>> answered_by(lambda masks: masks[:, 0] * masks[:, 1], ask_exact(2)).curve
    array([0., 0., 1.])
    """

    value: Floats
    error: Floats
    curve: Floats


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
    if k > MOST_EXACT:
        raise InputError(f"{k} players have {2**k:,} coalitions; at most {MOST_EXACT} are exact")
    return answered_by(value, ask_exact(k)).value


def ask_exact(k: int) -> Asking[Shapley]:
    """Ask for `exact_shapley`: ``2**k`` vectors."""
    from scipy.special import binom

    masks = (np.arange(2**k)[:, None] >> np.arange(k) & 1).astype(np.bool_)
    (found,) = yield [Ask(masks)]
    size = masks.sum(axis=1)
    out = np.empty(k)
    for j in range(k):
        without = ~masks[:, j]
        weight = 1.0 / (k * binom(k - 1, size[without]))
        out[j] = weight @ (found[np.flatnonzero(without) + (1 << j)] - found[without])
    curve = np.bincount(size, found) / np.bincount(size)
    return Shapley(out, np.zeros(k), curve)


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
    found = answered_by(value, ask_sampled(k, permutations, seed=seed))
    return found.value, found.error


def ask_sampled(k: int, permutations: int = 32, *, seed: int | None = 0) -> Asking[Shapley]:
    """Ask for `sampled_shapley`: ``(k - 1) permutations + 2`` vectors."""
    if permutations < 4 or permutations % 2:
        raise InputError(f"permutations must be even and at least 4, got {permutations}")
    random = generator(seed, "shapley")
    pairs = permutations // 2
    order = np.argsort(random.random((pairs, k)), axis=1)
    order = np.stack([order, order[:, ::-1]], axis=1).reshape(permutations, k)
    place = np.argsort(order, axis=1)
    masks = place[:, None, :] < np.arange(1, k)[None, :, None]
    ends, between = yield [
        Ask(np.repeat([[False], [True]], k, axis=1)),
        Ask(masks.reshape(-1, k)),
    ]
    found = np.empty((permutations, k + 1))
    found[:, 0], found[:, -1] = ends
    found[:, 1:-1] = between.reshape(permutations, max(k - 1, 0))
    gains = np.take_along_axis(np.diff(found, axis=1), place, axis=1)
    draws = gains.reshape(pairs, 2, k).mean(axis=1)
    error = draws.std(axis=0, ddof=1) / np.sqrt(pairs)
    return Shapley(draws.mean(axis=0), error, found.mean(axis=0))


def shapley(
    item: Mixture, permutations: int = 32, *, most_exact: int = FEW, seed: int | None = 0
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
    found = answered(item, ask_shapley(len(item), permutations, most_exact=most_exact, seed=seed))
    return found.value, found.error


def ask_shapley(
    k: int, permutations: int = 32, *, most_exact: int = FEW, seed: int | None = 0
) -> Asking[Shapley]:
    """Ask for `shapley`, exact or sampled."""
    if k <= min(most_exact, MOST_EXACT):
        return (yield from ask_exact(k))
    return (yield from ask_sampled(k, permutations, seed=seed))
