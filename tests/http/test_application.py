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


@pytest.mark.parametrize(
    ("query", "at", "hint"),
    [
        ("/v1/jobs?statuss=queued", "/statuss", "did you mean 'status'?"),
        ("/v1/jobs?Limit=2", "/Limit", "did you mean 'limit'?"),
        ("/v1/jobs?limit=2&after=x", "/after", "known: cursor, limit, model, status"),
        ("/v1/jobs?tag=rain", "/tag", "known: cursor, limit, model, status"),
        ("/v1/jobs?starred=true", "/starred", "known: cursor, limit, model, status"),
        ("/v1/jobs?q=rain", "/q", "known: cursor, limit, model, status"),
        ("/v1/jobs?parent=job_x", "/parent", "known: cursor, limit, model, status"),
        ("/v1/presets?rolle=PAD", "/rolle", "did you mean 'role'?"),
        ("/v1/jobs?cursor=zzz", "/cursor", "give the `next` of a page"),
        ("/v1/jobs?cursor=", "/cursor", "give the `next` of a page"),
        ("/v1/jobs?cursor=job_" + "I" * 26, "/cursor", "give the `next` of a page"),
    ],
)
async def test_a_name_or_a_cursor_that_a_list_does_not_know_is_refused(
    service: Service, query: str, at: str, hint: str
) -> None:
    for method in ("GET", "HEAD"):
        reply = await service.http.request(method, query)
        assert reply.status_code == 422
    found = (await service.http.get(query)).json()
    assert (found["code"], found["errors"][0]["pointer"]) == ("invalid", at)
    assert hint in found["errors"][0]["detail"]
