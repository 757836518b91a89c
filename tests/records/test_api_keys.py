import hashlib
import re
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from serve_app.errors import Invalid, Unauthenticated
from serve_app.records.api_keys import CACHE_S, Keys, NewKey, Principal, _key, create, list_keys, revoke, scopes_of
from serve_app.records.database import Database
from serve_app.records.tables import api_keys

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Clock:
    """A time that the test moves."""

    def __init__(self) -> None:
        self.time_s = time.time()

    def __call__(self) -> float:
        return self.time_s


def bearer(new: NewKey) -> str:
    return f"Bearer {new.token}"


def stored_anywhere(text: str, folder: Path) -> bool:
    return any(text.encode() in file.read_bytes() for file in folder.iterdir())


def never_made(index: int = 0) -> str:
    return f"Bearer ck_{index:012d}_{'x' * 43}"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # its files can be searched
async def test_a_key_names_its_owner_and_is_stored_as_a_hash_only(database: Database, tmp_path: Path) -> None:
    new = await database.write(create, "ada", "laptop")
    assert re.fullmatch(r"ck_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}", new.token)
    assert await Keys(database).authenticate(bearer(new)) == Principal("ada", new.key.id, frozenset())
    secret = new.token.split("_")[2]
    assert secret not in repr(await database.read(list_keys))
    assert not stored_anywhere(secret, tmp_path)
    assert stored_anywhere(new.key.id, tmp_path)


async def test_two_keys_of_an_owner_work_side_by_side(database: Database) -> None:
    old = await database.write(create, "ada", "old")
    new = await database.write(create, "ada", "new")
    keys = Keys(database)
    found = [await keys.authenticate(bearer(key)) for key in (old, new)]
    assert [(item.owner, item.key_id) for item in found] == [("ada", old.key.id), ("ada", new.key.id)]
    assert [key.name for key in await database.read(list_keys, "ada")] == ["old", "new"]
    assert await database.read(list_keys, "bob") == []


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer ck_short_x", "ck_a_b"])
async def test_a_header_without_a_key_is_refused(database: Database, header: str | None) -> None:
    with pytest.raises(Unauthenticated):
        await Keys(database).authenticate(header)


async def test_a_wrong_secret_or_id_is_refused_and_never_echoed(database: Database) -> None:
    new = await database.write(create, "ada", "laptop")
    flipped = "b" if new.token.endswith("a") else "a"
    for token in (new.token[:-1] + flipped, f"ck_{'z' * 12}_{new.token.split('_')[2]}", new.token + "x"):
        with pytest.raises(Unauthenticated) as refused:
            await Keys(database).authenticate(f"Bearer {token}")
        assert token not in refused.value.detail
        assert new.token[3:15] not in refused.value.detail


async def test_a_revoked_key_is_dead_within_the_cache_time(database: Database) -> None:
    clock = Clock()
    keys = Keys(database, clock)
    new = await database.write(create, "ada", "laptop")
    assert (await keys.authenticate(bearer(new))).owner == "ada"
    assert await database.write(revoke, new.key.id)
    assert await database.write(revoke, new.key.id)  # again is no error
    assert not await database.write(revoke, "unknown")
    clock.time_s += CACHE_S
    assert CACHE_S <= 30
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await keys.authenticate(bearer(new))


async def test_a_key_expires_on_time_even_while_cached(database: Database) -> None:
    clock = Clock()
    keys = Keys(database, clock)
    new = await database.write(create, "ada", "visit", 5.0)
    assert (await keys.authenticate(bearer(new))).owner == "ada"
    clock.time_s += 6
    with pytest.raises(Unauthenticated):
        await keys.authenticate(bearer(new))


async def test_a_burst_reads_the_database_once_and_last_use_is_written_once_a_minute(
    database: Database,
) -> None:
    statements: list[str] = []
    sa.event.listen(
        database.engine,
        "before_cursor_execute",
        lambda c, cur, statement, *rest: statements.append(statement),
    )
    clock = Clock()
    keys = Keys(database, clock)
    new = await database.write(create, "ada", "laptop")
    first_s = clock.time_s
    statements.clear()
    for _ in range(100):
        await keys.authenticate(bearer(new))
    assert [s.split()[0] for s in statements if s.startswith(("SELECT", "UPDATE"))] == ["SELECT", "UPDATE"]
    for step_s, expected_s in ((30, first_s), (31, first_s + 61)):
        clock.time_s += step_s
        await keys.authenticate(bearer(new))
        assert (await database.read(list_keys))[0].last_used_at == expected_s


async def test_bad_keys_lock_nobody_out(database: Database) -> None:
    new = await database.write(create, "ada", "laptop")
    keys = Keys(database)
    for index in range(50):  # from the same address, as behind a proxy or a company's gateway
        with pytest.raises(Unauthenticated):
            await keys.authenticate(never_made(index))
    assert (await keys.authenticate(bearer(new))).owner == "ada"


def test_scopes_are_those_stored_or_the_default_ones() -> None:
    assert scopes_of("ada", None) == frozenset()
    assert scopes_of("admin", None) == {"admin"}
    assert scopes_of("admin", []) == frozenset()
    row = {"id": "k", "owner": "ada", "name": "x", "created_at": 1.0}
    row |= {"expires_at": None, "revoked_at": None, "last_used_at": None}
    assert not _key(row).principal.is_admin
    assert _key({**row, "scopes": ["admin"]}).principal == Principal("ada", "k", frozenset({"admin"}))


async def test_what_cannot_be_stored_is_refused_with_its_name(database: Database) -> None:
    with pytest.raises(Invalid) as refused:
        await database.write(create, "", "n" * 121, 0.0)
    assert [e["pointer"] for e in refused.value.errors] == ["/owner", "/name", "/ttl_s"]


async def test_the_hash_is_of_the_secret(database: Database) -> None:
    new = await database.write(create, "ada", "laptop")
    stored = await database.read(lambda connection: connection.scalar(sa.select(api_keys.c.hash)))
    assert stored == hashlib.sha256(new.token.split("_")[2].encode()).hexdigest()
