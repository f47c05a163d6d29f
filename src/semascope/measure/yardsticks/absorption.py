"""Concepts that come apart into several latents, and latents that go silent where a part speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import generator
from semascope.lexicon import unit
from semascope.measure.yardsticks.inputs import (
    Bools,
    Floats,
    Ints,
    as_labels,
    codes_and_labels,
    fitting_parts,
    require_rows,
)
from semascope.measure.yardsticks.probes import choose_strength, fit_probe
from semascope.measure.yardsticks.probing import f1_of, ranked_latents, sparse_probes

_MOST = 5
_GAIN = 0.03
_COSINE = 0.1
_SHARE = 0.4
_PURE = 0.8
_SURE = 0.01


@dataclass(frozen=True, eq=False)
class Absorption:
    """Which rows of which label are told by an absorbing latent only.

    Parameters
    ----------
    table : polars.DataFrame
        ``label``, ``latents`` (those that stand for it), ``absorbers``, ``n`` (rows that have the
        label and that a probe of the vectors finds), ``missed`` (where none of its latents is
        active), ``absorbed`` (of these, where an absorber carries the label) and ``rate``.
    rows : ndarray of int64
        Test rows that count, one entry a row and label.
    absorbed : ndarray of bool
        Whether they are absorbed.

    Examples
    --------
    >>> from semascope.measure.yardsticks import Absorption
    >>> Absorption.__name__
    'Absorption'
    """

    table: pl.DataFrame
    rows: Ints
    absorbed: Bools

    def rate(self, rows: Ints | None = None) -> float:
        """Return the share of rows that are absorbed, over all labels."""
        inside = self.absorbed if rows is None else self.absorbed[np.isin(self.rows, rows)]
        return float(inside.mean()) if len(inside) else float("nan")


def split_latents(
    codes: Any,
    labels: Any,
    *,
    train: Ints,
    most: int = _MOST,
    gain: float = _GAIN,
    seed: int = 0,
) -> list[Ints]:
    """Return for each label the latents that stand for it: more than one if it is split.

    Probes of 1, 2, ... latents are fitted on three quarters of `train`; a further latent is part of
    the concept as long as it raises F1 on the last quarter by more than `gain`.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
    labels : anything `as_labels` takes, n rows
    train : ndarray of int64
    most : int, default 5
        Latents tried.
    gain : float, default 0.03
        As the paper has it.

    References
    ----------
    Chanin, Wilken-Smith, Dulka, Bhatnagar and Bloom, "A is for absorption: studying feature
    splitting and absorption in sparse autoencoders", 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import split_latents
    >>> kind, rows = np.arange(80) % 4, np.arange(80)
    >>> codes = np.c_[kind == 0, kind == 1, np.zeros(80)] * 1.0
    >>> [sorted(found.tolist()) for found in split_latents(codes, (kind < 2)[:, None], train=rows)]
    [[0, 1]]
    """
    x, truth = codes_and_labels(codes, labels)
    order = generator(seed, "split latents").permutation(train)
    held, kept = np.sort(order[: len(train) // 4]), np.sort(order[len(train) // 4 :])
    most = min(most, x.shape[1])
    scores = np.stack(
        [
            sparse_probes(x, truth, k=k, train=kept, test=held, positive=True, seed=seed).f1()
            for k in range(1, most + 1)
        ]
    )
    ranked = ranked_latents(x[kept], truth[kept], positive=True)
    out = []
    for c in range(truth.shape[1]):
        k = 1
        while k < most and scores[k, c] > scores[k - 1, c] + gain:
            k += 1
        out.append(ranked[c, :k])
    return out


def absorption(
    codes: Any,
    atoms: npt.ArrayLike,
    vectors: Any,
    labels: Any,
    *,
    train: Ints,
    test: Ints,
    gain: float = _GAIN,
    own: list[Ints] | None = None,
    seed: int = 0,
) -> Absorption:
    """Find rows of a label where its own latents are silent because another latent took it over.

    A row counts if it has the label and a logistic probe of the vectors says so. It is absorbed if
    none of the label's latents (`split_latents`) is active and one *absorber* brings at least 0.4
    of what the row's atoms have along the probe. An absorber is a latent whose atom points along
    the probe (cosine of at least 0.1), and which is, on `train`, a part of the label (at least 0.8
    of its rows have it) on whose rows the label's latents are silent more often than on other rows
    of the label (Fisher, p < 0.01 over all candidates). The last two conditions are not in the
    paper, which looks at first letters, where every latent along the probe is a word: without them
    a dictionary whose latents merely miss rows is accused.

    Parameters
    ----------
    codes : Codes, sparse matrix or array of shape (n, m)
        Not negative.
    atoms : array-like of shape (m, d)
    vectors : anything `as_vectors` takes, shape (n, d)
    labels : anything `as_labels` takes, n rows
    train, test : ndarray of int64
        Rows to find latents, probes and absorbers on, and to count on.
    gain, seed
        As in `split_latents`.
    own : list of ndarray of int64, optional
        What `split_latents` found for these labels, if that is known.

    References
    ----------
    Chanin et al., "A is for absorption", 2024; Karvonen et al., "SAEBench", 2025 (0.4 of the
    projection).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import absorption
    >>> kind, rows = np.arange(200) % 4, np.arange(200)
    >>> x = np.c_[kind < 2, kind == 1, kind == 2] * 1.0  # kind 1 is a part of the label
    >>> codes = np.c_[kind == 0, kind == 1, kind == 2] * 1.0  # and its latent silences the other
    >>> atoms = np.array([[1.0, 0, 0], [1, 1, 0], [0, 0, 1]])
    >>> found = absorption(
    ...     codes, atoms, x, (kind < 2)[:, None], train=rows[:100], test=rows[100:], gain=1.0
    ... )
    >>> found.rate()
    0.5
    """
    z, x, basis = fitting_parts(codes, atoms, vectors)
    truth, names = as_labels(labels)
    require_rows(len(z), labels=truth)
    if own is None:
        own = split_latents(z, truth, train=train, gain=gain, seed=seed)
    y = truth[train]
    usable = [c for c in range(len(names)) if 1 < y[:, c].sum() < len(y)]
    strength = choose_strength(x[train], [y[:, c].astype(np.int64) for c in usable], seed=seed)
    active = z > 0
    table, rows, absorbed = [], [], []
    for c in usable:
        probe = fit_probe(x[train], y[:, c], strength=strength)
        direction = unit(probe.weights)[0].astype(np.float64)
        takers = _absorbers(active[train], y[:, c], own[c], unit(basis) @ direction)
        found = test[truth[test, c] & (probe.scores(x[test])[:, 0] > 0)]
        missed = ~active[np.ix_(found, own[c])].any(axis=1)
        along = z[found] * (basis @ direction)
        whole = np.maximum(along, 0).sum(axis=1)
        most = along[:, takers].max(axis=1) if len(takers) else np.zeros(len(found))
        taken = missed & (most >= _SHARE * whole) & (most > 0)
        rows.append(found)
        absorbed.append(taken)
        rate = float(taken.mean()) if len(found) else None
        table.append(
            (names[c], own[c].tolist(), takers.tolist(), len(found), int(missed.sum()),
             int(taken.sum()), rate)
        )  # fmt: skip
    schema: dict[str, Any] = {
        "label": pl.String, "latents": pl.List(pl.Int64), "absorbers": pl.List(pl.Int64),
        "n": pl.Int64, "missed": pl.Int64, "absorbed": pl.Int64, "rate": pl.Float64,
    }  # fmt: skip
    empty = np.zeros(0, dtype=np.int64)
    return Absorption(
        pl.DataFrame(table, schema=schema, orient="row"),
        np.concatenate([empty, *rows]),
        np.concatenate([empty.astype(bool), *absorbed]),
    )


def _absorbers(active: Bools, label: Bools, own: Ints, cosines: Floats) -> Ints:
    """Latents that are a part of the label and silence its own latents."""
    from scipy.stats import hypergeom

    fires = active.sum(axis=0)
    hits = active[label].sum(axis=0)
    candidates = np.flatnonzero((cosines >= _COSINE) & (hits >= 2) & (hits >= _PURE * fires))
    candidates = np.setdiff1d(candidates, own)
    here = active[label]
    silent = ~here[:, own].any(axis=1)
    # Silent rows of the label, and how many of them fall on the candidate's.
    both = here[silent][:, candidates].sum(axis=0)
    p = hypergeom.sf(both - 1, len(here), int(silent.sum()), hits[candidates])
    return np.asarray(candidates[p < _SURE / max(1, len(candidates))], dtype=np.int64)


def splitting(codes: Any, labels: Any, own: list[Ints], rows: Ints) -> Floats:
    """Return how much F1 the best single latent lacks to all of a label's together, shape (c,).

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.measure.yardsticks import splitting
    >>> kind, rows = np.arange(80) % 4, np.arange(80)
    >>> codes = np.c_[kind == 0, kind == 1] * 1.0
    >>> splitting(codes, (kind < 2)[:, None], [np.array([0, 1])], rows).round(3)
    array([0.333])
    """
    x, truth = codes_and_labels(codes, labels)
    out = np.empty(truth.shape[1])
    for c, latents in enumerate(own):
        active = x[np.ix_(rows, latents)] > 0
        said = np.c_[active, active.any(axis=1)]
        found = f1_of(said, np.repeat(truth[rows, c : c + 1], said.shape[1], axis=1))
        out[c] = max(found[-1] - found[:-1].max(), 0)
    return out
