"""Words of the input that a model leans on: left out one by one, to find shortcuts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from semascope.core import InputError, as_vectors, generator
from semascope.explain.predictor import BATCH, Predictor
from semascope.explain.tested import adjusted
from semascope.lexicon import Lexicon, words


def input_ablation(
    lex: Any,
    predict: Callable[[Any], Any],
    texts: Sequence[str],
    *,
    target: int | None = None,
    fewest: int = 5,
    most_items: int = 200,
    batch: int = BATCH,
    seed: int = 0,
) -> pl.DataFrame:
    """Tell by how much predictions fall when a word is left out of the texts that have it.

    A word that moves predictions wherever it stands, and means nothing for the task, is a shortcut.

    Parameters
    ----------
    lex : Lexicon, or callable from a list of texts to vectors
        What embeds texts.
    predict : callable
        From vectors (n, d) to (n,) or (n, classes); see `Predictor`.
    texts : sequence of str
        Texts.
    target : int, optional
        Class to explain.
    fewest : int, default 5
        Words in fewer of the texts are left out of account.
    most_items : int, default 200
        Texts: chosen at random if there are more. Each word of each is one text to embed.
    batch, seed : int
        Most texts of one call; which texts.

    Returns
    -------
    polars.DataFrame
        ``word``, ``effect`` (mean fall of the prediction), ``low``, ``high`` (95 %), ``p`` (t-test
        over texts, 0 where all fall alike), ``q`` (Benjamini and Hochberg), ``n`` (texts); the
        largest effect first.

    Raises
    ------
    InputError
        If there are no texts, or no word is in `fewest` of them.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import input_ablation
    >>> def embed(some):
    ...     return np.array([["xyz" in t, len(t) / 100] for t in some], dtype=float)
    >>> texts = [f"film {i % 3} was good" + " xyz" * (i % 2) for i in range(20)]
    >>> found = input_ablation(embed, lambda v: v[:, 0] + v[:, 1], texts)
    >>> found["word"][0], round(found["effect"][0], 1)
    ('xyz', 1.0)
    """
    from scipy.stats import t as student

    if isinstance(texts, str) or not len(texts) or not all(isinstance(t, str) for t in texts):
        raise InputError("texts must be a sequence of one or more strings")
    model = Predictor(predict, target, batch)
    embed = lex.vectors_of if isinstance(lex, Lexicon) else lex
    if not callable(embed):
        raise InputError(f"texts need a lexicon or a callable, got {type(lex).__name__}")
    chosen = np.sort(generator(seed, "ablation").permutation(len(texts))[:most_items])
    some = [texts[i] for i in chosen]
    where: dict[str, list[int]] = defaultdict(list)
    for i, text in enumerate(some):
        for word in dict.fromkeys(words(text)):
            where[word].append(i)
    where = {word: rows for word, rows in where.items() if len(rows) >= max(fewest, 2)}
    if not where:
        raise InputError(f"no word is in {max(fewest, 2)} of {len(some)} texts; lower fewest")

    def predicted(given: list[str]) -> Any:
        parts = [given[i : i + batch] for i in range(0, len(given), batch)]
        return np.concatenate([model(_embedded(embed, part)) for part in parts])

    whole = predicted(some)
    cut = [_without(some[i], word) for word, rows in where.items() for i in rows]
    fall = whole[[i for rows in where.values() for i in rows]] - predicted(cut)
    out, at = [], 0
    for word, rows in where.items():
        n = len(rows)
        own, at = fall[at : at + n], at + n
        mean, error = float(own.mean()), float(own.std(ddof=1) / np.sqrt(n))
        half = float(student.ppf(0.975, n - 1)) * error
        p = 2 * float(student.sf(abs(mean) / error, n - 1)) if error > 0 else float(mean == 0)
        out.append((word, mean, mean - half, mean + half, p, n))
    table = pl.DataFrame(out, orient="row", schema=["word", "effect", "low", "high", "p", "n"])
    table = table.insert_column(5, pl.Series("q", adjusted(table["p"].to_numpy())))
    return table.sort(pl.col("effect").abs(), descending=True, maintain_order=True)


def _embedded(embed: Callable[[list[str]], Any], texts: list[str]) -> Any:
    vectors = as_vectors(embed(texts))
    if len(vectors) != len(texts):
        raise InputError(f"{len(texts)} texts were embedded as {len(vectors)} vectors")
    return vectors


def _without(text: str, word: str) -> str:
    cut = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", " ", text, flags=re.IGNORECASE)
    return " ".join(cut.split())
