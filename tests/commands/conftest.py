import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.service import args_in, entry, running


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration of the test's own."""
    args = {
        "storage": {"kind": "local", "path": "${CLI_TEST_HOME:-" + str(tmp_path) + "}"},
        "database_url": f"sqlite:///{tmp_path}/continuo.db",
        "models": [entry("tone")],
    }
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump({"applications": [{"import_path": "serve_app.app:build", "args": args}]}))
    return str(file)


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service in a thread of its own, as a process of its own would be; one for the package."""
    address: list[str] = []
    up, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        models = (entry("tone"), entry("broken", options={"fail_load": "no weights here"}))
        models += (entry("synth", "deployments.synth:Synth"), entry("canvas", "deployments.canvas:Canvas"))
        models += (entry("whistle", "tests.support.speech:Whistle"),)
        models += (entry("mimic", "tests.support.models:Mimic"),)
        args = args_in(tmp_path_factory.mktemp("service"), *models)
        async with running(args) as service, service.listening() as listening:
            address.append(listening)
            up.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert up.wait(120)
        yield address[0]
    finally:
        stop.set()
        thread.join(60)
