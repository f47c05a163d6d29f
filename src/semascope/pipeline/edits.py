"""Names for concepts that people made, and trust for names that people gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from semascope.core import InputError
from semascope.lexicon import (
    MEASURED,
    AnyName,
    Contrast,
    Edit,
    Lexicon,
    Relevance,
    check_rule,
    parse_rule,
    phrase_relevance,
    record,
    split_rows,
    stored_vectors,
)
from semascope.lexicon.editing import is_family
from semascope.measure import Verdict, decide, verify_names
from semascope.name import STATED, name_concepts
from semascope.name.cases import NOTHING
from semascope.name.held_in import threshold
from semascope.pipeline.drawn import lexicon_contrasts
from semascope.pipeline.family_names import measure_families
from semascope.pipeline.reopened import left_out
from semascope.vectors import VectorSource

_UNSCORED = (
    "without texts only a name that states a value, a rule or an order of events can be measured"
)


def measure_edits(
    lexicon: Lexicon,
    concepts: Sequence[str] | None = None,
    *,
    vectors: Any = None,
    author: str | None = None,
) -> pl.DataFrame:
    """Measure the trust of names that people gave, as that of all other names, on *verify* rows.

    A name is scored by itself, by the encoder or the words, on rows that show the concept and rows
    that do not; for a concept of the dictionary these are the rows that its old name was scored on.
    A name of a family is scored on rows of all its members and rows of none. The scores are kept in
    the ledger and hold as long as the concept, or family, has that name.

    Parameters
    ----------
    lexicon : Lexicon
        What was edited.
    concepts : sequence of str, optional
        By id or name, families by id; by default all that have a name and no trust because of an
        edit.
    vectors : array or path, optional
        The vectors that the lexicon was learned from, if it has no encoder.
    author : str, optional

    Returns
    -------
    polars.DataFrame
        ``id``, ``name``, ``trust`` with interval and null, ``note``: why there is none.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline.edits import measure_edits
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lex = sc.learn(texts, components=8, active=2, progress=False)
    >>> best = lex.concepts.sort("prevalence", descending=True)["id"][0]
    >>> lex.edit("rename", best, "tea")
    >>> lex.concepts.filter(id=best)["trust"].to_list()
    [None]
    >>> measure_edits(lex)["trust"].is_not_null().all()
    True
    """
    table = lexicon.concepts
    kin = _families(lexicon, concepts)
    if concepts is None:
        before = [*lexicon.base["name"], *[None] * (len(table) - len(lexicon.base))]
        picked = [
            j
            for j, row in enumerate(table.select("name", "trust", "became").iter_rows(named=True))
            if row["name"] is not None
            and row["trust"] is None
            and not row["became"]
            and row["name"] != before[j]
        ]
    else:
        some = [concept for concept in dict.fromkeys(concepts) if concept not in kin]
        picked = [_alive(lexicon, concept) for concept in some]
    rows = []
    if picked or kin:
        source, _ = stored_vectors(lexicon, vectors)
        name_rows = split_rows(lexicon.splits, "name", seed=int(lexicon.info.get("seed") or 0))
        any_name = AnyName.of(lexicon, phrase_relevance(lexicon, source), name_rows)
        seed = int(lexicon.info.get("seed") or 0)
        chosen = lexicon_contrasts(lexicon, source, picked, "name")
        tested = lexicon_contrasts(lexicon, source, picked, "verify")
    for j in picked:
        name = table["name"][j]
        if name is None:
            raise InputError(f"concept {table['id'][j]} has no name to measure; rename it first")
        verdict, note = None, _unscored(lexicon)
        relevance = any_name.relevance(name)
        if relevance is not None and (nothing := _satisfied_by_none(lexicon, any_name, name)):
            note = nothing
        elif relevance is not None:
            level = threshold(relevance, name, chosen[j])
            verdict = _verdict(lexicon, j, any_name.relevance, level, tested[j], seed)
            note = "" if verdict else "fewer than two verify rows on a side"
        scores: dict[str, Any] = {}
        if verdict is not None:
            scores = _scores(lexicon, j, verdict)
            scores |= {"threshold": level, "name_kind": any_name.kind(name)}
            _keep(lexicon, str(table["id"][j]), name, scores, author)
        rows.append(_row(str(table["id"][j]), name, scores, note))
    if kin:
        rows += _measured_families(lexicon, kin, any_name, source, seed, author)
    return pl.DataFrame(rows, schema=_SHAPE, orient="row")


def _satisfied_by_none(lexicon: Lexicon, any_name: AnyName, name: str) -> str:
    """Say why a name that states something is true of no row; nothing if it is, or states none."""
    relevance = any_name.relevance(name)
    every = np.arange(len(lexicon.items))
    if relevance is None or any_name.kind(name) not in STATED or relevance([name], every).any():
        return ""
    try:
        check_rule(parse_rule(name), lexicon.items)
    except InputError as err:
        return f"it is true of no row: {err}"
    return "it is true of no row"


def _unscored(lexicon: Lexicon) -> str:
    if lexicon.text is not None or lexicon.images is None:
        return _UNSCORED
    return f"{_UNSCORED}; others of images by 'semascope verify --scorers detection'"


def _families(lexicon: Lexicon, asked: Sequence[str] | None) -> dict[str, str]:
    """Return the families to measure, with their names."""
    named = {
        row["id"]: row["name"]
        for row in lexicon.families.iter_rows(named=True)
        if row["name"] is not None and (asked is not None or row["trust"] is None)
    }
    if asked is None:
        renamed = lexicon.view.family_names
        return {id: name for id, name in named.items() if renamed.get(id) == name}
    kin = [id for id in dict.fromkeys(asked) if is_family(lexicon, id)]
    for id in kin:
        if id not in named:
            raise InputError(f"family {id} has no name to measure; rename it first")
    return {id: named[id] for id in kin}


def _measured_families(
    lexicon: Lexicon,
    kin: dict[str, str],
    any_name: AnyName,
    source: VectorSource,
    seed: int,
    author: str | None,
) -> list[dict[str, Any]]:
    members = lexicon.families.filter(pl.col("id").is_in(list(kin)))["members"].explode()
    latents = sorted({lexicon.row_of(id) for id in members})
    drawn = lexicon_contrasts(lexicon, source, latents, "verify")
    tested = [drawn.get(j, NOTHING) for j in range(len(lexicon.concepts))]
    found = measure_families(
        lexicon, list(kin), list(kin.values()), tested, any_name.relevance, seed=seed
    )
    rows = []
    for (id, name), scores in zip(kin.items(), found, strict=True):
        note = (
            _unscored(lexicon)
            if any_name.relevance(name) is None
            else "too few verify rows on a side"
        )
        if scores:
            _keep(lexicon, id, name, scores, author)
        rows.append(_row(id, name, scores, "" if scores else note))
    return rows


def name_edits(
    lexicon: Lexicon,
    concepts: Sequence[str],
    *,
    vectors: Any = None,
    together: bool = False,
    author: str | None = None,
) -> dict[str, str | None]:
    """Name concepts that people made as `learn` names its own: from *name* rows, without a model.

    No name is given that another concept has, or where nothing holds up.

    Parameters
    ----------
    lexicon : Lexicon
        What was edited.
    concepts : sequence of str
        By id or name, such as the parts of a split.
    vectors : array or path, optional
        The vectors that the lexicon was learned from, if it has no encoder.
    together : bool, default False
        Let the names belong to the edit that made the concepts, so that undo takes both back.
    author : str, optional

    Returns
    -------
    dict of str to (str or None)
        The names by id.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline.edits import name_edits
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lex = sc.learn(texts, components=8, active=2, progress=False)
    >>> id = lex.merge(["c0", "c1"], name="x")
    >>> list(name_edits(lex, [id]))
    ['e1']
    """
    picked = [_alive(lexicon, concept) for concept in dict.fromkeys(concepts)]
    source, _ = stored_vectors(lexicon, vectors)
    drawn = lexicon_contrasts(lexicon, source, picked, "name")
    proposals = name_concepts(
        [drawn[j] for j in picked],
        lexicon.items,
        text=lexicon.text,
        relevance=phrase_relevance(lexicon, source),
        leave_out=left_out(lexicon),
        events=lexicon.events,
    )
    table, names, edits = lexicon.concepts, {}, []
    rest = table.with_row_index("latent").filter(~pl.col("latent").is_in(picked))
    taken = set(rest.filter(pl.col("became").list.len() == 0)["name"].drop_nulls())
    for j, proposal in zip(picked, proposals, strict=True):
        options = [proposal.name, *proposal.alternatives]
        name = next((option for option in options if option and option not in taken), None)
        names[str(table["id"][j])] = name
        if name is not None:
            taken.add(name)
            id = str(table["id"][j])
            edits.append(Edit("rename", id, name, details={"with": id} if together else {}))
    if edits:
        record(lexicon, lambda before: edits, author=author)
    return names


_SHAPE = {
    "id": pl.String,
    "name": pl.String,
    "trust": pl.Float64,
    "trust_low": pl.Float64,
    "trust_high": pl.Float64,
    "trust_null": pl.Float64,
    "verdict": pl.String,
    "note": pl.String,
}


def _alive(lexicon: Lexicon, concept: str) -> int:
    latent = lexicon.row_of(concept)
    row = lexicon.concepts.row(latent, named=True)
    if row["became"]:
        raise InputError(f"concept {row['id']} has become {', '.join(row['became'])}")
    return latent


def _verdict(
    lexicon: Lexicon,
    latent: int,
    relevance_of: Callable[[str], Relevance | None],
    level: float,
    tested: Contrast,
    seed: int,
) -> Verdict | None:
    """Score one name; its null comes from all other names."""
    table = lexicon.concepts
    alive = (table["became"].list.len() == 0).to_list()
    names = [name if keep else None for name, keep in zip(table["name"], alive, strict=True)]
    none = np.zeros(0, dtype=np.int64)
    empty = Contrast(none, np.zeros(0, dtype=np.float32), none, none)
    relevance = relevance_of(str(names[latent]))
    if relevance is None:
        return None
    verdicts = verify_names(
        names,
        [level if j == latent else None for j in range(len(names))],
        [tested if j == latent else empty for j in range(len(names))],
        lambda j: relevance_of(str(names[j])) or relevance,
        seed=seed,
    )
    return verdicts[latent]


def _scores(lexicon: Lexicon, latent: int, verdict: Verdict) -> dict[str, Any]:
    """Return what the table says of a measured name; its q is that among all names as they are."""
    trust = verdict.trust
    found = {
        "trust": trust.value,
        "trust_low": trust.low,
        "trust_high": trust.high,
        "trust_null": trust.null,
        "trust_null_high": verdict.null_high,
        "p": verdict.p,
        "balanced_accuracy": verdict.balanced_accuracy.value,
        "n_active": verdict.n_active,
        "n_inactive": verdict.n_inactive,
    }
    here = pl.int_range(pl.len()) == latent
    table = lexicon.concepts.select(
        pl.when(here).then(pl.lit(found[key])).otherwise(pl.col(key)).alias(key)
        for key in ("p", "trust_low")
    )
    decided = decide(table).row(latent, named=True)
    return dict.fromkeys(MEASURED) | found | {key: decided[key] for key in ("q", "verdict")}


def _keep(lexicon: Lexicon, id: str, name: str, scores: dict[str, Any], author: str | None) -> None:
    edit = Edit("measure", id, name, details={"scores": scores})
    record(lexicon, lambda before: [edit], author=author)


def _row(id: str, name: str, scores: dict[str, Any], note: str) -> dict[str, Any]:
    row = {"id": id, "name": name, "note": note}
    return row | {key: scores.get(key) for key in _SHAPE if key not in row}
