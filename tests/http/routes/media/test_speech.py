"""`/v1/audio/speech` as OpenAI's own client, Open WebUI, SillyTavern and Home Assistant ask it."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import openai
import pytest
import soundfile as sf

from tests.support.service import HANGS_S, Json, Service, args_in, entry, running, until
from tests.support.speech import RATE_HZ, WORD_S, Whistle

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

URL = "/v1/audio/speech"
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav"}
TYPES["pcm"] = "audio/pcm;rate=24000;channels=1"
WHISTLE = entry("whistle", "tests.support.speech:Whistle")


@dataclass
class Speech:
    """The service with a model that whistles, over a socket of its own."""

    service: Service
    http: httpx.AsyncClient
    client: openai.AsyncOpenAI

    async def spoken(self, text: str, **fields: Any) -> httpx.Response:
        return await self.http.post(URL, json={"input": text, **fields})

    async def job(self, reply: httpx.Response) -> Json:
        """The job of an answer, when it has ended."""
        await self.service.events((await self.http.get(reply.headers["location"])).json())
        return dict((await self.http.get(reply.headers["location"])).json())


@asynccontextmanager
async def speaking(folder: Path, **more: Any) -> AsyncIterator[Speech]:
    whole = entry("whole", "tests.support.speech:WholeWhistle")
    args = args_in(folder, entry("tone"), WHISTLE, whole, entry("chime", "tests.support.models:Chime"), **more)
    async with (
        running(args) as service,
        service.listening() as url,
        httpx.AsyncClient(base_url=url, timeout=HANGS_S) as http,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="anything", max_retries=0) as client,
    ):
        yield Speech(service, http, client)


@pytest.fixture(scope="module")
async def speech(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Speech]:
    async with speaking(tmp_path_factory.mktemp("speech")) as speech:
        yield speech


def seconds_of(data: bytes, format: str) -> float:
    if format == "pcm":
        return len(data) / 2 / 24_000
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(audio=0))
        return float(sum(frame.samples for frame in frames) / frames[0].sample_rate)


def pitch_hz(data: bytes) -> float:
    samples, rate_hz = sf.read(io.BytesIO(data))
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate_hz / len(samples))


@pytest.mark.parametrize("format", FORMATS)
async def test_openais_client_gets_six_formats_and_each_call_leaves_a_job(speech: Speech, format: Any) -> None:
    text = f"six words are spoken as {format}"
    reply = await speech.client.audio.speech.with_raw_response.create(
        model="tts-1", voice="alloy", input=text, response_format=format
    )
    data = reply.content
    assert seconds_of(data, format) == pytest.approx(6 * WORD_S, abs=0.13)
    assert reply.headers["content-type"] == TYPES[format]
    job = await speech.job(reply.http_response)
    assert (job["id"], job["status"], job["model"]) == (reply.headers["x-job-id"], "succeeded", "tts-1")
    assert (job["model_used"], job["input"]["voice"], job["input"]["input"]) == ("whistle", "wren", text)
    output = job["outputs"][0]
    stored = (await speech.http.get(output["url"])).content
    assert output["duration_s"] == pytest.approx(6 * WORD_S, abs=0.001)
    if format in ("wav", "flac"):
        assert sf.info(io.BytesIO(stored)).frames == round(output["duration_s"] * RATE_HZ)
        assert stored[64:] == data[64:]
    else:
        assert stored == data
    again = await speech.spoken(text, voice="alloy", response_format=format)
    assert (again.content, (await speech.job(again))["cached"]) == (stored, True)


async def test_the_streaming_helper_hears_the_first_word_before_the_last_is_made(speech: Speech) -> None:
    text = "one two three"
    Whistle.opened[text] = 2
    async with speech.client.audio.speech.with_streaming_response.create(
        model="whistle", voice="wren", input=text, response_format="pcm"
    ) as reply:
        heard = b""
        async for data in reply.iter_bytes():
            heard += data
            if len(heard) >= WORD_S * RATE_HZ:
                Whistle.opened[text] = 3
    assert len(heard) == 2 * round(3 * WORD_S * RATE_HZ)


async def test_events_hold_the_same_sound_and_end_with_what_was_used(speech: Speech) -> None:
    text = "told in events"
    for _ in range(2):  # made, then found
        async with speech.client.audio.speech.with_streaming_response.create(
            model="gpt-4o-mini-tts", voice="wren", input=text, response_format="mp3", stream_format="sse"
        ) as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            events = [json.loads(line[6:]) async for line in reply.iter_lines() if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"] == {"input_tokens": 14, "output_tokens": 0, "total_tokens": 14}
    sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert sound == (await speech.spoken(text, voice="wren")).content


@pytest.mark.parametrize(
    ("fields", "kind", "param", "says"),
    [
        ({"model": "gpt-17"}, openai.NotFoundError, "model", "gpt-17"),
        ({"model": "chime"}, openai.BadRequestError, "model", "speech"),
        ({"voice": "nobody"}, openai.BadRequestError, "voice", "nobody"),
        ({"input": "  "}, openai.BadRequestError, "input", "empty"),
        ({"input": "x" * 100_001}, openai.BadRequestError, "input", "100000"),
        ({"input": "\N{BELL}"}, openai.BadRequestError, "input", "bell"),
        ({"speed": 9.0}, openai.BadRequestError, "speed", "4"),
        ({"response_format": "midi"}, openai.BadRequestError, "response_format", "mp3"),
        ({"extra_body": {"language": "fr"}}, openai.BadRequestError, "language", "wren"),
        ({"extra_body": {"instruction": "softly"}}, openai.BadRequestError, "instruction", "instructions"),
        ({"extra_body": {"n": 2}}, openai.BadRequestError, "n", "one"),
        ({"voice": 5}, openai.BadRequestError, "voice", "string"),
        ({"voice": ["wren"]}, openai.BadRequestError, "voice", "string"),
        ({"voice": {"id": 5}}, openai.BadRequestError, "voice", "string"),
        ({"voice": "\0"}, openai.BadRequestError, "voice", "unknown"),
        ({"voice": "v" * 10_000}, openai.BadRequestError, "voice", "unknown"),
        ({"model": "whole"}, openai.BadRequestError, "model", "does not stream"),
    ],
)
async def test_errors_are_those_of_openais_client(
    speech: Speech, fields: Json, kind: type[openai.APIStatusError], param: str, says: str
) -> None:
    asked = {"model": "whistle", "voice": "wren", "input": "a word", **fields}
    with pytest.raises(kind) as raised:
        await speech.client.audio.speech.create(**asked)
    assert raised.value.type == "invalid_request_error"
    assert raised.value.param == param
    assert says in raised.value.message
    assert raised.value.code == ("model_not_found" if kind is openai.NotFoundError else raised.value.code)


@pytest.mark.parametrize("field", ["input", "voice", "model", "language", "instructions", "response_format"])
async def test_half_a_character_is_refused_where_it_stands(speech: Speech, field: str) -> None:
    body = json.dumps({"input": "a word", field: "\ud800"})
    reply = await speech.http.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code in (400, 404), reply.text
    assert reply.json()["error"]["param"] == field


@pytest.mark.parametrize("body", [b"[1]", b"null", b'"a word"', b"", b"{", b'{"input": "a word", "\\ud800": 1}'])
async def test_what_is_no_request_is_about_no_field(speech: Speech, body: bytes) -> None:
    reply = await speech.http.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400
    assert reply.json()["error"].keys() == {"message", "type", "param", "code"}
    assert reply.json()["error"]["param"] is None


async def test_voices_have_names_aliases_languages_and_can_be_mixed(speech: Speech) -> None:
    async def sung(**fields: Any) -> tuple[str, float]:
        reply = await speech.spoken("words to hear", response_format="wav", **fields)
        assert reply.status_code == 200, reply.text
        return (await speech.job(reply))["input"]["voice"], pitch_hz(reply.content)

    assert await sung() == ("wren", pytest.approx(880, abs=5))
    assert await sung(voice="ONYX") == ("robin", pytest.approx(330, abs=5))
    assert await sung(voice={"id": "robin"}) == ("robin", pytest.approx(330, abs=5))
    assert await sung(language="de-AT") == ("robin", pytest.approx(330, abs=5))
    assert await sung(language="en_GB") == ("robin", pytest.approx(330, abs=5))
    assert await sung(language="en") == ("wren", pytest.approx(880, abs=5))
    assert (await sung(voice="wren + robin"))[0] == "wren+robin"
    assert (await sung(voice="alloy(2)+robin(0.5)"))[0] == "wren(2)+robin(0.5)"
    for wrong in ("wren+", "wren(0)+robin", "wren+nobody", "+".join(["wren"] * 9)):
        reply = await speech.spoken("x", voice=wrong)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "voice"), wrong


async def test_a_fallback_speaks_with_a_voice_of_its_own_in_the_same_language(tmp_path: Path) -> None:
    mute = entry("mute", "tests.support.speech:Mute", fallback=["whistle"])
    async with running(args_in(tmp_path, mute, WHISTLE)) as service:
        for voice, own in (("anton", "robin"), ("ann", "wren"), ("wren", "wren"), (None, "wren")):
            body = {"model": "mute", "input": {"input": "a few words", "voice": voice}}
            job = (await service.http.post("/v1/jobs", json=body, headers={"Prefer": "wait"})).json()
            made = (await service.http.get(job["outputs"][0]["url"])).content
            assert (job["status"], job["model_used"]) == ("succeeded", "whistle"), job
            assert pitch_hz(made) == pytest.approx(Whistle.pitches_hz[own], abs=5)
        body = {"model": "mute", "input": {"input": "quelques mots", "voice": "anne"}}
        job = (await service.http.post("/v1/jobs", json=body, headers={"Prefer": "wait"})).json()
        assert "'fr' was asked" in job["detail"]


async def test_who_goes_away_stops_the_work(speech: Speech) -> None:
    text = "nobody listens any longer"
    Whistle.opened[text] = 2
    async with speech.http.stream("POST", URL, json={"input": text, "response_format": "pcm"}) as reply:
        await anext(reply.aiter_raw())
    assert (await speech.job(reply))["status"] == "canceled"
    await until(lambda: text in Whistle.cancelled)


async def test_an_owner_hears_so_many_at_once_and_no_more(tmp_path: Path) -> None:
    async with speaking(tmp_path, limits={"sound_streams_per_owner": 2}) as speech:
        texts = ["first of two", "second of two"]
        Whistle.opened.update(dict.fromkeys(texts, 1))
        body = {"response_format": "pcm"}
        async with (
            speech.http.stream("POST", URL, json={"input": texts[0], **body}),
            speech.http.stream("POST", URL, json={"input": texts[1], **body}) as second,
        ):
            refused = await speech.spoken("one too many")
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "overloaded")
            Whistle.opened[texts[1]] = 3
            await second.aread()
            await until(lambda: not speech.service.app.state.sound_streams.count("local") > 1)
            assert (await speech.spoken("again a place")).status_code == 200
        jobs = (await speech.http.get("/v1/jobs")).json()["results"]
        assert "one too many" not in [job["input"]["input"] for job in jobs]


async def test_two_who_ask_the_same_share_one_run(speech: Speech) -> None:
    text = "said once and heard twice"
    Whistle.opened[text] = 1
    asking = [asyncio.create_task(speech.spoken(text, response_format="pcm", seed=3)) for _ in range(2)]
    await until(lambda: Whistle.runs[text] == 1 and len(speech.service.runtime.execution.running) == 2)
    Whistle.opened[text] = 5
    one, two = await asyncio.gather(*asking)
    assert one.content == two.content
    assert Whistle.runs[text] == 1


async def test_instructions_reach_a_model_that_obeys_them_and_whole_speech_is_an_ordinary_job(speech: Speech) -> None:
    reply = await speech.spoken("do as I say", instructions="in a whisper", speed=2)
    job = await speech.job(reply)
    assert (job["input"]["instructions"], job["input"]["speed"]) == ("in a whisper", 2)
    assert job["outputs"][0]["duration_s"] == pytest.approx(4 * WORD_S / 2, abs=0.001)
    for model in ("whole", "whistle"):
        body = {"model": model, "input": {"input": "all of it at once", "format": "flac"}}
        made = await speech.http.post("/v1/jobs", json=body, headers={"Prefer": "wait"})
        assert made.status_code == 201, made.text
        output = made.json()["outputs"][0]
        assert output["duration_s"] == pytest.approx(5 * WORD_S, abs=0.001)
        assert output["quality"]["loudness_lufs"] == pytest.approx(-16, abs=0.5)


async def test_instructions_that_no_model_obeys_are_left_out_where_openais_models_are_asked(tmp_path: Path) -> None:
    model = entry("heedless", "tests.support.speech:Heedless")
    async with running(args_in(tmp_path, model)) as service:
        body = {"input": "as OpenAI has it", "voice": "alloy", "instructions": "Speak in a cheerful tone."}
        for name in ("gpt-4o-mini-tts", "tts-1"):
            reply = await service.http.post(URL, json={"model": name, **body})
            assert reply.status_code == 200, reply.text
        for name in ("heedless", "auto"):
            reply = await service.http.post(URL, json={"model": name, **body})
            assert (reply.status_code, reply.json()["error"]["param"]) == (400, "instructions")


async def test_a_voice_that_has_to_be_fetched_is_listed_where_this_can_be_said(tmp_path: Path) -> None:
    async with running(args_in(tmp_path, entry("heedless", "tests.support.speech:Heedless"))) as service:
        assert [voice["id"] for voice in (await service.http.get("/v1/audio/voices")).json()["voices"]] == ["wren"]
        listed = (await service.http.get("/v1/voices")).json()["results"]
        assert {voice["id"]: voice["sample_url"] is None for voice in listed} == {"wren": False, "heron": True}


async def test_a_text_that_gets_too_long_ends_there_streamed_or_whole(tmp_path: Path) -> None:
    async with (
        running(args_in(tmp_path, entry("heedless", "tests.support.speech:Heedless"))) as service,
        service.listening() as url,
        httpx.AsyncClient(base_url=url, timeout=HANGS_S) as http,
    ):
        text = "word " * round(4 / WORD_S)
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await http.post(URL, json={"input": text, "response_format": "pcm"})
        body = {"model": "heedless", "input": {"input": text}}
        reply = await http.post("/v1/jobs", json=body, headers={"Prefer": "wait"})
        assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/input/input"), reply.text
        jobs = (await http.get("/v1/jobs")).json()["results"]
        assert [job["error"]["code"] for job in jobs] == ["invalid", "invalid"]
        assert all("more than 3 s" in job["error"]["detail"] for job in jobs)


async def test_the_job_shows_what_the_model_told(speech: Speech) -> None:
    assert (await speech.job(await speech.spoken("three words said")))["facts"] == {"words": 3}


async def test_a_long_text_is_streamed_and_its_levels_stay(speech: Speech) -> None:
    reply = await speech.spoken("word " * 2000, response_format="wav")
    output = (await speech.job(reply))["outputs"][0]
    assert output["duration_s"] == pytest.approx(2000 * WORD_S, abs=0.001)
    samples, _ = sf.read(io.BytesIO((await speech.http.get(output["url"])).content))
    words = samples[: 2000 * round(WORD_S * RATE_HZ)].reshape(2000, -1)
    levels = 20 * np.log10(np.sqrt((words[1:-1] ** 2).mean(axis=1)))
    assert np.ptp(levels) < 0.1


async def test_open_webui_asks_for_models_and_speaks_sentence_by_sentence(speech: Speech) -> None:
    models = (await speech.http.get("/v1/audio/models", headers={"Authorization": "Bearer sk-1"})).json()["models"]
    assert models == [{"id": "whistle", "name": "whistle"}, {"id": "whole", "name": "whole"}]
    voices = (await speech.http.get("/v1/audio/voices")).json()
    assert voices["voices"] == voices["data"] == [{"id": name, "name": name} for name in ("wren", "robin")]
    body = {"model": "tts-1", "input": "A sentence.", "voice": "alloy"}
    reply = await speech.http.post(URL, json=body, headers={"Authorization": "Bearer sk-1"})
    assert reply.status_code == 200
    assert reply.content[:2] == b"\xff\xf3"


async def test_sillytavern_and_home_assistant_ask_with_all_their_fields(speech: Speech) -> None:
    tavern = {"input": "Hello.", "voice": "nova", "speed": 1, "model": "tts-1-hd", "response_format": "mp3"}
    home = {"model": "gpt-4o-mini-tts", "input": "Hello.", "voice": "onyx", "response_format": "wav", "speed": 1.0,
            "instructions": "calm", "stream_format": "audio"}  # fmt: skip
    nothing_said = {"input": "Hello.", **dict.fromkeys(("voice", "speed", "response_format", "stream_format", "model"))}
    for body in (tavern, home, nothing_said):
        reply = await speech.http.post(URL, json=body, headers={"Authorization": "Bearer none"})
        assert reply.status_code == 200, reply.text
