"""A finished lexicon made ready for new tests of its names: rows, vectors and relevance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError
from semascope.lexicon import ByEncoder, ByWords, Lexicon, Relevance, split_rows
from semascope.pipeline.naming import Material
from semascope.vectors import Float32Array, VectorSource, as_source


def reopen(
    lexicon: Lexicon,
    *,
    vectors: Any = None,
    sides: tuple[str, ...] = ("name", "verify"),
    show_progress: bool = False,
) -> Material:
    """Return what the names of a lexicon can be tested on again.

    A lexicon does not keep its vectors. They are embedded again from its texts (or come from the
    cache), or passed in.

    Parameters
    ----------
    lexicon : Lexicon
        With texts and an encoder, unless vectors are passed.
    vectors : anything that holds a matrix, optional
        The vectors that it was learned from.
    sides : tuple of str
        Splits whose rows are needed.
    show_progress : bool
        Show a bar while texts are embedded.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.pipeline.reopened import reopen
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lexicon = sc.learn(texts, components=8, active=2, progress=False)
    >>> list(reopen(lexicon).rows)
    ['name', 'verify']
    """
    seed = int(lexicon.info.get("seed") or 0)
    rows = {side: split_rows(lexicon.splits, side, seed=seed) for side in sides}
    encoded = lexicon.encoder is not None or lexicon.info.get("encoder") is not None
    source: VectorSource
    if vectors is not None:
        source = as_source(vectors)
        shape = (len(lexicon.items), lexicon.dictionary.n_dimensions)
        if source.shape != shape:
            raise InputError(f"the vectors have shape {source.shape}, the lexicon's are {shape}")
    elif encoded and lexicon.text is not None:
        source = _embedded(lexicon, np.sort(np.concatenate(list(rows.values()))), show_progress)
    else:
        raise InputError(
            "this lexicon was learned from vectors that it does not keep; pass them (vectors=..., "
            "--vectors FILE) to test its names again"
        )
    relevance: Relevance | None = None
    if lexicon.text is not None:
        relevance = ByWords(lexicon.items[lexicon.text])
        if encoded:
            relevance = ByEncoder(lexicon.vectors_of, source)
    return Material(
        source,
        lexicon.items,
        rows,
        lexicon.text,
        relevance,
        left_out(lexicon),
        seed,
        events=lexicon.events,
    )


def left_out(lexicon: Lexicon) -> list[str]:
    """Return columns that must not become names: ids, images, what was asked to be left out.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.pipeline.reopened import left_out
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> left_out(sc.learn(vectors=x, components=12, active=2, progress=False))
    ['id']
    """
    images = [] if lexicon.images is None else [lexicon.images]
    return [str(lexicon.info.get("id", "id")), *images, *(lexicon.info.get("leave_out") or [])]


@dataclass(frozen=True)
class _Some:
    """Vectors of some rows, under the numbers of all rows."""

    index: npt.NDArray[np.int64]
    vectors: Float32Array
    n: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.n, self.vectors.shape[1]

    def rows(self, start: int, stop: int) -> Float32Array:
        return self.take(np.arange(start, stop))

    def take(self, index: npt.NDArray[np.int64]) -> Float32Array:
        return self.vectors[np.searchsorted(self.index, index)]


def _embedded(lexicon: Lexicon, rows: npt.NDArray[np.int64], show_progress: bool) -> _Some:
    from semascope.embed import embed_texts

    vectors, _ = embed_texts(
        lexicon.items[str(lexicon.text)].gather(rows),
        encoder=lexicon.text_encoder,
        split=lexicon.info.get("split_texts"),
        show_progress=show_progress,
    )
    return _Some(rows, vectors, len(lexicon.items))
