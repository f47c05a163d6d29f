"""What the user asked for, checked before any work starts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from semascope.core import (
    ArtifactError,
    InputError,
    did_you_mean,
    listed,
    require_writable,
    split_of,
)
from semascope.discover import Refine, check_refine, check_sizes, default_sizes
from semascope.lexicon import as_events
from semascope.name import Bank, read_bank
from semascope.pipeline.kept import run_folder
from semascope.pipeline.sheets import check_images
from semascope.vectors import VectorSource, as_source, blocks, items_from

SPLITTERS = ("sentence", "paragraph")


@dataclass(frozen=True)
class Request:
    """The arguments of `semascope.learn`; see there.

    Examples
    --------
    >>> from semascope.pipeline import Request
    >>> Request(data=["a text"]).seed
    0
    """

    data: Any = None
    text: str | None = None
    vectors: Any = None
    id: str | None = None
    out: Path | None = None
    encoder: Any = None
    components: int | None = None
    active: int | None = None
    max_rows: int | None = None
    refine: Refine = "refit"
    split: Literal["sentence", "paragraph"] | None = None
    encoding: str | None = None
    previous: Path | None = None
    seed: int = 0
    resume: bool = False
    overwrite: bool = False
    baseline: bool = True
    cache: Any = None
    progress: bool = True
    checkpoint_every: float = 30.0
    bank: Any = None
    together: str | None = None
    leave_out: tuple[str, ...] = ()
    events: str | None = None
    events_separator: str = ">"
    images: str | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Inputs:
    """Checked input.

    Parameters
    ----------
    items : polars.DataFrame
        One row an item.
    id : str
        Column of ids.
    text : str or None
        Column of texts.
    source : VectorSource or None
        The user's vectors; None if texts are to be embedded.
    splits : ndarray of uint8
        Side of each row.
    skipped : dict of str to int
        Rows left out, by reason.
    fingerprint : str
        Hash of ids, texts or vectors.
    zero_rows : int
        Vectors of zeros, which have no direction; they are kept, and counted.
    bank : Bank or None
        The vocabulary that was asked for.
    events : str or None
        Column of lists of events.
    images : dict or None
        Column of paths to images, and the folder that relative ones start from.

    Examples
    --------
    >>> from semascope.pipeline.request import Request, read_inputs
    >>> read_inputs(Request(data=[f"text {i}" for i in range(40)])).text
    'text'
    """

    items: pl.DataFrame
    id: str
    text: str | None
    source: VectorSource | None
    splits: np.ndarray
    skipped: dict[str, int]
    fingerprint: str
    zero_rows: int = 0
    bank: Bank | None = None
    events: str | None = None
    images: dict[str, str] | None = None


def read_inputs(request: Request) -> Inputs:
    """Read and check everything that can be checked before work starts.

    Examples
    --------
    >>> from semascope.pipeline.request import Request, read_inputs
    >>> len(read_inputs(Request(data=[f"text {i}" for i in range(40)])).splits)
    40
    """
    _check_options(request)
    source = None
    zero_rows, digest = 0, ""
    if request.vectors is not None:
        source = as_source(request.vectors)
        zero_rows, digest = _inspect(source)
    if request.data is None:
        if source is None:
            raise InputError("nothing to learn from: give a file of items, or vectors, or both")
        rows = pl.int_range(source.shape[0], eager=True).cast(pl.String)
        items, id, text, skipped = ("row-" + rows).alias("id").to_frame(), "id", None, {}
    else:
        table = items_from(
            request.data,
            text=request.text,
            id=request.id,
            encoding=request.encoding,
            need_text=source is None,
        )
        items, id, text, skipped = table.frame, table.id, table.text, table.skipped
    if request.events is not None:
        items = _with_events(request, items, id, text)
    images = None if request.images is None else _images(request, items)
    if source is not None and len(items) != source.shape[0]:
        raise InputError(
            f"{source.shape[0]} vectors do not fit {len(items)} items: there must be one vector "
            "for each item, in the same order"
        )
    if source is None and text is not None:
        if len(items) > 1 and items[text].n_unique() == 1:
            raise InputError(f"all {len(items)} texts are equal: there is nothing to learn")
        digest = _digest_texts(items[text])
    for column in (*request.leave_out, *([] if request.together is None else [request.together])):
        if column not in items.columns:
            raise InputError(
                f"there is no column '{column}'; columns: {listed(items.columns)}"
                f"{did_you_mean(column, items.columns)}"
            )
    splits = split_of(_owners(items, id, request.together))
    _check_enough(request, splits, None if source is None else source.shape[1])
    bank = request.bank
    if bank is not None and (text is None or (source is not None and request.encoder is None)):
        raise InputError(
            "a bank needs an encoder that embeds its terms, and a column of texts; name the "
            "encoder of the vectors, or leave out the bank"
        )
    if bank is not None and not isinstance(bank, Bank):
        bank = read_bank(bank)
    return Inputs(
        items, id, text, source, splits, skipped, digest, zero_rows, bank, request.events, images
    )


def _owners(items: pl.DataFrame, id: str, together: str | None) -> pl.Series:
    """Return what is hashed to split the rows."""
    if together is None:
        return items[id]
    if items[together].null_count():
        row = int(items[together].is_null().arg_true()[0])
        raise InputError(
            f"column '{together}' says which rows stay together, and is missing at row {row}"
        )
    return items[together].cast(pl.String)


def check_output(request: Request) -> None:
    """Raise now if the output is in the way or cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.pipeline.request import Request, check_output
    >>> check_output(Request(data=["a"], out=Path("new.lexicon")))
    """
    out = request.out
    if out is None:
        if request.resume:
            raise InputError("resume needs out, the lexicon that the interrupted run was to write")
        return
    finished = request.resume and run_folder(out).exists() and (out / "lexicon.json").is_file()
    if out.exists() and not request.overwrite and not finished:
        raise ArtifactError(
            f"{out} exists; choose another name with --out, or replace it with --overwrite"
        )
    if out.exists() and not (out / "lexicon.json").is_file():
        raise ArtifactError(f"{out} exists and is not a lexicon; it is not overwritten")
    require_writable(out)
    folder = run_folder(out)
    if folder.exists() and not request.resume and not request.overwrite:
        raise ArtifactError(
            f"an interrupted run is in {folder}; go on with --resume, or start again with "
            "--overwrite"
        )


def _check_options(request: Request) -> None:
    if request.split is not None and request.split not in SPLITTERS:
        raise InputError(
            f"split must be one of {', '.join(SPLITTERS)}, got '{request.split}'"
            f"{did_you_mean(request.split, SPLITTERS)}"
        )
    for name in ("components", "active", "max_rows"):
        value = getattr(request, name)
        if value is not None and (isinstance(value, bool) or int(value) != value or value < 1):
            raise InputError(f"{name} must be a whole number of at least 1, got {value}")
    check_refine(request.refine)
    if request.device != "cpu":
        from semascope.kernels import as_device

        as_device(request.device)
    if isinstance(request.seed, bool) or not 0 <= request.seed < 2**63:
        raise InputError(f"the seed must be a whole number from 0 to 2**63 - 1, got {request.seed}")
    if request.previous is not None and not (request.previous / "lexicon.json").is_file():
        raise ArtifactError(f"no lexicon at {request.previous} to take concept ids from")


def _with_events(request: Request, items: pl.DataFrame, id: str, text: str | None) -> pl.DataFrame:
    column = str(request.events)
    own = [name for name in items.columns if name not in (id, text)]
    if column not in own:
        raise InputError(
            f"--events asks for column '{column}', which is not among the columns that could hold "
            f"them{did_you_mean(column, own)}; columns: {listed(own) or 'none'}"
        )
    return items.with_columns(as_events(items[column], request.events_separator).alias(column))


def _images(request: Request, items: pl.DataFrame) -> dict[str, str]:
    """Look for every image now; a path is no use to a reader if its file is gone."""
    column = str(request.images)
    if column not in items.columns or items[column].dtype != pl.String:
        texts = [name for name, dtype in items.schema.items() if dtype == pl.String]
        raise InputError(
            f"--images asks for column '{column}' of paths{did_you_mean(column, texts)}; columns "
            f"of text: {listed(texts) or 'none'}"
        )
    folder = Path.cwd()
    if isinstance(request.data, str | Path):
        folder = Path(request.data).resolve()
        folder = folder if folder.is_dir() else folder.parent
    check_images(items[column], folder)
    return {"column": column, "folder": str(folder)}


def _check_enough(request: Request, splits: np.ndarray, d: int | None) -> None:
    n = int((splits == 0).sum())
    if n < 2:
        raise InputError(
            f"{len(splits)} rows are too few: the dictionary learns on 60 % of them, and needs at "
            "least 2 there"
        )
    m, k = default_sizes(n, d or 384)
    m = request.components or m
    check_sizes(n, m, request.active or min(k, m))


def _digest_texts(texts: pl.Series) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def _inspect(source: VectorSource) -> tuple[int, str]:
    """Count zero vectors and hash all values, in one pass."""
    digest, zeros, varies = hashlib.blake2b(digest_size=16), 0, False
    first = source.rows(0, 1)
    for _, block in blocks(source):
        digest.update(np.ascontiguousarray(block).data)
        zeros += int((~block.any(axis=1)).sum())
        varies = varies or bool((block != first).any())
    if not varies and source.shape[0] > 1:
        raise InputError(f"all {source.shape[0]} vectors are equal: there is nothing to learn")
    return zeros, digest.hexdigest()
