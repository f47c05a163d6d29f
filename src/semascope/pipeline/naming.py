"""Name and verify every latent of a dictionary, alike for concepts and for baselines."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from semascope.core import Codes, progress
from semascope.discover import Dictionary
from semascope.lexicon import ByEncoder, Contrast, Relevance, contrasts, names_on_one_scale
from semascope.measure import Verdict, verify_names
from semascope.name import (
    Bank,
    Evidence,
    PartFinder,
    Proposal,
    default_scorers,
    describing_columns,
    gather_evidence,
    name_concepts,
    text_parts,
)
from semascope.vectors import VectorSource

_MOST_PASSES = 4096
_PASSES_EACH = 16


@dataclass(frozen=True)
class Material:
    """What concepts are named from and verified on.

    Parameters
    ----------
    source : VectorSource
        All vectors.
    items : polars.DataFrame
        One row an item.
    rows : dict of str to ndarray
        Rows of each split.
    text : str or None
        Column of texts.
    relevance : Relevance or None
        How a name scores rows; None leaves values of columns only.
    leave_out : list of str
        Columns that must not become names.
    seed : int
        Choice of contrasting rows, nulls and intervals.
    bank : Bank or None
        A vocabulary from which names are taken, beside the words of the texts.
    events : str or None
        Column of lists of events, whose order may become names.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.pipeline.naming import Material
    >>> from semascope.vectors import as_source
    >>> Material(as_source(np.eye(3)), pl.DataFrame({"id": ["a", "b", "c"]}), rows={}).seed
    0
    """

    source: VectorSource
    items: pl.DataFrame
    rows: dict[str, np.ndarray]
    text: str | None = None
    relevance: Relevance | None = None
    leave_out: list[str] = field(default_factory=list)
    seed: int = 0
    bank: Bank | None = None
    events: str | None = None
    _drawn: dict[str, tuple[Dictionary, Codes, list[Contrast]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def hidden(self) -> list[str]:
        """Columns that do not describe rows: ids, texts, events."""
        own = [column for column in (self.text, self.events) if column is not None]
        return [*self.leave_out, *own]

    def scorers(self) -> dict[str, Relevance]:
        """Choose a scorer for each kind of name; see `default_scorers`."""
        return default_scorers(
            self.items, self.text, self.relevance, bank=self.bank, events=self.events
        )

    def contrasts(self, dictionary: Dictionary, codes: Codes, split: str) -> list[Contrast]:
        """Draw active and inactive rows of one split for every latent.

        What was drawn last of a split is kept: concepts and their families are tested on the same.
        """
        kept = self._drawn.get(split)
        if kept is None or kept[0] is not dictionary or kept[1] is not codes:
            found = contrasts(dictionary, codes, self.source, self.rows[split], seed=self.seed)
            kept = self._drawn[split] = (dictionary, codes, found)
        return kept[2]

    def evidence(
        self, dictionary: Dictionary, codes: Codes, drawn: list[Contrast]
    ) -> list[Evidence]:
        """Gather what *name* rows tell about every latent."""
        return gather_evidence(
            drawn,
            items=self.items,
            columns=describing_columns(self.items, self.hidden),
            codes=codes,
            rows=self.rows["name"],
            atoms=dictionary.atoms,
            parts=self.part_finder(dictionary, dictionary.n_components),
        )

    def part_finder(self, dictionary: Dictionary, asked: int) -> PartFinder | None:
        """Return what finds the words that fire so many latents; None without an encoder."""
        if self.text is None or not isinstance(self.relevance, ByEncoder):
            return None
        # A few texts for each concept: enough to tell which words count.
        passes = min(_MOST_PASSES, _PASSES_EACH * asked)
        texts = self.items[self.text]
        return text_parts(texts, self.relevance.embed, dictionary, most_passes=passes)


def name_and_verify(
    material: Material,
    dictionary: Dictionary,
    codes: Codes,
    drawn: list[Contrast],
    *,
    show_progress: bool = False,
) -> tuple[list[Proposal], list[Verdict | None]]:
    """Name each latent from its *name* rows and score the name on *verify* rows.

    Parameters
    ----------
    material : Material
        Items, vectors and splits.
    dictionary, codes
        The latents, and their activations on all rows.
    drawn : list of Contrast
        What `Material.contrasts` drew from the *name* rows.
    show_progress : bool
        Show bars.

    Returns
    -------
    (list of Proposal, list of Verdict or None)
        One of each for every latent.
    """
    relevance, seed = material.relevance, material.seed
    scorers = material.scorers()
    if relevance is not None and len(material.rows["name"]):
        texts = None if material.text is None else material.items[material.text]
        scorers["combined"] = names_on_one_scale(relevance, material.rows["name"], seed, texts)
    with progress("name", len(drawn), "concepts", show=show_progress) as bar:
        proposals = name_concepts(
            drawn,
            material.items,
            text=material.text,
            relevance=relevance,
            dictionary=dictionary,
            leave_out=material.leave_out,
            seed=seed,
            on_done=bar.advance,
            evidence=material.evidence(dictionary, codes, drawn),
            scorers=scorers,
            bank=material.bank,
            events=material.events,
        )
    tested = material.contrasts(dictionary, codes, "verify")
    with progress("measure", len(drawn), "names", show=show_progress) as bar:
        verdicts = verify_names(
            [p.name for p in proposals],
            [p.threshold for p in proposals],
            tested,
            lambda j: scorers[proposals[j].kind or "value"],
            seed=seed,
            on_done=bar.advance,
        )
    return proposals, verdicts
