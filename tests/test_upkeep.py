"""What an ingress does beside its requests, where no other test has it."""

import os
from typing import Any

import pytest

from serve_app.errors import StorageMisconfigured
from serve_app.records import queue_rows
from serve_app.storage.local import LocalStorage
from serve_app.upkeep import COLLECT_EVERY_S
from tests.support.service import Collector, Service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]


async def in_turn(service: Service) -> float:
    """A turn of the loop that is this process's; the one at the start has taken the duty for an hour."""
    await service.runtime.database.write(queue_rows.take_duty, "collect", COLLECT_EVERY_S)
    await service.runtime.database.write(queue_rows.pass_duty_on, "collect")
    return await service.runtime.upkeep.collect()


async def test_what_writers_that_died_left_behind_is_collected_once_an_hour(service: Service) -> None:
    store = service.runtime.storage
    assert isinstance(store, LocalStorage)
    left = store.path / "objects" / "@tmp" / "1-killed"
    for expected in (False, True):  # the duty is done: who comes within the hour does nothing
        left.mkdir(exist_ok=True)
        (left / "part").write_bytes(b"half")
        os.utime(left, (0, 0))
        pause_s = await (service.runtime.upkeep.collect() if expected else in_turn(service))
        assert (left.exists(), pause_s) == (expected, COLLECT_EVERY_S)


async def test_a_store_that_does_not_let_us_look_is_no_failure(
    service: Service, log: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def sweep() -> int:
        asked.append(None)
        raise StorageMisconfigured("access is denied")

    monkeypatch.setattr(service.runtime.storage, "sweep", sweep)
    assert await in_turn(service) == COLLECT_EVERY_S
    assert len(asked) == 1
