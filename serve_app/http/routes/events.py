"""Server-sent events: how many an owner may have open, and how they are written."""

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send

from serve_app.http.open_streams import OpenStreams
from serve_app.http.routes.common import bounded, runtime_of
from serve_app.records.api_keys import Principal

STILL_HERE = format_sse_event(comment="still here")
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(EventSourceResponse):
    """An answer of server-sent events, counted for its owner until it ends or its reader leaves. Raises Overloaded."""

    def __init__(self, request: Request, principal: Principal, events: AsyncIterator[bytes]) -> None:
        super().__init__(events, headers=_HEADERS)
        streams: OpenStreams = request.app.state.event_streams
        self._leave = streams.enter(principal.owner, runtime_of(request).jobs.limits.event_streams_per_owner)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer (ASGI)."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


def event_bytes(number: int, kind: str, data: dict[str, Any]) -> bytes:
    """One event as it goes over the wire."""
    return format_sse_event(id=str(number), event=kind, data_str=json.dumps(data))


def last_seen(last_event_id: str | None) -> int:
    """The number of the last event that a reader has; 0 for none and for what is no number."""
    sane = last_event_id is not None and last_event_id.isascii() and last_event_id.isdecimal()
    return bounded(last_event_id) if sane and last_event_id else 0
