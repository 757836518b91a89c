"""What this machine has and lacks, as `continuo doctor` and `GET /v1/status` tell it: probes in, findings out.

A probe never raises and never hangs, whatever it meets: each has a time limit and a thread of its own.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from serve_app import __version__
from serve_app.config import Args, parse_args
from serve_app.errors import ConfigError

Status = Literal["ok", "warning", "failed"]
_WORST: tuple[Status, ...] = ("failed", "warning", "ok")


@dataclass(frozen=True)
class Check:
    """A finding. `failed` stops the service; a warning takes something from it; `remedy` says what to do."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Probe:
    """A look at one thing, which yields findings. `essential`: without an answer in time the service cannot run."""

    name: str
    look: Callable[[], Iterable[Check]]
    limit_s: float = 10.0
    essential: bool = False


def diagnose(config: Path | None, port: int) -> list[Check]:
    """Look at this machine before a service is started with a configuration on a port."""
    from serve_app.checks import machine, program, stores

    try:
        args: Args | None = read(config)
        found = Check("configuration", "ok", f"{config or 'built in'}: {len(args.models) if args else 0} models")
    except ConfigError as error:
        args, found = None, Check("configuration", "failed", str(error), "correct the configuration")
    probes = [*machine.probes(args), *machine.probes_before_start(port), *program.probes(args)]
    if args is not None:
        probes += stores.probes(args)
    return [found, *examine(probes)]


def inspect(args: Args) -> list[Check]:
    """Look at the machine of a running service: what only its start needs, a compiler and a port, is left out."""
    from serve_app.checks import machine, program, stores

    return examine([*machine.probes(args), *program.probes(args), *stores.probes(args)])


def read(config: Path | None) -> Args:
    """A configuration whose models can be imported. Raises ConfigError."""
    from serve_app.config_file import read_config
    from serve_app.jobs.catalogue import Catalogue

    args = parse_args(read_config(config))
    Catalogue(args.models)
    return args


def examine(probes: Sequence[Probe]) -> list[Check]:
    """The findings of all probes, which look at the same time, in the order of the probes."""
    found: list[list[Check] | None] = [None] * len(probes)

    def look(index: int) -> None:
        found[index] = _looked(probes[index])

    threads = [threading.Thread(target=look, args=(index,), daemon=True) for index in range(len(probes))]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for probe, thread in zip(probes, threads, strict=True):
        thread.join(max(0.0, began + probe.limit_s - time.monotonic()))
    return [item for probe, made in zip(probes, found, strict=True) for item in (made or [_late(probe)])]


def _looked(probe: Probe) -> list[Check]:
    try:
        return list(probe.look())
    except Exception as error:  # noqa: BLE001 - a doctor outlives what it finds
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        return [Check(probe.name, "failed" if probe.essential else "warning", f"cannot be looked at ({reason})")]


def _late(probe: Probe) -> Check:
    status: Status = "failed" if probe.essential else "warning"
    return Check(probe.name, status, f"no answer within {probe.limit_s:g} s", "look whether the machine is overloaded")


def worst(checks: Iterable[Check]) -> Status:
    """`failed` where something stops the service, else `warning` where something is missing, else `ok`."""
    there = {check.status for check in checks}
    return next((status for status in _WORST if status in there), "ok")


def report(checks: Sequence[Check]) -> dict[str, Any]:
    """The findings as JSON."""
    return {"status": worst(checks), "version": __version__, "checks": [asdict(check) for check in checks]}
