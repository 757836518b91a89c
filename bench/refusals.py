"""What one wrong body costs: seconds in which the event loop stood still, and the size of the answer."""

import asyncio
import json
import tempfile
import time
from pathlib import Path

from tests.support.service import args_in, running

MEBIBYTE = 1 << 20
NAMES = {f"f{index:06d}": 1 for index in range(70_000)}
BODIES = {
    "one right body": {"prompt": "a tone", "duration_s": 0.1},
    "4,000 unknown fields": {"prompt": "x", **dict(list(NAMES.items())[:4000])},
    "70,000 unknown fields": {"prompt": "x", **NAMES},
    "70,000 unknown webhook fields": {"prompt": "x", "webhook": NAMES},
    "300,000 wrong events": {"prompt": "x", "webhook": {"url": "https://example.com", "events": [1] * 300_000}},
    "one name of 1 MB": {"prompt": "x", "n" * (MEBIBYTE - 100): 1},
    "a prompt of 1 MB": {"prompt": "x" * (MEBIBYTE - 100)},
    "lists in lists": "[" * (MEBIBYTE // 2) + "]" * (MEBIBYTE // 2),
}


async def longest_halt_s(work: asyncio.Task[object]) -> float:
    """The longest time between two turns of the loop until `work` is done."""
    longest, last = 0.0, time.perf_counter()
    while not work.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with running(args_in(Path(folder))) as service:
            for name, body in BODIES.items():
                for route in ("/v1/audio/generations", "/v1/jobs"):
                    whole = body if route.endswith("generations") else {"model": "tone", "input": body}
                    content = body if isinstance(body, str) else json.dumps(whole, separators=(",", ":"))
                    headers = {"Content-Type": "application/json"}
                    asked = asyncio.create_task(service.http.post(route, content=content[:MEBIBYTE], headers=headers))
                    halt_s = await longest_halt_s(asked)
                    reply = asked.result()
                    print(
                        f"{name:32} {route:24} {reply.status_code} {halt_s * 1e3:6.1f} ms {len(reply.content):6} bytes"
                    )


if __name__ == "__main__":
    asyncio.run(main())
