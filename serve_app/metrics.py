"""What Prometheus reads at /metrics: per model, seen from the jobs of this ingress replica."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from serve_app.records.rows import JobRow

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
FACTORS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)


class Metrics:
    """The counters of one ingress replica."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        options: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("continuo_jobs_total", "Jobs that ended", ["model", "status"], **options)
        self.failures = Counter(
            "continuo_job_failures_total", "Jobs that failed, by code", ["model", "code"], **options
        )
        self.cache_hits = Counter("continuo_cache_hits_total", "Jobs answered from storage", ["model"], **options)
        self.retries = Counter("continuo_lost_attempts_total", "Attempts that lost their replica", ["model"], **options)
        self.queue_s = Histogram("continuo_queue_seconds", "Waiting for a place", ["model"], buckets=SECONDS, **options)
        self.run_s = Histogram("continuo_run_seconds", "Generation", ["model"], buckets=SECONDS, **options)
        self.total_s = Histogram("continuo_job_seconds", "Acceptance to end", ["model"], buckets=SECONDS, **options)
        self.factor = Histogram(
            "continuo_real_time_factor",
            "Seconds of sound per second of run",
            ["model"],
            buckets=FACTORS,
            **options,
        )
        self.depth = Gauge("continuo_queue_depth", "Pieces of work that wait for a place", ["model"], **options)
        self.age_s = Gauge("continuo_queue_age_seconds", "Age of the oldest unfinished job", ["model"], **options)
        self.mean_total_s = 1.0
        self.memory = Gauge(
            "continuo_model_memory_bytes", "Memory in use by a replica, where its model tells", ["model"], **options
        )
        self.processes = Gauge("continuo_ingress_processes", "Processes with a lease on jobs", **options)
        self.busy = Gauge("continuo_places_busy", "Pieces of work under way", ["model"], **options)

    def finished(self, row: JobRow) -> None:
        """Count a job that ended."""
        model, seconds = row.model_used, row.metrics
        self.mean_total_s += 0.1 * (seconds["total_s"] - self.mean_total_s)
        self.requests.labels(model, row.status).inc()
        self.queue_s.labels(model).observe(seconds["queue_s"])
        self.total_s.labels(model).observe(seconds["total_s"])
        if row.cached:
            self.cache_hits.labels(model).inc()
        if row.error is not None:
            self.failures.labels(model, row.error["code"]).inc()
        if "run_s" in seconds:
            self.run_s.labels(model).observe(seconds["run_s"])
        if "real_time_factor" in seconds:
            self.factor.labels(model).observe(seconds["real_time_factor"])
        if lost := row.outcomes("replica_lost"):
            self.retries.labels(model).inc(lost)

    def expected_wait_s(self) -> float:
        """After how long a refused caller may try again: the mean time of a job, within 1 to 60 s."""
        return float(min(60, max(1, round(self.mean_total_s))))

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
