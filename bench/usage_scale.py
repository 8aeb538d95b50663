"""How quick the usage log is with 1, 3 and 10 million sessions: writing, the guide's view, a month's report.

    python -m bench.usage_scale [--sessions 1000000,3000000,10000000] [--sqlite]

A PostgreSQL of its own (or an SQLite file) with our schema is filled with a year of made-up sessions.
PostgreSQL has its default settings but for `fsync = off`, by which writing gains and reading does not.

Columns: sessions; what they take on disk; the view of what is out now (median and worst of 20); the open
sessions of a server; a batch of 1,000 changes of polling, and one of 1,000 sessions of a report log, each in
a transaction of its own; a month's report by feature and by user (median of 3); and the floor of that report:
a count of the same rows.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from bench.usage_ledger import (
    BEGIN,
    CLUSTER,
    DENIAL_COLUMNS,
    END,
    ISV,
    MONTH,
    SEATS_COLUMNS,
    SERVERS,
    SESSION_COLUMNS,
    Part,
    Row,
    denials,
    seats,
)
from rlm_exporter.store.database import database_at
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.report_records import Dimension, UsageQuestion, Window
from rlm_exporter.store.upgrade import upgrade
from rlm_exporter.store.usage_months import after, ensure_months
from rlm_exporter.store.usage_records import End, EndReason, Opened, Told, UsageSession, UsageSource
from tests.postgresql import PostgresqlServer

VIEWED, REPORTED = 20, 3
BATCH = 1000
AT_ONCE = 20_000
WINDOW = Window(start=MONTH[0], end=MONTH[1])
LIMIT = timedelta(minutes=5)
SPANS = frozenset({"session_duration"})


@contextmanager
def a_store(folder: Path, *, sqlite: bool) -> Iterator[str]:
    """An empty one with our schema; its address."""
    server = None if sqlite else PostgresqlServer()
    url = f"sqlite:///{folder / 'journal.db'}" if server is None else server.new_database()
    try:
        database = database_at(url)
        upgrade(database)
        database.engine.dispose()
        yield url
    finally:
        if server is not None:
            server.close()


def fill(engine: Engine, table: str, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """As quickly as the database takes them."""
    writing = engine.execution_options(rlm_ha_writes=True)
    source = iter(rows)
    while some := list(islice(source, AT_ONCE)):
        with writing.begin() as connection:
            _copy(connection, table, columns, some)


def _copy(connection: Connection, table: str, columns: tuple[str, ...], rows: list[Row]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)  # noqa: S608 - ours
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            cells = (
                "\\N" if value is None else f"{value} s" if name in SPANS else str(value)
                for name, value in zip(columns, row, strict=True)
            )
            copy.write("\t".join(cells) + "\n")


def make_months(engine: Engine) -> None:
    """The partitions of the year."""
    month, months = BEGIN.date().replace(day=1), set()
    while month <= END.date():
        months.add(month)
        month = after(month)
    with engine.execution_options(rlm_ha_writes=True).begin() as connection:
        ensure_months(connection, months)


def settle(engine: Engine) -> None:
    """What autovacuum does after a while."""
    word = "VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT", rlm_ha_writes=True) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql(word)


def room(engine: Engine, folder: Path) -> float:
    """Bytes on disk of the usage log and its indexes."""
    if engine.dialect.name == "sqlite":
        return (folder / "journal.db").stat().st_size
    query = (
        "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits "
        "WHERE inhparent = 'rlm_usage_log'::regclass"
    )
    with engine.connect() as connection:
        return float(connection.execute(text(query)).scalar_one())


def timed(engine: Engine, query: str, times: int) -> list[float]:
    """Seconds of each."""
    found = []
    for _ in range(times):
        with engine.connect() as connection:
            began = time.perf_counter()
            connection.execute(text(query)).all()
            found.append(time.perf_counter() - began)
    return found


async def took(work: Callable[[], Awaitable[object]]) -> float:
    """Seconds of one."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def polled(number: int) -> UsageSession:
    """A session that begins now."""
    out = END - timedelta(minutes=30)
    return UsageSession(
        key=f"{CLUSTER}/rlm1/{ISV}/{out:%Y-%m-%dT%H:%M}/new{number:x}/product_01", cluster=CLUSTER,
        server="rlm1", isv=ISV, feature="product_01", version="2025.1", user="user001", host="ws001", count=1,
        handle=f"new{number:x}", out=out,
    )  # fmt: skip


def logged(number: int) -> Told:
    """A whole session of a report log."""
    session = polled(number)
    out: datetime = session.out or END
    key = session.key.replace("/new", "/log")
    end = End(at=out + timedelta(minutes=5), reason=EndReason.RETURNED, is_exact=True)
    known = UsageSession(
        key=key, cluster=CLUSTER, server="rlm1", isv=ISV, feature="product_01", version="2025.1",
        user="user001", host="ws001", count=1, handle=f"log{number:x}", out=out,
        source=UsageSource.REPORT_LOG,
    )  # fmt: skip
    return Told(session=known, end=end)


async def measure(url: str, engine: Engine, folder: Path, sessions: int, step: int) -> str:
    """One line of the table."""
    view = timed(engine, "SELECT * FROM rlm_current_usage", VIEWED)
    floor = timed(
        engine,
        f"SELECT count(*) FROM rlm_usage_log WHERE checkout_time < '{WINDOW.end:%Y-%m-%d}' "  # noqa: S608 - ours
        f"AND (checkin_time > '{WINDOW.start:%Y-%m-%d}' OR checkin_time IS NULL)",
        REPORTED,
    )
    async with await Journal.open(url=url, limit=LIMIT) as journal:
        await journal.open_sessions(cluster=CLUSTER, server=SERVERS[2])
        still = await took(lambda: journal.open_sessions(cluster=CLUSTER, server=SERVERS[0]))
        numbers = range(step * BATCH, (step + 1) * BATCH)
        polling = await took(lambda: journal.record_usage([Opened(session=polled(n)) for n in numbers]))
        place = await journal.log_place(cluster=CLUSTER, server="rlm1", isv=ISV)
        log = await took(
            lambda: journal.record_log(
                after=place, position="", tellings=[logged(n) for n in numbers], denials=[], now=END
            )
        )
        reports = {
            by: statistics.median(
                [
                    await took(
                        lambda by=by: journal.usage_facts(  # type: ignore[misc]
                            UsageQuestion(cluster=CLUSTER, window=WINDOW, by=by)
                        )
                    )
                    for _ in range(REPORTED)
                ]
            )
            for by in (Dimension.FEATURE, Dimension.USER)
        }
    return (
        f"{sessions:>10,}  {room(engine, folder) / 1e6:>7,.0f}  {statistics.median(view) * 1e3:>6.1f}  "
        f"{max(view) * 1e3:>6.1f}  {still * 1e3:>6.1f}  {polling * 1e3:>7.0f}  {log * 1e3:>7.0f}  "
        f"{reports[Dimension.FEATURE]:>7.2f}  {reports[Dimension.USER]:>7.2f}  "
        f"{statistics.median(floor):>6.2f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", default="1000000,3000000,10000000")
    parser.add_argument("--sqlite", action="store_true")
    options = parser.parse_args()
    wanted = [int(word) for word in options.sessions.split(",")]
    with tempfile.TemporaryDirectory() as name, a_store(Path(name), sqlite=options.sqlite) as url:
        engine = database_at(url).engine
        make_months(engine)
        fill(engine, "rlm_denial_log", DENIAL_COLUMNS, denials(300_000))
        fill(engine, "rlm_license_seats", SEATS_COLUMNS, seats(wanted[0]))
        sys.stdout.write(
            "  sessions       MB  view ms    worst  open ms  poll ms  log ms  month s  by user  floor s\n"
        )
        there = 0
        for step, sessions in enumerate(wanted):
            part = Part(number=step + 1, sessions=sessions - there)
            fill(engine, "rlm_usage_log", SESSION_COLUMNS, part.rows())
            there = sessions
            settle(engine)
            sys.stdout.write(asyncio.run(measure(url, engine, Path(name), sessions, step)) + "\n")
            sys.stdout.flush()
        engine.dispose()


if __name__ == "__main__":
    main()
