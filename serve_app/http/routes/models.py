"""`/v1/models`: what is served here, and in which state it is."""

from dataclasses import asdict

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app import __version__
from serve_app.http.routes.common import Caller, RuntimeDep
from serve_app.http.schemas import ModelList, ModelPage
from serve_app.jobs.catalogue import CatalogueEntry

router = APIRouter(tags=["models"])


@router.get("/v1/models", response_model=ModelList)
async def list_models(request: Request, principal: Caller, runtime: RuntimeDep) -> Response:
    """Every configured model."""
    states = await runtime.model_states()
    return JSONResponse({"object": "list", "data": [card(item, states[item.name]) for item in runtime.catalogue]})


@router.get("/v1/models/{name}", response_model=ModelPage)
async def get_model(name: str, request: Request, principal: Caller, runtime: RuntimeDep) -> Response:
    """One model, with its health over all processes."""
    item = runtime.catalogue[name]
    states = await runtime.model_states()
    figures = asdict(await runtime.model_health.of(name))
    version = f"{item.info.revision}+{__version__}"
    return JSONResponse({**card(item, states[name]), "health": {"version": version, **figures}})


def card(item: CatalogueEntry, state: dict[str, object]) -> dict[str, object]:
    """A model as JSON."""
    info = item.info
    return {
        "id": item.name,
        "object": "model",
        "created": 0,
        "owned_by": "continuo",
        "task": info.task,
        "capabilities": sorted(info.capabilities),
        "input_schema": item.input_schema(),
        **(info.sound.model_dump(exclude={"loudness_lufs", "typical_lufs"}) if info.sound else {}),
        **(info.image.model_dump() if info.image else {}),
        "licence": info.licence.model_dump(exclude_none=True),
        "memory_gib": info.memory_gib,
        "fallback": list(item.entry.fallback),
        **state,
    }
