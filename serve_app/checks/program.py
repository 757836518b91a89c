"""The program: its engine, Ray, its extras, and the weights that its models want."""

import sys
from collections.abc import Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from deployments.moved import MOVED
from serve_app.checks import Check, Probe
from serve_app.checks.subprocesses import ask_python
from serve_app.config import Args, S3StorageConfig, sqlite_path
from serve_app.jobs.catalogue import Catalogue, CatalogueEntry

TRIED_RAY = "2.60.0"
EXTRAS = {"models": "torch", "s3": "boto3", "postgres": "psycopg", "voices": "resemblyzer", "dev": "pytest"}
_ASK_ENGINE = "import json, synth_native; print(json.dumps(synth_native.status(), default=str))"
_ASK_RAY = "import json, ray, ray.serve; print(json.dumps(ray.__version__))"


def probes(args: Args | None) -> list[Probe]:
    """What a service needs of its own program."""
    return [
        Probe("engine", engine, limit_s=30, essential=True),
        Probe("Ray", ray, limit_s=60, essential=True),
        Probe("extras", partial(extras, args)),
        *(_of_models(args) if args is not None else ()),
    ]


def _of_models(args: Args) -> list[Probe]:
    return [Probe("weights", partial(weights, args), limit_s=30), Probe("model paths", partial(old_paths, args))]


def engine() -> Iterator[Check]:
    """The C++ engine: whether it can be imported, and the instruction set that it chose for this processor."""
    remedy = "build it: `make serve` in a clone, else pip install --force-reinstall continuo-sound"
    if find_spec("synth_native") is None:
        yield Check("engine", "failed", "synth_native is not installed", remedy)
        return
    status = ask_python(_ASK_ENGINE, 25)
    if status is None:
        yield Check("engine", "failed", "synth_native cannot be imported on this processor", remedy)
    else:
        built = status.get("isas") or status["isa"]
        sets = ", ".join(built) if isinstance(built, list) else built
        yield Check("engine", "ok", f"{status['version']}, runs with {status['isa']} (built: {sets})")


def ray() -> Iterator[Check]:
    """Ray and Ray Serve: importable, and the version that was tried."""
    remedy = f"pip install 'ray[serve]=={TRIED_RAY}'"
    try:
        installed = version("ray")
    except PackageNotFoundError:
        yield Check("Ray", "failed", "not installed", remedy)
        return
    if "ray.serve" not in sys.modules and ask_python(_ASK_RAY, 55) is None:
        yield Check("Ray", "failed", f"{installed} cannot be imported with Serve", remedy)
    elif installed != TRIED_RAY:
        yield Check("Ray", "warning", f"{installed}; {TRIED_RAY} was tried", remedy)
    else:
        yield Check("Ray", "ok", installed)


def extras(args: Args | None) -> Iterator[Check]:
    """Packages that only some configurations need."""
    there = {extra: find_spec(package) is not None for extra, package in EXTRAS.items()}
    needed = set()
    if args is not None and isinstance(args.storage, S3StorageConfig):
        needed.add("s3")
    if args is not None and sqlite_path(args.database_url) is None:
        needed.add("postgres")
    told = ", ".join(f"{extra} ({EXTRAS[extra]}) {'installed' if has else 'absent'}" for extra, has in there.items())
    lacking = sorted(extra for extra in needed if not there[extra])
    if lacking:
        remedy = f"the configuration needs them: pip install 'continuo-sound[{','.join(lacking)}]'"
        yield Check("extras", "failed", told, remedy)
    else:
        yield Check("extras", "ok", told)


def old_paths(args: Args) -> Iterator[Check]:
    """Import paths of models that the next release does not know any more."""
    old = [f"{entry.name}: {entry.model} is now {MOVED[entry.model]}" for entry in args.models if entry.model in MOVED]
    if old:
        yield Check("model paths", "warning", "; ".join(old), "change them: the next release drops the old ones")


def weights(args: Args) -> Iterator[Check]:
    """What each configured model says that it misses on this machine."""
    found = [check for item in Catalogue(args.models) for check in weights_of(item)]
    yield from found or [Check("weights", "ok", "no configured model needs any")]


def weights_of(item: CatalogueEntry) -> Iterator[Check]:
    """What one model misses on this machine; its lines say what to do."""
    missing, name = item.missing(), f"weights of {item.name}"
    if missing:
        remedy = f"continuo models pull {item.name}" if hasattr(item.model_class, "download") else ""
        yield Check(name, "warning", "; ".join(missing), remedy)
    elif missing is not None:
        yield Check(name, "ok", "complete")
