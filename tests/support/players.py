"""Players as they are: a browser that a page of ours drives, and programs that write what they play to a pipe."""

import asyncio
import os
import shutil
import signal
import tempfile
from asyncio import Queue, StreamReader
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from serve_app.http.listener import Listener
from tests.support.debian import lesser_user
from tests.support.service import HANGS_S, Json

_PAGE = Path(__file__).with_name("players.html")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip


class Page:
    """The test's server: what the page in the browser asks for, and what it reports."""

    def __init__(self) -> None:
        self.url = ""
        self._cases: Queue[Json | None] = Queue()
        self._reports: list[Queue[tuple[Json, asyncio.Event]]] = []

    async def play(self, kind: str, url: str, body: Json | None = None) -> "Playing":
        """Have a sound played: by an `element` <audio>, or `scheduled` for Web Audio from the answer of a fetch."""
        self._reports.append(Queue())
        number = len(self._reports) - 1
        await self._cases.put({"number": number, "kind": kind, "url": url, "body": body})
        return Playing(self._reports[number])

    async def end(self) -> None:
        """No more cases come."""
        await self._cases.put(None)

    def routes(self) -> FastAPI:
        """The application."""
        app = FastAPI()

        @app.get("/")
        async def page() -> HTMLResponse:
            return HTMLResponse(_PAGE.read_text())

        @app.get("/next")
        async def next_case() -> Json | None:
            return await self._cases.get()

        @app.post("/reports/{number}", status_code=204)
        async def take(number: int, request: Request) -> None:
            seen = asyncio.Event()
            await self._reports[number].put((await request.json(), seen))
            await seen.wait()

        return app


class Playing:
    """One sound that the page plays."""

    def __init__(self, reports: Queue[tuple[Json, asyncio.Event]]) -> None:
        self._reports = reports

    @asynccontextmanager
    async def report(self) -> AsyncIterator[Json]:
        """What the page says next; it goes on at the end of the block."""
        found, seen = await asyncio.wait_for(self._reports.get(), HANGS_S)
        assert "error" not in found, found["error"]
        try:
            yield found
        finally:
            seen.set()


@asynccontextmanager
async def browsing(chromium: Path) -> AsyncIterator[Page]:
    """A browser that waits for what it shall play."""
    page = Page()
    listener = Listener(page.routes(), "127.0.0.1", 0)
    page.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    await listener.start()
    home = Path(tempfile.mkdtemp(prefix="browser-"))
    try:
        async with program(chromium, *_FLAGS, f"--user-data-dir={home}", page.url, environment={"HOME": str(home)}):
            yield page
    finally:
        await page.end()
        await listener.stop()
        shutil.rmtree(home, ignore_errors=True)


@asynccontextmanager
async def program(
    *command: Path | str, environment: Mapping[str, str] | None = None, lesser: bool = False
) -> AsyncIterator[StreamReader]:
    """What a program writes; it is ended with all that it started. `lesser`: not as root."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=PIPE,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
        **(lesser_user() if lesser else {}),
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
