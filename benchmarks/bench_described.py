"""Every scorer without a language model: does it put a true description above a false one?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_functions import TEXT_FORMS, Floats, Function, Texts
from naming import SEED, interval
from semascope import measure
from semascope.core import generator
from semascope.lexicon import Contrast, Relevance


@dataclass(frozen=True)
class Setting:
    """What scorers are asked about: true functions on fresh rows, their descriptions."""

    data: Texts
    relevance: Relevance
    atoms: Floats
    taught: list[Contrast]
    contrasts: list[Contrast]

    def threshold(self, name: str, j: int) -> float:
        """Chosen on *name* rows: the best balanced accuracy."""
        c = self.taught[j]
        scores = self.relevance([name], np.concatenate([c.active, c.inactive]))[0]
        n = len(c.active)
        cuts = np.unique(scores)
        reached = [(scores[:n] >= cut).mean() - (scores[n:] >= cut).mean() for cut in cuts]
        return float(cuts[int(np.argmax(reached))])

    def sizes(self, j: int) -> dict[str, int]:
        active = int(self.data.functions[j].truth[self.data.fresh].sum())
        return {"n_active": active, "n_rows": len(self.data.fresh)}


Scorer = Callable[[str, int], float | None]


def _value(score: Any) -> float | None:
    return None if score is None else float(score.value)


def _verdict(s: Setting) -> Scorer:
    def score(name: str, j: int) -> float | None:
        cut = s.threshold(name, j)
        found = measure.verify_name(name, s.contrasts[j], s.relevance, [], threshold=cut)
        return None if found is None else _value(found.balanced_accuracy)

    return score


def _trust(s: Setting) -> Scorer:
    def score(name: str, j: int) -> float | None:
        found = measure.verify_name(name, s.contrasts[j], s.relevance, [], threshold=0.5)
        return None if found is None else _value(found.trust)

    return score


def _f1(s: Setting) -> Scorer:
    def score(name: str, j: int) -> float | None:
        found = measure.rule_scores(
            name, s.contrasts[j], s.relevance, threshold=s.threshold(name, j), **s.sizes(j)
        )
        return None if found is None else _value(found.f1)

    return score


def _judge(s: Setting) -> Scorer:
    """Functions of one half teach the judge of the other."""
    names, half = s.data.descriptions, generator(SEED, "judges").permutation(len(s.taught)) % 2
    judges = [
        measure.train_judge(
            [names[j] for j in np.flatnonzero(half != part)],
            [s.taught[j] for j in np.flatnonzero(half != part)],
            s.relevance,
            references=names,
            texts=s.data.items["text"],
        )
        for part in (0, 1)
    ]
    return lambda name, j: _value(measure.ranking(name, s.contrasts[j], judges[half[j]]))


def _steering(how: str) -> Callable[[Setting], Scorer]:
    def make(s: Setting) -> Scorer:
        source = s.data.relevance.source
        return lambda name, j: _value(
            measure.steering(
                name, s.contrasts[j], s.relevance, source=source, atom=s.atoms[j],
                pool=s.data.fresh, how=how,
            )
        )  # fmt: skip

    return make


def _random(s: Setting) -> Scorer:
    return lambda name, j: float(generator(SEED, "random scorer", name, j).random())


# Add a scorer here: what it needs of `semascope.measure`, and how it is made.
SCORERS: dict[str, tuple[str | None, Callable[[Setting], Scorer]]] = {
    "random": (None, _random),
    "trust (AUROC)": ("verify_name", _trust),
    "balanced accuracy": ("verify_name", _verdict),
    "F1": ("rule_scores", _f1),
    "intruder, k = 4": (
        "intruder",
        lambda s: lambda name, j: _value(measure.intruder(name, s.contrasts[j], s.relevance)),
    ),
    "predicted strength": (
        "predicted_strength",
        lambda s: (
            lambda name, j: _value(
                measure.predicted_strength(name, s.contrasts[j], s.relevance, **s.sizes(j))
            )
        ),
    ),
    "trained judge": ("train_judge", _judge),
    "steering, add": ("steering", _steering("add")),
    "steering, ablate": ("steering", _steering("ablate")),
}


def over_scorers(data: Texts, shuffled: int = 10) -> list[dict[str, Any]]:
    truth = np.stack([f.truth for f in data.functions])
    atoms = data.atoms(truth)
    setting = Setting(
        data,
        data.combined(data.name_rows),
        atoms,
        data.contrasts(truth, atoms, data.name_rows),
        data.contrasts(truth, atoms, data.fresh),
    )
    lines = []
    forms = np.array([f.form for f in data.functions])
    for title, (needed, make) in SCORERS.items():
        if needed is not None and not hasattr(measure, needed):
            print(f"{title}: not there")
            continue
        score = make(setting)
        others, parts = np.zeros(len(forms)), np.full(len(forms), np.nan)
        for j, function in enumerate(data.functions):
            own = score(function.description, j)
            free = [f.description for f in data.functions if not pieces(f) & pieces(function)]
            picked = generator(SEED, "others", j).choice(free, shuffled, replace=False).tolist()
            others[j] = np.mean([above(own, score(name, j)) for name in picked])
            if function.parts:
                parts[j] = np.mean([above(own, score(name, j)) for name in function.parts])
        line: dict[str, Any] = {"scorer": title}
        for form in TEXT_FORMS:
            line[f"{form}: above another"] = mean_of(others[forms == form])
        for form in TEXT_FORMS[1:]:
            line[f"{form}: above a part"] = mean_of(parts[forms == form])
        lines.append(line)
    return lines


def pieces(function: Function) -> set[str]:
    """Return the intents of a function: what shares one is no false description."""
    return set(function.parts or (function.description,))


def above(own: float | None, other: float | None) -> float:
    """Return 1 if a true description scores higher; ties and missing scores are guesses."""
    if own is None or other is None or own == other:
        return 0.5
    return float(own > other)


def mean_of(values: np.ndarray) -> dict[str, float]:
    low, high = interval(values)
    return {"mean": float(values.mean()), "low": low, "high": high}
