"""The library of voices: those of models and those of owners, brought, found by what a request says, deleted."""

import asyncio
import os
import secrets
import unicodedata
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from typing import Any, BinaryIO, TypeVar

from sqlalchemy.exc import IntegrityError

from deployments.contract import Capability
from serve_app import config
from serve_app.assets.assets import Assets, check_size, prefix_of, reopened
from serve_app.assets.references import names_a_file, resolve
from serve_app.errors import ContinuoError, Invalid, NotFound, QuotaExceeded, unknown_name
from serve_app.jobs.acceptance import Jobs
from serve_app.jobs.catalogue import Catalogue
from serve_app.records import job_rows, voice_rows
from serve_app.records.asset_rows import AssetRow
from serve_app.records.states import MOST_AT_ONCE
from serve_app.records.voice_rows import VOICE_ID, NameTaken, TooMany, VoiceRow
from serve_app.voices.builtin import BuiltInVoices
from serve_app.voices.recording import prepared

T = TypeVar("T")

# Models of this project that speak like a recording, for those whose configuration has none.
COULD_CLONE = ("Chatterbox", "OpenAudio S1-mini")
LONGEST_NAME = 200  # of what is compared with names
LOOKED_AT_ONCE = 2  # each in a process of its own


@dataclass(frozen=True)
class NewVoice:
    """What a caller says about a voice that they bring, who consented to it and by which key."""

    owner: str
    name: str
    transcript: str | None = None
    language: str | None = None
    key_id: str | None = None


@dataclass(frozen=True)
class BuiltIn:
    """A voice that models have by themselves: what each of them calls it."""

    names: Mapping[str, str]

    @property
    def models(self) -> tuple[str, ...]:
        """Those that have it."""
        return tuple(self.names)

    def value(self, model: str) -> str:
        """What stands in the input of a job."""
        return self.names[model]


@dataclass(frozen=True)
class Own:
    """A voice of the owner's, and the models that can speak with it."""

    row: VoiceRow
    models: tuple[str, ...]

    def value(self, model: str) -> str:
        """What stands in the input of a job."""
        return self.row.id


@dataclass(frozen=True)
class Given:
    """A file of the owner's that is spoken like once, and the models that can."""

    row: AssetRow
    models: tuple[str, ...]

    def value(self, model: str) -> str:
        """What stands in the input of a job."""
        return self.row.id


class Voices:
    """What an ingress does with voices; every method asks for the owner."""

    def __init__(self, assets: Assets, jobs: Jobs, catalogue: Catalogue, limits: config.Voices) -> None:
        self.assets, self.jobs, self.catalogue, self.limits = assets, jobs, catalogue, limits
        self.database, self.storage = assets.database, assets.storage
        self.builtin = BuiltInVoices(catalogue)
        self.speaking = tuple(item.name for item in catalogue if item.info.task == "speech")
        self.cloning = tuple(
            name for name in self.speaking if Capability.VOICE_CLONING in catalogue[name].info.capabilities
        )
        self._looking = ThreadPoolExecutor(LOOKED_AT_ONCE, thread_name_prefix="voices")
        self._under_way: set[asyncio.Task[Any]] = set()

    async def add(self, new: NewVoice, file: BinaryIO, pointer: str) -> VoiceRow:
        """Make a voice of a recording. Raises Invalid with a pointer, UnusableFile with this one, QuotaExceeded.

        A caller who hangs up meanwhile leaves nothing half done.
        """
        return await self._whole(self._add(new, reopened(file), pointer))

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives; it comes to its end though its caller may go."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved: the caller may have gone, and asyncio would log it

    async def _add(self, new: NewVoice, file: BufferedReader, pointer: str) -> VoiceRow:
        most, key = self.limits.owner_voices, name_key(new.name)
        with file:
            check_size(os.fstat(file.fileno()).st_size, self.assets.limits, pointer)
            self._refuse_reserved(new.name)
            try:
                await self.database.read(voice_rows.check_free, new.owner, key, most)
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(self._looking, prepared, file, pointer)
                voice_id = job_rows.new_id("voice")
                row = VoiceRow(
                    voice_id,
                    new.owner,
                    new.name,
                    key,
                    f"{prefix_of(new.owner)}/{voice_id}.{secrets.token_hex(8)}.flac",
                    [new.language] if new.language else [],
                    new.transcript,
                    {"reference": found.reference, "checks": found.checks},
                    consent_key_id=new.key_id,
                )
                return await self._put(row, found.data)
            except NameTaken:
                detail = f"you have a voice of the name '{new.name}' already; delete it, or give this one another name"
                raise Invalid(f"/name: {detail}", [_at("/name", detail)]) from None
            except TooMany:
                raise QuotaExceeded(f"there are {most} voices, as many as may be; delete one") from None

    async def _put(self, row: VoiceRow, data: bytes) -> VoiceRow:
        """Store a reference between two rows: whatever dies meanwhile, no object is without one."""
        most = self.limits.owner_voices
        await self.database.write(voice_rows.plan, row, most)
        try:
            await asyncio.to_thread(self.storage.put, row.key, data, row.facts["reference"]["media_type"])
            return await self.database.write(voice_rows.add, row, len(data), most)
        except (ContinuoError, NameTaken, TooMany):
            await self.database.write(voice_rows.give_up, row.key)
            raise
        except IntegrityError:  # PostgreSQL: two transactions brought the same name
            await self.database.write(voice_rows.give_up, row.key)
            raise NameTaken from None

    def _refuse_reserved(self, name: str) -> None:
        """Raise Invalid for a name that would mean something else in a request."""
        detail = None
        if name.casefold() in self.builtin.reserved or self.builtin.find(name):
            detail = f"'{name}' is the name of a voice that models have by themselves"
        elif names_a_file(name) or name.startswith(("ast_", "job_", "voice_")) or "+" in name:
            detail = "a name cannot look like an id, a URI or a mix (a+b)"
        if detail:
            raise Invalid(f"/name: {detail}", [_at("/name", detail)])

    async def list(self, owner: str) -> Sequence[VoiceRow]:
        """The owner's voices, newest first."""
        return await self.database.read(voice_rows.all_of, owner)

    async def get(self, owner: str, voice_id: str) -> VoiceRow:
        """A voice of the owner's. Raises NotFound."""
        row = await self.database.read(voice_rows.find, owner, voice_id)
        if row is None:
            raise _missing(voice_id)
        return row

    async def delete(self, owner: str, voice_id: str, *, outputs: bool = False) -> None:
        """Remove a voice and whatever was derived from it, and cancel its jobs; with `outputs` remove those, too.

        When this returns no job is accepted with it, and what could not be removed by then is swept. Raises NotFound.
        """
        await self._whole(self._delete(owner, voice_id, outputs))

    async def _delete(self, owner: str, voice_id: str, outputs: bool) -> None:
        gone = await self.database.write(partial(voice_rows.delete, outputs=outputs), owner, voice_id)
        if gone is None:
            raise _missing(voice_id)
        for key in gone.keys:
            with suppress(ContinuoError):
                await self.jobs.delete_object(key, False)
        for start in range(0, len(gone.jobs), MOST_AT_ONCE):
            await self.jobs.stop(gone.jobs[start : start + MOST_AT_ONCE], remove=outputs)

    async def resolve(
        self, owner: str, voice: str, *, model: str = "auto", pointer: str = "/voice"
    ) -> BuiltIn | Own | Given:
        """What a request means by a voice: a name of a model's, a name or an id of an own one, or a file string.

        Raises Invalid that says what would be possible, also for another owner's; and for files what
        `references.resolve` raises.
        """
        if names_a_file(voice):  # which no voice's name does
            models = self._cloners(model, pointer)
            return Given(await resolve(self.assets, owner, voice, "audio", pointer), models)
        asked = voice[:LONGEST_NAME]
        if names := self.builtin.find(asked):
            if model != "auto" and model not in names:
                detail = f"model '{model}' has no voice '{asked}'; models that have it: {', '.join(names)}"
                raise Invalid(f"{pointer}: {detail}", [_at(pointer, detail)])
            return BuiltIn(names if model == "auto" else {model: names[model]})
        row = await self.database.read(voice_rows.named, owner, name_key(asked)) if _storable(asked) else None
        if row is None and VOICE_ID.fullmatch(voice):
            row = await self.database.read(voice_rows.find, owner, voice)
        if row is not None:
            return Own(row, self._cloners(model, pointer))
        own = await self.database.read(voice_rows.all_of, owner)
        known = [*self.builtin.listed, *(item.name for item in own)]
        detail = unknown_name("voice", voice, known) if known else f"unknown voice '{voice[:60]}'; there are none"
        raise Invalid(detail, [_at(pointer, detail)])

    def _cloners(self, model: str, pointer: str) -> tuple[str, ...]:
        """The models that can speak like a recording, of those that are asked for. Raises Invalid for none."""
        if model in self.cloning:
            return (model,)
        if model == "auto" and self.cloning:
            return self.cloning
        who = f"model '{model}' speaks with its own voices only" if model != "auto" else "no model speaks like others"
        if self.cloning:
            could = f"models that can speak like others: {', '.join(self.cloning)}"
        else:
            could = f"none of the configured models can speak like others; these could: {', '.join(COULD_CLONE)}"
        raise Invalid(f"{pointer}: {who}; {could}", [_at(pointer, f"{who}; {could}")])

    async def applied(
        self, owner: str, model: str, given: Mapping[str, Any], *, prefix: str, tasks: Iterable[str] = ()
    ) -> tuple[str, dict[str, Any]]:
        """The model that speaks, and what it is given, with the voice as the model knows it.

        What no model that speaks is asked for stays as it is. Raises as `resolve`.
        """
        voice, wanted = given.get("voice"), frozenset(tasks)
        if isinstance(voice, Mapping) and voice.keys() == {"id"}:  # as OpenAI's API names custom voices
            voice = voice["id"]
        asked = self.speaking if model == "auto" else (model,) if model in self.speaking else ()
        if not isinstance(voice, str) or not asked or (wanted and "speech" not in wanted):
            return model, dict(given)
        found = await self.resolve(owner, voice, model=model, pointer=f"{prefix}/voice")
        takes_all = (name for name in found.models if self.catalogue[name].fields >= given.keys())
        chosen = next(takes_all, found.models[0])
        return chosen, {**given, "voice": found.value(chosen)}

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._looking.shutdown(wait=False)


def name_key(name: str) -> str:
    """By what a name is known: without case, and whatever way its characters are composed."""
    return unicodedata.normalize("NFC", " ".join(name.split()).casefold())[:LONGEST_NAME]


def _storable(name: str) -> bool:
    """Whether a database could hold it: no NUL (PostgreSQL), no half of a surrogate pair (UTF-8)."""
    return "\0" not in name and not any("\ud800" <= character <= "\udfff" for character in name)


def _missing(voice_id: str) -> NotFound:
    return NotFound(f"there is no voice '{voice_id[:60]}'")


def _at(pointer: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "detail": detail}
