"""Journals with something in them, on both databases, and what is in them."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import insert

from rlm_exporter.backup.journals import journal_at
from rlm_exporter.backup.ports import JournalStore
from rlm_exporter.store.database import database_at
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.tables import usage_log
from rlm_exporter.store.upgrade import upgrade
from rlm_exporter.store.usage_months import ensure_months
from tests.store.situations import claimed, founded

Rows = dict[str, list[tuple[object, ...]]]


def store_at(url: str, *, seconds: float = 30, environ: dict[str, str]) -> JournalStore:
    """As backup and restore have it."""
    return journal_at(url, seconds=seconds, environ=environ)


def with_history(url: str) -> None:
    """A cluster under epoch 1, an operation that has not ended, sessions of two months."""
    database = database_at(url)
    upgrade(database)
    with database.engine.connect() as connection:
        connection.execution_options(rlm_ha_writes=True)
        with connection.begin():
            months = (date(2026, 2, 1), date(2026, 3, 1))
            ensure_months(connection, months)
            connection.execute(insert(usage_log), [_session(month) for month in months])
    database.engine.dispose()

    begun_in(url, "site")


def begun_in(url: str, *clusters: str) -> None:
    """For each a first record and a failover that has begun."""

    async def tell() -> None:
        async with await Journal.open(url=url) as journal:
            for name in clusters:
                await founded(journal, cluster=name)
                await claimed(journal, cluster=name)

    _run(tell)


def moved_on(url: str) -> None:
    """What a daemon writes: as many rows as before, and not the same."""

    database = database_at(url)
    with database.engine.connect() as connection:
        connection.execution_options(rlm_ha_writes=True)
        with connection.begin():
            connection.exec_driver_sql("UPDATE cluster SET epoch = 9, highest_epoch = 9")
    database.engine.dispose()


def _run(tell: Callable[[], Coroutine[None, None, None]]) -> None:
    with ThreadPoolExecutor(1) as pool:  # some tests have a loop of their own
        pool.submit(lambda: asyncio.run(tell())).result()


def _session(month: date) -> dict[str, object]:
    return {
        "server_name": "rlm1",
        "user_name": "björn\nnewline\\N",
        "cluster": "site",
        "count": 2,
        "handle": "40",
        "source": "polling",
        "session_key": f"key/{month}",
        "checkout_is_ambiguous": False,
        "month": month,
    }


def rows_of(url: str) -> Rows:
    """Every row of every table."""
    if url.startswith("sqlite"):
        return rows_of_file(Path(url.removeprefix("sqlite:///")))
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v')"
        ).fetchall()
        return {
            name: sorted(
                connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))).fetchall(),
                key=repr,
            )
            for (name,) in names
        }


def rows_of_file(path: Path) -> Rows:
    """Every row of every table of an SQLite file."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
        ).fetchall()
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)  # noqa: S608
            for (name,) in names
        }
