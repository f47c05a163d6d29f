"""Find concepts and items for a phrase, and say which concepts made each item match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from semascope.core import InputError
from semascope.lexicon import ByWords, Lexicon, unit


@dataclass(frozen=True)
class Found:
    """What a phrase found.

    Parameters
    ----------
    phrase : str
        What was asked.
    concepts : polars.DataFrame
        ``concept``, ``name``, ``similarity`` (of phrase and name), ``activation`` (of the concept
        by the phrase), ``trust``; best first.
    items : polars.DataFrame
        ``row``, the id, the text, ``score`` (the part of the similarity that concepts explain),
        ``because`` (list of concept, name and share of the score); best first.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.search import Found
    >>> Found("fees", pl.DataFrame(), pl.DataFrame()).phrase
    'fees'
    """

    phrase: str
    concepts: pl.DataFrame
    items: pl.DataFrame


def find(lexicon: Lexicon, phrase: str, *, most: int = 10) -> Found:
    """Find the concepts and the items for a phrase.

    Items are ranked by the similarity of the phrase to their reconstruction, which is a sum over
    concepts: ``score = sum_c activation_c * (atom_c . phrase)``. Each term is a concept's share, so
    the reasons add up to the score. Concepts that people made count by what they point to. Without
    an encoder (a lexicon learned from vectors), words are compared with names instead, and items
    ranked by the activations of the concepts that match.

    Parameters
    ----------
    lexicon : Lexicon
        What to search.
    phrase : str
        What to look for.
    most : int, default 10
        How many concepts and items to return.

    Raises
    ------
    InputError
        If the phrase is empty, or the lexicon has neither an encoder nor a name that matches.

    Examples
    --------
    >>> import semascope as sc
    >>> from semascope.search import find
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lex = sc.learn(texts, components=8, active=2, progress=False)
    >>> "tea" in find(lex, "a cup of tea", most=3).items["text"][0]
    True
    """
    if not phrase.strip():
        raise InputError("the phrase to find is empty")
    table = lexicon.concepts
    heard = ~table["muted"].to_numpy() & (table["became"].list.len() == 0).to_numpy()
    if lexicon.encoder is None and lexicon.info.get("encoder") is None:
        weight, similarity, activation = _by_words(lexicon, table, phrase)
    else:
        vector = np.asarray(lexicon.vectors_of([phrase]), dtype=np.float32)
        similarity = unit(lexicon.embedded_names()) @ unit(vector)[0]
        activation = lexicon.encode(vector).to_scipy().toarray()[0]
        weight = lexicon.view.along(unit(vector)[0])
    weight = np.where(heard, weight, 0).astype(np.float64)
    named = table["name"].is_not_null().to_numpy()
    usual = np.maximum(table["mean_activation"].fill_null(1.0).to_numpy(), 1e-9)
    # A concept that the phrase fires counts even where its name uses other words.
    rank = np.where(named, similarity, 0) + 0.2 * np.clip(activation / usual, 0, 1)
    order = np.argsort(-np.where(heard & (rank > 0), rank, -np.inf), kind="stable")
    order = order[(heard & (rank > 0))[order]][:most]
    concepts = pl.DataFrame(
        {
            "concept": table["id"].gather(order),
            "name": [lexicon.label(int(j)) for j in order],
            "similarity": np.where(named, similarity, np.nan)[order],
            "activation": activation[order],
            "trust": table["trust"].gather(order),
        }
    )
    return Found(phrase, concepts, _items(lexicon, weight, most))


def _by_words(lexicon: Lexicon, table: pl.DataFrame, phrase: str) -> tuple[Any, Any, Any]:
    names = pl.Series([name or "" for name in table["name"]])
    overlap = ByWords(names)([phrase], np.arange(len(names)))[0]
    if not overlap.any():
        raise InputError(
            f"no concept's name shares a word with '{phrase}', and this lexicon has no encoder "
            "that could compare meanings; see the names with 'semascope show'"
        )
    return overlap, overlap, np.zeros(len(overlap))


def _items(lexicon: Lexicon, weight: np.ndarray, most: int) -> pl.DataFrame:
    codes = lexicon.codes.to_scipy()
    scores = codes @ weight
    best = np.argsort(-scores, kind="stable")[:most]
    table = lexicon.concepts
    because = []
    for row in best:
        part = slice(codes.indptr[row], codes.indptr[row + 1])
        latents = codes.indices[part]
        terms = codes.data[part] * weight[latents]
        order = np.argsort(-terms, kind="stable")
        because.append(
            [
                {
                    "concept": table["id"][int(latents[o])],
                    "name": lexicon.label(int(latents[o])),
                    "share": float(terms[o] / scores[row]) if scores[row] else 0.0,
                }
                for o in order[:3]
                if terms[o] > 0
            ]
        )
    columns: dict[str, Any] = {"row": best}
    for name in (lexicon.info["id"], lexicon.text):
        if name is not None:
            columns[name] = lexicon.items[name].gather(best)
    shape = pl.List(pl.Struct({"concept": pl.String, "name": pl.String, "share": pl.Float64}))
    columns["score"] = scores[best]
    columns["because"] = pl.Series(because, dtype=shape)
    return pl.DataFrame(columns).filter(pl.col("score") > 0)
