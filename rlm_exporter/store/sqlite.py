"""The embedded database: one SQLite file in WAL mode, durable at each commit, for one daemon."""

import contextlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from rlm_exporter import durable
from rlm_exporter.errors import JournalError
from rlm_exporter.store.address import shown

logger = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 5000

# By the second word of SQLite's error names: SQLITE_READONLY_DIRECTORY is READONLY.
_ADVICE: Mapping[str, str] = {
    "FULL": "the disk is full; free some space, the daemon goes on by itself",
    "READONLY": "it is read-only; let the daemon's user write the file and its directory",
    "PERM": "access is denied; let the daemon's user write the file and its directory",
    "AUTH": "access is denied; let the daemon's user write the file and its directory",
    "CANTOPEN": "it cannot be opened; let the daemon's user write the file and its directory",
    "CORRUPT": (
        "it is damaged; stop the daemon, move the file with its -wal and -shm away, put a copy back or start "
        "without one (what the load balancers do now is then taken over)"
    ),
    "NOTADB": "it is not an SQLite database; give another path, or move the file away",
    "BUSY": "another process has locked it; only one daemon may use it, and it must be on a local disk",
    "LOCKED": "another process has locked it; only one daemon may use it, and it must be on a local disk",
    "IOERR": "the disk reports an error; look at the kernel's log and at the limits of the daemon's process",
}


class SqliteFile:
    """One SQLite file as a database of the store."""

    def __init__(self, *, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self.engine = _engine(path)
        self._connection: object = None
        event.listen(self.engine, "connect", self._remember)
        self.driver_errors: tuple[type[Exception], ...] = (sqlite3.Error,)
        self.is_shared = False
        self._identity: tuple[int, int] | None = None

    @classmethod
    def at(cls, url: URL) -> "SqliteFile":
        """The file that a URL `sqlite:////var/lib/rlm-ha/journal.db` names; `JournalError` for any other."""
        if not url.database or url.database == ":memory:" or url.query:
            raise JournalError(f"journal {shown(url)}: a plain file is needed; give sqlite:///PATH")
        path = Path(url.database).absolute()
        if not os.path.isdir(path.parent):  # noqa: PTH112 - Path.is_dir raises where a parent is not ours to enter
            raise JournalError(
                f"journal {path}: there is no directory {path.parent} that this user can enter; create it"
            )
        return cls(path=path)

    def remember_identity(self) -> None:
        """Note which file stands at the path now, so that `check_in_place` can tell when it is another."""
        self._identity = self._identify()

    def check_in_place(self) -> None:
        """Refuse to write into a file that was removed or replaced: nobody would ever find the rows again."""
        if self._identity is not None and self._identify() != self._identity:
            raise JournalError(
                f"journal {self.path}: the file was removed or replaced while in use; restart the daemon"
            )

    @contextmanager
    def upgrading(self) -> Iterator[Connection]:
        """A writing transaction, which nobody else can be in."""
        with self.engine.connect() as connection:
            connection.execution_options(rlm_ha_writes=True)
            with connection.begin():
                yield connection

    def is_worth_repeating(self, error: BaseException) -> bool:
        """Never: writers wait for each other before they read."""
        return False

    def interrupt(self) -> None:
        """End the statement under way, such as a report that nobody waits for any more."""
        if isinstance(self._connection, sqlite3.Connection):
            with contextlib.suppress(sqlite3.Error):  # closed meanwhile: then nothing is under way
                self._connection.interrupt()

    def keep_copy(self, revision: str) -> None:
        """A whole, readable copy beside the file, through SQLite's own backup."""
        copy = self.path.with_name(f"{self.path.name}.schema-{revision}")
        self._copy_to(copy)
        logger.info("journal %s: kept a copy as %s before the upgrade", self.path, copy)

    def _copy_to(self, target: Path) -> None:
        # It appears under its name when complete.
        unfinished = target.with_name(f"{target.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(unfinished)) as copy:
                source.backup(copy)
            shutil.copymode(self.path, unfinished)
            durable.sync(unfinished)
            unfinished.replace(target)
        except OSError as error:
            raise JournalError(f"journal {self.path}: no copy could be kept as {target}: {error}") from error

    def explain(self, error: BaseException) -> str:
        """Put SQLite's error into words, with what to do."""
        cause = error.__cause__ if isinstance(error, SQLAlchemyError) and error.__cause__ else error
        name = getattr(cause, "sqlite_errorname", "")
        word = name.split("_")[1] if "_" in name else ""
        advice = _ADVICE.get(word)
        if advice is None:
            return f"journal {self.path}: {cause}"
        return f"journal {self.path}: {advice} ({cause})"

    def _remember(self, connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        """There is only this one."""
        self._connection = connection

    def _identify(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def _engine(path: Path) -> Engine:
    """One connection, kept: closing the last one would fold the WAL back at each transaction."""
    engine = create_engine(URL.create("sqlite", database=str(path)), pool_size=1, max_overflow=0)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    """Durable at each commit, foreign keys held, waiting for a lock bounded."""
    # Transactions are begun by `_begin`: the driver's own would not cover DDL and reads.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA auto_vacuum")
    if cursor.fetchone() == (0,):
        # Heard in an empty file alone, before anything is in it; where it is so already, this would write.
        cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Writers take the lock first: a reader that becomes a writer later could be refused midway."""
    writes = connection.get_execution_options().get("rlm_ha_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
