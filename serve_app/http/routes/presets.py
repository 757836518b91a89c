"""`/v1/presets`: the sounds that can be asked for by name, searched by meaning."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from serve_app.errors import Invalid, NotFound, unknown_name
from serve_app.http.routes.common import Caller, RuntimeDep
from serve_app.http.schemas import PresetList, PresetPage, PresetQuery

router = APIRouter(tags=["presets"])


@router.get("/v1/presets", response_model=PresetList)
async def list_presets(
    request: Request,
    principal: Caller,
    runtime: RuntimeDep,
    query: Annotated[PresetQuery, Query()],
) -> Response:
    """Presets, with a query the best first and with their scores."""
    wanted = query.role.strip().upper() if query.role is not None else None
    found: dict[str, Any] = await runtime.ask_presets("presets", query.q, wanted, query.limit)
    if wanted is not None and wanted not in found["roles"]:
        detail = unknown_name("role", wanted, found["roles"])
        raise Invalid(detail, [{"pointer": "/role", "detail": detail}])
    return JSONResponse({"results": found["presets"], "next": None})


@router.get("/v1/presets/{name}", response_model=PresetPage)
async def get_preset(name: str, request: Request, principal: Caller, runtime: RuntimeDep) -> Response:
    """One preset in full, as its file says it, in the engine's units."""
    found = await runtime.ask_presets("preset", name)
    if found["preset"] is None:
        raise NotFound(unknown_name("preset", name, found["known"]))
    return JSONResponse(found["preset"])
