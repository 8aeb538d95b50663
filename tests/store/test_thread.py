"""The store's thread: whole transactions, bounded waits, errors in words, a clean end."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from rlm_exporter.errors import JournalError, JournalSlowError
from rlm_exporter.store.sqlite import SqliteFile
from rlm_exporter.store.thread import StoreThread


@pytest.fixture
def database(path: Path) -> SqliteFile:
    return SqliteFile(path=path)


@pytest.fixture
async def thread(database: SqliteFile) -> AsyncIterator[StoreThread]:
    made = StoreThread(database=database, limit=timedelta(seconds=10))
    await made.write(lambda c: c.execute(text("CREATE TABLE one (n INTEGER NOT NULL, filler TEXT)")))
    yield made
    await made.close()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Work that waits for it cannot outlive the test."""
    made = threading.Event()
    yield made
    made.set()


def insert(connection: Connection, number: int | None = 1) -> None:
    connection.execute(text("INSERT INTO one (n) VALUES (:n)"), {"n": number})


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM one")).scalar_one())


async def test_work_runs_in_the_one_thread_in_order(thread: StoreThread) -> None:
    seen: list[tuple[int, str]] = []

    def work(number: int) -> None:
        seen.append((number, threading.current_thread().name))

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(thread.read(lambda c, number=number: work(number)))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    assert [number for number, _ in seen] == list(range(20))
    assert len({name for _, name in seen}) == 1
    assert threading.current_thread().name not in {name for _, name in seen}


async def test_an_error_midway_leaves_nothing_behind(thread: StoreThread) -> None:
    def work(connection: Connection) -> None:
        insert(connection)
        insert(connection, None)

    with pytest.raises(JournalError, match="NOT NULL"):
        await thread.write(work)
    assert await thread.read(count) == 0


async def test_the_foreign_error_stays_as_the_cause(thread: StoreThread) -> None:
    with pytest.raises(JournalError) as raised:
        await thread.read(lambda c: c.execute(text("SELECT * FROM nowhere")))
    assert "no such table: nowhere" in str(raised.value.__cause__)


async def test_a_defect_in_the_work_is_not_dressed_up(thread: StoreThread) -> None:
    def work(connection: Connection) -> None:
        insert(connection)
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        await thread.write(work)
    assert await thread.read(count) == 0


async def test_work_that_ran_out_of_time_is_rolled_back(
    thread: StoreThread, database: SqliteFile, gate: threading.Event
) -> None:
    hurried = StoreThread(database=database, limit=timedelta(milliseconds=50))

    def work(connection: Connection) -> None:
        insert(connection)
        gate.wait(10)

    with pytest.raises(JournalSlowError, match=r"did not answer within 0\.05 s"):
        await hurried.write(work)
    gate.set()
    assert await thread.read(count) == 0
    await hurried.close()
    await thread.write(insert)
    assert await thread.read(count) == 1


def number_of(rows: int) -> Callable[[Connection], int]:
    """One statement that takes its time."""
    query = text(
        "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < :rows) "
        "SELECT count(*) FROM g"
    )
    return lambda connection: int(connection.execute(query, {"rows": rows}).scalar_one())


async def test_a_report_that_nobody_waits_for_ends(thread: StoreThread, database: SqliteFile) -> None:
    """It would take half a minute, and keep everybody else waiting."""
    hurried = StoreThread(database=database, limit=timedelta(milliseconds=200))
    with pytest.raises(JournalSlowError, match=r"did not answer within 0\.2 s"):
        await hurried.read(number_of(10**8))
    async with asyncio.timeout(5):
        await hurried.close()
    assert await thread.read(count) == 0


async def test_who_gives_up_ends_nothing_that_others_wait_for(thread: StoreThread) -> None:
    report = asyncio.create_task(thread.read(number_of(2 * 10**6)))
    await asyncio.sleep(0)
    with pytest.raises(JournalSlowError, match=r"did not answer within 0\.01 s"):
        await thread.call(lambda: None, limit=timedelta(milliseconds=10))
    assert await report == 2 * 10**6


async def test_work_whose_caller_was_cancelled_is_rolled_back(
    thread: StoreThread, gate: threading.Event
) -> None:
    begun = threading.Event()

    def work(connection: Connection) -> None:
        insert(connection)
        begun.set()
        gate.wait(10)

    task = asyncio.create_task(thread.write(work))
    assert await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    assert await thread.read(count) == 0


async def test_a_lock_held_by_another_process_is_told_as_one(thread: StoreThread, path: Path) -> None:
    other = SqliteFile(path=path)
    event.listen(other.engine, "connect", _impatient)
    impatient = StoreThread(database=other, limit=timedelta(seconds=10))
    begun, done = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        begun.set()
        done.wait(10)

    task = asyncio.create_task(thread.write(hold))
    assert await asyncio.to_thread(begun.wait, 10)
    with pytest.raises(JournalError, match="another process has locked it; only one daemon may use it"):
        await impatient.write(insert)
    assert await impatient.read(count) == 0
    done.set()
    await task
    await impatient.write(insert)
    assert await impatient.read(count) == 1
    await impatient.close()


async def test_a_full_disk_is_told_and_loses_nothing(path: Path) -> None:
    database = SqliteFile(path=path)
    event.listen(database.engine, "connect", _small)
    full = StoreThread(database=database, limit=timedelta(seconds=10))
    await full.write(lambda c: c.execute(text("CREATE TABLE one (n INTEGER NOT NULL, filler TEXT)")))
    await full.write(insert)
    filler = text("INSERT INTO one VALUES (2, :filler)")
    with pytest.raises(JournalError, match="the disk is full; free some space"):
        await full.write(lambda c: c.execute(filler, {"filler": "x" * 100_000}))
    assert await full.read(count) == 1
    await full.write(insert)
    assert await full.read(count) == 2
    await full.close()


async def test_closing_waits_for_work_under_way(database: SqliteFile, thread: StoreThread) -> None:
    begun, gate = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        begun.set()
        gate.wait(10)
        insert(connection)

    closing = StoreThread(database=SqliteFile(path=database.path), limit=timedelta(seconds=10))
    writing = asyncio.create_task(closing.write(work))
    assert await asyncio.to_thread(begun.wait, 10)
    ending = asyncio.create_task(closing.close())
    await asyncio.sleep(0)
    assert not ending.done()
    gate.set()
    await ending
    await writing
    assert await thread.read(count) == 1


async def test_a_closed_thread_refuses_work_and_closes_twice(database: SqliteFile) -> None:
    closed = StoreThread(database=database, limit=timedelta(seconds=10))
    await closed.close()
    await closed.close()
    with pytest.raises(JournalError, match="is closed"):
        await closed.read(count)


def _impatient(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    connection.cursor().execute("PRAGMA busy_timeout = 50")


def _small(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    """SQLite's own limit of a file, which it answers as it answers a full disk."""
    connection.cursor().execute("PRAGMA max_page_count = 8")


async def test_work_that_waits_when_the_thread_is_closed_fails_and_does_not_cancel_its_caller(
    database: SqliteFile, gate: threading.Event
) -> None:
    """A caller that is cancelled by nobody would be a task loop that ends without a word."""
    thread = StoreThread(database=database, limit=timedelta(seconds=10))
    closing = asyncio.create_task(thread.close())
    blocking = asyncio.create_task(thread.call(gate.wait, limit=timedelta(seconds=10)))
    waiting = asyncio.create_task(thread.read(lambda c: c.execute(text("SELECT 1")).scalar_one()))
    await closing
    gate.set()
    answers = await asyncio.gather(blocking, waiting, return_exceptions=True)
    assert isinstance(answers[1], JournalError)
    assert not waiting.cancelled()
