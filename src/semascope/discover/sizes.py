"""How large a dictionary should be when the user does not say."""

from __future__ import annotations

import math

from semascope.core import InputError


def default_sizes(n_rows: int, n_dimensions: int) -> tuple[int, int]:
    """Choose the number of atoms and of active latents from the size of the data.

    Parameters
    ----------
    n_rows : int
        Rows that the dictionary learns on.
    n_dimensions : int
        Length of the vectors.

    Returns
    -------
    (int, int)
        Atoms `m` and active latents `k`.

    Notes
    -----
    ``m = 2.5 sqrt(n)`` and ``k = m ** (1/5)``: on nine sets of labelled texts, chosen by the best
    single concept's F1 on *name* rows, more atoms split the labelled classes over several concepts,
    fewer than three active latents leave part of a row unsaid, and more than five blur the rest.

    Examples
    --------
    >>> from semascope.discover import default_sizes
    >>> m, k = default_sizes(6000, 384)
    >>> m > k
    True
    """
    m = max(2, min(round(2.5 * math.sqrt(n_rows)), n_rows // 4, 16384))
    k = max(1, min(round(m**0.2), m // 4, n_dimensions))
    return m, k


def default_noise(n_rows: int, n_dimensions: int) -> float:
    """Choose the denoising noise: what small data needs and large data does not.

    Examples
    --------
    >>> from semascope.discover.sizes import default_noise
    >>> default_noise(10_000, 400) > default_noise(1_000_000, 400)
    True
    """
    # In few dimensions the same share of noise hides more of each direction.
    share = 0.38 * n_dimensions / (n_dimensions + 100)
    return share * min(1.0, math.sqrt(20_000 / n_rows))


def check_sizes(n_rows: int, m: int, k: int) -> None:
    """Raise `InputError` if a dictionary of this size cannot be learned from `n_rows` rows.

    Examples
    --------
    >>> from semascope.discover.sizes import check_sizes
    >>> check_sizes(n_rows=100, m=20, k=4)
    """
    if m < 1:
        raise InputError(f"the number of atoms must be at least 1, got {m}")
    if not 1 <= k <= m:
        raise InputError(f"active latents must be from 1 to the number of atoms ({m}), got {k}")
    if n_rows < max(2, m):
        raise InputError(
            f"{m} atoms need at least {max(2, m)} rows to learn from, found n_samples={n_rows}; "
            "ask for fewer atoms or bring more rows"
        )
