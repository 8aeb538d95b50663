"""Old sessions out of PostgreSQL: the tables of whole months are dropped, which is quick and leaves nothing.

A month in which a session began that is not over, or that ended after the limit, keeps those rows alone; its
table is then written anew, so that the others' room goes back to the disk.

Both need a table for a moment without anybody else in it. That moment is waited for briefly and more than
once: who comes behind such a wait has to wait as well.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar

from psycopg.errors import LockNotAvailable, UndefinedTable
from sqlalchemy import Connection, TableClause, column, exists, func, select, table, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.types import BigInteger

from rlm_exporter.errors import JournalError
from rlm_exporter.store.ports import Database, OldSessions, Room
from rlm_exporter.store.prune_rows import delete_rows, reading, writing
from rlm_exporter.store.tables import NaiveUtc
from rlm_exporter.store.usage_months import MONTHS_LOCK, after, month_of_partition

T = TypeVar("T")

LOCK_MS = 1000
"""Of one wait for a table; a daemon's own patience is three times as long."""
ATTEMPTS = 10
BETWEEN = 1.0
"""Seconds between two of them."""
STATEMENT_MS = 300_000
"""To count a month, or to write its rest anew."""
SMALL, ROOMY = 1 << 20, 1 << 12
"""Bytes of a table with its indexes, and for each of its rows, below which there is nothing to give back."""

_PARTITIONS = text(
    "SELECT nspname, relname FROM pg_partition_tree('rlm_usage_log') JOIN pg_class c ON c.oid = relid "
    "JOIN pg_namespace n ON n.oid = relnamespace WHERE isleaf ORDER BY relname"
)
_SIZE = text(
    "SELECT CAST(sum(pg_total_relation_size(relid)) AS bigint) FROM ("
    "SELECT relid FROM pg_partition_tree('rlm_usage_log') UNION ALL "
    "VALUES (CAST('rlm_denial_log' AS regclass)), (CAST('rlm_license_seats' AS regclass))) AS ours"
)
_HOLDERS = text(
    "SELECT DISTINCT a.pid, a.usename, a.application_name, "
    "CAST(CAST(date_trunc('second', a.xact_start AT TIME ZONE 'UTC') AS time) AS text) "
    "FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.granted AND l.pid <> pg_backend_pid() "
    "AND l.relation IN (SELECT relid FROM pg_partition_tree('rlm_usage_log')) LIMIT 3"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The table of a month."""

    table: TableClause
    month: date | None
    """None = a table that is not one of ours."""
    old: int
    others: int
    size: int

    def goes(self, before: datetime) -> bool:
        """Whether nothing of it is to stay."""
        return self.others == 0 and _is_over(self.month, before)


class _InUseError(JournalError):
    """Somebody holds what is to be dropped."""


class UsageMonths:
    """The usage log with a table for each month."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, before: datetime) -> OldSessions:
        """How many are to go, and what whole months have taken."""
        parts = self._parts(before)
        whole = [part for part in parts if part.goes(before)]
        return OldSessions(
            sessions=sum(part.old for part in parts),
            months=_months(whole),
            size=sum(part.size for part in whole),
        )

    def delete(self, before: datetime, stopped: Callable[[], bool]) -> OldSessions:
        """Month by month, oldest first."""
        total = 0
        dropped = []
        for part in self._parts(before):
            if stopped():
                break
            try:
                if part.goes(before) and self._drop(part, before):
                    dropped.append(part)
                    total += part.old
                    continue
                is_old = part.table.c.checkin_time < before
                total += delete_rows(self._database, part.table, is_old, stopped=stopped)
                if _is_over(part.month, before):
                    self._write_anew(part)
            except ProgrammingError as error:
                if not isinstance(error.orig, UndefinedTable):
                    raise
                # Another one who prunes has dropped it.
        return OldSessions(sessions=total, months=_months(dropped))

    def give_back(self, stopped: Callable[[], bool]) -> None:
        """Done with each month; what refused requests have left, PostgreSQL uses again by itself."""

    def room(self) -> Room:
        """Of the usage log, of refused requests and of numbers of seats."""
        with reading(self._database) as connection:
            return Room(size=connection.execute(_SIZE).scalar_one(), free=0)

    def _parts(self, before: datetime) -> list[_Part]:
        """Tables of which something is to go, oldest first."""
        with reading(self._database) as connection:
            _take_time(connection)
            found = [
                _part(connection, _table(schema, name), before)
                for schema, name in connection.execute(_PARTITIONS)
            ]
        return [part for part in found if part is not None]

    def _drop(self, part: _Part, before: datetime) -> bool:
        """Whether it is gone; it stays if somebody has meanwhile written what is to stay."""

        def attempt() -> bool:
            with writing(self._database) as connection:
                _take_time(connection)
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_MS}")
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MONTHS_LOCK})
                connection.exec_driver_sql("LOCK TABLE ONLY rlm_usage_log IN ACCESS EXCLUSIVE MODE")
                name = _name(connection, part.table)
                connection.exec_driver_sql(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
                if _has_others(connection, part.table, before):
                    return False
                connection.exec_driver_sql(f"DROP TABLE {name}")
                return True

        return self._patiently(attempt)

    def _write_anew(self, part: _Part) -> None:
        """Where hardly anything has stayed of a month; if nobody lets us in, the next run does it."""

        def attempt() -> None:
            with self._database.engine.connect() as connection:
                connection.execution_options(rlm_ha_writes=True, isolation_level="AUTOCOMMIT")
                name = _name(connection, part.table)
                if not _is_roomy(_size(connection, name), part.others):
                    return
                connection.exec_driver_sql(f"SET lock_timeout = {LOCK_MS}")
                connection.exec_driver_sql(f"SET statement_timeout = {STATEMENT_MS}")
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {name}")

        with suppress(_InUseError):
            self._patiently(attempt)

    def _patiently(self, attempt: Callable[[], T]) -> T:
        """Again where others are in the way."""
        number = 1
        while True:
            try:
                return attempt()
            except OperationalError as error:
                if not isinstance(error.orig, LockNotAvailable):
                    raise
                if number == ATTEMPTS:
                    raise _InUseError(self._in_use()) from error
            number += 1
            time.sleep(BETWEEN)

    def _in_use(self) -> str:
        with reading(self._database) as connection:
            holders = [
                f"process {pid} ({user}, {program or 'no name'}, since {since} UTC)"
                for pid, user, program, since in connection.execute(_HOLDERS)
            ]
        by = f" by {' and '.join(holders)}" if holders else ""
        return (
            f"journal {self._database.name}: the usage log is in use{by} and was not let go of in {ATTEMPTS} "
            "attempts; end that, and run this again: what was deleted so far is deleted"
        )


def _part(connection: Connection, part: TableClause, before: datetime) -> _Part | None:
    """None where nothing is to go; of the newer months an index tells that."""
    month, ended = month_of_partition(part.name), part.c.checkin_time
    is_over = _is_over(month, before)
    oldest = connection.execute(select(func.min(ended))).scalar_one()
    if (oldest is None or oldest >= before) and not is_over:
        return None
    old = func.count().filter(ended < before)
    counted = connection.execute(select(func.count(), old).select_from(part)).one()
    rows, gone = (int(each) for each in counted)
    size = _size(connection, _name(connection, part))
    found = _Part(table=part, month=month, old=gone, others=rows - gone, size=size)
    return found if gone or found.goes(before) or (is_over and _is_roomy(size, rows)) else None


def _table(schema: str, name: str) -> TableClause:
    return table(name, column("id", BigInteger), column("checkin_time", NaiveUtc), schema=schema)


def _name(connection: Connection, part: TableClause) -> str:
    """As SQL has it, quoted where that is needed."""
    return connection.dialect.identifier_preparer.format_table(part)


def _size(connection: Connection, name: str) -> int:
    query = text("SELECT pg_total_relation_size(CAST(:name AS regclass))")
    return int(connection.execute(query, {"name": name}).scalar_one())


def _has_others(connection: Connection, part: TableClause, before: datetime) -> bool:
    """Found in indexes alone, for this is asked while everybody waits."""
    ended = part.c.checkin_time
    if connection.execute(select(exists().where(ended.is_(None)))).scalar_one():
        return True
    newest = connection.execute(select(func.max(ended))).scalar_one()
    return newest is not None and newest >= before


def _take_time(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_MS}")


def _is_over(month: date | None, before: datetime) -> bool:
    return month is not None and after(month) <= before.astimezone(UTC).date()


def _is_roomy(size: int, rows: int) -> bool:
    return size > SMALL + ROOMY * rows


def _months(parts: list[_Part]) -> tuple[date, ...]:
    return tuple(part.month for part in parts if part.month is not None)
