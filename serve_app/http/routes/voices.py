"""`/v1/voices`: the voices that models have, and those that callers bring."""

import asyncio
import tempfile
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, RedirectResponse, Response

from serve_app.assets.references import read_into
from serve_app.deliver.reference import hints
from serve_app.errors import Forbidden, Invalid, UnsupportedMediaType
from serve_app.http.bodies import invalid
from serve_app.http.routes.common import (
    LONGEST_WAIT_S,
    Caller,
    RuntimeDep,
    Terms,
    UploadRoute,
    base_url,
    caller,
    job_response,
    media_type_of,
    problems,
    read_json,
    runtime_of,
    submitted,
)
from serve_app.http.voice_schemas import VoiceList, VoiceRequest, VoiceTerms, VoiceView
from serve_app.notify.views import absolute, rfc3339
from serve_app.records.api_keys import Principal
from serve_app.records.voice_rows import VoiceRow
from serve_app.runtime import Runtime
from serve_app.voices.builtin import BuiltInVoice
from serve_app.voices.library import NewVoice

router = APIRouter(tags=["voices"])

_SAMPLES = {  # by language; where none is written, numbers, which a model reads out as its language has them
    "en": "Good evening. This is what I sound like when I have a little time.",
    "de": "Guten Abend. So klinge ich, wenn ich ein wenig Zeit habe.",
    "es": "Buenas noches. Así sueno cuando tengo un poco de tiempo.",
    "fr": "Bonsoir. Voilà comment je parle quand j'ai un peu de temps.",
    "it": "Buonasera. Ecco come parlo quando ho un po' di tempo.",
    "pt": "Boa noite. É assim que eu falo quando tenho um pouco de tempo.",
    "ja": "こんばんは。時間が少しあるときは、こんなふうに話します。",
    "zh": "晚上好。这就是我的声音。",
    "hi": "शुभ संध्या। यह मेरी आवाज़ है।",
}
_NUMBERS = "1, 2, 3, 4, 5, 6, 7."

_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["file", "name", "consent"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "3 to 60 s of one voice, in any common format."},
        **VoiceTerms.model_json_schema()["properties"],
    },
}
_REFUSED = problems(
    (400, "Neither a form nor JSON"),
    (401, "No valid key"),
    (403, "The caller has as many voices as may be"),
    (404, "Not the caller's file or job"),
    (413, "File too large"),
    (415, "Neither multipart/form-data nor application/json"),
    (422, "No consent, no name of one's own, no recording of 3 to 60 s"),
    (429, "Too many files of this owner are on their way"),
)


@router.get("/v1/voices", response_model=VoiceList)
async def list_voices(request: Request, principal: Caller, runtime: RuntimeDep) -> Response:
    """The caller's voices, newest first, then those of all models."""
    base = base_url(request)
    own = [own_view(runtime, row, base) for row in await runtime.voices.list(principal.owner)]
    others = [builtin_view(voice, base) for voice in runtime.voices.builtin.listed.values()]
    return JSONResponse({"results": [*own, *others], "next": None})


async def create_voice(request: Request) -> Response:
    """Bring a voice: a recording as multipart `file`, or in JSON as a file string `audio`, with the speaker's consent.

    What is kept is trimmed, mono, at -18 LUFS; `checks` and `hints` tell what the recording was like.
    """
    principal = await caller(request)
    read = _from_form if media_type_of(request) == "multipart/form-data" else _from_json
    row = await read(request, principal)
    runtime = runtime_of(request)
    response = JSONResponse(own_view(runtime, row, base_url(request)), 201)
    response.headers["Location"] = f"{base_url(request)}/v1/voices/{row.id}"
    return response


router.add_api_route(
    "/v1/voices",
    create_voice,
    methods=["POST"],
    status_code=201,
    response_model=VoiceView,
    responses=_REFUSED,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": _FORM},
                "application/json": {"schema": VoiceRequest.model_json_schema()},
            },
        }
    },
    route_class_override=UploadRoute,
)


async def _from_form(request: Request, principal: Principal) -> VoiceRow:
    if request.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("compressed request bodies are not read")
    runtime = runtime_of(request)
    with runtime.assets.receiving(principal.owner):
        async with request.form(max_files=1, max_fields=8, max_part_size=10_000) as form:
            given: dict[str, Any] = {name: value for name, value in form.items() if name != "file"}
            if isinstance(given.get("consent"), str):
                given["consent"] = given["consent"].strip().lower() in ("true", "1", "yes", "on")
            try:
                about = VoiceTerms.model_validate(given)
            except ValidationError as error:
                raise invalid(error, VoiceTerms, ("file",)) from None
            file = form.get("file")
            if not isinstance(file, UploadFile):
                detail = "the form has no file of the name 'file'"
                raise Invalid(detail, [{"pointer": "/file", "detail": detail}])
            return await runtime.voices.add(_new(principal, about), file.file, "/file")


async def _from_json(request: Request, principal: Principal) -> VoiceRow:
    body = await read_json(request, VoiceRequest)
    runtime = runtime_of(request)
    with tempfile.TemporaryFile() as file:
        await read_into(runtime.assets, principal.owner, body.audio, file, "/audio")
        with runtime.assets.receiving(principal.owner):
            return await runtime.voices.add(_new(principal, body), file, "/audio")


def _new(principal: Principal, about: VoiceTerms) -> NewVoice:
    return NewVoice(principal.owner, about.name, about.transcript, about.language, principal.key_id)


@router.get("/v1/voices/{voice_id}", response_model=VoiceView)
async def get_voice(voice_id: str, request: Request, principal: Caller, runtime: RuntimeDep) -> Response:
    """A voice of the caller's, or of a model."""
    builtin = runtime.voices.builtin.listed.get(voice_id)
    if builtin is not None:
        return JSONResponse(builtin_view(builtin, base_url(request)))
    return JSONResponse(own_view(runtime, await runtime.voices.get(principal.owner, voice_id), base_url(request)))


@router.get(
    "/v1/voices/{voice_id}/sample",
    status_code=303,
    response_class=Response,
    responses={303: {"description": "To the sound"}, **problems((404, "Not there"), (503, "The model is not ready"))},
)
async def hear_voice(voice_id: str, request: Request, principal: Caller, runtime: RuntimeDep) -> Response:
    """The sound of a voice: a sentence, made by the first model that has it unless it was made before.

    Of the caller's own the reference.
    """
    builtin = runtime.voices.builtin.listed.get(voice_id)
    if builtin is None:
        return await _redirect(request, (await runtime.voices.get(principal.owner, voice_id)).key)
    model = builtin.models[0]
    given = {"input": _sample_text(builtin), "voice": builtin.name, "seed": 0, "format": "mp3"}
    plan = await runtime.plan(principal.owner, model, given, prefix="")
    found = await runtime.execution.flights.cached(plan.candidates[0], principal.owner)
    if found is not None:
        return await _redirect(request, found.output["key"])
    job = await submitted(request, principal, Terms(model, "normal", None, None), plan, LONGEST_WAIT_S)
    if job.row.status == "succeeded":
        return await _redirect(request, job.row.outputs[0]["key"])
    return await job_response(request, job.row, waited=True, replayed=False)


@router.delete("/v1/voices/{voice_id}", status_code=204)
async def delete_voice(voice_id: str, principal: Caller, runtime: RuntimeDep, outputs: bool = False) -> Response:
    """Remove a voice of the caller's, with whatever was derived from it, and cancel the jobs that speak with it.

    With `outputs` its jobs and their sounds are removed, too.
    """
    if voice_id in runtime.voices.builtin.listed:
        raise Forbidden(f"'{voice_id}' is a voice of {', '.join(runtime.voices.builtin.listed[voice_id].models)}")
    await runtime.voices.delete(principal.owner, voice_id, outputs=outputs)
    return Response(status_code=204)


async def _redirect(request: Request, key: str) -> Response:
    """To an object, by a freshly signed URL; those of a bucket may be signed over the network."""
    runtime = runtime_of(request)
    signed = await asyncio.to_thread(runtime.storage.url, key, runtime.args.storage.url_ttl_s)
    return RedirectResponse(absolute(signed, base_url(request)), 303, headers={"Cache-Control": "no-store"})


def _sample_text(voice: BuiltInVoice) -> str:
    return _SAMPLES.get(voice.languages[0].partition("-")[0].lower(), _NUMBERS)


def builtin_view(voice: BuiltInVoice, base: str) -> dict[str, Any]:
    """A voice of models as JSON."""
    return {
        "id": voice.name,
        "name": voice.name,
        "languages": list(voice.languages),
        "gender": voice.gender,
        "models": list(voice.models),
        "builtin": True,
        "sample_url": _sample_url(voice.name, base) if voice.here else None,
        "licence": voice.licence,
    }


def own_view(runtime: Runtime, row: VoiceRow, base: str) -> dict[str, Any]:
    """A voice of an owner as JSON."""
    return {
        "id": row.id,
        "name": row.name,
        "languages": row.languages,
        "gender": None,
        "models": list(runtime.voices.cloning),
        "builtin": False,
        "sample_url": _sample_url(row.id, base),
        "licence": None,
        "created_at": rfc3339(row.created_at),
        "consent": {"at": rfc3339(row.consent_at), "key_id": row.consent_key_id},
        "transcript": row.transcript,
        "reference": row.facts["reference"],
        "checks": row.facts["checks"],
        "hints": hints(row.facts["checks"]),
    }


def _sample_url(voice_id: str, base: str) -> str:
    return f"{base}/v1/voices/{quote(voice_id, safe='')}/sample"
