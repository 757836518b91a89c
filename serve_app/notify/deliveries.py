"""Sends the webhooks that are due: a process that finds one claims it, tries it once, writes when it is due again."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from serve_app.errors import ContinuoError
from serve_app.logs import log
from serve_app.notify import webhooks
from serve_app.notify.webhooks import Due, Webhooks
from serve_app.records import job_rows
from serve_app.records.database import Database, until_available
from serve_app.records.leases import FRESH_WITHIN_S, Lease
from serve_app.records.rows import JobRow

AT_ONCE = 16
LONGEST_PAUSE_S = 5.0
TAKEN_ELSEWHERE_S = 0.25
PUT_OFF_S = 30.0


class Deliveries:
    """What this process tries. `message` gives the body that tells of a job's event; `wake` asks for another turn."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        sender: Webhooks,
        message: Callable[[JobRow, str], Awaitable[bytes]],
        wake: Callable[[], object],
    ) -> None:
        self.database, self.lease, self.sender = database, lease, sender
        self.message, self.wake = message, wake
        self.tasks: dict[str, asyncio.Task[None]] = {}  # by the delivery's id

    async def deliver(self) -> float:
        """Try what is due, each by itself, so that a slow receiver holds up nobody; seconds until the next turn."""
        free = AT_ONCE - len(self.tasks)
        wait_s = await self.database.read(webhooks.next_due_s) if free else None
        if wait_s is None or wait_s > 0:
            return min(LONGEST_PAUSE_S, wait_s or LONGEST_PAUSE_S)
        await self.lease.fresh(FRESH_WITHIN_S)
        taken = await self.database.write(webhooks.take_due, self.lease.holder, free)
        for due in taken:
            task = self.tasks[due.id] = asyncio.create_task(self._deliver(due))
            task.add_done_callback(partial(self._ended, due.id))
        return 0.0 if taken else TAKEN_ELSEWHERE_S

    def _ended(self, delivery_id: str, _task: "asyncio.Task[None]") -> None:
        del self.tasks[delivery_id]
        self.wake()

    async def _deliver(self, due: Due) -> None:
        try:
            found = await self.database.read(job_rows.delivery_job, due.id)
            if found is None:
                await self.database.write(webhooks.drop, due)
                return
            await self.sender.attempt(due, await self.message(*found))
        except Exception as error:  # noqa: BLE001  (one delivery's trouble is not another's; it is tried again)
            known = isinstance(error, ContinuoError)
            log.warning("delivery put off", extra={"delivery": due.id}, exc_info=not known)
            await until_available(partial(self.database.write, webhooks.postpone, due, PUT_OFF_S))
