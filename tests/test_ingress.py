"""What the application answers by itself: methods that a path has not, names that a query does not know."""

import pytest

from tests.support.service import Service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/jobs", "GET, HEAD, POST"),
        ("/v1/jobs/job_x", "GET, HEAD, DELETE"),
        ("/v1/jobs/job_x/cancel", "POST"),
        ("/v1/audio/generations", "POST"),
        ("/v1/models", "GET, HEAD"),
        ("/docs", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_there_names_all_that_are(service: Service, path: str, allowed: str) -> None:
    for method in ("PATCH", "BREW"):
        reply = await service.http.request(method, path)
        assert (reply.status_code, reply.headers["allow"]) == (405, allowed)
