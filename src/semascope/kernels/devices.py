"""Where tensors live, and whether the Triton kernels take them."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.util import find_spec

import torch

from semascope.core import InputError, did_you_mean

VARIABLE = "SEMASCOPE_KERNELS"
DEVICES = ("cpu", "cuda", "auto")
_INTERPRET = "TRITON_INTERPRET"
# Rows and latents that the kernels number and hold in registers.
_LONGEST, _MOST = 16384, 1 << 21


def as_device(name: str) -> torch.device:
    """Return a device by name: "cpu", "cuda", "cuda:1", or "auto" for a GPU where there is one.

    Raises
    ------
    InputError
        If the name is not known, or a GPU is asked for and torch sees none.

    Examples
    --------
    >>> from semascope.kernels import as_device
    >>> as_device("cpu")
    device(type='cpu')
    """
    kind, _, number = str(name).partition(":")
    if kind not in DEVICES or (number and (kind != "cuda" or not number.isdigit())):
        raise InputError(
            f"device must be 'cpu', 'cuda' or 'auto', got {name!r}"
            f"{did_you_mean(str(name), DEVICES)}"
        )
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cpu" or (kind == "auto" and not count):
        return torch.device("cpu")
    if not count:
        raise InputError(
            f"device is {name!r}, but torch {torch.__version__} sees no GPU; install a CUDA build "
            "of torch and NVIDIA's driver, or use device='auto'"
        )
    if number and int(number) >= count:
        raise InputError(f"device is {name!r}, but there are {count} GPUs, numbered from 0")
    return torch.device("cuda", int(number or 0))


def has_triton() -> bool:
    """Tell whether the Triton kernels can run: on a GPU, or by Triton's interpreter.

    Examples
    --------
    >>> from semascope.kernels.devices import has_triton
    >>> isinstance(has_triton(), bool)
    True
    """
    return _installed() and (torch.cuda.is_available() or os.environ.get(_INTERPRET) == "1")


@lru_cache(maxsize=1)
def _installed() -> bool:
    return find_spec("triton") is not None


def on_triton(*tensors: torch.Tensor) -> bool:
    """Tell whether the Triton kernels take these tensors: float32, contiguous, on one GPU.

    With ``SEMASCOPE_KERNELS=triton`` and ``TRITON_INTERPRET=1`` they take tensors on the CPU: slow,
    and the way to test them without a GPU.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels.devices import on_triton
    >>> on_triton(torch.zeros(2, dtype=torch.float64))
    False
    """
    asked = os.environ.get(VARIABLE, "auto")
    device = tensors[0].device
    if device.type == "cuda":
        wanted = asked != "torch" and torch.version.hip is None
    else:
        wanted = asked == "triton" and device.type == "cpu" and os.environ.get(_INTERPRET) == "1"
    return (
        wanted
        and _installed()
        and all(t.dtype == torch.float32 and t.device == device for t in tensors)
        and all(t.is_contiguous() for t in tensors)
        and all(t.ndim != 2 or (t.shape[1] <= _LONGEST and len(t) <= _MOST) for t in tensors)
    )
