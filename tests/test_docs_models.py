"""Every model of docs/models.md, as a package of somebody else's, through catalogue, replica and storage."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import yaml

from serve_app.config import LocalStorageConfig, ModelEntry
from serve_app.jobs.catalogue import Catalogue
from serve_app.replica.replica import Replica
from serve_app.replica.work import Work
from tests.support.live import ROOT
from tests.support.service import HANGS_S, Json

pytestmark = pytest.mark.anyio

TEXT = (ROOT / "docs" / "models.md").read_text()
MODULES = dict(re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with the modules of the document."""
    for name, code in MODULES.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture
def provider() -> Iterator[str]:
    """Something elsewhere that makes songs: done at the third question."""
    asked: list[str] = []
    song = BytesIO()
    sf.write(song, 0.1 * np.random.default_rng(1).standard_normal((44_100, 2)), 44_100, format="OGG")

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.answer({"id": 7})

        def do_GET(self) -> None:
            asked.append(self.path)
            done = len(asked) > 2
            if self.path == "/file":
                self.answer(song.getvalue(), "audio/ogg")
            else:
                self.answer({"status": "done" if done else "queued", "file": "/file"})

        def answer(self, body: Any, kind: str = "application/json") -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(HANGS_S)


async def make(folder: Path, entry: Json, fields: Json) -> tuple[Json, bytes]:
    """The output of one request and its file."""
    made = ModelEntry.model_validate({**entry, "name": "it"})
    plan = Catalogue([made]).plan("it", fields, prefix="/input")
    replica = Replica(made, LocalStorageConfig(path=str(folder / "store")))
    [item] = plan.candidates
    beside = dict(item.companions)
    work = Work("job_1", "req_1", item.key, item.seed, item.request, item.settings, HANGS_S, beside)
    try:
        [*_, (kind, data)] = [event async for event in replica.run(work)]
    finally:
        replica.workers.shutdown()
        replica.askers.shutdown()
    assert kind == "output", data
    return data["output"], replica.storage.get(item.key)


async def test_a_sound_by_its_entry(foreign: Path) -> None:
    [entry] = [yaml.safe_load(text)[0] for text in re.findall(r"^```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)]
    entry["fallback"] = []  # its neighbour is not of this configuration
    output, data = await make(foreign, entry, {"prompt": "bells", "duration_s": 1.5})
    samples, rate_hz = sf.read(BytesIO(data), always_2d=True)
    assert (rate_hz, samples.shape) == (48_000, (72_000, 1))
    assert output["quality"]["ok"]


async def test_speech_is_as_long_as_its_words(foreign: Path) -> None:
    output, _ = await make(foreign, {"model": "murmur:Murmur"}, {"input": "all of it is well", "format": "mp3"})
    assert output["duration_s"] == pytest.approx(5 * 0.3, abs=0.01)
    assert output["quality"]["loudness_lufs"] == pytest.approx(-20, abs=0.5)


async def test_an_image(foreign: Path) -> None:
    output, data = await make(foreign, {"model": "stripes:Stripes"}, {"prompt": "stripes", "size": "64x128"})
    assert (output["kind"], output["width"], output["height"]) == ("image", 64, 128)
    assert data


async def test_what_was_made_elsewhere_is_finished_here(foreign: Path, provider: str) -> None:
    entry = {"model": "elsewhere:Elsewhere", "options": {"url": provider, "poll_s": 0.01}}
    output, _ = await make(foreign, entry, {"prompt": "a song", "duration_s": 1})
    assert output["quality"]["loudness_lufs"] == pytest.approx(-16, abs=0.5)
    assert (output["media_type"], output["sample_rate_hz"]) == ("audio/flac", 44_100)
