"""What a model on vectors uses, told in concepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, as_vectors, did_you_mean, generator, kendall_w, listed
from semascope.discover import Dictionary
from semascope.explain.attribution import (
    Mixture,
    gradient_input,
    integrated_gradients,
    occlusion,
    shapley,
    split_prediction,
)
from semascope.explain.betting import bet_on_concepts, e_adjusted
from semascope.explain.curves import (
    area,
    deletion,
    insertion,
    mu_fidelity,
    random_area,
)
from semascope.explain.predicted import Prediction
from semascope.explain.predictor import BATCH, Predictor
from semascope.explain.sobol import sobol_total
from semascope.explain.tcav import tcav
from semascope.explain.tested import as_strengths
from semascope.lexicon import Lexicon, stored_vectors

Floats = npt.NDArray[np.float64]
METHODS = ("occlusion", "gradient_input", "integrated_gradients", "shapley", "sobol")
TESTS = ("tcav", "betting")


def prediction(
    lex: Any,
    predict: Any,
    x: Any = None,
    *,
    target: int | None = None,
    names: Sequence[str | None] | None = None,
    methods: Sequence[str] = METHODS,
    tests: Sequence[str] = TESTS,
    most_items: int = 100,
    most_rows: int = 2000,
    permutations: int = 32,
    points: int = 32,
    level: float = 0.05,
    batch: int = BATCH,
    seed: int = 0,
) -> Prediction:
    """Tell which concepts a model on vectors uses, by several methods, with errors and tests.

    A vector is its codes times the atoms, plus the dictionary's bias, plus a remainder that no
    concept explains. Methods take concepts of an item away or turn them down, keep the rest, and
    ask the model.

    Parameters
    ----------
    lex : Lexicon, Dictionary or fitted estimator with ``dictionary_``
        Concepts.
    predict : callable
        From vectors (n, d) to (n,) or (n, classes); see `Predictor`.
    x : vectors (n, d), or texts for a lexicon that has an encoder
        Items. By default those of the lexicon: embedded again, or what it reconstructs of them.
    target : int, optional
        Class to explain; needed if there are more than two.
    names : sequence of str or None, optional
        Names of concepts, without a lexicon.
    methods : sequence of str
        ``occlusion``, ``gradient_input``, ``integrated_gradients``, ``shapley``, ``sobol``.
    tests : sequence of str
        ``tcav`` (needs gradients: ``2 d`` predictions an item unless `predict` is a torch module)
        and ``betting``.
    most_items : int, default 100
        Items that methods are run on: chosen at random if there are more.
    most_rows : int, default 2000
        Rows that tests are run on.
    permutations, points : int, default 32
        Orders of `sampled_shapley`, points of each of two repeats of `sobol_total`, an item.
    level : float, default 0.05
        Of the bets.
    batch : int, default 8192
        Most vectors of one call.
    seed : int, default 0
        Items, orders, points, shuffles.

    Returns
    -------
    Prediction
        Its ``table``, most important first, has for each concept that some item shows:

        - ``concept``, ``name``, ``prevalence``, ``n_items`` (explained items that show it);
        - a column for each method, with ``_low`` and ``_high``: mean absolute attribution over
          explained items, 0 where it is not shown, with 95 % interval over items;
        - ``effect``: mean signed attribution where it is shown, of Shapley or the first method;
        - ``tcav``, ``tcav_low``, ``tcav_high``, ``slope``, ``p``, ``q``: see `tcav`;
        - ``wealth``, ``rejected_at``, ``bet_p``, ``bet_q``, ``bet_rank``: see `bet_on_concepts`;
        - ``rank``: by the mean of its ranks by the methods.

        Its ``checks`` compare each method with random orders of an item's concepts: areas under
        insertion and deletion curves beyond chance (``insertion_gain`` and ``deletion_gain``,
        above 0 is better) with interval, ``beats_random_p`` (one-sided Wilcoxon test over items),
        and ``mu_fidelity``. Compare with the row of occlusion, which is plain re-evaluation.

    Raises
    ------
    InputError
        If something does not fit, or `predict` returns a wrong shape or values not finite.

    References
    ----------
    Given with each method.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.discover import Dictionary
    >>> eye, zero = np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32)
    >>> dictionary = Dictionary(eye, zero, eye, zero, n_active=2)
    >>> x = np.random.default_rng(0).random((100, 3))
    >>> used = sc.explain.prediction(dictionary, lambda v: v[:, 1] * 2, x, tests=())
    >>> used.table["concept"][0], used.table["effect"].round(1).max() > 1
    ('c1', True)
    """
    for given, known, what in ((methods, METHODS, "method"), (tests, TESTS, "test")):
        for one in given:
            if one not in known:
                raise InputError(
                    f"no {what} '{one}'; there are {listed(known)}{did_you_mean(one, known)}"
                )
    if not methods:
        raise InputError("name at least one method")
    if min(most_items, most_rows) < 2:
        raise InputError(
            f"most_items and most_rows must be 2 or more, got {most_items}, {most_rows}"
        )
    model = Predictor(predict, target, batch)
    decoder, concepts, told = _decoder(lex, names)
    vectors = _vectors(lex, decoder, x)
    n, notes = len(vectors), list[str]()
    random = generator(seed, "items")
    rows = np.sort(random.permutation(n)[:most_rows])
    chosen = np.sort(random.permutation(len(rows))[:most_items])
    some = np.asarray(vectors[rows], dtype=np.float64)
    # A lexicon's own codes fit its reconstructions; coding these again may choose other concepts.
    own = x is None
    codes = as_strengths(
        lex.codes[rows]
        if own
        else (lex if isinstance(lex, Lexicon) else decoder).encode(vectors[rows])
    )
    atoms = np.asarray(lex.atoms if isinstance(lex, Lexicon) else decoder.atoms, dtype=np.float64)
    bias = np.asarray(decoder.bias, dtype=np.float64)
    if len(chosen) < n:
        notes.append(f"{len(chosen)} of {n} items were explained, chosen at random")
    named = told.is_not_null().to_numpy()
    used: list[dict[str, Any]] = []
    splits: list[Floats] = []
    checks: list[dict[str, Any]] = []
    for i in chosen:
        here = codes[[i]]
        active, parts = here.indices, here.data[:, None] * atoms[here.indices]
        rest = some[i] - parts.sum(axis=0) - bias
        label = named[active]
        splits.append(
            split_prediction(bias, parts[label].sum(axis=0), parts[~label].sum(axis=0), rest, model)
        )
        if not len(active):
            continue
        item = Mixture(model, bias + rest, parts)
        scores = _attributed(item, methods, permutations, points, seed)
        used.append({"item": np.full(len(active), rows[i]), "latent": active,
                     "activation": here.data} | scores)  # fmt: skip
        if len(active) > 1:
            checks += _checked(item, {m: scores[m] for m in methods}, seed)
    if not used:
        raise InputError("no item shows any concept; there is nothing to attribute")
    long = {c: np.concatenate([u[c] for u in used]) for c in used[0]}
    table = _table(long, methods, codes, len(chosen))
    agreement = kendall_w(np.column_stack([_coarse(table[c].to_numpy()) for c in methods]))
    if "tcav" in tests:
        found = tcav(model.gradient(some[chosen]), some, codes, seed=seed)
        at = table["latent"].to_numpy()
        table = table.with_columns(
            tcav=found.score[at], tcav_low=found.low[at], tcav_high=found.high[at],
            slope=found.slope[at], p=found.p[at], q=found.q[at],
        )  # fmt: skip
        if not np.any(found.slope[~np.isnan(found.slope)]):
            notes.append("predict is flat around the items: no gradients, so TCAV tells nothing")
    if "betting" in tests:
        table = _bets(table, model(some), codes, level, seed)
    table = table.with_columns(pl.selectors.float().fill_nan(None))
    labels = {"concept": concepts.gather(table["latent"]), "name": told.gather(table["latent"])}
    table = table.with_columns(**labels).sort("rank", "latent", maintain_order=True)
    frame = pl.DataFrame(long)
    frame = frame.with_columns(
        concept=concepts.gather(frame["latent"]), name=told.gather(frame["latent"])
    )
    return Prediction(
        table.select("concept", "name", pl.exclude("concept", "name", "latent")),
        frame.select("item", "concept", "name", pl.exclude("item", "concept", "name", "latent")),
        pl.DataFrame(np.array(splits), orient="row", schema=["prediction", "base", "labelled",
                     "unlabelled", "remainder"]).insert_column(0, pl.Series("item", rows[chosen])),
        _summary(checks, methods),
        agreement,
        notes,
    )  # fmt: skip


def _decoder(lex: Any, names: Any) -> tuple[Dictionary, pl.Series, pl.Series]:
    if isinstance(lex, Lexicon):
        if names is not None:
            raise InputError("a lexicon has names; leave names out")
        return lex.dictionary, lex.concepts["id"], lex.concepts["name"]
    decoder = getattr(lex, "dictionary_", lex)
    if not isinstance(decoder, Dictionary):
        raise InputError(
            f"prediction needs a lexicon, a dictionary or a fitted estimator, got "
            f"{type(lex).__name__}"
        )
    m = decoder.n_components
    told = pl.Series("name", [None] * m if names is None else list(names), dtype=pl.String)
    if len(told) != m:
        raise InputError(f"{len(told)} names do not fit {m} concepts")
    return decoder, pl.Series("concept", [f"c{j}" for j in range(m)]), told


def _vectors(lex: Any, decoder: Dictionary, x: Any) -> npt.NDArray[Any]:
    if x is None:
        if not isinstance(lex, Lexicon):
            raise InputError("pass the vectors x of the items; only a lexicon has items of its own")
        x = stored_vectors(lex)[0].take(np.arange(len(lex.items)))
    elif isinstance(lex, Lexicon):
        x = lex.vectors_of(x)
    vectors = as_vectors(x)
    if vectors.shape[1] != decoder.n_dimensions:
        raise InputError(
            f"vectors have {vectors.shape[1]} dimensions, the dictionary {decoder.n_dimensions}"
        )
    return vectors


def _attributed(
    item: Mixture, methods: Sequence[str], permutations: int, points: int, seed: int
) -> dict[str, Floats]:
    out: dict[str, Floats] = {}
    for method in methods:
        if method == "occlusion":
            out[method] = occlusion(item)
        elif method == "gradient_input":
            out[method] = gradient_input(item)
        elif method == "integrated_gradients":
            out[method] = integrated_gradients(item)
        elif method == "shapley":
            out[method], out["shapley_error"] = shapley(item, permutations, seed=seed)
        else:
            out[method], out["sobol_error"] = sobol_total(
                item.value, len(item), points, repeats=2, seed=seed
            )
    return out


def _checked(item: Mixture, scores: dict[str, Floats], seed: int) -> list[dict[str, Any]]:
    chance = random_area(item, seed=seed)
    # Sobol indices have no sign; whether a concept raises or lowers is told by occlusion.
    sign = np.sign(occlusion(item))
    out = []
    for method, given in scores.items():
        signed = given * sign if method == "sobol" else given
        out.append(
            {
                "method": method,
                "insertion": area(insertion(item, signed)) - chance,
                "deletion": chance - area(deletion(item, signed)),
                "mu_fidelity": mu_fidelity(item, signed, seed=seed),
            }
        )
    return out


def _summary(checks: list[dict[str, Any]], methods: Sequence[str]) -> pl.DataFrame:
    from scipy.stats import wilcoxon

    out = []
    for method in methods:
        some = [c for c in checks if c["method"] == method]
        row: dict[str, Any] = {"method": method, "n": len(some)}
        for name in ("insertion", "deletion"):
            row |= _mean(np.array([c[name] for c in some]), f"{name}_gain")
        gain = np.array([c["insertion"] + c["deletion"] for c in some])
        tested = len(gain) >= 5 and np.abs(gain).max() > 1e-12
        row["beats_random_p"] = (
            float(wilcoxon(gain, alternative="greater").pvalue) if tested else None
        )
        fidelity = np.array([c["mu_fidelity"] for c in some], dtype=np.float64)
        out.append(row | _mean(fidelity[~np.isnan(fidelity)], "mu_fidelity"))
    return pl.DataFrame(out, infer_schema_length=None)


def _mean(values: Floats, name: str) -> dict[str, float | None]:
    if len(values) < 2:
        return {name: float(values[0]) if len(values) else None, f"{name}_low": None,
                f"{name}_high": None}  # fmt: skip
    centre, half = values.mean(), 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return {name: float(centre), f"{name}_low": float(centre - half),
            f"{name}_high": float(centre + half)}  # fmt: skip


def _table(
    long: dict[str, npt.NDArray[Any]], methods: Sequence[str], codes: Any, items: int
) -> pl.DataFrame:
    from scipy.stats import rankdata

    latents, which = np.unique(long["latent"], return_inverse=True)
    counts = np.bincount(which)
    shown = np.asarray((codes != 0).mean(axis=0)).ravel()[latents]
    out: dict[str, npt.NDArray[Any]] = {"latent": latents, "prevalence": shown, "n_items": counts}
    signed = long["shapley" if "shapley" in methods else methods[0]]
    out["effect"] = np.bincount(which, signed) / counts
    ranks = np.zeros(len(latents))
    for method in methods:
        size = np.abs(long[method])
        mean = np.bincount(which, size) / items
        spread = np.maximum(np.bincount(which, size**2) / items - mean**2, 0)
        half = 1.96 * np.sqrt(spread / max(items - 1, 1))
        out |= {method: mean, f"{method}_low": np.maximum(mean - half, 0),
                f"{method}_high": mean + half}  # fmt: skip
        ranks += rankdata(-_coarse(mean))
    out["rank"] = rankdata(ranks, method="min")
    return pl.DataFrame(out)


def _bets(table: pl.DataFrame, y: Floats, codes: Any, level: float, seed: int) -> pl.DataFrame:
    at = table["latent"].to_numpy()
    bets = bet_on_concepts(y, codes[:, at], level=level, seed=seed)
    wealth = np.array([np.nan if b is None else b.e for b in bets])
    stopped = [None if b is None else b.rejected_at for b in bets]
    # The sooner the null hypothesis falls, the more the concept counts; the rest go by wealth.
    key = [(np.inf if s is None else s, -w) for s, w in zip(stopped, wealth, strict=True)]
    order = sorted((j for j, b in enumerate(bets) if b is not None), key=lambda j: key[j])
    rank: list[int | None] = [None] * len(bets)
    for place, j in enumerate(order):
        rank[j] = place + 1
    return table.with_columns(
        wealth=wealth,
        rejected_at=pl.Series(stopped, dtype=pl.Int64),
        bet_p=np.array([np.nan if b is None else b.p for b in bets]),
        bet_q=e_adjusted(wealth),
        bet_rank=pl.Series(rank, dtype=pl.Int64),
    )


def _coarse(values: Floats) -> Floats:
    """Without differences that come from rounding, so that what is not used is tied."""
    most = float(np.abs(values).max())
    return np.round(values / most, 5) if most > 0 else values
