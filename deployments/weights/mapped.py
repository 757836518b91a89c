"""Tensors as numpy views of a memory-mapped safetensors file: nothing is copied, pages are read when they are touched.

The safetensors package copies each tensor that it gives to numpy, and so holds a file twice while it is read.
"""

import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.contract import LoadFailed

_TYPES: Mapping[str, str] = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip


def mapped(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The tensors of a file by name, read-only, and the words that it carries beside them.

    The file stays mapped as long as one of the arrays lives. Raises LoadFailed for anything but a whole file.
    """
    try:
        with path.open("rb") as file:
            held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        start = 8 + int.from_bytes(held[:8], "little")
        header: dict[str, Any] = json.loads(held[8:start])
        words: dict[str, str] = header.pop("__metadata__", {})
        return {name: _view(held, start, item) for name, item in header.items()}, words
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise LoadFailed(f"{path} is no whole safetensors file ({type(error).__name__}: {str(error)[:80]})") from error


def _view(held: mmap.mmap, start: int, item: Mapping[str, Any]) -> NDArray[Any]:
    kind, shape = np.dtype(_TYPES[item["dtype"]]), item["shape"]
    begin, end = item["data_offsets"]
    if end - begin != kind.itemsize * int(np.prod(shape, dtype=np.int64)):
        raise ValueError(f"{shape} of {kind} in {end - begin} bytes")
    return np.frombuffer(held, kind, (end - begin) // kind.itemsize, start + begin).reshape(shape)
