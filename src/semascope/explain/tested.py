"""One table of findings: each concept tested on rows on which nothing was chosen by the outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import SPLITS, InputError, did_you_mean
from semascope.explain.joint import STABLE, as_number, stability, together
from semascope.explain.knockoffs import knockoff_filter
from semascope.explain.problem import Problem, Setting, marginal
from semascope.explain.shape import dose

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

FEWEST = 20
_MOST_REFERENCE = 20_000


@dataclass(frozen=True)
class Options:
    """How concepts are tested.

    Parameters
    ----------
    level : float
        Of false discoveries, for what counts as a finding (q).
    knockoff_level : float
        Of false discoveries, for the knockoffs. Larger, since at level a these select at least 1/a
        concepts, or none.
    fewest : int
        Concepts with fewer active, or fewer inactive, tested rows are not tested.
    most : int, optional
        Test so many concepts only: those that go with the outcome most surely on *discover* and
        *name* rows. Fewer tests find more.
    seed : int
        Knockoffs, halves, intervals.
    rows : {"verify", "all"}
        Tested. All rows are five times as many as *verify* rows, and show effects of less than half
        the size. That is sound where the outcome had no part in what is tested: dictionary, names
        and thresholds come from vectors, texts and other columns. Effects given each other, of what
        the elastic net chose by the outcome, come from *verify* rows in any case.

    Examples
    --------
    >>> from semascope.explain import Options
    >>> Options().knockoff_level
    0.1
    """

    level: float = 0.05
    knockoff_level: float = 0.1
    fewest: int = FEWEST
    most: int | None = None
    seed: int = 0
    rows: Literal["verify", "all"] = "verify"

    def __post_init__(self) -> None:
        for name in ("level", "knockoff_level"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        if self.fewest < 2 or (self.most is not None and self.most < 1):
            raise InputError(
                f"fewest must be at least 2 and most at least 1, got {self.fewest} and {self.most}"
            )
        if self.rows not in ("verify", "all"):
            raise InputError(
                f"rows must be 'verify' or 'all', got '{self.rows}'"
                f"{did_you_mean(self.rows, ('verify', 'all'))}"
            )
        if self.rows == "all" and self.most is not None:
            raise InputError(
                "most= chooses concepts by the outcome of discover and name rows, which "
                "rows='all' tests as well; leave one of them out"
            )

    def tested(self, splits: npt.NDArray[np.uint8]) -> Rows:
        """Return the rows that are tested, given the split of each."""
        if self.rows == "all":
            return np.arange(len(splits))
        return np.flatnonzero(splits == SPLITS.index("verify"))


def concept_effects(
    codes: Any,
    setting: Setting,
    splits: npt.NDArray[np.uint8],
    options: Options | None = None,
) -> pl.DataFrame:
    """Test every column of codes against an outcome.

    Parameters
    ----------
    codes : scipy.sparse or array of shape (n, m)
        Strengths; active where not zero.
    setting : Setting
        Outcome, covariates, groups, weights and pairs of all rows.
    splits : ndarray of uint8, shape (n,)
        0 *discover*, 1 *name*, 2 *verify*.
    options : Options, optional
        Levels and limits.

    Returns
    -------
    polars.DataFrame
        A row for each column (times levels of a multiclass outcome); see `explain.outcome`.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import split_of
    >>> from semascope.explain import Setting, read_outcome, concept_effects
    >>> random = np.random.default_rng(0)
    >>> x = random.random((600, 4)) < 0.3
    >>> setting = Setting(read_outcome(3 * x[:, 1] + random.standard_normal(600)))
    >>> table = concept_effects(x, setting, split_of(map(str, range(600))))
    >>> table["q"].arg_min(), round(table["effect"][1])
    (1, 3)
    """
    options = options or Options()
    strengths = as_strengths(codes)
    active = strengths.copy()
    active.data = (active.data != 0).astype(np.float64)
    verify = np.flatnonzero(splits == SPLITS.index("verify"))
    rest = np.flatnonzero(splits != SPLITS.index("verify"))
    if min(len(verify), len(rest)) == 0:
        raise InputError(
            f"there are {len(verify)} verify rows and {len(rest)} others; effects are tested on "
            "the former, and what is tested is chosen on the latter"
        )
    problem = setting.problem(options.tested(splits))
    held_out = problem if options.rows == "verify" else _or_none(setting, verify)
    here = active[problem.rows]
    chosen_on = _or_none(setting, rest)
    before = None
    # Models that are fitted one by one are not fitted for what nobody asked.
    if chosen_on is not None and (options.most is not None or not _is_slow(problem)):
        before = marginal(chosen_on, active[chosen_on.rows])
    if options.most is not None and before is None:
        raise InputError(
            f"the {len(rest)} discover and name rows cannot tell which concepts to test: too few, "
            "or of one value; leave most out, or pass more rows"
        )
    tested, notes = _eligible(problem, here, options)
    if options.most is not None and before is not None:
        p = np.nan_to_num(before.p.reshape(len(tested), -1), nan=1.0).min(axis=1)
        order = tested[np.argsort(p[tested], kind="stable")]
        for j in order[options.most :]:
            notes[j] = "not among those chosen on discover and name rows"
        tested = np.sort(order[: options.most])
    if not len(tested):
        raise InputError(
            f"no concept has {options.fewest} active and as many inactive rows among the "
            f"{len(problem)} tested; pass a smaller fewest=, or more rows"
        )
    r = problem.y.reshape(len(problem.y), -1).shape[1]
    wide = _Wide(len(notes), r)
    found = marginal(problem, here[:, tested])
    for name in ("effect", "low", "high", "p"):
        wide.put(name, getattr(found, name), tested)
    wide.put("chosen", np.full(wide.shape, np.nan) if before is None else before.effect)
    wide.columns["q"] = adjusted(wide.columns["p"])
    _joint(wide, problem, chosen_on, held_out, active, tested, options)
    _doses(wide, problem, strengths, rest, tested, options)
    table = wide.table(setting.outcome.levels if r > 1 else None)
    sizes = _sizes(problem, here)
    found_nothing = np.asarray(np.isnan(wide.columns["p"]).all(axis=1))
    for j in tested[found_nothing[tested]]:
        notes[j] = "nothing to compare: covariates or groups decide it, or a side has no events"
    prevalence = np.asarray(active.mean(axis=0)).ravel()
    each = pl.DataFrame(
        {
            "prevalence": np.repeat(prevalence, r),
            "n": np.full(len(notes) * r, len(problem)),
            "n_active": np.repeat(sizes, r),
            "unit": [problem.outcome.unit] * (len(notes) * r),
            "note": np.repeat(np.array(notes, dtype=object), r).tolist(),
        },
        schema_overrides={"note": pl.String},
    )
    return pl.concat([table, each], how="horizontal").with_columns(
        knockoff=pl.col("knockoff_q") <= options.knockoff_level
    )


def adjusted(p: Floats) -> Floats:
    """Return Benjamini and Hochberg's q of all p that are there; NaN elsewhere.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.tested import adjusted
    >>> adjusted(np.array([0.01, np.nan, 0.04]))
    array([0.02,  nan, 0.04])
    """
    from scipy.stats import false_discovery_control

    q = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    if known.any():
        q[known] = false_discovery_control(p[known])
    return q


class _Wide:
    """Columns of the table as matrices of concepts and levels, NaN where nothing is known."""

    def __init__(self, m: int, r: int) -> None:
        self.shape = (m, r)
        self.columns: dict[str, Floats] = {}
        self.words: dict[str, list[str | None]] = {}

    def put(self, name: str, values: Floats, at: Rows | slice = slice(None)) -> None:
        whole = np.full(self.shape, np.nan)
        whole[at] = values.reshape(len(whole[at]), -1)
        self.columns[name] = whole

    def table(self, levels: tuple[str, ...] | None) -> pl.DataFrame:
        m, r = self.shape
        data: dict[str, Any] = {"latent": np.repeat(np.arange(m), r)}
        if levels is not None:
            data["level"] = list(levels) * m
        data |= {name: values.ravel() for name, values in self.columns.items()}
        data |= self.words
        over = dict.fromkeys(self.words, pl.String)
        return pl.DataFrame(data, schema_overrides=over).with_columns(
            pl.col(*self.columns).fill_nan(None)
        )


def _joint(
    wide: _Wide,
    problem: Problem,
    chosen_on: Problem | None,
    held_out: Problem | None,
    active: Any,
    tested: Rows,
    options: Options,
) -> None:
    x = np.asarray(problem.units(active[problem.rows][:, tested]).toarray())
    y = as_number(problem)
    reference = None
    if chosen_on is not None and options.rows == "verify":
        reference = chosen_on.units(active[chosen_on.rows][:, tested])[:_MOST_REFERENCE].toarray()
    kept = np.column_stack(
        [
            knockoff_filter(
                x,
                y[:, level],
                adjust=problem.adjust,
                groups=problem.groups,
                weights=problem.weights,
                centred=problem.outcome.kind == "paired",
                reference=reference,
                seed=options.seed,
            ).q
            for level in range(y.shape[1])
        ]
    )
    wide.put("knockoff_q", kept, tested)
    empty = np.full((len(tested), y.shape[1]), np.nan)
    often, parts = empty, (empty, empty, empty, empty)
    if chosen_on is not None:
        before = np.asarray(chosen_on.units(active[chosen_on.rows][:, tested]).toarray())
        often = stability(chosen_on, before, seed=options.seed)
    if chosen_on is not None and held_out is not None:
        most = often.max(axis=1)
        order = np.argsort(-most, kind="stable")
        x = np.asarray(held_out.units(active[held_out.rows][:, tested]).toarray())
        parts = together(held_out, x, order[most[order] >= STABLE])  # type: ignore[assignment]
    wide.put("stability", often, tested)
    for name, values in zip(("joint", "joint_low", "joint_high", "joint_p"), parts, strict=True):
        wide.put(name, values, tested)
    wide.columns["joint_q"] = adjusted(wide.columns["joint_p"])


def _doses(
    wide: _Wide, problem: Problem, strengths: Any, rest: Rows, tested: Rows, options: Options
) -> None:
    m, r = wide.shape
    names = ("dose_weak", "dose_middle", "dose_strong")
    values = {name: np.full((m, r), np.nan) for name in names}
    shapes = np.full((m, r), None, dtype=object)
    findings_only = r > 1 or _is_slow(problem)
    before, here = strengths[rest].tocsc(), strengths[problem.rows].tocsc()
    each = [problem] if r == 1 else [replace(problem, y=y) for y in problem.y.T]
    for j in tested:
        known = before.data[before.indptr[j] : before.indptr[j + 1]]
        if len(known) < 3:
            continue
        low, high = np.quantile(known, [1 / 3, 2 / 3])
        if low >= high:
            continue
        strength = np.asarray(here[:, [j]].toarray()).ravel()
        for level, one in enumerate(each):
            if findings_only and not wide.columns["q"][j, level] <= options.level:
                continue
            told = dose(one, strength, (float(low), float(high)))
            if told is not None:
                shapes[j, level] = told.shape
                for name, value in zip(names, told.thirds, strict=True):
                    values[name][j, level] = value
    for name in names:
        wide.put(name, values[name])
    wide.words["shape"] = shapes.ravel().tolist()


def _eligible(problem: Problem, here: Any, options: Options) -> tuple[Rows, list[str | None]]:
    sizes = _sizes(problem, here)
    if problem.pairs is None:
        enough = np.minimum(sizes, here.shape[0] - sizes) >= options.fewest
        why = f"fewer than {options.fewest} active or inactive rows"
    else:
        enough = sizes >= options.fewest
        why = f"fewer than {options.fewest} pairs of which one row shows it"
    return np.flatnonzero(enough), [None if e else why for e in enough]


def _sizes(problem: Problem, here: Any) -> npt.NDArray[np.int64]:
    """Active rows; of pairs those that differ."""
    return np.asarray(abs(problem.units(here)).sum(axis=0)).ravel().astype(np.int64)


def _is_slow(problem: Problem) -> bool:
    return problem.outcome.kind in ("count", "survival")


def _or_none(setting: Setting, rows: Rows) -> Problem | None:
    """Put the question to rows that are not tested; None if they are too few for it."""
    try:
        return setting.problem(rows, strict=False)
    except InputError:
        return None


def as_strengths(codes: Any) -> Any:
    """Return codes as a sparse matrix of its own, without stored zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.tested import as_strengths
    >>> as_strengths(np.array([[0, 2], [1, 0]])).nnz
    2
    """
    from scipy.sparse import csr_array

    # Codes of a lexicon are mapped and cannot be changed.
    given = codes.to_scipy() if hasattr(codes, "to_scipy") else codes
    matrix = csr_array(given, dtype=np.float64, copy=True)
    matrix.eliminate_zeros()
    return matrix
