"""What every request passes, whatever its route: request id, body limit, content type, the last net for errors."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app import logs
from serve_app.errors import ContinuoError, Malformed, NotFound, TooLarge, UnsupportedMediaType, problem
from serve_app.records import new_id

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
DRAIN_BYTES = 64 << 20  # an over-long body is read this far, so that its sender hears the answer


class ProblemResponse(JSONResponse):
    """RFC 9457. In ASCII, because a problem may quote names that no UTF-8 can hold (half of a surrogate pair)."""

    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, separators=(",", ":")).encode()


def refuse_nul(scope: Scope) -> None:
    """No name here holds a NUL, and PostgreSQL stores none. Raises NotFound, Malformed."""
    if "\x00" in scope["path"]:
        raise NotFound
    if b"%00" in scope["query_string"]:
        raise Malformed("the query holds a NUL character")


def problem_response(error: ContinuoError, path: str, **more: Any) -> JSONResponse:
    """An error as application/problem+json."""
    body = problem(error, instance=path, request_id=logs.request_id.get()) | more
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    elif error.status in (429, 503):
        headers["Retry-After"] = "5"
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return ProblemResponse(body, error.status, headers)


class RequestEnvelope:
    """ASGI middleware: gives the request an id, bounds and types its body, turns stray exceptions into a problem."""

    def __init__(
        self, app: ASGIApp, body_bytes: Callable[[], int], tells_id: bool, closing: Callable[[], bool]
    ) -> None:
        self.app, self.body_bytes, self.tells_id, self.closing = app, body_bytes, tells_id, closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _SANE_ID.fullmatch(given) else new_id("req")
        logs.request_id.set(request_id)
        started, status = time.perf_counter(), [0]

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                told = MutableHeaders(scope=message)
                if self.tells_id:
                    told["X-Request-Id"] = request_id
                if self.closing():
                    told["Connection"] = "close"
            await send(message)

        try:
            refuse_nul(scope)
            body = await self._body(scope, headers, receive)
            await self.app(scope, body, send_with_id)
        except ContinuoError as error:
            await problem_response(error, scope["path"])(scope, receive, send_with_id)
        except Exception:  # noqa: BLE001  (the edge of the ingress)
            logs.log.error("request failed", exc_info=True, extra={"path": scope["path"]})
            if not status[0]:
                await problem_response(ContinuoError(), scope["path"])(scope, receive, send_with_id)
        seconds = round(time.perf_counter() - started, 4)
        logs.log.debug(
            "request",
            extra={"method": scope["method"], "path": scope["path"], "status": status[0], "seconds": seconds},
        )

    async def _body(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """The body read whole (it is small), or the error of one that is too long or not JSON."""
        length = headers.get("content-length", "")
        if scope["method"] not in ("POST", "PUT", "PATCH") or length == "0":
            return receive
        body_bytes = self.body_bytes()
        chunks: list[bytes] = []
        total, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return receive
            total += len(message.get("body", b""))
            more = message.get("more_body", False)
            if total <= body_bytes:
                chunks.append(message.get("body", b""))
            elif total > DRAIN_BYTES:
                break
        if total > body_bytes:
            raise TooLarge(f"the body is over {body_bytes} bytes")
        if total and headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType("send the body as 'Content-Type: application/json'")
        if headers.get("content-encoding", "identity") != "identity":
            raise UnsupportedMediaType("compressed request bodies are not read")
        pending: list[Message] = [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        return replay
