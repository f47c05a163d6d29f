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

    def contrasts(self, dictionary: Dictionary, codes: Codes, split: str) -> list[Contrast]:
        """Draw active and inactive rows of one split for every latent."""
        return contrasts(dictionary, codes, self.source, self.rows[split], seed=self.seed)

    def evidence(
        self, dictionary: Dictionary, codes: Codes, drawn: list[Contrast]
    ) -> list[Evidence]:
        """Gather what *name* rows tell about every latent."""
        parts = None
        if self.text is not None and isinstance(self.relevance, ByEncoder):
            # A few texts for each concept: enough to tell which words count.
            passes = min(_MOST_PASSES, _PASSES_EACH * dictionary.n_components)
            texts = self.items[self.text]
            parts = text_parts(texts, self.relevance.embed, dictionary, most_passes=passes)
        left_out = [*self.leave_out, *([self.text] if self.text else [])]
        return gather_evidence(
            drawn,
            items=self.items,
            columns=describing_columns(self.items, left_out),
            codes=codes,
            rows=self.rows["name"],
            atoms=dictionary.atoms,
            parts=parts,
        )


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
    scorers = default_scorers(material.items, material.text, relevance, bank=material.bank)
    if relevance is not None and len(material.rows["name"]):
        scorers["combined"] = names_on_one_scale(relevance, material.rows["name"], seed)
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
