"""A bare Starlette application under uvicorn on loopback: what HTTP in Python costs on this machine by itself."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx


async def nothing(request: object) -> object:
    """Read the body and answer with a small JSON object."""
    from starlette.responses import JSONResponse

    await request.body()  # type: ignore[attr-defined]
    return JSONResponse({"status": "ok"})


def main() -> None:
    """Serve on the port that the command line names."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Route

    app = Starlette(routes=[Route("/", nothing, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)


@contextmanager
def baseline() -> Iterator[str]:
    """The application in a process of its own; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, str(port)])
    url = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                httpx.post(url, json={})
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
