"""`/v1/webhooks`: what a receiver needs to check our signatures. `/v1/callbacks/{token}`: what a provider calls."""

from fastapi import APIRouter, Response

from serve_app.http.routes.common import Caller, RuntimeDep
from serve_app.notify.webhooks import secret_of

router = APIRouter()


@router.get("/v1/webhooks/secret", tags=["webhooks"])
async def read_secret(response: Response, principal: Caller, runtime: RuntimeDep) -> dict[str, str]:
    """The caller's signing secret (Standard Webhooks), made at the first look."""
    response.headers["Cache-Control"] = "no-store"
    return {"secret": await secret_of(runtime.database, principal.owner)}


@router.post("/v1/callbacks/{token}", status_code=204, response_class=Response, tags=["callbacks"])
async def call_back(token: str, runtime: RuntimeDep) -> Response:
    """Wake the job that the token was made for. 204 whether there is one or not, or it was woken before.

    It needs no key, and nothing of what is sent is read.
    """
    await runtime.resumption.call_back(token)
    return Response(status_code=204)
