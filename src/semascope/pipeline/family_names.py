"""Names of families by a language model: what the members share, by their names and their rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from semascope.core import InputError
from semascope.lexicon import FAMILY_SCORES, AnyName, Contrast, Lexicon, Relevance
from semascope.llm import ByDetection, OverBudgetError, Report
from semascope.measure import Verdict, decide, verify_names
from semascope.name import (
    Case,
    Difference,
    Family,
    Pictures,
    Proposal,
    apart_from_siblings,
    ask_names,
    cases_of,
    picture_cases,
    shared_rows,
    tells,
)
from semascope.name.words import merge_key
from semascope.pipeline.families import difference_holds, family_scores, name_holds
from semascope.pipeline.naming import Material
from semascope.pipeline.pictured import Asking, verify_pictures


def families_in(table: pl.DataFrame, ids: Sequence[str]) -> list[Family]:
    """Read families of a table, with latents for ids of concepts.

    Parameters
    ----------
    table : polars.DataFrame
        As in ``families.parquet``.
    ids : sequence of str
        Of all concepts.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.pipeline.family_names import families_in
    >>> table = pl.DataFrame({"id": ["f0", "f1"], "parent": [None, "f0"], "name": ["drinks", None],
    ...     "members": [["c0", "c1", "c2"], ["c1", "c2"]]})
    >>> [(family.members, family.parent) for family in families_in(table, ["c0", "c1", "c2"])]
    [((0, 1, 2), None), ((1, 2), 0)]
    """
    latent = {id: j for j, id in enumerate(ids)}
    place = {id: i for i, id in enumerate(table["id"])}
    return [
        Family(
            tuple(sorted(latent[id] for id in row["members"])),
            None if row["parent"] is None else place[row["parent"]],
            row["name"],
        )
        for row in table.select("members", "parent", "name").iter_rows(named=True)
    ]


def family_cases(
    families: Sequence[Family],
    drawn: Sequence[Contrast],
    any_name: AnyName,
    items: pl.Series | Pictures,
    *,
    seed: int = 0,
) -> list[Case]:
    """Return what a language model is shown of each family, but for the names of its members.

    Parameters
    ----------
    families : sequence of Family
        With the names that new ones have to beat.
    drawn : sequence of Contrast
        *Name* rows of all concepts.
    any_name : AnyName
        Tells the kind of a name.
    items : polars.Series or Pictures
        Texts, or images, of all rows.
    seed : int
        Choice of rows outside of a family.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import AnyName, Contrast
    >>> from semascope.name import Family
    >>> from semascope.pipeline.family_names import family_cases
    >>> texts = pl.Series([f"late {i}" for i in range(40)])
    >>> one, none = np.ones(9, dtype=np.float32), np.arange(0)
    >>> drawn = [Contrast(np.arange(9) + i, one, none, np.arange(20, 40)) for i in (0, 9)]
    >>> family_cases([Family((0, 1), name="trips")], drawn, AnyName({}), texts)[0].current
    'trips'
    """
    pooled = [shared_rows(family, drawn, seed=seed) for family in families]
    current = [family.name for family in families]
    options: dict[str, Any] = {
        "current": current,
        "kinds": [None if name is None else any_name.kind(name) for name in current],
    }
    if isinstance(items, Pictures):
        return picture_cases(pooled, items, **options)
    return cases_of(pooled, items, **options)


def renewed_families(
    lexicon: Lexicon,
    table: pl.DataFrame,
    material: Material,
    drawn: Sequence[Contrast],
    any_name: AnyName,
    asking: Asking,
    *,
    cases: Sequence[Case] | None = None,
    relevance: Relevance | None = None,
    pictures: Pictures | None = None,
) -> tuple[pl.DataFrame, Report]:
    """Let families follow new names of their members, and name them by a language model.

    A family gets a new name if that tells held-in rows better than the old one, tells the rows of
    two thirds of the members, each by itself, is nobody else's, and holds on *verify* rows;
    otherwise it keeps its name and scores. Differences that the new name of a member says already
    are dropped.

    Parameters
    ----------
    lexicon : Lexicon
        With the families as they were.
    table : polars.DataFrame
        The concepts with their new names.
    material : Material
        Rows of the *name* and *verify* splits.
    drawn : sequence of Contrast
        *Name* rows of all concepts.
    any_name : AnyName
        Scores names of other kinds than phrases.
    asking : Asking
        Whom to ask.
    cases : sequence of Case, optional
        From `family_cases`; without, nothing is asked, and families only follow.
    relevance : Relevance, optional
        How phrases score rows; a judge, for images.
    pictures : Pictures, optional
        Images of all rows, if these are shown.

    Returns
    -------
    (polars.DataFrame, Report)

    Examples
    --------
    >>> from semascope.pipeline.family_names import renewed_families
    >>> renewed_families.__name__
    'renewed_families'
    """
    before = lexicon.base_families
    if not len(before):
        return before, Report()
    families = families_in(before, lexicon.base["id"].to_list())
    tested = material.contrasts(lexicon.dictionary, lexicon.base_codes, "verify")
    after = _following(before, families, table, tested, any_name)
    if cases is None or relevance is None:
        return after, Report()
    seed, names = material.seed, table["name"].to_list()
    cases = [
        replace(case, members=[str(names[j]) for j in family.members if names[j]])
        for case, family in zip(cases, families, strict=True)
    ]
    try:
        proposals, report = ask_names(
            cases,
            asking.endpoint,
            relevance=relevance,
            scorers=any_name.by_kind,
            seed=seed,
            **asking.options,
        )
    except OverBudgetError:
        if asking.budget is None or not asking.budget.spent_tokens:
            raise
        return after, Report(asked=len(cases), unasked=len(cases), stopped="budget")
    chosen = _chosen(families, cases, proposals, drawn, names, relevance)
    if not any(chosen):
        return after, report
    called = [new or family.name for new, family in zip(chosen, families, strict=True)]
    thresholds = [None if new is None else 0.5 for new in chosen]
    pooled = [shared_rows(family, tested, seed=seed) for family in families]
    verdicts: list[Verdict | None]
    if isinstance(relevance, ByDetection) and pictures is not None:
        verdicts, more = verify_pictures(
            relevance, called, thresholds, pooled, pictures, seed=seed,
            show_progress=asking.show_progress,
        )  # fmt: skip
        report += more
    else:
        verdicts = verify_names(called, thresholds, pooled, lambda i: relevance, seed=seed)
    return _with_names(after, chosen, proposals, verdicts), report


def _following(
    before: pl.DataFrame,
    families: Sequence[Family],
    table: pl.DataFrame,
    tested: Sequence[Contrast],
    any_name: AnyName,
) -> pl.DataFrame:
    """Drop differences that hardly tell more than the new names of their concepts."""
    latent = {id: j for j, id in enumerate(table["id"])}
    names, kinds = table["name"], table["name_kind"]

    def still(family: Family, said: dict[str, str]) -> bool:
        j = latent[said["concept"]]
        kind = any_name.kind(said["name"])
        # A name that only a judge can score costs too much to compare with.
        if kind not in any_name.by_kind or (names[j] and kinds[j] not in any_name.by_kind):
            return True
        rows = apart_from_siblings(j, family, tested)
        new = Difference(j, said["name"], kind)
        return difference_holds(new, names[j], kinds[j], any_name.by_kind, rows)

    kept = [
        [said for said in row or [] if still(family, said)]
        for family, row in zip(families, before["differences"].to_list(), strict=True)
    ]
    return before.with_columns(pl.Series("differences", kept, dtype=before.schema["differences"]))


def _chosen(
    families: Sequence[Family],
    cases: Sequence[Case],
    proposals: Sequence[Proposal],
    drawn: Sequence[Contrast],
    names: Sequence[str | None],
    relevance: Relevance,
) -> list[str | None]:
    """Return the new name of each family; None where the old one stays, or none holds up."""
    concepts = {merge_key(name) for name in names if name}
    taken = {merge_key(family.name) for family in families if family.name}
    out: list[str | None] = []
    for family, case, proposal in zip(families, cases, proposals, strict=True):
        chosen = None
        # Held rows are all that a judge has seen.
        within = case.held if isinstance(relevance, ByDetection) else None
        if proposal.name is not None and proposal.name != family.name:
            for name in (proposal.name, *proposal.alternatives):
                if name == family.name:
                    # What follows did no better than the name that it has.
                    break
                free = merge_key(name) not in taken | concepts
                if free and tells(name, family, drawn, relevance, within=within):
                    chosen = name
                    taken.add(merge_key(name))
                    break
        out.append(chosen)
    return out


def _with_names(
    before: pl.DataFrame,
    chosen: Sequence[str | None],
    proposals: Sequence[Proposal],
    verdicts: Sequence[Verdict | None],
) -> pl.DataFrame:
    """Give out names that hold on *verify* rows; the others leave what was there."""
    rows = []
    for row, name, proposal, verdict in zip(
        before.to_dicts(), chosen, proposals, verdicts, strict=True
    ):
        said = proposal.description if name == proposal.name else ""
        new = {"name": name, "description": said or None} | family_scores(verdict)
        rows.append(row | new if verdict is not None else row)
    fresh = decide(pl.DataFrame(rows, schema=before.schema))
    good = fresh.select(name_holds()).to_series()
    asked = pl.Series([verdict is not None for verdict in verdicts])
    columns = ["name", "description", *FAMILY_SCORES]
    found = before.with_columns(fresh[c].zip_with(asked & good, before[c]) for c in columns)
    return decide(found)


def measure_families(
    lexicon: Lexicon,
    ids: Sequence[str],
    names: Sequence[str],
    tested: Sequence[Contrast],
    relevance_of: Callable[[str], Relevance | None],
    *,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Score names that people gave to families, on *verify* rows of their members.

    Parameters
    ----------
    lexicon : Lexicon
        With its edits.
    ids, names : sequences of str
        Families, and what they are called.
    tested : sequence of Contrast
        *Verify* rows of all concepts, made ones too.
    relevance_of : callable
        Returns what scores rows by a name; None where nothing can.
    seed : int

    Returns
    -------
    list of dict
        The columns of ``FAMILY_SCORES``; empty where there is no score.

    Examples
    --------
    >>> from semascope.pipeline.family_names import measure_families
    >>> measure_families(None, [], [], [], lambda name: None)
    []
    """
    if not ids:
        return []
    table = lexicon.families
    families = families_in(table, lexicon.concepts["id"].to_list())
    called = table["name"].to_list()
    place = {id: i for i, id in enumerate(table["id"])}
    out: list[dict[str, Any]] = []
    for id, name in zip(ids, names, strict=True):
        if id not in place:
            raise InputError(f"there is no family {id}")
        i, relevance = place[id], relevance_of(name)
        if relevance is None:
            out.append({})
            continue
        pooled = shared_rows(replace(families[i], name=name), tested, seed=seed)
        verdict = verify_names(
            called,
            [0.0 if k == i else None for k in range(len(called))],
            [pooled] * len(called),
            lambda k, own=relevance: relevance_of(str(called[k])) or own,  # type: ignore[misc]
            seed=seed,
        )[i]
        if verdict is None:
            out.append({})
            continue
        new = pl.DataFrame([family_scores(verdict)])
        here = pl.int_range(pl.len()) == i
        scored = table.select(
            pl.when(here).then(pl.lit(new[key][0])).otherwise(pl.col(key)).alias(key)
            for key in ("p", "trust_low")
        )
        decided = decide(scored).row(i, named=True)
        out.append(family_scores(verdict) | {key: decided[key] for key in ("q", "verdict")})
    return out
