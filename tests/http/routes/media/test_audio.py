import io
from pathlib import Path

import pytest
import soundfile as sf

from tests.support.service import LONG, Json, Service, args_in, entry, running

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

URL = "/v1/audio/generations"


async def test_words_become_a_sound_within_the_request(service: Service) -> None:
    reply = await service.http.post(URL, json={"prompt": "a tone", "duration_s": 0.5})
    job = reply.json()
    assert (reply.status_code, reply.headers["preference-applied"]) == (201, "wait=60")
    assert (job["status"], job["model"], job["model_used"], job["task"]) == (
        "succeeded",
        "auto",
        "tone",
        "text-to-audio",
    )
    sound = await service.http.get(job["outputs"][0]["url"])
    assert sound.content[:4] == b"fLaC"


async def test_the_same_request_by_either_route_is_the_same_sound(service: Service) -> None:
    fields = {"prompt": "either", "duration_s": 0.5, "seed": 3}
    by_task = (await service.http.post(URL, json={"model": "tone", **fields})).json()
    by_job = await service.http.post("/v1/jobs", json={"model": "tone", "input": fields}, headers={"Prefer": "wait"})
    assert (by_job.status_code, by_job.json()["cached"]) == (200, True)
    assert by_job.json()["outputs"][0]["key"] == by_task["outputs"][0]["key"]
    assert by_job.json()["input"] == by_task["input"]


async def test_names_of_other_services_are_understood(service: Service) -> None:
    body = {"prompt": "x", "audio_length_in_s": 0.25, "num_waveforms_per_prompt": 2, "num_inference_steps": 3}
    job = (await service.http.post(URL, json=body)).json()
    assert [output["duration_s"] for output in job["outputs"]] == [0.25, 0.25]
    assert (job["input"]["steps"], job["input"]["n"]) == (3, 2)
    assert not job["input"].keys() & body.keys() - {"prompt"}


async def test_null_is_the_same_as_absent(service: Service) -> None:
    body = {"prompt": "null", "duration_s": 0.5, "seed": 3}
    nulls = dict.fromkeys(("n", "format", "sample_rate_hz", "loudness_lufs", "webhook", "deadline_s", "steps"))
    first = await service.http.post(URL, json=body)
    again = await service.http.post(URL, json={**body, **nulls})
    assert (first.status_code, again.status_code, again.json()["cached"]) == (201, 200, True)


@pytest.mark.parametrize(
    ("format", "media_type", "magic"),
    [
        ("wav", "audio/wav", b"RIFF"),
        ("flac", "audio/flac", b"fLaC"),
        ("opus", "audio/ogg", b"OggS"),
        ("mp3", "audio/mpeg", b""),
        ("aac", "audio/mp4", b"\0\0\0"),
    ],
)
async def test_every_format_is_served_as_what_it_is(
    service: Service, format: str, media_type: str, magic: bytes
) -> None:
    body = {"prompt": "x", "duration_s": 0.5, "format": format, "sample_rate_hz": 48_000}
    [output] = (await service.http.post(URL, json=body)).json()["outputs"]
    sound = await service.http.get(output["url"])
    assert (output["media_type"], sound.headers["content-type"], output["sample_rate_hz"]) == (
        media_type,
        media_type,
        48_000,
    )
    assert sound.content.startswith(magic)
    assert len(sound.content) == output["bytes"]


async def test_the_model_is_found_by_the_fields(service: Service) -> None:
    for field, model in (({"tempo_bpm": 90}, "chime"), ({"steps": 2}, "tone"), ({"frequency_hz": 300}, "tone")):
        job = (await service.http.post(URL, json={"prompt": "x", "duration_s": 0.2, **field})).json()
        assert (job["model"], job["model_used"]) == ("auto", model)


async def test_terms_are_no_part_of_the_sound(service: Service) -> None:
    body = {"prompt": "terms", "duration_s": 0.5, "seed": 3}
    await service.http.post(URL, json=body)
    reply = await service.http.post(URL, json={**body, "priority": "low", "deadline_s": 100})
    assert (reply.json()["cached"], "priority" in reply.json()["input"]) == (True, False)


async def test_a_caller_may_rather_not_wait(service: Service) -> None:
    body = {"prompt": "x", **LONG}
    reply = await service.http.post(URL, json=body, headers={"Prefer": "respond-async"})
    assert (reply.status_code, reply.headers["preference-applied"]) == (202, "respond-async")
    assert (await service.http.post(f"/v1/jobs/{reply.json()['id']}/cancel")).json()["status"] == "canceled"


async def test_a_sound_over_the_limit_of_its_bytes_is_refused(service: Service) -> None:
    limits, retention = service.runtime.jobs.limits, service.runtime.jobs.retention
    service.runtime.apply(limits.model_copy(update={"sound_bytes": 1 << 20}), retention)
    body = {"model": "tone", "prompt": "x", "duration_s": 10}
    reply = await service.http.post("/v1/audio/generations", json=body)
    service.runtime.apply(limits, retention)
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/duration_s")
    assert "1 MiB are possible: 3 s at this rate" in reply.json()["detail"]


@pytest.mark.parametrize("channels", [1, 2])
async def test_the_sound_has_the_channels_that_were_asked_for(service: Service, channels: int) -> None:
    body = {"model": "tone", "prompt": "x", "duration_s": 0.5, "format": "wav", "channels": channels}
    job = (await service.http.post(URL, json=body)).json()
    [output] = job["outputs"]
    sound = sf.info(io.BytesIO((await service.http.get(output["url"])).content))
    assert (sound.channels, output["channels"], job["input"]["channels"]) == (channels, channels, channels)


async def test_defaults_of_entries_make_the_sound(tmp_path: Path) -> None:
    args = args_in(
        tmp_path,
        entry("away", options={"fail_load": "gone"}, fallback=["low"], defaults={"duration_s": 0.25, "format": "wav"}),
        entry("low", defaults={"duration_s": 2, "format": "mp3", "sample_rate_hz": 8000, "channels": 1}),
    )

    async def made(model: str, **fields: object) -> tuple[Json, Json]:
        job = (await service.http.post(URL, json={"model": model, "prompt": "x", "seed": 1, **fields})).json()
        [output] = job["outputs"]
        return job, output

    async with running(args) as service:
        job, output = await made("low", channels=2, format=None)
        assert job["input"].items() >= {"duration_s": 2, "format": "mp3", "channels": 2}.items()
        assert (output["duration_s"], output["media_type"], output["channels"]) == (2, "audio/mpeg", 2)
        given, _ = await made("low", channels=2, format="mp3", duration_s=2, sample_rate_hz=8000)
        assert given["cached"]
        shown = (await service.http.get("/v1/models/low")).json()["input_schema"]["properties"]
        assert (shown["duration_s"]["default"], shown["format"]["default"]) == (2, "mp3")
        job, output = await made("away", channels=2)
        assert (job["model_used"], output["duration_s"], output["media_type"]) == ("low", 0.25, "audio/wav")
        assert (output["channels"], output["sample_rate_hz"]) == (2, 8000)
