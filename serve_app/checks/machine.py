"""The machine: Python, compiler, processors, memory, GPU, disk, port, proxies."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from serve_app.addresses import bind, proxy_variables
from serve_app.checks import Check, Probe, Status
from serve_app.checks.gpu import gpu
from serve_app.checks.subprocesses import run
from serve_app.config import Args, LocalStorageConfig, home_of
from serve_app.variables import local_path

TRIED_PYTHON = (3, 11)
LEAST_DISK = 2 << 30
LEAST_MEMORY = 3 << 29  # 1.5 GiB: what the default configuration takes, and a sound on top
_CXX20 = "#include <concepts>\n#include <span>\nint main() { return 0; }\n"
_CGROUPS = Path("/sys/fs/cgroup")


def probes(args: Args | None) -> list[Probe]:
    """What a service needs of its machine as long as it runs."""
    return [
        Probe("Python", python),
        Probe("processors", partial(processors, args)),
        Probe("memory", memory),
        Probe("GPU", partial(gpu, args), limit_s=60),
        Probe("disk", partial(disks, args)),
        Probe("proxies", proxies),
    ]


def probes_before_start(port: int) -> list[Probe]:
    """What only the start of a service needs."""
    return [Probe("compiler", compiler), Probe(f"port {port}", partial(free_port, port))]


def python() -> Iterator[Check]:
    """The interpreter; only 3.11 was tried."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == TRIED_PYTHON:
        yield Check("Python", "ok", f"{version} ({sys.executable})")
    else:
        tried = ".".join(map(str, TRIED_PYTHON))
        yield Check("Python", "warning", f"{version} ({sys.executable}); only {tried} was tried", f"use Python {tried}")


def compiler() -> Iterator[Check]:
    """A C++20 compiler, which is needed only where the engine is not built yet."""
    severity: Status = "failed" if find_spec("synth_native") is None else "warning"
    remedy = "install GCC 11 or Clang 14, or newer (Debian: apt-get install g++), or name one: CXX=..."
    named = os.environ.get("CXX")
    names = [named] if named else ["c++", "g++", "clang++"]
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        yield Check("compiler", severity, "none was found", remedy)
        return
    version = next(iter(run([path, "--version"], 5).stdout.splitlines()), "no version")
    if run([path, "-std=c++20", "-x", "c++", "-fsyntax-only", "-"], 10, _CXX20).returncode:
        yield Check("compiler", severity, f"{path} cannot compile C++20 ({version})", remedy)
    else:
        yield Check("compiler", "ok", f"{path}: {version}")


def processors(args: Args | None) -> Iterator[Check]:
    """Processors that this process may use, beside what the configuration reserves at all times."""
    there = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quota = cpu_quota()
    usable = min(there, quota) if quota else there
    reserved = sum(entry.replicas.min * entry.replicas.cpus for entry in args.models) if args else 0.0
    told = f"{usable:g}" + (f" of {there:g} (limited by the cgroup)" if usable < there else "")
    told += f"; the configuration reserves {reserved:g}" if args else ""
    if reserved > usable:
        yield Check("processors", "warning", told, "lower `cpus` or `min` of models in the configuration")
    else:
        yield Check("processors", "ok", told)


def cpu_quota() -> float | None:
    """The processors that the cgroup allows, None without a limit."""
    with suppress(OSError, ValueError):
        quota, period = (_CGROUPS / "cpu.max").read_text().split()
        return int(quota) / int(period)
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota_us = int((_CGROUPS / "cpu/cpu.cfs_quota_us").read_text())
        return quota_us / int((_CGROUPS / "cpu/cpu.cfs_period_us").read_text()) if quota_us > 0 else None
    return None


def memory() -> Iterator[Check]:
    """Memory of the machine, or what the cgroup leaves of it."""
    facts = {}
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, rest = line.partition(":")
            facts[name] = int(rest.split()[0]) << 10
    total = facts.get("MemTotal") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = facts.get("MemAvailable", total)
    limited = cgroup_memory()
    if limited is not None and limited[0] < total:
        total, free = limited[0], min(free, limited[1])
        told = f"{gib(free)} free of the {gib(total)} that the cgroup allows"
    else:
        told = f"{gib(free)} free of {gib(total)}"
    if free < LEAST_MEMORY:
        remedy = f"the default configuration wants {gib(LEAST_MEMORY)}: end other programs, or raise the limit"
        yield Check("memory", "warning", told, remedy)
    else:
        yield Check("memory", "ok", told)


def cgroup_memory() -> tuple[int, int] | None:
    """Limit and what is left of it in bytes, of the tightest cgroup above this process; None without a limit."""
    folders = [_CGROUPS]
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                own = _CGROUPS / line.removeprefix("0::/")
                folders += [own, *(parent for parent in own.parents if _CGROUPS in parent.parents)]
    pairs = [(folder / "memory.max", folder / "memory.current") for folder in folders]
    version_1 = _CGROUPS / "memory"
    pairs.append((version_1 / "memory.limit_in_bytes", version_1 / "memory.usage_in_bytes"))
    found = []
    for limit, used in pairs:
        with suppress(OSError, ValueError):  # "max" is no number
            total = int(limit.read_text())
            found.append((total, max(0, total - int(used.read_text()))))
    return min(found, key=lambda pair: pair[1], default=None)


def disks(args: Args | None) -> Iterator[Check]:
    """Free space where the home and the store are, or will be."""
    if args is None:
        return
    folders = {"disk of home": home_of(args)}
    if isinstance(args.storage, LocalStorageConfig) and local_path(args.storage.path) != folders["disk of home"]:
        folders["disk of store"] = local_path(args.storage.path)
    for name, folder in folders.items():
        free = shutil.disk_usage(existing(folder)).free
        told = f"{gib(free)} free at {folder}"
        if free < LEAST_DISK:
            yield Check(name, "warning", told, "free space, shorten `retention`, or name another place: CONTINUO_HOME")
        else:
            yield Check(name, "ok", told)


def existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that is there."""
    return next((folder for folder in (path, *path.absolute().parents) if folder.exists()), Path("/"))


def free_port(port: int, host: str = "127.0.0.1") -> Iterator[Check]:
    """Whether a service could listen, or does so already."""
    name = f"port {port}"
    if not 0 <= port <= 65_535:
        yield Check(name, "failed", "is not a port", "choose one from 1 to 65535 with --port")
        return
    try:
        bind(host, port).close()
        yield Check(name, "ok", f"{host}:{port} is free")
    except OSError as error:
        if _is_ours(host, port):
            yield Check(name, "ok", f"Continuo answers at {host}:{port}")
        else:
            reason = f"cannot listen on {host}:{port}: {error.strerror}"
            yield Check(name, "failed", reason, "choose another with --port")


def _is_ours(host: str, port: int) -> bool:
    import httpx

    try:
        with httpx.Client(trust_env=False, timeout=3) as http:
            return bool(http.get(f"http://{host}:{port}/healthz").json() == {"status": "ok"})
    except (httpx.HTTPError, ValueError):
        return False


def proxies() -> Iterator[Check]:
    """Names of the proxy variables; their values may hold credentials."""
    found = proxy_variables()
    if not found:
        yield Check("proxies", "ok", "none in the environment")
        return
    told = f"{', '.join(found)} set: for other machines only, local traffic never goes through a proxy"
    socks = [name for name in found if os.environ[name].lower().startswith("socks")]
    if socks and find_spec("socksio") is None:
        remedy = f"to reach other machines through {socks[0]}: pip install 'httpx[socks]'"
        yield Check("proxies", "warning", told, remedy)
    else:
        yield Check("proxies", "ok", told)


def gib(size: int) -> str:
    """Bytes for people."""
    return f"{size / (1 << 30):.1f} GiB"
