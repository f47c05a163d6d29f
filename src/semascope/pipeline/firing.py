"""Which parts of its items fire the concepts of a lexicon."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from semascope.core import InputError, listed
from semascope.lexicon import Contrast, Lexicon
from semascope.lexicon.patterns import as_events
from semascope.name import (
    PartFinder,
    column_parts,
    describing_columns,
    event_parts,
    image_parts,
    text_parts,
)
from semascope.name.cases import NOTHING
from semascope.pipeline.reopened import left_out
from semascope.pipeline.sheets import check_images, examples_of, picked_concepts

Kind = Literal["text", "images", "events", "columns"]
SCHEMA = {
    "concept": pl.String, "name": pl.String, "row": pl.Int64, "part": pl.String,
    "share": pl.Float64, "start": pl.Int64, "stop": pl.Int64, "left": pl.Float64,
    "top": pl.Float64, "right": pl.Float64, "bottom": pl.Float64,
}  # fmt: skip
_MOST_PASSES = 1 << 20


def firing_parts(
    lexicon: Lexicon,
    encode: Any = None,
    *,
    concepts: Sequence[str] | None = None,
    of: Kind | None = None,
    images: str | Path | None = None,
    grid: int = 4,
    each: int = 3,
) -> pl.DataFrame:
    """Find the parts of items that fire concepts, by leaving each part out.

    Words or sentences of texts, patches of images, events of sequences, columns of rows. The
    strongest *name* rows of each concept are looked at.

    Parameters
    ----------
    lexicon : Lexicon
        Any.
    encode : callable, optional
        What made the vectors, from items to an array (n, d): of a list of texts, of ``PIL.Image``
        in RGB, of lists of events, or of a table like the lexicon's items. By default the
        lexicon's own encoder of texts.
    concepts : sequence of str, optional
        Ids or names; by default all that are active. Not those that edits made.
    of : {"text", "images", "events", "columns"}, optional
        What is taken apart; by default the first of these that the lexicon was learned with, of
        which columns are always there.
    images : path, optional
        What relative paths of images start from, if they were moved.
    grid : int, default 4
        Patches along each edge of an image.
    each : int, default 3
        Items of each concept.

    Returns
    -------
    polars.DataFrame
        ``concept``, ``name``, ``row`` (of the items), ``part`` in words, ``share`` of the
        pre-activation that is lost with it, ``start`` and ``stop`` (characters of texts, places of
        events), ``left``, ``top``, ``right`` and ``bottom`` of a patch, as shares of width and
        height. Up to 12 parts a concept, strongest first; those that take less than 0.1 are left
        out.

    Raises
    ------
    InputError
        If the lexicon has no such items, an encoder is needed, or nothing fires.

    References
    ----------
    Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014; Li, Monroe and
    Jurafsky, "Understanding neural networks through representation erasure", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> import semascope as sc
    >>> from semascope.pipeline import firing_parts
    >>> items = pl.DataFrame({"town": ["Graz", "Linz", "Wels"] * 40})
    >>> towns = ("Graz", "Linz", "Wels")
    >>> encode = lambda rows: np.stack([rows["town"] == town for town in towns], axis=1) * 1.0
    >>> lex = sc.learn(items, vectors=encode(items), components=3, active=1, progress=False)
    >>> found = firing_parts(lex, encode)
    >>> set(found["part"]) <= {f"town = {town}" for town in towns}
    True
    """
    kind = _kind(lexicon, of)
    picked = picked_concepts(lexicon, concepts)
    m = lexicon.dictionary.n_components
    made = [str(lexicon.concepts["id"][j]) for j in picked if j >= m]
    if made and concepts is not None:
        raise InputError(f"{made[0]} was made by an edit; only the dictionary's own fire by parts")
    drawn: list[Contrast] = [NOTHING] * m
    for j in picked:
        if j < m:
            drawn[j] = examples_of(lexicon, j)
    if each < 1:
        raise InputError(f"each must be at least 1, got {each}")
    found = _finder(lexicon, kind, encode, images, grid, each, drawn)(drawn)
    names = lexicon.concepts["name"].to_list()
    rows = [
        (str(lexicon.concepts["id"][j]), names[j], p.row, p.text, p.share, p.start, p.stop,
         *(p.box or (None,) * 4))
        for j, parts in enumerate(found) for p in parts
    ]  # fmt: skip
    if not rows:
        raise InputError(
            "nothing fires by a part of it: either encode is not what made the vectors, or no part "
            "matters by itself"
        )
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _kind(lexicon: Lexicon, of: Kind | None) -> Kind:
    there = {"text": lexicon.text, "images": lexicon.images, "events": lexicon.events}
    if of is None:
        found = [kind for kind in get_args(Kind)[:3] if there[kind] is not None]
        return found[0] if found else "columns"
    if of not in get_args(Kind):
        raise InputError(f"there are no parts of '{of}'; there are {listed(get_args(Kind))}")
    if of != "columns" and there[of] is None:
        raise InputError(f"this lexicon was learned without {of}, so they have no parts")
    return of


def _finder(
    lexicon: Lexicon,
    kind: Kind,
    encode: Any,
    images: str | Path | None,
    grid: int,
    each: int,
    drawn: Sequence[Contrast],
) -> PartFinder:
    dictionary, items = lexicon.dictionary, lexicon.items
    options: dict[str, Any] = {"each": each, "most_passes": _MOST_PASSES}
    if kind == "text":
        embed = encode or lexicon.vectors_of
        return text_parts(items[str(lexicon.text)], embed, dictionary, **options)
    if encode is None:
        raise InputError(
            f"give the encoder that made the vectors from {kind}: these have to be encoded again "
            "without each of their parts"
        )
    if kind == "images":
        paths = items[str(lexicon.images)]
        folder = Path(images if images is not None else lexicon.info["images"]["folder"])
        for contrast in drawn:
            check_images(paths, folder, contrast.active[:each])
        return image_parts(paths, encode, dictionary, folder=folder, grid=grid, **options)
    if kind == "events":
        return event_parts(as_events(items[str(lexicon.events)]), encode, dictionary, **options)
    columns = describing_columns(items, left_out(lexicon))
    if not columns:
        raise InputError("this lexicon has no columns that describe its rows")
    return column_parts(items, encode, dictionary, columns=columns, **options)
