"""`continuo ...`: run the service, ask it for sound, look after it."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import yaml
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deployments.contract import LoadFailed
from serve_app.config import ConfigError, parse_args
from serve_app.errors import ContinuoError
from serve_app.presets_cli import presets_app
from serve_app.terminal import LOCAL_URL, ElseGroup, UrlOption, checked, client, err, fail, out

app = typer.Typer(help="Generated sound over HTTP.", no_args_is_help=True, pretty_exceptions_enable=False)
keys_app = typer.Typer(help="API keys.", no_args_is_help=True)
config_app = typer.Typer(help="The configuration.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
app.add_typer(config_app, name="config")
app.add_typer(presets_app, name="presets")
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A Ray Serve config file; the built-in one if absent.")
]


@app.command()
def serve(
    config: ConfigOption = None,
    host: Annotated[str, typer.Option(help="Any other than loopback needs API keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8000,
    production: Annotated[
        bool, typer.Option("--production", help="HAProxy ingress on all interfaces, keys required.")
    ] = False,
    grace_s: Annotated[float, typer.Option("--grace", help="Seconds that running jobs have after Ctrl-C.")] = 30.0,
    first_sound: Annotated[bool, typer.Option("--first-sound", help="Generate one sound as a check.")] = False,
) -> None:
    """Run the service on this machine until Ctrl-C or SIGTERM, which drain it."""
    from serve_app.launch import Launch, read_config, serve_until_stopped

    began = time.monotonic()

    def on_ready(url: str) -> None:
        out.print(f"ready after {time.monotonic() - began:.1f} s: {url}   docs: {url}/docs")
        if first_sound:
            show_first_sound(url)
        sys.stdout.flush()

    host = "0.0.0.0" if production and host == "127.0.0.1" else host
    try:
        launch = Launch(read_config(config), host, port, production, grace_s)
        serve_until_stopped(launch, on_ready, out.print)
    except (ConfigError, ContinuoError) as error:
        raise fail(str(error)) from None


def show_first_sound(url: str) -> None:
    """Ask the service for a sound and print where it is."""
    body = {"prompt": "gentle rain with a warm low pad", "duration_s": 10}
    began = time.monotonic()
    job = checked(httpx.post(f"{url}/v1/audio/generations", json=body, timeout=120))
    out.print(f"first sound after {time.monotonic() - began:.2f} s:")
    out.print(job["outputs"][0]["url"], soft_wrap=True)


@app.command()
def generate(
    prompt: str,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file; its ending sets the format.")] = None,
    model: Annotated[str, typer.Option(help="A name of `continuo models`, or auto.")] = "auto",
    duration_s: Annotated[float | None, typer.Option("--duration", help="Seconds of sound.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same sound.")] = None,
    url: UrlOption = LOCAL_URL,
) -> None:
    """Make a sound from words, with a live progress bar."""
    body: dict[str, Any] = {"prompt": prompt, "model": model, "duration_s": duration_s, "seed": seed}
    if output is not None:
        suffix = output.suffix.lower()
        body["format"] = {".ogg": "opus"}.get(suffix, suffix.lstrip(".")) or "flac"
    with client(url) as http:
        sent = {name: value for name, value in body.items() if value is not None}
        job = checked(http.post("/v1/audio/generations", json=sent, headers={"Prefer": "respond-async"}))
        job = follow(http, job)
        if job["status"] != "succeeded":
            reason = job["error"] or {"code": job["status"], "detail": "the job was canceled"}
            raise fail(f"{reason['code']}: {reason['detail']}")
        sound = job["outputs"][0]
        if output is not None:
            output.write_bytes(httpx.get(sound["url"], timeout=60).raise_for_status().content)
        out.print(str(output) if output else sound["url"], soft_wrap=True)
        quality = sound["quality"]
        loudness = "" if quality["loudness_lufs"] is None else f"{quality['loudness_lufs']:.1f} LUFS, "
        made = f"{sound['duration_s']:g} s, {loudness}{quality['true_peak_dbtp']:.1f} dBTP"
        err.print(f"{made}, seed {job['seed']}, {job['model_used']}")


def follow(http: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """Show a job's progress until it has ended; returns its last state."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("queued", total=1.0)
        last = "0"
        while True:
            try:
                for number, kind, data in events(http, job["id"], last):
                    last = number
                    if kind == "completed":
                        bar.update(task, completed=1.0, description=data["status"])
                        return data
                    if kind == "progress":
                        bar.update(task, completed=data["step"] / data["steps"], description="running")
                    elif kind == "started":
                        bar.update(task, description="running")
            except httpx.TransportError:
                time.sleep(1.0)  # the service restarts; the job goes on, and so do its events


def events(http: httpx.Client, job_id: str, last: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The server-sent events of a job after number `last`: (id, type, data)."""
    with http.stream("GET", f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": last}, timeout=60) as response:
        if response.is_error:
            response.read()
            checked(response)
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                yield fields["id"], fields["event"], json.loads(fields["data"])
                fields = {}


models_app = typer.Typer(help="List the models, show one, or fetch its weights.", cls=ElseGroup)
app.add_typer(models_app, name="models", invoke_without_command=True)


@models_app.callback()
def models(context: typer.Context, url: UrlOption = LOCAL_URL) -> None:
    """List the models, show one by its name, or fetch its weights."""
    if context.invoked_subcommand is not None:
        return
    with client(url) as http:
        table = Table("name", "task", "status", "replicas", "longest", "weights", box=None)
        for item in checked(http.get("/v1/models"))["data"]:
            status = item["status"] + (f": {item['reason']}" if item["reason"] else "")
            longest = f"{item['max_duration_s']:g} s"
            table.add_row(item["id"], item["task"], status, str(item["replicas"]), longest, item["licence"]["weights"])
        out.print(table)


@models_app.command("show", hidden=True)
def show_model(name: str, url: UrlOption = LOCAL_URL) -> None:
    """Show a model."""
    with client(url) as http:
        out.print_json(data=checked(http.get(f"/v1/models/{name}")))


@models_app.command("pull")
def pull_weights(name: str, config: ConfigOption = None) -> None:
    """Fetch the weights of a model into MODELS_DIR; what an earlier try has brought is kept."""
    from serve_app.pull import find_entry, pull

    try:
        folders = pull(find_entry(name, config), err)
    except (ConfigError, LoadFailed) as error:
        raise fail(str(error)) from None
    for folder in folders:
        out.print(str(folder), soft_wrap=True)


@app.command()
def jobs(job_id: Annotated[str | None, typer.Argument()] = None, url: UrlOption = LOCAL_URL) -> None:
    """List the newest jobs, or show one."""
    with client(url) as http:
        if job_id:
            out.print_json(data=checked(http.get(f"/v1/jobs/{job_id}")))
            return
        table = Table("id", "status", "model", "created", "prompt", box=None)
        for item in checked(http.get("/v1/jobs"))["results"]:
            prompt = item["input"]["prompt"]
            table.add_row(item["id"], item["status"], item["model_used"], item["created_at"], prompt[:60])
        out.print(table)


@config_app.command("render")
def render(config: ConfigOption = None) -> None:
    """Print the file for `serve deploy`, checked, with every default written out. Variables stay as they are."""
    from serve_app.launch import read_config

    try:
        raw = read_config(config)
        args = parse_args(raw)
    except ConfigError as error:
        raise fail(str(error)) from None
    full = args.model_dump(mode="json")
    full.pop("listen")
    shown = {**full, **raw, "models": full["models"], "auth": {"mode": "keys"}}  # Ray's proxies are not loopback
    document = {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": 8000},
        "applications": [
            {"name": "continuo", "route_prefix": "/", "import_path": "serve_app.app:build", "args": shown}
        ],
    }
    sys.stdout.write(yaml.safe_dump(document, sort_keys=False))


@keys_app.command("create")
def create_key(
    name: str,
    owner: Annotated[str, typer.Option(help="Whose jobs the key sees.")] = "local",
    days: Annotated[float | None, typer.Option(help="Days until it expires; never if absent.")] = None,
    config: ConfigOption = None,
) -> None:
    """Make a key and print it, this once."""
    from serve_app import keys

    try:
        with opened(config) as database:
            made = database.write_now(keys.create, owner, name, None if days is None else days * 86_400)
    except ContinuoError as error:
        raise fail(error.detail) from None
    out.print(made.token, soft_wrap=True)


@keys_app.command("list")
def list_keys(config: ConfigOption = None) -> None:
    """Show the keys without their secrets."""
    from serve_app import keys
    from serve_app.views import rfc3339

    table = Table("id", "owner", "name", "created", "last used", "expires", "revoked", box=None)
    with opened(config) as database:
        for key in database.read_now(keys.list_keys):
            times = (key.created_at, key.last_used_at, key.expires_at, key.revoked_at)
            table.add_row(key.id, key.owner, key.name, *(rfc3339(moment) or "-" for moment in times))
    out.print(table)


@keys_app.command("revoke")
def revoke_key(key_id: str, config: ConfigOption = None) -> None:
    """End a key; it is refused within 10 s."""
    from serve_app import keys

    with opened(config) as database:
        if not database.write_now(keys.revoke, key_id):
            raise fail(f"there is no key '{key_id}'")
    out.print(f"revoked {key_id}")


class opened:
    """The job database of a configuration, migrated, for the time of a block."""

    def __init__(self, config: Path | None) -> None:
        from serve_app.database import Database
        from serve_app.launch import read_config

        try:
            self.database = Database(parse_args(read_config(config)).database_url)
            self.database.migrate()
        except (ConfigError, ContinuoError) as error:
            raise fail(str(error)) from None

    def __enter__(self) -> Any:
        return self.database

    def __exit__(self, *error: object) -> None:
        self.database.close()


if __name__ == "__main__":
    app()
