"""What every request passes, whatever its route: request id, doors, bounds of its body, the last net for errors."""

import asyncio
import re
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app import logs
from serve_app.errors import ContinuoError, Malformed, NotFound, RequestTimeout, TooLarge
from serve_app.http.doors import Doors, is_host
from serve_app.http.problems import error_response
from serve_app.records.job_rows import new_id

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# A second line of these would be another request to whoever reads that one (RFC 9110, section 5.3).
_SINGLE = {
    name.lower().encode(): name
    for name in (
        "Authorization", "Content-Type", "Host", "Idempotency-Key", "If-Range", "Last-Event-ID", "Range",
    )
}  # fmt: skip
_SECRET_PATH = re.compile(r"(/v1/callbacks/).*")
DRAIN_BYTES = 64 << 20  # an over-long body is read this far, so that its sender hears the answer
PART_WITHIN_S = 10.0
SLOWEST_BYTES_PER_S = 1024  # on average, after the first PART_WITHIN_S


def loggable(path: str) -> str:
    """A path without what only its holder may know."""
    return _SECRET_PATH.sub(r"\1...", path)


def refuse_nul(scope: Scope) -> None:
    """No name here holds a NUL, and PostgreSQL stores none. Raises NotFound, Malformed."""
    if "\x00" in scope["path"]:
        raise NotFound
    if b"%00" in scope["query_string"]:
        raise Malformed("the query holds a NUL character")


def refuse_ambiguous(scope: Scope) -> None:
    """Each header that has one value stands there once, and in HTTP/1.1 Host does (RFC 9112, section 3.2).

    Raises Malformed that names the header.
    """
    single = [(name, value) for name, value in scope["headers"] if name in _SINGLE]
    found = dict(single)
    if len(found) < len(single):
        names = [name for name, _ in single]
        doubled = next(_SINGLE[name] for name in names if names.count(name) > 1)
        raise Malformed(f"the header {doubled} stands there twice; send one")
    host = found.get(b"host")
    if host is None and scope.get("http_version") == "1.1":
        raise Malformed("the header Host is missing; HTTP/1.1 asks for it")
    if host is not None and not is_host(host.decode("latin-1")):
        raise Malformed("the header Host is not a name or an address with or without a port")


class RequestEnvelope:
    """ASGI middleware, the outermost: gives each request an id, which every answer carries, and a line in the log."""

    def __init__(self, app: ASGIApp, tells_id: bool, closing: Callable[[], bool]) -> None:
        self.app, self.tells_id, self.closing = app, tells_id, closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _SANE_ID.fullmatch(given) else new_id("req")
        logs.request_id.set(request_id)
        started, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = MutableHeaders(scope=message)
                if self.tells_id:
                    told["X-Request-Id"] = request_id
                if self.closing():
                    told["Connection"] = "close"
            await send(message)

        await self.app(scope, receive, send_with_id)
        seconds = round(time.perf_counter() - started, 4)
        logs.log.debug(
            "request",
            extra={"method": scope["method"], "path": loggable(scope["path"]), "status": status, "seconds": seconds},
        )


class Guard:
    """ASGI middleware: refuses what no route should see, bounds bodies, turns stray exceptions into a problem."""

    def __init__(self, app: ASGIApp, doors: Doors, body_bytes: Callable[[Scope], int]) -> None:
        self.app, self.doors, self.body_bytes = app, doors, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answered = False

        async def noting(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            refuse_nul(scope)
            refuse_ambiguous(scope)
            self.doors.check(scope["method"], Headers(scope=scope))
            if scope["method"] in ("POST", "PUT", "PATCH"):
                receive = BoundedBody(receive, self.body_bytes(scope))
            if scope["method"] == "HEAD":
                await head_of(self.app, scope, receive, noting)
            else:
                await self.app(scope, receive, noting)
        except ContinuoError as error:
            await error_response(error, scope)(scope, receive, noting)
        except ClientDisconnect:
            pass  # nobody is left to be answered
        except Exception:  # noqa: BLE001  (the edge of the ingress)
            logs.log.error("request failed", exc_info=True, extra={"path": loggable(scope["path"])})
            if not answered:
                await error_response(ContinuoError(), scope)(scope, receive, noting)


class BoundedBody:
    """The body of a request, read by whoever needs it: bounded in bytes and in time.

    A route that looks at the key first never reads the body of a stranger.
    """

    def __init__(self, receive: Receive, most_bytes: int, now: Callable[[], float] = time.monotonic) -> None:
        self.receive, self.most_bytes, self.now = receive, most_bytes, now
        self.total, self.more = 0, True
        self.began = now()

    async def __call__(self) -> Message:
        """The next part. Raises TooLarge, and RequestTimeout when it does not come."""
        if not self.more:
            return await self.receive()  # tells that the client has gone, which may take as long as it likes
        message = await self._part()
        while self.total > self.most_bytes and self.more and self.total <= DRAIN_BYTES:
            await self._part()
        if self.total > self.most_bytes:
            raise TooLarge(f"the body is over {self.most_bytes} bytes")
        return message

    async def _part(self) -> Message:
        late_s = self.began + PART_WITHIN_S + self.total / SLOWEST_BYTES_PER_S - self.now()
        try:
            async with asyncio.timeout(min(PART_WITHIN_S, late_s)):
                message = await self.receive()
        except TimeoutError:
            raise RequestTimeout(f"the body came too slowly: {self.total} bytes so far") from None
        self.total += len(message.get("body", b""))
        self.more = message.get("more_body", False)
        return message


async def head_of(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer HEAD as GET is answered, without the body; the route ends where its body would begin."""
    started = asyncio.Event()

    async def send_start(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            started.set()

    async def serve() -> None:
        await app({**scope, "method": "GET"}, receive, send_start)

    route, heard = asyncio.create_task(serve()), asyncio.create_task(started.wait())
    try:
        await asyncio.wait({route, heard}, return_when=asyncio.FIRST_COMPLETED)
        if route.done() and not started.is_set():
            await route  # raises what it raised
    finally:
        for task in (route, heard):
            task.cancel()
        await asyncio.gather(route, heard, return_exceptions=True)
