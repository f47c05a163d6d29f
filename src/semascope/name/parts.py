"""The parts of a text that fire a concept, found by leaving them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.discover import Dictionary
from semascope.lexicon import Contrast
from semascope.name.evidence import Part, PartFinder
from semascope.name.occlusion import LEAST_SHARE, blocks, occluded

_MOST_PARTS = 16
_MOST_WORDS = 256
_WORD = re.compile(r"\S+")
_SENTENCE = re.compile(r"\S.*?(?:[.!?;\n]+(?=\s|$)|$)", re.DOTALL)

Embed = Callable[[list[str]], npt.NDArray[np.float32]]


def segments(text: str, *, most: int = _MOST_PARTS) -> list[tuple[int, int]]:
    """Cut a text into at most so many parts: words, else sentences, else runs of words.

    Parameters
    ----------
    text : str
        Its first 256 words are looked at.
    most : int, default 16
        Parts.

    Returns
    -------
    list of (int, int)
        Where each part starts and stops, in characters.

    Examples
    --------
    >>> from semascope.name import segments
    >>> [text[a:b] for text in ["a late train"] for a, b in segments(text)]
    ['a', 'late', 'train']
    >>> text = "One two three. Four five. Six!"
    >>> [text[a:b] for a, b in segments(text, most=4)]
    ['One two three.', 'Four five.', 'Six!']
    """
    words = [m.span() for m in _WORD.finditer(text)][:_MOST_WORDS]
    if len(words) <= most:
        return words
    end = words[-1][1]
    sentences = [m.span() for m in _SENTENCE.finditer(text, 0, end)]
    if 2 < len(sentences) <= most:
        return sentences
    runs = np.array_split(np.arange(len(words)), most)
    return [(words[run[0]][0], words[run[-1]][1]) for run in runs]


def text_parts(
    texts: pl.Series,
    embed: Embed,
    dictionary: Dictionary,
    *,
    each: int = 3,
    most_passes: int = 4096,
) -> PartFinder:
    """Make a function that finds the words or sentences that fire each concept.

    Active texts are embedded without each of their parts; a part's share is how much of the
    pre-activation is lost with it. One text serves all concepts that it fires, and texts are taken
    until every concept has `each`, or `most_passes` texts were embedded.

    Parameters
    ----------
    texts : polars.Series
        Texts of all rows.
    embed : callable
        Turns texts into vectors, by the encoder of the rows.
    dictionary : Dictionary
        Its encoder says how strongly a vector fires.
    each : int, default 3
        Texts looked at for each concept.
    most_passes : int, default 4096
        Texts embedded at most.

    Returns
    -------
    callable
        For `gather_evidence`.

    References
    ----------
    Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014 (occlusion);
    Li, Monroe and Jurafsky, "Understanding neural networks through representation erasure", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.discover import Dictionary
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import text_parts
    >>> one, zero = np.ones((1, 1), dtype=np.float32), np.zeros(1, dtype=np.float32)
    >>> dictionary = Dictionary(one, zero, one, zero, n_active=1)
    >>> embed = lambda batch: np.array([[text.count("late")] for text in batch], dtype=np.float32)
    >>> find = text_parts(pl.Series(["a late train"]), embed, dictionary)
    >>> row, none = np.arange(1), np.arange(0)
    >>> find([Contrast(row, np.ones(1, dtype=np.float32), none, none)])[0][0].text
    'late'
    """

    def cut(row: int) -> list[tuple[int, int]]:
        return segments(str(texts[row])) if texts[row] else []

    def named(row: int, span: tuple[int, int], share: float) -> Part:
        return Part(row, str(texts[row])[slice(*span)], share, *span)

    def find(drawn: Sequence[Contrast]) -> list[tuple[Part, ...]]:
        return occluded(
            drawn, dictionary, cut=cut, named=named, most_passes=most_passes, each=each,
            without=lambda row, parts: _without(str(texts[row]), parts),
            embed=lambda variants: _embedded(embed, variants),
        )  # fmt: skip

    return find


def _without(text: str, parts: list[tuple[int, int]]) -> list[str]:
    left = [f"{text[:start].rstrip()} {text[stop:].lstrip()}".strip() for start, stop in parts]
    return [text, *left]


def _embedded(embed: Embed, variants: list[str]) -> npt.NDArray[np.float32]:
    """Embed texts; NaN where nothing is left: a text of one word without it."""
    left = np.array([bool(v.strip()) for v in variants])
    some = np.asarray(embed([v for v in variants if v.strip()]), dtype=np.float32)
    if left.all():
        return some
    out = np.full((len(variants), some.shape[1]), np.nan, dtype=np.float32)
    out[left] = some
    return out


def firing_spans(
    texts: Sequence[str],
    embed: Embed,
    direction: npt.NDArray[np.float32],
    bias: float = 0.0,
    *,
    least: float = LEAST_SHARE,
) -> list[list[tuple[int, int]]]:
    """Return for each text the parts that most of one concept's activation depends on.

    As `text_parts` finds them; those that take half as much with them as the most important one,
    neighbours as one span.

    Parameters
    ----------
    texts : sequence of str
        Texts on which the concept is active.
    embed : callable
        Turns texts into vectors, by the encoder of the rows.
    direction : ndarray of shape (d,)
        Along which the concept's pre-activation is read.
    bias : float
        Added to it.
    least : float, default 0.1
        Share of the pre-activation that the most important part must take with it.

    Returns
    -------
    list of list of (int, int)
        Positions in characters; none where no part matters much.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.name import firing_spans
    >>> embed = lambda batch: np.array([[text.count("late")] for text in batch], dtype=np.float32)
    >>> firing_spans(["a late train", "tea"], embed, np.ones(1, dtype=np.float32))
    [[(2, 6)], []]
    """
    cut = [segments(text) for text in texts]
    out: list[list[tuple[int, int]]] = []
    for block in blocks({i: len(parts) for i, parts in enumerate(cut)}):
        variants = [v for i in block for v in _without(texts[i], cut[i])]
        pre = _embedded(embed, variants) @ direction + bias
        at = 0
        for i in block:
            whole, without = float(pre[at]), pre[at + 1 : at + 1 + len(cut[i])]
            at += 1 + len(cut[i])
            lost = (whole - without) / whole if whole > 0 else np.zeros(len(without))
            lost = np.nan_to_num(lost, nan=1.0)
            top = max(lost.max(initial=0.0), 0.0)
            strong = lost >= top / 2 if top >= least else np.zeros(len(lost), dtype=bool)
            out.append(_joined(cut[i], strong))
    return out


def _joined(parts: list[tuple[int, int]], strong: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for k in np.flatnonzero(strong).tolist():
        if spans and k and strong[k - 1]:
            spans[-1] = (spans[-1][0], parts[k][1])
        else:
            spans.append(parts[k])
    return spans
