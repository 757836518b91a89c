"""`continuo generate`: a job is made, followed and fetched. What can be refused is refused before it is made."""

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, get_args

import httpx
import typer
from httpx_sse import connect_sse
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from serve_app.commands.client import LOCAL_URL, UrlOption, checked, client, connect, path
from serve_app.commands.terminal import err, fail, note, print_line
from serve_app.deliver.formats import Format
from serve_app.deliver.image import ImageFormat
from serve_app.errors import ConfigError
from serve_app.records.states import FINISHED

RECONNECT_S = 1.0
_OTHER_ENDINGS = {"ogg": "opus", "m4a": "aac", "jpg": "jpeg", "": "flac"}
_PICTURES = get_args(ImageFormat)


def generate(
    prompt: str,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file; its ending sets the format.")] = None,
    model: Annotated[str, typer.Option(help="A name of `continuo models`, or auto.")] = "auto",
    duration_s: Annotated[float | None, typer.Option("--duration", help="Seconds of sound.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same sound.")] = None,
    url: UrlOption = LOCAL_URL,
) -> None:
    """Make a sound from words, with a live progress bar; or a picture, into a file with the ending of one."""
    if duration_s is not None and not math.isfinite(duration_s):
        raise fail(f"--duration: {duration_s} is no length in seconds")
    body: dict[str, Any] = {"prompt": prompt, "model": model, "duration_s": duration_s, "seed": seed}
    route = path("audio", "generations")
    if output is not None:
        body["format"] = format_of(output)
        refuse_unwritable(output)
        if body["format"] in _PICTURES:
            route = path("images", "generations")
    with client(url) as http:
        sent = {name: value for name, value in body.items() if value is not None}
        answer = http.post(route, json=sent, headers={"Prefer": "respond-async"})
        job = made_by(follow(http, checked(answer, "id", "status")))
    made = job["outputs"][0]
    if output is not None:
        save(made["url"], output)
    print_line(str(output) if output else made["url"])
    note(f"{measured(made)}, seed {job['seed']}, {job['model_used']}")


def made_by(job: dict[str, Any]) -> dict[str, Any]:
    """A job that has ended well; another one ends the command with its reason."""
    if job["status"] != "succeeded":
        reason = job["error"] or {"code": job["status"], "detail": "the job was canceled"}
        raise fail(f"{reason['code']}: {reason['detail']}")
    return job


def measured(output: dict[str, Any]) -> str:
    """What was made, in a few figures."""
    if output.get("kind") == "image":
        return f"{output['width']} x {output['height']}"
    quality = output["quality"]
    loudness = "" if quality["loudness_lufs"] is None else f"{quality['loudness_lufs']:.1f} LUFS, "
    return f"{output['duration_s']:g} s, {loudness}{quality['true_peak_dbtp']:.1f} dBTP"


def format_of(output: Path, known: Sequence[str] = (*get_args(Format), *_PICTURES)) -> str:
    """The format that the ending of a file stands for. Raises ConfigError."""
    ending = output.suffix.lower().lstrip(".")
    found = _OTHER_ENDINGS.get(ending, ending)
    if found not in known:
        raise ConfigError(f"'{output}': the ending .{ending} is none of a format; use .{', .'.join(known)}")
    return found


def refuse_unwritable(output: Path) -> None:
    """Raise ConfigError when a file cannot be written, as far as that can be known before there is a sound."""
    folder = output.parent
    if not folder.is_dir():
        raise ConfigError(
            f"'{output}' cannot be written: there is no folder there; make it with: mkdir -p {quote(str(folder))}"
        )
    if output.is_dir():
        raise ConfigError(f"'{output}' is a folder; name a file, for instance {output / 'sound.flac'}")
    if not os.access(output if output.exists() else folder, os.W_OK):
        raise ConfigError(f"'{output}' cannot be written: permission denied; choose another file")


def save(url: str, output: Path) -> None:
    """Fetch a sound into a file; where that fails, the line says where the sound still is."""
    try:
        with connect(url, timeout=60) as http:
            content = http.get(url).raise_for_status().content
        output.write_bytes(content)
    except (OSError, httpx.HTTPError, httpx.InvalidURL, ConfigError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
        raise fail(f"the sound was made, and '{output}' was not written ({reason}); it is at {url}") from None


def follow(http: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """Show a job's progress until it has ended; returns its last state. Ctrl-C cancels it."""
    try:
        return _followed(http, job)
    except KeyboardInterrupt:
        with suppress(httpx.TransportError):
            http.post(path("jobs", job["id"], "cancel"))
        raise


def _followed(http: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("queued", total=1.0)
        last = "0"
        while job["status"] not in FINISHED:
            try:
                for number, kind, data in events(http, job["id"], last):
                    last = number
                    if kind == "completed":
                        return data
                    if kind == "progress":
                        bar.update(task, completed=data["step"] / data["steps"], description="running")
                    elif kind == "started":
                        bar.update(task, description="running")
            except httpx.TransportError:
                bar.update(task, description="waiting for the service")  # the job goes on, and so do its events
                time.sleep(RECONNECT_S)
            with suppress(httpx.TransportError):  # events that ended without the last one, or broke off again
                job = checked(http.get(path("jobs", job["id"])), "status")
    return job


def events(http: httpx.Client, job_id: str, last: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The server-sent events of a job after number `last`: (id, type, data)."""
    headers = {"Last-Event-ID": last}
    with connect_sse(http, "GET", path("jobs", job_id, "events"), headers=headers, timeout=60) as source:
        response = source.response
        if response.status_code == 204:
            return
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        if not response.is_success or kind != "text/event-stream":
            response.read()
            checked(response, "events")
        for event in source.iter_sse():
            yield event.id, event.event, event.json()
