"""The lexicon: a dictionary, its concepts and where they come from, as one object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import Codes, CodeStore, InputError
from semascope.discover import Dictionary, RowsToEncode, VectorRows, encode_rows
from semascope.discover.dictionary import SHARD_ROWS
from semascope.lexicon import editing
from semascope.lexicon.called import latent_of
from semascope.lexicon.families import FAMILIES, edited_families
from semascope.lexicon.items import shares_of_item
from semascope.lexicon.ledger import Edit
from semascope.lexicon.summary import best, lines_of
from semascope.lexicon.texts import TextRows, encoder_of, texts_in
from semascope.lexicon.view import View

if TYPE_CHECKING:
    from semascope.embed import TextEncoder

SCHEMA_VERSION = 2


@dataclass
class Lexicon:
    """A learned dictionary with named, measured and editable concepts.

    Open one with ``semascope.load``; make one with ``semascope.learn``.

    Parameters
    ----------
    dictionary : Dictionary
        Encoder and atoms.
    base : polars.DataFrame
        The table of concepts before people's edits.
    base_codes : Codes
        Codes of all rows before people's edits.
    items : polars.DataFrame
        The rows that the vectors describe.
    splits : ndarray of uint8
        Side of each row: 0 *discover*, 1 *name*, 2 *verify*.
    name_vectors : ndarray of float32, shape (m, d)
        Embedded names before people's edits; zero where a concept has no name or there is no
        encoder.
    info : dict
        Provenance, parameters and metrics: the content of ``lexicon.json``.
    edits : list of Edit
        People's edits, oldest first.
    encoder : TextEncoder or callable, optional
        Embeds new texts; by default the one that `info` names, loaded when first needed.
    path : Path, optional
        The folder it was loaded from or saved to.
    base_families : polars.DataFrame, optional
        Families of concepts before people's edits.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> lex.codes.shape
    (400, 12)
    >>> lex.encode(x[:2]).shape
    (2, 12)
    """

    dictionary: Dictionary
    base: pl.DataFrame
    base_codes: Codes
    items: pl.DataFrame
    splits: npt.NDArray[np.uint8]
    name_vectors: npt.NDArray[np.float32]
    info: dict[str, Any]
    edits: list[Edit] = field(default_factory=list)
    encoder: Any = None
    path: Path | None = None
    base_families: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FAMILIES))
    _view: View | None = field(default=None, init=False, repr=False, compare=False)
    _state: list[int] = field(default_factory=list, init=False, repr=False, compare=False)
    _embedded: dict[str, npt.NDArray[np.float32]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def view(self) -> View:
        """What the edits make of the lexicon, worked out once for each state of the ledger."""
        parts = (self.dictionary, self.base, self.base_codes, self.splits)
        state = [id(part) for part in (*parts, *self.edits)]
        if self._view is None or self._state != state:
            self._view, self._state = View(*parts, tuple(self.edits)), state
        return self._view

    @property
    def codes(self) -> Codes:
        """Codes of all rows with all edits applied: what `encode` gives for them."""
        return self.view.codes

    @property
    def concepts(self) -> pl.DataFrame:
        """The table of concepts, one row a latent, with all edits applied.

        Columns: ``id``, ``name`` (null if nothing held up), ``status`` (``named``, ``unnamed``,
        ``rare`` or ``dead``), ``trust`` with ``trust_low``, ``trust_high`` and ``trust_null``,
        ``verdict`` (``trusted``, ``weak`` or ``rejected``; see `measure.decide`) with ``p`` and
        ``q``, ``prevalence``, and the evidence. Concepts that were merged or split keep their row,
        with that as their status and ``became``; those that edits made come last.
        """
        return self.view.concepts

    @property
    def families(self) -> pl.DataFrame:
        """Concepts that belong together, one row a family, with all edits applied.

        Columns: ``id``, ``name`` (what they share; null if nothing held on *verify* rows),
        ``parent`` (the wider family), ``members`` with their ``names``, ``prevalence`` (the share
        of rows that show a member), ``apart`` (what the family has that others of its parent have
        not), ``differences`` (what a member has that the others have not), the trust of the name
        on ``n`` rows, and ``description``, if a language model gave one. Empty in lexicons that
        were made before there were families.
        """
        view = self.view
        return edited_families(
            self.base_families, self.concepts, self.codes, view.family_names, view.family_scores
        )

    @property
    def text(self) -> str | None:
        """Name of the column of texts, if there is one."""
        column = self.info.get("text")
        return None if column is None else str(column)

    @property
    def events(self) -> str | None:
        """Name of the column of lists of events, if there is one."""
        column = self.info.get("events")
        return None if column is None else str(column)

    @property
    def images(self) -> str | None:
        """Name of the column of paths to images, if there is one."""
        found = self.info.get("images")
        return None if found is None else str(found["column"])

    @property
    def atoms(self) -> npt.NDArray[np.float32]:
        """What decoding adds up, shape (concepts, d).

        Of the dictionary, and so of length 1; of a merged concept the direction that leaves least
        unexplained of what its members brought; of the parts of a split that of the parent; zero
        for concepts that people added, which are seen in a row but are no part of it.
        """
        made = self.view.made_atoms
        return np.concatenate([self.dictionary.atoms, made]) if len(made) else self.dictionary.atoms

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """The encoder of the texts that this lexicon was learned from."""
        return encoder_of(self.encoder, self.info.get("encoder"))

    def vectors_of(self, x: Any) -> Any:
        """Return vectors: texts are embedded, anything else is passed through."""
        some = texts_in(x)
        if some is None:
            return x
        from semascope.embed import texts

        return texts(some, encoder=self.text_encoder)

    def encode(self, x: Any, *, device: str = "cpu") -> Codes:
        """Return the codes of texts or vectors, with all edits applied.

        Muted concepts, and those that became others, stay silent; weights multiply activations.
        On `device` ("cpu", "cuda", or "auto" for a GPU if there is one).
        """
        parts = (codes for _, codes in self.encode_blocks(x, device=device))
        return Codes.stack(parts, self.view.overlay.n_components)

    def encode_blocks(self, x: Any, *, device: str = "cpu") -> Iterator[tuple[int, Codes]]:
        """Yield ``(first row, codes)`` block by block, in memory bounded by the block."""
        overlay = self.view.overlay
        source = self.dictionary.source_of(self.vectors_of(x))
        for start, codes in self.dictionary.encode_blocks(source, device=device):
            vectors = source.rows(start, start + len(codes)) if overlay.needs_vectors else None
            yield start, overlay.apply(codes, vectors)

    def encode_to(
        self,
        path: str | Path,
        x: Any,
        *,
        device: str = "cpu",
        shard_rows: int = SHARD_ROWS,
        resume: bool = False,
        overwrite: bool = False,
        progress: bool = False,
    ) -> CodeStore:
        """Write the codes of millions of texts or vectors into a folder, shard by shard.

        As `Dictionary.encode_to`, whose parameters these are; texts are embedded as they come, and
        all edits are applied as in `encode`.

        Examples
        --------
        >>> import numpy as np
        >>> import semascope as sc
        >>> x = np.random.default_rng(0).standard_normal((400, 8))
        >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
        >>> lex.encode_to("new.codes", x, shard_rows=100)
        CodeStore at new.codes: 400 rows over 12 latents, 2.0 active a row, 4 shards
        """
        some, overlay = texts_in(x), self.view.overlay
        muted = self.concepts["muted"].to_numpy()
        made_from: dict[str, Any] = {"muted": np.flatnonzero(muted).tolist()}
        if self.view.fingerprint:
            made_from["edits"] = self.view.fingerprint
        rows: RowsToEncode
        if some is None:
            rows = VectorRows(self.dictionary.source_of(x))
        else:
            rows = TextRows(some, self.text_encoder)
            made_from["encoder"] = self.text_encoder.fingerprint
        return encode_rows(
            self.dictionary,
            Path(path),
            rows,
            device=device,
            shard_rows=shard_rows,
            resume=resume,
            overwrite=overwrite,
            progress=progress,
            made_from=made_from,
            change=overlay.apply,
            n_components=overlay.n_components,
        )

    def decode(self, codes: Any) -> npt.NDArray[np.float32]:
        """Return the reconstructed vectors (n, d) of codes that `encode` returned.

        Decoding adds up ``codes @ atoms``: what a concept brings is larger or smaller by its
        weight, and gone if it is muted.
        """
        matrix = codes.to_scipy() if isinstance(codes, Codes | CodeStore) else codes
        if matrix.shape[1] != self.view.overlay.n_components:
            raise InputError(
                f"codes have {matrix.shape[1]} latents, the lexicon has "
                f"{self.view.overlay.n_components} concepts; codes of its dictionary, from before "
                "edits, are decoded by lexicon.dictionary.decode"
            )
        return self.view.decode(matrix)

    def embedded_names(self) -> npt.NDArray[np.float32]:
        """Return the embedded names as they are now, shape (concepts, d); zero where there is none.

        Names that people gave are embedded when this is first asked for; without an encoder they
        are zero.
        """
        names, base = self.concepts["name"].to_list(), self.base["name"].to_list()
        out = np.zeros((len(names), self.name_vectors.shape[1]), dtype=np.float32)
        out[: len(base)] = self.name_vectors
        new = [j for j, name in enumerate(names) if j >= len(base) or name != base[j]]
        out[new] = 0
        if self.encoder is None and self.info.get("encoder") is None:
            return out
        fresh = sorted({names[j] for j in new if names[j] is not None} - set(self._embedded))
        if fresh:
            vectors = np.asarray(self.vectors_of(fresh), dtype=np.float32)
            self._embedded |= dict(zip(fresh, vectors, strict=True))
        for j in new:
            if names[j] is not None:
                out[j] = self._embedded[names[j]]
        return out

    def row_of(self, concept: str) -> int:
        """Return the latent of a concept id, or of its exact name."""
        return latent_of(self, concept)

    def explain_item(self, i: int | str) -> pl.DataFrame:
        """Return which concepts make up a row, as shares of its reconstruction.

        Parameters
        ----------
        i : int or str
            Row number, or the row's id.

        Returns
        -------
        polars.DataFrame
            ``concept``, ``name``, ``activation``, ``share``: the part of the reconstruction's
            squared length (around the dictionary's bias) that the concept brings. Shares sum to 1;
            a negative share pulls back what others overshoot. Largest first. Concepts that people
            added are seen in the row and bring nothing to it: their share is 0.
        """
        return shares_of_item(self, self._row(i))

    def edit(
        self, action: str, concept: str = "", value: Any = "", *, author: str | None = None
    ) -> None:
        """Change one concept (id or name): see `semascope.lexicon.ACTIONS`.

        ``rename``, ``describe``, ``comment``, ``tag``, ``untag`` and ``weight`` need a `value`;
        ``mute``, ``unmute``, ``pin`` and ``unpin`` none. ``undo`` takes back the latest edit and
        ``redo`` the latest ``undo``. A lexicon that lives in a folder keeps the edit there at once,
        with time and author (`author`, or else ``$SEMASCOPE_AUTHOR``, or the user's name).
        """
        editing.change(self, action, concept, value, author=author)

    def merge(
        self,
        concepts: Sequence[str],
        *,
        name: str | None = None,
        how: Literal["sum", "max"] = "sum",
        author: str | None = None,
    ) -> str:
        """Make one concept of several; see `semascope.lexicon.merge`."""
        from semascope.lexicon.merging import merge

        return merge(self, concepts, name=name, how=how, author=author)

    def split(self, concept: str, into: int | None = None, **options: Any) -> list[str]:
        """Make several concepts of one; see `semascope.lexicon.split`."""
        from semascope.lexicon.splitting import split

        return split(self, concept, into, **options)

    def add(self, phrase: str | None = None, **options: Any) -> str:
        """Add a concept by a phrase or by examples; see `semascope.lexicon.add`."""
        from semascope.lexicon.adding import add

        return add(self, phrase, **options)

    def undo(self, *numbers: int, count: int = 1, author: str | None = None) -> list[int]:
        """Take back edits by their numbers in the ledger, by default the latest `count`."""
        return editing.take_back(self, "undo", numbers, count=count, author=author)

    def redo(self, *numbers: int, author: str | None = None) -> list[int]:
        """Put back edits that were undone, by default those of the latest undo."""
        return editing.take_back(self, "redo", numbers, author=author)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the lexicon as a folder; it appears whole or not at all."""
        from semascope.lexicon.folder import EDITS, write_lexicon
        from semascope.lexicon.ledger_file import read_edits

        if overwrite and self.path is not None and Path(path).resolve() == self.path.resolve():
            there = read_edits(self.path / EDITS)
            if there[: len(self.edits)] == self.edits:
                # What others have edited in this folder since it was opened stays.
                self.edits = there
        write_lexicon(self, Path(path), overwrite=overwrite)
        self.path = Path(path)

    def label(self, latent: int) -> str:
        """Return a concept's name, or its id and exemplar where it has no name."""
        row = self.concepts.row(latent, named=True)
        if row["name"] is not None:
            return str(row["name"])
        if row["exemplar"] is None or self.text is None:
            return f"({row['id']}: {row['status']})"
        text = " ".join(str(self.items[self.text][row["exemplar"]]).split())
        return f"({row['status']}, like: {text[:60]}{'…' if len(text) > 60 else ''})"

    def _row(self, i: int | str) -> int:
        if isinstance(i, str):
            column = self.info.get("id", "id")
            hits = (self.items[column] == i).arg_true()
            if not len(hits):
                raise InputError(f"no item with {column} '{i}' in this lexicon")
            return int(hits[0])
        if not -len(self.codes) <= i < len(self.codes):
            raise InputError(f"row {i} is outside 0..{len(self.codes) - 1}")
        return int(i) % len(self.codes)

    def __repr__(self) -> str:
        return "\n".join(lines_of(self, 8))

    def _repr_html_(self) -> str:
        with pl.Config(tbl_rows=20, tbl_hide_dataframe_shape=True, fmt_str_lengths=80):
            table = best(self, 20)._repr_html_()
        return f"<p>{lines_of(self, 0)[0]}</p>{table}"
