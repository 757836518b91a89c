"""A hub of models on loopback that serves folders as repositories, and can lose connections, lie or refuse."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the hub serves and what was asked of it."""

    repositories: dict[str, Path] = field(default_factory=dict)
    url: str = ""
    commit: str = COMMIT
    cut_after: int | None = None  # every answer ends after so many bytes of a file
    cuts: int = 0  # how often that happened
    damage: str | None = None  # this file arrives with its last byte changed
    refuse: int | None = None  # every request is answered so
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # file, its Range header
    tokens: set[str | None] = field(default_factory=set)

    def siblings(self, folder: Path) -> list[dict[str, Any]]:
        """The listing of a repository: large files with sha256 (LFS), small ones with git's sha1."""
        found = []
        for file in sorted(item for item in folder.rglob("*") if item.is_file()):
            data = file.read_bytes()
            item = {"rfilename": file.relative_to(folder).as_posix(), "size": len(data)}
            item["blobId"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            if file.suffix in (".safetensors", ".bin"):
                item["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            found.append(item)
        return found


@contextmanager
def serving(**repositories: Path) -> Iterator[Hub]:
    """A hub with these repositories; `owner__name=folder` is owner/name."""
    hub = Hub({name.replace("__", "/"): folder for name, folder in repositories.items()})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

        def do_GET(self) -> None:
            hub.tokens.add(self.headers.get("Authorization"))
            path = unquote(urlsplit(self.path).path)
            if hub.refuse is not None:
                return self.answer(hub.refuse, b"{}")
            if path.startswith("/api/models/"):
                name, _, revision = path.removeprefix("/api/models/").partition("/revision/")
                if name not in hub.repositories or revision not in ("main", hub.commit):
                    return self.answer(404, b"{}")
                listing = {"sha": hub.commit, "siblings": hub.siblings(hub.repositories[name])}
                return self.answer(200, json.dumps(listing).encode())
            name, _, rest = path[1:].partition("/resolve/")
            return self.file(hub.repositories[name], rest.partition("/")[2])

        def file(self, folder: Path, name: str) -> None:
            data = (folder / name).read_bytes()
            wanted = self.headers.get("Range")
            hub.asked.append((name, wanted))
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            if name == hub.damage:
                data = data[:-1] + bytes([data[-1] ^ 1])
            self.answer(206 if wanted else 200, data[start:])

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if hub.cut_after is not None and len(body) > hub.cut_after and status in (200, 206) and hub.asked:
                hub.cuts += 1
                self.wfile.write(body[: hub.cut_after])
                self.close_connection = True
                return
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
