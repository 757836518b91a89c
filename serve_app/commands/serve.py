"""`continuo serve`: what was asked goes to launch/service.py, what is told comes back; no telling ends the service."""

import math
import os
import select
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import httpx
import typer

from serve_app.commands.client import api_key, connect
from serve_app.commands.config import ConfigOption, EnvFileOption, load_env_file
from serve_app.commands.terminal import in_a_line, visible
from serve_app.config import parse_args
from serve_app.errors import ConfigError

FIRST_SOUND = {"prompt": "gentle rain with a warm low pad", "duration_s": 10}
PATIENCE_MS = 500
FIRST_SOUND_S = 60  # the longest that a request waits for its job
LogLevelOption = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None,
    typer.Option("--log-level", case_sensitive=False, help="Instead of the configuration's log_level."),
]


def serve(  # noqa: PLR0913 - an option each
    config: ConfigOption = None,
    host: Annotated[str, typer.Option(help="Any other than loopback needs API keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8000,
    production: Annotated[
        bool, typer.Option("--production", help="HAProxy ingress on all interfaces, keys required.")
    ] = False,
    grace_s: Annotated[float, typer.Option("--grace", help="Seconds that running jobs have after Ctrl-C.")] = 30.0,
    first_sound: Annotated[bool, typer.Option("--first-sound", help="Generate one sound as a check.")] = False,
    env_file: EnvFileOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Run the service on this machine until Ctrl-C, SIGTERM or the end of its terminal, which drain it."""
    from serve_app.launch.service import Launch, serve_until_stopped

    began = time.monotonic()

    def on_ready(url: str) -> None:
        say(f"ready after {time.monotonic() - began:.1f} s: {url}   docs: {url}/docs")
        for line in lacking(launch.args):
            say(f"missing: {line}")
        if first_sound:  # in a thread: whoever presses Ctrl-C meanwhile is not made to wait for a sound
            threading.Thread(target=check_first_sound, args=(url,), name="first-sound", daemon=True).start()

    if not 0 <= port <= 65_535:
        raise ConfigError(f"--port {port} is not a port; choose one from 1 to 65535, or 0 for a free one")
    if not (math.isfinite(grace_s) and grace_s >= 0):
        raise ConfigError(f"--grace {grace_s:g} is not a time; give seconds, for instance 30")
    load_env_file(env_file)
    host = "0.0.0.0" if production and host == "127.0.0.1" else host
    launch = Launch(configured(config, log_level), host, port, production, grace_s)
    if not serve_until_stopped(launch, on_ready, say):
        raise typer.Exit(1)


def configured(config: Path | None, log_level: str | None) -> dict[str, Any]:
    """The `args` of the configuration, with another log level if one was asked for. Raises ConfigError."""
    from serve_app.config_file import read_config

    args = read_config(config)
    if log_level is None or not isinstance(args, dict):  # what is no mapping is refused when it is read
        return args
    return {**args, "log_level": log_level}


def lacking(args: dict[str, Any]) -> list[str]:
    """What the models that are always up want and this machine has not, a line each. Others tell when they load."""
    from serve_app.jobs.catalogue import Catalogue

    try:
        staying = [item for item in Catalogue(parse_args(args).models) if item.entry.replicas.min]
        return list(dict.fromkeys(line for item in staying for line in item.missing() or ()))
    except Exception as error:  # noqa: BLE001 - any model's code is asked here, and the service runs
        return [f"unknown, for a model cannot tell ({type(error).__name__}: {error})"]


def say(text: str) -> None:
    """Print a line, unless nobody takes it: a reader that is gone or stands still must not keep us from draining."""
    try:
        if is_taken(sys.stdout):
            sys.stdout.write(visible(text) + "\n")
            sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):  # else the interpreter tries once more at its end, and fails aloud
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_taken(stream: TextIO | None) -> bool:
    """Whether a line can be written without waiting for its reader (a full pipe, a terminal that was held)."""
    if stream is None:  # closed before we were started
        return False
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return not stream.closed
    look = select.poll()
    look.register(number, select.POLLOUT)
    return bool(look.poll(PATIENCE_MS))


def check_first_sound(url: str) -> None:
    """Ask the service for a sound and say where it is, or in a line what happened; the service goes on in any case."""
    try:
        lines = first_sound_of(url)
    except Exception as error:  # noqa: BLE001 - a check must never end what it checks
        reason = in_a_line(str(error)) or type(error).__name__
        lines = [f"first sound: none ({reason}); the service goes on"]
    for line in lines:
        say(line)


def first_sound_of(url: str) -> list[str]:
    """The lines about the first sound of a service. Raises what a client of it may meet."""
    began, key = time.monotonic(), api_key()
    headers = {"Prefer": f"wait={FIRST_SOUND_S}"} | ({"Authorization": f"Bearer {key}"} if key else {})
    with connect(url, headers=headers, timeout=FIRST_SOUND_S * 2) as http:
        answer = http.post(f"{url}/v1/audio/generations", json=FIRST_SOUND)
    if answer.status_code == 401:
        if key is None:
            return ["first sound: left out, because an API key is needed; set CONTINUO_API_KEY to one for this check"]
        return ["first sound: left out, because the key in CONTINUO_API_KEY is not valid here"]
    return told(answer, time.monotonic() - began)


def told(answer: httpx.Response, took_s: float) -> list[str]:
    """What an answer says about the first sound."""
    body = answer.json()
    if answer.is_error:
        return [f"first sound: none ({in_a_line(body['detail'])}); the service goes on"]
    if body["status"] != "succeeded":
        return [f"first sound: not done after {took_s:.0f} s; it goes on: {body['urls']['self']}"]
    return [f"first sound after {took_s:.2f} s:", body["outputs"][0]["url"]]
