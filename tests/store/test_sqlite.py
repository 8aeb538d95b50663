"""The embedded database: its pragmas, its address, its copy, and its errors in words."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from rlm_exporter.errors import JournalError
from rlm_exporter.store.sqlite import BUSY_TIMEOUT_MS, SqliteFile


def test_every_commit_reaches_the_disk_and_foreign_keys_hold(path: Path) -> None:
    database = SqliteFile(path=path)
    with database.engine.connect() as connection:

        def pragma(name: str) -> object:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

        assert pragma("journal_mode") == "wal"
        assert pragma("synchronous") == 2  # FULL
        assert pragma("foreign_keys") == 1
        assert pragma("busy_timeout") == BUSY_TIMEOUT_MS
    database.engine.dispose()


def test_a_copy_holds_what_still_lies_in_the_log_beside_the_file(path: Path) -> None:
    database = SqliteFile(path=path)
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE one (n INTEGER)"))
        connection.execute(text("INSERT INTO one VALUES (1)"))
    path.chmod(0o640)
    database.keep_copy("0001")
    copy = path.with_name("journal.db.schema-0001")
    database.engine.dispose()
    with closing(sqlite3.connect(copy)) as found:
        assert found.execute("SELECT n FROM one").fetchall() == [(1,)]
    assert copy.stat().st_mode & 0o777 == 0o640
    assert not copy.with_name(f"{copy.name}.unfinished").exists()


def test_a_copy_that_cannot_be_kept_is_told(path: Path) -> None:
    database = SqliteFile(path=path)
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE one (n INTEGER)"))
    path.with_name("journal.db.schema-0001").mkdir()
    with pytest.raises(JournalError, match="no copy could be kept as"):
        database.keep_copy("0001")
    database.engine.dispose()


def test_an_error_without_advice_is_passed_on_as_it_is(path: Path) -> None:
    database = SqliteFile(path=path)
    with database.engine.connect() as connection, pytest.raises(OperationalError) as raised:
        connection.execute(text("SELECT * FROM nowhere"))
    database.engine.dispose()
    assert database.explain(raised.value) == f"journal {path}: no such table: nowhere"
