"""`continuo serve`: Ray, Serve and the application on this machine, from one process that can be told to stop.

continuo serve -> here -> raylet -> ServeController
                                 -> ingress replica (HTTP on its own socket; with --production behind HAProxy)
                                 -> one replica process per model
"""

import asyncio
import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from serve_app.addresses import is_loopback
from serve_app.config import (
    Args,
    S3StorageConfig,
    home_of,
    parse_args,
    refuse_unsafe,
)
from serve_app.errors import (
    ConfigError,
    ContinuoError,
    DatabaseMisconfigured,
    DatabaseUnavailable,
    StorageFull,
    StorageMisconfigured,
    StorageUnavailable,
)
from serve_app.file_modes import private_folder
from serve_app.jobs.catalogue import Catalogue
from serve_app.launch.ports import check_port, free_port, free_ports, hold_port
from serve_app.launch.ray_processes import places, production_environment, ray_environment
from serve_app.launch.scratch import scratch_folder
from serve_app.launch.stopping import RayThread, Stop, Stopped
from serve_app.logs import log
from serve_app.replica.malloc import give_back_later
from serve_app.storage import open_storage

APPLICATION = "continuo"
LOOK_EVERY_S = 0.1
READY_WITHIN_S = 120.0
DRAIN_ANSWERS_WITHIN_S = 20.0  # after the grace time: answers under way are ended, the database is told
RAY_ENDS_WITHIN_S = 30.0


@dataclass(frozen=True)
class Launch:
    """What `continuo serve` was asked for."""

    args: dict[str, Any]
    host: str = "127.0.0.1"
    port: int = 8000
    production: bool = False
    grace_s: float = 30.0


def prepare(launch: Launch) -> tuple[Args, Launch]:
    """Check what was asked and complete it.

    Raises ConfigError, before anything is started, for a model that cannot be imported, a store that cannot work,
    a public address without keys, a taken port; and DatabaseMisconfigured.
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
    completed: dict[str, Any] = dict(launch.args)  # variables stay: what one holds is not expanded once more
    completed["auth"] = {"mode": "keys" if closed else "loopback"}
    completed["listen"] = None if launch.production else {"host": launch.host, "port": port}
    refuse_unsafe(parse_args(completed))
    migrate(args)
    return parse_args(completed), replace(launch, args=completed, port=port)


def migrate(args: Args) -> None:
    """Bring the job database to this program's version. Raises DatabaseMisconfigured, also for a newer program's.

    One that does not answer may come back; the ingress, which migrates too, tells of it.
    """
    from serve_app.records.database import Database

    database = Database(args.database_url)
    try:
        database.migrate()
    except DatabaseMisconfigured:
        raise
    except (DatabaseUnavailable, StorageFull) as error:
        logging.getLogger("continuo").warning("the job database does not work at the moment: %s", error.detail)
    finally:
        database.close()


def has_keys(args: Args) -> bool:
    """Whether the job database holds a key that is still good."""
    from serve_app.records import api_keys
    from serve_app.records.database import Database

    database = Database(args.database_url)
    try:
        database.migrate()
        now = time.time()
        found = database.read_now(api_keys.list_keys)
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
        log.warning("storage does not work at the moment: %s", error.detail)
    finally:
        store.close()


def log_file(args: Args) -> Path:
    """The file that all processes append their JSON lines to."""
    return private_folder(private_folder(home_of(args)) / "logs", ours=True) / "continuo.jsonl"


@contextmanager
def started(args: Args, launch: Launch, stop: Stop, ray_thread: RayThread) -> Iterator[str]:
    """The running service; yields its URL. Ray, its processes and its files are gone afterwards. Raises Stopped."""
    with scratch_folder() as scratch, closing(hold_port(launch.host, launch.port)):
        os.environ.update(ray_environment(args, log_file(args)))
        if launch.production:
            os.environ.update(production_environment(scratch, launch.host, launch.port, free_ports(4, launch.port)))
        try:
            starting = ray_thread.begin(lambda: start(args, launch, scratch, stop))
            stop.listen_until(starting)
            starting.result()
            yield local_url(launch)
        finally:
            end_ray(ray_thread)


def start(args: Args, launch: Launch, scratch: Path, stop: Stop) -> None:
    """Start Ray and deploy the application. Raises ConfigError, Stopped."""
    from ray import serve  # noqa: F401  (all of it here: two threads that import one package may see it half made)

    imports = threading.Thread(target=import_module, args=("serve_app.app",), name="imports")
    imports.start()  # while Ray's first processes come up
    try:
        with one_line_errors():
            start_ray(args, launch, scratch, stop)
            imports.join()
            deploy(launch, stop)
        wait_until_ready(local_url(launch), stop)
        give_back_later()
    except ConfigError:
        stop.check()  # whoever told us to stop may have told Ray's processes too
        raise
    finally:
        imports.join()


def end_ray(ray_thread: RayThread) -> None:
    """End Ray and its processes; also those that would not end by themselves."""
    import ray

    try:
        ray_thread.call(ray.shutdown, RAY_ENDS_WITHIN_S)
    except TimeoutError:
        log.error("Ray did not end in time; its processes are killed")
        atexit.unregister(ray.shutdown)  # it would hang once more; the kernel ends the processes with this one


def local_url(launch: Launch) -> str:
    """Where the service is reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(launch.host, launch.host)
    return f"http://[{host}]:{launch.port}" if ":" in host else f"http://{host}:{launch.port}"


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turns what Ray raises while it starts or deploys into a ConfigError."""
    import ray

    try:
        yield
    except (RuntimeError, TimeoutError, OSError, ray.exceptions.RayError) as error:
        raise ConfigError(
            f"Ray did not start: {last_line(str(error))}; the machine may be too busy or too small "
            "(continuo doctor tells), else try again"
        ) from error


def start_ray(args: Args, launch: Launch, scratch: Path, stop: Stop | None = None) -> None:
    """Start Ray and Serve's controller. Raises Stopped."""
    import ray
    from ray import serve

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    quiet: Any = {"enable_access_log": False, "log_level": "WARNING"}
    ray.init(
        address="local",
        num_cpus=places(args),
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=100 << 20,  # audio never crosses a hop
        _temp_dir=str(scratch / "r"),
        _node_ip_address="127.0.0.1",
    )
    end_log_monitor()
    if stop is not None:
        stop.check()
    if launch.production:
        # Replicas and the proxy behind HAProxy listen where Serve is told; only HAProxy itself is to be reached.
        serve.start(http_options={"host": "127.0.0.1", "port": launch.port}, logging_config=quiet)
    else:
        serve.start(proxy_location="Disabled", logging_config=quiet)


def end_log_monitor() -> None:
    """End the process that sends what workers print to drivers: nobody reads it (log_to_driver), and it takes 50 MB.

    `ray.init` has no argument for it; tests/service/test_service.py looks that it is gone.
    """
    from ray._private import worker

    worker._global_node.kill_log_monitor(check_alive=False)


def deploy(launch: Launch, stop: Stop) -> None:
    """Deploy the application and wait until it runs. Raises ConfigError with the controller's reason.

    Raises Stopped before it is deployed. Afterwards it may have taken jobs, so it is drained, but not waited for.
    """
    from ray import serve

    from serve_app.app import build

    target = serve.RunTarget(build(launch.args), name=APPLICATION, route_prefix="/")
    stop.check()
    with suppress(RuntimeError):  # a failed deployment, of which the status tells more
        serve.run_many([target], wait_for_applications_running=False)
    while (found := serve.status().applications[APPLICATION]).status != "RUNNING" and not stop.is_set():
        if found.status == "DEPLOY_FAILED":
            messages = [item.message for item in found.deployments.values() if item.message] or [found.message]
            raise ConfigError("the application did not start: " + "; ".join(map(last_line, messages)))
        time.sleep(LOOK_EVERY_S)


def wait_until_ready(url: str, stop: Stop) -> None:
    """Return when /readyz says so: database and store work, and a model can be reached. Raises ConfigError.

    Returns at once when the service is to stop: it may have taken jobs, which are drained. A database or a store
    that is away may come back, as it may at any time later: that is logged and not waited for.
    """
    import httpx

    until, said = time.monotonic() + READY_WITHIN_S, "no answer"
    with httpx.Client(trust_env=False, timeout=READY_WITHIN_S) as http:  # a proxy is no way to ourselves
        while time.monotonic() < until:
            if stop.is_set():
                return
            with suppress(httpx.TransportError, ValueError):  # until it knows us HAProxy says that we are unavailable
                answer = http.get(f"{url}/readyz")
                problem = answer.json()
                if answer.is_success or problem.get("code", "unavailable") not in ("model_not_ready", "unavailable"):
                    if not answer.is_success:
                        log.warning("not ready yet: %s", problem["detail"])
                    return
                said = problem.get("detail", said)
            time.sleep(LOOK_EVERY_S)
    raise ConfigError(f"the service does not become ready: {said}")


def last_line(trace: str) -> str:
    """What an error says, without the trace before it."""
    return next((line.strip() for line in reversed(trace.splitlines()) if line.strip()), "no reason was given")


def drain(grace_s: float) -> int:
    """Tell the ingress to stop taking jobs and to end the running ones; returns how many are left.

    It is asked once: of several ingress replicas the one that is asked tells the others, and answers for all of them.
    Raises what Ray raises when it cannot be asked.
    """
    from ray import serve

    async def ask() -> int:
        handle = serve.get_app_handle(APPLICATION)
        left: int = await handle.options(method_name="drain").remote(grace_s)
        return left

    loop = asyncio.new_event_loop()  # left open: the handle's router uses it until Ray is down
    return loop.run_until_complete(ask())


def end_jobs(launch: Launch, say: Callable[[str], None]) -> bool:
    """Drain, and say how it went. Returns whether the ingress did it: Ray itself may be dying, or dead."""
    asking = RayThread()  # of its own: where nobody answers it hangs, and Ray is to be ended from the other
    say(f"stopping: running jobs have {launch.grace_s:g} s")
    try:
        left = asking.call(lambda: drain(launch.grace_s), launch.grace_s + DRAIN_ANSWERS_WITHIN_S)
    except Exception as error:  # noqa: BLE001 - whatever Ray raises, the rest must be ended too
        reason = last_line(str(error)) if str(error) else type(error).__name__
        say(f"stopped without a drain ({reason}); accepted jobs wait for the next start")
        return False
    say(f"stopped; {left} accepted jobs wait for the next start" if left else "stopped")
    return True


def serve_until_stopped(launch: Launch, on_ready: Callable[[str], None], say: Callable[[str], None]) -> bool:
    """Run the service until it is told to stop, then drain and end it. Returns whether it ended as it should.

    SIGTERM, Ctrl-C or a terminal that closes tell it to, at any time from here on. Raises ConfigError.
    """
    stop, ray_thread = Stop(), RayThread()
    with stop.heard():
        try:
            args, launch = prepare(launch)
            stop.check()
            with started(args, launch, stop, ray_thread) as url:
                if not stop.is_set():
                    on_ready(url)
                stop.wait()
                return end_jobs(launch, say)
        except Stopped:
            say("stopped before it was up")
            return True
