"""What the searches for rules and for patterns share: quality, price, what chance reaches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semascope.lexicon import Contrast
from semascope.name.found import Found

Float32Array = npt.NDArray[np.float32]

# A name that chance would lead to more often than this is none.
SURE = 0.05
# What another condition or event has to add to the share of active less that of inactive rows.
PRICE = 0.02
# One-sided 5 %: a longer name has to be better than the best shorter one.
SURER_THAN_SHORTER = 1.645


def signed_weights(contrast: Contrast) -> Float32Array:
    """Return weights of active, then inactive rows, whose sum over covered rows is the quality.

    The quality is the share of activation that is covered less the share of inactive rows.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name.chance import signed_weights
    >>> two, none = np.arange(2), np.arange(0)
    >>> signed_weights(Contrast(two, np.array([3, 1], dtype=np.float32), none, two + 2)).tolist()
    [0.75, 0.25, -0.5, -0.5]
    """
    strength = np.asarray(contrast.activations, dtype=np.float64)
    if strength.sum() <= 0:
        strength = np.ones(len(strength))
    m = len(contrast.inactive)
    return np.concatenate([strength / strength.sum(), np.full(m, -1 / m)]).astype(np.float32)


def z_of_change(change: npt.NDArray[np.float32], weights: Float32Array, n: int) -> float:
    """Return by how many standard errors a change of covered rows changes the quality.

    Parameters
    ----------
    change : ndarray of shape (rows,)
        1 where a row is covered now and was not, -1 where it was and is not.
    weights : ndarray of shape (rows,)
        From `signed_weights`.
    n : int
        Active rows.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.name.chance import z_of_change
    >>> weights = np.repeat(np.float32([0.1, -0.1]), 10)
    >>> change = np.repeat(np.float32([0, -1, 0]), [10, 5, 5])
    >>> round(z_of_change(change, weights, 10), 2)
    3.02
    """
    # One more row on either side keeps a change without variance from being certain.
    spread = 1 / len(weights) ** 2
    for side in (slice(None, n), slice(n, None)):
        centred = change[side] - change[side].mean()
        spread += float((weights[side] ** 2 * centred**2).sum())
    return float(change @ weights) / float(np.sqrt(spread))


def held_up(
    name: str,
    kind: str,
    cover: npt.NDArray[np.bool_],
    n: int,
    score: float,
    null: npt.NDArray[np.float64],
) -> Found:
    """Record a name that says yes or no, with what the best names of shuffles reach.

    Parameters
    ----------
    name, kind : str
        As in `Found`.
    cover : ndarray of shape (rows,)
        Whether the name says yes, of active, then inactive rows.
    n : int
        Active rows.
    score : float
        Quality less price.
    null : ndarray of shape (shuffles,)
        The best score of each shuffle.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.name.chance import held_up
    >>> print(held_up("a = b", "rule", np.arange(8) < 3, 4, 0.75, np.linspace(0, 0.4, 99)))
    a = b (AUROC 0.88, chance 0.69, p 0.01; 75 % against 0 %)
    """
    active, inactive = float(cover[:n].mean()), float(cover[n:].mean())
    p = (1 + int((null >= score).sum())) / (1 + len(null))
    auroc = (1 + active - inactive) / 2
    return Found(name, kind, auroc, (1 + chance_level(null)) / 2, p, active, inactive)


def chance_level(null: npt.NDArray[np.float64]) -> float:
    """Return what the best names of shuffles stay under: all but one in twenty of them.

    Shuffles and the found name are counted together, so that the rate is exact.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.name.chance import chance_level
    >>> chance_level(np.arange(99.0))
    94.0
    """
    return float(np.quantile(null, 1 - SURE, method="higher"))


def often_enough(null: npt.NDArray[np.float64], reached: float, shuffles: int) -> bool:
    """Return whether shuffles reach as much too often, whatever the rest of them may bring.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.name.chance import often_enough
    >>> often_enough(np.array([0.1, 0.2]), 0.3, 99), often_enough(np.full(5, 0.4), 0.3, 99)
    (False, True)
    """
    return bool(1 + (null >= reached).sum() > SURE * (1 + shuffles))
