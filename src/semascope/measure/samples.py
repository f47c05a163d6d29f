"""Items that a language model is asked about: which ones, how many, and in what order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, Score, generator
from semascope.llm import Span

BANDS = 4
MOST = 20
SHUFFLED = 2
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
    >>> from semascope.measure.samples import Mixed
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
    >>> from semascope.measure.samples import spread
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
    >>> from semascope.measure.samples import other_names
    >>> other_names(["fees", None, "trains"], 0, 2, seed=0, purpose="detection")
    ['trains']
    """
    pool = sorted({n for i, n in enumerate(names) if n is not None and i != j and n != names[j]})
    if not pool or most < 1:
        return []
    random = generator(seed, f"shuffled names, {purpose}", j)
    return [pool[i] for i in random.choice(len(pool), min(most, len(pool)), replace=False)]


def require_samples(names: Sequence[str | None], samples: Sequence[object]) -> None:
    """Refuse names that do not have a sample each.

    Examples
    --------
    >>> from semascope.measure.samples import require_samples
    >>> require_samples(["fees"], [None])
    """
    if len(names) != len(samples):
        raise InputError(f"{len(names)} names have {len(samples)} samples")


def beside_others(score: Score, others: Sequence[float], chance: float) -> Score:
    """Return a score with the mean of what other names reach as its null, or chance without any.

    Examples
    --------
    >>> from semascope.core import Score
    >>> from semascope.measure.samples import beside_others
    >>> beside_others(Score("detection", 0.9, note="accuracy"), [], 0.5).note
    'accuracy; null by chance'
    """
    if others:
        return replace(score, null=float(np.mean(others)))
    return replace(score, null=chance, note=f"{score.note}; null by chance")


def by_band(band: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """Count active items in each band of activation; -1 stands for inactive ones.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.samples import by_band
    >>> by_band(np.array([0, 0, 3, -1]))
    (2, 0, 0, 1)
    """
    return tuple(np.bincount(band[band >= 0], minlength=BANDS).tolist())


def mixed_sample(sample: Sample, most: int, seed: int, j: int) -> Mixed | None:
    """Draw as many active as inactive items, over their ranks, and shuffle them.

    None if there are fewer than two of either.

    Examples
    --------
    >>> from semascope.measure import Sample
    >>> from semascope.measure.samples import mixed_sample
    >>> mixed_sample(Sample(["a", "b", "c"], ["d", "e"]), 20, seed=0, j=0).truth.sum()
    np.int64(2)
    """
    n = min(len(sample.active), len(sample.inactive), most)
    if n < 2:
        return None
    active, inactive = spread(len(sample.active), n), spread(len(sample.inactive), n)
    items = [sample.active[i] for i in active] + [sample.inactive[i] for i in inactive]
    order = generator(seed, "detection order", j).permutation(len(items))
    band = np.concatenate([np.arange(n) * BANDS // n, np.full(n, -1)])
    return Mixed([items[i] for i in order], order < n, band[order])


def marked_sample(sample: Sample, most: int, seed: int, j: int) -> Mixed | None:
    """Draw active items, half of them marked where the concept is active, half elsewhere.

    None if there are fewer than four whose parts are known.

    Examples
    --------
    >>> from semascope.measure import Sample
    >>> from semascope.measure.samples import marked_sample
    >>> some = Sample(["a late train"] * 4, parts=[[(2, 6)]] * 4)
    >>> marked_sample(some, 20, seed=0, j=0).truth.sum()
    np.int64(2)
    """
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
