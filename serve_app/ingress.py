"""HTTP in: the application of routes over a Runtime, and the Serve deployment that holds both."""

import asyncio
import socket
import time
from contextlib import nullcontext, suppress
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from serve_app import __version__
from serve_app.addresses import bind
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
from serve_app.middleware import RequestEnvelope, problem_response
from serve_app.routes import audio, files, health, jobs, models, presets, status, webhooks
from serve_app.runtime import Runtime
from serve_app.schemas import GenerationRequest, JobRequest, OutputSettings

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
    for module in (audio, jobs, models, presets, webhooks, files, health, status):
        app.include_router(module.router)
    app.add_exception_handler(ContinuoError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_middleware(
        RequestEnvelope,
        body_bytes=lambda: runtime.jobs.limits.body_bytes,
        tells_id=not behind_serve,
        closing=runtime.jobs.grace_over.is_set,
    )
    return app


async def _on_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ContinuoError)
    return problem_response(error, request.url.path)


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    details = error.errors()
    if any(item["type"] == "json_invalid" for item in details):
        where = details[0].get("ctx", {}).get("error", "")
        return problem_response(Malformed(f"the body is not JSON: {where}"), request.url.path)
    known = [*JobRequest.model_fields, *GenerationRequest.model_fields, *OutputSettings.model_fields]
    body: Any = [{**item, "loc": tuple(item["loc"])[1:]} for item in details]  # without "body", "query", "header"
    found = field_errors(body, "", known)
    return problem_response(Invalid(f"{found[0]['pointer']}: {found[0]['detail']}", found), request.url.path)


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code, RequestError)
    response = problem_response(kind(str(error.detail)), request.url.path)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


LINGER_S = 0.5


class Listener:
    """Our own HTTP server in the ingress replica, used where no proxy of Ray's stands before it.

    A laptop needs neither Ray's Python proxy (5 ms of CPU for each request) nor HAProxy (which binds all interfaces).
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        import uvicorn

        config = uvicorn.Config(
            app,
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )
        self.server = uvicorn.Server(config)
        self.socket = bind(host, port, shared=True)
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Accept connections."""
        self.server.config.load()
        self.server.lifespan = self.server.config.lifespan_class(self.server.config)
        self.server.capture_signals = _no_signals  # type: ignore[method-assign]
        self.task = asyncio.create_task(self.server.serve([self.socket]))
        while not self.server.started and not self.task.done():  # noqa: ASYNC110  (uvicorn has no event for it)
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Close the door without cutting anybody off.

        Whoever waited for a job has just been answered and may ask again: they are answered for a moment longer. Then
        no connection is accepted, those that were have 5 s to send their request and are answered with
        `Connection: close`, and the server ends.
        """
        await asyncio.sleep(LINGER_S)
        self.socket.listen(0)  # from here on the kernel's queue takes one connection, however long we are held up
        late = self._accept_all()  # what lies in the queue would be reset
        for listening in self.server.servers:
            listening.close()
        for connection in late:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        until = time.monotonic() + 5.0
        while time.monotonic() < until and any(map(expects_answer, self.server.server_state.connections)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        self.server.should_exit = True
        if self.task is not None:
            await self.task

    def _accept_all(self) -> list[socket.socket]:
        accepted: list[socket.socket] = []
        with suppress(OSError):  # BlockingIOError where no more wait; no other may keep the server from stopping
            while True:
                connection, _ = self.socket.accept()
                connection.setblocking(False)
                accepted.append(connection)
        return accepted

    def _protocol(self) -> asyncio.Protocol:
        """As uvicorn makes one for each connection that it accepts itself."""
        make: Any = self.server.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.server.config,
            server_state=self.server.server_state,
            app_state=self.server.lifespan.state,
            _loop=asyncio.get_running_loop(),
        )
        return protocol


def expects_answer(connection: Any) -> bool:
    """Whether a connection of uvicorn's has not been answered yet: new ones, and requests under way."""
    cycle = getattr(connection, "cycle", None)
    return cycle is None or not cycle.response_complete


def _no_signals() -> Any:
    """Signals belong to the process that started the service."""
    return nullcontext()
