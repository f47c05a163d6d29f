"""Families of concepts: what a group shares, and how its members differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import Codes, InputError, generator
from semascope.lexicon import Contrast, Relevance, Rows, unit
from semascope.name.assign import Proposal, name_concepts
from semascope.name.bank import Bank
from semascope.name.defaults import default_scorers
from semascope.name.evidence import FEWEST, Evidence
from semascope.name.held_in import aurocs
from semascope.name.words import merge_key

# Concepts beyond so many join the family of the nearest atom: a tree over all pairs grows with
# their square.
_MOST_PAIRED = 6000
_MOST_ROWS = 100
# A shared name must tell the rows of most members from rows outside, each by itself.
_TELLS = 0.6
_MOST_LEFT = 1 / 3
# A difference that tells siblings apart worse than this is none.
_APART = 0.8


@dataclass(frozen=True)
class Family:
    """Concepts that belong together.

    Parameters
    ----------
    members : tuple of int
        Latents, ascending.
    parent : int or None
        Place of the wider family in the list; None at the top.
    name : str or None
        What they share.
    differences : dict of int to str
        What sets a member apart from its siblings, where something does.

    Examples
    --------
    >>> from semascope.name import Family
    >>> Family((0, 3), name="payments").members
    (0, 3)
    """

    members: tuple[int, ...]
    parent: int | None = None
    name: str | None = None
    differences: tuple[tuple[int, str], ...] = ()


def group_concepts(
    atoms: npt.NDArray[np.float32],
    codes: Codes,
    rows: Rows,
    *,
    sizes: Sequence[int] = (16, 4),
) -> list[Family]:
    """Group concepts into families, by average linkage over near atoms and shared rows.

    The similarity of two concepts is the mean of the cosine of their atoms and the cosine of their
    activity over `rows`.

    Parameters
    ----------
    atoms : ndarray of shape (m, d)
        Atoms.
    codes : Codes
        Codes of all rows.
    rows : ndarray of int64
        Rows to look at, ascending: those of the *name* split.
    sizes : sequence of int, default (16, 4)
        Usual members of a family at each level, widest first.

    Returns
    -------
    list of Family
        Without names; wider families first. Concepts that are alone at a level, or never active,
        have no family there.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import Codes
    >>> from semascope.name import group_concepts
    >>> atoms = np.float32([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    >>> codes = Codes.from_scipy(np.repeat(np.eye(4), 3, axis=0))
    >>> [f.members for f in group_concepts(atoms, codes, np.arange(12), sizes=(2,))]
    [(0, 1), (2, 3)]
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if any(size < 2 for size in sizes) or list(sizes) != sorted(sizes, reverse=True):
        raise InputError(f"sizes of families must fall and be at least 2, got {list(sizes)}")
    part = codes[rows].to_scipy()
    count = np.bincount(part.indices, minlength=codes.n_components)
    alive = np.flatnonzero(count > 0)
    chosen = np.sort(alive[np.argsort(-count[alive], kind="stable")[:_MOST_PAIRED]])
    if len(chosen) < 3:
        return []
    x = unit(atoms)
    part.data = np.ones_like(part.data)
    active = part.tocsc()[:, chosen]
    together = (active.T @ active).toarray() / np.sqrt(np.outer(count[chosen], count[chosen]))
    distance = np.clip(1 - (x[chosen] @ x[chosen].T + together) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform((distance + distance.T) / 2, checks=False), "average")
    host = np.arange(len(chosen))
    left = np.setdiff1d(alive, chosen)
    joined = np.concatenate([chosen, left])
    if len(left):
        host = np.concatenate([host, (x[left] @ x[chosen].T).argmax(axis=1)])
    families: list[Family] = []
    for size in sizes:
        label = fcluster(tree, max(1, round(len(chosen) / size)), "maxclust")[host]
        wider = len(families)
        for one in np.unique(label):
            members = tuple(sorted(joined[label == one].tolist()))
            above = [i for i in range(wider) if set(members) <= set(families[i].members)]
            same = above and len(families[above[-1]].members) == len(members)
            if len(members) > 1 and not same:
                families.append(Family(members, above[-1] if above else None))
    return families


def name_families(
    families: Sequence[Family],
    evidence: Sequence[Evidence],
    proposals: Sequence[Proposal],
    items: pl.DataFrame,
    *,
    text: str | None,
    relevance: Relevance | None,
    bank: Bank | None = None,
    leave_out: Sequence[str] = (),
    seed: int = 0,
) -> list[Family]:
    """Name what each family shares and what sets its members apart.

    A shared name is chosen as a concept's is, on rows of all members against rows of other
    families, and has to tell the rows of two thirds of the members, each by itself. A difference is
    chosen on the rows of one member against those of its siblings.

    Parameters
    ----------
    families : sequence of Family
        From `group_concepts`.
    evidence : sequence of Evidence
        Of all concepts.
    proposals : sequence of Proposal
        Names of all concepts; a difference only says what the name leaves open.
    items, text, relevance, bank, leave_out, seed
        As for `name_concepts`.

    Returns
    -------
    list of Family
        The same families, with names.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.name import Evidence, Family, Proposal, name_families
    >>> said = ["late train", "late bus", "warm tea", "cold tea"]
    >>> items = pl.DataFrame({"t": [t for t in said for _ in range(9)]})
    >>> one, none = np.ones(9, dtype=np.float32), np.arange(0)
    >>> rows = [np.arange(9 * j, 9 * j + 9) for j in range(4)]
    >>> evidence = [
    ...     Evidence(j, Contrast(rows[j], one, none, np.setdiff1d(np.arange(36), rows[j])))
    ...     for j in range(4)
    ... ]
    >>> found = name_families(
    ...     [Family((0, 1)), Family((2, 3))], evidence, [Proposal("unnamed")] * 4, items, text="t",
    ...     relevance=ByWords(items["t"]),
    ... )
    >>> [f.name for f in found], found[0].differences
    (['late', 'tea'], ((0, 'late train'), (1, 'late bus')))
    """
    pooled = [_pooled(f, evidence, seed) for f in families]
    scorers = default_scorers(items, text, relevance, bank=bank)

    def named(drawn: list[Contrast], entries: Bank | None) -> list[Proposal]:
        return name_concepts(
            drawn,
            items,
            text=text,
            relevance=relevance,
            leave_out=leave_out,
            bank=entries,
            scorers=scorers,
            seed=seed,
        )

    shared = named(pooled, bank)
    apart: list[Contrast] = []
    where: list[tuple[int, int]] = []
    for i, family in enumerate(families):
        # Siblings are the members of the narrowest family that has them.
        if any(f.parent == i for f in families):
            continue
        for member in family.members:
            apart.append(_against_siblings(member, family.members, evidence))
            where.append((i, member))
    # A broader term cannot tell siblings apart.
    different = named(apart, None)
    said: dict[int, list[tuple[int, str]]] = {}
    for (i, member), found in zip(where, different, strict=True):
        sure = (found.held_in or 0) >= _APART
        names = [found.name, *found.alternatives] if sure and found.name else []
        new = [n for n in names if _says_more(n, proposals[member].name, shared[i].name)]
        if new:
            said.setdefault(i, []).append((member, new[0]))
    out = []
    for i, (family, found) in enumerate(zip(families, shared, strict=True)):
        names = [] if found.name is None else [found.name, *found.alternatives]
        by = scorers.get(found.kind or "")
        name = next((n for n in names if by and _tells(n, family, evidence, by)), None)
        out.append(replace(family, name=name, differences=tuple(said.get(i, ()))))
    return out


def _says_more(name: str, *known: str | None) -> bool:
    stems = set(merge_key(name).split())
    return all(k is None or not stems <= set(merge_key(k).split()) for k in known)


def _pooled(family: Family, evidence: Sequence[Evidence], seed: int) -> Contrast:
    """Rows of all members, as many of each; rows on which none of them is active."""
    share = max(FEWEST, _MOST_ROWS // len(family.members))
    parts = [_spread(evidence[m].contrast.active, share) for m in family.members]
    active = np.unique(np.concatenate(parts))
    own = np.unique(np.concatenate([evidence[m].contrast.active for m in family.members]))
    others = [evidence[m].contrast.inactive for m in family.members]
    other = np.setdiff1d(np.concatenate(others), own)
    random = generator(seed, "outside", *family.members)
    picked = np.sort(random.choice(other, min(len(other), _MOST_ROWS), replace=False))
    none = np.zeros(0, dtype=np.int64)
    return Contrast(active, np.ones(len(active), dtype=np.float32), none, picked)


def _spread(rows: Rows, most: int) -> Rows:
    """Rows over all strengths."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _against_siblings(
    member: int, members: tuple[int, ...], evidence: Sequence[Evidence]
) -> Contrast:
    own = evidence[member].contrast
    rest = [evidence[m].contrast.active for m in members if m != member]
    share = max(FEWEST, _MOST_ROWS // len(rest))
    theirs = np.unique(np.concatenate([_spread(rows, share) for rows in rest]))
    theirs = np.setdiff1d(theirs, own.active)
    # Weak rows are what all siblings have in common.
    strong = own.active[: max(FEWEST, (len(own.active) + 1) // 2)]
    alone = np.flatnonzero(~np.isin(strong, np.concatenate(rest)))
    return Contrast(own.active[alone], own.activations[alone], theirs, theirs[:0])


def _tells(name: str, family: Family, evidence: Sequence[Evidence], relevance: Relevance) -> bool:
    """Whether a name tells the rows of two thirds of the members, each by itself."""
    own = np.unique(np.concatenate([evidence[m].contrast.active for m in family.members]))
    told = []
    for member in family.members:
        c = evidence[member].contrast
        outside = np.setdiff1d(c.inactive, own)
        if min(len(c.active), len(outside)):
            none = np.zeros(0, dtype=np.int64)
            part = Contrast(c.active, c.activations, none, outside)
            told.append(float(aurocs(relevance, [name], part)[0]) >= _TELLS)
    return bool(told) and sum(told) >= (1 - _MOST_LEFT) * len(told)
