"""The inference form of a learned dictionary: what is saved, loaded and run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from semascope.core import Codes, CodeStore, InputError, as_vectors
from semascope.discover.coder import Coder, Layout, Refine, check_refine
from semascope.discover.index import Index, make_index
from semascope.discover.lookup import Search, check_search
from semascope.discover.recipe import whole
from semascope.discover.weights import require_fit, weights
from semascope.vectors import Float32Array, VectorSource, as_source, blocks

Form = Literal["linear-topk", "linear-threshold"]
SHARD_ROWS = 131_072


# Compared by identity: comparing the arrays is no single truth value.
@dataclass(frozen=True, eq=False)
class Dictionary:
    """A linear encoder, a rule that keeps few latents, and unit-norm atoms that decode them.

    Pre-activations are ``x @ encoder.T + encoder_bias``; the rule keeps the `n_active` largest
    positive ones of each row, or those above `threshold`; a reconstruction is
    ``codes @ atoms + bias``. Centring and scaling of the training data are folded in, so everything
    is in the units of the vectors. The arrays cannot be written to; ``dataclasses.replace`` makes a
    changed dictionary.

    Parameters
    ----------
    encoder : ndarray of float32, shape (m, d)
    encoder_bias : ndarray of float32, shape (m,)
    atoms : ndarray of float32, shape (m, d)
    bias : ndarray of float32, shape (d,)
    n_active : int or None
        The rule ``linear-topk``.
    threshold : ndarray of float32, shape (m,), or None
        The rule ``linear-threshold``.
    refine : {"none", "refit", "pursuit"}, default "none"
        How codes are made better than the encoder's, on the same atoms and with as many of them:
        "refit" fits the activations of the chosen atoms anew (non-negative least squares);
        "pursuit" also chooses the atoms anew, in up to four rounds, each time those nearest to
        what is left, and four swaps of the weakest for better ones. Of 4,096 atoms with 32 active
        FVU fell from 0.24 to 0.21 and 0.13, or 0.12 if training knew of pursuit (MiniLM vectors).
    index : Index or None
        Where to look for the latents of a row, made by `indexed`. Searches are then not exact
        unless asked to be.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Dictionary
    >>> eye = np.eye(2, dtype=np.float32)
    >>> zero = np.zeros(2, dtype=np.float32)
    >>> dictionary = Dictionary(eye, zero, eye, zero, n_active=1)
    >>> dictionary.encode([[1.0, 3.0]]).to_scipy().toarray()
    array([[0., 3.]], dtype=float32)
    """

    encoder: Float32Array
    encoder_bias: Float32Array
    atoms: Float32Array
    bias: Float32Array
    n_active: int | None = None
    threshold: Float32Array | None = None
    refine: Refine = "none"
    index: Index | None = None

    def __post_init__(self) -> None:
        # What cannot be written to: what is laid out from it is kept between calls.
        for name, ndim in (("atoms", 2), ("encoder", 2), ("encoder_bias", 1), ("bias", 1)):
            object.__setattr__(self, name, weights(name, getattr(self, name), ndim))
        if (self.n_active is None) == (self.threshold is None):
            raise InputError("a dictionary needs either n_active or threshold")
        if self.threshold is not None:
            object.__setattr__(self, "threshold", weights("threshold", self.threshold, 1))
        else:
            object.__setattr__(self, "n_active", whole("n_active", self.n_active))
        check_refine(self.refine, ragged=self.threshold is not None)
        require_fit(self.atoms, self.encoder, self.encoder_bias, self.bias, self.threshold)

    def __repr__(self) -> str:
        rule = "by threshold" if self.n_active is None else f"{self.n_active} active"
        return f"Dictionary of {self.n_components:,} atoms (d={self.n_dimensions}), {rule}"

    @property
    def form(self) -> Form:
        """Name of the inference form."""
        return "linear-topk" if self.threshold is None else "linear-threshold"

    @property
    def n_components(self) -> int:
        """Number of atoms, `m`."""
        return len(self.atoms)

    @property
    def n_dimensions(self) -> int:
        """Length of the vectors, `d`."""
        return int(self.atoms.shape[1])

    def encode_blocks(
        self,
        x: Any,
        *,
        refine: Refine | None = None,
        search: Search = "auto",
        device: str = "cpu",
    ) -> Iterator[tuple[int, Codes]]:
        """Yield ``(first row, codes)`` block by block, in memory bounded by the block."""
        source, coder = self.source_of(x), self.coder(refine, search=search, device=device)
        for start, block in blocks(source, coder.rows):
            yield start, coder(block)

    def coder(
        self, refine: Refine | None = None, *, search: Search = "auto", device: str = "cpu"
    ) -> Coder:
        """Return what turns rows in memory (b, d) into their codes.

        The encoder is laid out for selection once and kept, so that many small calls are fast.
        """
        how = check_refine(refine or self.refine, ragged=self.n_active is None)
        if device not in self._layouts:
            self._layouts[device] = Layout(self, device)
        return self._layouts[device].coder(how, check_search(search, self.index, how))

    @cached_property
    def _layouts(self) -> dict[str, Layout]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        # What is laid out for this processor is made again where it is needed.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def indexed(
        self,
        rows: Any,
        *,
        recall: float = 0.95,
        clusters: int | None = None,
        renumber: bool = False,
        seed: int = 0,
    ) -> Dictionary:
        """Return this dictionary with an index over its latents, for very many of them.

        Encoding then looks into some clusters of latents instead of at all of them. It pays from
        some 100,000 latents on, and the more the more unevenly the latents fire. With an index
        nothing copies the encoder or the atoms: of a dictionary that is mapped from a file, memory
        holds the index, what a block needs, and pages of the file that the system can take back;
        they are given back after each block of 16,384 rows.

        Parameters
        ----------
        rows : vectors
            Like those that will be encoded, such as the training rows; at least 64.
        recall : float, default 0.95
            Share of the latents of exact search that should be found; ``index.recall`` tells what
            was reached on rows kept apart.
        clusters : int, optional
            By default ``8 sqrt(m)``.
        renumber : bool, default False
            Number the latents by cluster, so that a cluster is read from a mapped file in one
            piece; copies the dictionary. Do it before anything refers to latents by number.
        seed : int, default 0
            Same seed, same bytes.

        Raises
        ------
        InputError
            If the dictionary has thresholds in place of a number of active latents, or there are
            too few rows.

        Examples
        --------
        >>> import numpy as np
        >>> from semascope.discover import Dictionary
        >>> random = np.random.default_rng(0)
        >>> atoms = random.standard_normal((400, 8)).astype(np.float32)
        >>> plain = Dictionary(atoms, atoms[:, 0] * 0, atoms, atoms[0] * 0, n_active=4)
        >>> rows = random.standard_normal((500, 8))
        >>> large = plain.indexed(rows, recall=0.9)
        >>> large.index.recall > 0.8, large.index.cost < 1
        (True, True)
        >>> large.encode(rows[:1], search="exact").indices.tolist() == plain.encode(
        ...     rows[:1]
        ... ).indices.tolist()
        True
        """
        if self.n_active is None:
            raise InputError(
                "an index needs a number of active latents a row, and here thresholds decide; "
                "use top-k instead of batch top-k"
            )
        index = make_index(
            self.encoder,
            self.encoder_bias,
            self.source_of(rows),
            n_active=self.n_active,
            recall=recall,
            clusters=clusters,
            seed=seed,
        )
        if not renumber:
            return replace(self, index=index)
        order = index.clusters.members
        parts = replace(index.clusters, members=np.arange(len(order), dtype=np.int32))
        return replace(
            self,
            encoder=self.encoder[order],
            encoder_bias=self.encoder_bias[order],
            atoms=self.atoms[order],
            index=replace(index, clusters=parts),
        )

    def encode(
        self,
        x: Any,
        *,
        refine: Refine | None = None,
        search: Search = "auto",
        device: str = "cpu",
    ) -> Codes:
        """Return the codes of vectors (n, d), anything that `as_vectors` takes.

        Parameters
        ----------
        x : vectors
            Rows to encode.
        refine : {"none", "refit", "pursuit"}, optional
            Instead of the dictionary's own.
        search : {"auto", "exact", "clustered"}, default "auto"
            Whether all latents are looked at or those of some clusters. "auto" uses the index if
            there is one. Pursuit always looks at all atoms.
        device : {"cpu", "cuda", "auto"}, default "cpu"
            Where to encode; "auto" is a GPU if there is one.

        Raises
        ------
        InputError
            If the vectors have another length than the atoms, or there is no GPU.
        """
        parts = (
            codes for _, codes in self.encode_blocks(x, refine=refine, search=search, device=device)
        )
        return Codes.stack(parts, self.n_components)

    def encode_to(
        self,
        path: str | Path,
        x: Any,
        *,
        refine: Refine | None = None,
        search: Search = "auto",
        device: str = "cpu",
        shard_rows: int = SHARD_ROWS,
        resume: bool = False,
        overwrite: bool = False,
        progress: bool = False,
    ) -> CodeStore:
        """Write the codes of millions of rows into a folder, shard by shard.

        Memory is bounded by the block, whatever the number of rows. What is finished stays if the
        work is interrupted, killed, or the disc is full, and is gone on from with `resume`; the
        folder then ends with the same bytes as if nothing had happened.

        Parameters
        ----------
        path : str or Path
            Folder to write, by custom ``NAME.codes``.
        x : vectors
            Rows to encode: anything that `as_vectors` takes, a path to a mapped file, a store.
        refine : {"none", "refit", "pursuit"}, optional
            Instead of the dictionary's own.
        search : {"auto", "exact", "clustered"}, default "auto"
            As in `encode`.
        device : {"cpu", "cuda", "auto"}, default "cpu"
            As in `encode`.
        shard_rows : int, default 131072
            Rows in a shard, about a second's work and 34 MB at 32 active latents.
        resume : bool, default False
            Go on with what is there, after a look at whether it was begun with the same dictionary
            and whether its rows are still the same.
        overwrite : bool, default False
            Replace what is there.
        progress : bool, default False
            Draw a progress bar on standard error.

        Returns
        -------
        CodeStore
            The folder, opened.

        Raises
        ------
        ArtifactError
            If there is something at `path` and neither `resume` nor `overwrite` is set, if it was
            begun with other rows or another dictionary, or if another process is writing it.
        InputError
            If the vectors have another length than the atoms, or the folder cannot be written.

        Examples
        --------
        >>> import numpy as np
        >>> from semascope.discover import Dictionary
        >>> eye, zero = np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
        >>> dictionary = Dictionary(eye, zero, eye, zero, n_active=1)
        >>> dictionary.encode_to("two.codes", [[1.0, 3.0], [2.0, 1.0]]).shape
        (2, 2)
        """
        from semascope.discover.encode import VectorRows, encode_rows

        rows = VectorRows(self.source_of(x))
        return encode_rows(
            self,
            Path(path),
            rows,
            refine=refine,
            search=search,
            device=device,
            shard_rows=shard_rows,
            resume=resume,
            overwrite=overwrite,
            progress=progress,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all numbers, the rule and the index: equal for what encodes alike."""
        digest = hashlib.blake2b(f"{self.form} {self.n_active}".encode(), digest_size=16)
        for name in ("encoder", "encoder_bias", "atoms", "bias", "threshold"):
            array = getattr(self, name)
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
        if self.index is not None:
            digest.update(str(self.index.probes).encode())
            for array in self.index.tensors().values():
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def decode(self, codes: Any) -> Float32Array:
        """Return the reconstructions (n, d) of `Codes`, a sparse matrix or a dense array (n, m)."""
        matrix = codes.to_scipy() if isinstance(codes, Codes | CodeStore) else codes
        if not hasattr(matrix, "tocsr") and np.shape(matrix)[:1] != (0,):
            matrix = as_vectors(matrix)
        if matrix.shape[1] != self.n_components:
            raise InputError(
                f"codes have {matrix.shape[1]} latents, the dictionary has {self.n_components}"
            )
        return np.asarray(matrix @ self.atoms + self.bias, dtype=np.float32)

    def fvu(self, x: Any, mean: npt.NDArray[Any] | None = None) -> float:
        """Return the fraction of variance unexplained on vectors (n, d), streaming.

        Its variance is around `mean` (d,), by default the mean of `x`. If no row differs from that,
        as with one row and its own mean, that is an `InputError`.
        """
        from semascope.vectors import moments

        source = self.source_of(x)
        centre = moments(source)[0] if mean is None else mean
        error = total = 0.0
        for start, codes in self.encode_blocks(source):
            block = source.rows(start, start + len(codes)).astype(np.float64)
            error += float(np.square(block - self.decode(codes)).sum())
            total += float(np.square(block - centre).sum())
        if total == 0:
            raise InputError("FVU needs rows that differ: pass more rows, or mean=")
        return error / total

    def save(self, path: str | Path) -> None:
        """Write the dictionary as safetensors."""
        from semascope.discover.dictionary_file import write_dictionary

        write_dictionary(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Dictionary:
        """Map a dictionary from a file that `save` wrote."""
        from semascope.discover.dictionary_file import read_dictionary

        return read_dictionary(Path(path))

    def source_of(self, x: Any) -> VectorSource:
        """Return vectors as a `VectorSource`; raise `InputError` if their length is another."""
        source = as_source(x)
        if source.shape[1] != self.n_dimensions:
            raise InputError(
                f"vectors have {source.shape[1]} dimensions, the dictionary was learned on "
                f"{self.n_dimensions}; use the same encoder"
            )
        return source
