"""The wrapper around a model, driven as a deployment handle drives it."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.contract import Audio, Unhealthy
from deployments.tone import sine
from serve_app.config import LocalStorageConfig, ModelEntry
from serve_app.deliver.delivery import ENDINGS
from serve_app.errors import GenerationFailed
from serve_app.jobs.catalogue import Catalogue
from serve_app.replica.replica import Replica, whole
from serve_app.replica.work import Event, Work
from tests.support.live import ROOT
from tests.support.models import BatchTone, CountingTone
from tests.support.service import HANGS_S, LONG, Json, entry, until

pytestmark = pytest.mark.anyio


class Bench:
    """A replica of a model and the work that an ingress would give it."""

    def __init__(self, folder: Path, model: str, at_once: int = 4, **options: Any) -> None:
        made = ModelEntry.model_validate(entry("it", model, at_once=at_once, options=options))
        self.catalogue = Catalogue([made])
        self.replica = Replica(made, LocalStorageConfig(path=str(folder)))

    def work(self, prompt: str = "x", deadline_s: float = 60, seed: int = 1, **fields: Any) -> Work:
        plan = self.catalogue.plan("it", {"prompt": prompt, "duration_s": 0.2, "seed": seed, **fields}, prefix="/input")
        [item] = plan.candidates
        return Work("job_1", "req_1", item.key, item.seed, item.request, item.settings, deadline_s)

    async def events(self, work: Work) -> list[Event]:
        async with asyncio.timeout(HANGS_S):
            return [event async for event in self.replica.run(work)]

    async def last(self, **fields: Any) -> tuple[str, Json]:
        return (await self.events(self.work(**fields)))[-1]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Any]:
    made: list[Bench] = []

    def build(model: str = "deployments.tone:Tone", **options: Any) -> Bench:
        made.append(Bench(tmp_path, model, **options))
        return made[-1]

    yield build
    for item in made:
        item.replica.workers.shutdown(cancel_futures=True)
        item.replica.askers.shutdown(cancel_futures=True)


async def test_the_last_event_is_what_was_stored(bench: Any) -> None:
    tone = bench()
    kind, data = await tone.last()
    stored = tone.replica.storage.stat(data["output"]["key"])
    assert kind == "output"
    assert (stored.bytes, stored.sha256, stored.media_type) == tuple(
        data["output"][name] for name in ("bytes", "sha256", "media_type")
    )
    assert set(data["metrics"]) == {"run_s", "finish_s", "encode_s", "store_s"}
    assert data["output"]["quality"]["ok"]


@pytest.mark.parametrize("format", ["wav", "flac", "opus", "mp3", "aac"])
async def test_every_format_has_the_asked_length_and_loudness(bench: Any, format: str) -> None:
    _, data = await bench().last(format=format, duration_s=1.25, loudness_lufs=-20)
    output = data["output"]
    assert output["duration_s"] == pytest.approx(1.25, abs=1 / 44_100)
    assert output["quality"]["loudness_lufs"] == pytest.approx(-20, abs=0.5)
    assert output["key"].endswith(f".{ENDINGS.get(format, format)}")


async def test_a_model_that_fails_to_load_says_so_and_is_tried_again(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = bench(fail_load="weights are not in /models")
    kind, data = await broken.last()
    assert (kind, data["code"]) == ("error", "model_not_ready")
    assert "weights are not in /models" in data["detail"]
    assert await broken.replica.status() == {"status": "failed", "reason": "weights are not in /models"}
    monkeypatch.setattr("serve_app.replica.replica.RELOAD_AFTER_S", 0.0)
    broken.replica.model.options = broken.replica.model.options.model_copy(update={"fail_load": None})
    assert (await broken.last())[0] == "output"
    assert (await broken.replica.status())["status"] == "ready"


async def test_work_waits_until_the_model_is_loaded(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived = threading.Event()
    monkeypatch.setattr("deployments.tone.Tone.load", lambda _: arrived.wait(60))
    slow = bench()
    waiting = asyncio.create_task(slow.last())
    assert (await slow.replica.status())["status"] == "loading"
    arrived.set()
    assert (await waiting)[0] == "output"
    assert (await slow.replica.status())["status"] == "ready"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("out_of_memory", "resource_exhausted"),
        ("nan", "unusable_audio"),
        ("silence", "unusable_audio"),
        ("error", "generation_failed"),
    ],
)
async def test_a_fault_of_the_model_has_its_code_and_leaves_nothing_behind(bench: Any, fault: str, code: str) -> None:
    bad = bench(fault=fault)
    work = bad.work()
    kind, data = (await bad.events(work))[-1]
    assert (kind, data["code"]) == ("error", code)
    assert bad.replica.storage.stat(work.key) is None
    assert bad.replica.flights == {}


async def test_chunks_are_one_sound(bench: Any) -> None:
    chunked = bench("tests.support.models:ChunkTone")
    kind, data = await chunked.last(duration_s=0.55)
    assert (kind, data["output"]["duration_s"]) == ("output", 0.55)
    assert data["facts"] == {"chunks": 22_050}
    samples = sine(440, 4410, 1)
    joined = whole(Audio(part, 44_100) for part in np.array_split(samples, 7, axis=1))
    assert np.array_equal(joined.samples, samples)
    with pytest.raises(GenerationFailed, match="no audio"):
        whole(iter(()))


async def reaches_progress(stream: AsyncIterator[Event]) -> None:
    """Read until the first report; that the call was taken is told before it where there is time for it."""
    while (await anext(stream))[0] == "taken":
        pass


async def test_an_engine_of_its_own_works_and_can_be_cancelled(bench: Any) -> None:
    engine = bench("tests.support.models:EngineTone")
    kind, data = await engine.last()
    assert (kind, data["facts"]) == ("output", {"interpretation": {"engine": 1}})
    stream = engine.replica.run(engine.work(seed=2, **LONG))
    await reaches_progress(stream)
    await stream.aclose()
    await until(lambda: len(asyncio.all_tasks()) <= 2)


async def test_a_lone_request_never_waits_and_a_busy_model_fills_its_batches(bench: Any) -> None:
    batched = bench("tests.support.models:BatchTone", at_once=16)
    BatchTone.batches.clear()
    BatchTone.gate.clear()
    running = [asyncio.create_task(batched.events(batched.work(seed=seed))) for seed in range(10)]
    await until(lambda: BatchTone.batches != [] and len(batched.replica.batcher.waiting) >= 6)
    first = BatchTone.batches[0]
    BatchTone.gate.set()
    assert all(events[-1][0] == "output" for events in await asyncio.gather(*running))
    assert BatchTone.batches[1:] == [4, 4, 2][: len(BatchTone.batches) - 1] or sum(BatchTone.batches) == 10
    assert max(BatchTone.batches) == 4
    assert first >= 1
    sums = {events[-1][1]["output"]["sha256"] for events in await asyncio.gather(*running)}
    assert len(sums) == 10


async def test_an_error_in_a_batch_reaches_every_member(bench: Any) -> None:
    batched = bench("tests.support.models:BatchTone", fault="out_of_memory")
    BatchTone.gate.set()
    ends = await asyncio.gather(*(batched.last(seed=seed) for seed in range(3)))
    assert [data["code"] for _, data in ends] == ["resource_exhausted"] * 3


async def test_what_is_cancelled_while_it_waits_for_a_batch_is_not_made(bench: Any) -> None:
    batched = bench("tests.support.models:BatchTone", at_once=16)
    BatchTone.batches.clear()
    BatchTone.gate.clear()
    first = asyncio.create_task(batched.events(batched.work(seed=0)))
    await until(lambda: BatchTone.batches == [1])
    left = [batched.replica.run(batched.work(seed=seed)) for seed in (1, 2)]
    kept = asyncio.create_task(batched.events(batched.work(seed=3)))
    for stream in left:
        assert await anext(stream) == ("taken", {})
    await until(lambda: len(batched.replica.batcher.waiting) == 3)
    for stream in left:
        await stream.aclose()
    BatchTone.gate.set()
    assert [events[-1][0] for events in await asyncio.gather(first, kept)] == ["output", "output"]
    assert BatchTone.batches == [1, 1]


async def test_what_is_cancelled_while_it_waits_for_a_thread_is_not_made(bench: Any) -> None:
    counting = bench("tests.support.models:CountingTone", at_once=1)
    CountingTone.held.update({"one", "two"})
    busy = [asyncio.create_task(counting.events(counting.work(prompt))) for prompt in ("one", "two")]
    await until(lambda: {("one", 1), ("two", 1)} <= set(CountingTone.calls))
    stream = counting.replica.run(counting.work("left"))
    assert await anext(stream) == ("taken", {})
    await stream.aclose()
    CountingTone.held.difference_update({"one", "two"})
    await asyncio.gather(*busy)
    assert (await counting.last(prompt="next"))[0] == "output"
    assert ("left", 1) not in CountingTone.calls


async def test_questions_and_health_do_not_wait_behind_sounds(bench: Any) -> None:
    counting = bench("tests.support.models:CountingTone", at_once=1)
    counting.replica.model.ask = lambda word: word.upper()
    CountingTone.held.update({"one", "two"})
    busy = [asyncio.create_task(counting.events(counting.work(prompt))) for prompt in ("one", "two")]
    await until(lambda: {("one", 1), ("two", 1)} <= set(CountingTone.calls))
    async with asyncio.timeout(HANGS_S):
        assert await counting.replica.ask("presets") == ("answer", "PRESETS")
        assert (await counting.replica.status())["status"] == "ready"
        await counting.replica.check_health()
    CountingTone.held.difference_update({"one", "two"})
    await asyncio.gather(*busy)


async def test_a_question_without_an_answer_ends(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tone, over = bench(), threading.Event()
    monkeypatch.setattr("serve_app.replica.replica.PATIENCE_S", 0.05)
    tone.replica.model.ask = over.wait
    assert await tone.replica.ask() == ("error", "model 'it' gave no answer within 0.05 s")
    over.set()


async def test_failures_of_different_requests_in_a_row_make_it_unhealthy(bench: Any) -> None:
    bad = bench(fault="error")
    for seed in (1, 1, 1, 1, 1, 2, 3, 4):
        assert (await bad.last(seed=seed))[1]["code"] == "generation_failed"
        await bad.replica.check_health()
    await bad.last(seed=5)
    with pytest.raises(Unhealthy, match="5 requests in a row failed, the last with RuntimeError: a bug of the model"):
        await bad.replica.check_health()
    assert (await bad.replica.status())["status"] == "failed"
    bad.replica.model.options = bad.replica.model.options.model_copy(update={"fault": None})
    assert (await bad.last(seed=5))[0] == "output"
    await bad.replica.check_health()
    assert (await bad.replica.status())["status"] == "ready"


@pytest.mark.parametrize("fault", ["nan", "out_of_memory"])
async def test_what_is_no_fault_of_the_process_leaves_it_healthy(bench: Any, fault: str) -> None:
    bad = bench(fault=fault)
    for seed in range(6):
        await bad.last(seed=seed)
    for seed in range(6):
        await bad.last(seed=seed, frequency_hz=440, duration_s=1e-6)
    await bad.replica.check_health()


async def test_a_lost_device_makes_it_unhealthy_at_once(bench: Any) -> None:
    def lose(request: Any, context: Any) -> Audio:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    tone = bench()
    await tone.last()
    tone.replica.model.generate = lose
    assert (await tone.last(seed=2))[1]["code"] == "generation_failed"
    with pytest.raises(Unhealthy, match="illegal memory access"):
        await tone.replica.check_health()
    kind, data = await tone.last(seed=3)
    assert (kind, data["code"]) == ("error", "model_not_ready")
    assert "model 'it' is being replaced" in data["detail"]
    assert "illegal memory access" in data["detail"]


async def test_a_model_that_says_so_is_unhealthy(bench: Any) -> None:
    tone = bench()
    said: list[str | None] = [None]
    tone.replica.model.healthy = lambda: said[0]
    assert (await tone.last())[0] == "output"
    await tone.replica.check_health()
    said[0] = "the loop has ended"
    with pytest.raises(Unhealthy, match="the loop has ended"):
        await tone.replica.check_health()
    assert await tone.replica.status() == {"status": "failed", "reason": "the loop has ended"}
    assert (await tone.last(seed=2))[1]["code"] == "model_not_ready"


async def test_a_model_that_does_not_load_is_no_case_for_another_process(bench: Any) -> None:
    broken = bench(fail_load="weights are not in /models")
    await broken.last()
    await broken.replica.check_health()


async def test_equal_work_is_done_once_for_all_who_listen(bench: Any) -> None:
    counting = bench("tests.support.models:CountingTone")
    CountingTone.calls.clear()
    work = counting.work("once", steps=5, step_s=0.03)
    ends = await asyncio.gather(*(counting.events(work) for _ in range(5)))
    assert len({events[-1][1]["output"]["sha256"] for events in ends}) == 1
    assert CountingTone.calls == [("once", 1)]


async def test_work_is_cancelled_when_the_last_listener_leaves_not_before(bench: Any) -> None:
    counting = bench("tests.support.models:CountingTone")
    CountingTone.cancelled.clear()
    work = counting.work("listened", **LONG)
    first, second = counting.replica.run(work), counting.replica.run(work)
    await reaches_progress(first)
    await reaches_progress(second)
    await first.aclose()
    assert (await anext(second))[0] == "progress"
    assert CountingTone.cancelled == []
    await second.aclose()
    await until(lambda: CountingTone.cancelled == ["listened"])
    assert counting.replica.flights == {}


async def test_after_a_cancel_the_same_work_begins_anew(bench: Any) -> None:
    tone = bench()
    work = tone.work("anew", steps=20, step_s=0.02)
    stream: AsyncIterator[Event] = tone.replica.run(work)
    await reaches_progress(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert (await tone.events(work))[-1][0] == "output"


class Clock:
    """The clock by which contexts look at their deadlines, `ahead` seconds before the real one."""

    ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("deployments.contract.context.time", made)
    return made


async def test_who_joins_is_served_until_his_own_deadline(bench: Any, clock: Clock) -> None:
    counting = bench("tests.support.models:CountingTone")
    CountingTone.held.add("joined")
    first = asyncio.create_task(counting.events(counting.work("joined", deadline_s=600)))
    await until(lambda: ("joined", 1) in CountingTone.calls)
    second = asyncio.create_task(counting.events(counting.work("joined", deadline_s=6000)))
    await until(lambda: [len(flight.listeners) for flight in counting.replica.flights.values()] == [2])
    clock.ahead = 3000
    CountingTone.held.discard("joined")
    assert [events[-1][0] for events in (await first, await second)] == ["output", "output"]
    assert CountingTone.calls.count(("joined", 1)) == 1


async def test_who_comes_after_a_deadline_does_not_share_its_error(bench: Any, clock: Clock) -> None:
    counting = bench("tests.support.models:CountingTone")
    CountingTone.held.add("late")
    first = asyncio.create_task(counting.events(counting.work("late", deadline_s=600)))
    await until(lambda: ("late", 1) in CountingTone.calls)
    clock.ahead = 3000
    second = asyncio.create_task(counting.events(counting.work("late", deadline_s=6000)))
    assert (await first)[-1][1]["code"] == "deadline_exceeded"
    CountingTone.held.discard("late")
    assert (await second)[-1][0] == "output"


async def test_the_call_is_taken_before_the_model_is_loaded(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived = threading.Event()
    monkeypatch.setattr("deployments.tone.Tone.load", lambda _: arrived.wait(60))
    slow = bench()
    stream = slow.replica.run(slow.work())
    assert await anext(stream) == ("taken", {})
    assert (await slow.replica.status())["status"] == "loading"
    arrived.set()
    assert [event[0] async for event in stream][-1] == "output"


async def test_a_deadline_ends_the_generation(bench: Any) -> None:
    kind, data = await bench().last(deadline_s=0.2, **LONG)
    assert (kind, data["code"]) == ("error", "deadline_exceeded")


MEASURED = """
import asyncio, json, sys
from serve_app.config import LocalStorageConfig, ModelEntry
from serve_app.jobs.catalogue import Catalogue
from serve_app.replica.replica import Replica
from serve_app.replica.work import Work

def status(name):  # bytes; ru_maxrss would count what the parent had
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name + ":"))

async def main(folder, model, seconds, rate_hz):
    entry = ModelEntry(name="it", model=model)
    replica, catalogue = Replica(entry, LocalStorageConfig(path=folder)), Catalogue([entry])

    async def run(duration_s):
        given = {"prompt": "x", "duration_s": duration_s, "seed": 1, "format": "wav", "bit_depth": 32}
        [item] = catalogue.plan("it", given | {"sample_rate_hz": rate_hz}, prefix="/input").candidates
        work = Work("job_1", "req_1", item.key, item.seed, item.request, item.settings)
        return [event async for event in replica.run(work)][-1]

    await run(1)
    before = status("VmRSS")
    kind, data = await run(seconds)
    assert kind == "output", data
    print(json.dumps([status("VmHWM") - before, data["output"]["bytes"]]))

asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
"""


@pytest.mark.parametrize(
    ("model", "seconds", "rate_hz"),
    [
        ("tests.support.models:LongNoise", 240, 44_100),
        ("tests.support.models:LongNoise", 60, 192_000),
    ],
)
def test_a_long_sound_is_in_memory_about_twice(tmp_path: Path, model: str, seconds: float, rate_hz: int) -> None:
    command = [sys.executable, "-c", MEASURED, str(tmp_path), model, str(seconds), str(rate_hz)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    taken, sound = json.loads(done.stdout.splitlines()[-1])
    assert sound == pytest.approx(2 * 4 * seconds * rate_hz, rel=0.01)
    assert taken < 2.75 * sound, f"{taken / sound:.2f} times the sound"


async def test_the_models_own_loudness_counts_unless_the_request_has_one(bench: Any) -> None:
    tone = bench()
    tone.replica.model.generate = lambda request, context: Audio(
        sine(440, round(44_100 * request.duration_s), context.seed), 44_100, {}, loudness_lufs=-23.0
    )
    _, data = await tone.last(duration_s=1)
    assert data["output"]["quality"]["loudness_lufs"] == pytest.approx(-23, abs=0.5)
    _, data = await tone.last(duration_s=1, loudness_lufs=-18)
    assert data["output"]["quality"]["loudness_lufs"] == pytest.approx(-18, abs=0.5)


@pytest.mark.parametrize(
    "samples", [np.zeros((2, 10), np.float64), np.zeros(10, np.float32), np.ones((2, 0), np.float32)]
)
async def test_what_is_no_sound_is_refused(bench: Any, samples: Any) -> None:
    tone = bench()
    tone.replica.model.generate = lambda request, context: Audio(samples, 44_100)
    assert (await tone.last())[1]["code"] == "unusable_audio"
