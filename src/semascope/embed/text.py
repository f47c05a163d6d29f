"""Texts become vectors: batches, cache, and a report of what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext
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
_LEAST_TOKENS = 512


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
    _check_out(out, len(rows), model.known_dimensions)
    seen: dict[str, int] = {}
    inverse = np.array([seen.setdefault(text, len(seen)) for text in rows], dtype=np.int64)
    unique, copies = list(seen), np.bincount(inverse)
    first = np.unique(inverse, return_index=True)[1]
    wanted = model.is_model if cache is None else cache is not False
    folder = None if isinstance(cache, bool | None) else cache
    store = VectorCache(model.fingerprint, folder) if wanted else None
    result = out
    with (
        nullcontext() if store is None else store,
        progress("embed", len(rows), "texts", show=show_progress) as bar,
    ):
        work = _Work(model, store, batch_tokens, bar)
        for span, pieces, counts in _chunks(unique, split):
            vectors = work.items(pieces, counts, copies[span])
            if result is None:
                result = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
            _check_out(result, len(rows), vectors.shape[1])
            result[first[span]] = vectors
    if result is None:
        raise InputError("texts are empty: no rows were passed")
    again = np.flatnonzero(first[inverse] != np.arange(len(rows)))
    for start in range(0, len(again), _CHUNK):
        some = again[start : start + _CHUNK]
        result[some] = result[first[inverse[some]]]
    return result, work.report(len(rows), len(unique), split)


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
    """Embeds chunks of pieces and keeps count."""

    model: TextEncoder
    store: VectorCache | None
    batch_tokens: int
    bar: Progress
    n_pieces: int = 0
    n_cached: int = 0
    n_truncated: int = 0
    longest: int = 0

    def items(self, pieces: list[str], counts: Counts, copies: Counts) -> Vectors:
        """Return one vector for every `counts[i]` pieces; `copies[i]` rows have that text."""
        seen: dict[str, int] = {}
        place = np.array([seen.setdefault(piece, len(seen)) for piece in pieces], dtype=np.int64)
        vectors, tokens = self._embed(list(seen), place, counts, copies)
        tokens = tokens[place]
        read = tokens
        if self.model.max_tokens is not None:
            read = np.minimum(tokens, self.model.max_tokens)
        cut = np.logical_or.reduceat(tokens > read, np.cumsum(counts) - counts)
        self.n_truncated += int(copies[cut].sum())
        self.longest = max(self.longest, int(tokens.max()))
        return aggregate(vectors[place], np.maximum(read, 1), counts)

    def report(self, n: int, n_unique: int, split: Split | None) -> EmbedReport:
        return EmbedReport(
            n=n,
            n_unique=n_unique,
            n_pieces=self.n_pieces,
            n_cached=self.n_cached,
            n_truncated=self.n_truncated,
            max_tokens=self.model.max_tokens,
            longest=self.longest,
            split=split,
            encoder=self.model.describe(),
        )

    def _embed(
        self, pieces: list[str], place: Counts, counts: Counts, copies: Counts
    ) -> tuple[Vectors, Counts]:
        tokens, ready = np.zeros(len(pieces), dtype=np.int64), np.zeros(len(pieces), dtype=bool)
        vectors = self._look_up(pieces, tokens, ready)
        missing = np.flatnonzero(~ready)
        self.n_pieces += len(pieces)
        self.n_cached += len(pieces) - len(missing)
        shown = self._show(ready[place], counts, copies, 0)
        if len(missing):
            tokens[missing] = self.model.count_tokens([pieces[i] for i in missing])
        batches = [missing[batch] for batch in self._batches(tokens[missing])]
        texts = [[pieces[i] for i in index] for index in batches]
        with closing(self.model.embed_batches(texts)) as embedded:
            for index, some, fresh in zip(batches, texts, embedded, strict=True):
                if self.store is not None:
                    self.store.put(some, fresh, tokens[index].tolist())
                if vectors is None:
                    vectors = np.empty((len(pieces), fresh.shape[1]), dtype=np.float32)
                vectors[index], ready[index] = fresh, True
                shown = self._show(ready[place], counts, copies, shown)
        if vectors is None:
            raise InputError("texts are empty: no rows were passed")
        return vectors, tokens

    def _look_up(
        self, pieces: list[str], tokens: Counts, ready: npt.NDArray[np.bool_]
    ) -> Vectors | None:
        if self.store is None:
            return None
        found, kept, counted = self.store.get(pieces, self.model.known_dimensions)
        if not len(found):
            return None
        self.model.known_dimensions = kept.shape[1]
        vectors = np.empty((len(pieces), kept.shape[1]), dtype=np.float32)
        vectors[found], tokens[found], ready[found] = kept, counted, True
        return vectors

    def _batches(self, tokens: Counts) -> Iterator[Counts]:
        if not self.model.is_model:
            return plan_batches(tokens, self.batch_tokens, uniform=False)
        widths = np.array([padded_width(n, self.model.max_tokens) for n in tokens.tolist()])
        # Little work still makes several batches, which run side by side.
        most = min(self.batch_tokens, max(_LEAST_TOKENS, int(widths.sum()) // 8))
        return plan_batches(widths, most, uniform=True)

    def _show(
        self, ready: npt.NDArray[np.bool_], counts: Counts, copies: Counts, shown: int
    ) -> int:
        # A text is done when the last of its pieces is.
        whole = np.logical_and.reduceat(ready, np.cumsum(counts) - counts)
        done = int(copies[whole].sum())
        self.bar.advance(done - shown)
        return done


def _chunks(unique: list[str], split: Split | None) -> Iterator[tuple[slice, list[str], Counts]]:
    """Cut the work into parts whose vectors fit in memory: which texts, their pieces, how many."""
    start = 0
    pieces: list[str] = []
    counts: list[int] = []
    for i, text in enumerate(unique):
        parts = [text] if split is None else split_text(text, split)
        pieces += parts
        counts.append(len(parts))
        if len(pieces) >= _CHUNK or i == len(unique) - 1:
            yield slice(start, i + 1), pieces, np.array(counts, dtype=np.int64)
            start, pieces, counts = i + 1, [], []


def _check_out(out: Any, n: int, dimensions: int | None) -> None:
    if out is None:
        return
    usable = isinstance(out, np.ndarray) and out.dtype == np.float32 and out.flags.writeable
    if not usable or out.ndim != 2 or len(out) != n or dimensions not in (None, out.shape[1]):
        found = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise InputError(
            f"out must be a writable float32 array of shape ({n}, {dimensions or 'd'}), got {found}"
            f"{' (read-only)' if isinstance(out, np.ndarray) and not out.flags.writeable else ''}"
        )
