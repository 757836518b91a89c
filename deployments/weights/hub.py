"""Fetching a repository of the Hugging Face hub: file by file, each resumed where it stopped and verified by its hash.

huggingface_hub is not used for this because since its 2.x it throws a partial file away when the process ends. The
two calls that are needed are its public HTTP interface:
GET /api/models/{repository}/revision/{revision}?blobs=true and GET /{repository}/resolve/{commit}/{file}.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from deployments.contract import LoadFailed
from deployments.weights.checkpoint import RECORD, Checkpoint

if TYPE_CHECKING:
    import httpx

# (file, bytes so far, bytes in all)
Report = Callable[[str, int, int], None]
_KEPT = (".json", ".txt", ".model", ".safetensors", ".bin")
_CHUNK = 1 << 20
ATTEMPTS = 5


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository: its size and its hash, sha256 for large files (LFS), else git's sha1."""

    name: str
    size: int
    sha256: str | None
    blob_id: str


def pull(checkpoint: Checkpoint, report: Report = lambda _name, _done, _size: None) -> Path:
    """Fetch what is needed of a repository into its folder and note what was fetched; whole files stay as they are.

    HF_ENDPOINT names another hub, HF_TOKEN the caller. Raises LoadFailed that says what to do.
    """
    import httpx  # a tenth of a second of every start, for what most starts never do

    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    folder = checkpoint.folder
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        raise LoadFailed(f"HF_HUB_OFFLINE is set, so {checkpoint.repository} was not fetched from {endpoint}")
    try:
        with httpx.Client(headers=headers, timeout=30, follow_redirects=True) as http:
            commit, files = listing(http, endpoint, checkpoint)
            chosen = wanted(files, checkpoint)
            folder.mkdir(parents=True, exist_ok=True)
            for file in chosen:
                fetch_file(
                    http, f"{endpoint}/{checkpoint.repository}/resolve/{commit}/{file.name}", file, folder, report
                )
    except httpx.HTTPStatusError as error:
        raise LoadFailed(refusal(checkpoint, error.response)) from error
    except httpx.HTTPError as error:
        raise LoadFailed(f"{endpoint} could not be reached ({type(error).__name__}: {error})") from error
    except OSError as error:
        raise LoadFailed(f"{folder} cannot be written: {error}") from error
    note = {"repository": checkpoint.repository, "revision": commit, "files": {f.name: f.size for f in chosen}}
    temporary = folder / f"{RECORD}.{os.getpid()}"
    temporary.write_text(json.dumps(note, indent=1))
    temporary.replace(folder / RECORD)
    return folder


def listing(http: httpx.Client, endpoint: str, checkpoint: Checkpoint) -> tuple[str, list[RemoteFile]]:
    """The commit that the revision stands for, and every file of it."""
    url = f"{endpoint}/api/models/{checkpoint.repository}/revision/{checkpoint.revision}"
    answer = http.get(url, params={"blobs": "true"}).raise_for_status()
    try:
        told: dict[str, Any] = answer.json()
        files = [
            RemoteFile(item["rfilename"], item["size"], (item.get("lfs") or {}).get("sha256"), item["blobId"])
            for item in told["siblings"]
        ]
        return str(told["sha"]), files
    except (ValueError, KeyError, TypeError) as error:
        raise LoadFailed(f"{url} did not answer as a hub does ({type(error).__name__}: {error})") from error


def wanted(files: Iterable[RemoteFile], checkpoint: Checkpoint) -> list[RemoteFile]:
    """The files to fetch, small ones first: named ones, and of the folders concerned all but second copies of weights.

    A pickle is taken only where its folder has no safetensors file. Raises LoadFailed when a named file is not there.
    """
    files = list(files)
    folders = {*checkpoint.components, *(str(PurePosixPath(name).parent) for name in checkpoint.files)} - {"."}
    safe = {_parent(file.name) for file in files if file.name.endswith(".safetensors")}

    def kept(file: RemoteFile) -> bool:
        if file.name in checkpoint.files:
            return True
        ending = PurePosixPath(file.name).suffix
        second = (ending == ".bin" and _parent(file.name) in safe) or ".fp16." in file.name
        return _parent(file.name) in folders and ending in _KEPT and not second

    chosen = sorted((file for file in files if kept(file)), key=lambda file: file.size)
    absent = {*checkpoint.files} - {file.name for file in chosen}
    if absent:
        raise LoadFailed(f"{checkpoint.repository} at {checkpoint.revision} has no {', '.join(sorted(absent))}")
    outside = [file.name for file in chosen if not _safe(file.name)]
    if outside:
        raise LoadFailed(f"{checkpoint.repository} names a file outside its folder: {outside[0]}")
    return chosen


def _parent(name: str) -> str:
    parent = str(PurePosixPath(name).parent)
    return "" if parent == "." else parent


def _safe(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def fetch_file(http: httpx.Client, url: str, file: RemoteFile, folder: Path, report: Report) -> None:
    """Bring one file, from where an earlier try stopped; a damaged result is thrown away and brought once more.

    Raises LoadFailed, httpx.HTTPError, OSError.
    """
    target = folder / file.name
    if target.is_file() and target.stat().st_size == file.size and intact(target, file):
        report(file.name, file.size, file.size)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    for _ in range(2):
        _download(http, url, file, part, report)
        if intact(part, file):
            part.replace(target)
            return
        part.unlink()
    raise LoadFailed(
        f"{file.name} from {url} has another hash than the hub tells; the connection or the hub is damaged"
    )


def _download(http: httpx.Client, url: str, file: RemoteFile, part: Path, report: Report) -> None:
    """Append to the partial file until it has its size; a lost connection is taken up again up to ATTEMPTS times."""
    import httpx

    lost = 0
    while True:
        have = part.stat().st_size if part.is_file() else 0
        if have > file.size:
            part.unlink()
            have = 0
        if have == file.size and part.is_file():
            return
        try:
            _append(http, url, file, part, report)
        except httpx.TransportError:
            lost = 0 if part.is_file() and part.stat().st_size > have else lost + 1
            if lost >= ATTEMPTS:
                raise
            time.sleep(min(8.0, 0.25 * 2**lost))


def _append(http: httpx.Client, url: str, file: RemoteFile, part: Path, report: Report) -> None:
    import httpx

    have = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with http.stream("GET", url, headers={**headers, "Accept-Encoding": "identity"}) as answer:
        answer.raise_for_status()
        resumed = answer.status_code == 206
        with part.open("ab" if resumed else "wb") as opened:
            done = have if resumed else 0
            for chunk in answer.iter_raw():  # as it arrives: what came before a break is kept
                opened.write(chunk)
                done += len(chunk)
                report(file.name, done, file.size)
    if done < file.size:
        raise httpx.RemoteProtocolError(f"{file.name} ended after {done} of {file.size} bytes")


def intact(path: Path, file: RemoteFile) -> bool:
    """Whether the bytes are those that the hub tells of."""
    if file.sha256 is not None:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    with path.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest() == (file.sha256 or file.blob_id)


def refusal(checkpoint: Checkpoint, response: httpx.Response) -> str:
    """What a hub's refusal means and what to do about it."""
    name, code = checkpoint.repository, response.status_code
    if code in (401, 403):
        return (
            f"the hub refused {name} ({code}): accept its licence at {response.url.scheme}://{response.url.host}/{name}"
            " and set HF_TOKEN to a token that may read it"
        )
    if code == 404:
        return f"the hub has no {name} at revision {checkpoint.revision} (404)"
    return f"the hub answered {code} for {name}; try again later"
