"""`/v1/images`: pictures in the shape of OpenAI's API; each request becomes a job of the common shape."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.errors import ContinuoError, Draining, Invalid, JobCanceled, from_code
from serve_app.http.openai_schemas import ImageGenerationRequest, Images
from serve_app.http.problems import openai_response
from serve_app.http.routes.common import (
    Terms,
    base_url,
    caller,
    job_response,
    openai_route,
    read_json,
    runtime_of,
    submitted,
)
from serve_app.jobs.plan import Plan
from serve_app.records.rows import JobRow, Json
from serve_app.records.states import FINISHED
from serve_app.runtime import Runtime

router = APIRouter(tags=["images"])

TASKS = ("image",)
MOST_INLINE_BYTES = 32 << 20  # of the files of one answer
_LATER_S = 60.0  # a job that is not heard of so long after its deadline is not waited for
# Names of OpenAI's models, which mean `auto` unless a configured model has that name.
_OPENAI_MODELS = ("gpt-image-", "chatgpt-image-", "dall-e-")
# What is of the job, or of OpenAI's API only: no field of a model.
_NOT_INPUT = frozenset(
    {"model", "webhook", "priority", "deadline_s", "response_format", "quality", "background", "moderation", "stream"}
    | {"user", "safety_identifier"}
)
# What OpenAI's clients say where they leave the choice to the model.
_NOT_MEANT = {"size": ("auto",), "style": ("vivid", "natural")}


async def generate_image(request: Request) -> Response:
    """Paint from words. Waits until the pictures are there, however long, unless `Prefer` says otherwise.

    The answer is OpenAI's, with the seed of each picture; the job is named by `X-Job-Id` and `Location`. With
    `Prefer: respond-async`, or when a preferred wait is over, it is the job itself. A picture's URL ends after some
    time; the job gives a new one.
    """
    principal = await caller(request)
    body = await read_json(request, ImageGenerationRequest)
    runtime = runtime_of(request)
    plan = await _plan(runtime, principal.owner, body)
    terms = Terms(body.model or "auto", body.priority, body.deadline_s, body.webhook)
    answered = await submitted(request, principal, terms, plan, wait_s=runtime.jobs.limits.deadline_s + _LATER_S)
    row, waited = answered.row, answered.preference.wait_s > 0
    response: Response
    if waited and row.status == "succeeded":
        response = await _answer(request, row, inline=_inline(body))
    elif waited and row.status in FINISHED:
        error = row.error or {"code": JobCanceled.code, "detail": "the job was canceled"}
        response = openai_response(from_code(error["code"], error["detail"], error.get("errors", ())))
    elif waited and "prefer" not in request.headers:  # who asks for a picture would not know what a job is
        response = openai_response(Draining("the service is stopping; the job goes on, see Location"))
    else:
        response = await job_response(request, row, waited=waited, replayed=answered.replayed)
    response.headers["X-Job-Id"] = row.id
    response.headers["Location"] = f"{base_url(request)}/v1/jobs/{row.id}"
    answered.told(response)
    if "prefer" not in request.headers:
        del response.headers["Preference-Applied"]
    return response


router.add_api_route(
    "/v1/images/generations", generate_image, methods=["POST"], **openai_route(ImageGenerationRequest, Images)
)


async def _plan(runtime: Runtime, owner: str, body: ImageGenerationRequest) -> Plan:
    """The request for the model that it names. Raises Invalid, which points at fields by the names that were given."""
    given = {name: value for name, value in body.model_dump(exclude_unset=True).items() if name not in _NOT_INPUT}
    given = {name: value for name, value in given.items() if value not in _NOT_MEANT.get(name, ())}
    meant = body.model or "auto"
    if meant.startswith(_OPENAI_MODELS) and meant not in runtime.catalogue.names:
        meant = "auto"
    try:
        return await runtime.plan(owner, meant, given, prefix="", tasks=TASKS)
    except Invalid as error:
        theirs = {"/quality": "/output_compression", "/format": "/output_format"}
        names = {ours: name for ours, name in theirs.items() if name[1:] in given}
        found = [{**item, "pointer": names.get(item["pointer"], item["pointer"])} for item in error.errors]
        raise type(error)(error.detail, found) from None


def _inline(body: ImageGenerationRequest) -> bool:
    """Whether the pictures themselves are wanted: where nothing is said, as OpenAI's model of that name does it."""
    if body.response_format is None:
        return (body.model or "auto").startswith(_OPENAI_MODELS[:2])
    return body.response_format == "b64_json"


async def _answer(request: Request, row: JobRow, *, inline: bool) -> Response:
    """OpenAI's answer, or an error that leaves the job as it is."""
    try:
        return await _pictures(request, row, inline=inline)
    except ContinuoError as error:  # here, because the job has its headers in any case
        return openai_response(error)


async def _pictures(request: Request, row: JobRow, *, inline: bool) -> Response:
    """OpenAI's body. Raises Invalid when the files are too large to be part of it."""
    runtime = runtime_of(request)
    job = await runtime.view(row, base_url(request))
    words = row.facts.get("revised_prompt")
    also = {} if words is None else {"revised_prompt": words}
    body = {"created": int(row.completed_at or 0), "output_format": row.input["format"]}
    outputs = job["outputs"]
    if not inline:
        data = [{"url": item["url"], "seed": item["seed"], **also} for item in outputs]
        return JSONResponse({**body, "data": data})
    size = sum(item["bytes"] for item in outputs)
    if size > MOST_INLINE_BYTES:
        text = f"the pictures have {size >> 20} MiB, {MOST_INLINE_BYTES >> 20} MiB fit into an answer; ask for url"
        raise Invalid(text, [{"pointer": "/response_format", "detail": text}])
    return Response(await to_thread.run_sync(_whole, runtime, body, outputs, also), media_type="application/json")


def _whole(runtime: Runtime, body: Mapping[str, Any], outputs: Sequence[Json], also: Mapping[str, Any]) -> bytes:
    """The answer with its files in it; off the event loop, for it may be megabytes."""
    data = [
        {"b64_json": base64.b64encode(runtime.storage.get(item["key"])).decode(), "seed": item["seed"], **also}
        for item in outputs
    ]
    return json.dumps({**body, "data": data}).encode()
