"""Deletes what is older than somebody wants to keep: sessions, requests that were refused, numbers of seats.

It is done in short transactions, so that a daemon works on beside it. Whoever ends it midway has lost
nothing: what was deleted is gone, and the next run goes on. A session that had begun by the limit and not
ended stays, and so does the last number of seats before it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, exists
from sqlalchemy.exc import SQLAlchemyError

from rlm_exporter.store.database import database_at
from rlm_exporter.store.ports import Database, UsageTables
from rlm_exporter.store.prune_rows import count_rows, delete_rows, writing
from rlm_exporter.store.prune_sqlite import UsageFile
from rlm_exporter.store.sqlite import SqliteFile
from rlm_exporter.store.tables import denial, license_seats
from rlm_exporter.store.upgrade import check, explained
from rlm_exporter.store.usage_records import Pruned


def look_at(url: str, *, before: datetime) -> Pruned:
    """What `prune_at` would delete now."""
    with _opened(url) as (database, usage):
        old = usage.count(before)
        return Pruned(
            database=database.name,
            before=before,
            sessions=old.sessions,
            months=old.months,
            denials=count_rows(database, denial, denial.c.denied_at < before),
            seats=count_rows(database, license_seats, _is_superseded(before)),
            freed=old.size,
            reusable=0,
        )


def prune_at(url: str, *, before: datetime, stopped: Callable[[], bool] = lambda: False) -> Pruned:
    """Delete what ended, was refused or was no longer so before a moment.

    Between two steps `stopped` is asked. Raises `JournalError` for everything that the database cannot do.
    """
    with _opened(url) as (database, usage):
        size = usage.room().size
        old = usage.delete(before, stopped)
        denials = delete_rows(database, denial, denial.c.denied_at < before, stopped=stopped)
        seats = 0 if stopped() else _delete_seats(database, before)
        usage.give_back(stopped)
        room = usage.room()
        return Pruned(
            database=database.name,
            before=before,
            sessions=old.sessions,
            months=old.months,
            denials=denials,
            seats=seats,
            freed=max(size - room.size, 0),
            reusable=room.free,
        )


@contextmanager
def _opened(url: str) -> Iterator[tuple[Database, UsageTables]]:
    """A connection of its own to a database that has our schema."""
    database = database_at(url)
    errors: tuple[type[Exception], ...] = (SQLAlchemyError, *database.driver_errors)
    try:
        check(database)
        database.remember_identity()
        yield database, _tables_of(database)
    except errors as error:
        raise explained(database, error) from error
    finally:
        database.engine.dispose()


def _tables_of(database: Database) -> UsageTables:
    if isinstance(database, SqliteFile):
        return UsageFile(database)
    # It needs PostgreSQL's driver, which is an extra.
    from rlm_exporter.store.prune_postgresql import UsageMonths  # noqa: PLC0415

    return UsageMonths(database)


def _is_superseded(before: datetime) -> ColumnElement[bool]:
    """There is a newer one before the limit: that one says what was so at the limit."""
    c, newer = license_seats.c, license_seats.alias("newer").c
    same = and_(newer.cluster == c.cluster, newer.isv == c.isv, newer.feature_name == c.feature_name)
    return exists().where(same, newer.since > c.since, newer.since <= before)


def _delete_seats(database: Database, before: datetime) -> int:
    with writing(database) as connection:
        return connection.execute(delete(license_seats).where(_is_superseded(before))).rowcount
