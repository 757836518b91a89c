"""`/v1/audio`: sound by task; each request becomes a job of the common shape."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from serve_app.http.routes.common import LONGEST_WAIT_S, Terms, answer, caller, job_route, read_json, runtime_of
from serve_app.http.routes.media.sound_stream import SOUND, streamed
from serve_app.http.schemas import GenerationRequest

router = APIRouter(tags=["audio"])

TERMS = frozenset({"model", "webhook", "priority", "deadline_s"})
TASKS = ("text-to-audio", "music")


async def generate_audio(request: Request) -> Response:
    """Make a sound from words; waits up to 60 s unless `Prefer` says otherwise.

    With `stream: true` the answer is the sound itself (200), while it is made: `Location` names its job.
    """
    principal = await caller(request)
    body = await read_json(request, GenerationRequest)
    raw = {name: value for name, value in body.model_dump(exclude_unset=True).items() if name not in TERMS}
    plan = await runtime_of(request).plan(principal.owner, body.model, raw, prefix="", tasks=TASKS)
    terms = Terms(body.model, body.priority, body.deadline_s, body.webhook)
    if plan.streamed:
        return await streamed(request, principal, terms, plan)
    return await answer(request, principal, terms, plan, wait_s=LONGEST_WAIT_S)


_ROUTE = job_route(GenerationRequest)
_ROUTE["responses"] = {**_ROUTE["responses"], 200: {**_ROUTE["responses"][200], **SOUND}}
router.add_api_route("/v1/audio/generations", generate_audio, methods=["POST"], status_code=201, **_ROUTE)
