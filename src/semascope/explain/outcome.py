"""From items and an outcome to findings that stand up."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import SPLITS, as_vectors
from semascope.explain.baselines import standardised, vector_columns, word_columns
from semascope.explain.carried import carried
from semascope.explain.findings import Findings
from semascope.explain.given import Given, read_given, read_splits
from semascope.explain.named import NAME_COLUMNS, name_effects, said_by_names, states_column
from semascope.explain.problem import Setting
from semascope.explain.shape import by_subgroup
from semascope.explain.tested import FEWEST, Options, adjusted, concept_effects
from semascope.lexicon import Lexicon, Relevance, phrase_relevance, stored_vectors

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
    name: str | None = None,
    unit: str | None = None,
    items: str = "items",
    seed: int = 0,
) -> Findings:
    """Tell which concepts go with an outcome, by how much, and how sure that is.

    What is chosen (dictionary, names, thresholds, which concepts are tested, cuts between weak and
    strong) comes from *discover* and *name* rows; every effect, interval and p-value from *verify*
    rows. A lexicon carries its split.

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
        Weights of rows.
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
        Fill `carried`.
    level, knockoff_level, fewest, most, seed
        See `Options`.
    name, unit, items : str, optional
        What the outcome, its unit and the rows are called.

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
          ``joint``, ``joint_low``, ``joint_high``: its effect given the others so chosen.
        - ``dose_weak``, ``dose_middle``, ``dose_strong`` and ``shape``: by strength; see `dose`.
        - ``name_effect``, ``name_low``, ``name_high``, ``name_p``, ``name_q``: effect of what the
          name says about a row, without its codes.
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
    for the task; methods are cited where they are.

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
    options = Options(level, knockoff_level, fewest, most, seed)
    given = read_given(
        lex, y, kind=kind, covariates=covariates, groups=groups, weights=weights, time=time,
        pairs=pairs, by=by, missing=missing, name=name, unit=unit, names=names,
    )  # fmt: skip
    # Rows of a pair, or of a group, stay together.
    owner = given.setting.groups if given.setting.pairs is None else given.setting.pairs
    side = read_splits(lex, splits, given.codes.shape[0], owner)
    table = concept_effects(given.codes, given.setting, side, options)
    problem = given.setting.problem(np.flatnonzero(side == SPLITS.index("verify")))
    m, r = given.codes.shape[1], problem.y.reshape(len(problem.y), -1).shape[1]
    left_out = dict(given.left_out)
    source = stored_vectors(lex, vectors) if isinstance(lex, Lexicon) else None
    if isinstance(lex, Lexicon) and source is not None:
        if relevance is None:
            relevance = phrase_relevance(lex, source[0])
        yes, which = said_by_names(lex, relevance, problem.rows)
        circular = [
            i
            for i, j in enumerate(which)
            if states_column(lex.concepts["name"][int(j)], given.setting.outcome.name)
        ]
        if circular:
            left_out["names that state the outcome"] = len(circular)
        kept = np.setdiff1d(np.arange(len(which)), circular)
        said = name_effects(problem, yes[:, kept], which[kept], m, fewest)
    else:
        said = pl.DataFrame({c: [None] * len(table) for c in NAME_COLUMNS},
                            schema=dict.fromkeys(NAME_COLUMNS, pl.Float64))  # fmt: skip
    table = pl.concat([table, said], how="horizontal")
    subgroups = pl.DataFrame()
    if given.by is not None:
        table, subgroups = _by(given, given.by, table, problem.rows, r)
    table = _labelled(given, table)
    compared = pl.DataFrame()
    if baselines:
        if isinstance(lex, Lexicon) and source is not None:
            texts = lex.items[lex.text] if texts is None and lex.text is not None else texts
            if vectors is None and source[1] == "vectors":
                vectors = source[0].take(np.arange(len(lex.items)))
        compared = _compared(given, side, vectors, texts, options)
    tested = table["p"].is_not_null()
    for why, count in table.filter(pl.col("note").is_not_null())["note"].value_counts().iter_rows():
        left_out[f"concepts: {why}"] = count // (r or 1)
    how = {
        "made_by": f"semascope {version('semascope')}",
        "lexicon": None if not isinstance(lex, Lexicon) else str(lex.path or "in memory"),
        "fingerprint": lex.info.get("data_fingerprint") if isinstance(lex, Lexicon) else None,
        "outcome": given.setting.outcome.name,
        "kind": given.setting.outcome.kind,
        "options": asdict(options),
        "adjusted_for": given.covariate_names,
        "groups": given.setting.groups is not None,
        "weights": given.setting.weights is not None,
        "rows": {s: int((side == i).sum()) for i, s in enumerate(SPLITS)},
        "tested": {"rows": len(problem.rows), "units": len(problem), "effects": int(tested.sum())},
        "interval": 0.95,
    }
    return Findings(table, given.setting.outcome, compared, subgroups, items, level, left_out, how)


def _by(
    given: Given, column: pl.Series, table: pl.DataFrame, rows: npt.NDArray[np.int64], r: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    active = given.codes.copy()
    active.data = (active.data != 0).astype(np.float64)
    tested = np.asarray(table["p"].is_not_null().to_numpy().reshape(-1, r).any(axis=1))
    which = np.flatnonzero(tested)
    found = by_subgroup(given.setting, active[:, which], rows, column)
    p = np.full((len(tested), r), np.nan)
    p[which] = found.p.reshape(len(which), r)
    parts = []
    for level, effect in zip(found.levels, found.effects, strict=True):
        part = {"latent": np.repeat(which, r), "subgroup": [level] * (len(which) * r)}
        if "level" in table.columns:
            part["level"] = list(given.setting.outcome.levels) * len(which)
        part |= {c: getattr(effect, c).ravel() for c in ("effect", "low", "high", "p")}
        parts.append(pl.DataFrame(part).with_columns(pl.selectors.float().fill_nan(None)))
    subgroups = _labelled(given, pl.concat(parts), sort=False)
    extra = pl.DataFrame({"by_p": p.ravel(), "by_q": adjusted(p).ravel()})
    return pl.concat([table, extra.fill_nan(None)], how="horizontal"), subgroups


def _labelled(given: Given, table: pl.DataFrame, *, sort: bool = True) -> pl.DataFrame:
    latent = table["latent"].to_numpy()
    table = table.with_columns(
        concept=given.concepts.gather(latent), name=given.names.gather(latent)
    )
    table = table.filter(pl.Series(given.alive[latent]))
    if sort:
        table = table.sort("p", "latent", nulls_last=True, maintain_order=True)
    first = [c for c in _FIRST if c in table.columns]
    return table.select(*first, *(c for c in table.columns if c not in {*first, "latent"}))


def _compared(
    given: Given, side: npt.NDArray[np.uint8], vectors: Any, texts: Any, options: Options
) -> pl.DataFrame:
    setting: Setting = given.setting
    verify = side == SPLITS.index("verify")
    test = setting.problem(np.flatnonzero(verify))
    train = setting.problem(np.flatnonzero(~verify))
    fit = train.rows
    named = np.flatnonzero(given.alive & given.names.is_not_null().to_numpy())
    alive = np.flatnonzero(given.alive)
    columns = max(1, len(named) or len(alive))
    features: dict[str, Any] = {}
    if len(named):
        features["named concepts"] = standardised(given.codes[:, named], fit)
    if len(alive) > len(named):
        features["all concepts"] = standardised(given.codes[:, alive], fit)
    whole = None
    if vectors is not None:
        whole = "raw embedding"
        features |= vector_columns(as_vectors(vectors), fit, columns, seed=options.seed)
    if texts is not None:
        some = texts if isinstance(texts, pl.Series) else pl.Series(list(texts), dtype=pl.String)
        features |= word_columns(some, fit, columns, seed=options.seed)
    return carried(features, train, test, whole=whole, seed=options.seed)
