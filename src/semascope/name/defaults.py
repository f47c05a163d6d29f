"""The namers that are used unless others are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.lexicon import ByEncoder, ByPattern, ByRule, ByValue, Relevance
from semascope.name.bank import Bank
from semascope.name.by_columns import by_rules, by_values
from semascope.name.by_events import by_patterns
from semascope.name.candidates import Namer
from semascope.name.evidence import Evidence
from semascope.name.levels import by_bank
from semascope.name.matching import ByBank
from semascope.name.namers import book_of, by_contrast, by_encoder, by_parts

_MOST_PHRASES = 3000


def default_scorers(
    items: pl.DataFrame,
    text: str | None,
    relevance: Relevance | None,
    *,
    bank: Bank | None = None,
    events: str | None = None,
) -> dict[str, Relevance]:
    """Choose a scorer for each kind of name that the default namers propose.

    Parameters
    ----------
    items : polars.DataFrame
        All rows.
    text : str or None
        The column of texts.
    relevance : Relevance or None
        How a phrase scores rows.
    bank : Bank, optional
        The vocabulary; where the texts are terms themselves, its hierarchy scores them.
    events : str, optional
        The column of lists of events.

    Returns
    -------
    dict of str to Relevance
        By `Candidate.kind`.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.name import default_scorers
    >>> list(default_scorers(pl.DataFrame({"genre": ["Horror"]}), None, None))
    ['value', 'rule']
    """
    scorers: dict[str, Relevance] = {"value": ByValue(items), "rule": ByRule(items)}
    if relevance is not None:
        scorers["phrase"] = relevance
    if events is not None:
        scorers["pattern"] = ByPattern(items[events])
    if bank is not None and text is not None and isinstance(relevance, ByEncoder):
        scorers["term"] = ByBank(bank, items[text], relevance)
    return scorers


def default_namers(
    evidence: Sequence[Evidence],
    texts: pl.Series | None,
    relevance: Relevance | None,
    *,
    atoms: npt.NDArray[np.float32] | None = None,
    bank: Bank | None = None,
    items: pl.DataFrame | None = None,
    leave_out: Sequence[str] = (),
    events: str | None = None,
    most: int = 30,
) -> list[Namer]:
    """Choose namers for what there is: texts, an encoder, columns, a bank.

    Parameters
    ----------
    evidence : sequence of Evidence
        All concepts to be named; their texts make up the corpus.
    texts : polars.Series or None
        Texts of all rows.
    relevance : Relevance or None
        With `ByEncoder`, the encoder proposes phrases of the corpus and entries of the bank.
    atoms : ndarray of shape (m, d), optional
        Atoms of the latents.
    bank : Bank, optional
        A vocabulary.
    items : polars.DataFrame, optional
        All rows; with it, rules over columns are found.
    leave_out : sequence of str
        Columns that must not become names.
    events : str, optional
        The column of lists of events, of `items`; ordered patterns of these are found.
    most : int, default 30
        Phrases by contrast for each concept.

    Returns
    -------
    list of callable
        Namers, for `name_concepts`.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords
    >>> from semascope.name import default_namers
    >>> texts = pl.Series(["late train", "late tea"])
    >>> len(default_namers([], texts, ByWords(texts)))
    3
    """
    namers: list[Namer] = [by_values()]
    if items is not None:
        namers.append(by_rules(items, evidence, leave_out=leave_out))
        if events is not None:
            namers.append(by_patterns(items[events]))
    if texts is None or relevance is None:
        return namers
    book = book_of(evidence, texts)
    namers += [by_contrast(book, most=most), by_parts(texts, book)]
    if isinstance(relevance, ByEncoder):
        namers.append(by_encoder(book.phrases[:_MOST_PHRASES], relevance, atoms=atoms))
        if bank is not None:
            namers.append(by_bank(bank, evidence, texts, relevance))
    return namers
