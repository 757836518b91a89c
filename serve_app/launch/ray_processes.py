"""What Ray's processes on this machine are started with: variables, places for replicas, and no way through a proxy."""

import math
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from serve_app.config import Args
from serve_app.launch.haproxy import write_program

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def ray_environment(args: Args, log_file: Path) -> Mapping[str, str]:
    """The variables that hold for every way of running on one machine."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        # Ten looks a second by default, each with a question to Ray about its machines. A model that comes from zero
        # waits for several of them: at four a second it would come 0.4 s later than in its 1.8.
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.125",
        "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
        "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
        "MALLOC_ARENA_MAX": "2",  # replicas keep buffers of many sizes in threads; more arenas only fragment
        "CONTINUO_LOG_FILE": str(log_file),
        # All our code is async or in threads of its own, so a replica needs one event loop, not three.
        "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
        "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
        "RAY_SERVE_LOG_TO_STDERR": "0",
        # Ray's own Prometheus servers listen on every address and ask for no token; ours is /metrics.
        "RAY_enable_metrics_collection": "0",
        "AUTOSCALER_METRIC_PORT": "-1",
        "DASHBOARD_METRIC_PORT": "-1",
        # Nobody reads Serve's own metrics, which each process sets ten times a second, nor what Ray tells of its tasks.
        "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "60000",
        "RAY_task_events_report_interval_ms": "0",
        "RAY_core_worker_internal_heartbeat_ms": "10000",
        **direct(),
    }


def direct() -> Mapping[str, str]:
    """Variables that keep local traffic away from an operator's proxy; what goes out (weights, S3) still finds it.

    gRPC, of which Ray's calls are made, looks at `grpc_proxy` before it looks at the others, and takes an empty one as
    none; HTTP clients read `no_proxy`.
    """
    kept = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = [name.strip() for name in kept.split(",") if name.strip()]
    hosts = "*" if "*" in names else ",".join([*names, *(host for host in LOOPBACK if host not in names)])
    return {"grpc_proxy": "", "no_proxy": hosts, "NO_PROXY": hosts}


def production_environment(scratch: Path, host: str, port: int, free_ports: Sequence[int]) -> Mapping[str, str]:
    """HAProxy before the ingress: its files in `scratch`, and four ports that no other service of this machine has.

    HAProxy listens on `host`; what is behind it listens on loopback, as `start_ray` tells Serve.

    Until HAProxy knows the ingress it hands requests to a proxy of Ray's, whose ports are fixed unless they are said:
    a second service would be answered by the first one.
    """
    base = 20_000 + port % 100 * 100
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(write_program(scratch / "haproxy")),
        "CONTINUO_HAPROXY_BINARY": os.environ.get("RAY_SERVE_HAPROXY_BINARY_PATH", ""),
        "CONTINUO_HAPROXY_BIND": host,
        "RAY_SERVE_HAPROXY_NBTHREAD": str(os.cpu_count() or 1),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{scratch}/h.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{scratch}/a.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(scratch),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{scratch}/state",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{scratch}/m.sock",
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_ports[0]),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_ports[1]),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_ports[2]),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(free_ports[3]),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(base),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(base + 99),
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "1",
    }


def places(args: Args) -> int:
    """How many CPUs Ray is told of: what all replicas that the configuration allows take together, or the machine's.

    On one machine `cpus` says how many threads a replica works with. The operating system shares the cores out; were
    Ray to count them, a replica that finds none left would wait for ever.
    """
    wanted = sum(entry.replicas.cpus * entry.replicas.max for entry in args.models)
    return max(math.ceil(wanted), os.cpu_count() or 1)
