import threading

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from serve_app.records import tables
from serve_app.records.database import Database, alembic_config, sqlalchemy_url, upgrade
from serve_app.records.migrations import NEWEST


def differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "target_metadata": tables.metadata}
        )
        return list(compare_metadata(context, tables.metadata))


def test_the_migrations_make_the_tables_that_the_program_uses(database_url: str) -> None:
    database = Database(database_url)
    try:
        with database.engine.begin() as connection:
            upgrade(connection)
        assert differences(database) == []
    finally:
        database.close()


def test_an_empty_database_gets_the_same_tables_at_once(database: Database) -> None:
    assert differences(database) == []
    with database.engine.begin() as connection:
        upgrade(connection)  # nothing is left to do


def test_the_newest_version_is_known_without_alembic(database: Database) -> None:
    with database.engine.connect() as connection:
        assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == NEWEST
        assert MigrationContext.configure(connection).get_current_revision() == NEWEST


def test_a_second_migration_changes_nothing(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(sa.insert(tables.doomed), {"key": "kept"})
    database.migrate()
    with database.engine.connect() as connection:
        assert connection.execute(sa.select(tables.doomed.c.key)).scalars().all() == ["kept"]


def test_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(6)]
    failures: list[BaseException] = []

    def migrate(database: Database) -> None:
        try:
            database.migrate()
        except BaseException as error:  # noqa: BLE001  (a thread's error would be lost)
            failures.append(error)

    threads = [threading.Thread(target=migrate, args=(item,)) for item in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert differences(databases[0]) == []
    for item in databases:
        item.close()


def test_every_index_and_key_is_there(database: Database) -> None:
    found = sa.inspect(database.engine)
    for table in tables.metadata.sorted_tables:
        assert {index["name"] for index in found.get_indexes(table.name)} == {index.name for index in table.indexes}
        assert set(found.get_pk_constraint(table.name)["constrained_columns"]) == {c.name for c in table.primary_key}


def test_a_url_names_its_driver() -> None:
    for url in ("postgres://u:p@h/d", "postgresql://u:p@h/d"):
        assert sqlalchemy_url(url).render_as_string(hide_password=False) == "postgresql+psycopg://u:p@h/d"
    assert sqlalchemy_url("sqlite:////x/y.db").database == "/x/y.db"
    assert "~" not in str(sqlalchemy_url("sqlite:///~/y.db"))
