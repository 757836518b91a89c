"""HTTP in: the application of routes over a Runtime."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Match
from starlette.types import Scope

from serve_app import __version__
from serve_app.errors import (
    ContinuoError,
    Forbidden,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotFound,
    RequestError,
    Unauthenticated,
    field_errors,
)
from serve_app.http.doors import Doors
from serve_app.http.forwarded import Forwarded, PublicUrl
from serve_app.http.middleware import Guard, RequestEnvelope
from serve_app.http.open_streams import OpenStreams
from serve_app.http.problems import error_response
from serve_app.http.routes import (
    assets,
    files,
    health,
    jobs,
    models,
    presets,
    status,
    voices,
    webhooks,
)
from serve_app.http.routes.common import OpenAIRoute, PlainRoute
from serve_app.http.routes.media import audio, images, speech
from serve_app.runtime import Runtime

_CORS: dict[str, Any] = {
    "allow_methods": ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
    "allow_headers": (
        "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "If-Range", "Last-Event-ID",
        "Prefer", "Range", "X-Request-Id",
    ),
    "expose_headers": (
        "Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Idempotency-Replayed", "Location",
        "Preference-Applied", "Retry-After", "X-Job-Id", "X-Request-Id",
    ),
}  # fmt: skip
_BY_STATUS = {400: Malformed, 401: Unauthenticated, 403: Forbidden, 404: NotFound, 405: MethodNotAllowed}


def create_app(runtime: Runtime, behind_serve: bool = False) -> FastAPI:
    """The routes over `runtime`. Without Ray, too: tests give a Runtime whose handles are local objects.

    `behind_serve`: Ray's own HTTP layer answers with the X-Request-Id that it handed us.
    """
    app = FastAPIOffline(
        title="Continuo",
        version=__version__,
        summary="Generated sound over HTTP",
        docs_url="/docs",
        redoc_url=None,
        static_url="/docs/assets",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.runtime = runtime
    app.state.event_streams, app.state.sound_streams = OpenStreams("event streams"), OpenStreams("streamed sounds")
    routers = [
        module.router
        for module in (audio, speech, images, voices, assets, jobs, models, presets, webhooks, files, health, status)
    ]
    for router in routers:
        app.include_router(router)
    app.state.openai_routes = [route for router in routers for route in router.routes if isinstance(route, OpenAIRoute)]
    app.add_exception_handler(ContinuoError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    args = runtime.args  # the last to be added is the first to see a request
    doors = Doors(args)
    knows = partial(_knows, app)
    if args.public_url:
        app.add_middleware(PublicUrl, url=args.public_url, knows=knows)
    app.add_middleware(Guard, doors=doors, body_bytes=_body_bytes(runtime, routers))
    if args.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=args.cors_origins, **_CORS)
    app.add_middleware(RequestEnvelope, tells_id=not behind_serve, closing=runtime.jobs.grace_over.is_set)
    if args.trusted_proxies or behind_serve:
        app.add_middleware(Forwarded, trusted=args.trusted_proxies, doors=doors, knows=knows, behind_serve=behind_serve)
    return app


def _body_bytes(runtime: Runtime, routers: Sequence[APIRouter]) -> Callable[[Scope], int]:
    """How long the body of a request may be, as its route says."""
    own = {route.path: route for router in routers for route in router.routes if isinstance(route, PlainRoute)}

    def most(scope: Scope) -> int:
        route = own.get(scope["path"])
        return route.body_bytes(runtime, Headers(scope=scope)) if route else runtime.jobs.limits.body_bytes

    return most


def _knows(app: FastAPI, scope: Scope) -> bool:
    """Whether there is a route for the path, with whatever method, with or without a slash at its end."""
    bare = {**scope, "path": scope["path"].rstrip("/")}
    return any(route.matches(bare)[0] is not Match.NONE for route in app.routes)


def _methods_of(request: Request) -> list[str]:
    """The methods that the path of a request has."""
    asked = {method: {**request.scope, "method": method} for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}
    found = [name for name, scope in asked.items() if _matches(request.app, scope)]
    return ["GET", "HEAD", *found[1:]] if found[:1] == ["GET"] else found


def _matches(app: FastAPI, scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in app.routes)


async def _on_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ContinuoError)
    return error_response(error, request.scope)


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    details = error.errors()
    if any(item["type"] == "json_invalid" for item in details):
        where = details[0].get("ctx", {}).get("error", "")
        return error_response(Malformed(f"the body is not JSON: {where}"), request.scope)
    without_place: Any = [{**item, "loc": tuple(item["loc"])[1:]} for item in details]  # "query", "header"
    found = field_errors(without_place, "", None, _query_of(request))
    return error_response(Invalid(f"{found[0]['pointer']}: {found[0]['detail']}", found), request.scope)


def _query_of(request: Request) -> list[str]:
    """The names that may stand in the query of a request, as its route is documented."""
    described = request.app.openapi()["paths"].get(request.scope["route"].path, {}).get(request.method.lower(), {})
    return [item["name"] for item in described.get("parameters", ()) if item["in"] == "query"]


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code, RequestError)
    response = error_response(kind(str(error.detail)), request.scope)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(_methods_of(request))
    return response
