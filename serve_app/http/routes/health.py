"""Liveness, readiness, metrics."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, PlainTextResponse, Response

from serve_app.errors import ContinuoError, Draining
from serve_app.http.problems import problem_response
from serve_app.http.routes.common import Caller, RuntimeDep

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(runtime: RuntimeDep) -> Response:
    """Jobs are accepted: database and storage answer, a model can be reached, and the service is not stopping."""
    try:
        if runtime.jobs.draining.is_set():
            raise Draining
        await runtime.check()
    except ContinuoError as error:
        return problem_response(error, "/readyz")
    return JSONResponse({"status": "ready"})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(runtime: RuntimeDep, principal: Caller) -> Response:
    """Prometheus text format, per model, of this ingress replica."""
    await runtime.gauge()
    return Response(runtime.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
