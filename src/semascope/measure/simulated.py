"""Simulation: how strongly a concept is active, predicted from its name alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, Score, generator
from semascope.llm import (
    AnswerCache,
    Budget,
    Endpoint,
    Report,
    Request,
    ask,
    load_prompt,
    one_line,
    quote,
    read_numbers,
)
from semascope.measure.interval import correlation_interval
from semascope.measure.samples import (
    BANDS,
    MOST,
    SHUFFLED,
    Sample,
    beside_others,
    by_band,
    other_names,
    require_samples,
    spread,
)

_HIGHEST = 10


def simulation(
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
    """Have the activation on each item predicted from the name, 0 to 10, and correlate.

    The value is Pearson's correlation with the true activation over active and inactive items; a
    prediction that is the same everywhere counts as 0. Null and failures as in `detection`, whose
    parameters these are.

    References
    ----------
    Bills et al., "Language models can explain neurons in language models", 2023. Choi et al.,
    "Scaling automatic neuron description", 2024.

    Examples
    --------
    >>> from semascope.llm import Endpoint
    >>> from semascope.measure import Sample, simulation
    >>> small = Endpoint("http://localhost:8000/v1", "small")
    >>> simulation([None], [Sample(["a"], ["b"], [1.0])], small)[0]
    [None]
    """
    plan = _planned(names, samples, most, shuffled, batch, seed, prompts)
    parts = plan.parts
    predicted = [
        [np.full(0 if sample is None else len(sample[0]), np.nan) for _ in range(asked)]
        for sample, asked in zip(plan.drawn, plan.asked, strict=True)
    ]
    got = ask(
        plan.requests,
        endpoint,
        lambda i, text: read_numbers(text, parts[i][4], parts[i][3] - parts[i][2], _HIGHEST),
        cache=cache,
        budget=budget,
        title="simulate",
        show_progress=show_progress,
    )
    for (j, k, start, stop, _), numbers in zip(parts, got.answers, strict=True):
        if numbers is not None:
            predicted[j][k][start:stop] = numbers
    scores = [
        None if sample is None or not mine else _score(sample[1], sample[2], mine, seed)
        for sample, mine in zip(plan.drawn, predicted, strict=True)
    ]
    return scores, got.report


def simulation_requests(
    names: Sequence[str | None],
    samples: Sequence[Sample],
    *,
    most: int = MOST,
    shuffled: int = SHUFFLED,
    batch: int = 10,
    seed: int = 0,
    prompts: str | Path | None = None,
) -> list[Request]:
    """Write the requests of `simulation`, whose parameters these are, for a forecast.

    Examples
    --------
    >>> from semascope.measure import Sample, simulation_requests
    >>> len(simulation_requests(["late"], [Sample(["a", "b"], ["c", "d"], [2.0, 1.0])]))
    1
    """
    return _planned(names, samples, most, shuffled, batch, seed, prompts).requests


Drawn = tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class _Plan:
    """Requests; for each its concept, name, items and code; of each concept items and names."""

    requests: list[Request]
    parts: list[tuple[int, int, int, int, str]]
    drawn: list[Drawn | None]
    asked: list[int]


def _planned(
    names: Sequence[str | None],
    samples: Sequence[Sample],
    most: int,
    shuffled: int,
    batch: int,
    seed: int,
    prompts: str | Path | None,
) -> _Plan:
    require_samples(names, samples)
    if batch < 1:
        raise InputError(f"a batch must hold at least 1 item, got {batch}")
    drawn = [
        None if name is None else _drawn(sample, most, seed, j)
        for j, (name, sample) in enumerate(zip(names, samples, strict=True))
    ]
    plan = _Plan([], [], drawn, [0] * len(names))
    for j, (name, sample) in enumerate(zip(names, drawn, strict=True)):
        if name is None or sample is None:
            continue
        items = sample[0]
        asked = [name, *other_names(names, j, shuffled, seed, "simulation")]
        plan.asked[j] = len(asked)
        for k, n in enumerate(asked):
            for start in range(0, len(items), batch):
                stop = min(start + batch, len(items))
                request, code = _request(n, items[start:stop], prompts)
                plan.requests.append(request)
                plan.parts.append((j, k, start, stop, code))
    return plan


def _drawn(sample: Sample, most: int, seed: int, j: int) -> Drawn | None:
    """Return texts in a shuffled order, with their activations and bands."""
    if len(sample.activations) != len(sample.active):
        raise InputError(
            f"simulation needs an activation for each active item: {len(sample.active)} items "
            f"have {len(sample.activations)}"
        )
    active, inactive = spread(len(sample.active), most), spread(len(sample.inactive), most)
    if len(active) < 2 or len(inactive) < 2:
        return None
    items = [sample.active[i] for i in active] + [sample.inactive[i] for i in inactive]
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) != len(items):
        raise InputError("simulation is for texts; use detection for pictures")
    truth = np.zeros(len(items))
    truth[: len(active)] = np.asarray(sample.activations, dtype=float)[active]
    band = np.full(len(items), -1)
    band[: len(active)] = np.arange(len(active)) * BANDS // len(active)
    order = generator(seed, "simulation order", j).permutation(len(items))
    return [texts[i] for i in order], truth[order], band[order]


def _request(name: str, items: list[str], prompts: str | Path | None) -> tuple[Request, str]:
    shown = one_line(name, limit=300)
    quoted = quote(items, about=f"simulate {shown}")
    system, user = load_prompt("simulate", prompts).filled(
        name=shown, n=quoted.n, items=quoted.text, code=quoted.code
    )
    return Request(system, user, (), 60 + 12 * quoted.n, 15 + 6 * quoted.n), quoted.code


def _score(
    truth: npt.NDArray[np.float64],
    band: npt.NDArray[np.int64],
    predicted: list[npt.NDArray[np.float64]],
    seed: int,
) -> Score:
    own = predicted[0]
    known = np.flatnonzero(np.isfinite(own))
    failures = len(own) - len(known)
    bands = by_band(band[known])
    active = band[known] >= 0
    if min(int(active.sum()), int((~active).sum())) < 2:
        note = "fewer than two answers could be read on one side"
        return Score("simulation", float("nan"), n=len(known), note=note, failures=failures,
                     by_band=bands)  # fmt: skip
    value, low, high = correlation_interval(
        own[known], truth[known], active, ends_at=(0, _HIGHEST), seed=seed
    )
    null = [
        _pearson(p[k], truth[k])
        for p in predicted[1:]
        if len(k := np.flatnonzero(np.isfinite(p))) > 2
    ]
    found = Score(
        "simulation", value, low, high, n=len(known), note="Pearson's correlation",
        failures=failures, by_band=bands,
    )  # fmt: skip
    return beside_others(found, null, 0.0)


def _pearson(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    x, y = x - x.mean(), y - y.mean()
    length = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip(x @ y / length, -1, 1)) if length > 0 else 0.0
