"""What an attempt goes on from, and when: notes, candidates that were put off, callbacks that wake them.

A replica's note may come to any ingress; the claim that it names decides. Whoever waits is woken here, and looks into
the database now and then, since the callback may have come to another ingress.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from functools import partial

from serve_app.errors import NotFound
from serve_app.jobs.persistence import Persistence
from serve_app.jobs.running import Running
from serve_app.jobs.watching import Watchers, wait_for
from serve_app.notify.webhooks import secret_of
from serve_app.records import candidate_rows
from serve_app.records.candidate_rows import CandidateId, Resumable, Superseded
from serve_app.records.database import until_available
from serve_app.records.job_rows import Change
from serve_app.records.leases import Claim, ClaimLost
from serve_app.records.rows import RETRY_LATER
from serve_app.replica.work import Note, Resume

LOOK_EVERY_S = 1.0  # for what came to another ingress
LOOK_ALONE_EVERY_S = 5.0
_TOKEN = re.compile(r"([A-Za-z0-9_-]{1,400})\.([A-Za-z0-9_-]{43})", re.ASCII)


class PutOff(Exception):
    """The model wants the candidate again after `after_s`; its attempt had `seen` this callback."""

    def __init__(self, after_s: float, seen: int) -> None:
        super().__init__(after_s)
        self.after_s, self.seen = after_s, seen


class Resumption:
    """`alone` tells whether this is the only ingress; without `public_url` models get no address for callbacks."""

    def __init__(self, persistence: Persistence, public_url: str | None, alone: Callable[[], bool]) -> None:
        self.persistence, self.database, self.lease = persistence, persistence.database, persistence.lease
        self.public_url, self.alone = public_url, alone
        self.woken = Watchers()
        self._secret: bytes | None = None

    async def write_note(self, note: Note) -> bool:
        """Keep a note; True when it is durable, False when its writer no longer has the candidate."""
        claim = Claim(note.holder, note.claim, held=True)
        which = CandidateId(note.job_id, note.model, note.seed)
        noted = (claim, which, note.number, json.loads(note.text))
        try:
            await until_available(partial(self.database.write, candidate_rows.write_note, *noted))
        except (ClaimLost, Superseded):
            return False
        return True

    async def resume(self, job: Running, which: CandidateId) -> Resume:
        """What the attempt that begins goes on from; of a first attempt there is nothing to read."""
        known = await self._known(which) if len(job.row.attempts) > 1 else Resumable()
        url = await self._callback_url(job, which) if self.public_url else None
        claim = (job.claim.holder, job.claim.number)
        return Resume(which.model, *claim, known.number, known.note, known.called_back, url)

    async def _known(self, which: CandidateId) -> Resumable:
        return await until_available(partial(self.database.read, candidate_rows.read, which))

    async def put_off(self, job: Running, which: CandidateId, put_off: PutOff) -> None:
        """Close the attempt of a candidate; returns when it is durable until when."""
        now, claim = self.lease.time(), job.claim
        change = Change(job.change(job.row.end_attempt(RETRY_LATER, now)), ("attempts",), None, now)
        due = (which, now + put_off.after_s, put_off.seen)
        self.persistence.write(job, lambda c: candidate_rows.put_off(c, claim, change, *due))
        await asyncio.wait(job.writes)

    async def until_due(self, job: Running, which: CandidateId) -> None:
        """Return when a candidate that was put off is due. The job stays with this process meanwhile."""
        if not job.row.outcomes(RETRY_LATER):
            return
        with self.woken.watching(which.job_id) as woken:
            while True:
                woken.clear()  # before the look, or a callback right after it would be missed
                left_s = ((await self._known(which)).retry_at or 0.0) - self.lease.time()
                if left_s <= 0:
                    return
                job.put_off.add(which.seed)
                await self._hold(job)
                await wait_for(woken, min(left_s, self._look_every_s))

    async def _hold(self, job: Running) -> None:
        """Others must not take up a job that waits here: they would wait as well."""
        async with job.beginning:
            if not job.claim.held:
                await self.persistence.hold(job)

    async def callback_after(self, job_id: str, model: str, seed: int, seen: int, within_s: float) -> int:
        """The newest attempt of a candidate whose callback came: after `seen`, or whichever it is after `within_s`."""
        until = time.monotonic() + within_s
        with self.woken.watching(job_id) as woken:
            while True:
                woken.clear()
                came = (await self._known(CandidateId(job_id, model, seed))).called_back
                if came > seen or (left_s := until - time.monotonic()) <= 0:
                    return came
                await wait_for(woken, min(left_s, self._look_every_s))

    @property
    def _look_every_s(self) -> float:
        return LOOK_ALONE_EVERY_S if self.alone() else LOOK_EVERY_S

    async def _callback_url(self, job: Running, which: CandidateId) -> str:
        attempt = round(job.row.attempts[-1].started_at * 1000)
        named = json.dumps([which.job_id, which.model, which.seed, attempt], separators=(",", ":")).encode()
        signed = _text(named)
        mac = await until_available(partial(self._mac, signed))
        return f"{self.public_url}/v1/callbacks/{signed}.{mac}"

    async def call_back(self, token: str) -> None:
        """Wake the attempt that a token names, if it is ours and came for the first time; nobody learns which.

        Raises NotFound for what is no token.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise NotFound
        signed, mac = match.groups()
        if not hmac.compare_digest(await self._mac(signed), mac):
            return
        named = base64.urlsafe_b64decode(signed + "=" * (-len(signed) % 4))
        job_id, model, seed, attempt = json.loads(named)
        if await self.database.write(candidate_rows.call_back, CandidateId(job_id, model, seed), attempt):
            self.woken.notify(job_id)

    async def _mac(self, signed: str) -> str:
        if self._secret is None:
            self._secret = (await secret_of(self.database, "", "callbacks")).encode()
        return _text(hmac.new(self._secret, f"continuo-callback-1\n{signed}".encode(), hashlib.sha256).digest())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
