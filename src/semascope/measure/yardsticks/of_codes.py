"""Registry: fidelity, sparsity and redundancy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from semascope.core import generator
from semascope.measure.yardsticks.inputs import Ints
from semascope.measure.yardsticks.metric import Metric, Reading
from semascope.measure.yardsticks.reconstruction import (
    Activity,
    Rebuilt,
    activity,
    max_atom_cosine,
    rebuild,
)
from semascope.measure.yardsticks.subject import Subject

_INF = float("inf")
_REBUILT = ("random atoms", "PCA, as many axes as active")


def _rebuilt(subject: Subject) -> Rebuilt:
    x, atoms = subject.given("vectors"), subject.given("atoms")
    mean = np.asarray(x[subject.choose], dtype=np.float64).mean(axis=0)
    return subject.once(
        "rebuilt",
        lambda: rebuild(subject.codes[subject.test], atoms, x[subject.test], subject.bias, mean),
    )


def _fidelity(of: Callable[[Rebuilt, Ints], float]) -> Callable[[Subject], Reading]:
    def read(subject: Subject) -> Reading:
        found = _rebuilt(subject)
        return Reading(lambda places: of(found, places), len(found.error))

    return read


def _active(of: Callable[[Activity, Ints, int], float]) -> Callable[[Subject], Reading]:
    def read(subject: Subject) -> Reading:
        found = subject.once("activity", lambda: activity(subject.codes[subject.test]))
        m = subject.codes.shape[1]
        return Reading(lambda places: of(found, places, m), len(found.active))

    return read


def _of_rows(of: Callable[[Activity], float]) -> Callable[[Subject], Reading]:
    def read(subject: Subject) -> Reading:
        codes = subject.codes[subject.test]
        return Reading(lambda places: of(activity(codes[places])), len(subject.test))

    return read


def _cosine_of_mean(subject: Subject) -> float:
    x = subject.given("vectors")
    mean = np.asarray(x[subject.choose], dtype=np.float64).mean(axis=0)
    rows = np.asarray(x[subject.test], dtype=np.float64)
    length = np.linalg.norm(rows, axis=1) * np.linalg.norm(mean)
    return float((rows @ mean / np.maximum(length, 1e-12)).mean())


def _random_alike(subject: Subject) -> float:
    shape = subject.given("atoms").shape
    return float(max_atom_cosine(generator(subject.seed, "alike").standard_normal(shape)).mean())


def _alike(subject: Subject) -> Reading:
    found = max_atom_cosine(subject.given("atoms"))
    return Reading(lambda places: float(found[places].mean()), len(found), "n counts atoms")


METRICS = (
    Metric(
        "fvu", "core", r"\sum ||x - \hat x||^2 / \sum ||x - \mu||^2, \mu of other rows",
        "the complement of explained variance; used by all dictionary papers",
        "lower", 0, _INF, "1: the mean alone",
        "compares dictionaries of equal L0 only", "cheap", ("vectors", "atoms"),
        _fidelity(lambda f, p: f.fvu(p)), _REBUILT, 1.0,
    ),
    Metric(
        "cosine", "core", r"mean of cos(x, \hat x)", "Karvonen et al. 2025 (SAEBench)",
        "higher", -1, 1, "what the mean reaches, high for vectors that share a direction",
        "blind to length", "cheap", ("vectors", "atoms"),
        _fidelity(lambda f, p: f.mean_cosine(p)), _REBUILT, _cosine_of_mean,
    ),
    Metric(
        "shrinkage", "core", r"\sum ||r||^2 / \sum r.(x - \mu), r = \hat x - \mu; 1 is unbiased",
        "Rajamanoharan et al. 2024 (gated SAE)",
        "neither", 0, _INF, "none", "undefined if reconstructions point away from vectors",
        "cheap", ("vectors", "atoms"), _fidelity(lambda f, p: f.shrinkage(p)), _REBUILT,
    ),
    Metric(
        "l0", "core", "mean number of active codes in a row", "common",
        "neither", 0, _INF, "none", "dense codes: it is the number of codes", "cheap", (),
        _active(lambda f, p, m: float(f.active[p].mean())),
    ),
    Metric(
        "l1", "core", "mean sum of absolute codes in a row", "common",
        "neither", 0, _INF, "none", "depends on the scale of vectors and atoms", "cheap", (),
        _active(lambda f, p, m: float(f.strength[p].mean())),
    ),
    Metric(
        "density", "core", "L0 / m", "common",
        "neither", 0, 1, "none", "", "cheap", (),
        _active(lambda f, p, m: float(f.active[p].mean() / m)),
    ),
    Metric(
        "row concepts", "core",
        "mean of exp(entropy of a row's shares of activation), 0 for a silent row",
        "Hill 1973 (number of species of order 1)",
        "neither", 0, _INF, "none", "signed codes: shares of absolute values", "cheap", (),
        _active(lambda f, p, m: float((np.exp(f.spread[p]) * (f.active[p] > 0)).mean())),
    ),
    Metric(
        "dead share", "core", "share of codes that are active on none of the rows", "common",
        "lower", 0, 1, "none",
        "falls with the number of rows: a latent of one row in 10,000 looks dead on 1,000",
        "cheap", (), _of_rows(lambda f: f.dead_share()), ("random atoms",),
    ),
    Metric(
        "use entropy", "core", "H(how often each latent is active, as shares) / ln m",
        "Shannon 1948",
        "neither", 0, 1, "none", "one code", "cheap", (),
        _of_rows(lambda f: f.use_entropy()), ("random atoms",),
    ),
    Metric(
        "max atom cosine", "core", "mean over atoms of the largest cosine with another",
        "Karvonen et al. 2025 (SAEBench); Bussmann et al. 2025",
        "lower", -1, 1, "what random atoms of this shape have", "orthogonal axes have 0",
        "cheap", ("atoms",), _alike, ("random atoms",), _random_alike,
    ),
)  # fmt: skip
