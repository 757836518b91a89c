"""`continuo keys ...`: made, listed and ended in the job database of a configuration on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serve_app.commands.config import ConfigOption, EnvFileOption, load_env_file
from serve_app.commands.terminal import JsonOption, fail, print_json, print_line, print_table
from serve_app.config import parse_args

if TYPE_CHECKING:
    from pathlib import Path

    from serve_app.records.api_keys import Key
    from serve_app.records.database import Database

keys_app = typer.Typer(help="API keys.", no_args_is_help=True)


@keys_app.command("create")
def create_key(
    name: str,
    owner: Annotated[str, typer.Option(help="Whose jobs the key sees; 'admin' may also read /v1/status.")] = "local",
    days: Annotated[float | None, typer.Option(help="Days until it expires; never if absent.")] = None,
    config: ConfigOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Make a key and print it, this once."""
    from serve_app.records import api_keys

    with opened(config, env_file) as database:
        made = database.write_now(api_keys.create, owner, name, None if days is None else days * 86_400)
    print_line(made.token)


@keys_app.command("list")
def list_keys(config: ConfigOption = None, env_file: EnvFileOption = None, as_json: JsonOption = False) -> None:
    """Show the keys without their secrets."""
    from serve_app.records import api_keys

    with opened(config, env_file) as database:
        found = [shown(key) for key in database.read_now(api_keys.list_keys)]
    if as_json:
        print_json(found)
        return
    columns = ("id", "owner", "name", "created_at", "last_used_at", "expires_at", "revoked_at")
    titles = [name.removesuffix("_at").replace("_", " ") for name in columns]
    print_table(titles, ([key[name] or "-" for name in columns] for key in found))


@keys_app.command("revoke")
def revoke_key(key_id: str, config: ConfigOption = None, env_file: EnvFileOption = None) -> None:
    """End a key; it is refused within 10 s."""
    from serve_app.records import api_keys

    with opened(config, env_file) as database:
        if not database.write_now(api_keys.revoke, key_id):
            raise fail(f"there is no key '{key_id}'")
    print_line(f"revoked {key_id}")


def shown(key: "Key") -> dict[str, Any]:
    """A key as JSON, with times as the API writes them."""
    from serve_app.notify.views import rfc3339

    return {name: rfc3339(value) if name.endswith("_at") else value for name, value in vars(key).items()}


@contextmanager
def opened(config: "Path | None", env_file: "Path | None") -> "Iterator[Database]":
    """The job database of a configuration, migrated, for the time of a block."""
    from serve_app.config_file import read_config
    from serve_app.records.database import Database

    load_env_file(env_file)
    database = Database(parse_args(read_config(config)).database_url)
    try:
        database.migrate()
        yield database
    finally:
        database.close()
