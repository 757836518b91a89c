"""`/v1/webhooks`: what a receiver needs to check our signatures."""

from fastapi import APIRouter, Response

from serve_app.http.routes.common import Caller, RuntimeDep
from serve_app.notify.webhooks import secret_of

router = APIRouter(tags=["webhooks"])


@router.get("/v1/webhooks/secret")
async def read_secret(response: Response, principal: Caller, runtime: RuntimeDep) -> dict[str, str]:
    """The caller's signing secret (Standard Webhooks), made at the first look."""
    response.headers["Cache-Control"] = "no-store"
    return {"secret": await secret_of(runtime.database, principal.owner)}
