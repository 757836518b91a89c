"""What a model needs of a published repository, and whether a folder has all of it.

A repository lies in a folder of its own below MODELS_DIR, `MODELS_DIR/owner/name`, in the layout of the hub. A folder
that was filled by `pull` has a record of what was fetched; one that was filled by hand is judged by its files alone.
"""

import json
import os
from pathlib import Path
from typing import Any

from pydantic import Field

from deployments.contract import Frozen

RECORD = ".continuo.json"
_STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")


class Checkpoint(Frozen):
    """What is published: a repository of the hub at a revision, and the part of it that a model needs.

    `components` are folders with a configuration and weights ("" is the top folder); `files` are single files.
    """

    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = "main"
    components: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where it lies when it was pulled."""
        return models_dir() / self.repository


class WeightOptions(Frozen):
    """Where a model's weights come from; part of the options of every model that has any."""

    model_path: str | None = Field(
        default=None, description="A folder with the published files; no other is looked at."
    )
    repository: str | None = Field(default=None, pattern=r"^[\w.-]+/[\w.-]+$", description="Another one of the hub.")
    revision: str | None = Field(default=None, description="A commit, branch or tag of the repository.")
    download: bool = Field(default=True, description="Fetch what is missing when the model is loaded.")

    def of(self, published: Checkpoint) -> Checkpoint:
        """The published checkpoint with what these options change."""
        changes: dict[str, Any] = {}
        if self.repository is not None and self.repository != published.repository:
            changes = {"repository": self.repository, "revision": "main"}
        if self.revision is not None:
            changes["revision"] = self.revision
        return published.model_copy(update=changes)


def models_dir() -> Path:
    """The folder of all weights: MODELS_DIR, else `models` in CONTINUO_HOME (~/.continuo)."""
    home = os.environ.get("CONTINUO_HOME") or "~/.continuo"
    return Path(os.environ.get("MODELS_DIR") or f"{home}/models").expanduser()


def record(folder: Path) -> dict[str, Any]:
    """What `pull` noted when it had fetched everything; empty when it has not."""
    try:
        noted: dict[str, Any] = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return noted


def told(lacks: list[str]) -> str:
    """What is missing, in few words."""
    more = f" and {len(lacks) - 3} more" if len(lacks) > 3 else ""
    return ", ".join(lacks[:3]) + more


def missing(folder: Path, checkpoint: Checkpoint) -> list[str]:
    """Everything that the folder lacks of the checkpoint, each in a few words; empty when it is whole."""
    if not folder.is_dir():
        return ["there is no such folder"]
    lacks = [f"{name} is missing" for name in checkpoint.files if not (folder / name).is_file()]
    lacks += [f"{part}.part is half a download" for part in partial(folder)]
    for component in checkpoint.components:
        place = folder / component
        if not (place / "config.json").is_file():
            lacks.append(f"{_shown(component, 'config.json')} is missing")
        weights = weight_files(place)
        if not weights:
            lacks.append(f"{_shown(component, 'weights')} are missing")
        lacks += [f"{_shown(component, file.name)} {why}" for file in weights if (why := damage(file))]
    lacks += [f"{name} {why}" for name in checkpoint.files if (why := damage(folder / name))]
    sizes = record(folder).get("files", {})
    for name, size in sizes.items():
        if (folder / name).is_file() and (folder / name).stat().st_size != size:
            lacks.append(f"{name} has another size than the published file")
    return list(dict.fromkeys(lacks))


def partial(folder: Path) -> list[str]:
    """Names of the files that a download was interrupted at."""
    return sorted(str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.part"))


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a component's weights: safetensors where there are any, in shards if an index says so."""
    for ending in (".safetensors", ".bin"):
        for stem in _STEMS:
            index = folder / f"{stem}{ending}.index.json"
            if index.is_file():
                names = json.loads(index.read_text())["weight_map"].values()
                return [folder / name for name in dict.fromkeys(names)]
            if (folder / f"{stem}{ending}").is_file():
                return [folder / f"{stem}{ending}"]
    return []


def damage(file: Path) -> str | None:
    """Why a weight file cannot be whole, without reading its tensors; None when nothing speaks against it."""
    if not file.is_file():
        return "is missing"
    if file.suffix != ".safetensors":
        return "is empty" if file.stat().st_size == 0 else None
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 0 < length <= size - 8:
            return f"is cut off or no safetensors file ({size} bytes)"
        try:
            header = json.loads(opened.read(length))
            end = max((item["data_offsets"][1] for name, item in header.items() if name != "__metadata__"), default=0)
        except (ValueError, TypeError, KeyError, IndexError):
            return "has a header that is no safetensors header"
    whole = 8 + length + end
    return None if size == whole else f"has {size} bytes of {whole}"


def _shown(component: str, name: str) -> str:
    return f"{component}/{name}" if component else name
