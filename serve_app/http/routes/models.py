"""`/v1/models`: what is served here, and in which state it is."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serve_app.http.routes.common import Caller, RuntimeDep
from serve_app.http.schemas import ModelCard, ModelList
from serve_app.jobs.catalogue import CatalogueEntry

router = APIRouter(tags=["models"])


@router.get("/v1/models", response_model=ModelList)
async def list_models(request: Request, principal: Caller, runtime: RuntimeDep) -> Response:
    """Every configured model."""
    states = await runtime.model_states()
    return JSONResponse({"object": "list", "data": [card(item, states[item.name]) for item in runtime.catalogue]})


@router.get("/v1/models/{name}", response_model=ModelCard)
async def get_model(name: str, request: Request, principal: Caller, runtime: RuntimeDep) -> Response:
    """One model."""
    item = runtime.catalogue[name]
    states = await runtime.model_states()
    return JSONResponse(card(item, states[name]))


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
        **(info.sound.model_dump(exclude={"loudness_lufs"}) if info.sound else {}),
        **(info.image.model_dump() if info.image else {}),
        "licence": info.licence.model_dump(exclude_none=True),
        "memory_gib": info.memory_gib,
        "fallback": list(item.entry.fallback),
        **state,
    }
