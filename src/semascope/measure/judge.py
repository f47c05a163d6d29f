"""A small trained judge: what many concepts teach about which names fit which rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError, Score, generator
from semascope.lexicon import ByWords, Contrast, Relevance, Rows, words
from semascope.measure.scorers import ranking

_MOST_REFERENCES = 1000
_MOST_BACKGROUND = 200
_FEWEST_CONCEPTS = 5
_SHUFFLED = 20

Float32Array = npt.NDArray[np.float32]


@dataclass
class Judge:
    """A relevance that was learned: the probability that a row shows what a name says.

    Made by `train_judge`; used like any other relevance, so every scorer takes it.

    Examples
    --------
    >>> from semascope.measure import Judge
    >>> Judge.__name__
    'Judge'
    """

    relevance: Relevance
    texts: pl.Series | None
    references: list[str]
    background: Rows
    model: Any = None

    def __call__(self, names: Sequence[str], rows: Rows) -> Float32Array:
        """Return probabilities of shape (names, rows)."""
        features = self.features(names, rows)
        shape = features.shape
        found = self.model.predict_proba(features.reshape(-1, shape[2]))[:, 1]
        return np.asarray(found.reshape(shape[:2]), dtype=np.float32)

    def features(self, names: Sequence[str], rows: Rows) -> npt.NDArray[np.float64]:
        """Return what the judge looks at, shape (names, rows, features); never an activation.

        The relevance; the same against the name's usual level, and against what the reference
        names reach on the row; the name's rank among these; the share of its words in the text.
        """
        own = np.asarray(self.relevance(names, rows), dtype=float)
        usual = np.asarray(self.relevance(names, self.background), dtype=float)
        level, spread = usual.mean(axis=1, keepdims=True), usual.std(axis=1, keepdims=True)
        others = np.asarray(self.relevance(self.references, rows), dtype=float)
        middle, width = others.mean(axis=0), others.std(axis=0)
        ranked = np.sort(others, axis=0)
        rank = np.stack(
            [
                (np.searchsorted(ranked[:, j], own[:, j], "left")
                 + np.searchsorted(ranked[:, j], own[:, j], "right")) / (2 * len(ranked))
                for j in range(len(rows))
            ],
            axis=1,
        )  # fmt: skip
        parts = [
            own,
            (own - level) / np.where(spread > 0, spread, 1),
            (own - middle) / np.where(width > 0, width, 1),
            rank,
        ]
        if self.texts is not None:
            shared = np.asarray(ByWords(self.texts)(names, rows), dtype=float)
            length = np.array([len(words(name)) for name in names], dtype=float)
            parts += [shared, np.broadcast_to(np.log1p(length)[:, None], own.shape)]
        features: npt.NDArray[np.float64] = np.nan_to_num(np.stack(parts, axis=2))
        return features


def train_judge(
    names: Sequence[str],
    drawn: Sequence[Contrast],
    relevance: Relevance,
    *,
    references: Sequence[str] | None = None,
    texts: pl.Series | None = None,
    seed: int = 0,
) -> Judge:
    """Teach a logistic model which names fit which rows.

    Parameters
    ----------
    names : sequence of str
        Names of concepts; at least five.
    drawn : sequence of Contrast
        Rows of each of these concepts.
    relevance : Relevance
        What the features are made from.
    references : sequence of str, optional
        Names that a name is compared with on each row; by default those that teach. Where the judge
        is asked about other concepts, their names belong here too: else their rows look as if they
        were free for any name, because no reference claims them.
    texts : polars.Series, optional
        Texts of all rows, for the words that names and rows share.
    seed : int
        Which names and rows the features are compared with.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure import train_judge
    >>> names = ["tea", "car", "dog", "sun", "hat"]
    >>> texts = pl.Series([name for name in names for _ in range(4)])
    >>> rows, one, none = np.arange(20), np.ones(4, dtype=np.float32), np.arange(0)
    >>> drawn = [Contrast(rows[4 * j:4 * j + 4], one, none, np.delete(rows, np.r_[4 * j:4 * j + 4]))
    ...          for j in range(5)]
    >>> judge = train_judge(names, drawn, ByWords(texts), texts=texts)
    >>> probability = judge(["tea"], np.array([0, 8]))[0]
    >>> bool(probability[0] > 0.5 > probability[1])
    True
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(names) != len(drawn) or len(names) < _FEWEST_CONCEPTS:
        raise InputError(
            f"a judge is taught by at least {_FEWEST_CONCEPTS} names, each with its rows; got "
            f"{len(names)} names and {len(drawn)} contrasts"
        )
    random = generator(seed, "judge")
    compared = sorted(set(names if references is None else references))
    if len(compared) > _MOST_REFERENCES:
        picked = random.choice(len(compared), _MOST_REFERENCES, replace=False)
        compared = [compared[i] for i in np.sort(picked)]
    everything = np.unique(np.concatenate([np.concatenate([c.active, c.inactive]) for c in drawn]))
    if len(everything) > _MOST_BACKGROUND:
        everything = np.sort(random.choice(everything, _MOST_BACKGROUND, replace=False))
    judge = Judge(relevance, texts, compared, everything)
    x, y, weight = [], [], []
    for name, contrast in zip(names, drawn, strict=True):
        n, m = len(contrast.active), len(contrast.inactive)
        if min(n, m) == 0:
            continue
        x.append(judge.features([name], np.concatenate([contrast.active, contrast.inactive]))[0])
        y.append(np.r_[np.ones(n), np.zeros(m)])
        # Each concept and each side has one say, however many rows it has.
        weight.append(np.r_[np.full(n, 1 / n), np.full(m, 1 / m)])
    if not x:
        raise InputError("no concept has both active and inactive rows; there is nothing to learn")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    weights = np.concatenate(weight)
    model.fit(
        np.concatenate(x),
        np.concatenate(y),
        logisticregression__sample_weight=weights * len(weights) / weights.sum(),
    )
    judge.model = model
    return judge


def judged(
    names: Sequence[str | None],
    drawn: Sequence[Contrast],
    relevance: Relevance,
    *,
    texts: pl.Series | None = None,
    folds: int = 5,
    seed: int = 0,
) -> list[Score | None]:
    """Score every name by a judge that other concepts taught, never the one that is judged.

    Concepts are dealt into folds; the judge of a fold learns from the names of all others. The
    score is the AUROC of its probabilities, the null that of names of other concepts.

    Parameters
    ----------
    names : sequence of str or None
        The names, all of the kind that `relevance` understands.
    drawn : sequence of Contrast
        *Verify* rows of each concept.
    relevance, texts, seed
        As in `train_judge`.
    folds : int, default 5
        From 2 on.

    Returns
    -------
    list of Score or None
        None where there is no name, or too few rows.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByWords, Contrast
    >>> from semascope.measure import judged
    >>> names = ["tea", "car", "dog", "sun", "hat", "sea", "ice", "map", "toy", "key"]
    >>> texts = pl.Series([name for name in names for _ in range(4)])
    >>> rows, one, none = np.arange(40), np.ones(4, dtype=np.float32), np.arange(0)
    >>> drawn = [Contrast(rows[4 * j:4 * j + 4], one, none, np.delete(rows, np.r_[4 * j:4 * j + 4]))
    ...          for j in range(10)]
    >>> [score.value for score in judged(names, drawn, ByWords(texts), folds=2)][:2]
    [1.0, 1.0]
    """
    if folds < 2:
        raise InputError(
            f"a judge is tested on concepts it was not taught by, so folds >= 2: {folds}"
        )
    some = sum(name is not None for name in names)
    if some - -(-some // folds) < _FEWEST_CONCEPTS:
        raise InputError(
            f"{some} names in {folds} folds leave fewer than {_FEWEST_CONCEPTS} to teach a judge"
        )
    named = np.array([j for j, name in enumerate(names) if name is not None], dtype=np.int64)
    random = generator(seed, "judge folds")
    fold = random.permutation(len(named)) % folds
    out: list[Score | None] = [None] * len(names)
    for part in range(min(folds, len(named))):
        tested, taught = named[fold == part], named[fold != part]
        known = [str(names[j]) for j in taught]
        judge = train_judge(
            known,
            [drawn[j] for j in taught],
            relevance,
            references=[str(names[j]) for j in named],
            texts=texts,
            seed=seed,
        )
        for j in tested:
            pool = np.array([i for i in named if names[i] != names[j]], dtype=np.int64)
            picked = random.choice(pool, min(_SHUFFLED, len(pool)), replace=False)
            others = [str(names[i]) for i in picked]
            score = ranking(str(names[j]), drawn[j], judge, others, seed=seed)
            if score is not None:
                note = "AUROC of a judge taught by other concepts"
                out[j] = replace(score, metric="judge", note=note)
    return out
