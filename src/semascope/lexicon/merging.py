"""Make one concept of several, which it takes the place of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from semascope.core import InputError, listed
from semascope.lexicon.editing import _named, _require_heard, concept_of, record_new
from semascope.lexicon.packed import pack

if TYPE_CHECKING:
    from semascope.lexicon.lexicon import Lexicon


def merge(
    lexicon: Lexicon,
    concepts: Sequence[str],
    *,
    name: str | None = None,
    how: Literal["sum", "max"] = "sum",
    author: str | None = None,
) -> str:
    """Make one concept of several, which it takes the place of.

    Its activation is the sum of its members' (or the largest), weights included. Its atom is the
    direction that leaves least unexplained of what the members brought to the stored rows: their
    atoms, each as strongly as it is active when the merged concept is.

    Parameters
    ----------
    lexicon : Lexicon
        What is edited.
    concepts : sequence of str
        Two or more, by id or name.
    name : str, optional
        By default the members' names together.
    how : {"sum", "max"}, default "sum"
    author : str, optional

    Returns
    -------
    str
        Id of the new concept.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon import merge
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> before = lex.codes.to_scipy().toarray()
    >>> merge(lex, ["c0", "c1"], name="both")
    'e1'
    >>> after = lex.encode(x).to_scipy().toarray()
    >>> bool((after[:, 12] == before[:, 0] + before[:, 1]).all()), after[:, :2].sum()
    (True, np.float32(0.0))
    """
    if isinstance(concepts, str):
        raise InputError("pass a list of the concepts to merge")
    ids = list(dict.fromkeys(concept_of(lexicon, concept) for concept in concepts))
    if len(ids) < 2:
        raise InputError(f"merging takes two concepts or more, got {listed(ids) or 'none'}")
    if how not in ("sum", "max"):
        raise InputError(f"how must be 'sum' or 'max', got '{how}'")
    _require_heard(lexicon, ids)
    latents = [lexicon.row_of(id) for id in ids]
    names = [lexicon.concepts["name"][j] for j in latents]
    if name is None and all(names):
        name = " / ".join(dict.fromkeys(map(str, names)))
    details = {"members": ids, "names": [_named(name)], "how": how}
    details["mix"] = pack(_mix(lexicon, latents, how))

    return record_new(lexicon, "merge", details, author=author)[0]


def _mix(lexicon: Lexicon, latents: list[int], how: str) -> np.ndarray:
    """Least squares: how much of each member's atom a unit of the merged activation stands for."""
    from semascope.lexicon.overlay import BLOCK, columns_of, together

    codes = lexicon.codes
    wanted = np.zeros(codes.n_components, dtype=bool)
    wanted[latents] = True
    with_members, length = np.zeros(len(latents)), 0.0
    for start in range(0, len(codes), BLOCK):
        part = codes[start : start + BLOCK]
        found = columns_of(part, wanted)
        if not found:
            continue
        rows, values = together(list(found.values()), how)
        whole = np.zeros(len(part))
        whole[rows] = values
        length += float(whole @ whole)
        for i, latent in enumerate(latents):
            if latent in found:
                with_members[i] += float(whole[found[latent][0]] @ found[latent][1])
    if length == 0:
        return np.full(len(latents), 1 / len(latents))
    return np.asarray(with_members / length)
