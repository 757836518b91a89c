"""Those who wait for a job to change: callers that wait for its end, event streams."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress


async def wait_for(event: asyncio.Event, within_s: float) -> None:
    """Return when the event is set, or after `within_s`.

    `asyncio.wait_for` of Python 3.11 loses a cancellation that comes when the event is set at the same moment.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()


class Watchers:
    """Wakes whoever watches a job; nothing is left of one that has gone."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}

    @property
    def watched(self) -> list[str]:
        """The ids of jobs that somebody watches."""
        return list(self._events)

    def notify(self, job_id: str) -> None:
        """Wake everybody who watches a job."""
        for event in self._events.get(job_id, ()):
            event.set()

    def notify_all(self) -> None:
        """Wake everybody, whatever they watch."""
        for job_id in self._events:
            self.notify(job_id)

    @contextmanager
    def watching(self, *job_ids: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever one of the jobs changes, from now until the end of the block."""
        event = asyncio.Event()
        for job_id in job_ids:
            self._events.setdefault(job_id, set()).add(event)
        try:
            yield event
        finally:
            for job_id in job_ids:
                self._events[job_id].discard(event)
                if not self._events[job_id]:
                    del self._events[job_id]
