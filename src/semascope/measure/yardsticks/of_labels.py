"""Registry: what labels say about codes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
from scipy.sparse import csr_array

from semascope.core import InputError, generator
from semascope.measure.labels import best_concepts
from semascope.measure.yardsticks.absorption import (
    Absorption,
    absorption,
    split_latents,
    splitting,
)
from semascope.measure.yardsticks.erasing import (
    Removal,
    spurious_removal,
    targeted_perturbation,
)
from semascope.measure.yardsticks.inputs import Bools, Ints
from semascope.measure.yardsticks.metric import Metric, Reading
from semascope.measure.yardsticks.probing import f1_of, sparse_probes
from semascope.measure.yardsticks.quivers import quiver
from semascope.measure.yardsticks.subject import Subject
from semascope.measure.yardsticks.supervised import Compared, compare_supervised
from semascope.measure.yardsticks.swapping import Swapped, swap_factors

_ALL = ("random atoms", "PCA", "raw embedding", "difference of means")
_AXES = ("random atoms", "PCA", "difference of means")
_MOST_PAIRS, _MOST_TASKS = 12, 8
_DOUBT = "Chanin 2026 advises against ranking dictionaries by it; depends on how many latents"


def _labels(subject: Subject) -> Bools:
    found: Bools = subject.given("labels")
    return found


def _best_f1(subject: Subject) -> Reading:
    labels, codes = _labels(subject), subject.codes
    if codes.nnz and codes.data.min() < 0:
        # Signed axes say yes at either end.
        dense = subject.dense
        codes = csr_array(np.concatenate([np.maximum(dense, 0), np.maximum(-dense, 0)], axis=1))
    names = [str(c) for c in range(labels.shape[1])]
    found = best_concepts(codes, labels, names, choose=subject.choose, test=subject.test)
    latents = np.array([match.latent for match in found])
    levels = np.array([match.threshold for match in found])
    values = codes[subject.test][:, latents].toarray()
    said, truth = (values >= levels) & (values > 0), labels[subject.test]
    return Reading(lambda places: float(f1_of(said[places], truth[places]).mean()), len(truth))


def _probe(k: int) -> Callable[[Subject], Reading]:
    def read(subject: Subject) -> Reading:
        here = min(k, subject.codes.shape[1])
        found = sparse_probes(
            subject.dense, _labels(subject), k=here, train=subject.choose, test=subject.test,
            seed=subject.seed,
        )  # fmt: skip
        note = "" if here == k else f"there are {here} codes only"
        return Reading(lambda places: found.auroc(places), len(found.truth), note)

    return read


def _quiver(subject: Subject) -> Reading:
    labels = _labels(subject)
    common = np.sort(np.argsort(-labels[subject.choose].sum(axis=0), kind="stable")[:_MOST_TASKS])
    found = np.array(
        [
            quiver(
                subject.dense, subject.given("vectors"), labels[:, c], train=subject.choose,
                test=subject.test, seed=subject.seed,
            ).gain
            for c in common
        ]
    )  # fmt: skip
    note = f"the {len(common)} commonest labels, which n counts"
    return Reading(lambda places: float(found[places].mean()), len(found), note)


def _own(subject: Subject) -> list[Ints]:
    return subject.once(
        "split latents",
        lambda: split_latents(
            subject.dense, _labels(subject), train=subject.choose, seed=subject.seed
        ),
    )


def _splitting(subject: Subject) -> Reading:
    own, labels = _own(subject), _labels(subject)
    rows = subject.test
    return Reading(
        lambda places: float(splitting(subject.dense, labels, own, rows[places]).mean()), len(rows)
    )


def _absorption(subject: Subject) -> Reading:
    atoms = subject.given("atoms")
    found: Absorption = subject.once(
        "absorption",
        lambda: absorption(
            subject.dense, atoms, subject.vectors, _labels(subject), train=subject.choose,
            test=subject.test, own=_own(subject), seed=subject.seed,
        ),
    )  # fmt: skip
    if not len(found.absorbed):
        raise InputError("a probe of the vectors finds no test row of any label")
    accused = int((found.table["absorbed"] > 0).sum())
    note = f"{accused} of {len(found.table)} labels; n counts rows of labels"
    return Reading(lambda p: float(found.absorbed[p].mean()), len(found.absorbed), note)


def _removed(subject: Subject, at_random: bool = False) -> tuple[Removal, int, int]:
    labels = _labels(subject)
    target, spurious = _confusable(labels[subject.choose], labels[subject.test])
    found = spurious_removal(
        subject.dense, subject.given("atoms"), subject.vectors, labels[:, target],
        labels[:, spurious], train=subject.choose, test=subject.test, at_random=at_random,
        seed=subject.seed,
    )  # fmt: skip
    return found, target, spurious


def _removal(subject: Subject) -> Reading:
    labels = _labels(subject)
    found, target, spurious = _removed(subject)
    names = subject.names or tuple(str(c) for c in range(labels.shape[1]))
    note = f"'{names[spurious]}' taken out of '{names[target]}', 10 latents; {_DOUBT}"
    return Reading(lambda places: found.score(places), len(found.fair), note)


def _perturbation(subject: Subject) -> Reading:
    labels = _labels(subject)
    rare = labels[subject.choose].sum(axis=0) == 0
    found = targeted_perturbation(
        subject.dense, subject.given("atoms"), subject.vectors, labels[:, ~rare],
        train=subject.choose, test=subject.test, seed=subject.seed,
    )  # fmt: skip
    note = f"10 latents, {len(found.after)} labels; {_DOUBT}"
    return Reading(lambda places: found.score(places), len(found.before), note)


def _swapped(subject: Subject, at_random: bool = False) -> Swapped:
    atoms, factors = subject.given("atoms"), subject.given("factors")
    return subject.once(
        f"swaps {at_random}",
        lambda: swap_factors(
            subject.dense, atoms, subject.vectors, factors, train=subject.choose,
            test=subject.test, at_random=at_random, seed=subject.seed,
        ),
    )  # fmt: skip


def _swaps(of: Callable[[Swapped, Ints], float]) -> Callable[[Subject], Reading]:
    def read(subject: Subject) -> Reading:
        found = _swapped(subject)
        return Reading(
            lambda places: of(found, subject.test[places]), len(subject.test), "10 latents a factor"
        )

    return read


def _compared(subject: Subject, at_random: bool = False) -> Compared:
    atoms, own = subject.given("atoms"), _own(subject)
    if at_random:
        random = generator(subject.seed, "random latents")
        own = [random.permutation(len(atoms))[: len(latents)] for latents in own]
    return subject.once(
        f"supervised {at_random}",
        lambda: compare_supervised(
            subject.dense, atoms, subject.vectors, _labels(subject), bias=subject.bias,
            train=subject.choose, test=subject.test, own=own, seed=subject.seed,
        ),
    )  # fmt: skip


def _approximation(subject: Subject) -> Reading:
    found = _compared(subject)
    return Reading(lambda places: found.approximation(places), len(found.explained))


def _control(subject: Subject) -> Reading:
    found = _compared(subject)
    if not found.flipped_by_labels.any():
        raise InputError("not even the labels' own atoms turn a probe round")

    def of(places: Ints) -> float:
        whole = float(found.flipped_by_labels[places].mean())
        return float(found.flipped[places].mean()) / whole if whole else float("nan")

    return Reading(of, len(found.flipped), "n counts edits")


def _table(of: Callable[[Compared], np.ndarray]) -> Callable[[Subject], Reading]:
    def read(subject: Subject) -> Reading:
        found = of(_compared(subject))
        return Reading(lambda places: float(found[places].mean()), len(found), "n counts labels")

    return read


def _confusable(train: Bools, test: Bools) -> tuple[int, int]:
    """Return the target and the spurious label whose rarest combination is commonest."""
    common = np.argsort(-np.minimum(train.sum(0), (~train).sum(0)), kind="stable")[:_MOST_PAIRS]
    best, pair = 0, None
    for a, b in permutations(common.tolist(), 2):
        rarest = min(
            int(((part[:, a] == x) & (part[:, b] == y)).sum())
            for part in (train, test) for x in (False, True) for y in (False, True)
        )  # fmt: skip
        if rarest > best:
            best, pair = rarest, (a, b)
    if pair is None or best < 4:
        raise InputError("no two labels occur in all four combinations on four rows or more")
    return pair


METRICS = (
    Metric(
        "best concept f1", "labels",
        "mean over labels of the F1 of the best code and threshold, chosen on other rows",
        "Gao et al. 2024 (one-latent probes); the interpretability of Makelov et al. 2024",
        "higher", 0, 1,
        "shuffled labels; near the share of rows with the label",
        "broad labels that many codes share", "cheap", ("labels",), _best_f1, _ALL, "shuffled",
    ),
    Metric(
        "1-sparse probe", "labels",
        "mean AUROC of logistic probes of the code whose mean differs most",
        "Gurnee et al. 2023; Karvonen et al. 2025", "higher", 0, 1, "0.5",
        "favours larger dictionaries; cannot tell variants of one architecture apart (Chanin 2026)",
        "cheap", ("labels",), _probe(1), _ALL, "shuffled",
    ),
    Metric(
        "5-sparse probe", "labels",
        "mean AUROC of logistic probes of the five codes whose means differ most",
        "Gurnee et al. 2023; Karvonen et al. 2025", "higher", 0, 1, "0.5",
        "as the 1-sparse probe", "medium", ("labels",), _probe(5), _ALL, "shuffled",
    ),
    Metric(
        "probe gain", "labels",
        "AUROC of the probe chosen by cross-validation among all kinds - among those without codes",
        "Kantamneni et al. 2025", "higher", -1, 1, "0",
        "probes of vectors near 1 leave nothing to gain", "slow", ("labels", "vectors"), _quiver,
        ("random atoms",), 0.0,
    ),
    Metric(
        "splitting", "labels",
        "mean over labels of F1(any of its latents) - F1(the best of them)",
        "Chanin et al. 2024", "lower", 0, 1, "0 to some hundredths: shuffled labels",
        "sees splits of up to five latents; signed codes", "medium", ("labels",), _splitting,
        ("random atoms",), "shuffled",
    ),
    Metric(
        "absorption", "labels",
        "share of a label's rows, found by a probe, where its latents are silent and an absorber "
        "carries it",
        "Chanin et al. 2024; Karvonen et al. 2025; absorbers must silence the label's latents",
        "lower", 0, 1, "0", "signed codes; labels that a linear probe does not find",
        "slow", ("labels", "vectors", "atoms"), _absorption, ("random atoms",), "shuffled",
    ),
    Metric(
        "scr", "labels",
        "(accuracy repaired - biased) / (fair - biased) of a probe on balanced rows",
        "Karvonen et al. 2024; doubts: Chanin 2026", "higher", -float("inf"),
        float("inf"), "ten latents at random", f"labels that exclude each other. {_DOUBT}",
        "medium", ("labels", "vectors", "atoms"), _removal, _AXES,
        lambda s: _removed(s, at_random=True)[0].score(),
    ),
    Metric(
        "tpp", "labels",
        "mean fall of a label's own probe - mean fall of other labels' probes, its latents out",
        "Karvonen et al. 2024; doubts: Chanin 2026", "higher", -1, 1, "0",
        _DOUBT, "medium", ("labels", "vectors", "atoms"), _perturbation, _AXES, "shuffled",
    ),
    Metric(
        "cause", "labels",
        "share of swaps of a factor's latents after which its probe says the other row's value",
        "Huang et al. 2024 (RAVEL), judged by linear probes", "higher", 0, 1,
        "ten latents at random; swapping nothing: 0, everything: 1",
        "fewer than two discrete factors", "slow", ("factors", "vectors", "atoms"),
        _swaps(lambda f, p: f.cause(p)), _AXES, lambda s: _swapped(s, at_random=True).cause(),
    ),
    Metric(
        "isolation", "labels",
        "share of other factors whose probes stay with what they said after the swap",
        "Huang et al. 2024 (RAVEL), judged by linear probes", "higher", 0, 1,
        "ten latents at random; swapping nothing: 1", "to be read with cause", "slow",
        ("factors", "vectors", "atoms"), _swaps(lambda f, p: f.isolation(p)), _AXES,
        lambda s: _swapped(s, at_random=True).isolation(),
    ),
    Metric(
        "approximation", "labels",
        "variance explained in the span of the labels' atoms / what the labels explain there",
        "Makelov et al. 2024", "higher", -float("inf"), float("inf"), "0: the mean alone",
        "may exceed 1: codes may know more than labels", "slow", ("labels", "vectors", "atoms"),
        _approximation, ("random atoms", "PCA, as many axes as active"), 0.0,
    ),
    Metric(
        "control", "labels",
        "share of probes turned round by taking a label's latents out / by its own atom",
        "Makelov et al. 2024", "higher", 0, float("inf"), "as many latents at random",
        "labels that no probe finds", "slow", ("labels", "vectors", "atoms"), _control,
        ("random atoms", "difference of means"), lambda s: _compared(s, at_random=True).control(),
    ),
    Metric(
        "occlusion", "labels",
        "share of labels whose best latent is that of a label with a longer atom",
        "Makelov et al. 2024", "lower", 0, 1, "shuffled labels",
        "labels that mean the same share a latent rightly", "slow",
        ("labels", "vectors", "atoms"),
        _table(lambda f: f.table["occluded_by"].is_not_null().to_numpy().astype(np.float64)),
        ("random atoms", "difference of means"), "shuffled",
    ),
    Metric(
        "over-splitting", "labels",
        "latents that stand for a label beyond the first, mean over labels",
        "Makelov et al. 2024; Chanin et al. 2024", "lower", 0, 4, "0 to some tenths",
        "up to five latents are tried", "slow", ("labels", "vectors", "atoms"),
        _table(lambda f: f.table["latents"].to_numpy().astype(np.float64) - 1),
        ("random atoms", "difference of means"), "shuffled",
    ),
)  # fmt: skip
