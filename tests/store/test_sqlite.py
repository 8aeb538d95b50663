"""The embedded database: its pragmas, its address, its copy, and its errors in words."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from rlm_exporter.errors import JournalError
from rlm_exporter.store.sqlite import BUSY_TIMEOUT_MS, SqliteFile
from tests.store.situations import url_of


def test_every_commit_reaches_the_disk_and_foreign_keys_hold(path: Path) -> None:
    database = SqliteFile.at(url_of(path))
    with database.engine.connect() as connection:

        def pragma(name: str) -> object:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

        assert pragma("journal_mode") == "wal"
        assert pragma("synchronous") == 2  # FULL
        assert pragma("foreign_keys") == 1
        assert pragma("busy_timeout") == BUSY_TIMEOUT_MS
    database.engine.dispose()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://rlm:secret@db/rlm", "only SQLite is known"),
        ("journal.db", "is not a URL; give sqlite:///PATH"),
        ("sqlite://", "a plain file is needed"),
        ("sqlite:///:memory:", "a plain file is needed"),
        ("sqlite:////var/lib/journal.db?mode=ro", "a plain file is needed"),
    ],
)
def test_refuses_an_address_that_is_not_a_file_of_sqlite(url: str, said: str) -> None:
    with pytest.raises(JournalError, match=said) as raised:
        SqliteFile.at(url)
    assert "secret" not in str(raised.value)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with pytest.raises(JournalError) as raised:
        SqliteFile.at(url_of(folder / "journal.db"))
    assert str(raised.value) == (
        f"journal {folder}/journal.db: there is no directory {folder} that this user can enter; create it"
    )


def test_a_copy_holds_what_still_lies_in_the_log_beside_the_file(path: Path, tmp_path: Path) -> None:
    database = SqliteFile.at(url_of(path))
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE one (n INTEGER)"))
        connection.execute(text("INSERT INTO one VALUES (1)"))
    path.chmod(0o640)
    copy = tmp_path / "copy.db"
    database.copy_to(copy)
    database.engine.dispose()
    with closing(sqlite3.connect(copy)) as found:
        assert found.execute("SELECT n FROM one").fetchall() == [(1,)]
    assert copy.stat().st_mode & 0o777 == 0o640
    assert not (tmp_path / "copy.db.unfinished").exists()


def test_a_copy_that_cannot_be_kept_is_told(path: Path, tmp_path: Path) -> None:
    database = SqliteFile.at(url_of(path))
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE one (n INTEGER)"))
    occupied = tmp_path / "copy.db"
    occupied.mkdir()
    with pytest.raises(JournalError, match="no copy could be kept as"):
        database.copy_to(occupied)
    database.engine.dispose()


def test_an_error_without_advice_is_passed_on_as_it_is(path: Path) -> None:
    database = SqliteFile.at(url_of(path))
    with database.engine.connect() as connection, pytest.raises(OperationalError) as raised:
        connection.execute(text("SELECT * FROM nowhere"))
    database.engine.dispose()
    assert database.explain(raised.value) == f"journal {path}: no such table: nowhere"
