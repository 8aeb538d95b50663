"""Old rows out of an SQLite file, which becomes smaller while a daemon writes to it."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from rlm_exporter.store import prune_rows, prune_sqlite
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.prune import look_at, prune_at
from tests.store.ledgers import DAY, GO, LEDGER, LIMIT, STAY, held
from tests.store.situations import url_of


@pytest.fixture
async def kept(file_journal: Journal) -> Journal:
    """The ledger in a file that a daemon has open."""
    await file_journal.record_usage(LEDGER)
    return file_journal


def fill(path: Path, rows: int) -> None:
    """Many sessions of long ago."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO rlm_usage_log (checkout_time, checkin_time, end_reason, cluster, count, handle, "
            "source, session_key, checkout_is_ambiguous, month) VALUES ('2026-02-11 00:00:00.000000', "
            "'2026-02-12 00:00:00.000000', 'returned', 'prod', 1, ?1, 'polling', ?1 || hex(zeroblob(100)), "
            "0, '2026-02-01')",
            [(str(number),) for number in range(rows)],
        )


def names_in(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT user_name FROM rlm_usage_log")}


@pytest.mark.usefixtures("kept")
async def test_the_file_becomes_smaller_while_the_daemon_has_it_open(path: Path) -> None:
    fill(path, 5000)
    pruned = prune_at(url_of(path), before=LIMIT)
    assert pruned.sessions == GO + 5000
    assert pruned.freed is not None
    assert pruned.freed > 1_000_000
    assert pruned.reusable == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_an_older_file_keeps_its_room_for_new_rows(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # made without giving room back
    async with await Journal.open(url=url_of(old)) as journal:
        await journal.record_usage(LEDGER)
        fill(old, 5000)
        pruned = prune_at(url_of(old), before=LIMIT)
    assert pruned.freed == 0
    assert pruned.reusable > 1_000_000


async def test_a_daemon_writes_between_two_transactions(
    path: Path, kept: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path, 1000)
    monkeypatch.setattr(prune_rows, "AT_ONCE", 50)
    monkeypatch.setattr(prune_sqlite, "PAGES", 5)
    pruning = threading.Thread(target=prune_at, args=(url_of(path),), kwargs={"before": LIMIT})
    pruning.start()
    written = 0
    while pruning.is_alive():
        written += 1
        await kept.record_usage(held(f"meanwhile-{written}", LIMIT + DAY, None))
    pruning.join()
    assert written > 1
    assert names_in(path) == STAY | {f"meanwhile-{number}" for number in range(1, written + 1)}


@pytest.mark.usefixtures("kept")
async def test_only_doing_it_shows_what_room_it_gives(path: Path) -> None:
    assert look_at(url_of(path), before=LIMIT).freed is None
