"""What a model uses, in plain English."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from semascope.explain.checks import TASKS
from semascope.explain.sentences import ends_text, number

CALLED = {
    "occlusion": "occlusion",
    "gradient_input": "gradient x input",
    "integrated_gradients": "integrated gradients",
    "shapley": "Shapley values",
    "sobol": "Sobol indices",
}
_SHARES = {
    "labelled": "labelled concepts",
    "unlabelled": "unlabelled concepts",
    "remainder": "what no concept explains",
}

# Important concepts that an item lacks and that are named in its sentences.
_LACKING = 3


def concept_sentence(row: dict[str, Any], items: str, called: str, level: float) -> str:
    """Say what one concept does to predictions, and which tests found it.

    Parameters
    ----------
    row : dict
        Of `Prediction.table`.
    items, called : str
        What rows, and what is predicted, are called.
    level : float
        q up to which a test is said to have found it.

    Examples
    --------
    >>> from semascope.explain.prediction_words import concept_sentence
    >>> row = {"concept": "c1", "name": "a person", "effect": 0.3, "effect_low": 0.26}
    >>> row |= {"effect_high": 0.34, "prevalence": 0.08, "rejected_at": 120, "bet_q": 0.01}
    >>> concept_sentence(row, "rows", "P(human)", 0.05)
    '“a person” raises P(human) by 0.30 [0.26, 0.34] in rows that show it (8 %); found by betting'
    """
    size, ends = ends_text(row["effect"], row["effect_low"], row["effect_high"])
    way = "raises" if row["effect"] >= 0 else "lowers"
    found = [name for name, q in (("TCAV", "q"), ("betting", "bet_q"))
             if row.get(q) is not None and row[q] <= level]  # fmt: skip
    return (
        f"{_named(row)} {way} {called} by {size} {ends} in {items} that show it "
        f"({_percent(row['prevalence'])})" + (f"; found by {' and '.join(found)}" if found else "")
    )


def split_sentence(split: pl.DataFrame, called: str) -> str:
    """Say which share of what moves predictions is due to labelled concepts, others, and the rest.

    Shares of an item are those of the absolute values; their means come with 95 % intervals.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.prediction_words import split_sentence
    >>> row = {"labelled": 0.6, "unlabelled": -0.3, "remainder": 0.1}
    >>> split_sentence(pl.DataFrame([row, row]), "the prediction").split(":")[0]
    'what moves the prediction away from its base'
    """
    said = []
    for name, (share, low, high) in shares(split).items():
        said.append(f"{_SHARES[name]} {100 * share:.0f} % [{100 * low:.0f}, {100 * high:.0f}]")
    return f"what moves {called} away from its base: {', '.join(said)}"


def shares(split: pl.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Return mean shares of labelled, unlabelled and remainder, with 95 % intervals over items.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.prediction_words import shares
    >>> row = {"labelled": 3.0, "unlabelled": -1.0, "remainder": 0.0}
    >>> shares(pl.DataFrame([row, row]))["labelled"]
    (0.75, 0.75, 0.75)
    """
    sizes = np.abs(split.select(list(_SHARES)).to_numpy())
    total = sizes.sum(axis=1, keepdims=True)
    parts = (sizes / np.where(total > 0, total, 1))[total[:, 0] > 0]
    if not len(parts):
        return dict.fromkeys(_SHARES, (0.0, 0.0, 0.0))
    mean = parts.mean(axis=0)
    half = 1.96 * parts.std(axis=0, ddof=min(1, len(parts) - 1)) / np.sqrt(len(parts))
    low, high = np.maximum(mean - half, 0), np.minimum(mean + half, 1)
    return {name: (float(mean[i]), float(low[i]), float(high[i])) for i, name in enumerate(_SHARES)}


def method_sentences(checks: pl.DataFrame, agreement: float, task: str, level: float) -> list[str]:
    """Say how far methods agree, and which beat random orders and plain re-evaluation.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.prediction_words import method_sentences
    >>> checks = pl.DataFrame({"method": ["occlusion", "shapley"], "n": [50, 50],
    ...                        "beats_random_p": [0.001, 0.001],
    ...                        "beats_reevaluation_p": [None, 0.4]})
    >>> print(*method_sentences(checks, 0.9, "order", 0.05), sep="; ")
    methods agree on the order of concepts: Kendall's W 0.90; for putting concepts in order, \
occlusion and Shapley values beat random scores; none beats taking concepts away one by one
    """
    out = []
    if not np.isnan(agreement):
        verb = "agree" if agreement >= 0.7 else "agree little"
        out.append(f"methods {verb} on the order of concepts: Kendall's W {agreement:.2f}")
    if not len(checks) or not checks["n"][0]:
        return out
    said = []
    for test, what, beaten in (
        ("beats_random_p", "random scores", None),
        ("beats_reevaluation_p", "taking concepts away one by one", "occlusion"),
    ):
        asked = checks if beaten is None else checks.filter(pl.col("method") != beaten)
        if not len(asked):
            continue
        # One of several methods may win by chance: Bonferroni over those compared.
        winning = asked.filter(pl.col(test) <= level / len(asked))["method"].to_list()
        if not winning:
            said.append(f"none beats {what}")
        else:
            names = [CALLED[m] for m in winning]
            listed = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
            plural = len(names) > 1 or names[0].endswith("s")
            said.append(f"{listed} {'beat' if plural else 'beats'} {what}")
    return [*out, f"{TASKS[task]}, " + "; ".join(said)]


def item_sentences(
    item: pl.DataFrame, split: dict[str, float], method: str, called: str, most: int = 5
) -> list[str]:
    """Say what made one prediction, and which important concepts had no part in it.

    Parameters
    ----------
    item : polars.DataFrame
        Of `Prediction.item`.
    split : dict
        A row of `Prediction.split`.
    method : str
        By which attributions.
    called : str
        What is predicted.
    most : int, default 5
        Concepts to name.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.explain.prediction_words import item_sentences
    >>> item = pl.DataFrame({"concept": ["c1", "c2"], "name": ["tea", None],
    ...                      "shapley": [0.5, None], "present": [True, False]})
    >>> split = {"prediction": 0.9, "base": 0.3, "labelled": 0.5, "unlabelled": 0, "remainder": 0.1}
    >>> told = item_sentences(item, split, "shapley", "it")
    >>> told[0].replace(" concepts", "")
    'it is 0.90 = 0.30 base + 0.50 labelled + 0 unlabelled + 0.10 what no concept explains'
    >>> told[1], told[2].split(" but ")[1]
    ('“tea” raises it by 0.50', 'this item does not show it: no part in this prediction')
    """
    width = float(np.abs([split[name] for name in ("prediction", "base", *_SHARES)]).max()) / 10
    parts = "".join(
        f" {'+' if split[name] >= 0 else '−'} {number(abs(split[name]), width)} {what}"
        for name, what in _SHARES.items()
    )
    ends = [number(split[name], width) for name in ("prediction", "base")]
    out = [f"{called} is {ends[0]} = {ends[1]} base{parts}"]
    own = item.filter("present").sort(pl.col(method).abs(), descending=True).head(most)
    for row in own.iter_rows(named=True):
        way = "raises" if row[method] >= 0 else "lowers"
        size = number(abs(row[method]), width)
        if size != "0":
            out.append(f"{_named(row)} {way} it by {size}")
    lacking = [_named(row) for row in item.filter(~pl.col("present")).iter_rows(named=True)]
    if lacking:
        some = ", ".join(lacking[:_LACKING])
        some += f" and {len(lacking) - _LACKING} more" if len(lacking) > _LACKING else ""
        is_, it = ("is", "it") if len(lacking) == 1 else ("are", "them")
        out.append(
            f"careful: {some} {is_} among the most important concepts elsewhere, but this item "
            f"does not show {it}: no part in this prediction"
        )
    return out


def _named(row: dict[str, Any]) -> str:
    return f"“{row['name']}”" if row["name"] is not None else str(row["concept"])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.01 else f"{100 * share:.0f} %"
