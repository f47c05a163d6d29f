"""Which texts there are, how they are cut and batched, and how pieces become one vector again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, did_you_mean

Split = Literal["sentence", "paragraph"]

SPLIT_MODES = ("sentence", "paragraph")

_PARAGRAPH = re.compile(r"(?:[^\S\n]*\n){2,}\s*")
_CLOSERS = "\"'”’»)\\]」』"
_END = re.compile(rf"[.!?…؟।]+[{_CLOSERS}]*(?=\s)|[。！？]+[{_CLOSERS}]*")
_LAST_WORD = re.compile(r"[\w.]+$")
# fmt: off
_NEVER_LAST = frozenset((
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "gen", "rep", "sen", "gov", "capt", "lt",
    "col", "sgt", "rev", "hon", "mt", "messrs", "vs", "cf", "approx", "e.g", "i.e", "eg", "ie",
    "inc", "ltd",
))
_BEFORE_NUMBER = frozenset((
    "no", "nr", "nos", "fig", "figs", "vol", "p", "pp", "art", "sec", "ch", "eq", "tab", "jan",
    "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
))
_BEFORE_LOWER_CASE = frozenset((
    "etc", "al", "co", "corp", "dept", "est", "min", "max", "hr", "hrs", "ft", "lb", "lbs", "oz",
    "no",
))
# fmt: on


def as_texts(texts: Any) -> list[str]:
    """Turn any column of texts into a checked list of strings.

    Parameters
    ----------
    texts : sequence of str
        List, tuple, NumPy array, polars or pandas Series, Arrow array, or any iterable of str.

    Returns
    -------
    list of str, length n

    Raises
    ------
    InputError
        If it is one string or a frame, has no rows, or a row is missing, blank or no text; the
        message names the first such row.

    Examples
    --------
    >>> from semascope.embed.pieces import as_texts
    >>> as_texts(("a", "b"))
    ['a', 'b']
    """
    if isinstance(texts, str | bytes):
        raise InputError("texts must be a list of texts, got one string; pass a list: [text]")
    if isinstance(texts, dict) or getattr(texts, "ndim", 1) != 1 or hasattr(texts, "columns"):
        raise InputError(
            f"texts must be one column of texts, got {type(texts).__name__}; "
            "pass a list or one column, such as frame['text']"
        )
    for method in ("to_list", "to_pylist", "tolist"):
        if hasattr(texts, method):
            texts = getattr(texts, method)()
            break
    try:
        rows = list(texts)
    except TypeError as err:
        raise InputError(f"texts must be a list of texts, got {type(texts).__name__}") from err
    if not rows:
        raise InputError("texts are empty: no rows were passed")
    for row, text in enumerate(rows):
        if not isinstance(text, str):
            raise InputError(
                f"texts must be strings, found {type(text).__name__} ({text!r:.40}) at row {row}; "
                "drop or fill that row"
            )
        if not text or text.isspace():
            raise InputError(f"the text at row {row} is blank; drop or fill that row")
        if not text.isascii():
            _require_encodable(text, row)
    return rows


def _require_encodable(text: str, row: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as err:
        raise InputError(
            f"the text at row {row} holds half a character (position {err.start}); "
            "it was decoded wrongly, repair it or read the file with errors='replace'"
        ) from err


def split_text(text: str, how: Split) -> list[str]:
    """Cut a text into sentences or paragraphs; nothing but white space is lost.

    Parameters
    ----------
    text : str
        Any text.
    how : {"sentence", "paragraph"}
        Paragraphs end at blank lines. Sentences also end at ``. ! ? …`` and their like, unless the
        dot belongs to an abbreviation, an initial or a number; where that is unclear the text
        stays in one piece.

    Returns
    -------
    list of str
        At least one piece, in order; a text that has only one comes back unchanged.

    Examples
    --------
    >>> from semascope.embed.pieces import split_text
    >>> split_text("Dr. Who paid 3.50 for it. Why? Nobody knows.", "sentence")
    ['Dr. Who paid 3.50 for it.', 'Why?', 'Nobody knows.']
    """
    if how not in SPLIT_MODES:
        raise InputError(
            f"split must be None, 'sentence' or 'paragraph', got {how!r}"
            f"{did_you_mean(str(how), SPLIT_MODES)}"
        )
    pieces = [p for p in (part.strip() for part in _PARAGRAPH.split(text)) if p]
    if how == "sentence":
        pieces = [sentence for paragraph in pieces for sentence in _sentences(paragraph)]
    return pieces if len(pieces) > 1 else [text]


def _sentences(text: str) -> list[str]:
    # Where nobody uses capitals, a capital cannot be asked for at the start of a sentence.
    informal = text == text.lower()
    ends: list[int] = []
    start = 0
    for mark in _END.finditer(text):
        piece, rest = text[start : mark.end()], text[mark.end() :].lstrip()
        # What holds no letter (a bare "1." or ":)") says nothing alone and joins its neighbour.
        if _has_letter(piece) and _has_letter(rest) and _ends(piece, mark, rest[0], informal):
            ends.append(mark.end())
            start = mark.end()
    bounds = [0, *ends, len(text)]
    return [text[a:b].strip() for a, b in pairwise(bounds)]


def _has_letter(text: str) -> bool:
    return any(map(str.isalpha, text))


def _ends(piece: str, found: re.Match[str], following: str, informal: bool) -> bool:
    mark = found.group()
    if following.islower() and not informal:
        return mark[0] in "。！？"
    if not mark.startswith(".") or mark.startswith(".."):
        return True
    last = _LAST_WORD.search(piece[: len(piece) - len(mark)])
    word = last.group().lower() if last else ""
    if word in _NEVER_LAST or (following.isdigit() and word in _BEFORE_NUMBER):
        return False
    if following.islower() and word in _BEFORE_LOWER_CASE:
        return False
    # Initials ("J. Doe") and dotted shorthand ("U.S. Army", "9 a.m. Monday").
    return not (len(word) == 1 and word.isalpha()) and not re.fullmatch(r"(?:[^\W\d]\.)+\w", word)


def aggregate(
    vectors: npt.NDArray[np.float32],
    weights: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Average the vectors of each item's pieces.

    Parameters
    ----------
    vectors : ndarray of float32, shape (p, d)
        One row a piece, item after item.
    weights : ndarray of int64, shape (p,)
        Positive; how much a piece counts, its number of tokens.
    counts : ndarray of int64, shape (n,)
        Positive; how many pieces each item has; they add up to p.

    Returns
    -------
    ndarray of float32, shape (n, d)
        Weighted means, scaled back to length one where all pieces of an item have length one. An
        item of one piece keeps that piece's vector bit for bit.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.embed.pieces import aggregate
    >>> pieces = np.array([[1, 0], [0, 1], [5, 5]], dtype=np.float32)
    >>> aggregate(pieces, np.array([3, 4, 1]), np.array([2, 1]))
    array([[0.6, 0.8],
           [5. , 5. ]], dtype=float32)
    """
    if len(counts) == len(vectors):
        return vectors
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    total = np.add.reduceat(vectors * weights[:, None].astype(np.float64), starts, axis=0)
    means = total / np.add.reduceat(weights, starts)[:, None]
    off_unit = np.abs(np.linalg.norm(vectors, axis=1) - 1.0)
    lengths = np.linalg.norm(means, axis=1)
    # Pieces that cancel out leave no direction that could be scaled up.
    scaled = (np.maximum.reduceat(off_unit, starts) < 1e-3) & (lengths > 1e-6)
    means[scaled] /= lengths[scaled, None]
    result = means.astype(np.float32)
    result[counts == 1] = vectors[starts[counts == 1]]
    return result


def padded_width(tokens: int, longest: int | None) -> int:
    """Return the width to which a text of so many tokens is padded.

    Kernels sum in an order that depends on the padded width. Vectors are reproducible bit for bit
    only if the width follows from the text alone and never from its neighbours in the batch. The
    steps keep padding below an eighth or so and the number of different widths small.

    Parameters
    ----------
    tokens : int
        Tokens of the text, special tokens included.
    longest : int or None
        What the model reads at most.

    Examples
    --------
    >>> from semascope.embed.pieces import padded_width
    >>> [padded_width(n, 256) for n in (3, 11, 17, 70, 300)]
    [8, 12, 20, 80, 256]
    """
    step = 2 if tokens <= 16 else 4 if tokens <= 32 else 8 if tokens <= 64 else 16
    if tokens > 256:
        step = 64
    width = max(8, -(-tokens // step) * step)
    return width if longest is None else min(width, longest)


def plan_batches(
    widths: npt.NDArray[np.int64], batch_tokens: int, *, uniform: bool
) -> Iterator[npt.NDArray[np.int64]]:
    """Group texts of like length, longest first, into batches of about `batch_tokens`.

    Parameters
    ----------
    widths : ndarray of int64, shape (n,)
        Padded tokens of each text.
    batch_tokens : int
        Padded tokens in a batch; a text that is longer makes a batch of its own.
    uniform : bool
        Never put two widths into one batch.

    Yields
    ------
    ndarray of int64
        Indices of one batch; together they are every index once.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.embed.pieces import plan_batches
    >>> plan = plan_batches(np.array([8, 32, 8, 16]), 32, uniform=False)
    >>> [batch.tolist() for batch in plan]
    [[1], [3, 0], [2]]
    """
    order = np.argsort(-widths, kind="stable")
    start = 0
    while start < len(order):
        width = max(1, int(widths[order[start]]))
        stop = min(len(order), start + max(1, batch_tokens // width))
        batch = order[start:stop]
        if uniform:
            batch = batch[widths[batch] == widths[batch[0]]]
        yield batch
        start += len(batch)
