"""Looks into a PostgreSQL database, at one moment: whose tables are there, and what is in ours."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from rlm_exporter.backup import journal_sql
from rlm_exporter.backup.contents import TableSum
from rlm_exporter.errors import BackupError, JournalError
from rlm_exporter.store.database import database_at
from rlm_exporter.store.tables import metadata

_REVISION = "alembic_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """What is in the database."""

    schema: str
    server: str
    tables: tuple[str, ...]
    """Ours, without partitions."""
    strangers: bool
    """Whether there is anything else."""
    revision: str | None
    at_work: tuple[str, ...]


@contextlib.contextmanager
def reading(url: str, *, seconds: float) -> Iterator[Connection]:
    """One moment of a database. Raises BackupError for all that it cannot do."""
    try:
        database = database_at(url)
    except JournalError as error:
        raise BackupError(str(error)) from error
    errors: tuple[type[Exception], ...] = (SQLAlchemyError, *database.driver_errors)
    # Its own limit ends a statement, and ours the wait for a server that has stopped answering at all:
    # for what is asked, for the dump that is made meanwhile, and some.
    limit = threading.Timer(3 * seconds, database.interrupt)
    limit.daemon = True
    limit.start()
    try:
        with database.engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            # A dump is made while this waits; who waits for it is the program's own end.
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(seconds * 1000)}")
            for setting in journal_sql.SAME_TEXT:
                connection.exec_driver_sql(setting)
            yield connection
    except errors as error:
        raise BackupError(database.explain(error)) from error
    finally:
        limit.cancel()
        database.engine.dispose()


def look_at(connection: Connection, application: str) -> There:
    """Whose tables are there, and which daemons, by the name that they give themselves."""
    rows: list[Any] = list(connection.exec_driver_sql(journal_sql.TABLES))
    whole = {str(name) for name, is_part in rows if not is_part}
    ours = {*metadata.tables, _REVISION} & whole
    revision = None
    if _REVISION in ours:
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    schema, server = connection.exec_driver_sql(
        "SELECT current_schema(), current_setting('server_version')"
    ).one()
    return There(
        schema=str(schema or ""),
        server=str(server).partition(" ")[0],
        tables=tuple(sorted(ours)),
        strangers=len(whole) > len(ours),
        revision=revision,
        at_work=tuple(str(row[0]) for row in connection.exec_driver_sql(journal_sql.at_work(application))),
    )


def sums_of(connection: Connection, there: There) -> tuple[TableSum, ...]:
    """What is in each of our tables."""
    found = []
    for name in there.tables:
        rows, total = connection.exec_driver_sql(journal_sql.sum_query(there.schema, name)).one()
        found.append(TableSum(name=name, rows=int(rows), sum=str(total)))
    return tuple(found)
