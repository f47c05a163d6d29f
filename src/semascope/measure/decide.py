"""The verdict on each name, by one rule over all concepts."""

from __future__ import annotations

import numpy as np
import polars as pl

from semascope.core import InputError

VERDICTS = ("trusted", "weak", "rejected")
LEVEL = 0.05
LEAST = 0.7


def decide(table: pl.DataFrame, *, level: float = LEVEL, least: float = LEAST) -> pl.DataFrame:
    """Call each name trusted, weak or rejected, with false-discovery control over all of them.

    The rule: Benjamini and Hochberg's adjustment turns the p-values of all names that were tested
    into q-values. A name is

    - *rejected* if its q is above `level`: chance, or the name of another concept, does as well;
    - *trusted* if its q is at most `level` and the lower end of its trust is at least `least`;
    - *weak* otherwise: it tells something, but not enough to go by it alone.

    So of the names that are not rejected, at most a share `level` says nothing, on average (also if
    concepts share rows, which makes their p-values depend on each other positively). Names that
    were not tested have no verdict.

    Parameters
    ----------
    table : polars.DataFrame
        With columns ``p`` and ``trust_low``; null where a name was not tested.
    level : float, default 0.05
        False-discovery rate.
    least : float, default 0.7
        What the lower end of the 95 % interval of the AUROC must reach: from 0.7 on a score is
        commonly called an acceptable discrimination.

    Returns
    -------
    polars.DataFrame
        The table with ``q`` and ``verdict``, written anew where they were there.

    References
    ----------
    Benjamini and Hochberg, "Controlling the false discovery rate", 1995; Hosmer, Lemeshow and
    Sturdivant, "Applied logistic regression", 3rd edition, 2013, section 5.2.4.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.measure import decide
    >>> table = pl.DataFrame({"p": [1e-9, 0.01, 0.6, None], "trust_low": [0.9, 0.6, 0.4, None]})
    >>> decide(table)["verdict"].to_list()
    ['trusted', 'weak', 'rejected', None]
    """
    from scipy.stats import false_discovery_control

    if not 0 < level < 1 or not 0.5 <= least < 1:
        raise InputError(
            f"level must lie between 0 and 1 and least between 0.5 and 1, got {level} and {least}"
        )
    tested = table["p"].is_not_null().to_numpy()
    q = np.full(len(table), np.nan)
    if tested.any():
        q[tested] = false_discovery_control(table["p"].drop_nulls().to_numpy())
    low = table["trust_low"].fill_null(0.0).to_numpy()
    words = np.select([q > level, low >= least], ["rejected", "trusted"], "weak")
    return table.with_columns(
        pl.Series("q", q, dtype=pl.Float64).fill_nan(None),
        pl.Series("verdict", [str(w) if t else None for w, t in zip(words, tested, strict=True)],
                  dtype=pl.String),
    )  # fmt: skip
