"""Namer that looks at sequences of events: which order of them tells active rows."""

from __future__ import annotations

import polars as pl

from semascope.lexicon import Events
from semascope.name.candidates import Candidate, Namer
from semascope.name.evidence import Evidence
from semascope.name.sequences import find_patterns


def by_patterns(column: pl.Series) -> Namer:
    """Propose ordered patterns of events, such as ``visit then purchase``; see `find_patterns`.

    Parameters
    ----------
    column : polars.Series
        A list of events for each of all rows, in their order.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Evidence, by_patterns
    >>> column = pl.Series([["visit", "mail", "buy"]] * 20 + [["mail", "buy", "visit"]] * 20)
    >>> rows, one = np.arange(20), np.ones(20, dtype=np.float32)
    >>> evidence = Evidence(0, Contrast(rows, one, np.arange(0), rows + 20))
    >>> by_patterns(column)(evidence)[0].name
    'visit then buy'
    """
    events = Events.of(column)

    def propose(evidence: Evidence) -> list[Candidate]:
        found = find_patterns(events, evidence.contrast, seed=evidence.latent)
        return [
            Candidate(
                f.name,
                "pattern",
                # Other names may come: it says of which pattern it speaks.
                f"'{f.name}', whatever comes between: {_share(f.active_share)} of the rows that "
                f"show the concept, {_share(f.inactive_share)} of others.",
                by="patterns",
            )
            for f in found
        ]

    return propose


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
