"""`/v1/presets`: lists, searches with scores, shows one in full; and the synth is composed with the embedder."""

from collections.abc import AsyncIterator

import pytest
import synth_native

from tests.support.service import Service, args_in, entry, running

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    models = (
        entry("embedder", "deployments.parts.embedder:Embedder"),
        entry("synth", "deployments.synth:Synth", parts={"embedder": "embedder"}),
    )
    async with running(args_in(tmp_path_factory.mktemp("presets"), *models)) as service:
        yield service


async def test_a_search_gives_the_best_first_with_scores(service: Service) -> None:
    found = (await service.http.get("/v1/presets", params={"q": "crackling vinyl record", "limit": 5})).json()[
        "results"
    ]
    assert found[0]["id"] == "vinyl"
    scores = [item["score"] for item in found]
    assert len(found) == 5
    assert scores == sorted(scores, reverse=True)


async def test_a_list_without_a_query_is_by_id_and_of_the_role(service: Service) -> None:
    page = (await service.http.get("/v1/presets", params={"role": "bass", "limit": 1000})).json()
    assert {item["role"] for item in page["results"]} == {"BASS"}
    assert [item["id"] for item in page["results"]] == sorted(item["id"] for item in page["results"])
    assert {item["score"] for item in page["results"]} == {None}
    everything = (await service.http.get("/v1/presets", params={"limit": 1000})).json()["results"]
    assert len(everything) >= 150


async def test_one_preset_in_full_can_be_compiled(service: Service) -> None:
    preset = (await service.http.get("/v1/presets/pad")).json()
    assert (preset["id"], preset["role"], preset["score"]) == ("pad", "PAD", "chords")
    synth_native.compile(preset["graph"])


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/v1/presets/padd", 404, "did you mean 'pad'"),
        ("/v1/presets?role=BASE", 422, "did you mean 'BASS'"),
        ("/v1/presets?limit=0", 422, "limit"),
    ],
)
async def test_what_does_not_exist_is_told_with_the_nearest(
    service: Service, path: str, status: int, says: str
) -> None:
    answer = await service.http.get(path)
    assert answer.status_code == status
    assert says in answer.text


async def test_the_embedder_takes_no_jobs(service: Service) -> None:
    answer = await service.http.post("/v1/jobs", json={"model": "embedder", "input": {"prompt": "rain"}})
    assert answer.status_code == 422
    assert "embeds the texts of other models" in answer.json()["detail"]
