"""hibari through the real service: OpenAI's own client, what is heard at joins, clients and replicas that go away."""

import base64
import io
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import av
import httpx
import numpy as np
import openai
import pytest
import soundfile as sf
from numpy.typing import NDArray

from deployments.contract import Context, SpeechRequest
from deployments.speech.hibari import RATE_HZ, Hibari
from tests.support.live import Service, config_file, fetched, running

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
HIBARI = {
    "name": "hibari",
    "model": "deployments.speech.hibari:Hibari",
    "replicas": {"min": 1, "max": 1, "cpus": 0.5, "target_ongoing": 16},
}
TEXT = (
    "The train leaves at half past nine, and nobody will wait for us. Have you packed the blue suitcase? "
    "It was standing in the hall this morning; now it is gone!\n\nWe could still take the bus at 10:15, "
    "which stops at the old mill [pause 1s] and at the harbour. My sister paid $12.50 for her ticket."
)
LONG = " ".join(f"This is sentence number {number} of a very long book." for number in range(2000))[:100_000]
PADDING = {"mp3": 0.1, "aac": 0.15, "opus": 0.02}  # s that decoders add where the length is not known before

Sound = NDArray[np.float64]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("speech")
    with running(home, config_file(home, [HIBARI])) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="anything", max_retries=0, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def pieces() -> list[NDArray[np.float32]]:
    """What the model makes of TEXT, here: its pieces and the rests between them."""
    model = Hibari()
    model.load()
    request = SpeechRequest(input=TEXT, voice="heart")
    return [chunk.samples[0] for chunk in model.generate(request, Context(seed=0))]


def spoken(service: Service, text: str, **fields: Any) -> httpx.Response:
    return httpx.post(f"{service.url}/v1/audio/speech", json={"input": text, **fields}, timeout=120)


def speaking(service: Service, text: str, **fields: Any) -> Any:
    return httpx.stream("POST", f"{service.url}/v1/audio/speech", json={"input": text, **fields}, timeout=120)


def seconds_of(data: bytes, format: str) -> float:
    if format == "pcm":
        return len(data) / 2 / RATE_HZ
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(audio=0))
    return float(sum(frame.samples for frame in frames) / frames[0].sample_rate)


def stored(service: Service, job_id: str) -> Sound:
    """The sound of a job as it lies in storage, which has its length."""
    samples, rate_hz = sf.read(io.BytesIO(fetched(service.ended(job_id)["outputs"][0])))
    assert rate_hz == RATE_HZ
    return np.asarray(samples, np.float64)


def likeness(one: Sound, other: Sound) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


@pytest.mark.parametrize("format", FORMATS)
def test_openais_client_hears_the_same_in_six_formats(
    service: Service, client: openai.OpenAI, pieces: list[NDArray[np.float32]], format: Any
) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format=format
    ) as reply:
        heard = b"".join(reply.iter_bytes())
    made_s = sum(map(len, pieces)) / RATE_HZ
    assert seconds_of(heard, format) == pytest.approx(made_s, abs=PADDING.get(format, 1e-4))
    job = service.ended(reply.headers["x-job-id"])
    assert (job["status"], job["model_used"]) == ("succeeded", "hibari")
    assert job["outputs"][0]["duration_s"] == pytest.approx(made_s, abs=1e-4)
    assert client.audio.speech.create(
        model="tts-1", voice="nova", input=TEXT, response_format=format
    ).read() == fetched(job["outputs"][0])


def test_openais_client_hears_events_and_names_errors(service: Service, client: openai.OpenAI) -> None:
    text = "Told in events."
    asked: Any = {
        "model": "gpt-4o-mini-tts",
        "voice": "coral",
        "input": text,
        "instructions": "Speak in a cheerful tone.",
    }
    with client.audio.speech.with_streaming_response.create(**asked, stream_format="sse") as reply:
        events = [json.loads(line[6:]) for line in reply.iter_lines() if line]
    assert events[-1]["type"] == "speech.audio.done"
    sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert sound == spoken(service, text).content
    assert "hibari" in [model.id for model in client.models.list()]
    for wrong, kind, param in (
        ({"model": "gpt-17"}, openai.NotFoundError, "model"),
        ({"voice": "nobody"}, openai.BadRequestError, "voice"),
        ({"input": "\N{GRINNING FACE}"}, openai.BadRequestError, "input"),
        ({"input": "Hi. " + "[pause 10s] a " * 6600}, openai.BadRequestError, "input"),
    ):
        with pytest.raises(kind) as raised:
            client.audio.speech.create(**{**asked, **wrong})
        assert (raised.value.param, raised.value.type) == (param, "invalid_request_error")


def test_what_is_streamed_is_what_the_model_makes_and_what_is_made_whole(
    service: Service, pieces: list[NDArray[np.float32]]
) -> None:
    reply = spoken(service, TEXT, response_format="flac", seed=0)
    streamed, made = stored(service, reply.headers["x-job-id"]), np.concatenate(pieces).astype(np.float64)
    body = {"model": "hibari", "input": {"input": TEXT, "seed": 0, "format": "flac"}}
    job = httpx.post(f"{service.url}/v1/jobs", json=body, timeout=70).json()
    whole = stored(service, job["id"])
    assert not service.job(job["id"])["cached"]  # a stream never stands for a whole sound
    assert len(streamed) == len(whole) == len(made)  # no gap, no repeat
    assert min(likeness(streamed, whole), likeness(streamed, made)) > 0.995  # but for the limiter at peaks


def test_no_click_at_a_join_and_even_levels(service: Service, pieces: list[NDArray[np.float32]]) -> None:
    reply = spoken(service, TEXT, response_format="wav", seed=0)
    streamed = stored(service, reply.headers["x-job-id"])
    edges = np.cumsum([0, *map(len, pieces)])
    steps = np.abs(np.diff(streamed))
    assert len(edges) > 10
    assert max(steps[edge - 2 : edge + 1].max() for edge in edges[1:-1]) < 10 ** (-50 / 20)
    parts = [streamed[start:end] for (start, end), piece in zip(pairwise(edges), pieces, strict=True) if piece.any()]
    levels_db = [10 * np.log10(np.mean(part**2)) for part in parts if len(part) > RATE_HZ]
    assert len(levels_db) > 3
    assert np.ptp(levels_db) < 4
    assert service.ended(reply.headers["x-job-id"])["outputs"][0]["quality"]["clicks"] == 0


@pytest.mark.parametrize("speed", [0.25, 0.8, 1.5, 4])
def test_speed_is_heard(service: Service, speed: float) -> None:
    text = "One sentence at its own speed."
    sounds = [spoken(service, text, speed=at, response_format="pcm").content for at in (1, speed)]
    usual, other = (seconds_of(sound, "pcm") for sound in sounds)
    assert usual / other == pytest.approx(speed, rel=0.08)


def test_what_is_there_is_replayed_byte_by_byte(service: Service) -> None:
    for format in FORMATS:
        text = f"Said once and stored as {format}."
        first, again = (spoken(service, text, response_format=format) for _ in range(2))
        job = service.ended(again.headers["x-job-id"])
        assert job["cached"]
        assert again.content == fetched(job["outputs"][0])
        assert again.content[64:] == first.content[64:]  # wav and flac tell their length by now


def test_who_leaves_stops_the_work_and_others_are_heard(service: Service) -> None:
    with speaking(service, LONG) as reply:
        next(reply.iter_raw())
    assert service.ended(reply.headers["x-job-id"], timeout_s=20)["status"] == "canceled"
    assert spoken(service, "And now somebody else.").status_code == 200


def test_a_replica_that_is_killed_cuts_the_transfer_and_the_next_text_is_spoken(service: Service) -> None:
    with speaking(service, f"Once more. {LONG}"[:100_000]) as reply:
        parts = reply.iter_raw()
        next(parts)
        service.kill("hibari")
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            for _ in parts:
                pass
    job = service.ended(reply.headers["x-job-id"])
    assert (job["status"], job["error"]["code"]) == ("failed", "replica_lost")
    assert spoken(service, "The next process speaks.").status_code == 200


def test_nothing_was_an_error_of_ours(service: Service) -> None:
    """What the tests before have left in the log, last of all."""
    assert not [line for line in service.log_lines() if '"level": "ERROR"' in line]
