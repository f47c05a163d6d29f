"""Rows that contradict a name, and a better name, chosen on other rows than it is reported on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, Score, auroc, generator
from semascope.lexicon import Contrast, Relevance, Rows
from semascope.measure.interval import auroc_difference
from semascope.measure.scored import FEWEST, scored
from semascope.measure.scorers import ranking


@dataclass(frozen=True)
class Contradictions:
    """What speaks against a name.

    Parameters
    ----------
    name : str
        The name.
    threshold : float
        Relevance from which on it says yes.
    false_positives : polars.DataFrame
        ``row``, ``relevance``, ``text``: rows for which the name says yes and the latent is silent,
        strongest relevance first.
    false_negatives : polars.DataFrame
        ``row``, ``relevance``, ``activation``, ``text``: rows on which the latent is active and the
        name says no, strongest activation first.
    n_false_positives, n_false_negatives : int
        How many there are; the tables hold the first of them.
    n_active, n_inactive : int
        Rows that were looked at.
    trust : Score or None
        AUROC of the name on the reporting half.
    better : str or None
        The proposed name that did best on the choosing half, if it did better than the name.
    better_trust : Score or None
        Its AUROC on the reporting half.
    gain : Score or None
        The difference of the two on the same rows of the reporting half.
    tried : int
        How many other names were proposed.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.measure import Contradictions
    >>> Contradictions("tea", 0.5, pl.DataFrame(), pl.DataFrame(), 0, 0, 4, 4, None).better is None
    True
    """

    name: str
    threshold: float
    false_positives: pl.DataFrame
    false_negatives: pl.DataFrame
    n_false_positives: int
    n_false_negatives: int
    n_active: int
    n_inactive: int
    trust: Score | None
    better: str | None = None
    better_trust: Score | None = None
    gain: Score | None = None
    tried: int = 0


def contradictions(
    name: str,
    contrast: Contrast,
    relevance: Relevance,
    *,
    threshold: float | None = None,
    propose: Callable[[Contrast], Sequence[str]] | None = None,
    listed: Contrast | None = None,
    texts: pl.Series | None = None,
    most: int = 20,
    seed: int = 0,
) -> Contradictions:
    """List the rows that contradict a name, and propose a better one.

    The rows of the contrast are dealt into two halves. Names are proposed from, and the best of
    them is chosen on, the one half; what it is worth is reported on the other. The best of many
    names looks better than it is on the rows that chose it.

    Parameters
    ----------
    name : str
        The name.
    contrast : Contrast
        *Verify* rows of the concept.
    relevance : Relevance
        How names score rows.
    threshold : float, optional
        Relevance from which on the name says yes; by default what separates the choosing half best.
    propose : callable, optional
        Turns rows of the concept into names. It sees the choosing half only.
    listed : Contrast, optional
        Rows among which contradictions are looked for, if these are others than the contrast's,
        such as the whole *verify* split.
    texts : polars.Series, optional
        Texts of all rows, to show.
    most : int, default 20
        Contradictions of each kind to return.
    seed : int
        Halves and intervals.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure import contradictions
    >>> texts = pl.Series(["green tea"] * 9 + ["black tea"] * 3 + ["green car"] * 12)
    >>> contrast = Contrast(np.arange(12), np.linspace(2, 1, 12), np.arange(12, 24), np.arange(0))
    >>> found = contradictions("green", contrast, ByWords(texts), texts=texts, threshold=0.5,
    ...                        propose=lambda rows: ["tea", "car"])
    >>> found.false_negatives["text"][0], found.false_positives["text"][0], found.better
    ('black tea', 'green car', 'tea')
    """
    if most < 1:
        raise InputError(f"at least one contradiction of each kind must be shown, got most={most}")
    choosing, reporting = _halves(contrast, seed)
    if threshold is None:
        threshold = _best_threshold(name, choosing, relevance)
    rows = contrast if listed is None else listed
    active = np.asarray(relevance([name], rows.active), dtype=float)[0]
    inactive = np.asarray(relevance([name], rows.inactive), dtype=float)[0]
    wrong, missed = np.flatnonzero(inactive >= threshold), np.flatnonzero(active < threshold)
    by_fit = wrong[np.argsort(-inactive[wrong], kind="stable")][:most]
    by_activation = missed[np.argsort(-rows.activations[missed], kind="stable")][:most]
    found = Contradictions(
        name,
        float(threshold),
        _table(rows.inactive[by_fit], inactive[by_fit], None, texts),
        _table(
            rows.active[by_activation], active[by_activation],
            rows.activations[by_activation], texts,
        ),
        len(wrong),
        len(missed),
        len(rows.active),
        len(rows.inactive),
        ranking(name, reporting, relevance, seed=seed),
    )  # fmt: skip
    if propose is None:
        return found
    return _with_better(found, choosing, reporting, relevance, propose, seed)


def _with_better(
    found: Contradictions,
    choosing: Contrast,
    reporting: Contrast,
    relevance: Relevance,
    propose: Callable[[Contrast], Sequence[str]],
    seed: int,
) -> Contradictions:
    names = [n for n in dict.fromkeys(propose(choosing)) if n != found.name]
    found = replace(found, tried=len(names))
    first = scored(found.name, choosing, relevance, names) if names else None
    if first is None or found.trust is None:
        return found
    reached = auroc(first.scores, first.n_active)
    best = int(reached[1:].argmax())
    if reached[1:][best] <= reached[0]:
        return found
    both = scored(found.name, reporting, relevance, [names[best]])
    if both is None:
        return found
    value, low, high = auroc_difference(
        (both.active[1], both.inactive[1]), (both.active[0], both.inactive[0]), seed=seed
    )
    gain = Score("gain in AUROC", value, low, high, 0.0, both.n)
    trust = ranking(names[best], reporting, relevance, seed=seed)
    return replace(found, better=names[best], better_trust=trust, gain=gain)


def _halves(contrast: Contrast, seed: int) -> tuple[Contrast, Contrast]:
    """Deal active, near and other rows into two halves alike, each in its order."""
    random = generator(seed, "contradiction halves")
    first = []
    for rows in (contrast.active, contrast.near, contrast.other):
        chosen = np.zeros(len(rows), dtype=bool)
        # One of each two neighbours in rank, so that both halves have all strengths.
        for start in range(0, len(rows), 2):
            pair = np.arange(start, min(start + 2, len(rows)))
            chosen[random.choice(pair)] = len(pair) == 2 or random.random() < 0.5
        first.append(chosen)

    def part(which: Sequence[npt.NDArray[np.bool_]]) -> Contrast:
        return Contrast(
            contrast.active[which[0]],
            contrast.activations[which[0]],
            contrast.near[which[1]],
            contrast.other[which[2]],
        )

    return part(first), part([~chosen for chosen in first])


def _best_threshold(name: str, contrast: Contrast, relevance: Relevance) -> float:
    """Return the relevance that separates the two sides best (Youden's J)."""
    from sklearn.metrics import roc_curve

    found = scored(name, contrast, relevance)
    if found is None:
        raise InputError(
            f"'{name}' cannot be tested: a half has fewer than {FEWEST} active or inactive rows; "
            "pass a threshold to list its contradictions all the same"
        )
    truth = np.arange(found.n) < found.n_active
    wrong, right, levels = roc_curve(truth, found.scores[0], drop_intermediate=False)
    return float(min(levels[np.argmax(right - wrong)], found.scores[0].max()))


def _table(
    rows: Rows,
    relevance: npt.NDArray[np.float64],
    activations: npt.NDArray[np.float32] | None,
    texts: pl.Series | None,
) -> pl.DataFrame:
    columns: dict[str, object] = {"row": rows, "relevance": relevance}
    if activations is not None:
        columns["activation"] = np.asarray(activations, dtype=np.float32)
    if texts is not None:
        columns["text"] = texts.gather(rows)
    return pl.DataFrame(columns)
