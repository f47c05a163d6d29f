"""Namers that look at the columns that describe rows: values of one, rules over several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from semascope.lexicon import conditions
from semascope.name.candidates import Candidate, Namer
from semascope.name.either import find_either
from semascope.name.evidence import Evidence
from semascope.name.subgroups import find_rules


def by_values() -> Namer:
    """Propose the over-represented values of columns.

    Examples
    --------
    >>> from semascope.name import by_values
    >>> callable(by_values())
    True
    """

    def propose(evidence: Evidence) -> list[Candidate]:
        return [Candidate(v.rule, "value", by="values") for v in evidence.values]

    return propose


def by_rules(
    items: pl.DataFrame, evidence: Sequence[Evidence], *, leave_out: Sequence[str] = ()
) -> Namer:
    """Propose rules over columns, such as ``genre = Horror and year < 1980``; see `find_rules`.

    One joined by *or* comes first where it is better. Only rules of two conditions or more, or of
    numbers, dates and missing values: what `by_values` finds is left to it.

    Parameters
    ----------
    items : polars.DataFrame
        All rows.
    evidence : sequence of Evidence
        All concepts to be named: values and cuts are taken from their rows.
    leave_out : sequence of str
        Columns that must not become names, such as the id and the text.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Evidence, by_rules
    >>> items = pl.DataFrame({"year": [1970] * 20 + [2000] * 20})
    >>> one, none = np.ones(20, dtype=np.float32), np.arange(0)
    >>> evidence = Evidence(0, Contrast(np.arange(20), one, none, np.arange(20, 40)))
    >>> [c.name for c in by_rules(items, [evidence])(evidence)]
    ['year < 2000']
    """
    rows = [np.concatenate([e.contrast.active, e.contrast.inactive]) for e in evidence]
    all_rows = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *rows]))
    table = conditions(items, all_rows, leave_out=leave_out) if len(all_rows) else None

    def propose(evidence: Evidence) -> list[Candidate]:
        if table is None:
            return []
        found = find_rules(table, evidence.contrast, seed=evidence.latent)
        if found:
            either = find_either(items, table, evidence.contrast, found[0], seed=evidence.latent)
            found = found if either is None else [either, *found]
        known = {v.rule for v in evidence.values}
        return [Candidate(f.name, "rule", by="rules") for f in found if f.name not in known]

    return propose
