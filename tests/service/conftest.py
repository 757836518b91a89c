from collections.abc import Iterator

import pytest

from tests.support.live import Service, running


@pytest.fixture(scope="session")
def default_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as `make serve` starts it, for all tests that leave it as it is."""
    with running(tmp_path_factory.mktemp("home"), None, "--first-sound") as service:
        yield service
