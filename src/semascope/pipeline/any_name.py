"""How a name of a finished lexicon scores rows: by what it states, by two names, or by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, generator
from semascope.lexicon import (
    ByPattern,
    ByRule,
    ByValue,
    Combined,
    Lexicon,
    Relevance,
    Rows,
    check_rule,
    parse_pattern,
    parse_rule,
)
from semascope.lexicon.relevance import RULE
from semascope.vectors import Float32Array

_REFERENCE = 500


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
    >>> from semascope.lexicon import ByValue, ByWords
    >>> from semascope.pipeline.any_name import AnyName
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
        base = lexicon.base.filter(lexicon.base["name_kind"].is_in(["combined", "pattern"]))
        return cls(by_kind, dict(base.select("name", "name_kind").iter_rows()))

    def kind(self, name: str) -> str:
        """Return ``value``, ``rule``, ``pattern``, ``combined`` or ``phrase``."""
        found = self.kinds.get(name)
        if found is not None:
            return found
        value, rule = self.by_kind.get("value"), self.by_kind.get("rule")
        match = RULE.match(name)
        if isinstance(value, ByValue) and match and match["column"] in value.items.columns:
            return "value"
        if isinstance(rule, ByRule):
            try:
                check_rule(parse_rule(name), rule.items)
                return "rule"
            except InputError:
                pass
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
    >>> from semascope.lexicon import ByWords
    >>> from semascope.pipeline.any_name import names_on_one_scale
    >>> len(names_on_one_scale(ByWords(pl.Series(["tea", "car"])), np.arange(2), 0).reference)
    2
    """
    random = generator(seed, "reference rows")
    drawn = random.choice(name_rows, min(_REFERENCE, len(name_rows)), replace=False)
    return Combined(phrases, np.sort(drawn), texts)
