"""Probes that raise or hang, and what follows from findings."""

import threading
from collections.abc import Iterator

import pytest

from serve_app.checks import Check, Probe, examine, report, worst


def fine() -> Iterator[Check]:
    yield Check("fine", "ok", "well")
    yield Check("more", "warning", "less well", "rest")


def raising() -> Iterator[Check]:
    raise LookupError("lost\nsecond line")
    yield


@pytest.mark.parametrize(("essential", "status"), [(False, "warning"), (True, "failed")])
def test_a_probe_never_raises_and_never_hangs(essential: bool, status: str) -> None:
    ever, hung = threading.Event(), threading.Event()

    def hanging() -> Iterator[Check]:
        hung.set()
        ever.wait(60)
        yield Check("late", "ok", "")

    probes = [
        Probe("hanging", hanging, 0.01, essential),
        Probe("raising", raising, 60, essential),
        Probe("fine", fine, 60),
    ]
    found = examine(probes)
    ever.set()
    assert hung.wait(60)
    assert [item.name for item in found] == ["hanging", "raising", "fine", "more"]
    assert [item.status for item in found] == [status, status, "ok", "warning"]
    assert found[0].detail == "no answer within 0.01 s"
    assert found[1].detail == "cannot be looked at (LookupError: lost)"


def test_the_worst_finding_is_the_status() -> None:
    ok, warning, failed = Check("a", "ok", ""), Check("b", "warning", ""), Check("c", "failed", "", "mend it")
    assert [worst([ok]), worst([ok, warning]), worst([failed, ok, warning]), worst([])] == [
        "ok",
        "warning",
        "failed",
        "ok",
    ]
    told = report([ok, failed])
    assert told["status"] == "failed"
    assert told["checks"][1] == {"name": "c", "status": "failed", "detail": "", "remedy": "mend it"}
