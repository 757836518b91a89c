"""`/v1/jobs`: make, read, list, follow, cancel, delete."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from serve_app.errors import NotFound, SoundNotThere
from serve_app.http.routes.common import (
    Caller,
    RuntimeDep,
    Terms,
    answer,
    base_url,
    caller,
    job_route,
    json_route,
    problems,
    read_json,
    runtime_of,
)
from serve_app.http.routes.events import STILL_HERE, EventStream, event_bytes, last_seen
from serve_app.http.routes.media.sound_stream import SOUND, listen
from serve_app.http.schemas import (
    Canceled,
    CancelRequest,
    Deleted,
    DeleteRequest,
    Job,
    JobList,
    JobQuery,
    JobRequest,
)
from serve_app.notify.views import rfc3339
from serve_app.records import event_rows
from serve_app.records.rows import EventRow
from serve_app.records.states import FINISHED
from serve_app.runtime import Runtime

router = APIRouter(tags=["jobs"])


async def create_job(request: Request) -> Response:
    """Make a job for any model; answers at once unless `Prefer: wait`."""
    principal = await caller(request)
    body = await read_json(request, JobRequest)
    plan = await runtime_of(request).plan(principal.owner, body.model, body.input, prefix="/input")
    terms = Terms(body.model, body.priority, body.deadline_s, body.webhook)
    return await answer(request, principal, terms, plan, wait_s=0)


router.add_api_route("/v1/jobs", create_job, methods=["POST"], status_code=202, **job_route(JobRequest))


@router.get("/v1/jobs", response_model=JobList)
async def list_jobs(
    request: Request,
    principal: Caller,
    runtime: RuntimeDep,
    query: Annotated[JobQuery, Query()],
) -> Response:
    """The caller's jobs, newest first."""
    rows, following = await runtime.jobs.list(principal.owner, **query.model_dump())
    return JSONResponse({"results": await runtime.views(rows, base_url(request)), "next": following})


async def cancel_jobs(request: Request) -> Response:
    """Stop the caller's unfinished jobs, or those of a model or in a state; at most 1000 at a time, the oldest."""
    principal = await caller(request)
    body = await read_json(request, CancelRequest, or_empty=True)
    return JSONResponse({"canceled": await runtime_of(request).jobs.cancel_all(principal.owner, **body.model_dump())})


router.add_api_route("/v1/jobs/cancel", cancel_jobs, **json_route("POST", CancelRequest, Canceled))


async def delete_jobs(request: Request) -> Response:
    """Remove jobs of the caller's and their objects."""
    principal = await caller(request)
    ids = list(dict.fromkeys((await read_json(request, DeleteRequest)).ids))
    deleted = set(await runtime_of(request).jobs.delete_all(principal.owner, ids))
    found = {known: [job_id for job_id in ids if (job_id in deleted) is known] for known in (True, False)}
    return JSONResponse({"deleted": found[True], "not_found": found[False]})


router.add_api_route("/v1/jobs/delete", delete_jobs, **json_route("POST", DeleteRequest, Deleted))


@router.get("/v1/jobs/{job_id}", response_model=Job)
async def get_job(job_id: str, request: Request, principal: Caller, runtime: RuntimeDep) -> Response:
    """The job as it is now, with freshly signed URLs."""
    return JSONResponse(await runtime.view(await runtime.jobs.get(principal.owner, job_id), base_url(request)))


@router.delete("/v1/jobs/{job_id}", status_code=204)
async def delete_job(job_id: str, principal: Caller, runtime: RuntimeDep) -> Response:
    """Remove the job and its objects."""
    await runtime.jobs.delete(principal.owner, job_id)
    return Response(status_code=204)


@router.post("/v1/jobs/{job_id}/cancel", response_model=Job)
async def cancel_job(job_id: str, request: Request, principal: Caller, runtime: RuntimeDep) -> Response:
    """Stop the job; one that has ended stays as it is."""
    return JSONResponse(await runtime.view(await runtime.jobs.cancel(principal.owner, job_id), base_url(request)))


@router.get(
    "/v1/jobs/{job_id}/audio",
    response_class=Response,
    responses={
        200: {**SOUND, "description": "The sound of a streamed job from its start, as it is made"},
        303: {"description": "To the file, when the job is done"},
        **problems((409, "Nothing can be heard: not streamed, failed, or no sound at all")),
    },
)
async def hear_job(job_id: str, request: Request, principal: Caller, runtime: RuntimeDep) -> Response:
    """The sound of a job: its file when it is done, else what is there of it and the rest as it is made."""
    row = await runtime.jobs.get(principal.owner, job_id)
    for output in (await runtime.view(row, base_url(request)))["outputs"][:1]:
        if output["kind"] == "audio":
            return RedirectResponse(output["url"], 303, headers={"Cache-Control": "no-store"})
    if row.status in FINISHED:
        raise SoundNotThere("the job made no sound" if row.status == "succeeded" else f"the job has {row.status}")
    if runtime.jobs.live(job_id) is None:
        streams = "it runs in another process" if row.input.get("stream") else "it was not asked with `stream: true`"
        raise SoundNotThere(f"the job has not ended, and {streams}; follow its events, and ask when it has")
    return await listen(request, row)


@router.get(
    "/v1/jobs/{job_id}/events",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "Server-sent events, the last one `completed`"},
        204: {"description": "The job has ended, and the reader has all of its events"},
        **problems((429, "Too many event streams are open")),
    },
)
async def follow_job(
    job_id: str,
    request: Request,
    principal: Caller,
    runtime: RuntimeDep,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """What happens to the job as server-sent events; resumes after `Last-Event-ID`."""
    newest = await runtime.database.read(event_rows.last_seq, job_id)  # before the status: `completed` is then no older
    row = await runtime.jobs.get(principal.owner, job_id)
    after = min(last_seen(last_event_id), newest)
    if row.status in FINISHED and after == newest > 0:
        return Response(status_code=204)
    return EventStream(request, principal, _lines(runtime, principal.owner, job_id, after, base_url(request)))


async def _lines(runtime: Runtime, owner: str, job_id: str, after: int, base: str) -> AsyncIterator[bytes]:
    with suppress(NotFound):  # deleted while it was followed
        async for event in runtime.jobs.events(owner, job_id, after):
            if event is None:
                yield STILL_HERE
                continue
            yield event_bytes(event.seq, event.type, await _event_data(runtime, owner, job_id, event, base))


async def _event_data(runtime: Runtime, owner: str, job_id: str, event: EventRow, base: str) -> dict[str, Any]:
    if event.type in ("completed", "output"):
        view = await runtime.view(await runtime.jobs.get(owner, job_id), base)
        if event.type == "completed":
            return view
        index = event.data["index"]
        made = view["outputs"]  # without an output whose object was lost since
        return {**event.data, "output": made[index]} if index < len(made) else event.data
    data = {"job_id": job_id, "at": rfc3339(event.at), **event.data}
    if event.type == "queued":
        row = await runtime.jobs.get(owner, job_id)
        data["position"] = runtime.execution.position(row) or 0
    return data
