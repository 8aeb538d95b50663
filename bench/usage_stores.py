"""Databases that hold the ledger, on PostgreSQL and on SQLite, filled as quickly as they take it."""

import contextlib
import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import psycopg
from sqlalchemy import Connection

from bench import usage_ledger as ledger
from bench.usage_ledger import BEGIN, END, Part, Row
from rlm_exporter.store.database import database_at
from rlm_exporter.store.upgrade import upgrade_at
from rlm_exporter.store.usage_months import after, ensure_months

DENIED = 300_000
"""Requests of the year."""


class OnPostgresql:
    """A ledger on a server, which grows."""

    def __init__(self, url: str) -> None:
        self.url = url
        upgrade_at(url)
        with self._writing() as connection:
            ensure_months(connection, _months())

    def add(self, part: Part) -> None:
        """More sessions."""
        self._copy("rlm_usage_log", ledger.SESSION_COLUMNS, map(_with_interval, part.rows()))

    def settle(self, sessions: int) -> None:
        """Seats for so many sessions, and what autovacuum would have done meanwhile."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("TRUNCATE rlm_license_seats")
            self._copy("rlm_license_seats", ledger.SEATS_COLUMNS, ledger.seats(sessions))
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def refuse(self) -> None:
        """Denials."""
        self._copy("rlm_denial_log", ledger.DENIAL_COLUMNS, ledger.denials(DENIED))

    def size(self) -> int:
        """Bytes of the usage log with its indexes."""
        query = "SELECT pg_total_relation_size(relid) FROM pg_partition_tree('rlm_usage_log')"
        with psycopg.connect(self.url) as connection:
            return sum(int(size) for (size,) in connection.execute(query))

    def floor(self, lines: bytes) -> None:
        """Rows that are text already."""
        with psycopg.connect(self.url) as connection:
            self._copy_text(connection, "rlm_usage_log", ledger.SESSION_COLUMNS, [lines])

    def lines(self, rows: Iterable[Row]) -> bytes:
        """Rows as COPY takes them."""
        return _text(map(_with_interval, rows))

    def _copy(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            self._copy_text(connection, table, columns, map(_text, batches(rows)))

    def _copy_text(
        self, connection: psycopg.Connection, table: str, columns: Sequence[str], texts: Iterable[bytes]
    ) -> None:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for each in texts:
                copy.write(each)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        database = database_at(self.url)
        with database.engine.connect() as connection:
            connection.execution_options(rlm_ha_writes=True)
            with connection.begin():
                yield connection
        database.engine.dispose()


class OnSqlite:
    """A ledger in a file, which grows."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._path = path
        upgrade_at(self.url)

    def add(self, part: Part) -> None:
        """More sessions."""
        self._insert("rlm_usage_log", ledger.SESSION_COLUMNS, part.rows())

    def settle(self, sessions: int) -> None:
        """Seats for so many sessions, and statistics."""
        with self._connection() as connection:
            connection.execute("DELETE FROM rlm_license_seats")
            connection.commit()
            self._insert("rlm_license_seats", ledger.SEATS_COLUMNS, ledger.seats(sessions))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def refuse(self) -> None:
        """Denials."""
        self._insert("rlm_denial_log", ledger.DENIAL_COLUMNS, ledger.denials(DENIED))

    def size(self) -> int:
        """Bytes of the file, which also has the denials."""
        return self._path.stat().st_size

    def floor(self, lines: bytes) -> None:
        """Rows, by one INSERT for all of them."""
        rows = [tuple(line.split(b"\t")) for line in lines.splitlines()]
        self._insert("rlm_usage_log", ledger.SESSION_COLUMNS, ([_plain(v) for v in row] for row in rows))

    def lines(self, rows: Iterable[Row]) -> bytes:
        """Rows as text."""
        return _text(rows)

    def _insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        marks = ", ".join("?" * len(columns))
        with self._connection() as connection:
            statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - ours
            connection.executemany(statement, rows)
            connection.commit()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            yield connection


Ledger = OnPostgresql | OnSqlite


def batches(rows: Iterable[Row], size: int = 10_000) -> Iterator[list[Row]]:
    """So many at once."""
    each = iter(rows)
    while batch := list(itertools.islice(each, size)):
        yield batch


def _text(rows: Iterable[Row]) -> bytes:
    return "".join(
        "\t".join("\\N" if value is None else str(value) for value in row) + "\n" for row in rows
    ).encode()


def _plain(value: bytes) -> str | None:
    return None if value == b"\\N" else value.decode()


def _with_interval(row: Row) -> Row:
    lasted = row[6]
    return row if lasted is None else (*row[:6], f"{lasted} s", *row[7:])


def _months() -> list[date]:
    months = [BEGIN.date().replace(day=1)]
    while months[-1] < END.date().replace(day=1):
        months.append(after(months[-1]))
    return months
