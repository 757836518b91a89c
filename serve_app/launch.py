"""`continuo serve`: Ray, Serve and the application on this machine, from one process that can be told to stop.

continuo serve -> here -> raylet -> ServeController
                                 -> ingress replica (HTTP on its own socket; with --production behind HAProxy)
                                 -> one replica process per model
"""

import asyncio
import logging
import os
import random
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml

from serve_app.config import (
    Args,
    ConfigError,
    LocalStorageConfig,
    S3StorageConfig,
    expand_env,
    parse_args,
    refuse_unsafe,
    sqlite_path,
)
from serve_app.errors import ContinuoError, StorageFull, StorageMisconfigured, StorageUnavailable
from serve_app.graph import Catalogue
from serve_app.storage import open_storage

DEFAULT_CONFIG = Path(__file__).with_name("configs") / "local.yaml"
APPLICATION = "continuo"
# Below Linux's own (32768-60999), above those of replicas behind HAProxy and of Ray's workers (10002-19999).
UNASKED_PORTS = range(30_000, 32_768)


@dataclass(frozen=True)
class Launch:
    """What `continuo serve` was asked for."""

    args: dict[str, Any]
    host: str = "127.0.0.1"
    port: int = 8000
    production: bool = False
    grace_s: float = 30.0


def read_config(path: Path | None) -> dict[str, Any]:
    """The `args` of our application in a Ray Serve config file. Raises ConfigError."""
    file = path or DEFAULT_CONFIG
    try:
        document = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or 'not text'}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    applications = document.get("applications") if isinstance(document, dict) else None
    for application in applications if isinstance(applications, list) else ():
        if isinstance(application, dict) and application.get("import_path") == "serve_app.app:build":
            args: dict[str, Any] = application.get("args") or {}
            return args
    raise ConfigError(f"{file}: no entry of 'applications' has import_path: serve_app.app:build")


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def prepare(launch: Launch) -> tuple[Args, Launch]:
    """Check what was asked and complete it.

    Raises ConfigError, before anything is started, for a model that cannot be imported, a store that cannot work,
    a public address without keys, a taken port.
    """
    args = parse_args(launch.args)
    Catalogue(args.models)
    check_storage(args)
    closed = args.auth.mode == "keys" or launch.production or not is_loopback(launch.host)
    if closed and not has_keys(args):
        raise ConfigError(
            f"{'--production' if launch.production else launch.host} needs API keys and there are none yet; "
            "make one with: continuo keys create NAME"
        )
    port = launch.port or free_port(launch.host)
    check_port(launch.host, port)
    completed: dict[str, Any] = dict(expand_env(launch.args))
    completed["auth"] = {"mode": "keys" if closed else "loopback"}
    completed["listen"] = None if launch.production else {"host": launch.host, "port": port}
    refuse_unsafe(parse_args(completed))
    return parse_args(completed), replace(launch, args=completed, port=port)


def has_keys(args: Args) -> bool:
    """Whether the job database holds a key that is still good."""
    from serve_app import keys
    from serve_app.database import Database

    database = Database(args.database_url)
    try:
        database.migrate()
        now = time.time()
        found = database.read_now(keys.list_keys)
        return any(key.revoked_at is None and (key.expires_at is None or key.expires_at > now) for key in found)
    finally:
        database.close()


def check_storage(args: Args) -> None:
    """Raise ConfigError for a wrong bucket, wrong credentials, a bad directory; what is only away may come back."""
    config = args.storage
    if isinstance(config, S3StorageConfig):
        config = config.model_copy(update={"deadline_s": 10.0})
    try:
        store = open_storage(config)
    except ContinuoError as error:
        raise ConfigError(f"storage: {error.detail}") from None
    try:
        store.check()
    except StorageMisconfigured as error:
        raise ConfigError(f"storage: {error.detail}") from None
    except (StorageUnavailable, StorageFull) as error:
        logging.getLogger("continuo").warning("storage does not work at the moment: %s", error.detail)
    finally:
        store.close()


def check_port(host: str, port: int) -> None:
    """Raise ConfigError when something listens there already."""
    from serve_app.ingress import bind

    try:
        bind(host, port).close()
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from None


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses and that the system hands to nobody by itself: it is bound only seconds from now.

    Raises ConfigError when all of them are taken.
    """
    from serve_app.ingress import bind

    for port in random.sample(UNASKED_PORTS, len(UNASKED_PORTS)):
        with suppress(OSError):
            bind(host, port).close()
            return port
    raise ConfigError(f"no port is free on {host}; choose one with --port")


def home_of(args: Args) -> Path:
    """Where logs go: beside the local store, else beside the SQLite file, else ~/.continuo."""
    if isinstance(args.storage, LocalStorageConfig):
        return Path(args.storage.path).expanduser()
    file = sqlite_path(args.database_url)
    return file.parent if file is not None else Path("~/.continuo").expanduser()


def environment(args: Args, launch: Launch, scratch: Path) -> Mapping[str, str]:
    """The variables that Ray's processes are started with."""
    common = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
        "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
        "MALLOC_ARENA_MAX": "2",  # replicas keep buffers of many sizes in threads; more arenas only fragment
        "CONTINUO_LOG_FILE": str(log_file(args)),
        # All our code is async or in threads of its own, so a replica needs one event loop, not three.
        "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
        "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
        "RAY_SERVE_LOG_TO_STDERR": "0",
        # Ray's own Prometheus servers listen on every address and ask for no token; ours is /metrics.
        "RAY_enable_metrics_collection": "0",
        "AUTOSCALER_METRIC_PORT": "-1",
        "DASHBOARD_METRIC_PORT": "-1",
    }
    if not launch.production:
        return common
    ports = [free_port(), free_port()]
    base = 20_000 + launch.port % 100 * 100
    return common | {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_NBTHREAD": str(os.cpu_count() or 1),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{scratch}/h.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{scratch}/a.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(scratch),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{scratch}/state",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{scratch}/m.sock",
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports[0]),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports[1]),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(base),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(base + 99),
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "1",
    }


def log_file(args: Args) -> Path:
    """The file that all processes append their JSON lines to; one that has grown is moved aside at the start."""
    folder = home_of(args) / "logs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "continuo.jsonl"
    if file.exists() and file.stat().st_size > 64 << 20:
        file.replace(folder / "continuo.1.jsonl")
    return file


def scratch_folder() -> Path:
    """A new folder for Ray's files and sockets, its path short; those of services that were killed are removed."""
    roomy = len(tempfile.gettempdir()) <= 12  # paths of Unix sockets end at 107 characters
    parent = Path(tempfile.gettempdir() if roomy else "/tmp")
    for other in parent.glob("cnt-*"):
        pid = other.name.removeprefix("cnt-")
        gone = not Path(f"/proc/{pid}").exists() or pid == str(os.getpid())
        if pid.isdecimal() and gone and other.stat().st_uid == os.getuid():
            shutil.rmtree(other, ignore_errors=True)
    folder = parent / f"cnt-{os.getpid()}"
    folder.mkdir(mode=0o700)
    return folder


@contextmanager
def started(args: Args, launch: Launch) -> Iterator[str]:
    """The running service; yields its URL. Ray, its processes and its files are gone afterwards."""
    scratch = scratch_folder()
    os.environ.update(environment(args, launch, scratch))
    import ray
    from ray import serve

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    try:
        ray.init(
            address="local",
            num_cpus=max(4, os.cpu_count() or 1),
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            object_store_memory=100 << 20,  # audio never crosses a hop
            _temp_dir=str(scratch / "r"),
            _node_ip_address="127.0.0.1",
        )
        quiet: Any = {"enable_access_log": False, "log_level": "WARNING"}
        if launch.production:
            serve.start(http_options={"host": launch.host, "port": launch.port}, logging_config=quiet)
        else:
            serve.start(proxy_location="Disabled", logging_config=quiet)
        run(launch)
        host = f"[{launch.host}]" if ":" in launch.host else launch.host
        yield f"http://{host}:{launch.port}"
    finally:
        ray.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)


def run(launch: Launch) -> None:
    """Deploy the application. Raises ConfigError with the controller's reason."""
    from ray import serve

    from serve_app.app import build

    try:
        serve.run(build(launch.args), name=APPLICATION, route_prefix="/")
    except RuntimeError as error:
        status = serve.status().applications.get(APPLICATION)
        messages = [item.message for item in status.deployments.values() if item.message] if status else []
        reasons = [last_line(message) for message in messages] or [last_line(str(error))]
        raise ConfigError("the application did not start: " + "; ".join(reasons)) from None


def last_line(trace: str) -> str:
    """What an error says, without the trace before it."""
    return next((line.strip() for line in reversed(trace.splitlines()) if line.strip()), "no reason was given")


def on_stop(stop: threading.Event) -> None:
    """Let SIGTERM or Ctrl-C set an event; the second one ends the process at once."""

    def on_signal(number: int, _frame: Any) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)


def drain(grace_s: float) -> int:
    """Tell the ingress to stop taking jobs and to end the running ones; returns how many are left."""
    from ray import serve

    async def ask() -> int:
        handle = serve.get_app_handle(APPLICATION)
        left: int = await handle.options(method_name="drain").remote(grace_s)
        return left

    loop = asyncio.new_event_loop()  # left open: the handle's router uses it until Ray is down
    return loop.run_until_complete(ask())


def serve_until_stopped(launch: Launch, on_ready: Callable[[str], None], say: Callable[[str], None]) -> None:
    """Run the service until SIGTERM or Ctrl-C, then drain and stop."""
    args, launch = prepare(launch)
    stop = threading.Event()
    with started(args, launch) as url:
        on_stop(stop)  # only now: ray.init sets handlers of its own
        on_ready(url)
        while not stop.wait(3600):
            pass
        say(f"stopping: running jobs have {launch.grace_s:g} s")
        left = drain(launch.grace_s)
        say(f"stopped; {left} accepted jobs wait for the next start" if left else "stopped")
