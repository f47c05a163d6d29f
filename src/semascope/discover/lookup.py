"""Encoding through an index: no copy of the encoder or the atoms, mapped files stay mapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, did_you_mean, release_pages
from semascope.discover.index import Index

if TYPE_CHECKING:
    from torch import Tensor

    from semascope.kernels import SparseRows

Search = Literal["auto", "exact", "clustered"]
SEARCHES: tuple[Search, ...] = ("auto", "exact", "clustered")

Floats = npt.NDArray[np.float32]

# The more rows, the fewer times a cluster is laid out; refits gather the atoms of fewer at a time.
LOOKUP_ROWS, _FITTED = 16_384, 512


def check_search(search: str, index: Index | None, refine: str) -> Index | None:
    """Return the index if latents are to be looked up in it, or raise `InputError`.

    Examples
    --------
    >>> from semascope.discover.lookup import check_search
    >>> check_search("auto", None, "none") is None
    True
    """
    if search not in SEARCHES:
        raise InputError(
            f"search must be one of {', '.join(SEARCHES)}, got '{search}'"
            f"{did_you_mean(search, SEARCHES)}"
        )
    if search == "clustered" and index is None:
        raise InputError("this dictionary has no index; make one with dictionary.indexed(rows)")
    if search == "clustered" and refine == "pursuit":
        raise InputError(
            "pursuit looks at all atoms in every round; use search='exact', or refine='refit'"
        )
    return None if search == "exact" or refine == "pursuit" else index


def lookup(
    weight: Floats,
    weight_bias: Floats,
    index: Index,
    k: int,
    fit_on: tuple[Floats, Floats] | None = None,
) -> Callable[[Tensor], SparseRows]:
    """Return what finds the codes of rows (b, d), each row's latents ascending.

    Parameters
    ----------
    weight, weight_bias : ndarray of float32, shapes (m, d) and (m,)
        The encoder; may be mapped.
    index : Index
    k : int
        Latents a row.
    fit_on : (ndarray, ndarray), optional
        Atoms (m, d) and bias (d,) on which activations are fitted anew.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from semascope.discover import make_index
    >>> from semascope.discover.lookup import lookup
    >>> from semascope.vectors import as_source
    >>> rows = as_source(np.random.default_rng(0).standard_normal((200, 4)))
    >>> eye = np.eye(4, dtype=np.float32)
    >>> index = make_index(eye, eye[0] * 0, rows, n_active=1)
    >>> lookup(eye, eye[0] * 0, index, k=1)(torch.tensor([[0.0, 3.0, 0.0, 1.0]])).latents
    tensor([1])
    """
    from semascope.kernels import ClusteredEncoder

    encoder = ClusteredEncoder(weight, weight_bias, index.clusters)

    def select(rows: Tensor) -> SparseRows:
        codes = encoder.topk(rows, k, index.probes, by_latent=True)
        release_pages(weight)
        return codes if fit_on is None else _fitted(codes, k, *fit_on, rows)

    return select


def _fitted(codes: SparseRows, k: int, atoms: Floats, bias: Floats, rows: Tensor) -> SparseRows:
    """Refit on copies of the active atoms alone."""
    import torch

    from semascope.kernels import SparseRows, refit

    values, offset = codes.values.clone(), torch.from_numpy(np.array(bias))
    for start in range(0, len(rows), _FITTED):
        pairs = slice(start * k, (start + _FITTED) * k)
        part = rows[start : start + _FITTED]
        active, own = np.unique(codes.latents[pairs].numpy(), return_inverse=True)
        used = torch.from_numpy(np.array(atoms[active]))
        offsets = torch.arange(0, len(own), k)
        few = SparseRows(offsets, torch.from_numpy(own), codes.values[pairs])
        values[pairs] = refit(few, used, offset, part).values
        release_pages(atoms)
    return SparseRows(codes.offsets, codes.latents, values)
