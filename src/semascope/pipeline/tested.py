"""The names of a lexicon, each with what scores rows by it and the rows that it is tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from semascope.core import InputError
from semascope.lexicon import AnyName, Contrast, Lexicon, Relevance
from semascope.name import STATED
from semascope.pipeline.drawn import lexicon_contrasts
from semascope.pipeline.naming import Material
from semascope.pipeline.reopened import reopen

_SOURCELESS = "nothing can score this name: the lexicon has no texts"
_SEEN = "only a language model that sees can score this name: --scorers detection"
_NO_ROWS = np.zeros(0, dtype=np.int64)
NOTHING = Contrast(_NO_ROWS, np.zeros(0, dtype=np.float32), _NO_ROWS, _NO_ROWS)


@dataclass(frozen=True)
class TestedNames:
    """Names that can be tested again; make it with `open_names`.

    Parameters
    ----------
    lexicon : Lexicon
        With its edits.
    material : Material
        Its rows and vectors.
    names : list of str or None
        Of all concepts; None where there is none, or the concept became others.
    kinds : list of str or None
        ``phrase``, ``value`` and so on.
    drawn : list of Contrast
        *Verify* rows of each concept.
    picked : list of int
        Concepts that are to be scored; the others are their null.
    any_name : AnyName
        What scores rows by a name.
    left_out : dict of str to str
        Concepts that were asked for and cannot be scored, and why.
    shown : list of str or None
        Names that a language model can judge by the items: those that texts or images can show.
    wanted : list of int
        Concepts that were asked for.

    Examples
    --------
    >>> from semascope.pipeline.tested import TestedNames
    >>> TestedNames.__name__
    'TestedNames'
    """

    # Not a test, whatever its name begins with.
    __test__ = False

    lexicon: Lexicon
    material: Material
    names: list[str | None]
    kinds: list[str | None]
    drawn: list[Contrast]
    picked: list[int]
    any_name: AnyName
    left_out: dict[str, str]
    shown: list[str | None] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)

    def relevance(self, j: int) -> Relevance:
        """Return what scores rows by the name of a concept."""
        return self.any_name.by_kind.get(self.kinds[j] or "value", self.any_name.by_kind["value"])

    def id(self, j: int) -> str:
        """Return the id of a concept."""
        return str(self.lexicon.concepts["id"][j])

    def n_active(self, j: int) -> int:
        """Count the *verify* rows that show a concept, muted or not."""
        rows = self.material.rows["verify"]
        m = self.lexicon.dictionary.n_components
        codes = self.lexicon.base_codes if j < m else self.lexicon.codes
        return int(np.isin(codes.column(j)[0], rows).sum())


def open_names(
    lexicon: Lexicon,
    concepts: Sequence[str] | None = None,
    *,
    vectors: Any = None,
    most: int = 100,
    show_progress: bool = False,
) -> TestedNames:
    """Draw the *verify* rows of all concepts, and find out what can score their names.

    Parameters
    ----------
    lexicon : Lexicon
        With texts and an encoder, unless vectors are passed.
    concepts : sequence of str, optional
        Ids or names of those to score; by default all that have a name.
    vectors : anything that holds a matrix, optional
        The vectors that it was learned from.
    most : int, default 100
        Active rows of each concept, and as many inactive ones.
    show_progress : bool
        Show a bar while texts are embedded.

    Raises
    ------
    InputError
        If a concept that was asked for does not exist, has no name, or became others.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline.tested import open_names
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lexicon = sc.learn(texts, components=8, active=2, baseline=False, progress=False)
    >>> len(open_names(lexicon).picked) == lexicon.concepts["name"].count()
    True
    """
    table = lexicon.concepts
    alive = table["became"].list.len() == 0
    names = [name if here else None for name, here in zip(table["name"], alive, strict=True)]
    if concepts is None:
        picked = [j for j, name in enumerate(names) if name is not None]
        if not picked:
            raise InputError("no concept of this lexicon has a name that could be verified")
    else:
        if not concepts:
            raise InputError("no concepts are named; name some, by id or name")
        picked = sorted({_named(lexicon, names, concept) for concept in concepts})
    material = reopen(lexicon, vectors=vectors, show_progress=show_progress)
    any_name = AnyName.of(lexicon, material.relevance, material.rows["name"])
    kinds = [None if name is None else any_name.kind(name) for name in names]
    seen = lexicon.text is None and lexicon.images is not None
    shown = [None if k in STATED else name for name, k in zip(names, kinds, strict=True)]
    left_out = {}
    for j, kind in enumerate(kinds):
        if kind is not None and any_name.by_kind.get(kind) is None:
            names[j] = kinds[j] = None
            if j in picked:
                left_out[str(table["id"][j])] = _SEEN if seen and shown[j] else _SOURCELESS
            shown[j] = shown[j] if seen else None
    here = np.flatnonzero(alive).tolist()
    drawn = lexicon_contrasts(lexicon, material.source, here, "verify", most=most)
    for j in picked:
        found = drawn.get(j, NOTHING)
        if names[j] is not None and min(len(found.active), len(found.inactive)) < 2:
            left_out[str(table["id"][j])] = "fewer than two verify rows on a side"
    return TestedNames(
        lexicon,
        material,
        names,
        kinds,
        [drawn.get(j, NOTHING) for j in range(len(table))],
        [j for j in picked if names[j] is not None],
        any_name,
        left_out,
        shown,
        picked,
    )


def _named(lexicon: Lexicon, names: Sequence[str | None], concept: str) -> int:
    j = lexicon.row_of(concept)
    if names[j] is None:
        row = lexicon.concepts.row(j, named=True)
        became = f"has become {', '.join(row['became'])}" if row["became"] else "has no name"
        raise InputError(f"concept {row['id']} {became}, and only names can be verified")
    return j
