"""Contrast sheets for the concepts of a lexicon whose items are images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from semascope.core import InputError, generator, progress, require_writable
from semascope.lexicon import Contrast, Lexicon, split_rows
from semascope.name import Sheet, contrast_sheet, exemplars, image_parts
from semascope.name.cases import NOTHING
from semascope.name.sheets import Box

_RANDOM = 50
_PATCHES = 16


def write_sheets(
    lexicon: Lexicon,
    folder: str | Path,
    *,
    concepts: Sequence[str] | None = None,
    images: str | Path | None = None,
    encode: Any = None,
    show_progress: bool = False,
) -> dict[str, Path]:
    """Write a picture for each concept: images that fire it, from strong to weak, and near-misses.

    All are of the *name* split, as are other examples. See `contrast_sheet`.

    Parameters
    ----------
    lexicon : Lexicon
        Learned with ``images=``.
    folder : path
        Where ``c12.png`` and so on are written; made if it is not there.
    concepts : sequence of str, optional
        Ids or names; by default all that are active.
    images : path, optional
        What relative paths start from, if the images were moved since.
    encode : callable, optional
        What made the vectors, from a list of ``PIL.Image`` in RGB. With it, the patches that fire
        the concept are framed: those of 16 that take half as much of the pre-activation with them
        as the most important one (see `image_parts`). 17 images are embedded for each active one.
    show_progress : bool
        Show a bar.

    Returns
    -------
    dict of str to Path
        The pictures by concept.

    Raises
    ------
    InputError
        If the lexicon has no images, or a file that would be shown is not there; before anything is
        drawn.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from PIL import Image
    >>> import semascope as sc
    >>> from semascope.pipeline import write_sheets
    >>> grey = np.arange(90) % 3 * 100
    >>> for level in (0, 100, 200):
    ...     Image.new("L", (8, 8), level).save(f"{level}.png")
    >>> items = pl.DataFrame({"file": [f"{level}.png" for level in grey]})
    >>> x = np.eye(3)[np.arange(90) % 3] + 0.01
    >>> lex = sc.learn(items, vectors=x, images="file", components=3, active=1, progress=False)
    >>> len(write_sheets(lex, "sheets")) >= 1
    True
    """
    column = lexicon.images
    if column is None:
        raise InputError(
            "this lexicon knows of no images; learn it with --images COLUMN, the column of their "
            "paths"
        )
    table, picked = lexicon.concepts, picked_concepts(lexicon, concepts)
    start = Path(images) if images is not None else Path(lexicon.info["images"]["folder"])
    paths = lexicon.items[column]
    drawn = {j: examples_of(lexicon, j) for j in picked}
    shown = [band.rows for c in drawn.values() for band in exemplars(c)]
    check_images(paths, start, np.unique(np.concatenate([np.arange(0), *shown])))
    folder = Path(folder)
    require_writable(folder / "c0.png") if folder.exists() else require_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    out = {}
    with progress("draw", len(picked), "sheets", show=show_progress) as bar:
        for j in picked:
            id = str(table["id"][j])
            out[id] = folder / f"{id}.png"
            boxes = {} if encode is None else _framed(lexicon, j, drawn[j], paths, start, encode)
            _sheet(lexicon, j, drawn[j], paths, start, boxes).save(out[id])
            bar.advance()
    return out


def check_images(paths: pl.Series, folder: Path, rows: np.ndarray | None = None) -> None:
    """Raise `InputError` if an image is not there; rows without a path are left alone.

    Parameters
    ----------
    paths : polars.Series
        Of all rows.
    folder : Path
        What relative paths start from.
    rows : ndarray of int64, optional
        Rows to look at; by default all.

    Examples
    --------
    >>> from pathlib import Path
    >>> import polars as pl
    >>> from semascope.pipeline.sheets import check_images
    >>> check_images(pl.Series("file", [None, "gone.png"]), Path("."))
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: 1 of 2 images of column 'file' is not there: row 1 ...
    """
    looked = range(len(paths)) if rows is None else rows.tolist()
    missing = [i for i in looked if paths[i] is not None and not (folder / paths[i]).is_file()]
    if missing:
        first = folder / paths[missing[0]]
        raise InputError(
            f"{len(missing)} of {len(looked)} images of column '{paths.name}' "
            f"{'is' if len(missing) == 1 else 'are'} not there: row {missing[0]} (counted from 0) "
            f"names {first}"
        )


def picked_concepts(lexicon: Lexicon, concepts: Sequence[str] | None) -> list[int]:
    """Return the places of concepts by id or name; by default of all that are active.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.pipeline.sheets import picked_concepts
    >>> x = np.eye(3)[np.arange(90) % 3]
    >>> picked_concepts(sc.learn(vectors=x, components=3, active=1, progress=False), ["c2", "c0"])
    [2, 0]
    """
    if concepts is not None:
        return [lexicon.row_of(concept) for concept in dict.fromkeys(concepts)]
    table = lexicon.concepts
    return ((table["became"].list.len() == 0) & (table["prevalence"] > 0)).arg_true().to_list()


def examples_of(lexicon: Lexicon, j: int) -> Contrast:
    """Return *name* rows of a concept; its near-misses are kept in the lexicon.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.pipeline.sheets import examples_of
    >>> x = np.eye(3)[np.arange(90) % 3]
    >>> lex = sc.learn(vectors=x, components=3, active=1, progress=False)
    >>> bool((lex.splits[examples_of(lex, 0).active] == 1).all())
    True
    """
    seed = int(lexicon.info.get("seed") or 0)
    rows = split_rows(lexicon.splits, "name", seed=seed)
    m = lexicon.dictionary.n_components
    fired, values = (lexicon.base_codes if j < m else lexicon.codes).column(j)
    inside = np.isin(fired, rows)
    order = np.argsort(-values[inside], kind="stable")
    near = np.array(lexicon.concepts["near_misses"][j].to_list(), dtype=np.int64)
    free = np.setdiff1d(np.setdiff1d(rows, fired), near)
    random = generator(seed, "sheet", str(lexicon.concepts["id"][j]))
    other = random.choice(free, min(len(free), _RANDOM), replace=False)
    return Contrast(fired[inside][order], values[inside][order], near, other)


def _framed(
    lexicon: Lexicon, j: int, drawn: Contrast, paths: pl.Series, folder: Path, encode: Any
) -> dict[int, list[Box]]:
    """Return the patches of shown images that fire a concept; none of those that edits made."""
    if j >= lexicon.dictionary.n_components:
        return {}
    shown = np.concatenate([np.arange(0), *(b.rows for b in exemplars(drawn) if b.active)])
    rows = [NOTHING] * lexicon.dictionary.n_components
    rows[j] = Contrast(shown, np.ones(len(shown), dtype=np.float32), NOTHING.near, NOTHING.other)
    find = image_parts(
        paths, encode, lexicon.dictionary, folder=folder, each=len(shown) + 1,
        most=_PATCHES * (len(shown) + 1), most_passes=(_PATCHES + 1) * (len(shown) + 1),
    )  # fmt: skip
    boxes: dict[int, list[Box]] = {}
    most: dict[int, float] = {}
    for part in find(rows)[j]:
        # Strongest first.
        if part.box is not None and part.share >= most.setdefault(part.row, part.share) / 2:
            boxes.setdefault(part.row, []).append(part.box)
    return boxes


def _sheet(
    lexicon: Lexicon,
    j: int,
    drawn: Contrast,
    paths: pl.Series,
    folder: Path,
    boxes: dict[int, list[Box]],
) -> Sheet:
    row = lexicon.concepts.row(j, named=True)
    notes = [row["verdict"]] if row["verdict"] else []
    if row["trust"] is not None:
        notes.append(
            f"trust {row['trust']:.2f} [{row['trust_low']:.2f}, {row['trust_high']:.2f}], chance "
            f"{row['trust_null']:.2f}"
        )
    notes.append(f"{100 * (row['prevalence'] or 0):.1f} % of {len(lexicon.items):,} images")
    title = f"{row['id']} · {row['name'] or '(unnamed)'}"
    if boxes:
        notes.append("framed: what fires it")
    return contrast_sheet(
        paths, drawn, title=title, note=" · ".join(notes), folder=folder, boxes=boxes
    )
