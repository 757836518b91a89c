"""The default service, as `make serve` starts it: every promise of the first minute, over real HTTP on real Ray."""

import io
import ipaddress
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import psutil
import pytest
import scipy.signal
import soundfile
import synth_native

from tests.support.live import Service, cli, fetched, running, wait_for

pytestmark = pytest.mark.ray

PROMPT = "gentle rain with a warm low pad"
RATE_HZ = 44_100


@pytest.fixture(scope="module")
def service(default_service: Service) -> Service:
    return default_service


@pytest.fixture(scope="module")
def first_url(service: Service) -> str:
    """The URL that the first sound was printed with."""
    return service.wait_line(r"^http://")


def generate(service: Service, prompt: str = PROMPT, **fields: Any) -> dict[str, Any]:
    answer = httpx.post(f"{service.url}/v1/audio/generations", json={"prompt": prompt, **fields}, timeout=70)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


def decoded(data: bytes) -> tuple[np.ndarray, int]:
    samples, rate_hz = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return samples.T, rate_hz


def band(mono: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    sections = scipy.signal.butter(6, [low_hz, high_hz], "bandpass", fs=RATE_HZ, output="sos")
    filtered: np.ndarray = scipy.signal.sosfiltfilt(sections, mono)
    return filtered


def level_db(signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(signal**2) + 1e-20))


def test_the_first_sound_plays_from_the_printed_url(service: Service, first_url: str) -> None:
    assert re.search(r"ready after [\d.]+ s: (http://\S+)\s+docs: \1/docs", service.seen[0])
    assert any(re.search(r"first sound after [\d.]+ s", line) for line in service.seen)
    samples, rate_hz = decoded(httpx.get(first_url, timeout=70).raise_for_status().content)
    assert rate_hz == RATE_HZ
    assert samples.shape == (2, 10 * RATE_HZ)
    report = synth_native.measure(np.ascontiguousarray(samples), rate_hz)
    assert report["loudness_lufs"] == pytest.approx(-16, abs=0.5)
    assert report["true_peak_dbtp"] <= -0.95


def test_the_rain_and_the_pad_are_both_in_the_sound(service: Service) -> None:
    job = generate(service, duration_s=10, seed=11)
    samples, _ = decoded(fetched(job["outputs"][0]))
    mono = samples.mean(axis=0).astype(np.float64)[RATE_HZ:-RATE_HZ]
    rain, pad = band(mono, 2_000, 16_000), band(mono, 40, 500)
    assert abs(level_db(rain) - level_db(pad)) < 20
    # noise: above 2 kHz no line stands out of the spectrum; harmonics: below 500 Hz lines hold nearly all the power
    assert flatness(rain, 2_500, 12_000) > 0.3
    assert flatness(pad, 60, 450) < 0.1
    # drops: single rises of the envelope far above what steady noise has
    envelope = np.abs(scipy.signal.hilbert(band(mono, 2_500, 12_000)))
    envelope = envelope[: len(envelope) // 64 * 64].reshape(-1, 64).mean(axis=1)
    assert np.percentile(envelope, 99.9) > 1.8 * np.median(envelope)


def flatness(signal: np.ndarray, low_hz: float, high_hz: float) -> float:
    """Geometric over arithmetic mean of the power spectrum."""
    frequency_hz, power = scipy.signal.welch(signal, RATE_HZ, nperseg=16_384)
    inside = power[(frequency_hz > low_hz) & (frequency_hz < high_hz)]
    return float(np.exp(np.mean(np.log(inside))) / np.mean(inside))


@pytest.mark.parametrize(
    ("format", "media_type", "tolerance_s"),
    [("flac", "audio/flac", 0), ("wav", "audio/wav", 0), ("opus", "audio/ogg", 0), ("mp3", "audio/mpeg", 0.06)],
)
def test_every_format_decodes_to_the_asked_length(
    format: str, media_type: str, tolerance_s: float, service: Service
) -> None:
    job = generate(service, model="synth", duration_s=2, seed=3, format=format)
    [output] = job["outputs"]
    answer = httpx.get(output["url"], timeout=70)
    assert answer.headers["content-type"] == output["media_type"] == media_type
    samples, rate_hz = decoded(fetched(output))
    assert abs(samples.shape[1] / rate_hz - 2) <= tolerance_s + 1 / rate_hz
    assert output["duration_s"] == 2
    assert np.abs(samples).max() > 0.05


def test_docs_health_and_models(service: Service) -> None:
    with service.client() as http:
        assert http.get("/healthz").json() == {"status": "ok"}
        assert http.get("/readyz").json() == {"status": "ready"}
        docs = http.get("/docs")
        assert docs.status_code == 200
        assert "text/html" in docs.headers["content-type"]
        described = http.get("/openapi.json").json()
        assert described["openapi"].startswith("3.")
        for path in ("/v1/jobs", "/v1/jobs/{job_id}/events", "/v1/audio/generations", "/v1/models"):
            assert path in described["paths"]
        wait_for(lambda: service.model("synth")["status"], lambda status: status == "ready")
        cards = {card["id"]: card for card in http.get("/v1/models").json()["data"]}
        assert set(cards) == {"synth", "hibari", "tone", "canvas"}
        assert (cards["synth"]["status"], cards["synth"]["replicas"]) == ("ready", 1)
        assert cards["tone"]["status"] in ("cold", "loading", "ready")  # it comes when it is asked for
        page = http.get("/v1/models/synth").json()
        assert page.pop("health")["sample"] >= 0
        assert page | {"memory_bytes": 0} == cards["synth"] | {"memory_bytes": 0}
        series = http.get("/metrics").text
        assert "continuo" in series
        assert 'model="synth"' in series


def test_the_same_seed_is_answered_from_storage(service: Service) -> None:
    first, again = (generate(service, duration_s=1, seed=77, model="tone") for _ in range(2))
    assert (first["cached"], again["cached"]) == (False, True)
    assert again["id"] != first["id"]
    assert again["outputs"][0]["sha256"] == first["outputs"][0]["sha256"]
    assert again["attempts"] == 0


def test_a_url_can_be_fetched_in_ranges_and_revalidated(service: Service, first_url: str) -> None:
    whole = httpx.get(first_url, timeout=70)
    etag = whole.headers["etag"]
    assert whole.headers["accept-ranges"] == "bytes"
    part = httpx.get(first_url, headers={"Range": "bytes=100-199"}, timeout=70)
    assert part.status_code == 206
    assert part.content == whole.content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert httpx.get(first_url, headers={"If-None-Match": etag}, timeout=70).status_code == 304
    assert httpx.head(first_url, timeout=70).headers["content-length"] == str(len(whole.content))
    forged = re.sub("signature=.", lambda match: "signature=" + ("0" if match[0][-1] != "0" else "1"), first_url)
    assert httpx.get(forged, timeout=70).status_code == 403


def events(url: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Number, type and data of each event of a job, as it comes."""
    with httpx.stream("GET", url, timeout=70) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in stream.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                if "data" in fields:
                    yield int(fields["id"]), fields["event"], json.loads(fields["data"])
                fields = {}


def test_events_come_live_and_in_order(service: Service) -> None:
    """Each event is read when it happens: the job works on while its first five reports are read."""
    job = service.submit("slow steps", steps=1000, step_s=0.1)
    seen: list[tuple[int, str, dict[str, Any]]] = []
    for number, kind, data in events(job["urls"]["events"]):
        seen.append((number, kind, data))
        if kind == "progress" and data["step"] < 1000:
            assert service.job(job["id"])["status"] in ("running", "canceled")
            if [kind for _, kind, _ in seen].count("progress") == 5:
                httpx.post(job["urls"]["cancel"], timeout=70)
    kinds = [kind for _, kind, _ in seen]
    assert kinds[0] == "queued"
    assert kinds[-1] == "completed"
    assert kinds.count("progress") >= 5
    assert [number for number, _, _ in seen] == sorted({number for number, _, _ in seen})
    assert seen[-1][2]["status"] == "canceled"
    short = service.submit("three steps", steps=3, step_s=0.3)
    told = list(events(short["urls"]["events"]))
    assert [kind for _, kind, _ in told][-2:] == ["output", "completed"]
    resumed = httpx.get(short["urls"]["events"], headers={"Last-Event-ID": str(told[-2][0])}, timeout=70).text
    assert re.findall(r"^event: (\w+)", resumed, re.MULTILINE) == ["completed"]
    assert json.loads(re.findall(r"^data: (.*)", resumed, re.MULTILINE)[0])["status"] == "succeeded"


def test_a_cancelled_job_gives_its_place_back_within_a_step(service: Service) -> None:
    """All places of the tone are taken by jobs of minutes; after the cancels a new job runs at once."""
    jobs = [service.submit(f"endless {n}", steps=1000, step_s=0.5) for n in range(4)]
    for job in jobs:
        service.reach(job["id"], "running")
    waiting = service.submit("waits its turn", duration_s=1)
    assert service.job(waiting["id"])["status"] == "queued"
    for job in jobs:
        answer = httpx.post(job["urls"]["cancel"], timeout=70)
        assert answer.json()["status"] == "canceled"
    ended = service.ended(waiting["id"], timeout_s=120)  # not the 500 s of the work that was cancelled
    assert ended["status"] == "succeeded"
    again = generate(service, "after the cancels", model="tone", duration_s=1)
    assert again["metrics"]["run_s"] < 5
    busy = re.search(r'^continuo\w*busy\w*\{model="tone"\} (\S+)', httpx.get(f"{service.url}/metrics").text, re.M)
    assert busy is not None
    assert float(busy[1]) == 0


def test_the_command_line_generates_lists_and_shows(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "out.flac"
    made = cli(tmp_path, "generate", PROMPT, "-o", str(file), "--duration", "2", "--seed", "5", "--url", service.url)
    assert made.returncode == 0, made.stderr
    samples, rate_hz = decoded(file.read_bytes())
    assert samples.shape == (2, 2 * rate_hz)
    assert "seed 5" in made.stderr
    printed = cli(tmp_path, "generate", PROMPT, "--duration", "2", "--seed", "5", "--url", service.url)
    assert httpx.get(printed.stdout.strip(), timeout=70).content == file.read_bytes()
    models = cli(tmp_path, "models", "--url", service.url)
    assert "synth" in models.stdout
    assert "ready" in models.stdout
    assert json.loads(cli(tmp_path, "models", "tone", "--url", service.url).stdout)["id"] == "tone"
    listed = cli(tmp_path, "jobs", "--url", service.url)
    newest = httpx.get(f"{service.url}/v1/jobs", timeout=70).json()["results"][0]
    assert newest["id"] in listed.stdout
    assert json.loads(cli(tmp_path, "jobs", newest["id"], "--url", service.url).stdout)["status"] == "succeeded"
    wrong = cli(tmp_path, "generate", "", "--url", service.url)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("error: /prompt")
    assert cli(tmp_path, "models", "tune", "--url", service.url).returncode == 1


def listening(service: Service) -> list[tuple[psutil.Process, str, int]]:
    found = []
    for member in service.family():
        try:
            sockets = member.net_connections("tcp")
        except psutil.NoSuchProcess:
            continue
        found += [(member, item.laddr.ip, item.laddr.port) for item in sockets if item.status == "LISTEN"]
    return found


def test_only_loopback_is_listened_on_and_ray_asks_for_its_token(service: Service) -> None:
    """What listens elsewhere is Ray's own: servers of RPCs, and agents. Each refuses a call without the token."""
    ours = int(service.url.rpartition(":")[2])
    sockets = listening(service)
    assert any(port == ours and ip == "127.0.0.1" for _, ip, port in sockets)
    open_ports = {(ip, port) for _, ip, port in sockets if not ipaddress.ip_address(ip).is_loopback}
    assert ours not in {port for _, port in open_ports}
    answers = {port: refusal("127.0.0.1" if ip in ("::", "0.0.0.0") else ip, port) for ip, port in open_ports}
    still_there = {port for _, _, port in listening(service)}  # an idle worker of Ray's may have gone meanwhile
    answers = {port: answer for port, answer in answers.items() if port in still_there}
    assert answers
    assert set(answers.values()) == {"UNAUTHENTICATED", "401"}, answers


CALLS = (
    "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "/ray.rpc.CoreWorkerService/PushTask",
    "/ray.rpc.NodeManagerService/GetNodeStats",
    "/ray.rpc.ObjectManagerService/Push",
    "/ray.rpc.ReporterService/HealthCheck",
    "/ray.serve.ASGIService/HandleRequest",
)


def refusal(host: str, port: int) -> str:
    """How a listener answers without the token: by HTTP or, where it speaks gRPC, to the call that it knows."""
    with suppress(httpx.HTTPError), httpx.Client(timeout=20) as http:
        return str(http.get(f"http://{host}:{port}/api/version").status_code)
    codes = set()
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        for path in CALLS:
            try:
                channel.unary_unary(path)(b"", timeout=20)
                return f"{path} was answered"
            except grpc.RpcError as error:
                codes.add(error.code().name)
    codes.discard("UNIMPLEMENTED")  # a service of another process
    return "+".join(sorted(codes))


def test_no_process_runs_for_nobody(service: Service) -> None:
    names = [" ".join(member.cmdline()) for member in service.family()]
    assert not [name for name in names if "log_monitor" in name]
    assert len([name for name in names if "ServeReplica" in name]) <= 3  # the ingress, the synth, the tone once asked


def test_no_secret_and_no_trace_in_the_log(service: Service, first_url: str) -> None:
    lines = [json.loads(line) for line in service.log_lines()]
    assert lines
    assert not [line for line in lines if line["level"] in ("ERROR", "CRITICAL")], lines
    text = "\n".join(service.log_lines())
    assert "signature=" not in text
    assert PROMPT not in text


@pytest.mark.slow
def test_a_second_service_lives_beside_it(service: Service, tmp_path: Path) -> None:
    ours = generate(service, "mine alone", model="tone", duration_s=1, seed=1)
    with running(tmp_path) as other:
        assert other.url != service.url
        theirs = generate(other, "mine alone", model="tone", duration_s=1, seed=1)
        assert not theirs["cached"]
        assert httpx.get(f"{other.url}/v1/jobs/{ours['id']}", timeout=70).status_code == 404
        assert fetched(theirs["outputs"][0]) == fetched(ours["outputs"][0])
        assert not {member.pid for member in other.family()} & {member.pid for member in service.family()}
        results: list[int] = []

        def ask(which: Service) -> None:
            for number in range(5):
                results.append(generate(which, f"side by side {number}", model="synth", duration_s=1)["attempts"])

        threads = [threading.Thread(target=ask, args=(which,)) for which in (service, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(240)
        assert results == [1] * 10
        assert other.terminate() == 0
    assert httpx.get(f"{service.url}/readyz", timeout=70).status_code == 200
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", int(other.url.rpartition(":")[2])), 2):  # noqa: PT011
        pass
    wait_for(lambda: service.model("tone")["status"], lambda status: status == "ready")
