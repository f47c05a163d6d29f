"""Registry: disentanglement, what factors say about codes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from semascope.core import InputError, generator
from semascope.measure.yardsticks.attributes import attribute, sap
from semascope.measure.yardsticks.dci import (
    completeness_of,
    disentanglement,
    importances,
    taught_and_tested,
)
from semascope.measure.yardsticks.explicit import (
    Predicted,
    explicitness,
    info_explicitness,
    predict_factors,
)
from semascope.measure.yardsticks.fixed import beta_vae, factor_vae, robustness
from semascope.measure.yardsticks.information import (
    Shared,
    info_compactness,
    info_modularity,
    mig,
    modularity,
    shared_information,
)
from semascope.measure.yardsticks.inputs import Factors, Floats, Ints
from semascope.measure.yardsticks.metric import Metric, Reading
from semascope.measure.yardsticks.purity import niches, oracle_impurity, stand_ins
from semascope.measure.yardsticks.several import (
    moments,
    ranked,
    total_correlation,
    udr,
    udr_of_ranks,
)
from semascope.measure.yardsticks.subject import Subject

_ALL = ("random atoms", "PCA", "raw embedding", "difference of means")
_COUNTED = "counting bins makes too much of few rows: compare with the null"
_MOST_NICHES = 20
_MOST_ASKED = 16


def _factors(subject: Subject) -> Factors:
    found: Factors = subject.given("factors")
    return found


def _two(factors: Factors, what: str) -> None:
    if factors.k < 2:
        raise InputError(f"{what} is about mixing factors, and there is one only")


def _counted(of: Callable[[Shared], float], mixes: bool = False) -> Callable[[Subject], Reading]:
    def read(subject: Subject) -> Reading:
        factors, codes, rows = _factors(subject), subject.codes, subject.test
        if mixes:
            _two(factors, "this")

        def at(places: Ints) -> float:
            # Measures of one table of information share it, also where rows are left out.
            key = f"information {len(places)} {hash(places.tobytes())}"
            kept = rows[places]
            return of(
                subject.once(key, lambda: shared_information(codes[kept], factors.take(kept)))
            )

        return Reading(at, len(rows))

    return read


def _important(of: Callable[[Floats], float]) -> Callable[[Subject], Reading]:
    def read(subject: Subject) -> Reading:
        factors, rows = _factors(subject), subject.choose

        def at(places: Ints) -> float:
            if len(places) == len(rows):
                return of(_taught(subject)[0])
            key = f"importances {len(places)} {hash(places.tobytes())}"
            kept = rows[places]
            return of(
                subject.once(
                    key,
                    lambda: importances(subject.dense[kept], factors.take(kept), seed=subject.seed),
                )
            )

        return Reading(at, len(rows), "on rows to choose on")

    return read


def _taught(subject: Subject) -> tuple[Floats, Floats]:
    return subject.once(
        "forests",
        lambda: taught_and_tested(
            subject.dense, _factors(subject), train=subject.choose, test=subject.test,
            seed=subject.seed,
        ),
    )  # fmt: skip


def _informative(subject: Subject) -> Reading:
    found = _taught(subject)[1]
    return Reading(lambda places: float(found[places].mean()), len(found))


def _predicted(of: Callable[[Predicted, Ints], float]) -> Callable[[Subject], Reading]:
    def read(subject: Subject) -> Reading:
        found: Predicted = subject.once(
            "predicted factors",
            lambda: predict_factors(
                subject.dense, _factors(subject), train=subject.choose, test=subject.test,
                seed=subject.seed,
            ),
        )  # fmt: skip
        return Reading(lambda places: of(found, places), len(subject.test))

    return read


def _sap(subject: Subject) -> Reading:
    found = attribute(
        subject.dense, _factors(subject), train=subject.choose, test=subject.test, most=_MOST_ASKED
    )
    note = ""
    if subject.codes.shape[1] > _MOST_ASKED:
        note = f"of each factor the {_MOST_ASKED} codes that share most information with it"
    return Reading(lambda places: sap(found.scores(places)), len(subject.test), note)


def _drawn(measure: Callable[..., float]) -> Callable[[Subject], Reading]:
    def read(subject: Subject) -> Reading:
        factors, rows = _factors(subject), subject.test
        _two(factors, "this")
        return Reading(
            lambda places: measure(
                subject.dense[rows[places]], factors.take(rows[places]), seed=subject.seed
            ),
            len(rows),
            "taught and tested on other rows",
        )

    return read


def _robust(subject: Subject) -> Reading:
    factors, rows = _factors(subject), subject.test
    return Reading(
        lambda places: robustness(subject.dense[rows[places]], factors.take(rows[places])),
        len(rows),
    )


def _together(subject: Subject) -> Reading:
    x = subject.dense[subject.test]
    # Sparse codes are left where they are: zeros save the work.
    x = x if subject.codes.nnz < subject.codes.shape[0] * len(x.T) / 20 else x - x.mean(axis=0)
    whole = moments(x)

    def of(places: Ints) -> float:
        return whole.less(moments(np.delete(x, places, axis=0))).total_correlation()

    return Reading(of, len(x))


def _apart(subject: Subject) -> float:
    random = generator(subject.seed, "total correlation null")
    return total_correlation(random.permuted(subject.dense[subject.test], axis=0))


def _oracle(subject: Subject) -> Reading:
    labels, rows = subject.given("labels"), subject.test
    match = stand_ins(subject.dense[subject.choose], labels[subject.choose])
    return Reading(
        lambda p: oracle_impurity(subject.dense[rows[p]], labels[rows[p]], match=match),
        len(rows),
        "codes matched to labels on other rows",
    )


def _niche(subject: Subject) -> Reading:
    labels = subject.given("labels")
    common = np.sort(np.argsort(-labels[subject.choose].sum(axis=0), kind="stable")[:_MOST_NICHES])
    found = niches(subject.dense, labels[:, common], train=subject.choose, test=subject.test)
    return Reading(found.impurity, len(found.truth), f"the {len(common)} commonest labels")


def _runs(subject: Subject) -> Reading:
    runs, rows = subject.given("runs"), subject.test
    ranks = ranked([coding[rows] for coding in (subject.codes, *runs)])
    return Reading(
        lambda places: float(udr_of_ranks([table[places] for table in ranks])[0]),
        len(rows),
        f"{len(ranks)} runs",
    )


def _unrelated_runs(subject: Subject) -> float:
    mixed = generator(subject.seed, "udr null").permutation(subject.test)
    runs = [coding[mixed] for coding in subject.given("runs")]
    return float(udr([subject.codes[subject.test], *runs])[0])


METRICS = (
    Metric(
        "dci disentanglement", "disentanglement",
        r"\sum_j \rho_j (1 - H_k(R_j / \sum R_j)), R importances in extremely randomised trees",
        "Eastwood and Williams 2018", "higher", 0, 1, "shuffled factors",
        "fewer than two factors; what is important depends on the model", "slow", ("factors",),
        _important(disentanglement), _ALL, "shuffled",
    ),
    Metric(
        "dci completeness", "disentanglement",
        r"mean_f 1 - H_m(R_f / \sum R_f)", "Eastwood and Williams 2018", "higher", 0, 1,
        "shuffled factors; copies of a code cost 1 - ln 2 / ln m each",
        "a factor of several dimensions (a circle) needs several codes", "slow", ("factors",),
        _important(completeness_of), _ALL, "shuffled",
    ),
    Metric(
        "dci informativeness", "disentanglement",
        "mean over factors of the forest's accuracy, or R2, on other rows",
        "Eastwood and Williams 2018", "higher", -float("inf"), 1, "shuffled factors",
        "rare values: accuracy is that of the commonest", "slow", ("factors",), _informative, _ALL,
        "shuffled",
    ),
    Metric(
        "mig", "disentanglement", r"mean_f (I_{1f} - I_{2f}) / H(f), I by counting 20 bins",
        "Chen et al. 2018", "higher", 0, 1, "shuffled factors",
        f"a copy of a code makes it 0; {_COUNTED}", "cheap", ("factors",), _counted(mig), _ALL,
        "shuffled",
    ),
    Metric(
        "sap", "disentanglement",
        "mean_f S_1f - S_2f, S balanced accuracy of one code (R2 of a continuous factor)",
        "Kumar et al. 2018", "higher", 0, 1, "shuffled factors",
        "a copy of a code makes it 0; low where single codes tell little", "slow", ("factors",),
        _sap, _ALL, "shuffled",
    ),
    Metric(
        "modularity", "disentanglement",
        r"mean_j 1 - \sum_{f \ne f*} I_{jf}^2 / (I_{jf*}^2 (k - 1)); 0 for a dead code",
        "Ridgeway and Mozer 2018", "higher", 0, 1,
        "shuffled factors; high for many factors, as noise spreads", _COUNTED, "cheap",
        ("factors",), _counted(modularity, mixes=True), _ALL, "shuffled",
    ),
    Metric(
        "explicitness", "disentanglement",
        "mean AUROC of logistic probes of all codes for each value of each factor, other rows",
        "Ridgeway and Mozer 2018", "higher", 0, 1, "0.5",
        "grows with the number of codes", "medium", ("factors",), _predicted(explicitness), _ALL,
        "shuffled",
    ),
    Metric(
        "infom", "disentanglement",
        r"(mean_j max_f N_{jf} / \sum_f N_{jf} - 1/k) / (1 - 1/k), N = I / H(f)",
        "Hsu et al. 2023", "higher", 0, 1, "shuffled factors", _COUNTED, "cheap", ("factors",),
        _counted(info_modularity, mixes=True), _ALL, "shuffled",
    ),
    Metric(
        "infoe", "disentanglement",
        "mean_f 1 - loss(f | codes) / loss(f), linear probes, on other rows",
        "Hsu et al. 2023, with a train/test split", "higher", -float("inf"), 1, "0",
        "below 0: probes only overfit", "medium", ("factors",), _predicted(info_explicitness),
        _ALL, "shuffled",
    ),
    Metric(
        "infoc", "disentanglement",
        r"(mean_f max_j N_{jf} / \sum_j N_{jf} - 1/m) / (1 - 1/m) over codes that vary",
        "Hsu et al. 2023", "higher", 0, 1, "shuffled factors", _COUNTED, "cheap", ("factors",),
        _counted(info_compactness), _ALL, "shuffled",
    ),
    Metric(
        "beta-vae", "disentanglement",
        "accuracy of a linear classifier of which factor pairs of rows agree in",
        "Higgins et al. 2017", "higher", 0, 1, "1 / factors",
        "fewer than two factors; factors that go together; saturates", "medium", ("factors",),
        _drawn(beta_vae), _ALL, "shuffled",
    ),
    Metric(
        "factor-vae", "disentanglement",
        "accuracy of a majority vote by the code that varies least when a factor is fixed",
        "Kim and Mnih 2018", "higher", 0, 1, "1 / factors",
        "sparse codes: one that is silent varies least, whatever is fixed", "medium",
        ("factors",), _drawn(factor_vae), _ALL, "shuffled",
    ),
    Metric(
        "irs", "disentanglement",
        "1 - deviation of a code within values of its best factor / overall, weighted",
        "Suter et al. 2019", "higher", 0, 1, "shuffled factors",
        "few rows a value: deviations from their own mean are small", "slow", ("factors",),
        _robust, _ALL, "shuffled",
    ),
    Metric(
        "total correlation", "disentanglement", "-1/2 ln det corr(codes), in nats",
        "Watanabe 1960; Chen et al. 2018", "lower", 0, float("inf"),
        "rows of each code shuffled: few rows give too much",
        "linear dependence only; grows with the number of codes", "cheap", (), _together,
        ("random atoms", "PCA", "raw embedding"), _apart,
    ),
    Metric(
        "ois", "disentanglement", "2/c ||A(codes) - A(labels)||_F, A pairwise AUROC",
        "Zarlenga et al. 2023", "lower", 0, 1, "shuffled labels",
        "fewer codes than labels; labels that no code stands for", "medium", ("labels",),
        _oracle, ("PCA", "difference of means"), "shuffled",
    ),
    Metric(
        "nis", "disentanglement",
        "mean over niche levels of the AUROC of a label from codes outside its niche",
        "Zarlenga et al. 2023", "lower", 0, 1, "0.5", "labels that go together", "slow",
        ("labels",), _niche, ("PCA", "difference of means"), "shuffled",
    ),
    Metric(
        "udr", "disentanglement",
        "median over other runs of mean max |rho|^2 / sum |rho|, Spearman",
        "Duan et al. 2020", "higher", 0, 1, "other runs with shuffled rows",
        "a run and its copies agree perfectly", "medium", ("runs",), _runs,
        (), _unrelated_runs,
    ),
)  # fmt: skip
