"""The durable part of jobs, on DBOS: workflows that outlive the death of this process.

A job's workflow does nothing but run the job from its record, so it may be repeated from the start at any time: results
are content-addressed. A webhook's workflow is a loop of recorded tries and recorded sleeps. Workflows live in this
importable module because functions that Ray pickles by value do not see module state.
"""

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID

from serve_app.config import sqlite_path
from serve_app.database import sqlalchemy_url
from serve_app.private import private_database

# DBOS takes up only workflows of its own version: set by hand, or an upgrade would strand accepted jobs.
WORKFLOW_VERSION = "1"

_run: Callable[[str], Awaitable[None]] | None = None
_deliver: Callable[[str], Awaitable[float | None]] | None = None


@DBOS.workflow(name="run_job")
async def run_job(job_id: str) -> None:
    """Run an accepted job to its end."""
    assert _run is not None
    await _run(job_id)


@DBOS.step(name="try_delivery")
async def try_delivery(delivery_id: str) -> float | None:
    """Try a webhook once; the seconds until the next try, or None when it came to an end."""
    assert _deliver is not None
    return await _deliver(delivery_id)


@DBOS.workflow(name="deliver_webhook")
async def deliver_webhook(delivery_id: str) -> None:
    """Try a webhook until it is delivered or given up, over a day and any number of restarts."""
    while (wait_s := await try_delivery(delivery_id)) is not None:
        await DBOS.sleep_async(wait_s)


def launch(
    database_url: str,
    executor: str,
    run: Callable[[str], Awaitable[None]],
    deliver: Callable[[str], Awaitable[float | None]],
) -> None:
    """Start DBOS in this process as `executor`; unfinished workflows of that executor begin again by themselves.

    Call from a running event loop: workflows run on it.
    """
    global _run, _deliver
    _run, _deliver = run, deliver
    config: DBOSConfig = {
        "name": "continuo",
        "system_database_url": system_database_url(database_url),
        "executor_id": executor,
        "application_version": WORKFLOW_VERSION,
        "log_level": "WARNING",
        "use_listen_notify": False,
    }
    DBOS(config=config)
    DBOS.launch()


async def start_job(job_id: str) -> None:
    """Make a job durable; returns when the promise is written. The same id twice is one workflow."""
    with SetWorkflowID(job_id):
        await DBOS.start_workflow_async(run_job, job_id)


async def ensure_job(job_id: str) -> None:
    """Make sure that an unfinished job found at the start has a workflow that this executor will run."""
    status = await DBOS.get_workflow_status_async(job_id)
    if status is None:
        await start_job(job_id)
    elif status.status not in ("PENDING", "ENQUEUED"):  # it ended and the job did not: a defect, or too many crashes
        await forget([job_id])
        await start_job(job_id)
    elif status.executor_id != DBOS.executor_id:
        await DBOS.resume_workflow_async(job_id)


async def ensure_delivery(delivery_id: str) -> None:
    """Make sure that an unfinished delivery has a workflow."""
    if await DBOS.get_workflow_status_async(delivery_id) is None:
        await start_delivery(delivery_id)


async def start_delivery(delivery_id: str) -> None:
    """Begin to deliver a webhook."""
    with SetWorkflowID(delivery_id):
        await DBOS.start_workflow_async(deliver_webhook, delivery_id)


async def forget(workflow_ids: list[str]) -> None:
    """Remove the rows of finished workflows."""
    await DBOS.delete_workflows_async(workflow_ids)


def close() -> None:
    """Stop DBOS in this process; unfinished workflows stay for the next start."""
    DBOS.destroy(workflow_completion_timeout_sec=0)


def system_database_url(database_url: str) -> str:
    """DBOS's own tables: in the same PostgreSQL (schema dbos), or in a second SQLite file with a lock of its own."""
    path = sqlite_path(database_url)
    if path is not None:
        twin = path.with_name(path.stem + ".workflows" + path.suffix)
        _prepare(twin)
        database_url = f"sqlite:///{twin}"
    return sqlalchemy_url(database_url).render_as_string(hide_password=False)


def _prepare(path: Path) -> None:
    connection = sqlite3.connect(private_database(path))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
