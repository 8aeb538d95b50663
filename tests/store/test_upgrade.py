"""From an older schema to ours, with a copy; never from a newer one, never into another program's file."""

import asyncio
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from rlm_exporter.errors import JournalError
from rlm_exporter.store.database import database_at
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.ports import Database
from rlm_exporter.store.sqlite import SqliteFile
from rlm_exporter.store.upgrade import MIGRATIONS, upgrade
from tests.postgresql import ask as ask_server
from tests.store.situations import CLUSTER, claimed, founded, url_of

HEAD = "0008"
GOOD_STEP = f'''
"""The next shape."""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9999", "{HEAD}"
def upgrade():
    with op.batch_alter_table("cluster") as table:
        table.add_column(sa.Column("mood", sa.String()))
    op.create_table("next", sa.Column("cluster", sa.String(), primary_key=True))
'''
BROKEN_STEP = GOOD_STEP + '    op.drop_table("nowhere")\n'


def upgrade_file(path: Path, migrations: Path = MIGRATIONS) -> None:
    """What the daemon does at its start."""
    database = SqliteFile(path=path)
    try:
        upgrade(database, migrations=migrations)
    finally:
        database.engine.dispose()


def with_step(folder: Path, step: str) -> Path:
    """Our steps and one that comes after them."""
    migrations = shutil.copytree(MIGRATIONS, folder / "100% migrations")
    (migrations / "versions" / "v9999_next_shape.py").write_text(step)
    return migrations


def first_shape(folder: Path) -> Path:
    """The first of our steps alone."""
    first = shutil.copytree(MIGRATIONS, folder / "first")
    for step in (first / "versions").glob("v*.py"):
        if not step.name.startswith("v0001"):
            step.unlink()
    return first


def ask(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def files_beside(path: Path) -> set[str]:
    return {found.name for found in path.parent.iterdir()} - {
        path.name,
        f"{path.name}-wal",
        f"{path.name}-shm",
    }


async def history_in(path: Path) -> None:
    """A journal with an open operation in it."""
    async with await Journal.open(url=url_of(path)) as journal:
        await founded(journal)
        await claimed(journal)


def test_a_new_file_gets_the_schema_and_no_copy(path: Path) -> None:
    upgrade_file(path)
    assert ask(path, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert files_beside(path) == set()


def test_the_same_schema_is_left_alone(path: Path) -> None:
    upgrade_file(path)
    before = path.read_bytes()
    upgrade_file(path)
    assert path.read_bytes() == before
    assert files_beside(path) == set()


async def test_an_older_journal_is_upgraded_and_kept_as_a_copy(path: Path, tmp_path: Path) -> None:
    await history_in(path)
    upgrade_file(path, with_step(tmp_path / "newer", GOOD_STEP))
    copy = path.with_name(f"journal.db.schema-{HEAD}")
    assert ask(path, "SELECT version_num FROM alembic_version") == [("9999",)]
    assert ask(path, "SELECT active, mood FROM cluster") == [("rlm1", None)]
    assert ask(path, "SELECT state FROM operation WHERE state = 'open'") == [("open",)]
    assert ask(copy, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    async with await Journal.open(url=url_of(copy)) as older:
        assert await older.open_operation(CLUSTER) is not None


async def test_an_upgrade_that_fails_changes_nothing(path: Path, tmp_path: Path) -> None:
    await history_in(path)
    with pytest.raises(OperationalError, match="no such table: nowhere"):
        upgrade_file(path, with_step(tmp_path / "newer", BROKEN_STEP))
    assert ask(path, "SELECT name FROM sqlite_master WHERE name = 'next'") == []
    async with await Journal.open(url=url_of(path)) as journal:
        assert await journal.open_operation(CLUSTER) is not None


async def test_a_newer_schema_is_refused_and_left_alone(path: Path, tmp_path: Path) -> None:
    await history_in(path)
    upgrade_file(path, with_step(tmp_path / "newer", GOOD_STEP))
    with pytest.raises(JournalError) as raised:
        await Journal.open(url=url_of(path))
    assert str(raised.value) == (
        f"journal {path}: its schema 9999 is newer than this version of rlm-ha knows (up to {HEAD}); "
        "install the newer version again, or put back the copy that was kept before the upgrade"
    )
    assert ask(path, "SELECT version_num FROM alembic_version") == [("9999",)]


async def test_another_programs_database_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE albums (title TEXT)")
    with pytest.raises(JournalError, match="holds tables of another program"):
        await Journal.open(url=url_of(path))
    assert ask(path, "SELECT name FROM sqlite_master") == [("albums",)]


async def test_an_upgrade_waits_for_one_that_runs(path: Path, tmp_path: Path) -> None:
    await history_in(path)
    migrations = with_step(tmp_path / "newer", GOOD_STEP)
    databases = [SqliteFile(path=path) for _ in range(2)]
    holder, waiter = databases
    with ThreadPoolExecutor() as pool:
        with holder.engine.connect() as connection:
            connection.execution_options(rlm_ha_writes=True)
            with connection.begin():
                waiting = pool.submit(upgrade, waiter, migrations=migrations)
                connection.exec_driver_sql("UPDATE cluster SET active = 'rlm3'")
        waiting.result(timeout=10)
    for database in databases:
        database.engine.dispose()
    assert ask(path, "SELECT active FROM cluster") == [("rlm3",)]
    copy = path.with_name(f"journal.db.schema-{HEAD}")
    assert ask(copy, "SELECT active FROM cluster") == [("rlm3",)]


def test_the_first_shape_is_upgraded_to_ours_with_its_record(path: Path, tmp_path: Path) -> None:
    upgrade_file(path, first_shape(tmp_path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO cluster (name, active, active_since, epoch, highest_epoch, version, updated_at) "
            "VALUES ('a', 'rlm2', '2026-01-01 00:00:00', 7, 8, 3, '2026-01-01 00:00:00')"
        )
        connection.commit()
    upgrade_file(path)
    assert ask(path, "SELECT active, epoch, paused_until, acknowledged_at FROM cluster") == [
        ("rlm2", 7, None, None)
    ]
    assert ask(path.with_name("journal.db.schema-0001"), "SELECT active FROM cluster") == [("rlm2",)]


def shared(url: str) -> Database:
    database = database_at(url)
    assert database.is_shared
    return database


def upgrade_server(url: str, migrations: Path = MIGRATIONS) -> tuple[str | None, str]:
    """What `rlm-ha db upgrade` does."""
    database = shared(url)
    try:
        return upgrade(database, migrations=migrations)
    finally:
        database.engine.dispose()


async def test_no_daemon_changes_a_schema_that_others_use(server_url: str) -> None:
    with pytest.raises(JournalError) as raised:
        await Journal.open(url=server_url)
    assert str(raised.value).endswith(
        f"the database is empty, and this version of rlm-ha needs {HEAD}; run once, from any replica: "
        "rlm-ha db upgrade"
    )
    assert ask_server(server_url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


async def test_an_older_shared_schema_says_which_command_to_run(server_url: str, tmp_path: Path) -> None:
    upgrade_server(server_url, first_shape(tmp_path))
    with pytest.raises(
        JournalError, match=f"its schema 0001 is older, and this version of rlm-ha needs {HEAD}"
    ):
        await Journal.open(url=server_url)
    assert upgrade_server(server_url) == ("0001", HEAD)
    assert upgrade_server(server_url) == (HEAD, HEAD)
    async with await Journal.open(url=server_url) as journal:
        assert await journal.clusters() == ()


async def test_a_newer_shared_schema_is_refused(server_url: str, tmp_path: Path) -> None:
    upgrade_server(server_url, with_step(tmp_path / "newer", GOOD_STEP))
    for refuse in (Journal.open(url=server_url), asyncio.to_thread(upgrade_server, server_url)):
        with pytest.raises(JournalError, match="its schema 9999 is newer than this version of rlm-ha knows"):
            await refuse


async def test_an_open_operation_survives_an_upgrade_of_a_shared_schema(
    server_url: str, tmp_path: Path
) -> None:
    upgrade_server(server_url)
    async with await Journal.open(url=server_url) as journal:
        await founded(journal)
        opened = await claimed(journal)
        upgrade_server(server_url, with_step(tmp_path / "newer", GOOD_STEP))
        assert await journal.open_operation(CLUSTER) == opened


def test_a_shared_upgrade_that_fails_changes_nothing(server_url: str, tmp_path: Path) -> None:
    upgrade_server(server_url)
    with pytest.raises(ProgrammingError, match='table "nowhere" does not exist'):
        upgrade_server(server_url, with_step(tmp_path / "newer", BROKEN_STEP))
    assert ask_server(server_url, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert ask_server(server_url, "SELECT to_regclass('next')") == [(None,)]


def test_of_several_upgrades_at_once_one_does_the_work(server_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(upgrade_server, [server_url] * 6))
    assert sorted(done, key=str) == [(HEAD, HEAD)] * 5 + [(None, HEAD)]


def test_a_foreign_shared_database_is_refused(server_url: str) -> None:
    ask_server(server_url, "CREATE TABLE albums (title TEXT)")
    with pytest.raises(JournalError, match="holds tables of another program; give another one"):
        upgrade_server(server_url)
