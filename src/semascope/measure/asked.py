"""Detection and fuzzing: a language model tells from a name alone which items show it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, Score, generator
from semascope.llm import AnswerCache, Budget, Endpoint, Question, Report, Span, detect
from semascope.measure.interval import ends, share_draws

BANDS = 4
MOST = 20
SHUFFLED = 2
_RESAMPLES = 1000
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Sample:
    """Items of one concept that its name is tested on: *verify* rows, never shown to a namer.

    Parameters
    ----------
    active : sequence of str, or of bytes
        Texts, or pictures, on which the concept is active, strongest first.
    inactive : sequence of str, or of bytes
        Near-misses first, then others.
    activations : sequence of float
        Of the active items; needed for simulation.
    parts : sequence of sequences of (int, int)
        Of each active text the parts that make it active; needed for fuzzing.

    Examples
    --------
    >>> from semascope.measure import Sample
    >>> Sample(["it came late"], ["lovely"], [2.0]).active
    ['it came late']
    """

    active: Sequence[str] | Sequence[bytes]
    inactive: Sequence[str] | Sequence[bytes] = ()
    activations: Sequence[float] = ()
    parts: Sequence[Sequence[Span]] = ()

    def __post_init__(self) -> None:
        for name, others in (("activations", self.activations), ("parts", self.parts)):
            if len(others) not in {0, len(self.active)}:
                raise InputError(f"{len(self.active)} active items have {len(others)} {name}")


def detection(
    names: Sequence[str | None],
    samples: Sequence[Sample],
    endpoint: Endpoint,
    *,
    most: int = MOST,
    shuffled: int = SHUFFLED,
    batch: int = 10,
    seed: int = 0,
    prompts: str | Path | None = None,
    cache: AnswerCache | str | Path | None = None,
    budget: Budget | None = None,
    show_progress: bool = False,
) -> tuple[list[Score | None], Report]:
    """Ask of active and inactive items, as many of each and mixed, whether they show the name.

    The value is the balanced accuracy over answered items; the null is what the names of other
    concepts reach on the same items in the same order. An item without an answer is a failure and
    is left out, never a "no".

    Parameters
    ----------
    names : sequence of str or None
        Names, or names with descriptions; None where a concept has none.
    samples : sequence of Sample
        Items of each concept.
    endpoint : Endpoint
        The judge; better not the model that gave the names.
    most : int, default 20
        Active items, and as many inactive ones, both spread evenly over their ranks.
    shuffled : int, default 2
        Names of other concepts in the null; each costs as much as the name itself.
    batch : int, default 10
        Items in one request.
    seed : int
        Order of items, other names, intervals.
    prompts, cache, budget, show_progress
        As in `llm.ask`.

    Returns
    -------
    (list of Score or None, Report)
        None where there is no name, or fewer than two items on a side.

    References
    ----------
    Paulo, Mallen, Juang and Belrose, "Automatically interpreting millions of features in large
    language models", 2024.

    Examples
    --------
    >>> from semascope.llm import Endpoint
    >>> from semascope.measure import Sample, detection
    >>> small = Endpoint("http://localhost:8000/v1", "small")
    >>> detection([None], [Sample(["a", "b"], ["c", "d"])], small)[0]
    [None]
    """
    sides = [_balanced_sample(s, most, seed, j) for j, s in enumerate(samples)]
    return _judged(
        "detection", names, sides, endpoint, "detect", shuffled, batch, seed, prompts, cache,
        budget, show_progress,
    )  # fmt: skip


def fuzzing(
    names: Sequence[str | None],
    samples: Sequence[Sample],
    endpoint: Endpoint,
    *,
    most: int = MOST,
    shuffled: int = SHUFFLED,
    batch: int = 10,
    seed: int = 0,
    prompts: str | Path | None = None,
    cache: AnswerCache | str | Path | None = None,
    budget: Budget | None = None,
    show_progress: bool = False,
) -> tuple[list[Score | None], Report]:
    """Ask whether the marked part of an active item is the one that shows the name.

    Half of the items are marked where the concept is active, half on other words of the same item;
    so a name that only fits the item as a whole does not do. Value, null and failures as in
    `detection`, whose parameters these are.

    References
    ----------
    Paulo, Mallen, Juang and Belrose, "Automatically interpreting millions of features in large
    language models", 2024.

    Examples
    --------
    >>> from semascope.llm import Endpoint
    >>> from semascope.measure import Sample, fuzzing
    >>> small = Endpoint("http://localhost:8000/v1", "small")
    >>> fuzzing(["lateness"], [Sample(["late"], parts=[[(0, 4)]])], small)[0]
    [None]
    """
    sides = [_marked_sample(s, most, seed, j) for j, s in enumerate(samples)]
    return _judged(
        "fuzzing", names, sides, endpoint, "fuzz", shuffled, batch, seed, prompts, cache, budget,
        show_progress,
    )  # fmt: skip


def false_parts(text: str, parts: Sequence[Span], random: np.random.Generator) -> list[Span]:
    """Draw as many words as `parts` has, outside of them; none if there are too few.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure import false_parts
    >>> false_parts("late again", [(0, 4)], np.random.default_rng(0))
    [(5, 10)]
    """
    spans = [(m.start(), m.end()) for m in _WORD.finditer(text)]
    inside = [s for s in spans if any(s[0] < b and a < s[1] for a, b in parts)]
    free = [s for s in spans if s not in inside]
    wanted = max(1, len(inside))
    if len(free) < wanted:
        return []
    # One run of words, as parts mostly are; where it meets the right part it goes on behind it.
    first = int(random.integers(0, len(free) - wanted + 1))
    return free[first : first + wanted]


@dataclass(frozen=True)
class Mixed:
    """Items in the order in which they are shown, with what is true of each.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.asked import Mixed
    >>> Mixed(["a", "b"], np.array([True, False]), np.array([0, -1])).items
    ['a', 'b']
    """

    items: list[str] | list[bytes]
    truth: npt.NDArray[np.bool_]
    band: npt.NDArray[np.int64]
    marks: list[Sequence[Span]] | None = None


def spread(n: int, most: int) -> npt.NDArray[np.int64]:
    """Return at most `most` of `n` ranks, evenly spaced.

    Examples
    --------
    >>> from semascope.measure.asked import spread
    >>> spread(100, 3)
    array([ 0, 50, 99])
    """
    return np.unique(np.linspace(0, max(0, n - 1), min(n, most)).round().astype(np.int64))


def other_names(
    names: Sequence[str | None], j: int, most: int, seed: int, purpose: str
) -> list[str]:
    """Draw names of other concepts, for a null.

    Examples
    --------
    >>> from semascope.measure.asked import other_names
    >>> other_names(["fees", None, "trains"], 0, 2, seed=0, purpose="detection")
    ['trains']
    """
    pool = sorted({n for i, n in enumerate(names) if n is not None and i != j and n != names[j]})
    if not pool or most < 1:
        return []
    random = generator(seed, f"shuffled names, {purpose}", j)
    return [pool[i] for i in random.choice(len(pool), min(most, len(pool)), replace=False)]


def by_band(band: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """Count active items in each band of activation; -1 stands for inactive ones.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.asked import by_band
    >>> by_band(np.array([0, 0, 3, -1]))
    (2, 0, 0, 1)
    """
    return tuple(np.bincount(band[band >= 0], minlength=BANDS).tolist())


def bootstrap(
    value: Callable[[npt.NDArray[np.int64]], float],
    groups: Sequence[npt.NDArray[np.int64]],
    seed: int,
    purpose: str,
    resamples: int = _RESAMPLES,
) -> tuple[float, float]:
    """Return a 95 % percentile interval, each group resampled on its own.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.asked import bootstrap
    >>> x = np.array([1.0, 1.0, 1.0])
    >>> bootstrap(lambda rows: float(x[rows].mean()), [np.arange(3)], seed=0, purpose="mean")
    (1.0, 1.0)
    """
    random = generator(seed, "bootstrap", purpose)
    draws = [
        value(np.concatenate([g[random.integers(0, len(g), len(g))] for g in groups]))
        for _ in range(resamples)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _judged(
    metric: str,
    names: Sequence[str | None],
    sides: Sequence[Mixed | None],
    endpoint: Endpoint,
    prompt: Literal["detect", "fuzz"],
    shuffled: int,
    batch: int,
    seed: int,
    prompts: str | Path | None,
    cache: AnswerCache | str | Path | None,
    budget: Budget | None,
    show_progress: bool,
) -> tuple[list[Score | None], Report]:
    if len(names) != len(sides):
        raise InputError(f"{len(names)} names have {len(sides)} samples")
    questions: list[Question] = []
    asked_of: list[tuple[int, int]] = []
    for j, (name, mixed) in enumerate(zip(names, sides, strict=True)):
        if name is None or mixed is None:
            asked_of.append((len(questions), 0))
            continue
        asked = [name, *other_names(names, j, shuffled, seed, metric)]
        asked_of.append((len(questions), len(asked)))
        questions += [Question(n, mixed.items, mixed.marks) for n in asked]
    verdicts, report = detect(
        questions,
        endpoint,
        prompt=prompt,
        batch=batch,
        prompts=prompts,
        cache=cache,
        budget=budget,
        show_progress=show_progress,
    )
    scores: list[Score | None] = []
    for (first, count), mixed in zip(asked_of, sides, strict=True):
        own = verdicts[first : first + count]
        scores.append(None if mixed is None or not count else _score(metric, mixed, own, seed))
    return scores, report


def _score(
    metric: str, mixed: Mixed, verdicts: Sequence[npt.NDArray[np.float64]], seed: int
) -> Score:
    known = np.isfinite(verdicts[0])
    failures = int((~known).sum())
    yes, no = np.flatnonzero(known & mixed.truth), np.flatnonzero(known & ~mixed.truth)
    bands = by_band(mixed.band[known])
    if not len(yes) or not len(no):
        note = "no answer could be read on one side"
        return Score(metric, float("nan"), n=int(known.sum()), note=note, failures=failures,
                     by_band=bands)  # fmt: skip
    right = np.where(mixed.truth, verdicts[0], 1 - verdicts[0])

    # As of all accuracies here: an interval that covers, also when every answer is right.
    random, reached = (
        generator(seed, "bootstrap", metric),
        float(right[yes].mean() + right[no].mean()) / 2,
    )
    draws = [share_draws(float(right[g].sum()), len(g), _RESAMPLES, random) for g in (yes, no)]
    low, high = ends((draws[0] + draws[1]) / 2, reached)
    null = [v for v in (_accuracy(mixed.truth, other) for other in verdicts[1:]) if v is not None]
    return Score(
        metric,
        reached,
        low,
        high,
        float(np.mean(null)) if null else 0.5,
        int(known.sum()),
        note="balanced accuracy" if null else "balanced accuracy; null by chance",
        failures=failures,
        by_band=bands,
    )


def _accuracy(truth: npt.NDArray[np.bool_], verdicts: npt.NDArray[np.float64]) -> float | None:
    known = np.isfinite(verdicts)
    yes, no = verdicts[known & truth], verdicts[known & ~truth]
    return float((yes.mean() + 1 - no.mean()) / 2) if len(yes) and len(no) else None


def _balanced_sample(sample: Sample, most: int, seed: int, j: int) -> Mixed | None:
    n = min(len(sample.active), len(sample.inactive), most)
    if n < 2:
        return None
    active, inactive = spread(len(sample.active), n), spread(len(sample.inactive), n)
    items = [sample.active[i] for i in active] + [sample.inactive[i] for i in inactive]
    order = generator(seed, "detection order", j).permutation(len(items))
    band = np.concatenate([np.arange(n) * BANDS // n, np.full(n, -1)])
    return Mixed([items[i] for i in order], order < n, band[order])


def _marked_sample(sample: Sample, most: int, seed: int, j: int) -> Mixed | None:
    random = generator(seed, "false parts", j)
    usable: list[tuple[str, Sequence[Span], list[Span], int]] = []
    picked = [i for i, parts in enumerate(sample.parts) if parts]
    for rank, i in enumerate(picked):
        text = sample.active[i]
        if isinstance(text, bytes):
            raise InputError("fuzzing needs texts; pictures have no marked parts")
        wrong = false_parts(text, sample.parts[i], random)
        if wrong:
            usable.append((text, sample.parts[i], wrong, rank * BANDS // len(picked)))
    kept = [usable[i] for i in spread(len(usable), 2 * most)]
    kept = kept[: len(kept) // 2 * 2]
    if len(kept) < 4:
        return None
    # One of each two neighbours in rank is marked wrongly, so both halves have all strengths.
    wrongly = np.concatenate([random.permutation([True, False]) for _ in range(len(kept) // 2)])
    order = random.permutation(len(kept))
    return Mixed(
        [kept[i][0] for i in order],
        ~wrongly[order],
        np.array([kept[i][3] for i in order]),
        [kept[i][2] if wrongly[i] else kept[i][1] for i in order],
    )
