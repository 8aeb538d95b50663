"""Deletes rows in short transactions, with a pause between them in which others get their turn."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import ColumnElement, Connection, TableClause, delete, func, select

from rlm_exporter.store.ports import Database

AT_ONCE = 2000
"""Rows of one transaction: a tenth of a second on a slow disk."""
PAUSE = 0.02
"""Seconds."""


@contextmanager
def writing(database: Database) -> Iterator[Connection]:
    """One short transaction."""
    database.check_in_place()
    with database.engine.connect() as connection:
        connection.execution_options(rlm_ha_writes=True)
        if database.is_shared:
            # What is old changes no more: there is nothing to be serializable with.
            connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            yield connection


@contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """One look."""
    with database.engine.connect() as connection:
        if database.is_shared:
            # A long look as a serializable one would get in the way of writers.
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


def count_rows(database: Database, table: TableClause, where: ColumnElement[bool]) -> int:
    """How many there are."""
    with reading(database) as connection:
        return connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()


def delete_rows(
    database: Database, table: TableClause, where: ColumnElement[bool], *, stopped: Callable[[], bool]
) -> int:
    """Delete rows by their `id`, until none is left or `stopped` says so; how many there were."""
    some = select(table.c.id).where(where).limit(AT_ONCE)
    batch = delete(table).where(table.c.id.in_(some))
    total = 0
    while not stopped():
        with writing(database) as connection:
            deleted = connection.execute(batch).rowcount
        total += deleted
        if deleted < AT_ONCE:
            break
        time.sleep(PAUSE)
    return total
