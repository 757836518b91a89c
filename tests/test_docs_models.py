"""Every model of docs/models.md, as a package of somebody else's, through catalogue, replica and storage."""

import re
from io import BytesIO
from pathlib import Path

import pytest
import soundfile as sf
import yaml

from serve_app.config import LocalStorageConfig, ModelEntry
from serve_app.jobs.catalogue import Catalogue
from serve_app.replica.replica import Replica
from serve_app.replica.work import Work
from tests.support.live import ROOT
from tests.support.provider import provider
from tests.support.service import HANGS_S, Json, args_in, running, until

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


async def test_what_was_made_elsewhere_is_finished_here(foreign: Path) -> None:
    with provider() as there:
        entry = {"model": "elsewhere:Elsewhere", "options": {"url": there.url, "poll_s": 0.01}}
        output, _ = await make(foreign, entry, {"prompt": "a song", "duration_s": 1})
    assert output["quality"]["loudness_lufs"] == pytest.approx(-16, abs=0.5)
    assert (output["media_type"], output["sample_rate_hz"]) == ("audio/flac", 44_100)


async def test_what_was_made_elsewhere_is_paid_once(foreign: Path) -> None:
    with provider() as there:
        there.busy, there.held = 1, True
        options = {"url": there.url, "poll_s": 0.01}
        service_entry = {"name": "it", "model": "elsewhere:Elsewhere", "options": options}
        args = args_in(foreign, service_entry)
        async with running(args) as service:
            job = await service.job("a song", model="it", duration_s=1)
            await until(lambda: there.looks > 1)  # after it was told to come back
        there.held = False
        async with running(args) as service:
            job = await service.ended(job)
        assert job["status"] == "succeeded"
        assert [item["outcome"] for item in job["attempt_log"]] == ["retry_later", "released", "succeeded"]
        assert len(there.submits) == 1
