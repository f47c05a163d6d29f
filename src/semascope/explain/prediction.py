"""What a model on vectors uses, told in concepts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, did_you_mean, generator, kendall_w, listed
from semascope.core import progress as shown_progress
from semascope.explain.attribution import ask_split
from semascope.explain.checks import TASKS, checked, mean_curves
from semascope.explain.decoded import Decoded, decode
from semascope.explain.importance import coarse, importance, with_bets, with_tcav
from semascope.explain.item_scores import METHODS, How, Scored, ask_scores, in_groups
from semascope.explain.mixture import together
from semascope.explain.predicted import Prediction
from semascope.explain.predictor import BATCH, Predictor
from semascope.explain.tcav import Tcav, tcav
from semascope.lexicon import Lexicon

Rows = npt.NDArray[np.int64]
TESTS = ("tcav", "betting")
_SPLIT = 8
# Items asked about twice, and the share of the span of predictions that rounding may move them by.
_AGAIN = 8
_APART = 0.01
# Items are asked about in groups that fill so many calls.
_CALLS = 4


def prediction(
    lex: Any,
    predict: Any,
    x: Any = None,
    *,
    target: int | None = None,
    names: Sequence[str | None] | None = None,
    methods: str | Sequence[str] = METHODS,
    tests: str | Sequence[str] = TESTS,
    task: str = "order",
    rows: Sequence[int] = (),
    most_items: int = 100,
    most_rows: int = 2000,
    permutations: int = 32,
    points: int = 32,
    level: float = 0.05,
    batch: int = BATCH,
    budget: int | None = None,
    items: str = "items",
    called: str = "the prediction",
    progress: bool = False,
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
    methods : str or sequence of str
        ``occlusion``, ``gradient_input``, ``integrated_gradients``, ``shapley``, ``sobol``.
    tests : str or sequence of str
        ``tcav`` (needs gradients: ``2 d`` predictions an item unless `predict` is a torch module)
        and ``betting``.
    task : {"order", "keep", "remove", "amount"}, default "order"
        What the attributions are for: ``checks`` compare methods by how well they put concepts in
        order (areas under insertion and deletion curves), choose what to keep (insertion) or to
        take away (deletion), or foretell what taking away costs (mu-fidelity).
    rows : sequence of int
        Items that are explained in any case, by their rows; they are part of all means.
    most_items : int, default 100
        Items that methods are run on: chosen at random if there are more.
    most_rows : int, default 2000
        Rows that tests are run on.
    permutations, points : int, default 32
        Orders of `sampled_shapley`, points of each of two repeats of `sobol_total`, an item.
    level : float, default 0.05
        Of the tests.
    batch : int, default 8192
        Most vectors of one call.
    budget : int, optional
        Vectors that may be asked about in all, for models that are slow or paid by use: so many
        items are explained as fit. What each part takes is in the notes below.
    items, called : str, default "items" and "the prediction"
        What rows, and what is predicted, are called in sentences.
    progress : bool, default False
        Show how many items are done.
    seed : int, default 0
        Items, orders, points, shuffles.

    Returns
    -------
    Prediction
        Its ``table``, most important first, has for each concept that some item shows:

        - ``concept``, ``name``, ``prevalence``, ``n_items`` (explained items that show it);
        - a column for each method, with ``_low`` and ``_high``: mean absolute attribution over
          explained items, 0 where it is not shown, with 95 % interval over items;
        - ``effect``, ``effect_low``, ``effect_high``: mean signed attribution where it is shown,
          of Shapley or the first method, with 95 % interval;
        - ``tcav``, ``tcav_low``, ``tcav_high``, ``slope``, ``p``, ``q``: see `tcav`;
        - ``wealth``, ``rejected_at``, ``bet_p``, ``bet_q``, ``bet_rank``: see `bet_on_concepts`;
        - ``rank``: by the mean of its ranks by the methods.

        Its ``checks`` compare each method with random orders of an item's concepts: areas under
        insertion and deletion curves beyond chance (``insertion_gain`` and ``deletion_gain``,
        above 0 is better) with interval, ``mu_fidelity``, and, for the `task`, one-sided Wilcoxon
        tests over items against random orders (``beats_random_p``) and against plain
        re-evaluation, which is occlusion (``beats_reevaluation_p``).

    Raises
    ------
    InputError
        If something does not fit, `predict` returns a wrong shape or values not finite, or the
        budget is too small for two items.

    Notes
    -----
    Vectors that `predict` is asked about, for an item of ``k`` concepts in ``d`` dimensions:

    - 8 for the split, ``k + 2`` for occlusion, ``2 k`` for gradient x input, ``64 k`` for
      integrated gradients, ``2 points (k + 1)`` for Sobol indices;
    - for Shapley values ``2**k`` up to 8 concepts, else ``(k - 1) permutations``;
    - 100 for mu-fidelity, up to ``2 (k - 1)`` a method for its curves, ``2 d`` for TCAV.

    A torch module takes 1, 32 and 1 for gradient x input, integrated gradients and TCAV. Bets take
    each row once. Sets of concepts that several methods ask about are asked about once, and calls
    are filled up to `batch` with several items.

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
    methods = (methods,) if isinstance(methods, str) else methods
    tests = (tests,) if isinstance(tests, str) else tests
    _check(methods, tests, task, most_items, most_rows, level)
    model = Predictor(predict, target, batch, budget)
    some = decode(lex, x, names, most_rows=most_rows, include=rows, seed=seed)
    how = How(tuple(dict.fromkeys(methods)), permutations, points, seed)
    sure = np.searchsorted(some.rows, np.unique(np.asarray(rows, dtype=np.int64)))
    chosen = _chosen(some, model, how, tests, max(most_items, len(sure)), sure, seed)
    notes = []
    if len(chosen) < some.n:
        full = budget is None or len(chosen) == min(most_items, len(some.rows))
        why = "chosen at random" + (f", but for {len(sure)} asked for" if len(sure) else "")
        why = why if full else f"a budget of {budget:,} vectors"
        notes.append(f"{len(chosen):,} of {some.n:,} {items} were explained: {why}")
    with shown_progress("predict", len(chosen), items, progress) as bar:
        scored, splits = _asked(some, model, how, chosen, bar.advance)
    told = [(i, one) for i, one in zip(chosen.tolist(), scored, strict=True) if one is not None]
    if not told:
        raise InputError("no item shows any concept; there is nothing to attribute")
    long = _long(some, told)
    table = importance(long, how.methods, some, len(chosen))
    along = None
    if "tcav" in tests:
        along = tcav(model.gradient(some.vectors[chosen]), some.vectors, some.codes, seed=seed)
        table = with_tcav(table, along)
        notes += _of_tcav(along, table, some, level, items)
    if "betting" in tests:
        table = with_bets(table, model(some.vectors), some.codes, level, seed)
    notes += _doubts(model, some.vectors[chosen], np.array(splits)[:, 0], items)
    table = _labelled(table.with_columns(pl.selectors.float().fill_nan(None)), some)
    table = table.sort("rank", "latent", maintain_order=True)
    several = [one for _, one in told if len(one.chance)]
    shares = ["prediction", "base", "labelled", "unlabelled", "remainder"]
    split = pl.DataFrame(np.array(splits), orient="row", schema=shares)
    return Prediction(
        table.select("concept", "name", pl.exclude("concept", "name", "latent")),
        _labelled(long, some).select("item", "concept", "name",
                                     pl.exclude("item", "concept", "name", "latent")),
        split.insert_column(0, pl.Series("item", some.rows[chosen])),
        checked(several, how.methods, task),
        mean_curves(several, how.methods),
        kendall_w(np.column_stack([coarse(table[c].to_numpy()) for c in how.methods])),
        notes,
        # Whoever asks on does so beyond the budget.
        Predictor(predict, target, batch),
        some,
        items,
        called,
        level,
        {
            "made_by": f"semascope {version('semascope')}",
            "lexicon": str(lex.path or "in memory") if isinstance(lex, Lexicon) else None,
            "items": {"explained": len(chosen), "of": some.n},
            "rows": len(some.rows),
            "asked": {"calls": model.spent.calls, "vectors": model.spent.vectors},
            "methods": list(how.methods),
            "tests": list(tests),
            "options": {"task": task, "permutations": permutations, "points": points,
                        "level": level, "target": target, "budget": budget, "seed": seed},
            "interval": 0.95,
        },
    )  # fmt: skip


def _check(
    methods: Sequence[str], tests: Sequence[str], task: str, most_items: int, most_rows: int,
    level: float,
) -> None:  # fmt: skip
    for given, known, what in (
        (methods, METHODS, "method"), (tests, TESTS, "test"), ([task], tuple(TASKS), "task")
    ):  # fmt: skip
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
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level}")


def _chosen(
    some: Decoded,
    model: Predictor,
    how: How,
    tests: Sequence[str],
    most_items: int,
    sure: Rows,
    seed: int,
) -> Rows:
    """Choose items to explain at random, as many as there may be and the budget allows."""
    n, d = some.vectors.shape
    order = generator(seed, "chosen items").permutation(n)
    order = np.concatenate([sure, order[~np.isin(order, sure)]])[:most_items]
    if model.most is None:
        return np.sort(order)
    slopes = (1 if model.differentiable else 2 * d) if "tcav" in tests else 0
    costs = np.array([
        _SPLIT + slopes + _cost(some, model, how, i) for i in order.tolist()
    ])  # fmt: skip
    fixed = n if "betting" in tests else 0
    fits = int((fixed + costs.cumsum() <= model.most).sum())
    if fits < max(min(2, n), len(sure)):
        few = max(2, len(sure))
        bets = f" and bets {fixed:,}" if fixed else ""
        raise InputError(
            f"a budget of {model.most:,} vectors is too small: {'two' if few == 2 else f'{few:,}'} "
            f"items take {costs[:few].sum():,}{bets}; allow more, or ask for fewer methods and "
            "tests, or smaller most_rows"
        )
    return np.sort(order[:fits])


def _cost(some: Decoded, model: Predictor, how: How, i: int) -> int:
    k = len(some.active(i))
    return how.vectors(k, differentiable=model.differentiable) if k else 0


def _asked(
    some: Decoded, model: Predictor, how: How, chosen: Rows, advance: Any
) -> tuple[list[Scored | None], list[Any]]:
    scored: list[Scored | None] = []
    splits: list[Any] = []
    costs = [_SPLIT + _cost(some, model, how, i) for i in chosen.tolist()]
    for group in in_groups(costs, _CALLS * model.batch):
        own = chosen[group.start : group.stop].tolist()
        shows = [i for i in own if len(some.active(i))]
        mixtures = [some.thirds(i, model) for i in own] + [some.mixture(i, model) for i in shows]
        asking: list[Any] = [ask_split() for _ in own]
        asking += [ask_scores(len(some.active(i)), how) for i in shows]
        found = together(mixtures, asking)
        splits += found[: len(own)]
        by_item = dict(zip(shows, found[len(own) :], strict=True))
        scored += [by_item.get(i) for i in own]
        advance(len(own), f"{model.spent.vectors:,} vectors asked about")
    return scored, splits


def _doubts(
    model: Predictor, vectors: npt.NDArray[Any], before: npt.NDArray[np.float64], items: str
) -> list[str]:
    """Say if predictions are all the same, or not the same when asked again."""
    if np.ptp(before) == 0:
        return [f"predict returned {before[0]:g} for each of the explained {items}"]
    some = vectors[:_AGAIN]
    if model.most is not None and model.spent.vectors + len(some) > model.most:
        return []
    apart = float(np.abs(model(some) - before[: len(some)]).max())
    if apart <= _APART * np.ptp(before):
        return []
    said = (
        f"predict does not repeat itself: asked again about {len(some)} {items} it moved by up to "
        f"{apart:.2g}, where predictions span {np.ptp(before):.2g}; nothing here is sure (a torch "
        "module needs .eval(), a server temperature 0)"
    )
    return [said]


def _long(some: Decoded, told: list[tuple[int, Scored]]) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "item": np.concatenate([np.full(len(some.active(i)), some.rows[i]) for i, _ in told]),
        "latent": np.concatenate([some.active(i) for i, _ in told]),
        "activation": np.concatenate([some.strengths(i) for i, _ in told]),
    }
    for name in told[0][1].scores:
        columns[name] = np.concatenate([one.scores[name] for _, one in told])
    return pl.DataFrame(columns)


def _of_tcav(
    found: Tcav, table: pl.DataFrame, some: Decoded, level: float, items: str
) -> list[str]:
    slope = found.slope[~np.isnan(found.slope)]
    if not slope.any():
        return ["predict is flat around the items: no gradients, so TCAV tells nothing"]
    absent = np.setdiff1d(np.flatnonzero(found.q <= level), table["latent"].to_numpy())
    if not len(absent):
        return []
    absent = absent[np.argsort(-np.abs(found.slope[absent]), kind="stable")]
    named = [f"“{some.names[j]}”" if some.names[j] is not None else str(some.concepts[j])
             for j in absent[:3].tolist()]  # fmt: skip
    more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
    said = (
        f"the model is sensitive to {', '.join(named)}{more} (TCAV), but none of the explained "
        f"{items} show it: no part in these predictions"
    )
    return [said]


def _labelled(table: pl.DataFrame, some: Decoded) -> pl.DataFrame:
    at = table["latent"]
    return table.with_columns(concept=some.concepts.gather(at), name=some.names.gather(at))
