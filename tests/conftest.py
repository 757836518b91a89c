import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from serve_app.database import Database
from tests.support.postgres import Postgres, postgres_server
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


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    """The service, one for a module because DBOS takes a second to stop. Nothing else may run meanwhile."""
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
