"""build(args) -> serve.Application: reads the entries, binds each model by name, returns the ingress.

This module must not postpone annotations: Ray inspects the builder's.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import ray
from fastapi import FastAPI
from ray import exceptions, serve
from ray.serve.config import AutoscalingConfig
from ray.serve.exceptions import DeploymentUnavailableError
from ray.serve.handle import DeploymentHandle

from serve_app.config import Args, ModelEntry, parse_args, parse_settings, refuse_unsafe
from serve_app.errors import ConfigError, GenerationFailed, ModelNotReady
from serve_app.jobs.catalogue import Catalogue
from serve_app.logs import log, set_up_logging
from serve_app.replica.malloc import give_back_later
from serve_app.replica.notes import RayLedger
from serve_app.replica.work import LAST, Answer, Event, Note, ReplicaGone, Work

INGRESS = "ingress"
LINGER_S = 0.5
HEAD = "node:__internal_head__"  # a resource that Ray gives to the head of every cluster, be it one machine
_LOST = (
    exceptions.RayActorError,
    exceptions.WorkerCrashedError,
    exceptions.ObjectLostError,
    grpc.aio.AioRpcError,
)


def build(args: dict[str, Any]) -> serve.Application:
    """The application of the Ray Serve config file. Raises ConfigError that names the wrong key.

    Ray restarts every replica when `args` differ from those that run. So `limits` and `retention` reach the ingress as
    its `user_config`, and a file for `serve deploy` names them there (`continuo config render` writes it so):

        applications:
        - import_path: serve_app.app:build
          args: {models: ...}
          deployments: [{name: ingress, user_config: {limits: {queued_jobs: 100}}}]

    What `user_config` leaves out is as `args` say. `continuo serve` reads the same file.
    """
    from serve_app.replica.replica import (
        Replica,  # here, so that the ingress process loads neither codecs nor the engine
    )

    parsed = parse_args(args)
    Catalogue(parsed.models)
    refuse_unsafe(parsed)
    bound: dict[str, Any] = {}
    for entry in in_order(parsed.models):
        parts = {part: bound[name] for part, name in entry.parts.items()}
        deployment = serve.deployment(Replica).options(**deployment_options(entry, parsed.log_level))
        bound[entry.name] = deployment.bind(entry, parsed.storage, parsed.log_level, RayLedger(INGRESS), **parts)
    ingress = ingress_deployment().options(
        num_replicas=parsed.ingress_replicas,
        user_config={"limits": parsed.limits.model_dump(), "retention": parsed.retention.model_dump()},
    )
    return ingress.bind(parsed, bound)


def in_order(entries: tuple[ModelEntry, ...]) -> list[ModelEntry]:
    """The entries with every part before the model that is composed with it. Raises ConfigError for a circle."""
    left, done = list(entries), list[ModelEntry]()
    while left:
        names = {entry.name for entry in done}
        free = [entry for entry in left if names >= set(entry.parts.values())]
        if not free:
            raise ConfigError("models: parts form a circle: " + ", ".join(entry.name for entry in left))
        done += free
        left = [entry for entry in left if entry not in free]
    return done


def deployment_options(entry: ModelEntry, log_level: str) -> dict[str, Any]:
    """How Serve runs an entry: scaling, health, shutdown, resources."""
    replicas = entry.replicas
    options: dict[str, Any] = {
        "name": entry.name,
        "max_ongoing_requests": replicas.target_ongoing + 2,  # status calls pass beside the work
        "max_queued_requests": -1,  # admission is the ingress's
        "health_check_period_s": 1.0,
        "health_check_timeout_s": 30.0,
        "graceful_shutdown_timeout_s": replicas.longest_job_s,
        "graceful_shutdown_wait_loop_s": 0.2,
        "ray_actor_options": {"num_cpus": replicas.cpus, "num_gpus": replicas.gpus},
        "logging_config": {"enable_access_log": False, "log_level": "WARNING"},
    }
    if entry.runtime_env is not None:
        options["ray_actor_options"]["runtime_env"] = entry.runtime_env
    if replicas.min == replicas.max:
        options["num_replicas"] = replicas.max
    else:
        options["autoscaling_config"] = AutoscalingConfig(
            min_replicas=replicas.min,
            max_replicas=replicas.max,
            target_ongoing_requests=replicas.target_ongoing,
            upscale_delay_s=1.0,
            downscale_delay_s=min(30.0, replicas.idle_s or 1.0),
            downscale_to_zero_delay_s=replicas.idle_s,
            look_back_period_s=2.0,
            metrics_interval_s=0.5,
        )
    return options


class RayModel:
    """A deployment handle as the jobs see it.

    Calls raise ReplicaGone when the process died under them, and ModelNotReady when Serve has given up on starting one:
    then it refuses at once, where for one that is only slow to come it waits.
    """

    def __init__(self, handle: DeploymentHandle) -> None:
        self.unavailable = f"model '{handle.deployment_name}' is not available: its deployment failed; the log says why"
        # Small events over gRPC: a third of the latency of the object store.
        self._run = handle.options(method_name="run", stream=True, _by_reference=False)
        self._status = handle.options(method_name="status", _by_reference=False)
        self._ask = handle.options(method_name="ask", _by_reference=False)

    async def run(self, work: Work) -> AsyncIterator[Event]:
        """Make one sound; closing the iterator cancels it on the replica."""
        stream = self._run.remote(work)
        ended = False
        try:
            async for event in stream:
                ended = event[0] in LAST
                yield event
        except exceptions.RayTaskError as error:
            raise GenerationFailed(f"the replica raised: {type(error.cause).__name__}") from error
        except _LOST as error:
            ended = True
            raise ReplicaGone(type(error).__name__) from error
        except DeploymentUnavailableError as error:
            ended = True
            raise ModelNotReady(self.unavailable) from error
        finally:
            if not ended:
                stream.cancel()

    async def status(self) -> dict[str, Any]:
        """What the replica says about its model."""
        try:
            answer: dict[str, Any] = await self._status.remote()
        except exceptions.RayTaskError as error:
            return {"status": "failed", "reason": f"the model cannot tell: {type(error.cause).__name__}"}
        except _LOST as error:
            raise ReplicaGone(type(error).__name__) from error
        except DeploymentUnavailableError:
            return {"status": "failed", "reason": self.unavailable}
        return answer

    async def ask(self, *question: Any) -> Answer:
        """What the model answers to a question that is no generation."""
        try:
            answer: Answer = await self._ask.remote(*question)
        except _LOST as error:
            raise ReplicaGone(type(error).__name__) from error
        except DeploymentUnavailableError as error:
            raise ModelNotReady(self.unavailable) from error
        return answer


class Ingress:
    """HTTP in, jobs owned here. With `args.listen` it has its own HTTP server; else Ray's proxies call it."""

    async def __init__(self, args: Args, handles: dict[str, DeploymentHandle]) -> None:  # type: ignore[misc]
        # Here, so that neither the process that deploys nor the models' load database and routes.
        from serve_app.http.application import create_app
        from serve_app.http.listener import Listener
        from serve_app.runtime import Runtime

        set_up_logging(args.log_level)
        refuse_unsafe(args, machines=sum(node["Alive"] for node in ray.nodes()))
        context = serve.get_replica_context()
        models = {entry.name: RayModel(handles[entry.name]) for entry in args.models}
        self.configured = self.draining = False
        self.counted_at, self.counts = 0.0, [(0, 0) for _ in args.models]
        self.app_name = context.app_name
        self.runtime = Runtime(args, models, count_replicas=self.count_replicas)
        await self.runtime.start()
        self.asgi = create_app(self.runtime, behind_serve=args.listen is None)
        self.listener: Listener | None = None
        if args.listen is not None:
            self.listener = Listener(
                self.asgi, args.listen.host, args.listen.port, lambda: self.runtime.jobs.limits.connections
            )
            await self.listener.start()
        give_back_later()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The app behind Ray's proxies."""
        return self.asgi

    async def count_replicas(self) -> list[tuple[int, int]]:
        """Running and starting replicas of each model, in the order of the entries; looked up at most once a second."""
        if time.monotonic() - self.counted_at > 1.0:
            status = await asyncio.to_thread(serve.status)
            deployments = status.applications[self.app_name].deployments
            found = []
            for name in self.runtime.catalogue.names:
                states = deployments[name].replica_states if name in deployments else {}
                starting = states.get("STARTING", 0) + states.get("PENDING_ALLOCATION", 0)
                found.append((states.get("RUNNING", 0), starting))
            self.counts, self.counted_at = found, time.monotonic()
        return self.counts

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """New limits and retention without a restart. Raises ConfigError for wrong ones that it would start with."""
        try:
            settings = parse_settings(user_config, self.runtime.args)
        except ConfigError as error:
            if not self.configured:
                raise
            log.error("user_config is wrong, so limits and retention stay as they are", extra={"detail": str(error)})
            return  # Ray would replace a replica that raises here, again and again
        self.configured = True
        self.runtime.apply(settings.limits, settings.retention)

    async def write_note(self, note: Note) -> bool:
        """Called by replicas: keep what a model notes; see replica/notes.py."""
        return await self.runtime.resumption.write_note(note)

    async def callback_after(self, job_id: str, model: str, seed: int, seen: int, within_s: float) -> int:
        """Called by replicas: wait for a callback; see replica/notes.py."""
        return await self.runtime.resumption.callback_after(job_id, model, seed, seen, within_s)

    async def check_health(self) -> None:
        """Called by the controller: the HTTP server and every loop of this process must run."""
        if self.draining:
            return  # or Serve would start another one, which takes jobs while the service ends
        if (reason := self.runtime.unhealthy()) is not None:
            raise RuntimeError(reason)
        if self.listener is not None and not self.listener.serving:
            raise RuntimeError("the HTTP server has ended")

    async def drain(self, grace_s: float) -> int:
        """Stop taking jobs, wait for running ones, close the HTTP server. Returns how many jobs are left."""
        self.draining = True
        left = await self.runtime.drain(grace_s)
        if self.listener is not None:
            await self.listener.stop()
        else:
            await asyncio.sleep(LINGER_S)  # answers to those who waited are on their way through Ray's proxies
        await self.runtime.release()
        return left

    async def __del__(self) -> None:
        if not hasattr(self, "runtime"):
            return
        self.runtime.jobs.end_waits()
        if self.listener is not None and self.listener.serving:
            await self.listener.stop()
        await self.runtime.close()


def ingress_deployment() -> Any:
    """The ingress as a Serve deployment; apart from its class, so that the class stays plain and typed."""
    return serve.deployment(
        name=INGRESS,
        max_ongoing_requests=10_000,
        health_check_period_s=1.0,
        health_check_timeout_s=30.0,
        graceful_shutdown_timeout_s=60.0,
        graceful_shutdown_wait_loop_s=0.2,
        ray_actor_options={"num_cpus": 0, "resources": {HEAD: 0.001}},  # other machines come and go with the load
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
    )(serve.ingress()(Ingress))
