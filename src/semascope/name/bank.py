"""A vocabulary bank: terms with meanings and a hierarchy, from which names are taken."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, eye_array

from semascope.core import InputError
from semascope.name.words import merge_key

_MOST_STEPS = 20
# Closures of noisy graphs can grow without bound; trees of a million entries stay below.
_MOST_PAIRS = 50_000_000


@dataclass(frozen=True, eq=False)
class Bank:
    """Entries that can be names.

    Parameters
    ----------
    terms : tuple of str, length n
        What each entry is called.
    synonyms : tuple of tuple of str
        Other words for it.
    descriptions : tuple of str
        What it means; may be empty.
    parents : tuple of tuple of int
        Broader entries of each one.
    source : str
        Where it comes from, for the record.

    Examples
    --------
    >>> from semascope.name import Bank
    >>> bank = Bank.of({"apple": "fruit", "fig": "fruit", "fruit": "food"})
    >>> bank.terms, bank.lookup("Figs"), [bank.terms[i] for i in bank.above(0)]
    (('apple', 'fig', 'fruit', 'food'), (1,), ['apple', 'fruit', 'food'])
    """

    terms: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...] = ()
    descriptions: tuple[str, ...] = ()
    parents: tuple[tuple[int, ...], ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        n = len(self.terms)
        if not n:
            raise InputError("a bank must have at least one entry")
        for name, empty in (("synonyms", ()), ("descriptions", ""), ("parents", ())):
            value = getattr(self, name)
            if not value:
                object.__setattr__(self, name, (empty,) * n)
            elif len(value) != n:
                raise InputError(f"a bank of {n} terms cannot have {len(value)} {name}")

    @classmethod
    def of(cls, parents: dict[str, str]) -> Bank:
        """Make a bank from a mapping of each term to its broader term."""
        names = list(dict.fromkeys([*parents, *parents.values()]))
        number = {name: i for i, name in enumerate(names)}
        above = tuple((number[parents[n]],) if n in parents else () for n in names)
        return cls(tuple(names), parents=above)

    def __len__(self) -> int:
        """Entries."""
        return len(self.terms)

    def lookup(self, text: str) -> tuple[int, ...]:
        """Return the entries that a text names, whatever its ending; several if it has senses."""
        return self._by_key.get(merge_key(text), ())

    def above(self, entry: int) -> list[int]:
        """Return an entry and all broader ones, the entry first."""
        row = self.closure.indices[slice(*self.closure.indptr[entry : entry + 2].tolist())]
        return [entry, *(int(i) for i in np.sort(row) if i != entry)]

    def steps_up(self, entry: int, steps: int) -> set[int]:
        """Return an entry and what lies at most so many steps above it."""
        seen, edge = {entry}, {entry}
        for _ in range(steps):
            edge = {p for e in edge for p in self.parents[e]} - seen
            seen |= edge
        return seen

    @cached_property
    def closure(self) -> csr_array:
        """Which entries lie at or above each one: sparse, shape (n, n), 1 where they do."""
        n = len(self)
        child = np.repeat(np.arange(n), [len(p) for p in self.parents])
        parent = np.array([p for above in self.parents for p in above], dtype=np.int64)
        step = csr_array((np.ones(len(child), dtype=np.int32), (child, parent)), shape=(n, n))
        reach = csr_array(eye_array(n, dtype=np.int32))
        for _ in range(_MOST_STEPS):
            wider = csr_array(reach @ step + reach)
            wider.data[:] = 1
            if wider.nnz == reach.nnz:
                break
            if wider.nnz > _MOST_PAIRS:
                raise InputError(
                    f"the bank {self.source} has too many broader terms for each term (more than "
                    f"{_MOST_PAIRS // n} on average): it is no hierarchy; leave out rare pairs"
                )
            reach = wider
        reach.sort_indices()
        return reach

    @cached_property
    def prior(self) -> npt.NDArray[np.float64]:
        """Share of entries at or below each one."""
        below = np.asarray(self.closure.sum(axis=0)).reshape(-1)
        return np.asarray(below / len(self), dtype=np.float64)

    @cached_property
    def longest(self) -> int:
        """Words of the longest key."""
        return max((key.count(" ") + 1 for key in self._by_key), default=1)

    @cached_property
    def _by_key(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, list[int]] = defaultdict(list)
        for i, (term, others) in enumerate(zip(self.terms, self.synonyms, strict=True)):
            for key in dict.fromkeys(merge_key(name) for name in (term, *others)):
                found[key].append(i)
        return {key: tuple(entries) for key, entries in found.items() if key}

    def describe(self) -> dict[str, Any]:
        """Return what identifies the bank, for provenance."""
        digest = hashlib.blake2b(digest_size=16)
        for row in zip(self.terms, self.synonyms, self.descriptions, self.parents, strict=True):
            digest.update(repr(row).encode())
        return {"source": self.source, "entries": len(self), "fingerprint": digest.hexdigest()}
