"""The journal in an SQLite file: copied while the daemon goes on writing, and put back whole."""

import contextlib
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from rlm_exporter import durable
from rlm_exporter.backup.collect import sum_of
from rlm_exporter.backup.contents import STORE_FOLDER, SavedJournal
from rlm_exporter.backup.journal_look import Found, JournalLook, described
from rlm_exporter.backup.put import BEFORE
from rlm_exporter.errors import BackupError

FILE = "journal.sqlite"
BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file, and would take for a new file's too."""


class SqliteStore:
    """One file."""

    file = FILE

    def __init__(self, path: Path, *, seconds: float) -> None:
        self.path = path
        self._seconds = seconds

    def save(self, folder: Path) -> SavedJournal:
        """Copy it into a folder. Raises BackupError."""
        target = folder / FILE
        if not self.path.is_file():
            raise BackupError(f"the journal {self.path} is not there; correct spec.store, or leave it out")
        try:
            with closing(self._reading()) as live, closing(sqlite3.connect(target)) as copy:
                # In one read: between two parts the daemon writes, and SQLite would begin anew for ever.
                live.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
                verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
                revision = _revision(copy)
        except sqlite3.Error as error:
            raise BackupError(f"the journal {self.path} cannot be copied: {error}") from error
        if verdict != "ok":
            raise BackupError(f"the journal {self.path} is damaged: {verdict}")
        return SavedJournal(place=f"{STORE_FOLDER}/{FILE}", revision=revision)

    def look(self, saved: SavedJournal, file: Path) -> JournalLook:
        """What stands there now."""
        from rlm_exporter.store.upgrade import is_known  # noqa: PLC0415 - Alembic takes a while to import

        if saved.revision is not None and not is_known(saved.revision):
            why = f"its schema {saved.revision} is not known to this version of rlm-ha; install a newer one"
            return JournalLook(found=Found.UNUSABLE, detail=why)
        used_by = "" if self._lock_is_free() else "a daemon is at work on it"
        if not os.path.lexists(self.path):
            return JournalLook(found=Found.NONE, used_by=used_by)
        if not self.path.is_file():
            return JournalLook(found=Found.UNUSABLE, detail=f"{self.path} is no file; move it away")
        try:
            if not self._log_has_something() and sum_of(self.path) == sum_of(file):
                return JournalLook(found=Found.SAVED)
            with closing(self._reading()) as there:
                detail = described(lambda query: there.execute(query).fetchall())
        except (OSError, sqlite3.Error) as error:
            detail = f"it cannot be read: {error}"
        return JournalLook(found=Found.OTHER, detail=detail, used_by=used_by)

    def put(self, saved: SavedJournal, file: Path, *, replace: bool, beside: Path) -> str:
        """Put the copy there, and say what became of the one before. Raises BackupError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._alone():
                told = self._exchange(file, replace=replace)
                durable.sync(self.path.parent)
        except FileExistsError as error:
            raise BackupError(f"the journal {self.path} is there by now and was left alone") from error
        except OSError as error:
            raise BackupError(f"the journal {self.path} cannot be put back: {error.strerror}") from error
        return told

    def _exchange(self, file: Path, *, replace: bool) -> str:
        part, kept = self.path.with_name(f".{self.path.name}.part"), self._free_name()
        try:
            self._write(part, file)
            going = replace and self.path.exists()
            with self._gone_only_for_another(kept if going else None):
                # What is beside it goes along, of a journal that somebody moved away too: SQLite would write
                # that into the new one.
                for ending in BESIDE:
                    _move(Path(f"{self.path}{ending}"), Path(f"{kept}{ending}"))
                # A link of the finished file: never over one that is there, and never half of it.
                os.link(part, self.path)
        finally:
            part.unlink(missing_ok=True)
        return f"the one before is {kept}" if going else ""

    @contextlib.contextmanager
    def _gone_only_for_another(self, kept: Path | None) -> Iterator[None]:
        """Set aside what is there; where nothing comes in its place, bring it back.

        A daemon that found nothing would begin an empty journal.
        """
        if kept is None:
            yield
            return
        try:
            self._set_aside(kept)
            yield
        finally:
            if kept.exists() and not os.path.lexists(self.path):
                for ending in ("", *BESIDE):
                    _move(Path(f"{kept}{ending}"), Path(f"{self.path}{ending}"))

    def _free_name(self) -> Path:
        """For what is set aside. What was set aside earlier may be the one to keep, and stays."""
        number, first = 1, f"{self.path}{BEFORE}"
        name = first
        while any(os.path.lexists(f"{name}{ending}") for ending in ("", *BESIDE)):
            number += 1
            name = f"{first}-{number}"
        return Path(name)

    def _write(self, part: Path, file: Path) -> None:
        part.unlink(missing_ok=True)
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "wb") as target, file.open("rb") as source:
            shutil.copyfileobj(source, target)
        if sum_of(part) != sum_of(file):
            raise BackupError(f"{part} did not become what was written to it; look at the disk")
        with contextlib.suppress(PermissionError):  # as root it would not be the daemon's
            os.chown(part, self.path.parent.stat().st_uid, self.path.parent.stat().st_gid)
        durable.sync(part)

    def _set_aside(self, kept: Path) -> None:
        """Give what is there another name. Raises BackupError where somebody has it open."""
        try:
            with closing(sqlite3.connect(self.path, timeout=1)) as there:
                # Folds in what is written beside it, and is refused where anybody else has it open.
                there.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            raise BackupError(f"the journal {self.path} is in use: {error}; stop the daemon first") from error
        except sqlite3.DatabaseError:
            pass  # it is damaged: what is beside it goes along as it is
        self.path.replace(kept)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep a daemon from starting on it meanwhile. Raises BackupError where one is at work."""
        # Where there is no such file no daemon has been here; one of ours would shut his own out.
        path = Path(f"{self.path}.lock")
        if not path.exists():
            yield
            return
        with path.open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BackupError(f"a daemon is at work on {self.path}; stop it first") from error
            yield

    def _lock_is_free(self) -> bool:
        try:
            with self._alone():
                return True
        except (BackupError, OSError):
            return False

    def _log_has_something(self) -> bool:
        return any(_size(Path(f"{self.path}{ending}")) for ending in ("-wal", "-journal"))

    def _reading(self) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, timeout=self._seconds)


def _revision(copy: sqlite3.Connection) -> str | None:
    query = "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
    if copy.execute(query).fetchone() is None:
        return None
    row: tuple[Any, ...] | None = copy.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _move(source: Path, target: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        source.replace(target)
