"""What the arrays of a dictionary have to be."""

from __future__ import annotations

from typing import Any

import numpy as np

from semascope.core import InputError
from semascope.vectors import Float32Array


def weights(name: str, given: Any, ndim: int) -> Float32Array:
    """Return an array of a dictionary as float32 that cannot be written to.

    What is float32 already is not copied, and what is mapped stays mapped.

    Parameters
    ----------
    name : str
        What it is, for errors.
    given : array, tensor or nested list
        The numbers.
    ndim : int
        How many dimensions it has to have.

    Raises
    ------
    InputError
        If it holds no numbers, NaN, nothing, or has another number of dimensions.

    Examples
    --------
    >>> from semascope.discover.weights import weights
    >>> weights("bias", [1, 2], ndim=1)
    array([1., 2.], dtype=float32)
    """
    try:
        # A view: what is laid out from it is kept between calls.
        array: Float32Array = np.asanyarray(given, dtype=np.float32).view()
    except (TypeError, ValueError, RuntimeError) as err:
        raise InputError(f"{name} of a dictionary must be an array of numbers: {err}") from err
    if array.ndim != ndim or not array.size:
        raise InputError(
            f"{name} of a dictionary must have {ndim} dimension{'s' * (ndim > 1)} and hold "
            f"something, found shape {array.shape}"
        )
    # The least of numbers among which one is NaN is NaN, found without a copy.
    if np.isnan(array.min()):
        raise InputError(f"{name} of a dictionary holds NaN")
    array.flags.writeable = False
    return array


def require_fit(
    atoms: Float32Array,
    encoder: Float32Array,
    encoder_bias: Float32Array,
    bias: Float32Array,
    threshold: Float32Array | None = None,
) -> None:
    """Raise `InputError` if these arrays are not those of one dictionary.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover.weights import require_fit
    >>> require_fit(np.ones((4, 2)), np.ones((4, 2)), np.ones(4), np.ones(2))
    """
    m, d = atoms.shape
    wanted = [
        ("encoder", encoder, (m, d)),
        ("encoder_bias", encoder_bias, (m,)),
        ("bias", bias, (d,)),
    ]
    if threshold is not None:
        wanted.append(("threshold", threshold, (m,)))
    if any(array.shape != shape for _, array, shape in wanted):
        found = ", ".join(f"{name} {array.shape}" for name, array, _ in wanted)
        raise InputError(
            f"the parts of the dictionary do not fit together: atoms {atoms.shape}, {found}"
        )
