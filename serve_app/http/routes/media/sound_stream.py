"""Sound as it is made: the answers of `stream: true`, and of those who come to listen later."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from anyio import to_thread
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from serve_app.deliver.formats import STREAM_TYPES
from serve_app.errors import Invalid, NotFound, StorageUnavailable
from serve_app.http.open_streams import OpenStreams
from serve_app.http.routes.common import (
    Terms,
    asked_by,
    base_url,
    job_response,
    preference,
    runtime_of,
)
from serve_app.jobs.live import Broken, Live
from serve_app.jobs.plan import Plan
from serve_app.logs import cut_off, log
from serve_app.records.api_keys import Principal
from serve_app.records.rows import JobRow
from serve_app.records.states import FINISHED
from serve_app.storage.reading import Reader

SOUND: dict[str, Any] = {"content": {media_type: {} for media_type in sorted(set(STREAM_TYPES.values()))}}
_PIECE_BYTES = 64 << 10
_LONGEST_S = 7 * 24 * 3600.0  # above any deadline, which ends the job


Sound = AsyncIterator[bytes]
Present = Callable[[Sound, Mapping[str, str], AsyncExitStack], Response]  # bytes, headers, what to close afterwards


async def streamed(
    request: Request, principal: Principal, terms: Terms, plan: Plan, present: Present | None = None
) -> Response:
    """Accept a streamed job and answer with its bytes; a caller who goes away cancels it.

    Errors are ordinary answers until the first byte is there. `present` makes something else of the bytes.
    """
    if preference(request.headers.getlist("prefer"), 1).applied.startswith("respond-async"):
        text = "a sound that is streamed is the answer itself; leave out `Prefer: respond-async`, or `stream`"
        raise Invalid(text, [{"pointer": "/stream", "detail": text}])
    runtime = runtime_of(request)
    asked = await asked_by(request, principal, terms, cancel_with_caller=True)
    async with AsyncExitStack() as closing:
        closing.callback(_counted(request, principal.owner))  # before there is a job that nobody would hear
        accepted = await runtime.jobs.submit(asked, plan)
        response = await _listen(request, accepted.row, present or SoundStream, closing)
    if accepted.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


async def listen(request: Request, row: JobRow) -> Response:
    """The bytes of a job from their start: as they are made if it runs here, else those of its object when it is there.

    A job that ends before its first byte is answered with its error.
    """
    async with AsyncExitStack() as closing:
        closing.callback(_counted(request, row.owner))
        return await _listen(request, row, SoundStream, closing)


def _counted(request: Request, owner: str) -> Callable[[], None]:
    """One more answer of the owner's that lasts; returns what ends it. Raises Overloaded."""
    streams: OpenStreams = request.app.state.sound_streams
    return streams.enter(owner, runtime_of(request).jobs.limits.sound_streams_per_owner)


async def _listen(request: Request, row: JobRow, present: Present, closing: AsyncExitStack) -> Response:
    """`listen`, presented; what `closing` holds ends with the answer."""
    runtime = runtime_of(request)
    live = None if row.status in FINISHED else runtime.jobs.live(row.id)
    if live is not None:
        sound = await _begun(request, live, closing)
        if sound is not None:
            headers = _headers(row, base_url(request), live.source.head or {})
            return present(sound, headers, closing.pop_all())
    row = await runtime.jobs.wait(row, _LONGEST_S)
    if row.status != "succeeded":
        return await job_response(request, row, waited=True, replayed=False)
    output = row.outputs[0]
    reader = await to_thread.run_sync(runtime.storage.open, output["key"], output["sha256"])
    closing.enter_context(reader)
    headers = {**_headers(row, base_url(request), output), "Content-Length": str(reader.size)}
    return present(_pieces(reader), headers, closing.pop_all())


async def _pieces(reader: Reader) -> Sound:
    """What is stored, as fast as it is taken. Raises Broken where the store breaks off."""
    try:
        while data := await to_thread.run_sync(reader.read):
            for start in range(0, len(data), _PIECE_BYTES):
                yield data[start : start + _PIECE_BYTES]
    except (NotFound, StorageUnavailable) as error:
        log.warning("a stored sound cannot be read to its end", extra={"detail": error.detail})
        raise Broken from error


async def _begun(request: Request, live: Live, closing: AsyncExitStack) -> Sound | None:
    """The bytes once the first of them are there; None when the job ends without any. Raises ClientDisconnect."""
    listener = closing.enter_context(live.listening())
    chunks = live.chunks(listener)
    closing.push_async_callback(chunks.aclose)  # type: ignore[attr-defined]
    first = asyncio.ensure_future(anext(chunks, None))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({first, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            raise ClientDisconnect
        data = first.result()
    except Broken:
        return None
    finally:
        for task in (first, gone):
            task.cancel()
        await asyncio.gather(first, gone, return_exceptions=True)
    return None if data is None else _continued(data, chunks)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _continued(first: bytes, others: Sound) -> Sound:
    yield first
    async for data in others:
        yield data


class SoundStream(StreamingResponse):
    """Bytes as they come. Where they break off the transfer does: without its last chunk, which a client notices."""

    def __init__(self, sound: Sound, headers: Mapping[str, str], closing: AsyncExitStack) -> None:
        super().__init__(sound, headers=headers)
        self._closing = closing
        self._broke_off = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer (ASGI)."""
        async with self._closing:
            await super().__call__(scope, receive, send)
        cut_off.set(self._broke_off)

    async def stream_response(self, send: Send) -> None:
        """The bytes, and their end if they have one."""
        try:
            await super().stream_response(send)
        except Broken:
            self._broke_off = True
            log.info("a streamed sound broke off", extra={"path": self.headers["location"]})


def _headers(row: JobRow, base: str, head: Mapping[str, Any]) -> dict[str, str]:
    media_type = head["media_type"]
    if media_type == "audio/pcm":
        media_type += f";rate={head['sample_rate_hz']};channels={head['channels']}"
    return {
        "Content-Type": media_type,
        "X-Job-Id": row.id,
        "Location": f"{base}/v1/jobs/{row.id}",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
        "X-Content-Type-Options": "nosniff",
    }
