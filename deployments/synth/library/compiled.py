"""What depends on the library's files alone, computed when the library is built and mapped into memory at a start.

Each part of the file carries a digest of everything that it was made of. Where that is not what lies there now, as
when somebody edits a preset in a checkout, the part is made anew. scripts/build_library.py writes the file.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from deployments.contract import LoadFailed
from deployments.weights.mapped import mapped

Arrays = Mapping[str, NDArray[Any]]
FILE = "compiled.safetensors"  # in the folder of the presets
_SOURCE = Path(__file__).parents[3] / "native" / "presets"  # a checkout
_INSTALLED = Path(__file__).parent / "files"  # a wheel: see native/CMakeLists.txt
_collecting: list[dict[str, tuple[str, Arrays]]] = []


def folder() -> Path:
    """Where the library lies: in the checkout, else beside this module."""
    return _SOURCE if _SOURCE.is_dir() else _INSTALLED


def digest(*content: bytes | str) -> str:
    """Names what a part is made of; contents that are put together differently have other digests."""
    found = hashlib.sha256()
    for each in content:
        data = each if isinstance(each, bytes) else each.encode()
        found.update(len(data).to_bytes(8, "little") + data)
    return found.hexdigest()[:32]


def compiled(part: str, made_of: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays of a part: the shipped ones where they were made of the same, else those that are made now."""
    if not _collecting:
        arrays, words = shipped()
        if json.loads(words.get("made_of", "{}")).get(part) == made_of:
            own = f"{part}."
            return {name.removeprefix(own): array for name, array in arrays.items() if name.startswith(own)}
    found = make()
    for parts in _collecting:
        parts[part] = (made_of, found)
    return found


@contextmanager
def compiling() -> Iterator[dict[str, tuple[str, Arrays]]]:
    """Nothing that is shipped is used; what is made instead is collected: part -> what it is made of, arrays."""
    parts: dict[str, tuple[str, Arrays]] = {}
    _collecting.append(parts)
    try:
        yield parts
    finally:
        _collecting.remove(parts)


def ship(parts: Mapping[str, tuple[str, Arrays]], path: Path) -> None:
    """Write the file."""
    arrays = {f"{part}.{name}": array for part, (_, each) in parts.items() for name, array in each.items()}
    write(arrays, {"made_of": json.dumps({part: made_of for part, (made_of, _) in sorted(parts.items())})}, path)


def write(arrays: Arrays, words: Mapping[str, str], path: Path) -> None:
    """Write a safetensors file; the same content gives the same bytes, if there is one word: the package mixes them."""
    from safetensors.numpy import save_file

    save_file(dict(sorted(arrays.items())), path, dict(words))
    path.chmod(0o644)  # the package keeps weights to their owner; these travel in wheels


@cache
def shipped(name: str = FILE) -> tuple[Arrays, Mapping[str, str]]:
    """The arrays of a file of the library and its words; nothing where there is no such file."""
    try:
        return mapped(folder() / name)
    except LoadFailed:
        return {}, {}


def joined(texts: Sequence[str]) -> str:
    """Texts as one, for `digest`."""
    return "\0".join(texts)
