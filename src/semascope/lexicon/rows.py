"""Which rows speak for and against a concept: active ones of all strengths, near-misses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semascope.core import SPLITS, Codes, generator
from semascope.discover import Dictionary
from semascope.vectors import VectorSource

Rows = npt.NDArray[np.int64]

_MOST_ROWS = 100_000
_BLOCK = 4096


@dataclass(frozen=True)
class Contrast:
    """Rows of one split for one latent, all as row numbers of the whole data.

    Parameters
    ----------
    active : ndarray of int64
        Rows on which the latent is active, evenly over the ranks of activation, strongest first.
    activations : ndarray of float32
        Activations on these rows.
    near : ndarray of int64
        Inactive rows with the highest pre-activation: near-misses, nearest first.
    other : ndarray of int64
        Inactive rows drawn at random.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> one = np.array([1])
    >>> Contrast(one, np.ones(1, dtype=np.float32), one + 1, one + 2).inactive
    array([2, 3])
    """

    active: Rows
    activations: npt.NDArray[np.float32]
    near: Rows
    other: Rows

    @property
    def inactive(self) -> Rows:
        """Near-misses first, then random inactive rows."""
        return np.concatenate([self.near, self.other])


def split_rows(
    splits: npt.NDArray[np.uint8], name: str, *, seed: int = 0, most: int = _MOST_ROWS
) -> Rows:
    """Return the rows of a split, ascending; a seeded sample if there are more than `most`.

    Evidence and scores need thousands of rows, not all of a hundred million; the number used is
    recorded with each score.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import split_rows
    >>> split_rows(np.array([0, 1, 2, 1], dtype=np.uint8), "name")
    array([1, 3])
    """
    rows = np.flatnonzero(splits == SPLITS.index(name))
    if len(rows) <= most:
        return rows
    return np.sort(generator(seed, "split rows", name).choice(rows, most, replace=False))


def contrasts(
    dictionary: Dictionary,
    codes: Codes,
    source: VectorSource,
    rows: Rows,
    *,
    most: int = 100,
    seed: int = 0,
) -> list[Contrast]:
    """Draw the rows that speak for and against each latent.

    Parameters
    ----------
    dictionary : Dictionary
        Its pre-activations find the near-misses.
    codes : Codes
        Codes of all rows.
    source : VectorSource
        Vectors of all rows.
    rows : ndarray of int64
        The split to draw from, ascending.
    most : int, default 100
        At most so many active rows and as many inactive ones, half of these near-misses.
    seed : int
        Choice of random inactive rows.

    Returns
    -------
    list of Contrast
        One for each latent, in order; empty where a latent is never active.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Dictionary
    >>> from semascope.lexicon import contrasts
    >>> from semascope.vectors import as_source
    >>> eye, zero = np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    >>> dictionary = Dictionary(eye, zero, eye, zero, n_active=1)
    >>> x = np.array([[3.0, 1.0], [1.0, 2.0], [1.0, 4.0]])
    >>> drawn = contrasts(dictionary, dictionary.encode(x), as_source(x), np.arange(3))
    >>> drawn[1].active, drawn[1].near
    (array([2, 1]), array([0]))
    """
    here = codes[rows]
    near_rows = _near_misses(dictionary, here, source, rows, max(1, most // 2))
    drawn = []
    for latent in range(dictionary.n_components):
        active, values = here.column(latent)
        if len(active) == 0:
            none = np.zeros(0, dtype=np.int64)
            drawn.append(Contrast(none, np.zeros(0, dtype=np.float32), none, none))
            continue
        order = np.argsort(-values, kind="stable")
        if len(order) > most:
            order = order[np.unique(np.linspace(0, len(order) - 1, most).round().astype(int))]
        near = near_rows[latent]
        free = np.setdiff1d(np.arange(len(rows)), active, assume_unique=True)
        free = np.setdiff1d(free, near, assume_unique=True)
        random = generator(seed, "inactive", latent)
        other = np.sort(random.choice(free, min(len(free), max(1, most // 2)), replace=False))
        drawn.append(Contrast(rows[active[order]], values[order], rows[near], rows[other]))
    return drawn


def _near_misses(
    dictionary: Dictionary, here: Codes, source: VectorSource, rows: Rows, most: int
) -> list[Rows]:
    """Positions in `rows` of the inactive rows with the highest pre-activation, a list a latent."""
    import torch

    from semascope.kernels import scores

    m = dictionary.n_components
    encoder = torch.from_numpy(np.array(dictionary.encoder))
    bias = torch.from_numpy(np.array(dictionary.encoder_bias))
    best = torch.full((0, m), -torch.inf)
    where = torch.zeros((0, m), dtype=torch.int64)
    size = max(64, min(_BLOCK, (64 << 20) // (4 * m)))
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        pre = scores(torch.from_numpy(source.take(part)), encoder, bias)
        csr = here[start : start + len(part)].to_scipy().tocoo()
        pre[
            torch.from_numpy(csr.row.astype(np.int64)), torch.from_numpy(csr.col.astype(np.int64))
        ] = -torch.inf
        number = torch.arange(start, start + len(part))[:, None].expand(-1, m)
        both, places = torch.cat([best, pre]), torch.cat([where, number])
        best, chosen = torch.topk(both, min(most, len(both)), dim=0)
        where = torch.gather(places, 0, chosen)
    return [where[:, j][torch.isfinite(best[:, j])].numpy().astype(np.int64) for j in range(m)]
