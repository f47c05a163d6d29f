"""What the outcome is predicted from: concepts, covariates, vectors, words."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import SPLITS, as_vectors
from semascope.explain.baselines import standardised, vector_columns, word_columns
from semascope.explain.carried import carried
from semascope.explain.design import design
from semascope.explain.given import Given
from semascope.explain.problem import Setting


def compared_features(
    given: Given,
    side: npt.NDArray[np.uint8],
    vectors: Any,
    texts: Any,
    *,
    named: npt.NDArray[np.float64] | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """Return how well concepts predict the outcome, beside all else that there is; see `carried`.

    Parameters
    ----------
    given : Given
        Codes, names and the question.
    side : ndarray of uint8, shape (n,)
        Split of each row: learned on *discover* and *name*, scored on *verify*.
    vectors, texts : array (n, d) and sequence of str, optional
        Without them there is no comparison with them.
    named : ndarray of float64, shape (n, k), optional
        Where names say yes, without the codes.
    seed : int
        Random atoms, topics, folds, bootstrap.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import split_of
    >>> from semascope.explain.feature_sets import compared_features
    >>> from semascope.explain.given import read_given
    >>> random = np.random.default_rng(0)
    >>> shown, age = random.random((300, 4)) < 0.3, random.random(300)
    >>> given = read_given(shown, 2.0 * shown[:, 0] + age, covariates=age)
    >>> compared_features(given, split_of(map(str, range(300))), None, None)["features"].to_list()
    ['all concepts', 'covariates', 'covariates and concepts']
    """
    verify = side == SPLITS.index("verify")
    test = given.setting.problem(np.flatnonzero(verify))
    train = given.setting.problem(np.flatnonzero(~verify))
    fit = train.rows
    with_name = np.flatnonzero(given.alive & given.names.is_not_null().to_numpy())
    alive = np.flatnonzero(given.alive)
    columns = max(1, len(with_name) or len(alive))
    features: dict[str, Any] = {}
    if len(with_name):
        features["named concepts"] = standardised(given.codes[:, with_name], fit)
    if named is not None and named.shape[1]:
        features["names alone"] = standardised(named, fit)
    if len(alive) > len(with_name):
        features["all concepts"] = standardised(given.codes[:, alive], fit)
    adjusted_for = _covariates(given.setting, np.union1d(train.rows, test.rows))
    if adjusted_for.shape[1]:
        features |= _with_covariates(standardised(adjusted_for, fit), features)
    whole = None
    if vectors is not None:
        whole = "raw embedding"
        features |= vector_columns(as_vectors(vectors), fit, columns, seed=seed)
    if texts is not None:
        some = texts if isinstance(texts, pl.Series) else pl.Series(list(texts), dtype=pl.String)
        features |= word_columns(some, fit, columns, seed=seed)
    return carried(features, train, test, whole=whole, seed=seed)


def _covariates(setting: Setting, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Covariates of all rows, coded alike for those learned from and those scored."""
    if setting.covariates is None:
        return np.zeros((len(setting.outcome), 0))
    columns = design(setting.covariates[rows], smooth=setting.smooth, strict=False)
    out = np.zeros((len(setting.outcome), columns.shape[1]))
    out[rows] = columns
    return out


def _with_covariates(columns: Any, features: dict[str, Any]) -> dict[str, Any]:
    from scipy.sparse import csr_array, hstack

    kind = "named concepts" if "named concepts" in features else "all concepts"
    both = csr_array(hstack([columns, features[kind]]))
    return {"covariates": columns, f"covariates and {kind.removeprefix('all ')}": both}
