import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from serve_app.records.database import Database
from tests.support.postgres import Postgres, postgres_server
from tests.support.s3_servers import S3Server, moto_server, radosgw_server
from tests.support.service import Collector, Service, args_in, entry, running

# The same examples in every run, and no clock: neither a slow machine nor a new example may refuse other work.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

DOUBLES = (
    entry("tone"),
    entry("chime", "tests.support.models:Chime"),
    entry("counting", "tests.support.models:CountingTone"),
)
MANY = {"queued_jobs": 10_000, "queued_jobs_per_owner": 10_000}


# Files of the real service take longest, so they are handed out first.
LONG_FIRST = (
    "tests/service/",
    "tests/storage/test_s3",
    "tests/sound/",
    "tests/synth/",
    "tests/jobs/test_acceptance.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that no worker is left with one of them at the end."""

    def rank(item: pytest.Item) -> int:
        return next((at for at, start in enumerate(LONG_FIRST) if item.nodeid.startswith(start)), len(LONG_FIRST))

    items.sort(key=rank)


# Files that share a service beyond their own: the S3 server, the service as it starts by default.
# Services with HAProxy take turns: their ports are looked for before they are bound.
TOGETHER = {
    "radosgw": "radosgw",
    "service/test_service.py": "default",
    "service/test_readme.py": "default",
    "service/test_production.py": "production",
    "service/test_several_ingresses.py": "production",
}


class ByService(LoadFileScheduling):
    """All tests of a file run in one worker, since they share its services, and so do the files of TOGETHER."""

    def _split_scope(self, nodeid: str) -> str:
        shared = next((service for part, service in TOGETHER.items() if part in nodeid), None)
        return shared or str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByService:
    return ByService(config, log)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    """The service, one for a module: what outlives a request has services of its own."""
    async with running(args_in(tmp_path_factory.mktemp("service"), *DOUBLES, limits=MANY)) as service:
        yield service


@pytest.fixture
def log() -> Iterator[Collector]:
    """What is logged during the test."""
    collector = Collector()
    loggers = [logging.getLogger("continuo"), logging.getLogger()]
    for logger in loggers:
        logger.addHandler(collector)
    yield collector
    for logger in loggers:
        logger.removeHandler(collector)


@pytest.fixture
def quiet(log: Collector) -> Iterator[None]:
    """Fails the test when anything was logged as an error: a caller's mistake is none of ours."""
    yield
    assert log.errors == []


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def radosgw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with radosgw_server(tmp_path_factory.mktemp("radosgw")) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind that is supported."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/continuo.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database("test")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database."""
    made = Database(database_url)
    made.migrate()
    yield made
    made.close()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`checkpoint("audioldm2")`: the folder of a tiny checkpoint, made once for the session. Nobody writes to it."""
    made: dict[str, Path] = {}

    def find(name: str) -> Path:
        if name not in made:
            from tests.support.checkpoints import BUILDERS  # it needs torch, which few tests do

            made[name] = BUILDERS[name](tmp_path_factory.mktemp(name))
        return made[name]

    return find
