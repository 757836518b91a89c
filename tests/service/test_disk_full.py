"""A full disk: 507, nothing lost, no half objects, and all is well again when there is room."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.live import TONE, Service, config_file, fetched, running

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of its own that holds a few megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={request.param}m,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root and the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def ask(service: Service, number: int) -> httpx.Response:
    """10 s of WAV: 1.76 MB."""
    body = {"model": "tone", "prompt": f"sound {number}", "duration_s": 10, "format": "wav", "seed": number}
    return httpx.post(f"{service.url}/v1/audio/generations", json=body, timeout=90)


def fill(ballast: Path) -> None:
    """Take all the room that is left."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def objects(store: Path) -> list[Path]:
    return sorted(path for path in (store / "objects").rglob("*") if path.is_file())


@pytest.mark.parametrize("small_disk", [8], indirect=True)
def test_a_full_store_refuses_what_it_cannot_hold_and_keeps_the_rest(small_disk: Path, tmp_path: Path) -> None:
    config = config_file(tmp_path, [TONE], storage={"kind": "local", "path": str(small_disk)})
    with running(tmp_path, config) as service:
        made = []
        for number in range(8):
            answer = ask(service, number)
            if answer.status_code != 201:
                break
            made.append(answer.json())
        assert answer.status_code == 507, answer.text
        assert 2 <= len(made) <= 4
        problem = answer.json()
        assert problem["code"] == "storage_full"
        assert problem["retryable"]
        failed = service.job(problem["job_id"])
        assert (failed["status"], failed["error"]["code"]) == ("failed", "storage_full")
        kept = objects(small_disk)
        assert len(kept) == len(made)
        assert not list((small_disk / "objects" / "@tmp").iterdir())
        for job in made:
            fetched(service.job(job["id"])["outputs"][0])
        assert httpx.get(f"{service.url}/healthz", timeout=70).status_code == 200
        assert httpx.delete(f"{service.url}/v1/jobs/{made[0]['id']}", timeout=70).status_code == 204
        again = ask(service, 100)
        assert again.status_code == 201, again.text
        fetched(again.json()["outputs"][0])


@pytest.mark.parametrize("small_disk", [96], indirect=True)
def test_a_disk_that_is_full_to_the_last_byte_stops_the_database_too_and_loses_nothing(small_disk: Path) -> None:
    """The default layout: jobs, workflows, log and store on one disk."""
    with running(small_disk, config_file(small_disk, [TONE])) as service:
        before = ask(service, 1).json()
        long = service.submit("runs through it", steps=30, step_s=0.1)
        service.reach(long["id"], "running")
        ballast = small_disk / "ballast"
        fill(ballast)
        answers = [ask(service, number) for number in range(2, 5)]
        assert {answer.status_code for answer in answers} == {507}, [answer.text for answer in answers]
        assert {answer.json()["code"] for answer in answers} == {"storage_full"}
        fetched(service.job(before["id"])["outputs"][0])
        ballast.unlink()
        after = ask(service, 100)
        assert after.status_code == 201, after.text
        assert service.ended(long["id"])["status"] in ("succeeded", "failed")
        for job_id in (before["id"], after.json()["id"]):
            fetched(service.job(job_id)["outputs"][0])
        assert not list((small_disk / "objects" / "@tmp").iterdir())
        assert service.terminate() == 0
    with running(small_disk, small_disk / "continuo.yaml") as service:
        fetched(service.job(before["id"])["outputs"][0])
        service.wait_ready()
        assert service.ended(long["id"])["status"] in ("succeeded", "failed")
