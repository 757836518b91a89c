"""File strings: from a field of a request to the path that a model finds."""

import base64
import io
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from serve_app.config import sqlite_path
from serve_app.records import api_keys, asset_rows
from tests.assets import files
from tests.notify.test_outbound import Receiver, answer
from tests.support.models import Echo
from tests.support.service import Collector, Json, Service, args_in, entry, running, until

pytestmark = pytest.mark.anyio

WAV = files.sound("WAV")  # of 440 Hz, where the model by itself gives 880 Hz
DATA_URI = "data:audio/wav;base64," + base64.b64encode(WAV).decode()
LIMITS = {"allow": ["127.0.0.0/8"], "allow_http": True}


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    models = (entry("echo", "tests.support.models:Echo"), entry("tone"))
    async with running(args_in(tmp_path_factory.mktemp("files"), *models, assets=LIMITS)) as service:
        yield service


@pytest.fixture(autouse=True)
def forget() -> None:
    Echo.seen.clear()


async def asked(service: Service, reference: Any, status: int | None = None, **more: Any) -> Json:
    more.setdefault("seed", 1)
    return await service.job("again", model="echo", reference=reference, status=status, **more)


async def brought(service: Service, data: bytes = WAV, **more: Any) -> Json:
    return dict((await service.http.post("/v1/assets", files={"file": data}, **more)).json())


async def pitch_hz(service: Service, job: Json) -> float:
    """Of the job's sound: the frequency that is loudest."""
    ended = await service.ended(job)
    assert ended["status"] == "succeeded", ended["error"]
    data = service.runtime.storage.get(ended["outputs"][0]["key"])
    samples, rate_hz = soundfile.read(io.BytesIO(data), always_2d=True)
    return float(np.argmax(np.abs(np.fft.rfft(samples[:, 0]))) * rate_hz / len(samples))


async def test_every_way_to_name_a_file_makes_one_job_and_one_sound(service: Service) -> None:
    asset = await brought(service)
    first = await asked(service, asset["id"])
    assert first["input"]["reference"] == asset["id"]
    assert await pitch_hz(service, first) == pytest.approx(440, abs=3)
    async with Receiver(answer(200, body=WAV)).listening() as server:
        by_url = await asked(service, server.url())
    by_data = await asked(service, DATA_URI)
    for job in (by_url, by_data):
        assert job["input"] == first["input"]
        assert (await service.ended(job))["cached"]
    assert len(Echo.seen) == 1


async def test_the_model_has_the_bytes_while_it_runs_and_nobody_afterwards(service: Service) -> None:
    Echo.held.add("again")
    try:
        job = await asked(service, DATA_URI, seed=None)
        await until(lambda: bool(Echo.seen))
        [given] = Echo.seen
        assert given["reference"].read_bytes() == WAV
    finally:
        Echo.held.clear()
    await service.ended(job)
    await until(lambda: not given["reference"].parent.exists())


async def test_a_cancelled_job_leaves_no_file(service: Service) -> None:
    Echo.held.add("again")
    try:
        job = await asked(service, DATA_URI, seed=None)
        await until(lambda: bool(Echo.seen))
        await service.http.post(f"/v1/jobs/{job['id']}/cancel")
        await until(lambda: not Echo.seen[0]["reference"].parent.exists())
    finally:
        Echo.held.clear()


async def test_an_output_of_an_own_job_is_a_file(service: Service) -> None:
    made = await service.made("a tone", n=2, seed=5)
    for value in (made["id"], f"{made['id']}/outputs/1"):
        place = int(value.endswith("1"))
        job = await asked(service, value)
        row = await service.runtime.assets.get(job["owner"], job["input"]["reference"])
        assert row.sha256 == made["outputs"][place]["sha256"]
    assert (await asked(service, f"{made['id']}/outputs/2", 422))["errors"][0]["pointer"] == "/input/reference"
    await service.http.delete(f"/v1/jobs/{made['id']}")
    assert await pitch_hz(service, job) == pytest.approx(440, abs=3)  # the file is one of its own


async def test_an_unfinished_job_has_no_output_yet(service: Service) -> None:
    Echo.held.add("a long one")
    try:
        source = await service.job("a long one", model="echo")
        refused = await asked(service, source["id"], 409)
        assert (refused["code"], refused["retryable"]) == ("unfinished", True)
    finally:
        Echo.held.clear()


async def test_what_is_another_owners_is_nobodys(service: Service) -> None:
    key = await service.runtime.database.write(api_keys.create, "bob", "bob")
    bob = {"Authorization": f"Bearer {key.token}"}
    asset, job = await brought(service), await service.made("mine")
    for value in (asset["id"], job["id"], f"{job['id']}/outputs/0"):
        assert (await asked(service, value, 404, headers=bob))["code"] == "not_found"
    same = await asked(service, DATA_URI, headers=bob)
    assert same["input"]["reference"] != asset["id"]
    assert not (await service.ended(same, bob))["cached"]  # a private file's sound is its owner's


WRONG: dict[str, tuple[Any, int, str]] = {
    "no file string": ("hello", 422, "names no file"),
    "a path": ("/etc/passwd", 422, "names no file"),
    "a file URL": ("file:///etc/passwd", 422, "names no file"),
    "no string": (7, 422, "string"),
    "an unknown asset": ("ast_" + "0" * 32, 404, ""),
    "an unknown job": ("job_" + "0" * 26, 404, ""),
    "a data URI of text": ("data:text/plain,hello", 422, "names no file"),
    "a data URI without base64": ("data:audio/wav;base64,***", 422, "base64"),
    "a data URI that is no sound": ("data:audio/wav;base64,aGVsbG8=", 422, "no known format"),
    "a data URI of nothing": ("data:audio/wav;base64,", 422, "empty"),
    "a picture": ("data:;base64," + base64.b64encode(files.picture()).decode(), 422, "audio is needed"),
    "a private host": ("https://192.168.0.1/a.wav", 422, "public addresses"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_names_no_usable_file_is_refused(name: str, service: Service) -> None:
    value, status, words = WRONG[name]
    refused = await asked(service, value, status)
    if status == 422:
        assert refused["errors"][0]["pointer"] == "/input/reference"
        assert words in refused["errors"][0]["detail"]
    by_task = await service.http.post(
        "/v1/audio/generations", json={"model": "echo", "prompt": "x", "reference": value}
    )
    assert by_task.status_code == status
    if status == 422:
        assert by_task.json()["errors"][0]["pointer"] == "/reference"


async def test_a_model_without_files_says_who_takes_them(service: Service) -> None:
    refused = await service.job("x", model="tone", reference=DATA_URI, status=422)
    assert "echo" in refused["detail"]
    assert "base64" not in str(refused)
    routed = await service.job("x", model="auto", reference=DATA_URI)
    assert routed["model_used"] == "echo"


async def test_a_data_uri_stands_in_no_row_event_or_log(tmp_path: Path, log: Collector) -> None:
    args = args_in(tmp_path, entry("echo", "tests.support.models:Echo"), assets=LIMITS, log_level="DEBUG")
    async with running(args) as service:
        job = await asked(service, DATA_URI)
        await asked(service, "data:audio/wav;base64,***", 422)
        told = [await service.ended(job), *(await service.events(job))]
    database = sqlite3.connect(str(sqlite_path(args.database_url)))
    stored = "\n".join(database.iterdump())
    database.close()
    for text in (stored, str(told), "\n".join(log.lines)):
        assert "base64" not in text
        assert DATA_URI[40:80] not in text
    assert job["input"]["reference"] in stored


async def test_a_replayed_key_compares_the_files_and_not_their_names(service: Service) -> None:
    asset, headers = await brought(service), {"Idempotency-Key": "one"}
    first = await asked(service, asset["id"], headers=headers)
    again = await asked(service, DATA_URI, headers=headers)
    assert again["id"] == first["id"]
    other = base64.b64encode(files.sound(seconds=0.9)).decode()
    refused = await asked(service, f"data:;base64,{other}", 422, headers=headers)
    assert refused["code"] == "idempotency_mismatch"


async def test_use_prolongs_the_time_of_a_file(service: Service) -> None:
    asset = await brought(service)
    await service.runtime.database.write(asset_rows.use, "local", asset["id"], 60.0)
    near = (await service.runtime.assets.get("local", asset["id"])).expires_at
    await asked(service, asset["id"])
    assert (await service.runtime.assets.get("local", asset["id"])).expires_at > near + 1000


async def test_a_job_whose_file_was_deleted_fails_with_its_pointer(service: Service) -> None:
    Echo.held.add("first")
    try:
        waiting = [await service.job("first", model="echo", seed=place) for place in range(4)]
        asset = await brought(service, files.sound(seconds=0.4))
        job = await asked(service, asset["id"], seed=None)
        assert job["status"] == "queued"
        await service.http.delete(f"/v1/assets/{asset['id']}")
    finally:
        Echo.held.clear()
    for item in waiting:
        await service.ended(item)
    ended = await service.ended(job)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "invalid")
    assert "was deleted" in ended["error"]["detail"]


async def test_a_job_that_is_taken_up_again_finds_its_file(tmp_path: Path) -> None:
    args = args_in(tmp_path, entry("echo", "tests.support.models:Echo"), assets=LIMITS)
    Echo.held.add("again")
    try:
        async with running(args) as service:
            job = await asked(service, DATA_URI)
            await until(lambda: bool(Echo.seen))
    finally:
        Echo.held.clear()
    async with running(args) as service:
        assert await pitch_hz(service, job) == pytest.approx(440, abs=3)
    assert len(Echo.seen) == 2
