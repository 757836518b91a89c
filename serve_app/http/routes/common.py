"""What routes share: who calls, how long they wait, how a job is answered."""

import re
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

from serve_app import logs
from serve_app.assets.assets import inline_chars
from serve_app.errors import Invalid, JobCanceled, UnsupportedMediaType, from_code
from serve_app.http.bodies import parse
from serve_app.http.openai_schemas import OpenAIError
from serve_app.http.problems import error_response
from serve_app.http.schemas import Job, Problem, WebhookRequest
from serve_app.jobs.acceptance import Asked
from serve_app.jobs.plan import Plan
from serve_app.records.api_keys import Principal
from serve_app.records.rows import JobRow
from serve_app.records.states import FINISHED
from serve_app.runtime import Runtime

B = TypeVar("B", bound=BaseModel)

LONGEST_WAIT_S = 60
SURROUNDING_BYTES = 16 << 10  # of a form around its file, of JSON around its text
_SECONDS = re.compile(r"[0-9]{1,300}(?:\.[0-9]{1,300})?")


def problems(*found: tuple[int, str]) -> dict[int | str, dict[str, Any]]:
    """Errors of a route as the documentation shows them."""
    content: dict[str, Any] = {"application/problem+json": {}}
    return {status: {"model": Problem, "description": text, "content": content} for status, text in found}


JOB_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": Job, "description": "Done: from the cache, or replayed by its Idempotency-Key"},
    201: {"model": Job, "description": "Done within the wait"},
    202: {"model": Job, "description": "Accepted; follow `urls.self` or `urls.events`"},
    **problems(
        (400, "Not JSON"),
        (401, "No valid key"),
        (403, "A page of another site"),
        (408, "Body came too slowly"),
        (413, "Body too large"),
        (415, "Not application/json"),
        (421, "Not our host name"),
        (422, "A field is wrong"),
        (429, "Queue is full"),
        (503, "Not available now"),
        (507, "Storage is full"),
    ),
}


def runtime_of(request: Request) -> Runtime:
    """The parts behind the routes."""
    runtime: Runtime = request.app.state.runtime
    return runtime


async def _runtime(request: Request) -> Runtime:
    """`runtime_of` as a dependency; async, because FastAPI sends others through a thread."""
    return runtime_of(request)


async def caller(request: Request) -> Principal:
    """On whose behalf the request acts. Raises Unauthenticated."""
    return await runtime_of(request).principal_of(request.headers.get("authorization"))


def bounded(digits: str) -> int:
    """A number that a header names, in however many digits; anything from 10^18 on, where nothing ends, is that."""
    return int(digits) if len(digits.lstrip("0")) <= 18 and len(digits) <= 1000 else 10**18


def base_url(request: Request) -> str:
    """This service as the caller reached it, without a slash at the end."""
    return str(request.base_url).rstrip("/")


RuntimeDep = Annotated[Runtime, Depends(_runtime)]
Caller = Annotated[Principal, Depends(caller)]


@dataclass(frozen=True)
class Preference:
    """How long the caller wants to wait; `applied` is told back."""

    wait_s: float
    applied: str


def preference(lines: Iterable[str], default_wait_s: float) -> Preference:
    """Read the Prefer headers (RFC 7240): what is not understood is ignored, a wait over 60 s is one of 60 s.

    `respond-async` with a wait means to answer 202 only after that time.
    """
    wanted: dict[str, str] = {}
    for item in _split(",".join(lines), ","):
        name, _, value = next(iter(_split(item, ";")), "").partition("=")
        wanted.setdefault(name.strip().lower(), _unquoted(value.strip()))
    wait = wanted.get("wait")
    if wait is not None and (not wait or _SECONDS.fullmatch(wait)):
        wait_s = min(float(wait or LONGEST_WAIT_S), LONGEST_WAIT_S)
        asynchronous = "respond-async, " if "respond-async" in wanted else ""
        return Preference(wait_s, f"{asynchronous}wait={wait_s:g}")
    wait_s = 0 if "respond-async" in wanted else default_wait_s
    return Preference(wait_s, f"wait={wait_s:g}" if wait_s else "respond-async")


def _split(text: str, separator: str) -> list[str]:
    """The parts of a header between separators that stand in no quoted string."""
    return re.findall(rf'(?:[^{separator}"]|"(?:[^"\\]|\\.)*"?)+', text)


def _unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if quoted else value


_HEADERS = (
    ("Prefer", "wait, wait=seconds (at most 60), respond-async (RFC 7240)"),
    ("Idempotency-Key", "The same key and body again give the stored answer"),
)


class PlainRoute(APIRoute):
    """A route of FastAPI's, with its place in the documentation, whose function reads the request by itself."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function as it is, without the solving of dependencies."""
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            answered: Response = await endpoint(request)
            return answered

        return handle

    def body_bytes(self, runtime: Runtime, headers: Headers) -> int:
        """How long a body may be."""
        return runtime.jobs.limits.body_bytes


class JobRoute(PlainRoute):
    """A route that makes a job: where a model takes files, one of them may stand in the body as a data URI."""

    def body_bytes(self, runtime: Runtime, headers: Headers) -> int:
        """Room for such a file and the rest."""
        plain = runtime.jobs.limits.body_bytes
        return plain + inline_chars(runtime.args.assets) * any(runtime.catalogue.file_fields("auto"))


class UploadRoute(PlainRoute):
    """A route that takes a file: as a form, which is kept on disk as it comes, or in JSON."""

    def body_bytes(self, runtime: Runtime, headers: Headers) -> int:
        """Room for the largest file and what surrounds it."""
        limits = runtime.args.assets
        whole = headers.get("content-type", "").lower().startswith("multipart/form-data")
        return (limits.file_bytes if whole else inline_chars(limits)) + SURROUNDING_BYTES


def job_route(body: type[BaseModel]) -> dict[str, Any]:
    """What FastAPI shows of a route that makes a job from a `body`.

    These routes read headers and body by themselves: the caller is known before the body is looked at, and
    FastAPI's solving of dependencies would be a fifth of the time that the service itself takes for a job.
    """
    shown = [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in _HEADERS
    ]
    content = {"application/json": {"schema": body.model_json_schema()}}
    extra = {"parameters": shown, "requestBody": {"required": True, "content": content}}
    return {"responses": JOB_RESPONSES, "openapi_extra": extra, "route_class_override": JobRoute}


def json_route(method: str, body: type[BaseModel], answer: type[BaseModel]) -> dict[str, Any]:
    """What FastAPI shows of a route that reads a `body` by itself: the caller is known before it is looked at."""
    content = {"application/json": {"schema": body.model_json_schema()}}
    refused = problems((400, "Not JSON"), (401, "No valid key"), (415, "Not JSON"), (422, "A field is wrong"))
    return {
        "methods": [method],
        "response_model": answer,
        "responses": refused,
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
        "route_class_override": PlainRoute,
    }


class OpenAIRoute(JobRoute):
    """A route of OpenAI's API: its errors have that shape, wherever on the way to it they are met."""


def openai_route(body: type[BaseModel], answer: type[BaseModel]) -> dict[str, Any]:
    """As `job_route`, of a route that takes and gives what OpenAI's does, and errors in its shape."""
    errors: dict[int | str, dict[str, Any]] = {
        "4XX": {"model": OpenAIError, "description": "The request is wrong, or cannot be served now"},
        "5XX": {"model": OpenAIError, "description": "The job failed, or the service cannot serve it now"},
    }
    responses = {200: {"model": answer, "description": "Done"}, 202: JOB_RESPONSES[202], **errors}
    return {**job_route(body), "responses": responses, "route_class_override": OpenAIRoute}


def media_type_of(request: Request) -> str:
    """The type of the body, without parameters."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def read_json(request: Request, kind: type[B], also_known: Iterable[str] = (), *, or_empty: bool = False) -> B:
    """The body as `kind`; none is an empty object where it may be (`or_empty`).

    Raises Malformed, UnsupportedMediaType, or Invalid with a pointer to every wrong field.
    """
    if request.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("compressed request bodies are not read")
    raw = await request.body()
    if raw and media_type_of(request) != "application/json":
        raise UnsupportedMediaType("send the body as 'Content-Type: application/json'")
    return await parse(raw or b"{}" if or_empty else raw, kind, also_known)


@dataclass(frozen=True)
class Terms:
    """What of a job request does not depend on its model."""

    model: str
    priority: str
    deadline_s: float | None
    webhook: WebhookRequest | None


@dataclass(frozen=True)
class Submitted:
    """An accepted job, after the wait that the caller prefers."""

    row: JobRow
    replayed: bool
    preference: Preference

    def told(self, response: Response) -> Response:
        """The answer with what was done about the caller's headers."""
        response.headers["Preference-Applied"] = self.preference.applied
        if self.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response


async def answer(request: Request, principal: Principal, terms: Terms, plan: Plan, wait_s: float) -> Response:
    """Accept the job, wait as long as the caller prefers, answer with it."""
    job = await submitted(request, principal, terms, plan, wait_s)
    return job.told(await job_response(request, job.row, waited=job.preference.wait_s > 0, replayed=job.replayed))


async def submitted(request: Request, principal: Principal, terms: Terms, plan: Plan, wait_s: float) -> Submitted:
    """Accept the job and wait as long as the caller prefers, by default `wait_s`."""
    runtime = runtime_of(request)
    wanted = preference(request.headers.getlist("prefer"), wait_s)
    asked = await asked_by(request, principal, terms)
    accepted = await runtime.jobs.submit(asked, plan)
    row = accepted.row
    if wanted.wait_s and row.status not in FINISHED:
        row = await runtime.jobs.wait(row, wanted.wait_s)
    return Submitted(row, accepted.replayed, wanted)


async def asked_by(request: Request, principal: Principal, terms: Terms, *, cancel_with_caller: bool = False) -> Asked:
    """What the caller wants beside the plan. Raises Invalid for a webhook or an Idempotency-Key that is none."""
    if terms.webhook is not None:
        await runtime_of(request).webhooks.check_url(terms.webhook.url)
    return Asked(
        owner=principal.owner,
        model=terms.model,
        priority=terms.priority,
        deadline_s=terms.deadline_s,
        webhook=terms.webhook.model_dump(mode="json") if terms.webhook else None,
        idempotency_key=key_of(request.headers.get("idempotency-key")),
        request_id=logs.request_id.get(),
        key_id=principal.key_id,
        cancel_with_caller=cancel_with_caller,
        base_url=base_url(request),
    )


def key_of(header: str | None) -> str | None:
    """The Idempotency-Key, quoted or not. Raises Invalid for an empty or an over-long one."""
    if header is None:
        return None
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= 255:
        text = f"Idempotency-Key has {len(key)} characters; 1 to 255 are possible"
        raise Invalid(text, [{"pointer": "", "detail": text}])
    return key


async def job_response(request: Request, row: JobRow, *, waited: bool, replayed: bool) -> JSONResponse:
    """The job, or its error's problem when a caller waited for a job that failed."""
    runtime = runtime_of(request)
    view = await runtime.view(row, base_url(request))
    if waited and row.status in ("failed", "canceled"):
        error = row.error or {"code": JobCanceled.code, "detail": "the job was canceled", "errors": []}
        failed = from_code(error["code"], error["detail"], error.get("errors", ()))
        response = error_response(failed, request.scope, job_id=row.id)
    elif row.status in FINISHED and (row.cached or replayed):
        response = JSONResponse(view, 200)
    elif row.status in FINISHED and waited:
        response = JSONResponse(view, 201)
    else:
        response = JSONResponse(view, 202)
    response.headers["Location"] = view["urls"]["self"]
    return response
