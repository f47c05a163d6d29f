"""Arrays in safetensors files: written block by block, mapped when they are read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core.errors import ArtifactError
from semascope.core.files import write_atomic


def save_tensors(
    path: Path, tensors: dict[str, npt.NDArray[Any]], metadata: dict[str, str] | None = None
) -> None:
    """Write arrays as safetensors, atomically.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from semascope.core import load_tensors, save_tensors
    >>> save_tensors(Path("a.safetensors"), {"x": np.arange(3)}, {"kind": "demo"})
    >>> load_tensors(Path("a.safetensors"))
    ({'x': memmap([0, 1, 2])}, {'kind': 'demo'})
    """
    # The format is a length, a JSON header and the raw arrays; written here block by block, because
    # the library's writer first makes one copy of everything in memory.
    entries: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    offset = 0
    # Large items first keeps every array aligned to its own item size.
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    for name in order:
        array = tensors[name]
        entries[name] = {
            "dtype": _NAMES[array.dtype.newbyteorder("<").str.lstrip("<|")],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    header = json.dumps(entries, sort_keys=True).encode()
    header += b" " * (-len(header) % 8)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for name in order:
                flat = tensors[name].reshape(-1)
                for start in range(0, len(flat), _BLOCK):
                    block = flat[start : start + _BLOCK]
                    little = block.dtype.newbyteorder("<")
                    file.write(np.ascontiguousarray(block, dtype=little).data)

    write_atomic(path, write)


def load_tensors(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Map the arrays of a safetensors file into memory without reading them.

    Returns
    -------
    (dict of str to ndarray, dict of str to str)
        Read-only memory maps by name, and the metadata. Tensors of bfloat16, which NumPy has not,
        are read and become float32.

    Raises
    ------
    ArtifactError
        If the file is missing or is no whole safetensors file.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from semascope.core import load_tensors, save_tensors
    >>> save_tensors(Path("a.safetensors"), {"x": np.eye(2, dtype=np.float32)})
    >>> load_tensors(Path("a.safetensors"))[0]["x"].shape
    (2, 2)
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= size - 8:
                raise ValueError("its header is cut off")
            header = json.loads(file.read(length))
        if not isinstance(header, dict):
            raise ValueError("its header is no object")
    except (OSError, ValueError) as err:
        raise ArtifactError(f"cannot read {path}: {err}; it is missing or damaged") from err
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        try:
            start, end = entry["data_offsets"]
            kind, shape = entry["dtype"], tuple(entry["shape"])
            if start < 0 or end - start != math.prod(shape) * _item_size(kind):
                raise ValueError(f"{kind} of shape {shape} does not fit {end - start} bytes")
        except (KeyError, TypeError, ValueError) as err:
            raise ArtifactError(
                f"the header of {path} is damaged at tensor '{name}' ({err}); restore the file "
                "from a copy"
            ) from err
        if 8 + length + end > size:
            raise ArtifactError(f"{path} is truncated; restore it from a copy")
        tensors[name] = _mapped(path, kind, 8 + length + start, shape)
    return tensors, metadata


_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "i1", "U8": "u1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "BOOL": "?",
}  # fmt: skip


_NAMES = {np.dtype(code).str.lstrip("<|"): name for name, code in _DTYPES.items()}
_BLOCK = 1 << 22


def _item_size(kind: str) -> int:
    if kind != "BF16" and kind not in _DTYPES:
        raise ValueError(f"dtype {kind} is not supported")
    return 2 if kind == "BF16" else np.dtype(_DTYPES[kind]).itemsize


def _mapped(path: Path, kind: str, offset: int, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    dtype = np.dtype(_DTYPES["U16" if kind == "BF16" else kind])
    if 0 in shape:
        return np.zeros(shape, np.float32 if kind == "BF16" else dtype)
    mapped = np.memmap(path, dtype, mode="r", offset=offset, shape=shape)
    if kind == "BF16":
        # A bfloat16 is the upper half of a float32.
        return np.asarray(np.left_shift(mapped, 16, dtype=np.uint32)).view(np.float32)
    return mapped
