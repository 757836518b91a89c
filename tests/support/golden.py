"""What fixed requests gave when they were recorded: their content addresses and the bytes of their sounds.

    python -m tests.support.golden

records the requests of the file anew, for a change that is meant to move addresses or sounds.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import synth_native

from deployments.contract import Context, Samples
from serve_app.config import parse_args
from serve_app.config_file import read_config
from serve_app.jobs.catalogue import Catalogue, CatalogueEntry
from serve_app.jobs.plan import Candidate
from serve_app.replica.replica import whole

FILE = Path(__file__).parents[1] / "fixtures" / "golden_requests.json"
CONFIGS = Path(__file__).parents[2] / "serve_app" / "configs"
Request = Mapping[str, Any]


def requests(kind: str) -> list[dict[str, Any]]:
    """The recorded requests that are "made" into sound, or "addressed" only because their models need weights."""
    found: list[dict[str, Any]] = json.loads(FILE.read_text())[kind]
    return found


def exact() -> bool:
    """Whether this machine gives the recorded bytes: any with FMA does, without it the last digits are others."""
    return synth_native.status()["isa"] in ("x86-64-v3", "x86-64-v4")


@cache
def catalogue(config: str) -> Catalogue:
    """The models of a shipped configuration."""
    return Catalogue(parse_args(read_config(CONFIGS / f"{config}.yaml")).models)


def planned(request: Request) -> Candidate:
    """The candidate of a request, with its address."""
    plan = catalogue(request["config"]).plan(request["model"], request["input"], prefix="")
    return plan.candidates[0]


def made(requests: list[Any]) -> Iterator[tuple[Request, bytes]]:
    """Each request with the file that its sound becomes, as a replica makes it; a model is loaded once."""
    for (config, name), group in groupby(requests, lambda request: (request["config"], request["model"])):
        entry = catalogue(config)[name]
        model: Any = entry.model_class(entry.options)
        model.load()
        for request in group:
            yield request, _file(entry, model, planned(request))


def _file(entry: CatalogueEntry, model: Any, candidate: Candidate) -> bytes:
    asked = entry.request_type.model_validate(candidate.request)
    product = [whole(model.generate(asked, Context(seed=candidate.seed)))]
    return bytes(entry.delivery.deliver(product, asked, {**candidate.settings, "format": "wav"}).file.data)


def digest(data: bytes) -> str:
    """Names the bytes of a file."""
    return hashlib.sha256(data).hexdigest()


def some(data: bytes) -> list[float]:
    """Sixteen samples from all over a file."""
    samples: Samples = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)[0].ravel()
    return [round(float(value), 7) for value in samples[np.linspace(0, len(samples) - 1, 18).astype(int)[1:-1]]]


def record() -> None:
    """Write the file anew with the same requests."""
    kept = {
        kind: [{name: each[name] for name in ("config", "model", "input")} for each in requests(kind)]
        for kind in ("made", "addressed")
    }
    found: dict[str, list[dict[str, Any]]] = {}
    found["made"] = [
        {**request, "key": planned(request).key, "sha256": digest(data), "samples": some(data)}
        for request, data in made(kept["made"])
    ]
    found["addressed"] = [{**request, "key": planned(request).key} for request in kept["addressed"]]
    lines = [f'"{kind}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for kind, rows in found.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
