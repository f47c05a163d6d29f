"""Vectors as they differ within pairs or groups: what all of a group share is taken out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, as_vectors


def within(x: Any, groups: Any) -> npt.NDArray[np.float32]:
    """Take the mean of its pair or group out of each vector.

    Two headlines of one story, or answers to one question, are about the same: most of what their
    vectors say is shared, and a dictionary spends its atoms on that. Of what is left, each atom
    tells how rows differ from those that they were compared with. Learn from these vectors with
    ``together=`` the same column, and pass them as ``vectors=`` wherever vectors are asked for: a
    text by itself cannot be encoded, since it has no pair.

    Parameters
    ----------
    x : anything that holds a matrix, of shape (n, d)
        Vectors; see `as_vectors`.
    groups : array-like of shape (n,)
        Key of each row's pair or group.

    Returns
    -------
    ndarray of float32, shape (n, d)
        Zero for a row that is a group by itself.

    Raises
    ------
    InputError
        If keys are missing or do not fit the rows, or no two rows share one.

    References
    ----------
    Mundlak, "On the pooling of time series and cross section data", 1978, for the within-group
    transformation.

    Examples
    --------
    >>> from semascope.vectors import within
    >>> within([[1.0, 5.0], [3.0, 5.0], [0.0, 2.0], [0.0, 0.0]], ["a", "a", "b", "b"]).tolist()
    [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    """
    vectors = as_vectors(x)
    keys = groups if isinstance(groups, pl.Series) else pl.Series(list(groups), strict=False)
    if len(keys) != len(vectors):
        raise InputError(
            f"there are {len(keys)} keys of groups and {len(vectors)} vectors; they must match"
        )
    if keys.null_count():
        raise InputError(f"the group of row {int(keys.is_null().arg_true()[0])} is missing")
    place = keys.rank("dense").to_numpy().astype(np.int64) - 1
    sizes = np.bincount(place)
    if sizes.max() == 1:
        raise InputError(f"no two of {len(keys)} rows share a group; nothing would be left")
    order = np.argsort(place, kind="stable")
    out = vectors[order].astype(np.float32)
    starts = np.cumsum(sizes) - sizes
    means = np.add.reduceat(out, starts, axis=0) / sizes[:, None].astype(np.float32)
    out -= np.repeat(means, sizes, axis=0)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return np.asarray(out[back])
