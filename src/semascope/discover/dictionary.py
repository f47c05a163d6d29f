"""The inference form of a learned dictionary: what is saved, loaded and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from semascope.core import (
    ArtifactError,
    Codes,
    InputError,
    did_you_mean,
    load_tensors,
    save_tensors,
)
from semascope.vectors import Float32Array, VectorSource, as_source, blocks

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from semascope.kernels import SparseRows

Form = Literal["linear-topk", "linear-threshold"]
Refine = Literal["none", "refit", "pursuit"]
REFINEMENTS: tuple[Refine, ...] = ("none", "refit", "pursuit")

# Rounds of pursuit: each costs a product with all atoms, and the first few bring most.
_ROUNDS = 4

# Rows encoded at a time; fewer where torch's way writes their scores (rows x atoms) down.
_BLOCK, _SCORE_BYTES = 4096, 64 << 20


@dataclass(frozen=True)
class Dictionary:
    """A linear encoder, a rule that keeps few latents, and unit-norm atoms that decode them.

    Pre-activations are ``x @ encoder.T + encoder_bias``; the rule keeps the `n_active` largest
    positive ones of each row, or those above `threshold`; a reconstruction is
    ``codes @ atoms + bias``. Centring and scaling of the training data are folded in, so everything
    is in the units of the vectors.

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

    def encode_blocks(
        self, x: Any, *, refine: Refine | None = None, device: str = "cpu"
    ) -> Iterator[tuple[int, Codes]]:
        """Yield ``(first row, codes)`` block by block, in memory bounded by the block."""
        import torch

        from semascope.kernels import as_device, native

        source = self._source(x)
        how = check_refine(refine or self.refine, ragged=self.n_active is None)
        place = as_device(device)
        select, size = self._selection(how, place), _BLOCK
        if native.compiled() is None or (how == "pursuit" and place.type != "cpu"):
            size = max(1, min(size, _SCORE_BYTES // (4 * self.n_components)))
        for start, block in blocks(source, size):
            rows = select(torch.from_numpy(np.ascontiguousarray(block)).to(place))
            yield start, _codes(rows, len(block), self.n_components)

    def _selection(self, how: Refine, place: torch.device) -> Callable[[Tensor], SparseRows]:
        """Return what turns a block of rows into codes."""
        import torch

        from semascope.kernels import LinearEncoder, pursue, refit

        def tensor(array: npt.NDArray[Any]) -> Tensor:
            return torch.from_numpy(np.array(array)).to(place)

        k = min(self.n_active or 0, self.n_components)
        if how == "pursuit":
            plain = LinearEncoder(tensor(self.atoms), torch.zeros(self.n_components, device=place))
            offset = tensor(self.bias)
            return lambda part: pursue(plain, offset, part, k, min(k, _ROUNDS))
        encoder = LinearEncoder(tensor(self.encoder), tensor(self.encoder_bias))
        threshold = None if self.threshold is None else tensor(self.threshold).clamp(min=0)

        def chosen(part: Tensor) -> SparseRows:
            if threshold is None:
                return encoder.topk(part, k, by_latent=True)
            return encoder.threshold(part, threshold)

        if how == "refit":
            atoms, bias = tensor(self.atoms), tensor(self.bias)
            return lambda part: refit(chosen(part), atoms, bias, part)
        return chosen

    def encode(self, x: Any, *, refine: Refine | None = None, device: str = "cpu") -> Codes:
        """Return the codes of vectors (n, d), anything that `as_vectors` takes.

        Parameters
        ----------
        x : vectors
            Rows to encode.
        refine : {"none", "refit", "pursuit"}, optional
            Instead of the dictionary's own.
        device : {"cpu", "cuda", "auto"}, default "cpu"
            Where to encode; "auto" is a GPU if there is one.

        Raises
        ------
        InputError
            If the vectors have another length than the atoms, or there is no GPU.
        """
        parts = [codes for _, codes in self.encode_blocks(x, refine=refine, device=device)]
        lengths = np.concatenate([[0], *(np.diff(c.indptr) for c in parts)])
        return Codes(
            np.cumsum(lengths, dtype=np.int64),
            np.concatenate([c.indices for c in parts]),
            np.concatenate([c.values for c in parts]),
            self.n_components,
        )

    def decode(self, codes: Any) -> Float32Array:
        """Return the reconstructions (n, d) of `Codes`, a sparse matrix or a dense array (n, m)."""
        matrix = codes.to_scipy() if isinstance(codes, Codes) else codes
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

        source = self._source(x)
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

    def _source(self, x: Any) -> VectorSource:
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


def _codes(rows: Any, n: int, m: int) -> Codes:
    """Codes of a block whose pairs stand by latent; zeros are left out."""
    latents, values = rows.latents.cpu().numpy(), rows.values.cpu().numpy()
    indptr = np.append(rows.offsets.cpu().numpy(), len(latents))
    positive = values > 0
    if not positive.all():
        indptr = np.concatenate([[0], np.cumsum(positive)])[indptr]
        latents, values = latents[positive], values[positive]
    return Codes(indptr.astype(np.int64), latents.astype(np.int32), values, m)
