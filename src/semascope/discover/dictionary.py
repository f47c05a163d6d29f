"""The inference form of a learned dictionary: what is saved, loaded and run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from semascope.core import (
    ArtifactError,
    Codes,
    CodeStore,
    InputError,
    did_you_mean,
    load_tensors,
    save_tensors,
)
from semascope.vectors import Float32Array, VectorSource, as_source, blocks

if TYPE_CHECKING:
    from torch import Tensor

    from semascope.kernels import LinearEncoder, SparseRows

Form = Literal["linear-topk", "linear-threshold"]
Refine = Literal["none", "refit", "pursuit"]
REFINEMENTS: tuple[Refine, ...] = ("none", "refit", "pursuit")

# Rows encoded at a time; fewer where torch's way writes their scores (rows x atoms) down.
BLOCK, _SCORE_BYTES = 4096, 64 << 20
SHARD_ROWS = 131_072


@dataclass(frozen=True)
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
        "pursuit" also chooses the atoms anew, in four rounds, each time those nearest to what is
        left. On 4,096 atoms with 32 active of MiniLM vectors the fraction of variance unexplained
        falls from 0.21 to 0.18 and 0.13.

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

    def __post_init__(self) -> None:
        for field in fields(self):
            array = getattr(self, field.name)
            if isinstance(array, np.ndarray):
                # A view that cannot be written: what is laid out from it is kept between calls.
                array = array.view()
                array.flags.writeable = False
                object.__setattr__(self, field.name, array)
        if (self.n_active is None) == (self.threshold is None):
            raise InputError("a dictionary needs either n_active or threshold")
        check_refine(self.refine, ragged=self.n_active is None)
        m, d = self.atoms.shape
        if self.encoder.shape != (m, d) or self.encoder_bias.shape != (m,) or len(self.bias) != d:
            raise InputError(
                f"the parts of the dictionary do not fit together: atoms {self.atoms.shape}, "
                f"encoder {self.encoder.shape}, encoder_bias {self.encoder_bias.shape}, "
                f"bias {self.bias.shape}"
            )

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

    def encode_blocks(self, x: Any, *, refine: Refine | None = None) -> Iterator[tuple[int, Codes]]:
        """Yield ``(first row, codes)`` block by block, in memory bounded by the block."""
        source, coder = self.source_of(x), self.coder(refine)
        for start, block in blocks(source, BLOCK):
            yield start, coder(block)

    def coder(self, refine: Refine | None = None) -> Callable[[Float32Array], Codes]:
        """Return what turns rows in memory (b, d) into their codes.

        The encoder is laid out for selection once and kept, so that many small calls are fast.
        """
        import torch

        from semascope.kernels import native

        select = self._selection(check_refine(refine or self.refine, ragged=self.n_active is None))
        size = BLOCK
        if native.compiled() is None:
            size = max(1, min(size, _SCORE_BYTES // (4 * self.n_components)))

        def code(rows: Float32Array) -> Codes:
            x, parts = torch.from_numpy(np.ascontiguousarray(rows)), []
            for start in range(0, len(x), size):
                part = x[start : start + size]
                parts.append(_codes(select(part), len(part), self.n_components))
            return Codes.stack(parts, self.n_components)

        return code

    def _selection(self, how: Refine) -> Callable[[Tensor], SparseRows]:
        from semascope.kernels import default_rounds, pursue, refit

        k = min(self.n_active or 0, self.n_components)
        if how == "pursuit":
            plain, offset = self._plain, self._decoder[1]
            return lambda part: pursue(plain, offset, part, k, default_rounds(k))
        encoder = self._encoder
        threshold = None if self.threshold is None else _tensor(self.threshold).clamp(min=0)

        def chosen(part: Tensor) -> SparseRows:
            if threshold is None:
                return encoder.topk(part, k, by_latent=True)
            return encoder.threshold(part, threshold)

        if how == "refit":
            atoms, bias = self._decoder
            return lambda part: refit(chosen(part), atoms, bias, part)
        return chosen

    @cached_property
    def _encoder(self) -> LinearEncoder:
        from semascope.kernels import LinearEncoder

        return LinearEncoder(_tensor(self.encoder), _tensor(self.encoder_bias))

    @cached_property
    def _decoder(self) -> tuple[Tensor, Tensor]:
        return _tensor(self.atoms), _tensor(self.bias)

    @cached_property
    def _plain(self) -> LinearEncoder:
        """The atoms as an encoder, which is what pursuit selects by."""
        import torch

        from semascope.kernels import LinearEncoder

        return LinearEncoder(self._decoder[0], torch.zeros(self.n_components))

    def __getstate__(self) -> dict[str, Any]:
        # What is laid out for this processor is made again where it is needed.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def encode(self, x: Any, *, refine: Refine | None = None) -> Codes:
        """Return the codes of vectors (n, d), anything that `as_vectors` takes.

        Parameters
        ----------
        x : vectors
            Rows to encode.
        refine : {"none", "refit", "pursuit"}, optional
            Instead of the dictionary's own.

        Raises
        ------
        InputError
            If the vectors have another length than the atoms.
        """
        parts = (codes for _, codes in self.encode_blocks(x, refine=refine))
        return Codes.stack(parts, self.n_components)

    def encode_to(
        self,
        path: str | Path,
        x: Any,
        *,
        refine: Refine | None = None,
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
            shard_rows=shard_rows,
            resume=resume,
            overwrite=overwrite,
            progress=progress,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all numbers and the rule: equal for dictionaries that encode alike."""
        digest = hashlib.blake2b(f"{self.form} {self.n_active}".encode(), digest_size=16)
        for name in ("encoder", "encoder_bias", "atoms", "bias", "threshold"):
            array = getattr(self, name)
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def decode(self, codes: Any) -> Float32Array:
        """Return the reconstructions (n, d) of `Codes`, a sparse matrix or a dense array (n, m)."""
        matrix = codes.to_scipy() if isinstance(codes, Codes | CodeStore) else codes
        if matrix.shape[1] != self.n_components:
            raise InputError(
                f"codes have {matrix.shape[1]} latents, the dictionary has {self.n_components}"
            )
        return np.asarray(matrix @ self.atoms + self.bias, dtype=np.float32)

    def fvu(self, x: Any, mean: npt.NDArray[Any] | None = None) -> float:
        """Return the fraction of variance unexplained on vectors (n, d), streaming.

        Parameters
        ----------
        x : vectors
            Rows to reconstruct.
        mean : ndarray of shape (d,), optional
            Centre of the variance; by default the mean of `x`.
        """
        from semascope.vectors import moments

        source = self.source_of(x)
        centre = moments(source)[0] if mean is None else mean
        error = total = 0.0
        for start, codes in self.encode_blocks(source):
            block = source.rows(start, start + len(codes)).astype(np.float64)
            error += float(np.square(block - self.decode(codes)).sum())
            total += float(np.square(block - centre).sum())
        return error / total if total > 0 else 0.0

    def save(self, path: str | Path) -> None:
        """Write the dictionary as safetensors."""
        tensors: dict[str, npt.NDArray[Any]] = {
            "encoder": self.encoder,
            "encoder_bias": self.encoder_bias,
            "atoms": self.atoms,
            "bias": self.bias,
        }
        metadata = {"kind": "dictionary", "form": self.form, "refine": self.refine}
        if self.threshold is None:
            metadata["n_active"] = str(self.n_active)
        else:
            tensors["threshold"] = self.threshold
        save_tensors(Path(path), tensors, metadata)

    @classmethod
    def load(cls, path: str | Path) -> Dictionary:
        """Map a dictionary from a file that `save` wrote."""
        tensors, metadata = load_tensors(Path(path))
        if metadata.get("kind") != "dictionary":
            raise ArtifactError(f"{path} holds no dictionary")
        n_active = metadata.get("n_active")
        return cls(
            **tensors,
            n_active=None if n_active is None else int(n_active),
            refine=check_refine(metadata.get("refine", "none")),
        )

    def source_of(self, x: Any) -> VectorSource:
        """Return vectors as a `VectorSource`; raise `InputError` if their length is another."""
        source = as_source(x)
        if source.shape[1] != self.n_dimensions:
            raise InputError(
                f"vectors have {source.shape[1]} dimensions, the dictionary was learned on "
                f"{self.n_dimensions}; use the same encoder"
            )
        return source


def check_refine(refine: str, *, ragged: bool = False) -> Refine:
    """Return the name of a refinement, or raise `InputError`.

    Parameters
    ----------
    refine : str
        What was asked for.
    ragged : bool
        Whether rows have different numbers of active latents, as with a threshold.

    Examples
    --------
    >>> from semascope.discover.dictionary import check_refine
    >>> check_refine("refit")
    'refit'
    """
    if ragged and refine == "pursuit":
        raise InputError(
            "pursuit needs a number of active latents a row, and here a threshold decides; "
            "use 'refit', or top-k instead of batch top-k"
        )
    for known in REFINEMENTS:
        if refine == known:
            return known
    raise InputError(
        f"refine must be one of {', '.join(REFINEMENTS)}, got '{refine}'"
        f"{did_you_mean(refine, REFINEMENTS)}"
    )


def _tensor(array: npt.NDArray[Any]) -> Any:
    import torch

    return torch.from_numpy(np.array(array))


def _codes(rows: Any, n: int, m: int) -> Codes:
    """Codes of a block whose pairs stand by latent; zeros are left out."""
    latents, values = rows.latents.numpy(), rows.values.numpy()
    indptr = np.append(rows.offsets.numpy(), len(latents))
    positive = values > 0
    if not positive.all():
        indptr = np.concatenate([[0], np.cumsum(positive)])[indptr]
        latents, values = latents[positive], values[positive]
    return Codes(indptr.astype(np.int64), latents.astype(np.int32), values, m)
