"""Items that are there twice or nearly so, and those that stand on either side of a split."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import SPLITS, InputError
from semascope.explain.findings import save_result
from semascope.explain.given import read_keys
from semascope.explain.near import near_groups
from semascope.lexicon import Lexicon, stored_vectors
from semascope.vectors import as_source, blocks

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Groups of near-duplicates.

    Parameters
    ----------
    table : polars.DataFrame
        A row for each group; see `duplicates`.
    between : polars.DataFrame
        A row for each pair of sets; empty without sets.
    items : str
        What rows are called in sentences.
    how : dict
        How it was made.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> x = np.array([[1, 0], [0, 1], [1, 0.001], [-1, 0]])
    >>> sc.explain.duplicates(x, sets=["train", "train", "test", "test"]).sentences[-1]
    '1 of 2 items of train (50 %) have a near-duplicate in test'
    """

    table: pl.DataFrame
    between: pl.DataFrame
    items: str = "items"
    how: dict[str, Any] = field(default_factory=dict)

    @property
    def straddling(self) -> pl.DataFrame:
        """Groups that hold items of two sets or more."""
        return self.table.filter(pl.col("straddles"))

    @property
    def sentences(self) -> list[str]:
        """What was found: groups, then what leaks from set to set, also if that is nothing."""
        if not len(self.table):
            return [f"none of {self.how['rows']:,} {self.items} has a near-duplicate"]
        size, exact = int(self.table["n"].sum()), int(self.table["exact"].sum())
        total, groups = self.how["rows"], len(self.table)
        said = f"{size:,} of {total:,} {self.items} have a near-duplicate"
        out = [f"{said}; groups: {groups:,}, of which of identical vectors: {exact:,}"]
        if len(self.between) and not self.between["groups"].sum():
            out.append("no near-duplicates lie in two sets")
        for row in self.between.filter(pl.col("groups") > 0).iter_rows(named=True):
            for one, other in (("a", "b"), ("b", "a")):
                count, of = row[f"n_{one}"], row[f"of_{one}"]
                out.append(
                    f"{count:,} of {of:,} {self.items} of {row[one]} ({100 * count / of:.2g} %) "
                    f"have a near-duplicate in {row[other]}"
                )
        return out

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the groups; see `Findings.save`."""
        data = {
            "sentences": self.sentences,
            "table": self.table.to_dicts(),
            "between": self.between.to_dicts(),
            "how": self.how,
        }
        tables = {"duplicates": self.table, "between": self.between}
        save_result(path, tables, self.sentences, data, overwrite=overwrite)

    def __repr__(self) -> str:
        return "\n".join([f"{len(self.table)} groups of near-duplicates", *self.sentences])


def duplicates(
    x: Any,
    *,
    sets: Any = None,
    similarity: float = 0.98,
    vectors: Any = None,
    exact: bool | None = None,
    items: str = "items",
) -> Duplicates:
    """Find near-duplicate items by the cosine of their vectors, and those in two sets at once.

    Items belong to a group if a chain of near-duplicates joins them. What cosine makes a
    near-duplicate depends on the encoder: look at some groups before you count. Of texts cut off
    by the encoder only the part that it read is compared.

    Parameters
    ----------
    x : Lexicon, or array or vector source of shape (n, d)
        The items. Of a lexicon those that it was learned from.
    sets : name of a column of a lexicon's items, or array-like of shape (n,), optional
        What each item belongs to: train or test. Of a lexicon ``"split"`` is its own division into
        *discover*, *name* and *verify* rows.
    similarity : float, default 0.98
        Least cosine of near-duplicates, above 0 and up to 1.
    vectors : array or path, optional
        Of a lexicon without an encoder: what it was learned from. What the dictionary
        reconstructs is not taken instead, since it is more alike than the items are.
    exact : bool, optional
        Compare all rows with all. By default up to 20,000 distinct rows; more are hashed, and of
        pairs just similar enough one in a thousand is missed (fewer of nearer ones, and of those
        that others join). ``how["missed"]`` holds that chance, 0 if all were compared.
    items : str, default "items"
        What rows are called in sentences.

    Returns
    -------
    Duplicates
        Its ``table`` has a row for each group, largest first: ``rows`` (which items), ``n``,
        ``exact`` (all vectors have the same direction), ``least`` (the smallest cosine to the
        first item: a chain shows in that it lies far below `similarity`), ``sets``, ``straddles``.
        Its ``between`` has for each two sets: ``a``, ``b``, ``groups`` that straddle them, ``n_a``
        and ``n_b`` (items in such groups), ``of_a`` and ``of_b`` (items in the set).

    Notes
    -----
    Vectors are held in memory as float32, up to four times. Time grows with the number of rows
    where they are hashed, and in clumps of rows that are near to each other, of which nothing is
    missed; with its square where all are compared, or where very many rows are alike but not near
    enough.

    Raises
    ------
    InputError
        If there are no vectors, or `sets` does not fit the rows.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> x = np.random.default_rng(0).standard_normal((200, 16))
    >>> found = sc.explain.duplicates(np.vstack([x, x[:5]]))
    >>> len(found.table), found.table["rows"][0].to_list()
    (5, [0, 200])
    """
    if not 0 < similarity <= 1:
        raise InputError(f"similarity is a cosine above 0 and up to 1, got {similarity}")
    table = None
    if isinstance(x, Lexicon):
        table = x.items
        source, kind = stored_vectors(x, vectors)
        if kind == "reconstruction":
            raise InputError("this lexicon cannot make its vectors again; pass vectors=")
    else:
        source = as_source(x)
    n = source.shape[0]
    if isinstance(x, Lexicon) and isinstance(sets, str) and sets == "split":
        # The lexicon's own, unless its items have a column of that name.
        sets = sets if sets in x.items.columns else np.array(SPLITS)[x.splits]
    keys = read_keys(sets, table, n, "sets")
    if keys is not None and len(np.unique(keys)) == n > 2:
        raise InputError(f"each of the {n} rows is a set by itself; leave sets out")
    unit = np.concatenate([np.asarray(part, dtype=np.float32) for _, part in blocks(source)])
    lengths = np.linalg.norm(unit, axis=1)
    zero = lengths == 0
    unit /= np.where(zero, 1, lengths)[:, None]
    kept = np.flatnonzero(~zero)
    first, owner = _distinct(unit[kept])
    joined = near_groups(unit[kept[first]], similarity, exact)
    groups = joined.groups[owner]
    order = np.argsort(groups, kind="stable")
    cuts = np.flatnonzero(np.diff(groups[order])) + 1
    parts = [kept[part] for part in np.split(order, cuts) if len(part) > 1]
    parts.sort(key=lambda part: (-len(part), int(part[0])))
    told = [[] if keys is None else np.unique(keys[part]).astype(str).tolist() for part in parts]
    one_of = np.zeros(n, dtype=np.int64)
    one_of[kept] = owner
    found = pl.DataFrame(
        {
            "rows": [part.tolist() for part in parts],
            "n": [len(part) for part in parts],
            "exact": [len(np.unique(one_of[part])) == 1 for part in parts],
            "least": [min(1.0, float((unit[part] @ unit[part[0]]).min())) for part in parts],
            "sets": told,
            "straddles": [len(one) > 1 for one in told],
        },
        schema={"rows": pl.List(pl.Int64), "n": pl.Int64, "exact": pl.Boolean,
                "least": pl.Float64, "sets": pl.List(pl.String), "straddles": pl.Boolean},
    )  # fmt: skip
    how = {
        "made_by": f"semascope {version('semascope')}",
        "rows": n,
        "similarity": similarity,
        "missed": joined.missed,
        "left_out": {"vectors of length 0": int(zero.sum())} if zero.any() else {},
    }
    return Duplicates(found, _between(parts, keys), items, how)


def _distinct(unit: npt.NDArray[np.float32]) -> tuple[Rows, Rows]:
    """Return the first of each set of identical rows, and for each row which set that is."""
    if not len(unit):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    whole = np.ascontiguousarray(unit + np.float32(0))  # -0 and 0 are the same number
    packed = whole.view(np.dtype((np.void, whole.itemsize * whole.shape[1]))).ravel()
    _, first, owner = np.unique(packed, return_index=True, return_inverse=True)
    return first, owner.ravel()


def _between(parts: list[Rows], keys: npt.NDArray[Any] | None) -> pl.DataFrame:
    schema = {"a": pl.String, "b": pl.String, "groups": pl.Int64, "n_a": pl.Int64,
              "n_b": pl.Int64, "of_a": pl.Int64, "of_b": pl.Int64}  # fmt: skip
    if keys is None:
        return pl.DataFrame(schema=schema)
    values, place = np.unique(keys, return_inverse=True)
    sizes = np.bincount(place)
    counts = np.array([np.bincount(place[part], minlength=len(values)) for part in parts])
    counts = counts.reshape(len(parts), len(values))
    rows = []
    for a, b in combinations(range(len(values)), 2):
        both = (counts[:, a] > 0) & (counts[:, b] > 0)
        shared = counts[both]
        rows.append((str(values[a]), str(values[b]), int(both.sum()), int(shared[:, a].sum()),
                     int(shared[:, b].sum()), int(sizes[a]), int(sizes[b])))  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")
