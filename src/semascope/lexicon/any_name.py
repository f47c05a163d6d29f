"""How a name of a finished lexicon scores rows: by what it states, by two names, or by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, generator
from semascope.lexicon.by_rule import ByRule, check_rule
from semascope.lexicon.combined import Combined
from semascope.lexicon.lexicon import Lexicon
from semascope.lexicon.patterns import ByPattern, parse_pattern
from semascope.lexicon.relevance import RULE, ByEncoder, ByValue, ByWords, Relevance
from semascope.lexicon.rows import Rows
from semascope.lexicon.rules import Clause, parse_rule
from semascope.vectors import Float32Array, VectorSource

_REFERENCE = 500
_TOLD = ["value", "rule", "pattern", "combined"]


@dataclass
class AnyName:
    """Score rows by names of any kind: each by the relevance that fits it.

    Parameters
    ----------
    by_kind : dict of str to Relevance
        ``value`` and ``rule`` for what states something of columns, ``pattern`` for an order of
        events, ``phrase`` for the others, ``combined`` for names that were joined of two.
    kinds : dict of str to str
        Kinds of names that are known; the others are told by their form.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import AnyName, ByValue, ByWords
    >>> items = pl.DataFrame({"text": ["tea", "car"], "kind": ["drink", "thing"]})
    >>> by_kind = {"value": ByValue(items), "phrase": ByWords(items["text"])}
    >>> AnyName(by_kind)(["car", "kind = drink"], np.arange(2)).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    by_kind: dict[str, Relevance]
    kinds: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, lexicon: Lexicon, phrases: Relevance | None, name_rows: Rows) -> AnyName:
        """Choose relevances for the names of a lexicon; joined ones are put on a scale by rows."""
        items = lexicon.items
        by_kind: dict[str, Relevance] = {"value": ByValue(items), "rule": ByRule(items)}
        if lexicon.events is not None:
            by_kind["pattern"] = ByPattern(items[lexicon.events])
        if phrases is not None:
            by_kind["phrase"] = phrases
            if len(name_rows):
                seed = int(lexicon.info.get("seed") or 0)
                texts = None if lexicon.text is None else items[lexicon.text]
                by_kind["combined"] = names_on_one_scale(phrases, name_rows, seed, texts)
        # A rule may begin as the statement of a value does; what was recorded decides.
        told = lexicon.base.filter(lexicon.base["name_kind"].is_in(_TOLD))
        return cls(by_kind, dict(told.select("name", "name_kind").iter_rows()))

    def kind(self, name: str) -> str:
        """Return ``value``, ``rule``, ``pattern``, ``combined`` or ``phrase``."""
        found = self.kinds.get(name)
        if found is not None:
            return found
        value, rule = self.by_kind.get("value"), self.by_kind.get("rule")
        match = RULE.match(name)
        parsed = None
        if isinstance(rule, ByRule):
            try:
                parsed = parse_rule(name)
                check_rule(parsed, rule.items)
            except InputError:
                parsed = None
        if isinstance(value, ByValue) and match and match["column"] in value.items.columns:
            # "sex = male and age > 40" asks two things, unless that is a value in full.
            single = parsed is None or isinstance(parsed, Clause)
            whole = single or value([name], np.arange(len(value.items))).any()
            return "value" if whole else "rule"
        if parsed is not None:
            return "rule"
        return "pattern" if self._is_pattern(name) else "phrase"

    def _is_pattern(self, name: str) -> bool:
        """Whether a name states an order of known events; a single one only if it is no phrase."""
        pattern = self.by_kind.get("pattern")
        if not isinstance(pattern, ByPattern):
            return False
        try:
            events = parse_pattern(name)
        except InputError:
            return False
        return pattern.known.issuperset(events) and (
            len(events) > 1 or "phrase" not in self.by_kind
        )

    def relevance(self, name: str) -> Relevance | None:
        """Return what scores rows by a name; None if nothing can, without texts."""
        return self.by_kind.get(self.kind(name))

    def __call__(self, names: Sequence[str], rows: npt.NDArray[np.int64]) -> Float32Array:
        """Return scores of shape (names, rows); zero where nothing can score a name."""
        out = np.zeros((len(names), len(rows)), dtype=np.float32)
        kinds = np.array([self.kind(name) for name in names])
        for kind, relevance in self.by_kind.items():
            which = kinds == kind
            if which.any():
                out[which] = relevance([n for n, k in zip(names, kinds, strict=True) if k == kind],
                                       rows)  # fmt: skip
        return out


def names_on_one_scale(
    phrases: Relevance, name_rows: Rows, seed: int, texts: pl.Series | None = None
) -> Combined:
    """Return what scores joined names, by a seeded sample of *name* rows.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, names_on_one_scale
    >>> len(names_on_one_scale(ByWords(pl.Series(["tea", "car"])), np.arange(2), 0).reference)
    2
    """
    random = generator(seed, "reference rows")
    drawn = random.choice(name_rows, min(_REFERENCE, len(name_rows)), replace=False)
    return Combined(phrases, np.sort(drawn), texts)


def phrase_relevance(lexicon: Lexicon, source: VectorSource) -> Relevance | None:
    """Return how phrases score the rows of a lexicon: by its encoder, else by words.

    None without texts.

    Parameters
    ----------
    lexicon : Lexicon
        With texts, or without.
    source : VectorSource
        Vectors of its rows.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon import phrase_relevance
    >>> from semascope.vectors import as_source
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> phrase_relevance(lex, as_source(x)) is None
    True
    """
    if lexicon.text is None:
        return None
    if lexicon.encoder is None and lexicon.info.get("encoder") is None:
        return ByWords(lexicon.items[lexicon.text])
    return ByEncoder(lexicon.vectors_of, source)
