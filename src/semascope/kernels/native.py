"""The compiled kernels, if this installation has them and nobody asked for others."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import torch

from semascope.core import InputError, did_you_mean, listed

VARIABLE = "SEMASCOPE_KERNELS"


@lru_cache(maxsize=1)
def compiled() -> Any:
    """Return the compiled module, set to the best instruction set, or None.

    The environment variable ``SEMASCOPE_KERNELS`` chooses another instruction set by name, or
    ``torch`` for none.

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
    allowed = ["auto", "torch", *(_core.available() if _core else [])]
    if asked not in allowed:
        raise InputError(
            f"{VARIABLE} is '{asked}'; here it may be {listed(allowed)}"
            f"{did_you_mean(asked, allowed)}"
        )
    if _core is None or asked == "torch":
        return None
    _core.use(_core.available()[0] if asked == "auto" else asked)
    return _core


def chosen() -> str:
    """Return the name of the kernels in use: an instruction set, or ``torch``.

    Examples
    --------
    >>> from semascope.kernels import native
    >>> isinstance(native.chosen(), str)
    True
    """
    core = compiled()
    return "torch" if core is None else str(core.current())


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
    except ImportError:
        return ["torch"]
    return [*_core.available(), "torch"]


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
