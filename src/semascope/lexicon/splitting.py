"""Split a concept into several, by sub-clustering its rows or by examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError, generator, listed
from semascope.lexicon.editing import _named, _require_heard, concept_of, record_new
from semascope.lexicon.linear import LinearRule, reconstructed_scores
from semascope.lexicon.packed import pack
from semascope.lexicon.stored import Reconstructed

if TYPE_CHECKING:
    from semascope.lexicon.lexicon import Lexicon

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

# Rows that clusters are found on, and the most parts that are tried if no number is asked for.
_MOST_ROWS, _MOST_PARTS, _FEWEST = 20_000, 6, 10


def split(
    lexicon: Lexicon,
    concept: str,
    into: int | None = None,
    *,
    examples: Sequence[Sequence[int | str]] | None = None,
    names: Sequence[str | None] | None = None,
    seed: int = 0,
    author: str | None = None,
) -> list[str]:
    """Make several concepts of one, which they take the place of.

    Each row's activation goes whole to the part whose side of the gate it lies on. The gate looks
    at what the dictionary reconstructs of the row, that is, at all its activations; so it decides
    alike for stored rows and new ones, and is kept with the edit. Clusters are looked for without
    the rows of the *verify* side. The parts keep the parent's atom: a split changes no
    reconstruction.

    Parameters
    ----------
    lexicon : Lexicon
        What is edited.
    concept : str
        By id or name.
    into : int, optional
        How many parts. By default the number from 2 to 6 with the best silhouette.
    examples : sequence of two or more sequences of int or str, optional
        Rows, by number or id, that belong to each part; instead of clusters.
    names : sequence of str, optional
        One a part.
    seed : int, default 0
        Starts of the clustering.
    author : str, optional

    Returns
    -------
    list of str
        Ids of the parts; of clusters, the largest first.

    Raises
    ------
    InputError
        If there are too few rows, or a part would have none.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon import split
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> parent = lex.codes.to_scipy().toarray()[:, 3]
    >>> split(lex, "c3", 2)
    ['e1', 'e2']
    >>> parts = lex.encode(x).to_scipy().toarray()[:, 12:]
    >>> bool((parts.sum(axis=1) == parent).all()), bool((parts > 0).all(axis=1).any())
    (True, False)
    """
    id = concept_of(lexicon, concept)
    _require_heard(lexicon, [id])
    rows, values = lexicon.view.column(lexicon.row_of(id))
    if examples is None:
        groups, count = None, _count(into, names)
    else:
        groups = _example_rows(lexicon, examples)
        count = len(groups)
        if into not in (None, count):
            raise InputError(f"{count} lists of examples make {count} parts, not {into}")
    if names is not None and len(names) != (count or len(names)):
        raise InputError(f"{len(names)} names do not fit {count} parts")
    if groups is None:
        gate = _by_clusters(lexicon, id, rows, count, seed)
        how = "clusters"
    else:
        gate, how = _by_examples(lexicon, groups), "examples"
    rule, side = _ordered(lexicon, gate, rows, keep=groups is not None)
    count = len(rule.weights)
    sizes = np.bincount(side, minlength=count)
    if (sizes == 0).any():
        raise InputError(
            f"part {int(np.argmin(sizes)) + 1} of {count} would have none of the {len(rows)} rows "
            f"of concept {id}; " + ("ask for fewer parts" if groups is None else "give other "
            "examples, on which the concept is active")
        )  # fmt: skip
    details = {
        "by": how,
        "names": [_named(name) for name in names] if names is not None else [None] * count,
        "rule": rule.as_dict(),
        "directions": pack(_directions(lexicon, id, rows, values, side, count)),
    }
    if groups is not None:
        details["examples"] = [group.tolist() for group in groups]

    made = record_new(lexicon, "split", details, count=count, concept=id, author=author)
    return list(made)


def rows_of(lexicon: Lexicon, rows: Sequence[int | str]) -> Rows:
    """Return row numbers of rows that are given by number or by id, each once, in order.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.splitting import rows_of
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> rows_of(lex, [3, "row-7"])
    array([3, 7])
    """
    if isinstance(rows, str):
        raise InputError("pass a list of rows, by number or id, not one string")
    by_id: dict[str, int] = {}
    if any(isinstance(row, str) for row in rows):
        column = lexicon.items[lexicon.info.get("id") or "id"]
        asked = {row for row in rows if isinstance(row, str)}
        hits = column.is_in(list(asked)).arg_true().to_list()
        by_id = {str(column[i]): i for i in reversed(hits)}
    out: dict[int, None] = {}
    for row in rows:
        if isinstance(row, str) and row not in by_id:
            raise InputError(f"no item with {lexicon.info.get('id', 'id')} '{row}' in this lexicon")
        out[by_id[row] if isinstance(row, str) else lexicon._row(int(row))] = None
    return np.array(list(out), dtype=np.int64)


def _count(into: int | None, names: Sequence[str | None] | None) -> int | None:
    if into is None:
        return None if names is None else len(names)
    if isinstance(into, bool) or not isinstance(into, int | np.integer) or into < 2:
        raise InputError(f"a concept is split into 2 parts or more, got {into!r}")
    return int(into)


def _example_rows(lexicon: Lexicon, examples: Sequence[Sequence[int | str]]) -> list[Rows]:
    groups = [rows_of(lexicon, group) for group in examples]
    if len(groups) < 2 or any(not len(group) for group in groups):
        raise InputError("a split by examples takes two lists of rows or more, none of them empty")
    every = np.concatenate(groups)
    twice = sorted({int(row) for row in every if (every == row).sum() > 1})
    if twice:
        ids = lexicon.items[lexicon.info.get("id") or "id"]
        each = "is an example" if len(twice) == 1 else "are examples"
        raise InputError(f"{listed(str(ids[row]) for row in twice)} {each} of more than one part")
    return groups


def _by_clusters(lexicon: Lexicon, id: str, rows: Rows, count: int | None, seed: int) -> LinearRule:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    # Rows of the verify side stay unseen, so that names of the parts can be tested on them.
    rows = rows[lexicon.splits[rows] != 2]
    random = generator(seed, "split", id)
    if len(rows) > _MOST_ROWS:
        rows = np.sort(random.choice(rows, _MOST_ROWS, replace=False))
    if len(rows) < max(_FEWEST, 2 * (count or 2)):
        raise InputError(
            f"concept {id} is active on {len(rows)} rows outside of the verify side: too few to "
            "find clusters in; split it by examples"
        )
    x = Reconstructed(lexicon).take(rows).astype(np.float64)
    state = int(random.integers(2**31))
    best: tuple[float, npt.NDArray[Any]] | None = None
    for k in [count] if count else range(2, min(_MOST_PARTS, len(rows) // 5) + 1):
        labels = KMeans(k, n_init=10, random_state=state).fit_predict(x)
        score = 0.0
        if count is None and len(set(labels.tolist())) > 1:
            score = float(
                silhouette_score(x, labels, sample_size=min(2000, len(x)), random_state=state)
            )
        if best is None or score > best[0]:
            best = score, labels
    labels = best[1] if best is not None else np.zeros(len(x), dtype=int)
    return _gate(x, labels)


def _by_examples(lexicon: Lexicon, groups: list[Rows]) -> LinearRule:
    rows = np.concatenate(groups)
    labels = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return _gate(Reconstructed(lexicon).take(rows).astype(np.float64), labels)


def _gate(x: npt.NDArray[np.float64], labels: npt.NDArray[Any]) -> LinearRule:
    """Learn linear scores that tell groups of rows apart: logistic regression, all groups equal."""
    from sklearn.linear_model import LogisticRegression

    count = int(labels.max()) + 1
    if len(set(labels.tolist())) < 2:
        raise InputError("its rows are all alike: there is nothing to split by")
    # In units of the rows' spread, so that the penalty means the same for all vectors.
    scale = float(np.sqrt(x.var(axis=0).sum())) or 1.0
    centre = x.mean(axis=0)
    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
    model.fit((x - centre) / scale, labels)
    weights, offsets = model.coef_ / scale, model.intercept_
    if count == 2:
        weights, offsets = np.vstack([-weights, weights]) / 2, np.append(-offsets, offsets) / 2
    offsets = offsets - weights @ centre
    return LinearRule(weights.astype(np.float32), offsets.astype(np.float32))


def _ordered(
    lexicon: Lexicon, rule: LinearRule, rows: Rows, *, keep: bool
) -> tuple[LinearRule, npt.NDArray[np.int64]]:
    """Tell which part each row goes to; the largest part first, unless the order is people's."""
    side = reconstructed_scores(
        lexicon.dictionary, rule, lexicon.base_codes[rows]
    ).argmax(axis=1)  # fmt: skip
    if keep:
        return rule, side
    sizes = np.bincount(side, minlength=len(rule.weights))
    order = np.argsort(-sizes, kind="stable")
    return LinearRule(rule.weights[order], rule.offsets[order]), np.argsort(order)[side]


def _directions(
    lexicon: Lexicon, id: str, rows: Rows, values: Floats, side: npt.NDArray[Any], count: int
) -> Floats:
    """Say what parts point to: the parent's share of their rows, and what sets these rows apart."""
    from scipy.sparse import csr_array

    codes = lexicon.base_codes[rows].to_scipy()
    sizes = np.bincount(side, minlength=count)
    members = csr_array((1 / sizes[side], (side, np.arange(len(rows)))), shape=(count, len(rows)))
    usual = np.asarray((members @ codes).todense())
    everywhere = np.asarray(codes.mean(axis=0)).reshape(1, -1)
    view = lexicon.view
    atom = view.atoms_of(np.array([lexicon.row_of(id)]))[0]
    if not atom.any():
        atom = view.made_directions[lexicon.row_of(id) - lexicon.dictionary.n_components]
    return np.asarray(
        float(values.mean()) * atom + (usual - everywhere) @ lexicon.dictionary.atoms,
        dtype=np.float32,
    )
