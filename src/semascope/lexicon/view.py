"""A lexicon as its edits leave it: the table, the codes of the stored rows, atoms, directions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import Codes
from semascope.discover import Dictionary
from semascope.lexicon.concepts import BANDS, BINS
from semascope.lexicon.edited import edited_table
from semascope.lexicon.ledger import Edit, json_line, standing
from semascope.lexicon.overlay import BLOCK, Overlay
from semascope.lexicon.relevance import unit
from semascope.lexicon.replay import replay_edits
from semascope.lexicon.rows import split_rows

Floats = npt.NDArray[np.float32]
_MOST_EXAMPLES = 100
# More rows than this tell no more about which concepts are active together.
_MOST_TOGETHER = 50_000


@dataclass(frozen=True, eq=False)
class View:
    """What the standing edits make of a lexicon; each part is worked out when it is first needed.

    Parameters
    ----------
    dictionary, base, base_codes, splits
        As in `Lexicon`.
    edits : sequence of Edit
        The ledger.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> lex.edit("weight", "c0", 0.5)
    >>> lex.view.overlay.factors
    {0: 0.5}
    """

    dictionary: Dictionary
    base: pl.DataFrame
    base_codes: Codes
    splits: npt.NDArray[np.uint8]
    edits: Sequence[Edit]

    @cached_property
    def _replayed(self) -> Any:
        return replay_edits(self.base, self.edits, self.dictionary.n_dimensions)

    @property
    def family_names(self) -> dict[str, str]:
        """Names that people gave to families, by their ids."""
        return dict(self._replayed.families)

    @property
    def family_scores(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What was measured of names that people gave to families, by id and name."""
        return dict(self._replayed.family_scores)

    @cached_property
    def overlay(self) -> Overlay:
        """What the edits make of codes."""
        silent = dict.fromkeys(np.flatnonzero(self.base["muted"].to_numpy()).tolist(), 0.0)
        for concept in self._replayed.concepts.values():
            silent.pop(concept.latent, None)
        return Overlay(
            self.dictionary, tuple(self._replayed.steps), silent | self._replayed.factors
        )

    @cached_property
    def codes(self) -> Codes:
        """Codes of the stored rows; as they are on disk while no edit changes them."""
        if self.overlay.plain:
            return self.base_codes
        parts = [
            self.overlay.apply(self.base_codes[start : start + BLOCK], first=start)
            for start in range(0, len(self.base_codes), BLOCK)
        ]
        return Codes.stack(parts, self.overlay.n_components)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the edits that change codes, but for mutes; empty if there are none."""
        lines = [
            json_line(edit.as_dict() | {"time": "", "author": ""})
            for _, edit in standing(self.edits)
            if edit.action in ("weight", "merge", "split", "add")
        ]
        return hashlib.blake2b("".join(lines).encode(), digest_size=16).hexdigest() if lines else ""

    @cached_property
    def made_atoms(self) -> Floats:
        """What decoding takes for each made concept, shape (made, d)."""
        m, d = self.dictionary.atoms.shape
        atoms = np.zeros((self.overlay.n_components - m, d), dtype=np.float32)
        for step in self.overlay.steps:
            span = slice(step.made - m, step.made - m + step.count)
            parts = [self._row(atoms, j) for j in step.sources]
            if step.action == "merge" and step.mix is not None:
                atoms[span] = step.mix @ np.stack(parts)
            elif step.action == "split":
                atoms[span] = parts[0]
        return atoms

    @cached_property
    def made_directions(self) -> Floats:
        """What each made concept points to, of length 1, shape (made, d)."""
        m = self.dictionary.n_components
        directions = self.made_atoms.copy()
        for step in self.overlay.steps:
            span = slice(step.made - m, step.made - m + step.count)
            if step.directions is not None:
                directions[span] = step.directions
            elif step.action == "add" and step.rule is not None:
                directions[span] = step.rule.weights
        return unit(directions)

    def _row(self, made: Floats, latent: int) -> Floats:
        m = self.dictionary.n_components
        return np.asarray(self.dictionary.atoms[latent] if latent < m else made[latent - m])

    def atoms_of(self, latents: npt.NDArray[Any]) -> Floats:
        """Return the atoms of some latents, shape (latents, d)."""
        m = self.dictionary.n_components
        out = self.dictionary.atoms[np.minimum(latents, m - 1)]
        if (latents >= m).any():
            out = np.array(out)
            out[latents >= m] = self.made_atoms[latents[latents >= m] - m]
        return np.asarray(out)

    def along(self, vector: Floats) -> Floats:
        """Return how far each concept points along a vector, shape (concepts,)."""
        return np.concatenate([self.dictionary.atoms @ vector, self.made_directions @ vector])

    def decode(self, codes: Any) -> Floats:
        """Return the reconstructions of edited codes (n, concepts), as a matrix."""
        m = self.dictionary.n_components
        if codes.shape[1] == m:
            return self.dictionary.decode(codes)
        whole = self.dictionary.decode(codes[:, :m])
        return np.asarray(whole + codes[:, m:] @ self.made_atoms, dtype=np.float32)

    @cached_property
    def concepts(self) -> pl.DataFrame:
        """The table of concepts."""
        table = edited_table(self.base, self._replayed)
        alive = [c for c in self._replayed.concepts.values() if c.id in self._replayed.made]
        alive = [c for c in alive if not c.became]
        if not alive or "prevalence" not in table.columns:
            return table
        index = [c.latent for c in alive]
        # The table tells of a muted concept what it would be if it were heard.
        heard = [Edit("unmute", c.id) for c in alive if c.muted]
        view = replace(self, edits=(*self.edits, *heard)) if heard else self
        rows = [view._described(c.latent) for c in alive]
        columns = {}
        for name in rows[0]:
            values = table[name].to_list()
            for latent, row in zip(index, rows, strict=True):
                values[latent] = row[name]
            columns[name] = pl.Series(name, values, dtype=table.schema[name])
        return table.with_columns(columns.values())

    def column(self, latent: int) -> tuple[npt.NDArray[np.int64], Floats]:
        """Return where one concept is active among the stored rows, and how strongly."""
        hits = np.flatnonzero(self.codes.indices == latent)
        rows = np.searchsorted(self.codes.indptr, hits, side="right") - 1
        return rows, self.codes.values[hits]

    def _described(self, latent: int) -> dict[str, Any]:
        """Count and exemplify a made concept; examples come from *name* rows, as everywhere."""
        rows, values = self.column(latent)
        row: dict[str, Any] = {"prevalence": len(rows) / max(1, len(self.codes))}
        histogram = np.histogram(values, BINS, (0, values.max() if len(values) else 1))[0]
        row["histogram"] = histogram.tolist()
        row["mean_activation"] = float(values.mean(dtype=np.float64)) if len(values) else None
        row["max_activation"] = float(values.max()) if len(values) else None
        here = self.splits[rows] == 1
        order = np.argsort(-values[here], kind="stable")
        named = rows[here][order]
        if len(named) > _MOST_EXAMPLES:
            picked = np.linspace(0, len(named) - 1, _MOST_EXAMPLES).round().astype(int)
            named = named[np.unique(picked)]
        row["exemplar"] = int(named[0]) if len(named) else None
        row["top"] = named[:10].tolist()
        bands = np.array_split(named, BANDS) if len(named) else []
        row["bands"] = [band[:3].tolist() for band in bands]
        direction = self.made_directions[latent - self.dictionary.n_components]
        row["near_misses"] = self._near(rows, direction)
        likeness = self.along(direction)
        likeness[self._gone(latent)] = -np.inf
        row["similar"] = np.argsort(-likeness, kind="stable")[:5].tolist()
        row["coactive"] = self._coactive(latent, rows)
        return row

    def _gone(self, *also: int) -> npt.NDArray[np.int64]:
        became = [c.latent for c in self._replayed.concepts.values() if c.became]
        return np.array([*became, *also], dtype=np.int64)

    def _near(self, rows: npt.NDArray[np.int64], direction: Floats) -> list[int]:
        name = split_rows(self.splits, "name")
        name = name[~np.isin(name, rows)]
        if not len(name):
            return []
        scores = self.base_codes[name].to_scipy() @ (self.dictionary.atoms @ direction)
        return [int(i) for i in name[np.argsort(-scores, kind="stable")[:10]]]

    @cached_property
    def _counts(self) -> npt.NDArray[np.int64]:
        return np.rint(self.codes.prevalence() * len(self.codes)).astype(np.int64)

    def _coactive(self, latent: int, rows: npt.NDArray[np.int64]) -> list[int]:
        if not len(rows):
            return []
        some = rows
        if len(rows) > _MOST_TOGETHER:
            some = rows[np.linspace(0, len(rows) - 1, _MOST_TOGETHER).astype(np.int64)]
        seen = self.codes[some].indices
        both = np.bincount(seen, minlength=self.codes.n_components) * (len(rows) / len(some))
        jaccard = both / np.maximum(1, len(rows) + self._counts - both)
        jaccard[latent] = 0
        order = np.argsort(-jaccard, kind="stable")[:5]
        return [int(j) for j in order if jaccard[j] > 0]
