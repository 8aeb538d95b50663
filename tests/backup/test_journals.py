"""The journal of both kinds: saved, looked at and put back, on the real databases."""

import contextlib
import errno
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from rlm_exporter.backup.contents import LIST, SavedJournal
from rlm_exporter.backup.journal_look import Found, JournalLook
from rlm_exporter.backup.journal_postgresql import PostgresqlStore, without_newer_settings
from rlm_exporter.backup.make import Wishes
from rlm_exporter.backup.opening import verified
from rlm_exporter.backup.ports import JournalStore
from rlm_exporter.errors import BackupError
from rlm_exporter.store.database import database_at
from rlm_exporter.store.upgrade import upgrade
from tests.backup.journals import begun_in, moved_on, rows_of, store_at, with_history
from tests.backup.sites import machine, member, save
from tests.backup.sites import settings as settings_of
from tests.postgresql import PASSWORD, PostgresqlServer, ask

ENVIRON = dict(os.environ)
KILLS = int(os.environ.get("RLM_HA_KILLS", "2"))


@pytest.fixture(scope="module")
def template(postgresql: PostgresqlServer) -> Iterator[str]:
    """A database with something in it, to be copied."""
    url = postgresql.new_database()
    with_history(url)
    yield url.rpartition("/")[2]
    postgresql.drop_database(url)


@pytest.fixture
def pair(postgresql: PostgresqlServer, template: str) -> Iterator[tuple[str, str]]:
    """A journal with something in it on PostgreSQL, and an empty database."""
    url, empty = postgresql.new_database(template), postgresql.new_database()
    yield url, empty
    postgresql.drop_database(url)
    postgresql.drop_database(empty)


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The same on either database."""
    if request.param == "postgresql":
        pair: tuple[str, str] = request.getfixturevalue("pair")
        return pair
    (tmp_path / "from").mkdir()
    url = f"sqlite:///{tmp_path / 'from/journal.db'}"
    with_history(url)
    return url, f"sqlite:///{tmp_path / 'to/journal.db'}"


def saved_to(folder: Path, url: str) -> tuple[SavedJournal, Path]:
    folder.mkdir()
    store = store_at(url, environ=ENVIRON)
    return store.save(folder), folder / store.file


def put(store: JournalStore, saved: SavedJournal, file: Path, *, replace: bool = False) -> str:
    return store.put(saved, file, replace=replace, beside=file.parent / "state/journal-before")


@pytest.mark.row(43)
@pytest.mark.row(45)
def test_an_empty_place_gets_what_was_saved_row_by_row(tmp_path: Path, urls: tuple[str, str]) -> None:
    url, empty = urls
    saved, file = saved_to(tmp_path / "b", url)
    before = rows_of(url)
    moved_on(url)
    there = store_at(empty, environ=ENVIRON)

    assert there.look(saved, file).found is Found.NONE
    assert put(there, saved, file) == ""

    assert rows_of(empty) == before
    assert (len(before["operation"]), len(before["rlm_usage_log"])) == (2, 2)
    assert there.look(saved, file).found is Found.SAVED
    # And it can be worked with: numbers go on, the schema is whole, a daemon's writes are seen.
    database = database_at(empty)
    assert upgrade(database) == (saved.revision, saved.revision)
    database.engine.dispose()
    begun_in(empty, "another")
    assert [row[0] for row in rows_of(empty)["operation"]] == [1, 2, 3, 4]
    assert there.look(saved, file).found is Found.OTHER


@pytest.mark.row(45)
def test_one_that_is_there_is_told_of_kept_and_replaced_on_demand(
    tmp_path: Path, urls: tuple[str, str]
) -> None:
    url, _ = urls
    saved, file = saved_to(tmp_path / "b", url)
    before = rows_of(url)
    moved_on(url)
    later, there = rows_of(url), store_at(url, environ=ENVIRON)

    # As many rows, and yet another journal.
    look = there.look(saved, file)
    assert (look.found, look.used_by) == (Found.OTHER, "")
    assert look.detail == "it holds site under epoch 9, 1 operation not ended"
    with pytest.raises(BackupError, match="left alone"):
        put(there, saved, file)
    assert rows_of(url) == later

    kept = put(there, saved, file, replace=True)

    assert rows_of(url) == before
    path = Path(kept.removeprefix("the one before is "))
    if url.startswith("sqlite"):
        assert rows_of(f"sqlite:///{path}") == later
    else:
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert path.read_bytes().startswith(b"PGDMP")
    # A second one does not take the place of the first.
    moved_on(url)
    content = path.read_bytes()
    again = put(there, saved, file, replace=True)
    assert again != kept
    assert path.read_bytes() == content
    assert Path(again.removeprefix("the one before is ")).exists()


@pytest.mark.row(45)
def test_a_journal_of_a_newer_version_is_not_put_back(tmp_path: Path, urls: tuple[str, str]) -> None:
    url, empty = urls
    saved, file = saved_to(tmp_path / "b", url)
    newer = SavedJournal(
        place=saved.place, revision="9999", schema=saved.schema, server=saved.server, tables=saved.tables
    )
    look = store_at(empty, environ=ENVIRON).look(newer, file)
    assert look.found is Found.UNUSABLE
    assert "schema 9999" in look.detail
    assert "install a newer one" in look.detail


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://journal.db",
        "postgresql://me:secret@host:port/name",
        "postgresql://me:an@secret@host/name",
    ],
)
def test_an_address_that_is_none_is_told_without_what_is_in_it(url: str) -> None:
    with pytest.raises(BackupError, match=r"spec\.store is") as raised:
        store_at(url, environ=ENVIRON)
    assert "secret" not in str(raised.value)


# ---- SQLite


def test_what_a_lost_journal_left_beside_itself_is_not_written_into_the_new_one(tmp_path: Path) -> None:
    """SQLite plays a log into whatever file stands before it."""
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    with_history(url)
    saved, file = saved_to(tmp_path / "b", url)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as live:
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("UPDATE cluster SET epoch = 9, highest_epoch = 9")
        live.commit()
        log = (tmp_path / "journal.db-wal").read_bytes()
    (tmp_path / "journal.db").unlink()
    (tmp_path / "journal.db-wal").write_bytes(log)
    there = store_at(url, environ=ENVIRON)

    put(there, saved, file)

    assert there.look(saved, file).found is Found.SAVED
    assert [row[3] for row in rows_of(url)["cluster"]] == [1]
    assert (tmp_path / "journal.db.rlm-ha-before-wal").read_bytes() == log


def test_one_that_a_process_has_open_is_not_replaced(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    with_history(url)
    saved, file = saved_to(tmp_path / "b", url)
    moved_on(url)
    there = store_at(url, environ=ENVIRON)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as live:
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("SELECT * FROM cluster").fetchall()
        with pytest.raises(BackupError, match="is in use: database is locked; stop the daemon first"):
            put(there, saved, file, replace=True)
    assert [row[3] for row in rows_of(url)["cluster"]] == [9]
    assert there.look(saved, file).found is Found.OTHER


def test_a_damaged_one_is_replaced_and_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    with_history(url)
    saved, file = saved_to(tmp_path / "b", url)
    (tmp_path / "journal.db").write_bytes(b"no database at all" * 999)
    there = store_at(url, environ=ENVIRON)

    assert "cannot be read" in there.look(saved, file).detail
    put(there, saved, file, replace=True)

    assert there.look(saved, file).found is Found.SAVED
    assert (tmp_path / "journal.db.rlm-ha-before").read_bytes().startswith(b"no database")


def test_where_nothing_can_take_its_place_the_one_before_is_brought_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that found no journal would begin an empty one."""
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    with_history(url)
    saved, file = saved_to(tmp_path / "b", url)
    moved_on(url)
    later = rows_of(url)

    def without_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", without_links)  # as vfat and some network file systems are
    with pytest.raises(BackupError, match="cannot be put back: Operation not permitted"):
        put(store_at(url, environ=ENVIRON), saved, file, replace=True)

    assert rows_of(url) == later
    assert [path.name for path in tmp_path.iterdir() if "journal.db." in path.name] == []


# ---- PostgreSQL


@pytest.mark.row(43)
def test_what_is_dumped_and_what_is_counted_are_of_one_moment(tmp_path: Path, pair: tuple[str, str]) -> None:
    """While others write as fast as they can."""
    url, empty = pair
    ended = threading.Event()

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not ended.is_set():
                connection.execute("UPDATE cluster SET epoch = epoch + 1, highest_epoch = highest_epoch + 1")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        saved, file = saved_to(tmp_path / "b", url)
    finally:
        ended.set()
        writer.join()

    put(store_at(empty, environ=ENVIRON), saved, file)

    assert store_at(empty, environ=ENVIRON).look(saved, file).found is Found.SAVED
    assert store_at(url, environ=ENVIRON).look(saved, file).found is Found.OTHER


def test_tables_of_another_program_are_never_touched(tmp_path: Path, pair: tuple[str, str]) -> None:
    url, other = pair
    saved, file = saved_to(tmp_path / "b", url)
    ask(other, "CREATE TABLE theirs (a INTEGER)")
    there = store_at(other, environ=ENVIRON)

    assert "holds tables of another program" in there.look(saved, file).detail
    with pytest.raises(BackupError, match="there are tables by now, which were left alone"):
        put(there, saved, file, replace=True)
    assert list(rows_of(other)) == ["theirs"]
    with pytest.raises(BackupError, match=r"holds no journal; correct spec\.store"):
        there.save(tmp_path)


def test_beside_ours_another_programs_tables_stay_and_are_not_saved(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    url, empty = pair
    ask(url, "CREATE TABLE theirs (a INTEGER)")
    ask(url, "INSERT INTO theirs VALUES (1)")
    saved, file = saved_to(tmp_path / "b", url)
    moved_on(url)
    ask(url, "UPDATE theirs SET a = 2")

    put(store_at(url, environ=ENVIRON), saved, file, replace=True)
    put(store_at(empty, environ=ENVIRON), saved, file)

    assert rows_of(url)["theirs"] == [(2,)]
    assert "theirs" not in rows_of(empty)


def test_what_somebody_has_made_of_our_tables_keeps_them_all(tmp_path: Path, pair: tuple[str, str]) -> None:
    url, _ = pair
    saved, file = saved_to(tmp_path / "b", url)
    moved_on(url)
    ask(url, "CREATE VIEW theirs AS SELECT count(*) FROM rlm_usage_log")
    before = rows_of(url)

    with pytest.raises(BackupError, match=r"is as it was: .*other objects depend.*view theirs depends"):
        put(store_at(url, environ=ENVIRON), saved, file, replace=True)
    assert rows_of(url) == before


def test_a_daemon_that_is_connected_keeps_it_from_being_replaced(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    url, _ = pair
    saved, file = saved_to(tmp_path / "b", url)
    moved_on(url)
    there = store_at(url, environ=ENVIRON)
    database = database_at(url)
    with database.engine.connect():
        assert there.look(saved, file).used_by == "a daemon is at work on it (from 127.0.0.1)"
        with pytest.raises(BackupError, match="a daemon is at work on it; stop it first"):
            put(there, saved, file, replace=True)
    database.engine.dispose()
    put(there, saved, file, replace=True)


def test_of_two_that_put_it_back_at_once_one_does(tmp_path: Path, pair: tuple[str, str]) -> None:
    url, empty = pair
    saved, file = saved_to(tmp_path / "b", url)
    refused: list[str] = []

    def run() -> None:
        try:
            put(store_at(empty, environ=ENVIRON), saved, file)
        except BackupError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 2
    assert all("there are tables by now" in told for told in refused)
    assert rows_of(empty) == rows_of(url)


def test_what_does_not_come_back_as_it_was_saved_is_not_kept(tmp_path: Path, pair: tuple[str, str]) -> None:
    url, empty = pair
    saved, _ = saved_to(tmp_path / "b", url)
    moved_on(url)
    _, later = saved_to(tmp_path / "c", url)

    with pytest.raises(BackupError, match="cluster did not come back as it was saved"):
        put(store_at(empty, environ=ENVIRON), saved, later)
    assert rows_of(empty) == {}


@pytest.mark.parametrize("length", [0.3, 0.9, 0.999])
def test_a_dump_that_was_cut_is_found_before_anything_is_done(
    tmp_path: Path, pair: tuple[str, str], length: float
) -> None:
    url, _ = pair
    saved, file = saved_to(tmp_path / "b", url)
    moved_on(url)
    before = rows_of(url)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * length)])

    with pytest.raises(BackupError):
        put(store_at(url, environ=ENVIRON), saved, file, replace=True)
    assert rows_of(url) == before


def test_whoever_holds_a_table_makes_it_end_with_everything_as_it_was(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    url, _ = pair
    saved, file = saved_to(tmp_path / "b", url)
    moved_on(url)
    before = rows_of(url)
    there = PostgresqlStore(url, seconds=30, environ=ENVIRON, lock_seconds=1)
    with psycopg.connect(url) as reader:
        reader.execute("SELECT * FROM cluster")
        with pytest.raises(BackupError, match="canceling statement due to lock timeout"):
            put(there, saved, file, replace=True)
    assert rows_of(url) == before


def test_a_server_that_stops_answering_is_waited_for_no_longer_than_that(
    tmp_path: Path, pair: tuple[str, str], postgresql: PostgresqlServer
) -> None:
    url, _ = pair
    saved, file = saved_to(tmp_path / "b", url)
    there = store_at(url, seconds=1, environ=ENVIRON)
    seen: list[JournalLook] = []
    look = threading.Thread(target=lambda: seen.append(there.look(saved, file)))
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE cluster")
        look.start()
        _wait_until_somebody_waits(holder)
        with postgresql.frozen():
            look.join(20)
    assert [each.found for each in seen] == [Found.UNUSABLE]
    assert "connection" in seen[0].detail


def _wait_until_somebody_waits(connection: psycopg.Connection) -> None:
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    until = time.monotonic() + 10
    while connection.execute(query).fetchone() == (0,) and time.monotonic() < until:
        time.sleep(0.02)


def test_no_password_is_among_the_arguments_or_in_what_is_told(tmp_path: Path, pair: tuple[str, str]) -> None:
    """Programs that write down how they were called, and then are the real ones."""
    url, empty = pair
    (tmp_path / "bin").mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        script = tmp_path / "bin" / name
        real = f'PATH="{ENVIRON["PATH"]}" exec {name} "$@"'
        script.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/calls\n{real}\n')
        script.chmod(0o755)
    environ = {**ENVIRON, "PATH": f"{tmp_path / 'bin'}:{ENVIRON['PATH']}"}
    saved, _ = saved_to(tmp_path / "b", url)
    for form in (empty, _with_password_behind(empty)):
        saved = store_at(_like(form, url), environ=environ).save(tmp_path / "b")
        there = store_at(form, environ=environ)
        put(there, saved, tmp_path / "b" / there.file, replace=True)

    calls = (tmp_path / "calls").read_text()
    assert {line.split()[0] for line in calls.splitlines()} == {"pg_dump", "pg_restore", "psql"}
    assert PASSWORD not in calls

    wrong = store_at(empty.replace(PASSWORD, "a-wrong-one"), environ=ENVIRON)
    look = wrong.look(saved, tmp_path / "b" / wrong.file)
    assert look.found is Found.UNUSABLE
    assert "it refuses this user" in look.detail
    assert "a-wrong-one" not in look.detail


def test_the_password_of_a_key_is_in_a_file_that_only_we_can_read(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "pg_dump"
    look = f'echo "$@" >> {tmp_path}/calls; stat -c %a "$PGSERVICEFILE" >> {tmp_path}/calls'
    keep = f'cat "$PGSERVICEFILE" >> {tmp_path}/files'
    script.write_text(f'#!/bin/sh\n{look}\n{keep}\nPATH="{ENVIRON["PATH"]}" exec pg_dump "$@"\n')
    script.chmod(0o755)
    environ = {**ENVIRON, "PATH": f"{tmp_path / 'bin'}:{ENVIRON['PATH']}"}

    # pg_dump itself refuses a service that its file does not have.
    saved = store_at(f"{pair[0]}?sslpassword=se%20cret", environ=environ).save(tmp_path / "bin")

    calls = (tmp_path / "calls").read_text()
    assert saved.tables
    assert "service=" in calls
    assert "600" in calls
    assert "cret" not in calls
    assert "sslpassword=se cret\n" in (tmp_path / "files").read_text()


@pytest.mark.parametrize(
    ("query", "environ"),
    [
        ("service=site&sslpassword=secret", {}),
        ("sslpassword=secret", {"PGSERVICE": "site"}),
        ("sslpassword=secret%0Ahost=elsewhere", {}),
        ("sslpassword=secret%20", {}),
    ],
)
def test_the_password_of_a_key_that_no_file_of_ours_can_hold_is_refused(
    query: str, environ: dict[str, str]
) -> None:
    with pytest.raises(BackupError, match=r"sslpassword") as raised:
        store_at(f"postgresql://me@host/name?{query}", environ=ENVIRON | environ)
    assert "secret" not in str(raised.value)


def _with_password_behind(url: str) -> str:
    return url.replace(f":{PASSWORD}", "") + f"?password={PASSWORD}"


def _like(form: str, url: str) -> str:
    return _with_password_behind(url) if "?" in form else url


def test_programs_that_are_missing_or_of_another_version_are_named(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    url, empty = pair
    saved, file = saved_to(tmp_path / "b", url)
    with pytest.raises(BackupError, match="pg_dump is not on PATH: install"):
        store_at(url, environ={"PATH": str(tmp_path)}).save(tmp_path)

    # A dump of a later pg_dump has a later format; the version of it stands in bytes 5 to 7.
    whole = file.read_bytes()
    file.write_bytes(whole[:6] + bytes([whole[6] + 40]) + whole[7:])
    with pytest.raises(BackupError, match=r"pg_restore failed: unsupported version \(1\.\d+\)"):
        put(store_at(empty, environ=ENVIRON), saved, file)


def test_a_setting_that_an_older_server_does_not_know_is_taken_out_of_the_heading_alone(
    tmp_path: Path,
) -> None:
    """A pg_restore of 17 and later sets it on every server."""
    line = b"SET lock_timeout = 0;\nSET transaction_timeout = 0;\n"
    script, later = tmp_path / "dump", b"COPY x FROM stdin;\nSET transaction_timeout = 0;\n"
    for server, wanted in (
        ("15.8", b"SET lock_timeout = 0;\n--  transaction_timeout = 0;\n"),
        ("17.2", line),
    ):
        script.write_bytes(line + b"-- more\n" * 999 + later)
        without_newer_settings(script, server=server)
        assert script.read_bytes() == wanted + b"-- more\n" * 999 + later


KILLED = """
import os, sys
from pathlib import Path
from rlm_exporter.backup.contents import from_json
from rlm_exporter.backup.journals import journal_at
saved = from_json(Path(sys.argv[2]).read_bytes(), source="").journal
store = journal_at(sys.argv[1], seconds=30, environ=dict(os.environ))
print("begins", flush=True)
store.put(saved, Path(sys.argv[3]), replace=True, beside=Path(sys.argv[4]))
"""


@pytest.mark.row(45)
def test_a_restore_that_is_killed_whenever_leaves_the_one_or_the_other(
    tmp_path: Path, urls: tuple[str, str]
) -> None:
    url, _ = urls
    of = settings_of(tmp_path / "b", member(machine(tmp_path / "rlm1")), store=url)
    backup = save(of, Wishes(folder=True)).path
    saved = verified(backup).journal
    assert saved is not None
    before = rows_of(url)
    moved_on(url)
    later, file, there = rows_of(url), backup / saved.place, store_at(url, environ=ENVIRON)
    longest = 0.05 if url.startswith("sqlite") else 1.6
    words = [sys.executable, "-c", KILLED, url, str(backup / LIST), str(file), str(tmp_path / "beside")]
    for part in range(1, KILLS + 1):
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(longest * part / KILLS)
            process.kill()
        found = there.look(saved, file).found
        # Between two names an SQLite file has none; what was there is beside.
        assert found is not Found.NONE or url.startswith("sqlite")
        if found is not Found.NONE:
            assert rows_of(url) in (before, later)
    until = time.monotonic() + 20
    while there.look(saved, file).found is not Found.SAVED and time.monotonic() < until:
        # What was begun may come to its end by itself, and is waited for.
        with contextlib.suppress(BackupError):
            put(there, saved, file, replace=True)
    assert rows_of(url) == before
