"""What else the outcome could be predicted from: words, topics, PCA, random directions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import generator

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_MOST_WORDS = 5000
_MOST_FITTED = 20_000


def word_columns(texts: pl.Series, fit: Rows, columns: int, *, seed: int = 0) -> dict[str, Any]:
    """Return bag-of-words (tf-idf) and topics (NMF, LDA), all fitted on some rows.

    Parameters
    ----------
    texts : polars.Series
        Of all rows.
    fit : ndarray of int64
        Rows to learn words and topics from.
    columns : int
        Topics.
    seed : int
        Start of the topic models.

    Returns
    -------
    dict of str to matrix of shape (n, k)

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.explain.baselines import word_columns
    >>> texts = pl.Series(["late train today", "late train again", "warm tea"] * 10)
    >>> sorted(word_columns(texts, np.arange(30), 2))
    ['LDA topics', 'NMF topics', 'bag of words']
    """
    from sklearn.decomposition import NMF, LatentDirichletAllocation
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    some = texts.fill_null("").to_list()
    fit = fit if len(fit) <= _MOST_FITTED else np.sort(
        generator(seed, "words").choice(fit, _MOST_FITTED, replace=False)
    )  # fmt: skip
    words = CountVectorizer(min_df=min(3, len(fit)), max_features=_MOST_WORDS, stop_words=None)
    try:
        words.fit([some[i] for i in fit])
    except ValueError:  # no words at all
        return {}
    counts = words.transform(some)
    scale = TfidfTransformer(sublinear_tf=True).fit(counts[fit])
    weighted = scale.transform(counts)
    k = max(1, min(columns, counts.shape[1] - 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nmf = NMF(k, init="nndsvda", max_iter=100, random_state=seed).fit(weighted[fit])
        lda = LatentDirichletAllocation(
            k, learning_method="online", max_iter=5, random_state=seed
        ).fit(counts[fit])
        return {
            "bag of words": weighted,
            "NMF topics": standardised(nmf.transform(weighted), fit),
            "LDA topics": standardised(lda.transform(counts), fit),
        }


def vector_columns(
    vectors: npt.NDArray[Any], fit: Rows, columns: int, *, seed: int = 0
) -> dict[str, Any]:
    """Return the vectors themselves, their leading axes, and what random atoms make of them.

    Random atoms are rows drawn from `fit`; they are active where the vector lies further along
    them than for nine in ten rows.

    Parameters
    ----------
    vectors : array of shape (n, d)
        Of all rows.
    fit : ndarray of int64
        Rows that axes are fitted on and atoms drawn from.
    columns : int
        Axes and atoms.
    seed : int
        Choice of atoms.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.baselines import vector_columns
    >>> x = np.random.default_rng(0).standard_normal((50, 8))
    >>> [v.shape for v in vector_columns(x, np.arange(50), 3).values()]
    [(50, 8), (50, 3), (50, 3)]
    """
    from sklearn.decomposition import PCA

    x = np.asarray(vectors, dtype=np.float64)
    k = max(1, min(columns, x.shape[1], len(fit) - 1))
    axes = PCA(k, random_state=seed).fit(x[fit])
    random = generator(seed, "random atoms")
    mean = x[fit].mean(axis=0)
    drawn = x[random.choice(fit, min(columns, len(fit)), replace=False)] - mean
    along = (x - mean) @ (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).T
    over = np.maximum(along - np.quantile(along[fit], 0.9, axis=0), 0)
    return {
        "raw embedding": x,
        "PCA": axes.transform(x),
        "random atoms": standardised(over, fit),
    }


def standardised(columns: Any, fit: Rows) -> Any:
    """Scale each column to a mean square of 1 on some rows; what is sparse stays so.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from semascope.explain.baselines import standardised
    >>> standardised(csr_array(np.array([[2.0], [0.0]])), np.array([0])).toarray().tolist()
    [[1.0], [0.0]]
    """
    from scipy.sparse import csr_array, diags_array

    matrix = csr_array(columns, dtype=np.float64)
    some = matrix[fit]
    square = np.asarray(some.multiply(some).mean(axis=0)).ravel()
    return csr_array(matrix @ diags_array(1 / np.sqrt(np.where(square > 0, square, 1.0))))
