"""`/v1/status`: for administrators, what `continuo doctor` tells of the machine that the service runs on."""

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from serve_app.checks import Check, inspect, report
from serve_app.errors import Forbidden
from serve_app.http.routes.common import Caller, RuntimeDep
from serve_app.http.schemas import Problem, StatusReport

_REFUSED: dict[int | str, dict[str, Any]] = {
    403: {"model": Problem, "description": "Not an administrator", "content": {"application/problem+json": {}}}
}

router = APIRouter(tags=["health"])


@router.get("/v1/status", response_model=StatusReport, responses=_REFUSED)
async def get_status(principal: Caller, runtime: RuntimeDep) -> Response:
    """What the machine of this ingress replica has and lacks; 200 whatever was found.

    For administrators: without keys, on loopback, the local owner; with keys, whoever has one of the owner `admin`.
    """
    if not principal.is_admin:
        raise Forbidden(
            "the state of the machine is for administrators: use a key whose owner is 'admin' "
            "(continuo keys create NAME --owner admin)"
        )
    found = await asyncio.to_thread(inspect, runtime.args)
    found += [
        Check(f"loop {name}", "failed", f"does not get on: {reason}", "look at the database, the store and the log")
        for name, reason in runtime.loops.failing().items()
    ]
    return JSONResponse(report(found))
