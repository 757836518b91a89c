"""`/v1/assets`: files that callers bring, to be named where a model takes one."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response

from serve_app.assets.assets import Kept
from serve_app.errors import Invalid, UnsupportedMediaType
from serve_app.http.asset_schemas import Asset, AssetList, AssetQuery, AssetRequest
from serve_app.http.routes.common import (
    Caller,
    RuntimeDep,
    UploadRoute,
    base_url,
    caller,
    media_type_of,
    problems,
    read_json,
    runtime_of,
)
from serve_app.notify.views import rfc3339
from serve_app.records.asset_rows import AssetRow, Place

router = APIRouter(tags=["assets"])

_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary", "description": "A sound or a picture."}},
}
_REFUSED = problems(
    (400, "Neither a form nor JSON"),
    (401, "No valid key"),
    (403, "The files of this owner take all the room that they may"),
    (413, "File too large"),
    (415, "Neither multipart/form-data nor application/json"),
    (422, "Neither a sound nor a picture, or the URL cannot be fetched"),
    (429, "Too many files of this owner are on their way"),
)


async def create_asset(request: Request) -> Response:
    """Bring a file: as multipart `file`, or as JSON with base64 or a URL. The same bytes again are the same file."""
    principal = await caller(request)
    read = _from_form if media_type_of(request) == "multipart/form-data" else _from_json
    with runtime_of(request).assets.receiving(principal.owner):
        kept = await read(request, principal.owner)
    response = JSONResponse(asset_view(kept.row), 201 if kept.new else 200)
    response.headers["Location"] = f"{base_url(request)}/v1/assets/{kept.row.id}"
    return response


router.add_api_route(
    "/v1/assets",
    create_asset,
    methods=["POST"],
    status_code=201,
    response_model=Asset,
    responses={200: {"model": Asset, "description": "The caller had it already"}, **_REFUSED},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": _FORM},
                "application/json": {"schema": AssetRequest.model_json_schema()},
            },
        }
    },
    route_class_override=UploadRoute,
)


async def _from_form(request: Request, owner: str) -> Kept:
    if request.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("compressed request bodies are not read")
    async with request.form(max_files=1, max_fields=8, max_part_size=4096) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            detail = "the form has no file of the name 'file'"
            raise Invalid(detail, [{"pointer": "/file", "detail": detail}])
        return await runtime_of(request).assets.store(owner, file.file, "/file")


async def _from_json(request: Request, owner: str) -> Kept:
    body = await read_json(request, AssetRequest)
    assets = runtime_of(request).assets
    if (body.data is None) == (body.url is None):
        detail = "give one of 'data' (base64) and 'url'"
        raise Invalid(detail, [{"pointer": "", "detail": detail}])
    if body.data is not None:
        return await assets.store_base64(owner, body.data, "/data")
    return await assets.fetch(owner, body.url or "", "/url")


@router.get("/v1/assets", response_model=AssetList)
async def list_assets(principal: Caller, runtime: RuntimeDep, query: Annotated[AssetQuery, Query()]) -> Response:
    """The caller's files, newest first."""
    rows, place = await runtime.assets.list(principal.owner, query.limit, _place(query.cursor))
    following = f"{place[0]!r}_{place[1]}" if place else None
    return JSONResponse({"results": [asset_view(row) for row in rows], "next": following})


@router.get("/v1/assets/{asset_id}", response_model=Asset)
async def get_asset(asset_id: str, principal: Caller, runtime: RuntimeDep) -> Response:
    """A file of the caller's."""
    return JSONResponse(asset_view(await runtime.assets.get(principal.owner, asset_id)))


@router.delete("/v1/assets/{asset_id}", status_code=204)
async def delete_asset(asset_id: str, principal: Caller, runtime: RuntimeDep) -> Response:
    """Remove a file; jobs that wait for their turn with it will fail."""
    await runtime.assets.delete(principal.owner, asset_id)
    return Response(status_code=204)


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    created_at, _, asset_id = cursor.partition("_")
    return float(created_at), asset_id


def asset_view(row: AssetRow) -> dict[str, Any]:
    """A file as JSON."""
    return {
        "id": row.id,
        "kind": row.kind,
        "media_type": row.media_type,
        "bytes": row.bytes,
        "sha256": row.sha256,
        **row.facts,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
    }
