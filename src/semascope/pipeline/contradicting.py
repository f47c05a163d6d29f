"""The rows of a lexicon that contradict a name, and a better name from its own texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from semascope.core import InputError
from semascope.lexicon import AnyName, Contrast, Lexicon
from semascope.measure import Contradictions, contradictions
from semascope.name import associations, candidate_phrases, describing_columns
from semascope.pipeline.drawn import lexicon_contrasts
from semascope.pipeline.naming import Material
from semascope.pipeline.reopened import reopen


def find_contradictions(
    lexicon: Lexicon,
    concept: str,
    *,
    vectors: Any = None,
    propose: Callable[[Contrast], Sequence[str]] | None = None,
    most: int = 10,
) -> Contradictions:
    """List what speaks against the name of a concept on *verify* rows, and propose a better name.

    Contradictions are looked for among all *verify* rows. Names are proposed from one half of the
    rows on which trust is measured (and from the name's alternatives), and reported on the other.

    Parameters
    ----------
    lexicon : Lexicon
        Where the concept is.
    concept : str
        Id or name; it must have a name.
    vectors : anything that holds a matrix, optional
        The vectors that the lexicon was learned from, if it has no encoder.
    propose : callable, optional
        Turns rows of the concept into names; by default its alternatives, phrases of its texts and
        values of its columns.
    most : int, default 10
        Contradictions of each kind.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline.contradicting import find_contradictions
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lexicon = sc.learn(texts, components=2, active=1, progress=False)
    >>> find_contradictions(lexicon, "c1").n_active > 0
    True
    """
    latent = lexicon.row_of(concept)
    row = lexicon.concepts.row(latent, named=True)
    if row["name"] is None:
        raise InputError(f"concept {row['id']} has no name that rows could contradict")
    material = reopen(lexicon, vectors=vectors)
    verify = material.rows["verify"]
    drawn = lexicon_contrasts(lexicon, material.source, [latent], "verify")[latent]
    if min(len(drawn.active), len(drawn.inactive)) < 4:
        raise InputError(
            f"concept {row['id']} has {len(drawn.active)} active and {len(drawn.inactive)} "
            "inactive verify rows; two halves of at least two are needed on either side"
        )
    return contradictions(
        row["name"],
        drawn,
        AnyName.of(lexicon, material.relevance, material.rows["name"]),
        threshold=row["threshold"],
        propose=propose or _proposer(material, list(row["alternatives"])),
        listed=_all_rows(lexicon, latent, verify),
        texts=_readable(lexicon),
        most=most,
        seed=material.seed,
    )


def _readable(lexicon: Lexicon) -> pl.Series | None:
    if lexicon.text is not None:
        return lexicon.items[lexicon.text]
    return None if lexicon.events is None else lexicon.items[lexicon.events].list.join(" → ")


def _all_rows(lexicon: Lexicon, latent: int, rows: np.ndarray) -> Contrast:
    fired, values = lexicon.codes.column(latent)
    inside = np.isin(fired, rows)
    fired, values = fired[inside], values[inside]
    order = np.argsort(-values, kind="stable")
    none = np.zeros(0, dtype=np.int64)
    return Contrast(fired[order], values[order], none, np.setdiff1d(rows, fired))


def _proposer(material: Material, alternatives: list[str]) -> Callable[[Contrast], Sequence[str]]:
    columns = describing_columns(material.items, material.hidden)

    def propose(contrast: Contrast) -> Sequence[str]:
        names = list(alternatives)
        names += [value.rule for value in associations(material.items, columns, contrast)]
        if material.text is not None:
            texts = material.items[material.text].fill_null("")
            active = texts.gather(contrast.active).to_list()
            inactive = texts.gather(contrast.inactive).to_list()
            found = candidate_phrases(active, contrast.activations, inactive)
            names += [phrase for phrase, _ in found]
        return names

    return propose
