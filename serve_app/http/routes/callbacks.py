"""POST /v1/callbacks/{token}: a provider tells that something is ready. It needs no key, and nothing of it is read."""

from fastapi import APIRouter, Response

from serve_app.http.routes.common import RuntimeDep

router = APIRouter(tags=["callbacks"])


@router.post("/v1/callbacks/{token}", status_code=204, response_class=Response)
async def call_back(token: str, runtime: RuntimeDep) -> Response:
    """Wake the job that the token was made for. 204 whether there is one or not, or it was woken before."""
    await runtime.resumption.call_back(token)
    return Response(status_code=204)
