"""Players as people have them hear the first second of a sound before the last is made, and all of it in the end.

What is not made yet waits at a gate, which opens when the player has told of what it heard: nothing here is a matter of
clocks. Before it opens so much is made as docs/streaming.md says that each of them wants.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import numpy as np
import pytest

from serve_app.deliver.encoders.streams import FINAL_HEADER_BYTES
from tests.support.debian import programs
from tests.support.models import GatedTone
from tests.support.players import Page, browsing, program
from tests.support.service import HANGS_S, Json, Service, args_in, entry, running
from tests.support.speech import WORD_S, Whistle

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # a browser may have to be installed
    pytest.mark.usefixtures("quiet"),
]

PACKAGES = ["chromium", "vlc-bin", "vlc-plugin-base", "ffmpeg", "curl"]
HOUR_S = 3600
CHUNK_S = 0.1  # of GatedTone
# Seconds of a tone (its length is known before) and of speech, in half seconds, that a player wants to have in order to
# let the first one be heard.
WANTS_S = {
    "ffmpeg": {
        "mp3": (2, 2), "opus": (2, 2), "flac": (2, 2.5), "wav": (2, 5), "aac": (2, 3), "pcm": (2, 2.5),
    },
    "vlc": {"mp3": (2.5, 2.5), "opus": (2.5, 2.5), "flac": (2.5, 2.5), "wav": (2.5, 2.5), "aac": (2.5, 2.5)},
    "element": {"mp3": (4, 6.5), "opus": (3, 7.5), "flac": (3, 4), "wav": (2, 5.5), "aac": (6, 5.5)},
    "scheduled": {"pcm": (2, 2)},
}  # fmt: skip
WANTS_S["curl"] = WANTS_S["ffmpeg"]
CURL = (
    'set -o pipefail; curl -sSfN -D "$1" --json "$2" "$3" | tee "$4" '
    "| ffmpeg -v error -nostdin ${@:5} -i - -f s16le -flush_packets 1 -"
)


@dataclass(frozen=True)
class Sound:
    """What shall be heard: a tone whose length is known before, or speech, whose length is not."""

    name: str
    format: str
    known: bool
    seconds: float  # as asked; speech has whole words of it

    @property
    def words(self) -> int:
        return round(self.seconds / WORD_S)

    @property
    def text(self) -> str:
        return " ".join([self.name, *["word"] * (self.words - 1)])

    @property
    def model(self) -> str:
        return "gated" if self.known else "whistle"

    @property
    def input(self) -> Json:
        what = {"prompt": self.name, "duration_s": self.seconds} if self.known else {"input": self.text}
        return {**what, "format": self.format}

    @property
    def rate_hz(self) -> int:
        return 48_000 if self.format == "opus" else 44_100 if self.known else 24_000

    @property
    def channels(self) -> int:
        return 2 if self.known else 1

    @property
    def duration_s(self) -> float:
        return self.seconds if self.known else self.words * WORD_S

    def open(self, seconds: float = HOUR_S) -> None:
        """Let so much of it be made."""
        if self.known:
            GatedTone.opened[self.name] = round(seconds / CHUNK_S)
        else:
            Whistle.opened[self.text] = round(seconds / WORD_S)


@dataclass
class Players:
    """The service, a browser and the other programs."""

    service: Service
    http: httpx.AsyncClient
    url: str
    page: Page
    home: Path

    async def begun(self, sound: Sound) -> Json:
        """A job that makes the sound as far as it may."""
        body = {"model": sound.model, "input": {**sound.input, "stream": True}}
        return dict((await self.http.post("/v1/jobs", json=body)).raise_for_status().json())

    def audio(self, job: Json) -> str:
        return f"{self.url}/v1/jobs/{job['id']}/audio"

    async def bytes_of(self, job: Json) -> bytes:
        """What a client gets that listens meanwhile."""
        return (await self.http.get(self.audio(job))).raise_for_status().content

    async def stored(self, job_id: str) -> bytes:
        job = (await self.http.get(f"/v1/jobs/{job_id}")).json()
        await self.service.events(job)
        job = (await self.http.get(f"/v1/jobs/{job_id}")).json()
        assert job["status"] == "succeeded", job["error"]
        return (await self.http.get(job["outputs"][0]["url"])).content

    async def same_as_stored(self, sound: Sound, job_id: str, heard: bytes) -> None:
        stored = await self.stored(job_id)
        if not sound.known and sound.format in ("wav", "flac"):  # only the file's header tells the length
            assert stored[:FINAL_HEADER_BYTES] != heard[:FINAL_HEADER_BYTES]
            stored, heard = stored[FINAL_HEADER_BYTES:], heard[FINAL_HEADER_BYTES:]
        assert stored == heard


@pytest.fixture(scope="module")
async def players(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Players]:
    chromium, *_ = programs("chromium", "vlc", "ffmpeg", "curl", packages=PACKAGES)
    home = tmp_path_factory.mktemp("players")
    models = (
        entry("gated", "tests.support.models:GatedTone", at_once=12),
        entry("whistle", "tests.support.speech:Whistle", at_once=12),
    )
    async with (
        browsing(chromium) as page,
        running(args_in(home, *models, cors_origins=[page.url])) as service,
        service.listening() as url,
        httpx.AsyncClient(base_url=url, timeout=HANGS_S) as http,
    ):
        yield Players(service, http, url, page, home)


async def together(plays: Callable[[Sound], Awaitable[None]], sounds: Iterable[Sound]) -> None:
    """All of them at once; what goes wrong says with which."""

    async def one(sound: Sound) -> None:
        try:
            await plays(sound)
        except Exception as error:
            error.add_note(f"with {sound}")
            raise

    async with asyncio.TaskGroup() as group:
        for sound in sounds:
            group.create_task(one(sound))


def sounds(player: str, known: Iterable[bool], seconds: float) -> list[Sound]:
    """In each format that the player has; so much of each may be made as it wants."""
    found = []
    for format, wants_s in WANTS_S[player].items():
        for told in known:
            found.append(Sound(f"{player}_{format}_{'tone' if told else 'speech'}", format, told, seconds))
            found[-1].open(wants_s[0 if told else 1])
    return found


def of_a_file(sound: Sound) -> list[str]:
    """What ffmpeg has to be told of a file that does not say what it is."""
    if sound.format != "pcm":
        return []
    return ["-f", "s16le", "-ar", str(sound.rate_hz), "-ac", str(sound.channels)]


async def heard(output: asyncio.StreamReader, sound: Sound, rate_hz: int, channels: int) -> int:
    """Open the gate when the first second came out of a player; returns the frames that came in the end."""
    async with asyncio.timeout(HANGS_S):
        first = await output.readexactly(rate_hz * channels * 2)
        samples = np.frombuffer(first, "<i2").reshape(-1, channels)[rate_hz // 10 :] / 32768
        assert np.sqrt(np.mean(samples**2)) > 0.05
        sound.open()
        rest = await output.read()
    return (len(first) + len(rest)) // channels // 2


def assert_all(sound: Sound, frames: int) -> None:
    """FFmpeg gives each frame, after the encoder's delay where a format cannot tell of it."""
    more = frames - round(sound.duration_s * sound.rate_hz)
    if sound.format == "aac" or (sound.format == "mp3" and not sound.known):
        assert 1024 <= more < 1105 + 1152
    else:
        assert more == 0


@pytest.mark.parametrize("known", [True, False])
async def test_ffmpeg(players: Players, known: bool) -> None:
    async def plays(sound: Sound) -> None:
        job = await players.begun(sound)
        beside = asyncio.create_task(players.bytes_of(job))
        command = ["ffmpeg", "-v", "error", "-nostdin", *of_a_file(sound), "-i", players.audio(job)]
        async with program(*command, "-f", "s16le", "-flush_packets", "1", "-") as output:
            assert_all(sound, await heard(output, sound, sound.rate_hz, sound.channels))
        await players.same_as_stored(sound, job["id"], await beside)

    await together(plays, sounds("ffmpeg", [known], 8))


@pytest.mark.parametrize("known", [True, False])
async def test_curl_into_a_player(players: Players, known: bool) -> None:
    async def plays(sound: Sound) -> None:
        head, copy = players.home / f"{sound.name}.head", players.home / sound.name
        if known:
            route, body = "generations", f'{{"prompt": "{sound.name}", "duration_s": {sound.seconds}, "stream": true, '
            body += f'"model": "gated", "format": "{sound.format}"}}'
        else:
            route, body = "speech", f'{{"input": "{sound.text}", "response_format": "{sound.format}"}}'
        command = ["bash", "-c", CURL, "curl", head, body, f"{players.url}/v1/audio/{route}", copy]
        async with program(*command, *of_a_file(sound)) as output:
            assert_all(sound, await heard(output, sound, sound.rate_hz, sound.channels))
        told = dict(line.split(": ", 1) for line in head.read_text().splitlines() if ": " in line)
        await players.same_as_stored(sound, told["x-job-id"], copy.read_bytes())

    await together(plays, sounds("curl", [known], 8))


async def test_vlc(players: Players) -> None:
    async def plays(sound: Sound) -> None:
        job = await players.begun(sound)
        beside = asyncio.create_task(players.bytes_of(job))
        # what VLC takes for HE-AAC, which plain AAC at a low rate may be, has twice the rate and may be stereo
        rate_hz, channels = (
            (48_000, 2) if sound.format == "aac" and not sound.known else (sound.rate_hz, sound.channels)
        )
        home = players.home / f"vlc-{sound.name}"
        command = ["vlc", "-I", "dummy", "--aout=afile", "--audiofile-file=-", "--no-audiofile-wav", "--play-and-exit"]
        async with program(*command, players.audio(job), environment={"HOME": str(home)}, lesser=True) as output:
            frames = await heard(output, sound, rate_hz, channels)
        # the last 74 ms of any Opus, and sometimes the last block of FLAC, are not heard in VLC 3
        assert frames / rate_hz == pytest.approx(sound.duration_s, abs=0.1)
        await players.same_as_stored(sound, job["id"], await beside)

    await together(plays, sounds("vlc", [True, False], 6))


async def test_chromium_by_an_audio_element(players: Players) -> None:
    async def plays(sound: Sound) -> None:
        job = await players.begun(sound)
        playing = await players.page.play("element", players.audio(job))
        beside = asyncio.create_task(players.bytes_of(job))
        told = sound.seconds if sound.known and sound.format in ("mp3", "flac") else None
        async with playing.report() as found:
            assert found["heard_s"] is not None, "it came to its end"
            assert found["at_s"] >= 1
            assert found["duration_s"] == told
        async with playing.report() as found:
            assert found["at_s"] < 1
            sound.open()
        async with playing.report() as found:
            assert found["at_s"] == pytest.approx(sound.duration_s, abs=0.1)
        await players.same_as_stored(sound, job["id"], await beside)

    await together(plays, sounds("element", [True, False], 16))


async def test_chromium_by_fetch_and_web_audio(players: Players) -> None:
    async def plays(sound: Sound) -> None:
        if sound.known:
            url, body = "/v1/audio/generations", {**sound.input, "model": sound.model, "stream": True}
        else:
            url, body = "/v1/audio/speech", {"input": sound.text, "response_format": "pcm"}
        playing = await players.page.play("scheduled", players.url + url, body)
        async with playing.report() as found:
            assert found["heard_s"] >= 1
            sound.open()
        async with playing.report() as found:
            assert found["frames"] == round(sound.duration_s * sound.rate_hz)
            assert found["heard_s"] == pytest.approx(sound.duration_s, abs=0.05)
        stored = await players.stored(found["job"])
        assert found["sha256"] == sha256(stored).hexdigest()

    await together(plays, sounds("scheduled", [True, False], 4))
