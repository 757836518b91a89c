from collections.abc import Iterator

import pytest

from tests.support.live import Service, running

# Nothing listens there. What is local must reach its place all the same: Ray's calls, and the check of the start.
NO_WAY_OUT = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
NO_WAY_OUT |= {"all_proxy": "socks5://127.0.0.1:9", "no_proxy": "", "NO_PROXY": ""}


@pytest.fixture(scope="session")
def default_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as `make serve` starts it, for all tests that leave it as it is; behind a proxy that is none."""
    with running(tmp_path_factory.mktemp("home"), None, "--first-sound", env=NO_WAY_OUT) as service:
        yield service
