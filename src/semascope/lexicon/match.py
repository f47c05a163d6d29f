"""Stable ids: which concepts of a refit are the old ones, and what became of the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semascope.lexicon.relevance import unit


@dataclass(frozen=True)
class Matching:
    """How new atoms follow from old ones.

    Parameters
    ----------
    ids : list of str
        An id for each new atom: that of the old concept it continues, or a fresh one.
    fate : dict of str to str
        For each id, old and new: ``kept``, ``split``, ``merged``, ``lost`` or ``new``.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import match_concepts
    >>> match_concepts(np.eye(2), ["c0", "c1"], np.eye(2)[::-1]).ids
    ['c1', 'c0']
    """

    ids: list[str]
    fate: dict[str, str]


def match_concepts(
    old_atoms: npt.ArrayLike, old_ids: list[str], new_atoms: npt.ArrayLike, *, near: float = 0.7
) -> Matching:
    """Match the atoms of a refit to old concepts by cosine, one to one, at the best total.

    Parameters
    ----------
    old_atoms, new_atoms : ndarray of shape (m, d), (m', d)
        Atoms of the two dictionaries over the same encoder.
    old_ids : list of str
        Ids of the old concepts.
    near : float, default 0.7
        Least cosine of one concept in two fits; learned atoms of unrelated concepts lie below 0.5.

    Returns
    -------
    Matching
        Matched atoms keep their id (*kept*). An unmatched new atom near an old one *splits* it; an
        unmatched old concept near a new atom has *merged* into it, else it is *lost*; the rest is
        *new*.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import match_concepts
    >>> match_concepts(np.eye(3)[:2], ["c0", "c1"], np.eye(3)[1:]).fate
    {'c1': 'kept', 'c2': 'new', 'c0': 'lost'}
    """
    from scipy.optimize import linear_sum_assignment

    cosine = unit(np.asarray(new_atoms)) @ unit(np.asarray(old_atoms)).T
    new, old = linear_sum_assignment(-cosine)
    pairs = {int(n): int(o) for n, o in zip(new, old, strict=True) if cosine[n, o] >= near}
    numbers = [int(i[1:]) for i in old_ids if i[1:].isdigit()]
    fresh = max(numbers, default=-1) + 1
    ids: list[str] = []
    fate: dict[str, str] = {}
    split: set[str] = set()
    for row in range(len(cosine)):
        if row in pairs:
            ids.append(old_ids[pairs[row]])
            fate[ids[-1]] = "kept"
            continue
        ids.append(f"c{fresh}")
        fresh += 1
        parent = int(cosine[row].argmax())
        fate[ids[-1]] = "new"
        if cosine[row, parent] >= near:
            split.add(old_ids[parent])
            fate[ids[-1]] = "split"
    for column, name in enumerate(old_ids):
        if name in fate:
            fate[name] = "split" if name in split else fate[name]
        else:
            fate[name] = "merged" if cosine[:, column].max() >= near else "lost"
    return Matching(ids, fate)
