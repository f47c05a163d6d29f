"""A dictionary on disk: one file of safetensors, with its rule in the metadata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from semascope.core import ArtifactError, InputError, listed, load_tensors, save_tensors
from semascope.discover.coder import check_refine
from semascope.discover.index import Index

if TYPE_CHECKING:
    from semascope.discover.dictionary import Dictionary

_NAMES = {"encoder", "encoder_bias", "atoms", "bias"}


def write_dictionary(dictionary: Dictionary, path: Path) -> None:
    """Write a dictionary as safetensors.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from semascope.discover import Dictionary
    >>> from semascope.discover.dictionary_file import read_dictionary, write_dictionary
    >>> eye, zero = np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32)
    >>> write_dictionary(Dictionary(eye, zero, eye, zero, n_active=1), Path("d.safetensors"))
    >>> read_dictionary(Path("d.safetensors")).n_active
    1
    """
    tensors: dict[str, npt.NDArray[Any]] = {
        "encoder": dictionary.encoder,
        "encoder_bias": dictionary.encoder_bias,
        "atoms": dictionary.atoms,
        "bias": dictionary.bias,
    }
    metadata = {"kind": "dictionary", "form": dictionary.form, "refine": dictionary.refine}
    if dictionary.threshold is None:
        metadata["n_active"] = str(dictionary.n_active)
    else:
        tensors["threshold"] = dictionary.threshold
    if dictionary.index is not None:
        tensors |= dictionary.index.tensors()
        metadata |= dictionary.index.metadata()
    save_tensors(path, tensors, metadata)


def read_dictionary(path: Path) -> Dictionary:
    """Map a dictionary from a file that `write_dictionary` wrote.

    Raises
    ------
    ArtifactError
        If there is no such file, it holds something else, or something that no dictionary does.
    """
    from semascope.discover.dictionary import Dictionary

    tensors, metadata = load_tensors(path)
    if metadata.get("kind") != "dictionary":
        raise ArtifactError(f"{path} holds no dictionary")
    index = Index.restore(tensors, metadata)
    n_active = metadata.get("n_active")
    try:
        if set(tensors) - {"threshold"} != _NAMES:
            raise InputError(f"it holds {listed(sorted(tensors))}, not {listed(sorted(_NAMES))}")
        return Dictionary(
            **tensors,
            n_active=None if n_active is None else int(n_active),
            refine=check_refine(metadata.get("refine", "none")),
            index=index,
        )
    except ValueError as err:  # which InputError is
        raise ArtifactError(f"{path} is damaged: {err}; restore it from a copy") from err
