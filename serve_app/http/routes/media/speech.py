"""`/v1/audio/speech`: a text that is spoken, in the shape of OpenAI's API; each request becomes a job as any other."""

import base64
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from serve_app.errors import Invalid
from serve_app.http.openai_schemas import SpeechCreation, SpeechModels, SpeechVoices
from serve_app.http.routes.common import (
    Caller,
    RuntimeDep,
    Terms,
    caller,
    openai_route,
    read_json,
    runtime_of,
)
from serve_app.http.routes.media.sound_stream import SOUND, Sound, SoundStream, streamed
from serve_app.jobs.plan import Plan
from serve_app.runtime import Runtime

router = APIRouter(tags=["audio"])

TASKS = ("speech",)
PCM_HZ = 24_000  # what OpenAI's clients take pcm for
# Names of OpenAI's models, which mean `auto` unless a configured model has that name.
_OPENAI_MODELS = ("tts-1", "gpt-4o-mini-tts")
# What is of the job, or of OpenAI's API only: no field of a model.
_NOT_INPUT = frozenset({"model", "voice", "response_format", "stream_format", "priority", "deadline_s"})
_THEIRS = {"/format": "/response_format", "/stream": "/model", "/sample_rate_hz": "/response_format"}


async def speak(request: Request) -> Response:
    """Speak a text. The answer is the sound, sent while it is made; `Location` names its job.

    With `stream_format: sse` the sound comes in events, as OpenAI's. A caller who goes away stops the work.
    """
    principal = await caller(request)
    body = await read_json(request, SpeechCreation)
    plan = await _plan(runtime_of(request), principal.owner, body)
    terms = Terms(body.model or "auto", body.priority, body.deadline_s, None)

    def events(sound: Sound, headers: Mapping[str, str], closing: AsyncExitStack) -> Response:
        plain = {name: value for name, value in headers.items() if name != "Content-Length"}
        return SoundStream(_events(sound, len(body.input)), {**plain, **_EVENTS}, closing)

    return await streamed(request, principal, terms, plan, events if body.stream_format == "sse" else None)


_EVENTS = {"Content-Type": "text/event-stream"}
_ROUTE = openai_route(SpeechCreation, SpeechModels)
_ROUTE["responses"][200] = {"description": "The sound", **SOUND}
_ROUTE["responses"][200]["content"]["text/event-stream"] = {}
router.add_api_route("/v1/audio/speech", speak, methods=["POST"], response_class=Response, **_ROUTE)


@router.get("/v1/audio/models", response_model=SpeechModels)
async def list_speech_models(principal: Caller, runtime: RuntimeDep) -> dict[str, Any]:
    """The models of speech, as other servers list them."""
    return {"models": [{"id": item.name, "name": item.name} for item in runtime.catalogue if item.info.task in TASKS]}


@router.get("/v1/audio/voices", response_model=SpeechVoices)
async def list_speech_voices(principal: Caller, runtime: RuntimeDep) -> dict[str, Any]:
    """The voices that may be named, as other servers list them: the caller's own, then those of the models.

    Voices that nothing can speak with now are left out: their weights have to be fetched, or no model clones.
    """
    rows = await runtime.voices.list(principal.owner) if runtime.voices.cloning else ()
    own = [{"id": row.id, "name": row.name} for row in rows]
    builtin = [item.name for item in runtime.voices.builtin.listed.values() if item.here]
    voices = [*own, *({"id": name, "name": name} for name in builtin)]
    return {"voices": voices, "data": voices}


async def _plan(runtime: Runtime, owner: str, body: SpeechCreation) -> Plan:
    """The request for the model that it names. Raises Invalid, which points at fields by the names that were given."""
    given = {name: value for name, value in body.model_dump(exclude_none=True).items() if name not in _NOT_INPUT}
    if body.voice is not None:
        given["voice"] = body.voice
    given |= {
        "format": body.response_format or "mp3",
        "stream": True,
        "seed": body.seed or 0,
    }  # a text sounds alike each time
    if body.response_format == "pcm":
        given["sample_rate_hz"] = PCM_HZ
    meant = body.model or "auto"
    names = runtime.catalogue.names
    if meant not in names and meant.startswith(_OPENAI_MODELS):
        meant = "auto"
        if not _obeyed(runtime):
            given.pop("instructions", None)  # else what OpenAI's own examples send would be refused
    try:
        return await runtime.plan(owner, meant, given, prefix="", tasks=TASKS)
    except Invalid as error:
        found = [{**item, "pointer": _THEIRS.get(item["pointer"], item["pointer"])} for item in error.errors]
        raise type(error)(error.detail, found) from None


def _obeyed(runtime: Runtime) -> bool:
    """Whether a configured model of speech does what `instructions` say."""
    return any("instructions" in item.fields for item in runtime.catalogue if item.info.task in TASKS)


async def _events(sound: Sound, characters: int) -> Sound:
    """OpenAI's events. What it counts in tokens is counted in characters: our models have no tokens in common."""
    async for data in sound:
        yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()})
    usage = {"input_tokens": characters, "output_tokens": 0, "total_tokens": characters}
    yield _event({"type": "speech.audio.done", "usage": usage})


def _event(data: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()
