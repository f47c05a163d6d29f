"""Families of concepts: what a group shares, and how its members differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import Codes, InputError, generator
from semascope.lexicon import Contrast, Relevance, Rows, parse_rule, unit
from semascope.name.assign import Proposal, name_concepts
from semascope.name.bank import Bank
from semascope.name.defaults import default_scorers
from semascope.name.evidence import FEWEST, Evidence
from semascope.name.tells import tells
from semascope.name.words import merge_key

# Concepts beyond so many join the family of the nearest atom: a tree over all pairs grows with
# their square.
_MOST_PAIRED = 6000
_MOST_ROWS = 100
# A difference that tells siblings apart worse than this is none.
_APART = 0.8


@dataclass(frozen=True)
class Difference:
    """What sets one member of a family apart from the others.

    Parameters
    ----------
    member : int
        The latent.
    name : str
        What its rows say and those of its siblings do not.
    kind : str, default "phrase"
        As in `Candidate`.

    Examples
    --------
    >>> from semascope.name import Difference
    >>> Difference(3, "late train").kind
    'phrase'
    """

    member: int
    name: str
    kind: str = "phrase"


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
    kind : str, default "phrase"
        Of the name, as in `Candidate`.
    differences : tuple of Difference
        What sets a member apart from its siblings, where something does.
    apart : Difference or None
        What sets the family apart from the others with the same parent; its `member` is -1.

    Examples
    --------
    >>> from semascope.name import Family
    >>> Family((0, 3), name="payments").members
    (0, 3)
    """

    members: tuple[int, ...]
    parent: int | None = None
    name: str | None = None
    kind: str = "phrase"
    differences: tuple[Difference, ...] = ()
    apart: Difference | None = None


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
        for members in sorted(tuple(sorted(joined[label == one].tolist())) for one in set(label)):
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
    events: str | None = None,
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
    items, text, relevance, bank, leave_out, events, seed
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
    >>> [f.name for f in found], [d.name for d in found[0].differences]
    (['late', 'tea'], ['late train', 'late bus'])
    """
    drawn = [e.contrast for e in evidence]
    pooled = [shared_rows(f, drawn, seed=seed) for f in families]
    scorers = default_scorers(items, text, relevance, bank=bank, events=events)

    def named(drawn: list[Contrast], entries: Bank | None) -> list[Proposal]:
        return name_concepts(
            drawn,
            items,
            text=text,
            relevance=relevance,
            leave_out=leave_out,
            bank=entries,
            events=events,
            scorers=scorers,
            seed=seed,
        )

    shared = named(pooled, bank)
    # Siblings are the members of the narrowest family that has them, and families of one parent.
    inner = {f.parent for f in families}
    lone = [(i, m) for i, f in enumerate(families) if i not in inner for m in f.members]
    nested = [i for i, f in enumerate(families) if siblings(i, families)]
    rows = [apart_from_siblings(member, families[i], drawn) for i, member in lone]
    rows += [apart_from_families(i, families, drawn) for i in nested]
    # A broader term cannot tell siblings apart.
    different = named(rows, None)
    said: dict[int, list[Difference]] = {}
    for (i, member), found in zip(lone, different, strict=False):
        new = _new(found, member, proposals[member].name, shared[i].name)
        said.setdefault(i, []).extend(new[:1])
    out: list[Family] = []
    taken: set[str] = set()
    for i, (family, found) in enumerate(zip(families, shared, strict=True)):
        names = names_of_kind(found)
        by = scorers.get(found.kind or "")
        free = [n for n in names if merge_key(n) not in taken]
        name = next((n for n in free if by and tells(n, family, drawn, by)), None)
        taken.add(merge_key(name or ""))
        kind, own = found.kind or "phrase", tuple(said.get(i, ()))
        out.append(replace(family, name=name, kind=kind, differences=own))
    for i, found in zip(nested, different[len(lone) :], strict=True):
        parent = out[i].parent
        new = _new(found, -1, out[i].name, None if parent is None else out[parent].name)
        out[i] = replace(out[i], apart=new[0] if new else None)
    return out


def siblings(i: int, families: Sequence[Family]) -> list[Family]:
    """Return the other families with the same parent; none at the top.

    Examples
    --------
    >>> from semascope.name import Family
    >>> from semascope.name.families import siblings
    >>> siblings(1, [Family((0, 1, 2, 3)), Family((0, 1), 0), Family((2, 3), 0)])[0].members
    (2, 3)
    """
    parent = families[i].parent
    if parent is None:
        return []
    return [f for j, f in enumerate(families) if f.parent == parent and j != i]


def _new(found: Proposal, member: int, *known: str | None) -> list[Difference]:
    """Return what a proposal says beyond what is known, if it is sure."""
    sure = (found.held_in or 0) >= _APART
    names = names_of_kind(found) if sure else []
    kind = found.kind or "phrase"
    return [Difference(member, n, kind) for n in names if _says_more(n, *known)]


def names_of_kind(found: Proposal) -> list[str]:
    """Return a proposal's name and those alternatives that can be scored as it is.

    Alternatives may be of another kind, and what scores conditions on columns reads no phrases.

    Examples
    --------
    >>> from semascope.name import Proposal
    >>> from semascope.name.families import names_of_kind
    >>> found = Proposal("named", "age >= 60", "rule", alternatives=["old people", "age > 50"])
    >>> names_of_kind(found)
    ['age >= 60', 'age > 50']
    """
    if found.name is None:
        return []
    if found.kind != "rule":
        return [found.name, *found.alternatives]
    return [found.name, *(name for name in found.alternatives if _is_rule(name))]


def _is_rule(name: str) -> bool:
    try:
        parse_rule(name)
    except InputError:
        return False
    return True


def _says_more(name: str, *known: str | None) -> bool:
    stems = set(merge_key(name).split())
    return all(k is None or not stems <= set(merge_key(k).split()) for k in known)


def shared_rows(family: Family, drawn: Sequence[Contrast], *, seed: int = 0) -> Contrast:
    """Return rows of all members, as many of each, and rows on which none of them is active.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Family, shared_rows
    >>> one, none = np.ones(2, dtype=np.float32), np.arange(0)
    >>> drawn = [Contrast(np.arange(i, i + 2), one, none, np.arange(i + 2, 9)) for i in (0, 2)]
    >>> found = shared_rows(Family((0, 1)), drawn)
    >>> found.active.tolist(), found.other.tolist()
    ([0, 1, 2, 3], [4, 5, 6, 7, 8])
    """
    share = max(FEWEST, _MOST_ROWS // len(family.members))
    parts = [_spread(drawn[m].active, share) for m in family.members]
    active = np.unique(np.concatenate(parts))
    own = np.unique(np.concatenate([drawn[m].active for m in family.members]))
    other = np.setdiff1d(np.concatenate([drawn[m].inactive for m in family.members]), own)
    random = generator(seed, "outside", *family.members)
    picked = np.sort(random.choice(other, min(len(other), _MOST_ROWS), replace=False))
    none = np.zeros(0, dtype=np.int64)
    return Contrast(active, np.ones(len(active), dtype=np.float32), none, picked)


def _spread(rows: Rows, most: int) -> Rows:
    """Rows over all strengths."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def apart_from_siblings(member: int, family: Family, drawn: Sequence[Contrast]) -> Contrast:
    """Return strong rows of one member, and rows of the others.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Family, apart_from_siblings
    >>> one, none = np.ones(2, dtype=np.float32), np.arange(0)
    >>> drawn = [Contrast(np.arange(i, i + 2), one, none, none) for i in (0, 2)]
    >>> apart_from_siblings(0, Family((0, 1)), drawn).inactive.tolist()
    [2, 3]
    """
    own = drawn[member]
    rest = [drawn[m].active for m in family.members if m != member]
    share = max(FEWEST, _MOST_ROWS // len(rest))
    theirs = np.unique(np.concatenate([_spread(rows, share) for rows in rest]))
    theirs = np.setdiff1d(theirs, own.active)
    # Weak rows are what all siblings have in common.
    strong = own.active[: max(FEWEST, (len(own.active) + 1) // 2)]
    alone = np.flatnonzero(~np.isin(strong, np.concatenate(rest)))
    return Contrast(own.active[alone], own.activations[alone], theirs, theirs[:0])


def apart_from_families(i: int, families: Sequence[Family], drawn: Sequence[Contrast]) -> Contrast:
    """Return rows of one family, and rows of the other families of its parent.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Family, apart_from_families
    >>> one, none = np.ones(2, dtype=np.float32), np.arange(0)
    >>> drawn = [Contrast(np.arange(i, i + 2), one, none, none) for i in (0, 2, 4, 6)]
    >>> families = [Family((0, 1, 2, 3)), Family((0, 1), 0), Family((2, 3), 0)]
    >>> apart_from_families(1, families, drawn).inactive.tolist()
    [4, 5, 6, 7]
    """
    others = siblings(i, families)
    own = np.concatenate([drawn[m].active for m in families[i].members])
    parts = [shared_rows(f, drawn).active for f in others]
    rest = np.concatenate([drawn[m].active for f in others for m in f.members])
    active = np.setdiff1d(shared_rows(families[i], drawn).active, rest)
    theirs = np.setdiff1d(np.concatenate(parts), own) if parts else active[:0]
    return Contrast(active, np.ones(len(active), dtype=np.float32), theirs, theirs[:0])
