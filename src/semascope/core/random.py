"""Random numbers and splits that depend on names and seeds, never on the order of calls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core.errors import InputError

SPLITS = ("discover", "name", "verify")
_SHARES = (0.6, 0.8)


def generator(seed: int | None, *path: str | int) -> np.random.Generator:
    """Return the generator for one purpose, derived from a seed and a path of names.

    Two purposes never share a stream, so adding a draw in one place changes nothing in another.

    Parameters
    ----------
    seed : int or None
        The user's seed; None draws from the system.
    *path : str or int
        What the numbers are for, for example ``"batches", epoch``.

    Examples
    --------
    >>> from semascope.core import generator
    >>> a, b = generator(0, "batches", 1), generator(0, "batches", 1)
    >>> bool(a.integers(100) == b.integers(100))
    True
    """
    if seed is None:
        return np.random.default_rng()
    if not 0 <= int(seed) < 2**63:
        raise InputError(f"a seed must be a whole number from 0 to 2**63 - 1, got {seed}")
    digest = hashlib.blake2b(json.dumps(path).encode(), digest_size=16).digest()
    return np.random.default_rng([int(seed), *np.frombuffer(digest, dtype=np.uint32).tolist()])


def seed_from(random_state: Any) -> int:
    """Turn scikit-learn's ``random_state`` (None, int or RandomState) into one integer seed.

    Examples
    --------
    >>> from semascope.core import seed_from
    >>> seed_from(7)
    7
    """
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        draw = getattr(random_state, "randint", None) or random_state.integers  # type: ignore[union-attr]
        return int(draw(2**31 - 1))
    if isinstance(random_state, bool) or not isinstance(random_state, int | np.integer):
        raise InputError(
            f"random_state must be None, a whole number or a numpy generator, got {random_state!r}"
        )
    return int(random_state)


def split_of(ids: Iterable[str]) -> npt.NDArray[np.uint8]:
    """Assign each row to *discover* (0), *name* (1) or *verify* (2) by a hash of its id.

    The split depends on the id alone, 60/20/20, so a row keeps its side when data is added.

    Parameters
    ----------
    ids : iterable of str
        One id a row.

    Returns
    -------
    ndarray of uint8, shape (n,)
        Indices into ``SPLITS``.

    Examples
    --------
    >>> from semascope.core import SPLITS, split_of
    >>> [SPLITS[i] for i in split_of(["row-0", "row-1", "row-2"])]
    ['discover', 'verify', 'discover']
    """
    raw = b"".join(hashlib.blake2b(i.encode(), digest_size=8).digest() for i in ids)
    share = np.frombuffer(raw, dtype="<u8").astype(np.float64) / 2.0**64
    return np.searchsorted(np.array(_SHARES), share, side="right").astype(np.uint8)
