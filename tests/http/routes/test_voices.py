"""`/v1/voices` as a client meets it."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile

from serve_app.errors import NotFound
from serve_app.jobs.acceptance import Asked
from serve_app.records import api_keys, object_rows, voice_rows
from serve_app.voices.library import COULD_CLONE, BuiltIn, Given, Own
from tests.assets import files
from tests.notify.test_outbound import Receiver, answer
from tests.support.models import Mimic, Reciter
from tests.support.service import Service, args_in, entry, running, until
from tests.voices.recordings import file, speech

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

WAV = file(speech(4, 16_000), 16_000)
RECITER = entry("reciter", "tests.support.models:Reciter")
MIMIC = entry("mimic", "tests.support.models:Mimic")
LIMITS = {"allow": ["127.0.0.0/8"], "allow_http": True, "file_bytes": 1 << 20, "inline_bytes": 1 << 19}


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    args = args_in(tmp_path_factory.mktemp("voices"), entry("tone"), RECITER, MIMIC, assets=LIMITS)
    async with running(args) as service:
        yield service


async def key_of(service: Service, owner: str) -> dict[str, str]:
    made = await service.runtime.database.write(api_keys.create, owner, owner)
    return {"Authorization": f"Bearer {made.token}"}


async def bring(service: Service, name: str, data: bytes = WAV, **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    form = {"name": name, "consent": "true", **more}
    return await service.http.post("/v1/voices", data=form, files={"file": ("a.wav", data)}, headers=headers)


async def brought(service: Service, name: str, **more: Any) -> dict[str, Any]:
    reply = await bring(service, name, **more)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


async def speak(service: Service, voice: str, **more: Any) -> dict[str, Any]:
    """A job that speaks with a voice, accepted."""
    headers, model = more.pop("headers", {}), more.pop("model", "mimic")
    body = {"model": model, "input": {"input": "one two three", "voice": voice, **more}}
    reply = await service.http.post("/v1/jobs", json=body, headers=headers)
    assert reply.is_success, reply.text
    return dict(reply.json())


async def test_the_voices_of_models_are_one_list(service: Service) -> None:
    listed = (await service.http.get("/v1/voices", headers=await key_of(service, "nobody"))).json()
    assert [item["id"] for item in listed["results"]] == ["anna", "bert", "carl"]
    anna, bert, _ = listed["results"]
    assert anna == {
        "id": "anna",
        "name": "anna",
        "languages": ["en-GB", "fr"],
        "gender": "female",
        "models": ["reciter", "mimic"],
        "builtin": True,
        "sample_url": "http://localhost/v1/voices/anna/sample",
        "licence": anna["licence"],
    }
    assert bert["licence"] == "CC-BY-4.0"
    assert (await service.http.get("/v1/voices/bert")).json() == bert
    gone = await service.http.get("/v1/voices/nobody")
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    forbidden = await service.http.delete("/v1/voices/bert")
    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "forbidden")


async def test_a_sample_is_made_once_and_found_afterwards(service: Service) -> None:
    spoken = len(Reciter.spoken)
    for _ in range(2):
        reply = await service.http.get("/v1/voices/bert/sample")
        assert reply.status_code == 303, reply.text
        sound = await service.http.get(reply.headers["location"])
        assert (sound.status_code, sound.headers["content-type"]) == (200, "audio/mpeg")
    assert Reciter.spoken[spoken:] == ["Guten Abend. So klinge ich, wenn ich ein wenig Zeit habe."]
    other = await service.http.get("/v1/voices/carl/sample")  # in a language of which no sentence is written
    assert other.status_code == 303
    assert Reciter.spoken[-1].startswith("1, 2, 3")


async def test_a_recording_of_a_form_becomes_a_voice(service: Service) -> None:
    headers = await key_of(service, "ada")
    reply = await bring(service, "  Grandma   Ada ", transcript="hello", language="en-GB", headers=headers)
    assert reply.status_code == 201, reply.text
    made = reply.json()
    assert (made["name"], made["builtin"], made["languages"]) == ("Grandma Ada", False, ["en-GB"])
    assert (made["models"], made["transcript"], made["licence"]) == (["mimic"], "hello", None)
    assert made["consent"]["at"] <= made["created_at"]
    assert made["checks"]["duration_s"] == 4
    assert {"loudness_lufs", "true_peak_dbtp", "clipped_samples", "snr_db", "silence_ratio", "speakers"} < set(
        made["checks"]
    )
    assert [item["code"] for item in made["hints"]] == ["short"]
    assert (await service.http.get(reply.headers["location"], headers=headers)).json() == made
    listed = (await service.http.get("/v1/voices", headers=headers)).json()["results"]
    assert [item["id"] for item in listed] == [made["id"], "anna", "bert", "carl"]
    heard = await service.http.get(made["sample_url"], headers=headers)
    sound = await service.http.get(heard.headers["location"])
    assert (heard.status_code, sound.headers["content-type"]) == (303, "audio/flac")
    assert soundfile.info(io.BytesIO(sound.content)).channels == 1


async def test_consent_keeps_the_key_by_which_it_was_given(service: Service) -> None:
    key = await service.runtime.database.write(api_keys.create, "cons", "cons")
    made = await brought(service, "mine", headers={"Authorization": f"Bearer {key.token}"})
    assert made["consent"]["key_id"] == key.key.id
    assert (await brought(service, "of loopback"))["consent"]["key_id"] is None


async def test_every_kind_of_file_string_makes_a_voice(service: Service) -> None:
    headers = await key_of(service, "bea")
    asset = (await service.http.post("/v1/assets", files={"file": WAV}, headers=headers)).json()
    source = await service.job("long", duration_s=4, headers=headers)
    assert (await service.ended(source, headers))["status"] == "succeeded"
    async with Receiver(answer(200, body=WAV)).listening() as server:
        strings = {
            "of an asset": asset["id"],
            "of a job": f"{source['id']}/outputs/0",
            "of data": "data:audio/wav;base64," + base64.b64encode(WAV).decode(),
            "of a URL": server.url("127.0.0.1"),
        }
        for name, audio in strings.items():
            body = {"name": name, "consent": True, "audio": audio}
            reply = await service.http.post("/v1/voices", json=body, headers=headers)
            assert reply.status_code == 201, reply.text
    kept = (await service.http.get("/v1/assets", headers=headers)).json()["results"]
    assert [item["id"] for item in kept] == [asset["id"]]  # what came for a voice is kept as its reference only


WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "no consent": ({"data": {"name": "x"}, "files": {"file": WAV}}, 422, "/consent"),
    "consent refused": ({"data": {"name": "x", "consent": "false"}, "files": {"file": WAV}}, 422, "/consent"),
    "no consent in JSON": ({"json": {"name": "x", "audio": "data:,"}}, 422, "/consent"),
    "consent as text": ({"json": {"name": "x", "audio": "data:,", "consent": "true"}}, 422, "/consent"),
    "no name": ({"data": {"consent": "true"}, "files": {"file": WAV}}, 422, "/name"),
    "a name of blanks": ({"data": {"consent": "true", "name": "  "}, "files": {"file": WAV}}, 422, "/name"),
    "a name that turns round": (
        {"data": {"consent": "true", "name": "a\u202eb"}, "files": {"file": WAV}},
        422,
        "/name",
    ),
    "a long name": ({"data": {"consent": "true", "name": "x" * 65}, "files": {"file": WAV}}, 422, "/name"),
    "a built-in name": ({"data": {"consent": "true", "name": "Anna"}, "files": {"file": WAV}}, 422, "/name"),
    "a name of OpenAI's": ({"data": {"consent": "true", "name": "SHIMMER"}, "files": {"file": WAV}}, 422, "/name"),
    "a name like an id": ({"data": {"consent": "true", "name": "voice_1"}, "files": {"file": WAV}}, 422, "/name"),
    "a name like a URL": ({"data": {"consent": "true", "name": "https://x"}, "files": {"file": WAV}}, 422, "/name"),
    "a name like a mix": ({"data": {"consent": "true", "name": "a+b"}, "files": {"file": WAV}}, 422, "/name"),
    "a language that is none": (
        {"data": {"consent": "true", "name": "x", "language": "?"}, "files": {"file": WAV}},
        422,
        "/language",
    ),
    "an unknown field": ({"data": {"consent": "true", "name": "x", "nam": "y"}, "files": {"file": WAV}}, 422, "/nam"),
    "no file": ({"files": {"consent": (None, "true"), "name": (None, "x")}}, 422, "/file"),
    "a file of another name": ({"data": {"consent": "true", "name": "x"}, "files": {"other": b""}}, 422, "/other"),
    "an empty file": ({"data": {"consent": "true", "name": "x"}, "files": {"file": ("a", b"")}}, 422, "/file"),
    "a short recording": (
        {"data": {"consent": "true", "name": "x"}, "files": {"file": files.sound(seconds=1.5)}},
        422,
        "/file",
    ),
    "a picture": ({"data": {"consent": "true", "name": "x"}, "files": {"file": files.picture()}}, 422, "/file"),
    "a large file": ({"data": {"consent": "true", "name": "x"}, "files": {"file": bytes(1 << 20 | 1)}}, 413, ""),
    "no audio": ({"json": {"name": "x", "consent": True}}, 422, "/audio"),
    "a file string that is none": ({"json": {"name": "x", "consent": True, "audio": "a.wav"}}, 422, "/audio"),
    "no base64": ({"json": {"name": "x", "consent": True, "audio": "data:;base64,?"}}, 422, "/audio"),
    "a private host": ({"json": {"name": "x", "consent": True, "audio": "https://10.0.0.1/a"}}, 422, "/audio"),
    "nobody's asset": ({"json": {"name": "x", "consent": True, "audio": "ast_" + "0" * 32}}, 404, ""),
    "bytes as they are": ({"content": WAV, "headers": {"Content-Type": "audio/wav"}}, 415, ""),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_is_told(name: str, service: Service) -> None:
    request, status, pointer = WRONG[name]
    headers = {**await key_of(service, "wrong"), **request.get("headers", {})}
    reply = await service.http.post("/v1/voices", **{**request, "headers": headers})
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    if pointer:
        assert reply.json()["errors"][0]["pointer"] == pointer, reply.text
    assert await service.runtime.voices.list("wrong") == []


async def test_a_name_is_an_owners_once_and_nobody_elses_matter(service: Service) -> None:
    mine, theirs = await key_of(service, "cleo"), await key_of(service, "dora")
    first = await brought(service, "Straße", headers=mine)
    again = await bring(service, "STRASSE", headers=mine)
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (422, "/name")
    second = await brought(service, "Straße", headers=theirs)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/sample")):
        reply = await service.http.request(method, f"/v1/voices/{first['id']}{path}", headers=theirs)
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    listed = (await service.http.get("/v1/voices", headers=theirs)).json()["results"]
    assert [item["id"] for item in listed if not item["builtin"]] == [second["id"]]
    refused = await service.http.post(
        "/v1/jobs", json={"model": "mimic", "input": {"input": "a", "voice": first["id"]}}, headers=theirs
    )
    unknown = await service.http.post(
        "/v1/jobs", json={"model": "mimic", "input": {"input": "a", "voice": "voice_" + "0" * 26}}, headers=theirs
    )
    for reply in (refused, unknown):
        assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/input/voice")
    assert refused.json()["detail"].replace(first["id"], "") == unknown.json()["detail"].replace(
        "voice_" + "0" * 26, ""
    )


async def test_how_many_voices_an_owner_has_is_bounded(tmp_path: Path) -> None:
    async with running(args_in(tmp_path, RECITER, voices={"owner_voices": 1})) as service:
        made = await brought(service, "one")
        full = await bring(service, "two")
        assert (full.status_code, full.json()["code"]) == (403, "quota_exceeded")
        assert (await service.http.delete(f"/v1/voices/{made['id']}")).status_code == 204
        assert (await bring(service, "two")).status_code == 201


async def test_a_voice_means_a_name_then_an_own_voice_then_a_file(service: Service) -> None:
    voices, owner = service.runtime.voices, "eva"
    made = await brought(service, "Eva", headers=await key_of(service, owner))
    asset = await service.runtime.assets.store_bytes(owner, WAV, "")
    assert await voices.resolve(owner, "ANNA") == BuiltIn({"reciter": "anna", "mimic": "anna"})
    assert await voices.resolve(owner, "echo") == BuiltIn({"reciter": "bert"})
    assert await voices.resolve(owner, "alloy", model="mimic") == BuiltIn({"mimic": "anna"})
    assert await voices.resolve(owner, "anna+Carl") == BuiltIn({"mimic": "anna+carl"})
    for name in ("eva", made["id"]):
        found = await voices.resolve(owner, name)
        assert isinstance(found, Own)
        assert (found.row.id, found.models, found.value("mimic")) == (made["id"], ("mimic",), made["id"])
    given = await voices.resolve(owner, asset.row.id)
    assert isinstance(given, Given)
    assert given.row.id == asset.row.id


@pytest.mark.parametrize(
    ("model", "voice", "words"),
    [
        ("auto", "anne", "did you mean 'anna'"),
        ("auto", "Fabian", "known: anna, bert, carl"),
        ("mimic", "bert", "no voice 'bert'; models that have it: reciter"),
        ("reciter", "data:audio/wav;base64,AAAA", "models that can speak like others: mimic"),
        ("auto", "anna+bert", "unknown voice"),
        ("mimic", "", "unknown voice"),
        ("mimic", "x" * 100_000, "unknown voice"),
        ("mimic", "+" * 100_000, "unknown voice"),
    ],
)
async def test_a_voice_that_is_not_there_says_what_is(model: str, voice: str, words: str, service: Service) -> None:
    headers = await key_of(service, "fay")
    body = {"model": model, "input": {"input": "a", "voice": voice}}
    reply = await service.http.post("/v1/jobs", json=body, headers=headers)
    assert reply.status_code == 422
    [error] = reply.json()["errors"]
    assert error["pointer"] == "/input/voice"
    assert words in error["detail"]


async def test_without_a_model_that_clones_it_is_said_which_could(tmp_path: Path) -> None:
    async with running(args_in(tmp_path, RECITER)) as service:
        made = await brought(service, "mine")
        assert made["models"] == []
        reply = await service.http.post("/v1/jobs", json={"model": "auto", "input": {"input": "a", "voice": "mine"}})
        assert reply.status_code == 422
        assert all(name in reply.json()["errors"][0]["detail"] for name in COULD_CLONE)


async def test_a_model_speaks_like_the_reference(service: Service) -> None:
    headers = await key_of(service, "gail")
    made = await brought(service, "Gail", headers=headers)
    job = await service.ended(await speak(service, "gail", model="auto", headers=headers), headers)
    assert (job["status"], job["model_used"], job["input"]["voice"]) == ("succeeded", "mimic", made["id"])
    assert Mimic.seen[-1] == (made["id"], True)
    job = await service.ended(await speak(service, "ALLOY", headers=headers), headers)
    assert (job["status"], job["input"]["voice"], Mimic.seen[-1]) == ("succeeded", "anna", ("anna", False))
    job = await service.ended(await speak(service, {"id": made["id"]}, headers=headers), headers)  # type: ignore[arg-type]
    assert (job["status"], job["input"]["voice"]) == ("succeeded", made["id"])
    inline = "data:audio/wav;base64," + base64.b64encode(WAV).decode()
    job = await service.ended(await speak(service, inline, headers=headers), headers)
    assert (job["status"], job["input"]["voice"][:4], Mimic.seen[-1][1]) == ("succeeded", "ast_", True)


async def test_a_deleted_voice_is_gone_with_its_bytes_and_its_waiting_jobs(service: Service) -> None:
    headers = await key_of(service, "hana")
    made = await brought(service, "Hana", headers=headers)
    row = await service.runtime.voices.get("hana", made["id"])
    derived = "private/derived.from.it"
    service.runtime.storage.put(derived, b"numbers", "application/octet-stream")
    await service.runtime.database.write(voice_rows.derive, row, derived)
    spoken = await service.ended(await speak(service, made["id"], seed=1, headers=headers), headers)
    Mimic.held.add("one two held")
    busy = await speak(service, made["id"], input="one two held", headers=headers)
    await until(lambda: service.runtime.execution.running[busy["id"]].has_replica)
    reply = await service.http.delete(f"/v1/voices/{made['id']}", headers=headers)
    Mimic.held.clear()
    assert reply.status_code == 204
    assert (await service.ended(busy, headers))["status"] == "canceled"
    assert (await service.get(spoken, headers))["status"] == "succeeded"
    assert [service.runtime.storage.stat(item) for item in (row.key, derived)] == [None, None]
    for method in ("GET", "DELETE"):
        gone = await service.http.request(method, f"/v1/voices/{made['id']}", headers=headers)
        assert gone.status_code == 404
    body = {"model": "mimic", "input": {"input": "one two three", "voice": made["id"], "seed": 1}}
    again = await service.http.post("/v1/jobs", json=body, headers=headers)
    assert again.status_code == 422  # though its sound is still in storage


async def test_a_deletion_with_outputs_takes_the_sounds_too(service: Service) -> None:
    headers = await key_of(service, "ines")
    made, other = [await brought(service, name, headers=headers) for name in ("Ines", "Ida")]
    jobs = [
        await service.ended(await speak(service, voice, seed=seed, headers=headers), headers)
        for voice, seed in ((made["id"], 1), (made["id"], 2), (made["id"], 1), (other["id"], 1))
    ]
    assert [job["cached"] for job in jobs] == [False, False, True, False]
    keys = [job["outputs"][0]["key"] for job in jobs]
    reply = await service.http.delete(f"/v1/voices/{made['id']}", params={"outputs": "true"}, headers=headers)
    assert reply.status_code == 204
    left = (await service.http.get("/v1/jobs", headers=headers)).json()["results"]
    assert [job["id"] for job in left] == [jobs[3]["id"]]
    assert [service.runtime.storage.stat(key) is None for key in keys] == [True, True, True, False]


async def test_a_job_and_a_deletion_at_once_leave_no_job_with_a_voice_that_is_gone(service: Service) -> None:
    headers = await key_of(service, "june")
    made = await brought(service, "June", headers=headers)
    plan = await service.runtime.plan("june", "mimic", {"input": "late", "voice": made["id"]}, prefix="/input")
    assert (await service.http.delete(f"/v1/voices/{made['id']}", headers=headers)).status_code == 204
    with pytest.raises(NotFound, match="no voice"):
        await service.runtime.jobs.submit(Asked("june", "mimic"), plan)
    assert (await service.http.get("/v1/jobs", headers=headers)).json()["results"] == []
    assert service.runtime.jobs.accepting == {}


async def test_two_voices_of_one_name_at_once_are_one(service: Service) -> None:
    headers = await key_of(service, "kim")
    replies = await asyncio.gather(*(bring(service, "Kim", headers=headers) for _ in range(3)))
    assert sorted(reply.status_code for reply in replies) == [201, 422, 422]
    assert len(await service.runtime.voices.list("kim")) == 1
    while orphans := await service.runtime.database.read(object_rows.deletable, 1e9):
        assert all(not last for _, last in orphans)
        await service.runtime.upkeep.sweep()


async def test_voices_on_their_way_are_bounded(service: Service) -> None:
    headers = await key_of(service, "lea")
    with service.runtime.assets.receiving("lea"):
        for _ in range(7):
            service.runtime.assets._coming["lea"] += 1
        refused = await bring(service, "Lea", headers=headers)
        service.runtime.assets._coming["lea"] -= 7
    assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
