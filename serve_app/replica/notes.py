"""Notes of a model on their way to the database: through whichever ingress answers, back when they are durable.

A stream of events runs one way, and a second call on a model's handle may reach another replica. So the replica asks
the ingress, under the claim of the job that travels with the work.
"""

import asyncio
import json
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from deployments.contract import Cancelled, Context
from serve_app.logs import log
from serve_app.replica.work import Note, Resume, Work

T = TypeVar("T")

ASK_AGAIN_S = 1.0  # after an ingress that died or is being replaced
LOOK_EVERY_S = 0.1  # whether a job that waits for its note was cancelled
WAIT_AT_ONCE_S = 10.0  # for a callback, in one call of an ingress, which may be stopped meanwhile


class Ledger(Protocol):
    """Who keeps notes: on Ray the ingress behind a handle, in tests the Runtime."""

    async def write_note(self, note: Note) -> bool:
        """Keep a note; True when it is durable, False when its writer no longer has the candidate."""

    async def callback_after(self, job_id: str, model: str, seed: int, seen: int, within_s: float) -> int:
        """The newest attempt of a candidate whose callback came: after `seen`, or whichever it is after `within_s`."""


class RayLedger:
    """The ingress as a replica's process reaches it; made where the service is built, so it is cheap to send."""

    def __init__(self, ingress: str) -> None:
        self.ingress = ingress
        self.handle: Any = None

    async def write_note(self, note: Note) -> bool:
        """Ask until an ingress has answered."""
        return bool(await self._ask("write_note", note))

    async def callback_after(self, job_id: str, model: str, seed: int, seen: int, within_s: float) -> int:
        """Ask until an ingress has answered."""
        return int(await self._ask("callback_after", job_id, model, seed, seen, within_s))

    async def _ask(self, method: str, *args: Any) -> Any:
        from grpc.aio import AioRpcError
        from ray import serve
        from ray.exceptions import RayError
        from ray.serve.exceptions import DeploymentUnavailableError

        if self.handle is None:
            self.handle = serve.get_deployment_handle(self.ingress, serve.get_replica_context().app_name)
        while True:
            try:
                return await self.handle.options(method_name=method, _by_reference=False).remote(*args)
            except (RayError, AioRpcError, DeploymentUnavailableError) as error:
                log.warning("no ingress keeps a note; it is asked again", extra={"error": type(error).__name__})
                await asyncio.sleep(ASK_AGAIN_S)


class Keeper:
    """The notes of one flight. `resume` is that of the newest call for it, which may have another claim."""

    def __init__(self, ledger: Ledger, work: Work, resume: Resume, context: Context) -> None:
        self.ledger, self.context, self.resume = ledger, context, resume
        self.job_id, self.seed = work.job_id, work.seed
        self.number, self.seen = resume.number, resume.called_back
        self.loop = asyncio.get_running_loop()
        self.turn = asyncio.Lock()

    async def keep(self, data: Mapping[str, Any]) -> None:
        """Return when the note is durable. Raises Cancelled, also when another attempt has the candidate by now."""
        async with self.turn:
            while True:
                resume = self.resume
                claim = (resume.model, resume.holder, resume.claim)
                note = Note(self.job_id, self.seed, *claim, self.number + 1, json.dumps(data))
                if await self._unless_cancelled(self.ledger.write_note(note)):
                    self.number += 1
                    return
                if resume is self.resume:
                    raise Cancelled

    async def callback(self, timeout_s: float) -> bool:
        """Whether a callback came that this attempt has not seen, after `timeout_s` at the latest. Raises Cancelled."""
        if self.resume.callback_url is None:
            await self._unless_cancelled(asyncio.sleep(timeout_s))
            return False
        until = self.loop.time() + timeout_s
        while True:
            within_s = max(0.0, min(WAIT_AT_ONCE_S, until - self.loop.time()))
            which = (self.job_id, self.resume.model, self.seed)
            came = await self._unless_cancelled(self.ledger.callback_after(*which, self.seen, within_s))
            if came > self.seen:
                self.seen = came
                return True
            if self.loop.time() >= until:
                return False

    async def _unless_cancelled(self, asking: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(asking)
        try:
            while not task.done():
                self.context.check()
                await asyncio.wait({task}, timeout=LOOK_EVERY_S)
            return task.result()
        finally:
            task.cancel()
