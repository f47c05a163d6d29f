"""From items and an outcome to findings that stand up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import SPLITS
from semascope.explain.feature_sets import compared_features
from semascope.explain.findings import Findings
from semascope.explain.given import Given, read_given, read_splits, require_unseen
from semascope.explain.named import name_effects, read_names, with_both
from semascope.explain.subgroups import subgroup_effects
from semascope.explain.tested import FEWEST, Options, concept_effects
from semascope.lexicon import Lexicon, Relevance, stored_vectors

_FIRST = ("concept", "name", "level", "effect", "low", "high", "p", "q", "prevalence", "n",
          "n_active", "unit", "knockoff", "knockoff_q", "stability")  # fmt: skip


def outcome(
    lex: Any,
    y: Any,
    *,
    kind: str = "auto",
    covariates: Any = None,
    groups: Any = None,
    weights: Any = None,
    time: Any = None,
    pairs: Any = None,
    by: Any = None,
    missing: Literal["error", "drop"] = "error",
    splits: npt.ArrayLike | None = None,
    names: Any = None,
    vectors: Any = None,
    texts: Any = None,
    relevance: Relevance | None = None,
    baselines: bool = True,
    level: float = 0.05,
    knockoff_level: float = 0.1,
    fewest: int = FEWEST,
    most: int | None = None,
    rows: Literal["verify", "all"] = "verify",
    name: str | None = None,
    unit: str | None = None,
    order: Sequence[str] | None = None,
    items: str = "items",
    seed: int = 0,
) -> Findings:
    """Tell which concepts go with an outcome, by how much, and how sure that is.

    What is chosen (dictionary, names, thresholds, which concepts are tested, cuts between weak and
    strong) comes from *discover* and *name* rows; every effect, interval and p-value from *verify*
    rows, or with ``rows="all"`` from all of a lexicon that was learned without the outcome. A
    lexicon carries its split.

    Parameters
    ----------
    lex : Lexicon, Codes, or array or scipy.sparse of shape (n, m)
        What the rows show. Without a lexicon there is no test of names.
    y : str or array-like of shape (n,)
        A column of the lexicon's items, or a value for each of them in their order.
    kind : str, default "auto"
        ``continuous``, ``binary``, ``multiclass``, ``ordinal``, ``count``, ``survival`` or
        ``paired``; see `read_outcome`.
    covariates : names of columns, frame or array (n, c), optional
        What effects are adjusted for.
    groups : name of a column or array (n,), optional
        Rows that are not independent (repeated measures): errors allow for that.
    weights : name of a column or array (n,), optional
        Sampling weights of rows.
    time : name of a column or array (n,), optional
        Survival: how long each row was seen. Other kinds: when it was, adjusted for by a spline.
    pairs : name of a column or array (n,), optional
        What was compared with what: two rows each, the one with the larger y won. Learn with
        ``together=`` that column, or a pair is torn apart by the split.
    by : name of a column or array (n,), optional
        Test whether effects differ between its values.
    missing : {"error", "drop"}, default "error"
        Rows without an outcome: refuse, or leave out and count.
    splits : array of shape (n,), optional
        Without a lexicon: 0 *discover*, 1 *name*, 2 *verify*. By default by a hash of row numbers.
    names : sequence of str, optional
        Without a lexicon: names of columns.
    vectors, texts : array (n, d) and sequence of str, optional
        For the comparison with the raw embedding and with words. A lexicon's texts are embedded
        again, through the cache, if it has an encoder.
    relevance : Relevance, optional
        How names score rows; by default the lexicon's encoder, or words.
    baselines : bool, default True
        Fill `carried`: what is predicted from named concepts, their names alone, all concepts,
        covariates, the vectors, words, topics, PCA and random atoms.
    level, knockoff_level, fewest, most, rows, seed
        See `Options`.
    name, unit, items : str, optional
        What the outcome, its unit and the rows are called.
    order : sequence of str, optional
        Words that an outcome holds, from low to high: they are then ordinal; of two words the
        second is the one that is counted.

    Returns
    -------
    Findings
        Its ``table`` has a row for each concept (times classes of a multiclass outcome, in column
        ``level``), most certain first:

        - ``effect``, ``low``, ``high``: of showing the concept at all, in ``unit``. Continuous:
          difference of means. Binary and multiclass: percentage points. Ordinal: percentile points
          (ridits). Paired: points by which the win rate against items without it is above 50.
          Count and survival: ratio of rates or hazards.
        - ``p``, ``q`` (Benjamini and Hochberg over all tested), ``knockoff`` and ``knockoff_q``:
          whether it tells what other concepts do not (`knockoff_filter`).
        - ``prevalence`` (of all rows), ``n`` (tested rows, or pairs), ``n_active``.
        - ``stability``: how often the elastic net chooses it on *discover* and *name* rows;
          ``joint``, ``joint_low``, ``joint_high``, ``joint_p``, ``joint_q``: its effect given the
          others so chosen. Where too few concepts go with the outcome for knockoffs, which select
          at least ``1 / knockoff_level`` or none, this tells which of them say something new.
        - ``dose_weak``, ``dose_middle``, ``dose_strong`` and ``shape``: by strength; see `dose`. Of
          counts, survival and classes for findings only.
        - ``name_effect``, ``name_low``, ``name_high``, ``name_p``, ``name_q``: effect of what the
          name says about a row, without its codes.
        - ``both_p``, ``both_q``: of the finding as it is put in words, that the concept and its
          name both go with the outcome, in the same direction (the larger p of the two).
        - ``by_p``, ``by_q``: whether the effect differs between subgroups.
        - ``chosen``: the effect on *discover* and *name* rows (for counts and survival only with
          `most`); ``note``: why it was not tested.

    Raises
    ------
    InputError
        If something cannot be used; naming the column and the row.

    References
    ----------
    Movva, Peng, Garg, Kleinberg and Pierson, "Sparse autoencoders for hypothesis generation", 2025,
    for the task; Berger, "Multiparameter hypothesis testing and acceptance sampling", 1982, for the
    larger of two p. Other methods are cited where they are.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> random = np.random.default_rng(0)
    >>> x = random.random((600, 3)) < 0.3
    >>> stars = 3.0 * x[:, 1] + random.standard_normal(600)
    >>> found = sc.explain.outcome(x, stars, names=["tea", "train", "dog"], name="rating")
    >>> found.sentences
    ['items with “train” have a rating that is 2.8 higher [2.3, 3.2]']
    """
    options = Options(level, knockoff_level, fewest, most, seed, rows)
    if rows == "all":
        require_unseen(lex, y)
    given = read_given(
        lex, y, kind=kind, covariates=covariates, groups=groups, weights=weights, time=time,
        pairs=pairs, by=by, missing=missing, name=name, unit=unit, names=names, order=order,
    )  # fmt: skip
    setting = given.setting
    # Rows of a pair, or of a group, stay together.
    owner = setting.groups if setting.pairs is None else setting.pairs
    side = read_splits(lex, splits, given.codes.shape[0], owner)
    table = concept_effects(given.codes, setting, side, options)
    problem = setting.problem(options.tested(side))
    source = stored_vectors(lex, vectors) if isinstance(lex, Lexicon) else None
    read = np.flatnonzero(~np.isnan(setting.outcome.values)) if baselines else problem.rows
    yes, which, circular = read_names(lex, source, relevance, setting.outcome.name, read)
    here = yes[np.searchsorted(read, problem.rows)]
    said = name_effects(problem, here, which, len(given.names), fewest)
    table = pl.concat([table, with_both(table, said, setting.outcome.is_ratio)], how="horizontal")
    subgroups = pl.DataFrame()
    if given.by is not None:
        extra, subgroups = subgroup_effects(given, table, problem.rows)
        table = pl.concat([table, extra], how="horizontal")
        subgroups = given.label(subgroups).drop("latent")
    table = given.label(table).sort("p", "latent", nulls_last=True, maintain_order=True)
    first = [c for c in _FIRST if c in table.columns]
    table = table.select(*first, pl.exclude("latent", *_FIRST))
    compared = pl.DataFrame()
    if baselines:
        if isinstance(lex, Lexicon) and source is not None:
            texts = lex.items[lex.text] if texts is None and lex.text is not None else texts
            if vectors is None and source[1] == "vectors":
                vectors = source[0].take(np.arange(len(lex.items)))
        named = np.zeros((len(side), len(which)))
        named[read] = yes
        compared = compared_features(given, side, vectors, texts, named=named, seed=seed)
    levels = len(setting.outcome.levels) if "level" in table.columns else 1
    left_out = given.left_out | ({"names that state the outcome": circular} if circular else {})
    for why, count in table.filter(pl.col("note").is_not_null())["note"].value_counts().iter_rows():
        left_out[f"concepts: {why}"] = count // levels
    how = _how(lex, given, options) | {
        "rows": {s: int((side == i).sum()) for i, s in enumerate(SPLITS)},
        "tested": {
            "rows": len(problem.rows),
            "units": len(problem),
            "effects": int(table["p"].is_not_null().sum()),
        },
        "knockoffs": {
            "selected": int(table["knockoff"].sum()),
            "selects_at_least": math.ceil(1 / knockoff_level),
            "smallest_q": table["knockoff_q"].min(),
        },
    }
    return Findings(table, setting.outcome, compared, subgroups, items, level, left_out, how)


def _how(lex: Any, given: Given, options: Options) -> dict[str, Any]:
    return {
        "made_by": f"semascope {version('semascope')}",
        "lexicon": None if not isinstance(lex, Lexicon) else str(lex.path or "in memory"),
        "fingerprint": lex.info.get("data_fingerprint") if isinstance(lex, Lexicon) else None,
        "outcome": given.setting.outcome.name,
        "kind": given.setting.outcome.kind,
        "options": asdict(options),
        "adjusted_for": given.covariate_names,
        "groups": given.setting.groups is not None,
        "weights": given.setting.weights is not None,
        "interval": 0.95,
    }
