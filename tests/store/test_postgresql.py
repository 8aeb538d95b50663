"""PostgreSQL as the store: its errors in words, waits that end, and that it comes back."""

import asyncio
import contextlib
import threading
import time
from datetime import timedelta

import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.store.database import database_at
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.upgrade import upgrade
from tests.postgresql import PASSWORD, PostgresqlServer, ask
from tests.store.situations import CLUSTER, claimed, founded


@pytest.fixture
def upgraded(server_url: str) -> str:
    """A database on the shared server with our schema."""
    database = database_at(server_url)
    upgrade(database)
    database.engine.dispose()
    return server_url


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"database": "nowhere"}, "there is no such database; create it: createdb"),
        ({"password": "wrong"}, "it refuses this user; look at the name, the password"),
        ({"port": 1}, "it cannot be reached; is it running"),
    ],
)
async def test_a_connection_that_cannot_be_made_is_put_into_words(
    postgresql: PostgresqlServer, change: dict[str, object], said: str
) -> None:
    with pytest.raises(JournalError, match=said) as raised:
        await Journal.open(url=postgresql.url(**change))  # type: ignore[arg-type]  # one of three, each of its own type
    assert PASSWORD not in str(raised.value)
    assert "wrong" not in str(raised.value)


async def test_a_user_without_rights_is_told_so(postgresql: PostgresqlServer, upgraded: str) -> None:
    ask(upgraded, "CREATE ROLE reader LOGIN PASSWORD 'reads'")
    ask(upgraded, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    theirs = upgraded.replace(f"rlm_ha:{PASSWORD}", "reader:reads")
    try:
        async with await Journal.open(url=theirs) as journal:
            assert await journal.clusters() == ()
            with pytest.raises(JournalError, match="this user may not do that; let him own the database"):
                await journal.check_writable()
    finally:
        ask(upgraded, "DROP OWNED BY reader")
        ask(upgraded, "DROP ROLE reader")


async def test_readers_cannot_write(upgraded: str) -> None:
    database = database_at(upgraded)
    with database.engine.connect() as connection, pytest.raises(Exception, match="read-only transaction"):
        connection.exec_driver_sql("INSERT INTO write_check VALUES (1, 1)")
    database.engine.dispose()


async def test_a_transaction_that_is_left_open_loses_its_locks(upgraded: str) -> None:
    database = database_at(upgraded)
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar() == "5s"
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "3s"
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "serializable"
    database.engine.dispose()


async def test_a_lock_that_another_holds_ends_the_wait_in_words(upgraded: str) -> None:
    database = database_at(upgraded)
    async with await Journal.open(url=upgraded) as journal:
        await journal.check_writable()
        with database.engine.connect() as connection:
            connection.execution_options(rlm_ha_writes=True)
            with connection.begin():
                connection.exec_driver_sql("LOCK TABLE write_check")
                with pytest.raises(JournalError, match="another transaction holds a lock for too long there"):
                    await journal.check_writable()
        await journal.check_writable()
    database.engine.dispose()


class TestOnAServerOfItsOwn:
    """Tests that end or freeze the server."""

    async def test_a_journal_outlives_a_restart_and_a_kill_of_the_server(self) -> None:
        server = PostgresqlServer()
        try:
            url = server.new_database()
            database = database_at(url)
            upgrade(database)
            database.engine.dispose()
            async with await Journal.open(url=url) as journal:
                await founded(journal)
                operation = await claimed(journal)
                for end in (server.stop, server.kill):
                    end()
                    with pytest.raises(JournalError, match="it cannot be reached"):
                        await journal.cluster(CLUSTER)
                    server.start()
                    assert await journal.open_operation(CLUSTER) == operation
                    await journal.check_writable()
        finally:
            server.close()

    async def test_a_server_that_says_nothing_holds_up_nobody(self) -> None:
        before = set(threading.enumerate())
        server = PostgresqlServer()
        try:
            url = server.new_database()
            database = database_at(url)
            upgrade(database)
            database.engine.dispose()
            async with await Journal.open(url=url, limit=timedelta(seconds=1)) as journal:
                await journal.check_writable()
                with server.frozen():
                    began = time.monotonic()
                    with pytest.raises(JournalError, match="did not answer within 1 s"):
                        await journal.check_writable()
                    assert time.monotonic() - began < 3
                # The wait itself has been ended too, or this would stand behind it.
                began = time.monotonic()
                await journal.check_writable()
                assert time.monotonic() - began < 1
                with server.frozen():
                    for _ in range(3):
                        with pytest.raises(JournalError):
                            await journal.cluster(CLUSTER)
                    # No thread hangs: not in the server's answer, not in the try before it.
                    with contextlib.suppress(JournalError):
                        await journal.close()
                    async with asyncio.timeout(8):
                        while set(threading.enumerate()) - before:  # noqa: ASYNC110  # nothing tells of it
                            await asyncio.sleep(0.05)
        finally:
            server.close()
