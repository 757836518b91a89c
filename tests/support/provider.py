"""Something elsewhere that makes songs and is paid for each submit: a real HTTP server with the faults of real ones."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import soundfile as sf

from tests.support.service import HANGS_S


class Provider:
    """Songs are done at the second look, `held` ones later. `tells`: it knows tokens; `busy`: so often it says 429 to a
    submit; `loses`: so many answers to submits are lost; `failing`: so many other requests meet 503.
    """

    def __init__(self) -> None:
        self.url = ""
        self.tells, self.busy, self.loses, self.failing = True, 0, 0, 0
        self.held = False
        self.submits: list[Any] = []  # each of them is paid
        self.looks = 0
        song = BytesIO()
        sf.write(song, 0.1 * np.random.default_rng(1).standard_normal((44_100, 2)), 44_100, format="OGG")
        self.song = song.getvalue()

    def submit(self, asked: Any) -> tuple[int, Any]:
        if self.busy:
            self.busy -= 1
            return 429, {}
        self.submits.append(asked)
        if self.loses:
            self.loses -= 1
            raise ConnectionAbortedError
        return 200, {"id": len(self.submits)}

    def look(self, path: str) -> tuple[int, Any]:
        """The answer to a GET."""
        if self.failing:
            self.failing -= 1
            return 503, {}
        url = urlsplit(path)
        if url.path == "/file":
            return 200, self.song
        if url.path == "/songs":
            [token] = parse_qs(url.query)["token"]
            found = [{"id": n} for n, item in enumerate(self.submits, 1) if item.get("token") == token]
            return (200, {"songs": found}) if self.tells else (404, {})
        self.looks += 1
        return 200, {"status": "done" if self.looks > 1 and not self.held else "queued", "file": "/file"}


@contextmanager
def provider() -> Iterator[Provider]:
    """Start one."""
    made = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            try:
                self.answer(*made.submit(body))
            except ConnectionAbortedError:
                self.close_connection = True

        def do_GET(self) -> None:
            self.answer(*made.look(self.path))

        def answer(self, status: int, body: Any) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "audio/ogg" if data is body else "application/json")
            self.send_header("content-length", str(len(data)))
            self.send_header("retry-after", "0")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(HANGS_S)
