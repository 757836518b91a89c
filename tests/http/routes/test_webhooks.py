"""The signing secret is for its owner's eyes, once: no cache on the way keeps it."""

import pytest

from tests.support.service import Service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]


async def test_an_answer_with_a_secret_is_stored_nowhere(service: Service) -> None:
    reply = await service.http.get("/v1/webhooks/secret")
    assert reply.json()["secret"].startswith("whsec_")
    assert reply.headers["cache-control"] == "no-store"
