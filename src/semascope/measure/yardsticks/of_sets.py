"""Registry: sets of concepts, for an outcome, in other data, in other fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from semascope.core import InputError, generator
from semascope.lexicon import Contrast
from semascope.measure.coherence import coherence
from semascope.measure.yardsticks.completeness import Complete, completeness
from semascope.measure.yardsticks.contributions import (
    contributing_concepts,
    effective_concepts,
)
from semascope.measure.yardsticks.inputs import Floats, Ints
from semascope.measure.yardsticks.metric import Metric, Reading
from semascope.measure.yardsticks.probes import aurocs_of
from semascope.measure.yardsticks.purity import stand_ins
from semascope.measure.yardsticks.sets import (
    compositionality,
    learned_scores,
    probe_sensitivity,
)
from semascope.measure.yardsticks.several import matched_cosines, random_stability
from semascope.measure.yardsticks.subject import Subject
from semascope.vectors import as_source

_MOST_CONCEPTS, _EACH, _FEWEST, _SHOWN = 60, 40, 5, 4
_NEAR = 0.7


def _complete(subject: Subject) -> Reading:
    found: Complete = completeness(
        subject.dense, subject.given("outcome"), subject.vectors, train=subject.choose,
        test=subject.test,
    )  # fmt: skip
    return Reading(lambda places: found.score(places), len(found.truth))


def _sparse_model(subject: Subject) -> tuple[Floats, Floats]:
    from sklearn.svm import LinearSVC

    def fit() -> tuple[Floats, Floats]:
        rows = subject.choose
        x, y = subject.dense[rows], subject.given("outcome")[rows]
        spread = x.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        model = LinearSVC(penalty="l1", dual=False, C=0.1, class_weight="balanced", random_state=0)
        model.fit(csr_array(x / scale), y)  # liblinear stores what is not 0 anyway
        weights = np.asarray(model.coef_) / scale
        if len(weights) == 1:
            return np.concatenate([-weights, weights]), np.r_[-model.intercept_, model.intercept_]
        return weights, np.asarray(model.intercept_)

    return subject.once("sparse model", fit)


def _effective(subject: Subject) -> Reading:
    weights, _ = _sparse_model(subject)
    # Of one or two classes there is no spread to speak of.
    alone = len(weights) < 3
    return Reading(
        lambda places: effective_concepts(weights if alone else weights[places]),
        len(weights), "n counts classes", fixed=alone,
    )  # fmt: skip


def _contributing(subject: Subject) -> Reading:
    weights, bias = _sparse_model(subject)
    rows = subject.test
    return Reading(
        lambda places: contributing_concepts(subject.dense[rows[places]], weights, bias), len(rows)
    )


def _learnable(subject: Subject) -> Reading:
    said, truth = learned_scores(
        subject.vectors, subject.given("labels"), train=subject.choose, test=subject.test
    )

    def of(places: Ints) -> float:
        found = aurocs_of(said[places], truth[places])
        return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")

    return Reading(of, len(truth))


def _groups(subject: Subject) -> pl.DataFrame:
    table = subject.once(
        "groups",
        lambda: probe_sensitivity(
            subject.vectors, subject.given("labels"), subject.given("groups"), seed=subject.seed
        ).drop_nulls(),
    )
    if not len(table):
        raise InputError("no label has rows with and without it in two groups")
    return table


def _sensitive(subject: Subject) -> Reading:
    values = _groups(subject)["sensitivity"].to_numpy()
    return Reading(lambda places: float(values[places].mean()), len(values), "n counts labels")


def _random_groups(subject: Subject) -> float:
    return float(np.mean(_groups(subject)["null"].to_numpy()))


def _compositional(subject: Subject) -> Reading:
    labels, x = subject.given("labels"), subject.given("vectors")
    match = stand_ins(subject.dense[subject.choose], labels[subject.choose])
    mean = np.asarray(x[subject.choose], dtype=np.float64).mean(axis=0)
    some = subject.test[labels[subject.test].any(axis=1)]
    if not len(some):
        raise InputError("no test row has a label")
    found = compositionality(subject.given("atoms")[match], x[some], labels[some], mean)
    return Reading(lambda places: float(found[places].mean()), len(found))


def _coherent(subject: Subject) -> Reading:
    codes = subject.codes[subject.test].tocsc()
    source = as_source(subject.given("vectors"))
    random = generator(subject.seed, "coherent concepts")
    values: list[float] = []
    for j in random.permutation(codes.shape[1]):
        span = slice(codes.indptr[j], codes.indptr[j + 1])
        rows, strength = codes.indices[span], codes.data[span]
        rows, strength = rows[strength > 0], strength[strength > 0]
        idle = np.setdiff1d(np.arange(codes.shape[0]), codes.indices[span])
        if len(values) == _MOST_CONCEPTS:
            break
        if min(len(rows), len(idle)) < _FEWEST:
            continue
        order = np.argsort(-strength, kind="stable")
        order = order[np.unique(np.linspace(0, len(order) - 1, min(_EACH, len(order))).astype(int))]
        other = np.sort(random.choice(idle, min(_EACH, len(idle)), replace=False))
        none = np.zeros(0, dtype=np.int64)
        contrast = Contrast(
            subject.test[rows[order]], strength[order].astype(np.float32), none,
            subject.test[other],
        )  # fmt: skip
        score = coherence(contrast, source, k=_SHOWN, seed=subject.seed)
        values += [] if score is None else [score.value]
    if not values:
        raise InputError(f"no code is active on {_FEWEST} test rows")
    found = np.array(values)
    return Reading(lambda p: float(found[p].mean()), len(found), "n counts concepts")


def _stable(subject: Subject) -> Reading:
    atoms, others = subject.given("atoms"), subject.given("others")
    found = np.mean(
        [matched_cosines(atoms, other)[: len(atoms)] >= _NEAR for other in others], axis=0
    )
    note = f"{len(others)} other fits; n counts atoms"
    return Reading(lambda places: float(found[places].mean()), len(found), note)


def _random_fits(subject: Subject) -> float:
    atoms, others = subject.given("atoms"), subject.given("others")
    return float(np.mean([random_stability(*_shape(atoms, o), seed=subject.seed) for o in others]))


def _shape(atoms: Any, other: Any) -> tuple[int, int, int]:
    return len(atoms), len(other), int(np.shape(atoms)[1])


METRICS = (
    Metric(
        "completeness", "concept sets",
        "(a(codes) - 1/c) / (a(vectors) - 1/c), a balanced accuracy of linear discriminants",
        "Yeh et al. 2020, corrected for chance", "higher", -float("inf"), float("inf"), "0",
        "vectors that do not tell the outcome; may exceed 1", "cheap", ("outcome", "vectors"),
        _complete, ("random atoms", "PCA", "raw embedding", "difference of means"), 0.0,
    ),
    Metric(
        "nec", "concept sets", "mean over classes of codes with a weight, L1 linear classifier",
        "Srivastava et al. 2024", "neither", 0, float("inf"), "none",
        "depends on the penalty (C = 0.1 on codes of unit variance)", "medium", ("outcome",),
        _effective, ("random atoms", "PCA"),
    ),
    Metric(
        "ncc", "concept sets",
        "mean over rows of the fewest codes that carry 95 % of |weight x activation|",
        "De Santis et al. 2026", "neither", 0, float("inf"), "none", "as nec", "medium",
        ("outcome",), _contributing, ("random atoms", "PCA"),
    ),
    Metric(
        "learnability", "concept sets",
        "mean AUROC of linear discriminants of the vectors for each label",
        "Ramaswamy et al. 2023", "higher", 0, 1, "0.5", "says nothing about the codes", "cheap",
        ("labels", "vectors"), _learnable, (), "shuffled",
    ),
    Metric(
        "probe-dataset sensitivity", "concept sets",
        "1 - mean cosine of a label's directions learned in different groups of rows",
        "Ramaswamy et al. 2023", "lower", 0, 2, "random groups of the same sizes",
        "says nothing about the codes; labels that lack a group", "cheap",
        ("labels", "vectors", "groups"), _sensitive, (), _random_groups,
    ),
    Metric(
        "compositionality", "concept sets",
        r"mean of min_w ||x - \mu - \sum w_i d_i||^2 / ||x - \mu||^2 over the row's labels",
        "Stein et al. 2024", "lower", 0, 1, "shuffled labels",
        "fewer codes than labels; rows of one label test only that axis", "cheap",
        ("labels", "vectors", "atoms"), _compositional, ("PCA", "difference of means"), "shuffled",
    ),
    Metric(
        "coherence", "concept sets",
        "how often an inactive row among four active ones is the one that fits least",
        "Chang et al. 2009", "higher", 0, 1, "0.2",
        "sixty concepts at most, active on five rows or more", "medium", ("vectors",), _coherent,
        ("random atoms", "PCA"), 0.2,
    ),
    Metric(
        "stability", "concept sets",
        "share of atoms with a match of cosine 0.7 in another fit, one to one",
        "Paulo and Belrose 2025", "higher", 0, 1, "random atoms",
        "grows with the number of atoms in few dimensions", "cheap", ("atoms", "others"), _stable,
        (), _random_fits,
    ),
)  # fmt: skip
