"""The schema: the same by steps as in one piece, portable, and strict about times and open operations."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, CursorResult, Engine, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateIndex, CreateTable

from rlm_exporter.store.database import database_at
from rlm_exporter.store.sqlite import SqliteFile
from rlm_exporter.store.tables import (
    NaiveTimeError,
    metadata,
    operation,
    operation_step,
    usage_log,
    write_check,
)
from rlm_exporter.store.upgrade import upgrade
from tests.store.situations import NOW, url_of

CATALOGUE = """
SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable
|| ' ' || coalesce(column_default, '') FROM information_schema.columns WHERE table_schema = 'public'
"""


def schema_of(engine: Engine) -> set[str]:
    """All that makes this schema, as the database itself writes it, spaces apart."""
    query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
    if engine.dialect.name == "postgresql":
        query = CATALOGUE
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(query).all()
    # The view stands in the steps alone.
    words = {" ".join(sql.split()) for (sql,) in rows}
    return {each for each in words if "alembic_version" not in each and "rlm_current_usage" not in each}


@pytest.fixture
def empty(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database without any schema, of the same kind as the test's own."""
    made = (
        url_of(tmp_path / "empty.db") if url.startswith("sqlite") else request.getfixturevalue("server_url")
    )
    database = database_at(made)
    yield database.engine.execution_options(rlm_ha_writes=True)
    database.engine.dispose()


def test_steps_lead_to_the_tables_as_alembic_compares_them(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_steps_lead_to_the_tables_word_by_word(engine: Engine, empty: Engine) -> None:
    # Alembic does not compare CHECK constraints and the conditions of partial indexes; the text has both.
    metadata.create_all(empty)
    assert len(schema_of(empty)) > len(metadata.tables)
    assert schema_of(engine) == schema_of(empty)


def test_postgresql_gets_the_same_partial_indexes() -> None:
    statements = [
        str(CreateIndex(index).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]  # untyped there
        for index in operation.indexes
    ]
    assert "CREATE UNIQUE INDEX uq_operation_open ON operation (cluster) WHERE state = 'open'" in statements
    assert (
        "CREATE UNIQUE INDEX uq_operation_idempotency_key ON operation (cluster, idempotency_key) "
        "WHERE idempotency_key IS NOT NULL"
    ) in statements


def test_postgresql_keeps_the_zone_of_every_time() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # untyped there
    ours = [table for table in metadata.sorted_tables if table is not usage_log]  # that one is the guide's
    tables = "".join(str(CreateTable(table).compile(dialect=dialect)) for table in ours)
    assert "TIMESTAMP WITH TIME ZONE" in tables
    assert "TIMESTAMP WITHOUT TIME ZONE" not in tables


def insert_operation(connection: Connection, **changes: object) -> CursorResult[object]:
    row: dict[str, object] = {
        "cluster": "rlm-ha",
        "kind": "failover",
        "rule": "failed_over",
        "state": "open",
        "outcome": "",
        "target": "rlm2",
        "epoch": 2,
        "requested_by": "controller",
        "reason": "",
        "trigger": "detector",
        "started_at": NOW,
    }
    return connection.execute(insert(operation).values(**row | changes))


def test_two_operations_of_one_cluster_cannot_both_be_open(engine: Engine) -> None:
    with engine.connect() as connection:
        insert_operation(connection)
        insert_operation(connection, cluster="another")
        insert_operation(connection, state="committed", ended_at=NOW)
        with pytest.raises(IntegrityError):
            insert_operation(connection)


def test_an_idempotency_key_counts_once_in_a_cluster(engine: Engine) -> None:
    with engine.connect() as connection:
        insert_operation(connection, state="aborted", ended_at=NOW, idempotency_key="k")
        insert_operation(connection, cluster="another", idempotency_key="k")
        with pytest.raises(IntegrityError):
            insert_operation(connection, idempotency_key="k")


@pytest.mark.parametrize(
    "change",
    [{"state": "closed"}, {"kind": "move"}, {"state": "failed"}, {"ended_at": NOW}],
    ids=["unknown-state", "unknown-kind", "ended-without-a-time", "open-with-an-end"],
)
def test_refuses_a_row_that_no_reader_would_understand(engine: Engine, change: dict[str, object]) -> None:
    with engine.connect() as connection, pytest.raises(IntegrityError):
        insert_operation(connection, **change)


def test_a_step_needs_its_operation(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(
            insert(operation_step).values(
                operation_id=77, number=1, step="apply", target="rlm2", epoch=2, intent_at=NOW, detail=""
            )
        )


def test_a_number_of_an_operation_is_never_given_twice(engine: Engine) -> None:
    with engine.connect() as connection:
        first = insert_operation(connection).inserted_primary_key
        connection.execute(operation.delete())
        second = insert_operation(connection).inserted_primary_key
    assert first is not None
    assert second is not None
    assert second[0] > first[0]


def test_times_come_back_aware_and_in_utc(engine: Engine) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    with engine.connect() as connection:
        insert_operation(connection, started_at=NOW.astimezone(zone))
        found = connection.execute(select(operation.c.started_at, operation.c.ended_at)).one()
    assert found[0] == NOW
    assert found[0].tzinfo is UTC
    assert found[1] is None


def test_a_time_without_a_zone_is_refused_as_a_defect(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(NaiveTimeError):
        insert_operation(connection, started_at=datetime(2026, 3, 1, 2, 14))  # noqa: DTZ001 - what is tested


def test_a_person_reads_times_in_order_in_the_file(path: Path) -> None:
    database = SqliteFile(path=path)
    upgrade(database)
    with database.engine.begin() as connection:
        insert_operation(connection, started_at=NOW)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT started_at FROM operation").fetchone() == (
            "2026-03-01 02:14:07.250000",
        )
    database.engine.dispose()


def test_the_row_of_the_write_check_stands_apart(engine: Engine) -> None:
    assert not write_check.foreign_keys
    with engine.connect() as connection:
        assert connection.execute(select(write_check)).all() == []
