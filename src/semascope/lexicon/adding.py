"""Add a concept that the dictionary did not find: by a phrase, or by examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator
from semascope.lexicon.editing import _named, record_new
from semascope.lexicon.linear import (
    Column,
    LinearRule,
    Source,
    above_zero,
    reconstructed_scores,
    vector_scores,
)
from semascope.lexicon.relevance import unit
from semascope.lexicon.rows import split_rows
from semascope.lexicon.splitting import rows_of
from semascope.lexicon.stored import stored_vectors

if TYPE_CHECKING:
    from semascope.lexicon.lexicon import Lexicon
    from semascope.vectors import VectorSource

Rows = npt.NDArray[np.int64]

_BLOCK = 8192
# Rows that an example is told apart from.
_OTHERS = 5000


def add(
    lexicon: Lexicon,
    phrase: str | None = None,
    *,
    examples: Sequence[int | str] | None = None,
    name: str | None = None,
    share: float | None = None,
    vectors: Any = None,
    source: Literal["auto", "vectors", "reconstruction"] = "auto",
    seed: int = 0,
    author: str | None = None,
) -> str:
    """Add a concept that the dictionary did not find.

    Its activation is by how much a row lies along a direction beyond a threshold. By a phrase, the
    direction is the embedded phrase; by examples, what tells them from other rows (logistic
    regression). The threshold comes from *name* rows. The concept is seen in rows but is no part of
    them: it has no atom, decoding leaves it out.

    Parameters
    ----------
    lexicon : Lexicon
        What is edited.
    phrase : str, optional
        Needs the lexicon's encoder.
    examples : sequence of int or str, optional
        Rows, by number or id, that show the concept; instead of a phrase.
    name : str, optional
        By default the phrase.
    share : float, optional
        The share of rows on which it is to be active, from 0 to 1. By default, by a phrase, those
        rows that stand out from the bulk; by examples, those as near as most examples are; in
        either case not more than what the widest tenth of the lexicon's concepts begins with.
    vectors : array or path, optional
        The vectors that the lexicon was learned from.
    source : {"auto", "vectors", "reconstruction"}, default "auto"
        What activations are computed from. Vectors tell more than what the dictionary reconstructs
        of them; "auto" takes `vectors`, else embeds up to 100,000 texts again, through the cache,
        else reconstructs. From vectors, the activations on the stored rows are kept with the edit.
    seed : int, default 0
        Choice of the rows that examples are told from.
    author : str, optional

    Returns
    -------
    str
        Id of the new concept.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon import add
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> add(lex, examples=[0, 1, 2], name="like these", vectors=x)
    'e1'
    >>> lex.encode(x).to_scipy().toarray()[:3, 12].all()
    np.True_
    """
    if (phrase is None) == (examples is None):
        raise InputError("a concept is added by a phrase or by examples: give one of them")
    if share is not None and not 0 < share < 1:
        raise InputError(f"share must be between 0 and 1, got {share}")
    found: VectorSource
    details: dict[str, Any] = {}
    if phrase is not None:
        if not phrase.strip():
            raise InputError("the phrase is empty")
        if lexicon.encoder is None and lexicon.info.get("encoder") is None:
            raise InputError(
                "a phrase needs an encoder, and this lexicon was learned from vectors: add the "
                "concept by examples, or set lex.encoder to the callable that made the vectors"
            )
        direction = unit(np.asarray(lexicon.vectors_of([phrase]), dtype=np.float32))[0]
        found, kind = stored_vectors(lexicon, vectors, source)
        scores = _along(found, direction, split_rows(lexicon.splits, "name"))
        threshold = max(_standing_out(scores), float(np.quantile(scores, 1 - _widest(lexicon))))
        details["by"] = "phrase"
    else:
        rows = rows_of(lexicon, examples or [])
        if not len(rows):
            raise InputError("there are no examples")
        if name is None:
            raise InputError("a concept that is added by examples needs a name")
        found, kind = stored_vectors(lexicon, vectors, source)
        direction, threshold = _from_examples(lexicon, found, rows, seed)
        details |= {"by": "examples", "examples": rows.tolist()}
    if share is not None:
        scores = _along(found, direction, split_rows(lexicon.splits, "name"))
        threshold = float(np.quantile(scores, 1 - share)) if len(scores) else threshold
    rule = _finished(lexicon, found, kind, direction, threshold)
    details |= {"names": [_named(name or phrase)], "rule": rule.as_dict()}

    return record_new(lexicon, "add", details, value=phrase or "", author=author)[0]


def _along(found: VectorSource, direction: npt.NDArray[Any], rows: Rows) -> npt.NDArray[np.float64]:
    parts = [np.zeros(0)]
    for start in range(0, len(rows), _BLOCK):
        x = found.take(rows[start : start + _BLOCK]).astype(np.float64)
        parts.append(x @ direction.astype(np.float64))
    return np.concatenate(parts)


def _widest(lexicon: Lexicon) -> float:
    """Return the share of rows that only a tenth of the dictionary's concepts exceed."""
    shares = lexicon.base["prevalence"].to_numpy()
    shares = shares[shares > 0]
    return float(np.quantile(shares, 0.9)) if len(shares) else 0.05


def _standing_out(scores: npt.NDArray[np.float64]) -> float:
    """Return the score from which rows stand out from the bulk.

    The bulk is taken as normal, by the median and the spread below it, where nothing stands out;
    from the threshold on, at most a tenth of the rows are expected to belong to it.
    """
    from scipy.stats import norm

    if len(scores) < 10:
        raise InputError(f"{len(scores)} name rows are too few to find a threshold on")
    middle = float(np.median(scores))
    spread = float(middle - np.quantile(scores, 0.1587)) or 1e-6
    ranked = np.sort(scores)[::-1]
    expected = len(ranked) * norm.sf((ranked - middle) / spread)
    fits = np.flatnonzero(expected <= 0.1 * np.arange(1, len(ranked) + 1))
    count = int(fits[-1]) + 1 if len(fits) else 1
    after = ranked[count] if count < len(ranked) else ranked[-1] - 1
    return float((ranked[count - 1] + after) / 2)


def _from_examples(
    lexicon: Lexicon, found: VectorSource, rows: Rows, seed: int
) -> tuple[npt.NDArray[np.float32], float]:
    """Return the direction that tells examples from other rows, and the threshold on it."""
    random = generator(seed, "examples")
    name = np.setdiff1d(split_rows(lexicon.splits, "name"), rows)
    if len(name) < 2:
        raise InputError("there are too few name rows to tell the examples from")
    others = np.sort(random.choice(name, min(_OTHERS, len(name)), replace=False))
    # Thresholds are found on rows that the direction was not made from.
    fit, held = others[::2], others[1::2]
    order = np.argsort(rows)
    good = np.empty((len(rows), found.shape[1]))
    good[order] = found.take(rows[order])
    rest, unseen = found.take(fit).astype(np.float64), found.take(held).astype(np.float64)
    folds = random.permutation(len(rows)) % min(5, len(rows))
    reached = []
    for fold in range(folds.max() + 1):
        keep = folds != fold if folds.max() else np.ones(len(rows), dtype=bool)
        direction = _direction(good[keep], rest)
        # Relative to the other rows, so that directions of different folds compare.
        middle, spread = (unseen @ direction).mean(), (unseen @ direction).std() or 1.0
        reached += ((good[folds == fold] @ direction - middle) / spread).tolist()
    direction = _direction(good, rest)
    scores = unseen @ direction
    middle, spread = scores.mean(), scores.std() or 1.0
    threshold = float(np.quantile(reached, 0.3)) * spread + middle
    threshold = max(threshold, float(np.quantile(scores, 1 - _widest(lexicon))))
    # An example always shows the concept that it is an example of.
    threshold = min(threshold, float(np.nextafter((good @ direction).min(), -np.inf)) - 1e-6)
    return direction.astype(np.float32), threshold


def _direction(
    good: npt.NDArray[np.float64], rest: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    x = np.vstack([good, rest])
    scale = float(np.sqrt(x.var(axis=0).sum())) or 1.0
    y = np.arange(len(x)) < len(good)
    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
    found = model.fit((x - x.mean(axis=0)) / scale, y).coef_[0]
    return np.asarray(found / (np.linalg.norm(found) or 1.0))


def _finished(
    lexicon: Lexicon,
    found: VectorSource,
    kind: Source,
    direction: npt.NDArray[np.float32],
    threshold: float,
) -> LinearRule:
    """Make the rule, and apply it to the stored rows if it needs their vectors."""
    weights = np.asarray(direction, dtype=np.float32)[None]
    offsets = np.array([-threshold], dtype=np.float32)
    rule = LinearRule(weights, offsets, kind)
    n, count = found.shape[0], 0
    parts: list[Column] = []
    for start in range(0, n, _BLOCK):
        if kind == "vectors":
            scores = vector_scores(rule, found.rows(start, start + _BLOCK))
        else:
            part = lexicon.base_codes[start : start + _BLOCK]
            scores = reconstructed_scores(lexicon.dictionary, rule, part)
        rows, values = above_zero(scores[:, 0])
        parts.append((rows + start, values))
        count += len(rows)
    if count == 0:
        raise InputError("no row of this lexicon shows the concept; nothing was added")
    if kind == "reconstruction":
        return rule
    stored = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    return LinearRule(weights, offsets, kind, stored)
