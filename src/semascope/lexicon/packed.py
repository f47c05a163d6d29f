"""Small arrays inside JSON: exact to the bit, and checked when they are read."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError

_KINDS = ("<f4", "<i8")


def pack(array: npt.NDArray[Any]) -> dict[str, Any]:
    """Return an array as plain data; floats become float32, whole numbers int64.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon.packed import pack, unpack
    >>> pack(np.array([1.5, 2.0]))["shape"]
    [2]
    >>> unpack(pack(np.array([1.5, 2.0])))
    array([1.5, 2. ], dtype=float32)
    """
    kind = "<f4" if array.dtype.kind == "f" else "<i8"
    data = np.ascontiguousarray(array, dtype=kind).tobytes()
    return {
        "dtype": kind,
        "shape": list(array.shape),
        "crc32": zlib.crc32(data),
        "base64": base64.b64encode(data).decode("ascii"),
    }


def unpack(plain: Any) -> npt.NDArray[Any]:
    """Return the array that `pack` was given, or raise `InputError` if it is damaged.

    Examples
    --------
    >>> from semascope.lexicon.packed import unpack
    >>> unpack({"dtype": "<f4"})
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: an array in it is damaged ('shape')
    """
    try:
        kind, shape = plain["dtype"], tuple(int(size) for size in plain["shape"])
        data = base64.b64decode(plain["base64"], validate=True)
        if kind not in _KINDS or min(shape, default=0) < 0:
            raise ValueError(f"{kind} of shape {shape}")
        if len(data) != np.dtype(kind).itemsize * math.prod(shape):
            raise ValueError(f"{len(data)} bytes do not fit the shape {shape}")
        if zlib.crc32(data) != plain["crc32"]:
            raise ValueError("its checksum is another")
    except (KeyError, TypeError, ValueError, binascii.Error) as err:
        raise InputError(f"an array in it is damaged ({err})") from err
    array = np.frombuffer(data, dtype=kind).reshape(shape).astype(kind[1:])
    if not np.isfinite(array).all():
        raise InputError("an array in it holds values that are not finite")
    return array
