"""Many rows at once: PostgreSQL's COPY, which needs a tenth of the time; on SQLite an INSERT of them all."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Table, insert

WORTH_IT = 50
"""Rows from which on COPY is the quicker way."""


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new rows; all of them have the same columns."""
    if not rows:
        return
    if connection.dialect.name != "postgresql" or len(rows) < WORTH_IT:
        connection.execute(insert(table), rows)
        return
    import psycopg  # noqa: PLC0415 - only where PostgreSQL is used

    names = list(rows[0])
    bound = [table.c[name].type.dialect_impl(connection.dialect) for name in names]
    processors = [kind.bind_processor(connection.dialect) for kind in bound]
    columns = ", ".join(f'"{name}"' for name in names)
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("COPY is psycopg's")
    # The names are those of our own tables.
    statement = f'COPY "{table.name}" ({columns}) FROM STDIN'
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            values = (
                process(row[name]) if process else row[name]
                for name, process in zip(names, processors, strict=True)
            )
            copy.write_row([value.value if isinstance(value, Enum) else value for value in values])
