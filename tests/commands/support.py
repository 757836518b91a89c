"""`continuo ...` as a user types it, in this process."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from serve_app.commands.main import app


def run(*words: str, env: dict[str, str | None] | None = None) -> Result:
    """A command, run to its end; an exception that it lets out fails the test."""
    variables = {"COLUMNS": "200", "NO_COLOR": "1", **(env or {})}
    return CliRunner().invoke(app, list(words), catch_exceptions=False, env=variables)


def refused(*words: str, env: dict[str, str | None] | None = None) -> str:
    """What a command says that must end in one line of error."""
    shown = run(*words, env=env)
    assert (shown.exit_code, shown.stdout) == (1, ""), shown.output
    [line] = shown.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def printed(*words: str) -> Any:
    """The JSON that a command prints, which is all that it prints."""
    shown = run(*words)
    assert (shown.exit_code, shown.stderr) == (0, ""), shown.output
    return json.loads(shown.stdout)


Answer = Callable[[BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes]]


@contextmanager
def answering(answer: Answer) -> Any:
    """A server of the test's own on loopback; yields its URL and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = answer(self)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()
