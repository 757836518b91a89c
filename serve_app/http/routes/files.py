"""GET /v1/files/{key}: objects of the local store, for whoever holds a signed URL. S3 serves its own."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import BinaryIO

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from serve_app.errors import NotFound, RangeNotSatisfiable
from serve_app.http.problems import problem_response
from serve_app.http.routes.common import bounded
from serve_app.storage import Stat, filename
from serve_app.storage.local import LocalStorage

CHUNK_BYTES = 256 * 1024

# one range only: several are answered with the whole file, which RFC 9110 allows and which costs no merging
_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.ASCII | re.IGNORECASE)

router = APIRouter(tags=["files"])


@router.get("/v1/files/{key:path}", response_class=Response, summary="Fetch a stored file by its signed URL")
async def read_file(request: Request, key: str, expires: str = "", signature: str = "") -> Response:
    """Answer with the file, one range of it, or 304. Raises BadSignature, Expired, NotFound."""
    storage = request.app.state.runtime.storage
    if not isinstance(storage, LocalStorage):
        raise NotFound("files are served by the object storage; use the URL in the job's output")
    now = time.time()
    ends = storage.verify(key, expires, signature, now)
    file, facts = await to_thread.run_sync(storage.open_file, key)
    headers = _headers(key, facts, int(ends - now))
    with ExitStack() as closing:
        closing.enter_context(file)
        if _is_known(request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(status_code=304, headers={k: headers[k] for k in ("ETag", "Cache-Control")})
        part = _part(request.headers, headers["ETag"], facts.bytes)
        if part is not None and not part:
            return _outside(request, facts.bytes)
        if part is not None:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{facts.bytes}"
        status, part = (200, range(facts.bytes)) if part is None else (206, part)
        headers["Content-Length"] = str(len(part))
        closing.pop_all()  # the body closes it
        return FileBody(file, part, status, headers)


class FileBody(StreamingResponse):
    """Streams a part of an open file in blocks and closes it, also when the client goes away."""

    def __init__(self, file: BinaryIO, part: range, status: int, headers: dict[str, str]) -> None:
        self._file, self._part = file, part
        super().__init__(self._blocks(), status_code=status, headers=headers)

    async def _blocks(self) -> AsyncIterator[bytes]:
        await to_thread.run_sync(self._file.seek, self._part.start)
        left = len(self._part)
        while left:
            block = await to_thread.run_sync(self._file.read, min(CHUNK_BYTES, left))
            if not block:
                raise EOFError("the file is shorter than it was when it was opened")
            left -= len(block)
            yield block

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer (ASGI)."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _headers(key: str, facts: Stat, seconds_left: int) -> dict[str, str]:
    return {
        "Content-Type": facts.media_type,
        "ETag": f'"{facts.sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": f"private, max-age={seconds_left}, immutable",
        "Content-Disposition": f'inline; filename="{filename(key, facts.media_type)}"',
        "X-Content-Type-Options": "nosniff",
    }


def _part(headers: Headers, etag: str, size: int) -> range | None:
    """The one range that is asked for (RFC 9110, section 14.2): None for the whole, empty if outside."""
    match = _RANGE.fullmatch(headers.get("range", ""))
    if match is None or headers.get("if-range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        return range(max(size - bounded(last), 0), size) if last else None
    if last and bounded(last) < bounded(first):
        return None  # not valid, and what is not valid is to be ignored
    return range(bounded(first), min(bounded(last) + 1, size) if last else size)


def _is_known(if_none_match: str, etag: str) -> bool:
    """Whether a list of entity tags holds ours, by weak comparison."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


def _outside(request: Request, size: int) -> Response:
    response = problem_response(RangeNotSatisfiable(f"the file has {size} bytes"), request.url.path)
    response.headers["Content-Range"] = f"bytes */{size}"
    return response
