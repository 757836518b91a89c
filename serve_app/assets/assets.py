"""The files of owners: brought as bytes, base64 or URL, stored once, found by their owner only."""

import asyncio
import base64
import binascii
import hashlib
import os
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from typing import BinaryIO

from sqlalchemy.exc import IntegrityError

from serve_app import config
from serve_app.assets.inspection import Bounds, inspect
from serve_app.errors import ContinuoError, Invalid, NotFound, Overloaded, QuotaExceeded, TooLarge, UnusableFile
from serve_app.notify.outbound import Client, Policy, Refused, Unreachable
from serve_app.records import asset_rows
from serve_app.records.asset_rows import AssetRow, NoRoom, Place, Room
from serve_app.records.database import Database
from serve_app.storage import Storage

LOOKED_AT_ONCE = 2  # each in a process of its own
COMING_AT_ONCE = 8  # of an owner, each with a temporary file


@dataclass(frozen=True)
class Kept:
    """A stored file; `new` unless the owner had it already."""

    row: AssetRow
    new: bool


class Assets:
    """What an ingress does with files that come in; every method asks for the owner."""

    def __init__(self, database: Database, storage: Storage, limits: config.Assets) -> None:
        self.database, self.storage, self.limits = database, storage, limits
        self.bounds = Bounds(limits.sound_s, limits.pixels)
        self.room = Room(limits.owner_files, limits.owner_bytes)
        self.client = Client(Policy.parse(limits.allow, limits.allow_http), limits.fetch_s)
        self._looking = ThreadPoolExecutor(LOOKED_AT_ONCE, thread_name_prefix="inspect")
        self._storing: set[asyncio.Task[Kept]] = set()
        self._coming: Counter[str] = Counter()  # files on their way, by owner

    @contextmanager
    def receiving(self, owner: str) -> Iterator[None]:
        """Hold one of the owner's places for files on their way. Raises Overloaded."""
        if self._coming[owner] >= COMING_AT_ONCE:
            raise Overloaded(f"{COMING_AT_ONCE} files are on their way already", retry_after_s=1)
        self._coming[owner] += 1
        try:
            yield
        finally:
            self._coming[owner] -= 1
            if not self._coming[owner]:
                del self._coming[owner]

    async def store(self, owner: str, file: BinaryIO, pointer: str) -> Kept:
        """Look at an open file and store it. Raises TooLarge, UnusableFile with this pointer, QuotaExceeded.

        A caller who hangs up meanwhile leaves nothing half done.
        """
        task = asyncio.create_task(self._store(owner, reopened(file), pointer))
        self._storing.add(task)
        task.add_done_callback(self._stored)
        return await asyncio.shield(task)

    def _stored(self, task: "asyncio.Task[Kept]") -> None:
        self._storing.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved: the caller may have gone, and asyncio would log it

    async def _store(self, owner: str, file: BufferedReader, pointer: str) -> Kept:
        with file:
            size = os.fstat(file.fileno()).st_size
            check_size(size, self.limits, pointer)
            digest = (await asyncio.to_thread(hashlib.file_digest, file, "sha256")).hexdigest()
            asset_id = id_of(owner, digest)
            known = await self.database.write(asset_rows.use, owner, asset_id, self.limits.ttl_s)
            if known is not None:
                return Kept(known, new=False)
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._looking, inspect, file, self.bounds, pointer)
            key = f"{prefix_of(owner)}/{asset_id}.{secrets.token_hex(8)}"
            row = AssetRow(asset_id, owner, found.kind, found.media_type, size, digest, found.facts, key)
            return await self._put(row, file)

    async def _put(self, row: AssetRow, file: BinaryIO) -> Kept:
        """Store the bytes between two rows: whatever dies meanwhile, no object is without one."""
        try:
            await self.database.write(asset_rows.plan, row, self.room)
            try:
                await asyncio.to_thread(self.storage.put_file, row.key, file, row.media_type)
                kept = await self.database.write(asset_rows.add, row, self.room, self.limits.ttl_s)
            except (ContinuoError, NoRoom):
                await self.database.write(asset_rows.give_up, row.key)
                raise
            except IntegrityError:  # PostgreSQL: two transactions brought the same file
                await self.database.write(asset_rows.give_up, row.key)
                return Kept(await self.use(row.owner, row.id), new=False)
        except NoRoom as full:
            raise QuotaExceeded(f"{full}; delete files that you do not need any more") from None
        return Kept(kept, new=kept.key == row.key)

    async def store_base64(self, owner: str, text: str, pointer: str) -> Kept:
        """`store` for base64. Raises Invalid for what is none."""
        return await self.store_bytes(owner, await self.decoded(text, pointer), pointer)

    async def decoded(self, text: str, pointer: str) -> bytes:
        """The bytes of a file in base64. Raises TooLarge, Invalid."""
        if len(text) > inline_chars(self.limits):
            raise TooLarge(f"{pointer}: a file in JSON has at most {self.limits.inline_bytes} bytes; send it by itself")
        try:
            return await asyncio.to_thread(base64.b64decode, text, validate=True)
        except (binascii.Error, ValueError):
            raise Invalid(f"{pointer}: not base64", [_at(pointer, "this is not base64 (RFC 4648)")]) from None

    async def store_bytes(self, owner: str, data: bytes, pointer: str) -> Kept:
        """`store` for bytes in memory."""
        with tempfile.TemporaryFile() as file:
            await asyncio.to_thread(file.write, data)
            return await self.store(owner, file, pointer)

    async def fetch(self, owner: str, url: str, pointer: str) -> Kept:
        """`store` for what a URL holds, fetched once. Raises Invalid when it cannot be fetched."""
        with tempfile.TemporaryFile() as file:
            await self.download(url, file, pointer)
            return await self.store(owner, file, pointer)

    async def download(self, url: str, file: BinaryIO, pointer: str) -> None:
        """Write what a URL holds, fetched once. Raises Invalid when it cannot be fetched."""
        try:
            await self.client.get(url, file.write, self.limits.file_bytes)
        except (Refused, Unreachable) as error:
            detail = f"the URL cannot be fetched: {error}"
            raise Invalid(f"{pointer}: {detail}", [_at(pointer, detail)]) from None

    async def get(self, owner: str, asset_id: str) -> AssetRow:
        """A file. Raises NotFound, also for another owner's."""
        return _existing(await self.database.read(asset_rows.find, owner, asset_id), asset_id)

    async def use(self, owner: str, asset_id: str) -> AssetRow:
        """`get`, and keep the file for its whole time from now on."""
        return _existing(await self.database.write(asset_rows.use, owner, asset_id, self.limits.ttl_s), asset_id)

    async def list(self, owner: str, limit: int, before: Place | None) -> tuple[Sequence[AssetRow], Place | None]:
        """A page of files, newest first, and the place where the next one begins."""
        rows = await self.database.read(asset_rows.page, owner, limit + 1, before)
        last = rows[limit - 1] if len(rows) > limit else None
        return rows[:limit], (last.created_at, last.id) if last else None

    async def delete(self, owner: str, asset_id: str) -> None:
        """Remove a file; its bytes go at the next sweep. Raises NotFound."""
        if not await self.database.write(asset_rows.delete, owner, asset_id):
            raise _missing(asset_id)

    async def close(self) -> None:
        """Wait for files that are being stored."""
        await asyncio.gather(*self._storing, return_exceptions=True)
        self._looking.shutdown(wait=False)


def check_size(size: int, limits: config.Assets, pointer: str) -> None:
    """Raise TooLarge, or UnusableFile for a file without bytes."""
    if size > limits.file_bytes:
        raise TooLarge(f"the file has {size} bytes; {limits.file_bytes} are possible")
    if not size:
        raise UnusableFile(f"{pointer or 'body'}: the file is empty", [_at(pointer, "the file is empty")])


def reopened(file: BinaryIO) -> BufferedReader:
    """The same file for reading from its start on, closed by whoever reads it."""
    file.flush()
    return open(f"/dev/fd/{file.fileno()}", "rb")


def id_of(owner: str, sha256: str) -> str:
    """The same for the same bytes of the same owner, and for nobody else's: part of what a job's address holds."""
    return "ast_" + hashlib.sha256(f"{owner}\0{sha256}".encode()).hexdigest()[:32]


def prefix_of(owner: str) -> str:
    """Under which an owner's files lie in storage; whatever characters a name has, it is no part of a key."""
    return f"private/{hashlib.sha256(owner.encode()).hexdigest()[:32]}"


def inline_chars(limits: config.Assets) -> int:
    """How much base64 the largest file in a body of JSON is."""
    return (limits.inline_bytes + 2) // 3 * 4


def _existing(row: AssetRow | None, asset_id: str) -> AssetRow:
    if row is None:
        raise _missing(asset_id)
    return row


def _missing(asset_id: str) -> NotFound:
    return NotFound(f"there is no file '{asset_id[:60]}'")


def _at(pointer: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "detail": detail}
