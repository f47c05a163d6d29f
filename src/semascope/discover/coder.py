"""From rows to codes: a dictionary's weights, laid out once for many calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from semascope.core import Codes, InputError, did_you_mean
from semascope.discover.index import Index
from semascope.discover.lookup import LOOKUP_ROWS, lookup
from semascope.vectors import Float32Array

if TYPE_CHECKING:
    from torch import Tensor

    from semascope.discover.dictionary import Dictionary
    from semascope.kernels import LinearEncoder, SparseRows

Refine = Literal["none", "refit", "pursuit"]
REFINEMENTS: tuple[Refine, ...] = ("none", "refit", "pursuit")

# Rows encoded at a time; fewer where torch's way writes their scores (rows x atoms) down.
BLOCK, _SCORE_BYTES = 4096, 64 << 20


@dataclass(frozen=True)
class Coder:
    """Turns rows in memory into their codes.

    Parameters
    ----------
    select : callable
        Maps a tensor of rows (b, d) to `SparseRows`, by latent.
    n_components : int
        Number of latents.
    rows : int
        How many rows are best passed together.
    most : int
        How many rows are selected at a time.
    device : str
        Where.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Dictionary
    >>> eye, zero = np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    >>> coder = Dictionary(eye, zero, eye, zero, n_active=1).coder()
    >>> coder(np.ones((3, 2), dtype=np.float32)).shape
    (3, 2)
    """

    select: Callable[[Tensor], SparseRows]
    n_components: int
    rows: int = BLOCK
    most: int = BLOCK
    device: str = "cpu"

    def __call__(self, rows: Float32Array) -> Codes:
        """Return the codes of rows (b, d)."""
        import torch

        x, parts = torch.from_numpy(np.ascontiguousarray(rows)), []
        for start in range(0, len(x), self.most):
            part = x[start : start + self.most]
            parts.append(_codes(self.select(part.to(self.device)), self.n_components))
        return Codes.stack(parts, self.n_components)


class Layout:
    """The weights of a dictionary as the kernels want them, each made when it is first needed.

    Parameters
    ----------
    dictionary : Dictionary
        Whose weights.
    device : str
        Where they go: "cpu", "cuda" or "auto".

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Dictionary
    >>> from semascope.discover.coder import Layout
    >>> eye, zero = np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    >>> coder = Layout(Dictionary(eye, zero, eye, zero, n_active=1)).coder("none", None)
    >>> coder(eye).to_scipy().toarray().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, dictionary: Dictionary, device: str = "cpu") -> None:
        from semascope.kernels import as_device

        self.dictionary, self.device = dictionary, as_device(device)

    def coder(self, refine: Refine, index: Index | None) -> Coder:
        """Return what finds codes and refines them, by an index or among all latents."""
        from semascope.kernels import native

        d = self.dictionary
        if index is not None:
            k = min(d.n_active or 0, d.n_components)
            fit_on = (d.atoms, d.bias) if refine == "refit" else None
            found = lookup(d.encoder, d.encoder_bias, index, k, fit_on)
            return Coder(found, d.n_components, LOOKUP_ROWS, LOOKUP_ROWS)
        most = BLOCK
        if native.compiled() is None or (refine == "pursuit" and self.device.type != "cpu"):
            most = max(1, min(most, _SCORE_BYTES // (4 * d.n_components)))
        return Coder(self._selection(refine), d.n_components, BLOCK, most, str(self.device))

    def _selection(self, refine: Refine) -> Callable[[Tensor], SparseRows]:
        from semascope.kernels import default_rounds, pursue, refit

        d = self.dictionary
        k = min(d.n_active or 0, d.n_components)
        if refine == "pursuit":
            plain, offset = self._plain, self._decoder[1]
            return lambda part: pursue(plain, offset, part, k, *default_rounds(k))
        encoder = self._encoder
        threshold = None if d.threshold is None else self._tensor(d.threshold).clamp(min=0)

        def chosen(part: Tensor) -> SparseRows:
            if threshold is None:
                return encoder.topk(part, k, by_latent=True)
            return encoder.threshold(part, threshold)

        if refine == "refit":
            atoms, bias = self._decoder
            return lambda part: refit(chosen(part), atoms, bias, part)
        return chosen

    @cached_property
    def _encoder(self) -> LinearEncoder:
        from semascope.kernels import LinearEncoder

        d = self.dictionary
        return LinearEncoder(self._tensor(d.encoder), self._tensor(d.encoder_bias))

    @cached_property
    def _decoder(self) -> tuple[Tensor, Tensor]:
        return self._tensor(self.dictionary.atoms), self._tensor(self.dictionary.bias)

    @cached_property
    def _plain(self) -> LinearEncoder:
        """The atoms as an encoder, which is what pursuit selects by."""
        from semascope.kernels import LinearEncoder

        atoms = self._decoder[0]
        return LinearEncoder(atoms, atoms.new_zeros(len(atoms)))

    def _tensor(self, array: npt.NDArray[Any]) -> Tensor:
        import torch

        return torch.from_numpy(np.array(array)).to(self.device)


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
    >>> from semascope.discover import check_refine
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
        f"{did_you_mean(str(refine), REFINEMENTS)}"
    )


def _codes(rows: SparseRows, m: int) -> Codes:
    """Codes of a block whose pairs stand by latent; zeros are left out."""
    latents, values = rows.latents.cpu().numpy(), rows.values.cpu().numpy()
    indptr = np.append(rows.offsets.cpu().numpy(), len(latents))
    positive = values > 0
    if not positive.all():
        indptr = np.concatenate([[0], np.cumsum(positive)])[indptr]
        latents, values = latents[positive], values[positive]
    return Codes(indptr.astype(np.int64), latents.astype(np.int32), values, m)
