"""Texts become vectors: batches, cache, and a report of what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, Progress, progress
from semascope.embed.cache import VectorCache
from semascope.embed.encoder import TextEncoder, load_encoder
from semascope.embed.pieces import (
    Split,
    aggregate,
    as_texts,
    padded_width,
    plan_batches,
    split_text,
)

Vectors = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]

_CHUNK = 1 << 15


@dataclass(frozen=True)
class Truncation:
    """What an encoder cuts off; see `truncation`.

    Examples
    --------
    >>> from semascope.embed import Truncation
    >>> print(Truncation(n_texts=200, n_truncated=3, max_tokens=256, longest=900))
    3 of 200 texts (1.5%) are longer than 256 tokens (longest 900); their ends are not read
    """

    n_texts: int
    n_truncated: int
    max_tokens: int | None
    longest: int

    @property
    def share(self) -> float:
        """Share of texts that are cut off, 0 to 1."""
        return self.n_truncated / self.n_texts

    def __str__(self) -> str:
        if not self.n_truncated:
            return f"all {self.n_texts:,} texts are read whole (longest {self.longest:,} tokens)"
        return (
            f"{self.n_truncated:,} of {self.n_texts:,} texts ({self.share:.1%}) are longer than "
            f"{self.max_tokens} tokens (longest {self.longest:,}); their ends are not read"
        )


@dataclass(frozen=True)
class EmbedReport:
    """What `embed_texts` did.

    Parameters
    ----------
    n, n_unique : int
        Rows, and different texts among them.
    n_pieces, n_cached : int
        What was embedded or looked up (different texts, or their pieces), and how many of these
        came from the cache.
    n_truncated, max_tokens, longest : int, int or None, int
        Rows whose text, or a piece of it, is longer than the encoder reads; how much it reads;
        tokens of the longest text or piece.
    split : str or None
        How texts were cut.
    encoder : dict
        `TextEncoder.describe`.

    Examples
    --------
    >>> from semascope.embed import embed_texts
    >>> _, report = embed_texts(["a", "b", "a"], encoder=lambda batch: [[1.0]] * len(batch))
    >>> report.n, report.n_unique, report.n_cached, report.n_truncated
    (3, 2, 0, 0)
    """

    n: int
    n_unique: int
    n_pieces: int
    n_cached: int
    n_truncated: int
    max_tokens: int | None
    longest: int
    split: str | None
    encoder: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        return asdict(self)


def texts(
    texts: Any,
    *,
    encoder: Any = None,
    cache: bool | str | Path | None = None,
    batch_tokens: int = 4096,
    out: Vectors | None = None,
    split: Split | None = None,
    show_progress: bool = False,
) -> Vectors:
    """Embed texts; `embed_texts` with the same arguments also returns a report.

    Parameters
    ----------
    texts : sequence of str, length n
        List, array, or a column of a polars, pandas or Arrow frame.
    encoder : optional
        Whatever `load_encoder` takes; by default the model on board, all-MiniLM-L6-v2.
    cache : bool, str or Path, optional
        Folder of the vector cache; False for none, True for the default folder. By default models
        use the default folder and functions, whose code may change under the same name, none.
    batch_tokens : int, default 4096
        Tokens in a batch, padding included. Has no influence on the vectors of models on the CPU.
    out : ndarray of float32, shape (n, d), optional
        Array or writable memory map that is filled and returned, for more than memory holds.
    split : {"sentence", "paragraph"}, optional
        Embed each text piece by piece and average, weighted by tokens, instead of cutting off
        what is longer than the encoder reads.
    show_progress : bool, default False
        Draw a progress bar on standard error.

    Returns
    -------
    ndarray of float32, shape (n, d)
        One row a text, in the order of `texts`. Each different text is embedded once. Every batch
        is kept in the cache at once, so a run that was stopped goes on where it was.

    Examples
    --------
    >>> from semascope.embed import texts
    >>> texts(["I want a refund", "Where is my card?"]).shape
    (2, 384)
    """
    return embed_texts(
        texts,
        encoder=encoder,
        cache=cache,
        batch_tokens=batch_tokens,
        out=out,
        split=split,
        show_progress=show_progress,
    )[0]


def embed_texts(
    texts: Any,
    *,
    encoder: Any = None,
    cache: bool | str | Path | None = None,
    batch_tokens: int = 4096,
    out: Vectors | None = None,
    split: Split | None = None,
    show_progress: bool = False,
) -> tuple[Vectors, EmbedReport]:
    """Embed texts and report what was done; parameters as in `texts`.

    Returns
    -------
    vectors : ndarray of float32, shape (n, d)
        One row a text.
    report : EmbedReport
        Counts of duplicates, cached and truncated texts, and the encoder.

    Examples
    --------
    >>> from semascope.embed import embed_texts
    >>> vectors, report = embed_texts(["hi", "hi", "there"], encoder=lambda b: [[1, 2]] * len(b))
    >>> vectors.shape, report.n_unique
    ((3, 2), 2)
    """
    rows = as_texts(texts)
    if batch_tokens < 1:
        raise InputError(f"batch_tokens must be at least 1, got {batch_tokens}")
    if split is not None:
        split_text("", split)
    model = load_encoder(encoder)
    _check_out(out, len(rows), model)
    seen: dict[str, int] = {}
    inverse = np.array([seen.setdefault(text, len(seen)) for text in rows], dtype=np.int64)
    unique, copies = list(seen), np.bincount(inverse)
    first = np.full(len(unique), len(rows), dtype=np.int64)
    np.minimum.at(first, inverse, np.arange(len(rows)))
    pieces = cached = truncated = longest = 0
    wanted = model.is_model if cache is None else cache is not False
    folder = None if isinstance(cache, bool | None) else cache
    store = VectorCache(model.fingerprint, folder) if wanted else None
    with store or nullcontext(), progress("embed", len(rows), "texts", show=show_progress) as bar:
        work = _Work(model, store, batch_tokens, bar)
        for span, chunk, counts in _chunks(unique, split):
            vectors, tokens, found = work.run(chunk, counts, copies[span])
            if out is None:
                out = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
            _check_out(out, len(rows), model)
            read = tokens if model.max_tokens is None else np.minimum(tokens, model.max_tokens)
            out[first[span]] = aggregate(vectors, read, counts)
            cut = np.add.reduceat(tokens > read, np.cumsum(counts) - counts, dtype=np.int64) > 0
            truncated += int(copies[span][cut].sum())
            pieces, cached = pieces + len(chunk), cached + found
            longest = max(longest, int(tokens.max()))
    again = np.flatnonzero(first[inverse] != np.arange(len(rows)))
    for start in range(0, len(again), _CHUNK):
        some = again[start : start + _CHUNK]
        out[some] = out[first[inverse[some]]]
    kind = (truncated, model.max_tokens, longest, split, model.describe())
    return out, EmbedReport(len(rows), len(unique), pieces, cached, *kind)


def truncation(texts: Any, encoder: Any = None) -> Truncation:
    """Say how many texts an encoder cuts off, without embedding them.

    Parameters
    ----------
    texts : sequence of str, length n
        List, array, or a column of a frame.
    encoder : optional
        Whatever `load_encoder` takes; by default the model on board.

    Examples
    --------
    >>> from semascope.embed import truncation
    >>> print(truncation(["A card", "is lost. " * 500]))
    1 of 2 texts (50.0%) are longer than 256 tokens (longest 1,502); their ends are not read
    """
    rows, model = as_texts(texts), load_encoder(encoder)
    cut = longest = 0
    for start in range(0, len(rows), _CHUNK):
        tokens = model.count_tokens(rows[start : start + _CHUNK])
        longest = max(longest, int(tokens.max()))
        if model.max_tokens is not None:
            cut += int((tokens > model.max_tokens).sum())
    return Truncation(len(rows), cut, model.max_tokens, longest)


@dataclass
class _Work:
    model: TextEncoder
    store: VectorCache | None
    batch_tokens: int
    bar: Progress

    def run(self, chunk: list[str], counts: Counts, copies: Counts) -> tuple[Vectors, Counts, int]:
        """Return vectors and tokens of every piece, and how many of them the cache had."""
        seen: dict[str, int] = {}
        place = np.array([seen.setdefault(piece, len(seen)) for piece in chunk], dtype=np.int64)
        different = list(seen)
        done = _Done(place, counts, copies, len(different), self.bar)
        tokens = np.zeros(len(different), dtype=np.int64)
        vectors, found = np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=np.int64)
        if self.store is not None:
            found, kept, tokens[found] = self._look_up(different)
            vectors = _room(len(different), kept.shape[1])
            vectors[found] = kept
            done.mark(found)
        missing = np.setdiff1d(np.arange(len(different)), found)
        if len(missing):
            tokens[missing] = self.model.count_tokens([different[i] for i in missing])
        for batch in self._batches(tokens[missing]):
            index = missing[batch]
            some = [different[i] for i in index]
            fresh = self.model.embed_batch(some)
            if self.store is not None:
                self.store.put(some, fresh, tokens[index].tolist())
            if vectors.shape[1] != fresh.shape[1]:
                vectors = _room(len(different), fresh.shape[1])
            vectors[index] = fresh
            done.mark(index)
        return vectors[place], tokens[place], int(np.isin(place, found).sum())
