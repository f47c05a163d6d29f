"""The lexicon: a dictionary, its concepts and where they come from, as one object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import Codes, CodeStore, InputError, did_you_mean
from semascope.discover import Dictionary, RowsToEncode, VectorRows, encode_rows
from semascope.discover.dictionary import SHARD_ROWS
from semascope.lexicon.ledger import Edit, check_edit, replay

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
    codes : Codes
        Codes of all rows.
    items : polars.DataFrame
        The rows that the vectors describe.
    splits : ndarray of uint8
        Side of each row: 0 *discover*, 1 *name*, 2 *verify*.
    name_vectors : ndarray of float32, shape (m, d)
        Embedded names; zero where a concept has no name or there is no encoder.
    info : dict
        Provenance, parameters and metrics: the content of ``lexicon.json``.
    edits : list of Edit
        People's edits, oldest first.
    encoder : TextEncoder or callable, optional
        Embeds new texts; by default the one that `info` names, loaded when first needed.
    path : Path, optional
        The folder it was loaded from or saved to.

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
    codes: Codes
    items: pl.DataFrame
    splits: npt.NDArray[np.uint8]
    name_vectors: npt.NDArray[np.float32]
    info: dict[str, Any]
    edits: list[Edit] = field(default_factory=list)
    encoder: Any = None
    path: Path | None = None

    @property
    def concepts(self) -> pl.DataFrame:
        """The table of concepts, one row a latent, with all edits applied.

        Columns: ``id``, ``name`` (null if nothing held up), ``status`` (``named``, ``unnamed``,
        ``rare`` or ``dead``), ``trust`` with ``trust_low``, ``trust_high`` and ``trust_null``,
        ``verdict`` (``trusted``, ``weak`` or ``rejected``; see `measure.decide`) with ``p`` and
        ``q``, ``prevalence``, and the evidence.
        """
        return replay(self.base, self.edits)

    @property
    def text(self) -> str | None:
        """Name of the column of texts, if there is one."""
        column = self.info.get("text")
        return None if column is None else str(column)

    @property
    def atoms(self) -> npt.NDArray[np.float32]:
        """Unit-norm atoms, shape (m, d)."""
        return self.dictionary.atoms

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """The encoder of the texts that this lexicon was learned from."""
        from semascope.embed import load_encoder

        made_with = self.info.get("encoder")
        if self.encoder is None and made_with is None:
            raise InputError(
                "this lexicon was learned from vectors, so it has no encoder; pass vectors, or "
                "set lex.encoder to the callable that made them"
            )
        asked = self.encoder
        if asked is None and made_with is not None:
            if made_with["kind"] == "function":
                raise InputError(
                    f"this lexicon was learned with your own encoder '{made_with['name']}'; "
                    "set lex.encoder to it before encoding texts"
                )
            asked = made_with.get("source")
        encoder = load_encoder(asked)
        if made_with is not None and encoder.fingerprint != made_with["fingerprint"]:
            raise InputError(
                f"the encoder '{encoder.name}' is not the one that this lexicon was learned with "
                f"({made_with['name']}, fingerprint {made_with['fingerprint']})"
            )
        return encoder

    def vectors_of(self, x: Any) -> Any:
        """Return vectors: texts are embedded, anything else is passed through."""
        some = _texts_in(x)
        if some is None:
            return x
        from semascope.embed import texts

        return texts(some, encoder=self.text_encoder)

    def encode(self, x: Any) -> Codes:
        """Return the codes of texts or vectors; muted concepts stay silent."""
        return _silenced(self.dictionary.encode(self.vectors_of(x)), self._muted())

    def encode_to(
        self,
        path: str | Path,
        x: Any,
        *,
        shard_rows: int = SHARD_ROWS,
        resume: bool = False,
        overwrite: bool = False,
        progress: bool = False,
    ) -> CodeStore:
        """Write the codes of millions of texts or vectors into a folder, shard by shard.

        As `Dictionary.encode_to`, whose parameters these are; texts are embedded as they come, and
        muted concepts stay silent.

        Examples
        --------
        >>> import numpy as np
        >>> import semascope as sc
        >>> x = np.random.default_rng(0).standard_normal((400, 8))
        >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
        >>> lex.encode_to("new.codes", x, shard_rows=100)
        CodeStore at new.codes: 400 rows over 12 latents, 2.0 active a row, 4 shards
        """
        from semascope.lexicon.texts import TextRows

        some, muted = _texts_in(x), self._muted()
        made_from: dict[str, Any] = {"muted": np.flatnonzero(muted).tolist()}
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
            shard_rows=shard_rows,
            resume=resume,
            overwrite=overwrite,
            progress=progress,
            made_from=made_from,
            change=lambda codes: _silenced(codes, muted),
        )

    def _muted(self) -> npt.NDArray[np.bool_]:
        return self.concepts["muted"].to_numpy()

    def decode(self, codes: Any) -> npt.NDArray[np.float32]:
        """Return the reconstructed vectors (n, d) of codes."""
        return self.dictionary.decode(codes)

    def row_of(self, concept: str) -> int:
        """Return the latent of a concept id, or of its exact name."""
        table = self.concepts
        for column in ("id", "name"):
            hits = (table[column] == concept).arg_true()
            if len(hits):
                return int(hits[0])
        known = [*table["id"], *(n for n in table["name"] if n is not None)]
        raise InputError(f"no concept '{concept}' in this lexicon{did_you_mean(concept, known)}")

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
            a negative share pulls back what others overshoot. Largest first.
        """
        row = self._row(i)
        codes = self.codes[row]
        parts = codes.values[:, None] * self.atoms[codes.indices]
        whole = parts.sum(axis=0)
        length = float(whole @ whole)
        shares = parts @ whole / length if length > 0 else np.zeros(len(parts))
        table = self.concepts
        return pl.DataFrame(
            {
                "concept": table["id"].gather(codes.indices),
                "name": table["name"].gather(codes.indices),
                "activation": codes.values,
                "share": shares.astype(np.float64),
            }
        ).sort("share", descending=True, maintain_order=True)

    def edit(self, action: str, concept: str = "", value: str = "") -> None:
        """Rename, mute, unmute, pin or unpin a concept (id or name), or ``undo`` the last edit.

        A lexicon that lives in a folder keeps the edit there at once.
        """
        if action != "undo" and concept:
            concept = str(self.concepts["id"][self.row_of(concept)])
        edit = check_edit(Edit(action, concept, value), self.concepts["id"].to_list())
        edits = [*self.edits, edit]
        if self.path is not None:
            from semascope.lexicon.folder import EDITS
            from semascope.lexicon.ledger import write_edits

            write_edits(self.path / EDITS, edits)
        self.edits = edits

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the lexicon as a folder; it appears whole or not at all."""
        from semascope.lexicon.folder import write_lexicon

        write_lexicon(self, Path(path), overwrite=overwrite)
        self.path = Path(path)

    def label(self, latent: int) -> str:
        """Return a concept's name, or its id and exemplar where it has no name."""
        row = self.base.row(latent, named=True)
        name = self.concepts["name"][latent]
        if name is not None:
            return str(name)
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

    def _best(self, most: int) -> pl.DataFrame:
        columns = ["id", "name", "trust", "trust_low", "trust_high", "trust_null", "prevalence"]
        table = self.concepts.filter(pl.col("trust").is_not_null())
        return table.sort("trust", "id", descending=[True, False]).select(columns).head(most)

    def __repr__(self) -> str:
        n, m = self.codes.shape
        named = int((self.base["status"] == "named").sum())
        fvu = self.info["metrics"].get("fvu", {}).get("value", float("nan"))
        head = f"Lexicon of {m} concepts ({named} named) on {n:,} items, held-out FVU {fvu:.3f}"
        lines = [
            f"  {row['id']:<6} {row['trust']:.2f} [{row['trust_low']:.2f}, {row['trust_high']:.2f}]"
            f"  {row['name']}"
            for row in self._best(8).iter_rows(named=True)
        ]
        return "\n".join([head, *lines])

    def _repr_html_(self) -> str:
        with pl.Config(tbl_rows=20, tbl_hide_dataframe_shape=True, fmt_str_lengths=80):
            table = self._best(20)._repr_html_()
        return f"<p>{self.__repr__().splitlines()[0]}</p>{table}"


def _texts_in(x: Any) -> list[str] | None:
    """Return a list of texts, if that is what was passed."""
    if isinstance(x, str):
        raise InputError("pass a list of texts, or a matrix of vectors, not one string")
    if isinstance(x, pl.Series) and x.dtype == pl.String:
        x = x.to_list()
    if isinstance(x, Sequence) and len(x) and all(isinstance(text, str) for text in x):
        return list(x)
    return None


def _silenced(codes: Codes, muted: npt.NDArray[np.bool_]) -> Codes:
    if not muted.any():
        return codes
    keep = ~muted[codes.indices]
    before = np.concatenate([[0], np.cumsum(keep, dtype=np.int64)])
    return Codes(before[codes.indptr], codes.indices[keep], codes.values[keep], codes.n_components)
