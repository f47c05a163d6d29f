"""Group concepts into families, name them, and keep what holds on *verify* rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from semascope.core import Codes
from semascope.discover import Dictionary
from semascope.lexicon import FAMILIES, FAMILY_SCORES, Contrast, Relevance
from semascope.measure import Verdict, decide, verify_names
from semascope.name import (
    Difference,
    Evidence,
    Family,
    Proposal,
    apart_from_families,
    apart_from_siblings,
    group_concepts,
    name_families,
    shared_rows,
)
from semascope.name.held_in import aurocs, lower_end
from semascope.pipeline.naming import Material

# A difference that does worse on rows that nothing was chosen on is not shown.
_APART = 0.8
# Nor one that does hardly better than the name itself.
_BETTER = 0.1
_LEAST = 0.7
_FEWEST = 3


def find_families(
    material: Material,
    dictionary: Dictionary,
    codes: Codes,
    concepts: pl.DataFrame,
    *,
    sizes: Sequence[int] = (16, 4),
) -> pl.DataFrame:
    """Group concepts and name the groups on *name* rows; drop what fails on *verify* rows.

    Parameters
    ----------
    material : Material
        Items, vectors and splits.
    dictionary, codes
        The latents, and their activations on all rows.
    concepts : polars.DataFrame
        The table of concepts, with names.
    sizes : sequence of int, default (16, 4)
        Usual members of a family at each level, widest first.

    Returns
    -------
    polars.DataFrame
        With the columns of `semascope.lexicon.FAMILIES`; see `Lexicon.families`.

    Examples
    --------
    >>> import semascope as sc
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> sc.learn(texts, components=8, active=2, progress=False).families.columns[:3]
    ['id', 'name', 'parent']
    """
    families = group_concepts(dictionary.atoms, codes, material.rows["name"], sizes=sizes)
    if not families:
        return pl.DataFrame(schema=FAMILIES)
    drawn = material.contrasts(dictionary, codes, "name")
    tested = material.contrasts(dictionary, codes, "verify")
    proposals = [Proposal("named" if name else "unnamed", name) for name in concepts["name"]]
    families = name_families(
        families,
        [Evidence(j, contrast) for j, contrast in enumerate(drawn)],
        proposals,
        material.items,
        text=material.text,
        relevance=material.relevance,
        bank=material.bank,
        leave_out=material.leave_out,
        events=material.events,
        seed=material.seed,
    )
    return _table(families, concepts, tested, material.scorers(), material.seed)


def _table(
    families: Sequence[Family],
    concepts: pl.DataFrame,
    tested: Sequence[Contrast],
    scorers: dict[str, Relevance],
    seed: int,
) -> pl.DataFrame:
    ids, kinds = concepts["id"], concepts["name_kind"]
    names = concepts["name"]
    pooled = [shared_rows(family, tested, seed=seed) for family in families]
    verdicts = verify_names(
        [f.name for f in families],
        [None if f.name is None else 0.0 for f in families],
        pooled,
        lambda i: scorers[families[i].kind or "value"],
        seed=seed,
    )
    found = []
    for i, (family, verdict) in enumerate(zip(families, verdicts, strict=True)):
        apart = family.apart
        if apart is not None:
            rows = apart_from_families(i, families, tested)
            apart = apart if difference_holds(apart, None, None, scorers, rows) else None
        told = [
            {"concept": ids[d.member], "name": d.name}
            for d in family.differences
            if difference_holds(
                d,
                names[d.member],
                kinds[d.member],
                scorers,
                apart_from_siblings(d.member, family, tested),
            )
        ]
        row: dict[str, Any] = {
            "id": f"f{i}",
            "name": family.name,
            "parent": None if family.parent is None else f"f{family.parent}",
            "members": [ids[j] for j in family.members],
            "apart": None if apart is None else apart.name,
            "differences": told,
        }
        found.append(row | family_scores(verdict))
    table = decide(pl.DataFrame(found, schema=FAMILIES))
    # A family without a name that holds is known by its members, and by what others have not.
    holds = name_holds()
    return table.with_columns(
        pl.when(~holds).then(pl.col("apart")).alias("apart"),
        *(pl.when(holds).then(pl.col(c)).alias(c) for c in ("name", *FAMILY_SCORES)),
    )


def name_holds() -> pl.Expr:
    """Tell of families whether their name did well enough on *verify* rows to be shown.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.pipeline.families import name_holds
    >>> table = pl.DataFrame({"verdict": ["weak", "rejected", None], "trust": [0.8, 0.9, None]})
    >>> table.select(name_holds())["verdict"].to_list()
    [True, False, False]
    """
    well = pl.col("verdict").is_in(["trusted", "weak"]) & (pl.col("trust") >= _LEAST)
    return well.fill_null(False)


def family_scores(verdict: Verdict | None) -> dict[str, float | str | None]:
    """Return the columns of a family's score; those of ``decide`` are still to be filled.

    Examples
    --------
    >>> from semascope.pipeline.families import family_scores
    >>> family_scores(None)["trust"] is None
    True
    """
    if verdict is None:
        return dict.fromkeys(FAMILY_SCORES)
    t = verdict.trust
    values = (t.value, t.low, t.high, t.null, verdict.p, None, None, t.n)
    return dict(zip(FAMILY_SCORES, values, strict=True))


def difference_holds(
    difference: Difference,
    name: str | None,
    kind: str | None,
    scorers: dict[str, Relevance],
    rows: Contrast,
) -> bool:
    """Tell whether a difference sets rows apart from those of siblings, as the name does not.

    Parameters
    ----------
    difference : Difference
        Of a concept, or of a family.
    name, kind : str or None
        What it is called by now.
    scorers : dict of str to Relevance
        By kind of name.
    rows : Contrast
        *Verify* rows of its own, and of its siblings.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.name import Difference
    >>> from semascope.pipeline.families import difference_holds
    >>> one, none = np.ones(9, dtype=np.float32), np.arange(0)
    >>> rows = Contrast(np.arange(9), one, none, np.arange(9, 18))
    >>> scorers = {"phrase": ByWords(pl.Series(["late train"] * 9 + ["train"] * 9))}
    >>> difference_holds(Difference(0, "late"), "train", "phrase", scorers, rows)
    True
    """
    if min(len(rows.active), len(rows.inactive)) < _FEWEST:
        return False
    value = float(aurocs(scorers[difference.kind], [difference.name], rows)[0])
    if value < _APART or lower_end(value, rows) <= 0.5:
        return False
    if name is None:
        return True
    by = scorers.get(kind or "")
    return by is not None and value >= float(aurocs(by, [name], rows)[0]) + _BETTER
