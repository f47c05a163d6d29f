"""The compiled kernels, if this installation has them and nobody asked for others."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import torch

from semascope.core import InputError, did_you_mean, listed
from semascope.kernels.devices import VARIABLE as VARIABLE
from semascope.kernels.devices import has_triton


@lru_cache(maxsize=1)
def compiled() -> Any:
    """Return the compiled module, set to the best instruction set, or None.

    The environment variable ``SEMASCOPE_KERNELS`` chooses another instruction set by name, or
    ``torch`` for none. ``triton`` names the kernels for tensors on a GPU, which such tensors get
    unless ``torch`` is asked for; on the CPU it stands for Triton's interpreter.

    Raises
    ------
    InputError
        If it names what this installation or processor does not have.

    Examples
    --------
    >>> from semascope.kernels import native
    >>> native.chosen() in native.choices()
    True
    """
    asked = os.environ.get(VARIABLE, "auto")
    try:
        from semascope.kernels import _core  # type: ignore[attr-defined]
    except ImportError:
        _core = None
    allowed = ["auto", *choices()]
    if asked not in allowed:
        raise InputError(
            f"{VARIABLE} is '{asked}'; here it may be {listed(allowed)}"
            f"{did_you_mean(asked, allowed)}"
        )
    if _core is None or asked in ("torch", "triton"):
        return None
    _core.use(_core.available()[0] if asked == "auto" else asked)
    return _core


def chosen() -> str:
    """Return the name of the kernels in use on the CPU: an instruction set, or ``torch``.

    Examples
    --------
    >>> from semascope.kernels import native
    >>> isinstance(native.chosen(), str)
    True
    """
    core = compiled()
    if core is None:
        return "triton" if os.environ.get(VARIABLE) == "triton" else "torch"
    return str(core.current())


def choices() -> list[str]:
    """Return the names of all kernels that this installation and processor have, best first.

    Examples
    --------
    >>> from semascope.kernels import native
    >>> native.choices()[-1]
    'torch'
    """
    try:
        from semascope.kernels import _core  # type: ignore[attr-defined]

        found = list(_core.available())
    except ImportError:
        found = []
    return [*found, *(["triton"] if has_triton() else []), "torch"]


def plain(*tensors: torch.Tensor) -> tuple[Any, ...]:
    """Return tensors as NumPy arrays over the same memory.

    A tensor's own exchange protocol runs Python code inside the call, where an interrupt by the
    user would be lost.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import native
    >>> native.plain(torch.zeros(2))
    (array([0., 0.], dtype=float32),)
    """
    return tuple(t.detach().numpy() for t in tensors)


def serves(*tensors: torch.Tensor) -> bool:
    """Tell whether the compiled kernels take these tensors: float32, on the CPU, contiguous.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import native
    >>> native.serves(torch.zeros(2, dtype=torch.float64))
    False
    """
    return compiled() is not None and all(
        t.dtype == torch.float32 and t.device.type == "cpu" and t.is_contiguous() for t in tensors
    )
