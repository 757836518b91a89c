"""Errors as answers: RFC 9457, and OpenAI's shape on the routes that speak its API."""

import json
from typing import Any

from starlette.responses import JSONResponse
from starlette.routing import Match
from starlette.types import Scope

from serve_app import logs
from serve_app.errors import ContinuoError, openai_error, openai_status, problem


class ErrorResponse(JSONResponse):
    """In ASCII, because an error may quote names that no UTF-8 can hold (half of a surrogate pair)."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, separators=(",", ":")).encode()


class ProblemResponse(ErrorResponse):
    """RFC 9457."""

    media_type = "application/problem+json"


def problem_response(error: ContinuoError, path: str, **more: Any) -> JSONResponse:
    """An error as application/problem+json."""
    body = problem(error, instance=path, request_id=logs.request_id.get()) | more
    return ProblemResponse(body, error.status, _headers(error))


def openai_response(error: ContinuoError) -> JSONResponse:
    """An error in OpenAI's shape; its clients retry by the status unless a header says whether it helps."""
    retry = {"X-Should-Retry": str(error.retryable).lower()}
    return ErrorResponse(openai_error(error), openai_status(error), _headers(error) | retry)


def error_response(error: ContinuoError, scope: Scope, **more: Any) -> JSONResponse:
    """An error as the route that this request is for tells it, also before the request has come there."""
    routes = getattr(scope["app"].state, "openai_routes", ())
    if any(route.matches(scope)[0] is not Match.NONE for route in routes):
        return openai_response(error)
    return problem_response(error, scope["path"], **more)


def _headers(error: ContinuoError) -> dict[str, str]:
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    elif error.status in (429, 503):
        headers["Retry-After"] = "5"
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers
